//! The standard tags, blocks and filters, paid for.

use std::{fmt, io::Write};

use liquid_core::{
    BlockReflection, Error, Expression, Filter, FilterReflection, Language, ParseBlock, ParseFilter, ParseTag,
    Renderable, Result, Runtime, TagBlock, TagReflection, TagTokenIter, Value, ValueView, parser::FilterArguments,
};

use super::budget::{self, VALUE, charge, size_of};

/// A tag or a block that is paid for whenever it is rendered.
#[derive(Clone)]
pub(super) struct Counted<P>(pub(super) P);

impl<P: ParseTag + Clone + 'static> ParseTag for Counted<P> {
    fn parse(&self, arguments: TagTokenIter<'_>, options: &Language) -> Result<Box<dyn Renderable>> {
        Ok(Box::new(Paid(self.0.parse(arguments, options)?)))
    }

    fn reflection(&self) -> &dyn TagReflection {
        self.0.reflection()
    }
}

/// A block that is paid for whenever it is rendered.
#[derive(Clone)]
pub(super) struct CountedBlock<P>(pub(super) P);

impl<P: ParseBlock + Clone + 'static> ParseBlock for CountedBlock<P> {
    fn parse(
        &self,
        arguments: TagTokenIter<'_>,
        block: TagBlock<'_, '_>,
        options: &Language,
    ) -> Result<Box<dyn Renderable>> {
        Ok(Box::new(Paid(self.0.parse(arguments, block, options)?)))
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self.0.reflection()
    }
}

#[derive(Debug)]
struct Paid(Box<dyn Renderable>);

impl Renderable for Paid {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        charge(1)?;
        self.0.render_to(writer, runtime)
    }
}

/// A filter that is paid for by what it is given and what it makes, and makes no value without end.
#[derive(Clone)]
pub(super) struct CountedFilter<P>(pub(super) P);

impl<P: ParseFilter + Clone + 'static> ParseFilter for CountedFilter<P> {
    fn parse(&self, arguments: FilterArguments<'_>) -> Result<Box<dyn Filter>> {
        let FilterArguments { positional, keyword } = arguments;
        let given: Vec<Expression> = positional.collect();
        let arguments = FilterArguments { positional: Box::new(given.clone().into_iter()), keyword };
        let (filter, name) = (self.0.parse(arguments)?, self.0.reflection().name().to_owned());
        Ok(Box::new(PaidFilter { name, filter, given }))
    }

    fn reflection(&self) -> &dyn FilterReflection {
        self.0.reflection()
    }
}

#[derive(Debug)]
struct PaidFilter {
    name: String,
    filter: Box<dyn Filter>,
    given: Vec<Expression>,
}

impl fmt::Display for PaidFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.filter.fmt(f)
    }
}

impl Filter for PaidFilter {
    fn evaluate(&self, input: &dyn ValueView, runtime: &dyn Runtime) -> Result<Value> {
        let taken = size_of(input);
        let mut given = Vec::with_capacity(self.given.len());
        for argument in &self.given {
            let value = argument.try_evaluate(runtime).map(|value| (size_of(&value), value.to_kstr().into_owned()));
            given.push(value.unwrap_or_default());
        }
        let arguments: usize = given.iter().map(|(size, _)| size).sum();
        let text = |place: usize| given.get(place).map(|(_, text)| text.as_str()).unwrap_or_default();
        let items = input.as_array().map_or(0, |array| usize::try_from(array.size()).unwrap_or(usize::MAX));
        let made = match self.name.as_str() {
            "replace" => taken + (taken / text(0).len().max(1) + 1).saturating_mul(text(1).len()),
            "join" => taken + items.saturating_mul(text(0).len().max(1)),
            "date" if has_wide_field(text(0)) => usize::MAX,
            _ => taken + arguments,
        };
        if made > VALUE {
            return Err(too_large());
        }
        budget::charge_bytes(taken + arguments)?;
        if self.name == "uniq" {
            // Each item is compared with all before it.
            charge((items as u64).saturating_mul(items as u64) / 64)?;
        }
        let value = self.filter.evaluate(input, runtime)?;
        let made = size_of(&value);
        if made > VALUE {
            return Err(too_large());
        }
        budget::charge_bytes(made)?;
        Ok(value)
    }
}

fn too_large() -> Error {
    Error::with_msg("A value in the template is too large")
}

/// Whether a format of dates asks for a field of a thousand characters or more.
fn has_wide_field(format: &str) -> bool {
    format.split('%').skip(1).any(|field| {
        let width = field.trim_start_matches(|sign: char| !sign.is_ascii_digit() && !sign.is_ascii_alphabetic());
        width.trim_start_matches('0').bytes().take_while(u8::is_ascii_digit).count() > 3
    })
}
