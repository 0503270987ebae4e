//! Blocks whose body is rendered again and again, or into a value: `for`, `tablerow` and `capture`. Ranges are walked through,
//! never built.

use std::{collections::HashMap, io::Write};

use liquid_core::{
    BlockReflection, Error, Expression, Language, Object, ParseBlock, Renderable, Result, Runtime, TagBlock,
    TagTokenIter, Template, Value, ValueView,
    model::{KString, KStringRef},
    parser::{BlockElement, TryMatchToken},
    runtime::{Interrupt, InterruptRegister, StackFrame},
};
use liquid_lib::stdlib::ForloopObject;

use super::budget::{Output, VALUE, charge};

/// A block: its tags, and what is between them.
#[derive(Clone)]
pub(super) struct Block {
    start: &'static str,
    end: &'static str,
    parse: fn(TagTokenIter<'_>, TagBlock<'_, '_>, &Language) -> Result<Box<dyn Renderable>>,
}

/// `{% for item in items %}`.
pub(super) const FOR: Block = Block {
    start: "for",
    end: "endfor",
    parse: |arguments, block, options| Ok(Box::new(ForLoop(Loop::parse(arguments, block, options)?))),
};
/// `{% tablerow item in items %}`.
pub(super) const TABLE_ROW: Block = Block {
    start: "tablerow",
    end: "endtablerow",
    parse: |arguments, block, options| Ok(Box::new(Table(Loop::parse(arguments, block, options)?))),
};
/// `{% capture name %}`.
pub(super) const CAPTURE: Block = Block { start: "capture", end: "endcapture", parse: captured };

impl BlockReflection for Block {
    fn start_tag(&self) -> &str {
        self.start
    }

    fn end_tag(&self) -> &str {
        self.end
    }

    fn description(&self) -> &'static str {
        ""
    }
}

impl ParseBlock for Block {
    fn parse(
        &self,
        arguments: TagTokenIter<'_>,
        block: TagBlock<'_, '_>,
        options: &Language,
    ) -> Result<Box<dyn Renderable>> {
        (self.parse)(arguments, block, options)
    }

    fn reflection(&self) -> &dyn BlockReflection {
        self
    }
}

fn captured(
    mut arguments: TagTokenIter<'_>,
    mut block: TagBlock<'_, '_>,
    options: &Language,
) -> Result<Box<dyn Renderable>> {
    let name = arguments.expect_next("Identifier expected")?.expect_identifier().into_result()?.to_owned();
    arguments.expect_nothing()?;
    let body = Template::new(block.parse_all(options)?);
    Ok(Box::new(Captured { name: name.into(), body }))
}

#[derive(Debug)]
struct Captured {
    name: KString,
    body: Template,
}

impl Renderable for Captured {
    fn render_to(&self, _: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let mut output = Output::new(VALUE);
        self.body.render_to(&mut output, runtime)?;
        runtime.set_global(self.name.clone(), Value::scalar(output.into_text()));
        Ok(())
    }
}

/// What is gone through.
#[derive(Debug)]
enum Source {
    Items(Expression),
    Range(Expression, Expression),
}

/// What the two loops have in common.
#[derive(Debug)]
struct Loop {
    name: KString,
    source: Source,
    limit: Option<Expression>,
    offset: Option<Expression>,
    columns: Option<Expression>,
    is_reversed: bool,
    body: Template,
    /// Elements of the body: what a turn costs.
    cost: u64,
    otherwise: Option<Template>,
}

impl Loop {
    fn parse(mut arguments: TagTokenIter<'_>, mut block: TagBlock<'_, '_>, options: &Language) -> Result<Self> {
        let name = arguments.expect_next("Identifier expected.")?.expect_identifier().into_result()?.to_owned();
        arguments.expect_next("\"in\" expected.")?.expect_str("in").into_result_custom_msg("\"in\" expected.")?;
        let source = match arguments.expect_next("Array or range expected.")?.expect_value() {
            TryMatchToken::Matches(items) => Source::Items(items),
            TryMatchToken::Fails(token) => {
                let (from, to) = token.expect_range().into_result()?;
                Source::Range(from, to)
            }
        };
        let (mut limit, mut offset, mut columns, mut is_reversed) = (None, None, None, false);
        while let Some(token) = arguments.next() {
            match token.as_str() {
                "limit" => limit = Some(attribute(&mut arguments)?),
                "offset" => offset = Some(attribute(&mut arguments)?),
                "cols" => columns = Some(attribute(&mut arguments)?),
                "reversed" => is_reversed = true,
                // Some write a comma between the attributes.
                "," => {}
                _ => return Err(token.raise_custom_error("\"limit\", \"offset\", \"cols\" or \"reversed\" expected.")),
            }
        }
        let (mut body, mut otherwise) = (Vec::new(), None);
        while let Some(element) = block.next()? {
            match element {
                BlockElement::Tag(mut tag) if tag.name() == "else" => {
                    tag.tokens().expect_nothing()?;
                    otherwise = Some(Template::new(block.parse_all(options)?));
                    break;
                }
                element => body.push(element.parse(&mut block, options)?),
            }
        }
        let cost = 1 + body.len() as u64;
        let body = Template::new(body);
        Ok(Self { name: name.into(), source, limit, offset, columns, is_reversed, body, cost, otherwise })
    }

    /// Goes through the items, one turn after the other, until one says that it was the last.
    fn each(
        &self,
        runtime: &dyn Runtime,
        mut turn: impl FnMut(usize, usize, &dyn ValueView) -> Result<bool>,
    ) -> Result<usize> {
        let limit = whole(self.limit.as_ref(), runtime)?.unwrap_or(i64::MAX).max(0);
        let offset = whole(self.offset.as_ref(), runtime)?.unwrap_or(0).max(0);
        match &self.source {
            Source::Range(from, to) => {
                let bound = |bound: &Expression| {
                    let value = whole(Some(bound), runtime)?;
                    Ok::<_, Error>(value.unwrap_or(0))
                };
                let (from, to) = (bound(from)?, bound(to)?);
                let count = to.saturating_sub(from).saturating_add(1).max(0);
                let count = count.saturating_sub(offset).clamp(0, limit);
                for place in 0..count {
                    charge(self.cost)?;
                    let step = if self.is_reversed { count - 1 - place } else { place };
                    let value = Value::scalar(from.saturating_add(offset).saturating_add(step));
                    if !turn(index(place), index(count), &value)? {
                        break;
                    }
                }
                Ok(index(count))
            }
            Source::Items(items) => {
                let items = items.evaluate(runtime)?;
                let found: Vec<Value>;
                let views: Vec<&dyn ValueView> = if let Some(array) = items.as_array() {
                    array.values().collect()
                } else if items.is_scalar() {
                    // A text is its own only item; nothing has none.
                    let is_empty = items.is_nil() || items.to_kstr().is_empty();
                    if is_empty { Vec::new() } else { vec![items.as_view()] }
                } else if let Some(object) = items.as_object() {
                    let pair = |(name, value): (liquid_core::model::KStringCow<'_>, &dyn ValueView)| {
                        Value::Array(vec![Value::scalar(name.into_owned()), value.to_value()])
                    };
                    found = object.iter().map(pair).collect();
                    found.iter().map(|pair| pair as &dyn ValueView).collect()
                } else {
                    Vec::new()
                };
                charge(views.len() as u64 / 64)?;
                let mut views: Vec<&dyn ValueView> = views.into_iter().skip(index(offset)).take(index(limit)).collect();
                if self.is_reversed {
                    views.reverse();
                }
                for (place, value) in views.iter().enumerate() {
                    charge(self.cost)?;
                    if !turn(place, views.len(), *value)? {
                        break;
                    }
                }
                Ok(views.len())
            }
        }
    }
}

fn index(number: i64) -> usize {
    usize::try_from(number).unwrap_or(if number < 0 { 0 } else { usize::MAX })
}

fn attribute(arguments: &mut TagTokenIter<'_>) -> Result<Expression> {
    arguments.expect_next("\":\" expected.")?.expect_str(":").into_result_custom_msg("\":\" expected.")?;
    arguments.expect_next("Value expected.")?.expect_value().into_result()
}

/// A whole number; nothing counts as none.
fn whole(expression: Option<&Expression>, runtime: &dyn Runtime) -> Result<Option<i64>> {
    let Some(value) = expression.map(|expression| expression.evaluate(runtime)).transpose()? else { return Ok(None) };
    if value.is_nil() {
        return Ok(None);
    }
    let number = value.as_scalar().and_then(|scalar| scalar.to_integer());
    number.map(Some).ok_or_else(|| Error::with_msg("A whole number is expected"))
}

/// Whether the loop goes on after a turn.
fn goes_on(runtime: &dyn Runtime) -> bool {
    runtime.registers().get_mut::<InterruptRegister>().reset() != Some(Interrupt::Break)
}

fn write(writer: &mut dyn Write, text: &str) -> Result<()> {
    writer.write_all(text.as_bytes()).map_err(|error| Error::with_msg(error.to_string()))
}

#[derive(Debug)]
struct ForLoop(Loop);

impl Renderable for ForLoop {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let turns = self.0.each(runtime, |place, count, value| {
            let forloop = ForloopObject::new(place, count);
            let members: HashMap<KStringRef<'_>, &dyn ValueView> =
                HashMap::from([("forloop".into(), &forloop as &dyn ValueView), (self.0.name.as_ref(), value)]);
            let scope = StackFrame::new(runtime, &members);
            self.0.body.render_to(writer, &scope)?;
            Ok(goes_on(&scope))
        })?;
        match &self.0.otherwise {
            Some(otherwise) if turns == 0 => otherwise.render_to(writer, runtime),
            _ => Ok(()),
        }
    }
}

#[derive(Debug)]
struct Table(Loop);

impl Renderable for Table {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let columns = whole(self.0.columns.as_ref(), runtime)?.map(index).filter(|columns| *columns > 0);
        self.0.each(runtime, |place, count, value| {
            let columns = columns.unwrap_or(count).max(1);
            let (row, column, is_last) = (place / columns, place % columns, place + 1 == count);
            let mut tablerow = Object::new();
            let numbers = [
                ("length", count),
                ("index0", place),
                ("index", place + 1),
                ("rindex0", count - 1 - place),
                ("rindex", count - place),
                ("col0", column),
                ("col", column + 1),
                ("row", row + 1),
            ];
            for (name, number) in numbers {
                let number = i64::try_from(number).unwrap_or(i64::MAX);
                tablerow.insert(name.into(), Value::scalar(number));
            }
            let is_end_of_row = column + 1 == columns || is_last;
            for (name, fact) in
                [("first", place == 0), ("last", is_last), ("col_first", column == 0), ("col_last", is_end_of_row)]
            {
                tablerow.insert(name.into(), Value::scalar(fact));
            }
            let tablerow = Value::Object(tablerow);
            if column == 0 {
                write(writer, &format!("<tr class=\"row{}\">", row + 1))?;
            }
            write(writer, &format!("<td class=\"col{}\">", column + 1))?;
            let members: HashMap<KStringRef<'_>, &dyn ValueView> =
                HashMap::from([("tablerow".into(), &tablerow as &dyn ValueView), (self.0.name.as_ref(), value)]);
            let scope = StackFrame::new(runtime, &members);
            self.0.body.render_to(writer, &scope)?;
            write(writer, if is_end_of_row { "</td></tr>" } else { "</td>" })?;
            Ok(goes_on(&scope))
        })?;
        Ok(())
    }
}
