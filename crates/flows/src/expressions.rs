//! Expressions: `{{ fields.email ?? context.user.email }}` in texts, read once and evaluated within bounds.
//!
//! What an expression yields is never read as an expression again, whatever it says.

mod evaluate;
mod functions;
mod parse;
mod text;

use std::cell::{Cell, RefCell};

use kernel::{Context, Document, Value};

use crate::Scope;

pub use text::{number_of, text_of, truth_of};

/// What stands for a hidden value.
pub const HIDDEN: &str = "███";
/// How deep values and expressions may lie in one another.
const DEPTH: usize = 64;
/// Bytes that one evaluator may handle: of texts that it reads, copies and makes.
const WORK: usize = 32 << 20;
/// Bytes of one value that comes out.
const LARGEST: usize = 1 << 20;

/// Why a value could not be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unevaluated {
    /// It would be larger than 1 MB.
    #[error("The value of an expression is too large.")]
    TooLarge,
    /// Expressions have handled more than they may.
    #[error("The expressions take too much work.")]
    TooMuch,
    /// Values lie too deep in one another.
    #[error("The value is nested too deeply.")]
    TooDeep,
}

/// The value of something with expressions, and the same as an execution may show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The value; none where one expression alone is undefined.
    pub value: Option<Value>,
    /// The same, hidden where it must not be shown.
    pub shown: Option<Value>,
}

/// Evaluates expressions in a scope, within one budget of work.
pub struct Evaluator<'a> {
    scope: &'a Scope,
    context: &'a Context,
    left: Cell<usize>,
    /// Whether something was read since this was last looked at that must not be shown.
    has_hidden: Cell<bool>,
    /// Texts that `functions.mask` was given.
    masked: RefCell<Vec<String>>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator with a whole budget.
    pub fn new(scope: &'a Scope, context: &'a Context) -> Self {
        Self { scope, context, left: Cell::new(WORK), has_hidden: Cell::new(false), masked: RefCell::default() }
    }

    /// Resolves all expressions in a value. A text that is one expression becomes a value of the expression's type; within other text it
    /// is written out. Members of objects that are undefined are left out, items of arrays become null.
    ///
    /// # Errors
    /// When a bound is reached.
    pub fn resolve(&self, value: &Value) -> Result<Resolved, Unevaluated> {
        self.resolve_within(value, 0)
    }

    /// The text with its expressions written out.
    ///
    /// # Errors
    /// When a bound is reached.
    pub fn text(&self, text: &str) -> Result<String, Unevaluated> {
        let resolved = self.resolve_text(text)?.value;
        Ok(resolved.as_ref().map(text_of).unwrap_or_default())
    }

    /// The text with its expressions written out, each as `write` has it: escaped for where it stands.
    ///
    /// # Errors
    /// When a bound is reached.
    pub fn written(&self, text: &str, write: impl Fn(&str) -> String) -> Result<String, Unevaluated> {
        let mut written = String::new();
        for part in parse::template(text) {
            match part {
                parse::Part::Text(text) => {
                    self.work(text.len())?;
                    written.push_str(text);
                }
                parse::Part::Expression(expression) => {
                    let value = expression.map_or(Ok(None), |expression| self.evaluate(&expression, 0))?;
                    self.bounded(value.as_ref())?;
                    written.push_str(&write(&value.as_ref().map(text_of).unwrap_or_default()));
                }
            }
            if written.len() > LARGEST {
                return Err(Unevaluated::TooLarge);
            }
        }
        Ok(written)
    }

    /// The value of an expression without its braces: `fields.email`; none where it is undefined or not an expression.
    ///
    /// # Errors
    /// When a bound is reached.
    pub fn expression(&self, source: &str) -> Result<Option<Value>, Unevaluated> {
        match parse::whole(source) {
            Some(expression) => self.evaluate(&expression, 0),
            None => Ok(None),
        }
    }

    /// Texts that `functions.mask` was given so far.
    pub fn masked(&self) -> Vec<String> {
        self.masked.borrow().clone()
    }

    fn resolve_within(&self, value: &Value, depth: usize) -> Result<Resolved, Unevaluated> {
        if depth > DEPTH {
            return Err(Unevaluated::TooDeep);
        }
        match value {
            Value::String(text) => self.resolve_text(text),
            Value::Array(items) => {
                let mut both = (Vec::with_capacity(items.len()), Vec::with_capacity(items.len()));
                for item in items {
                    let item = self.resolve_within(item, depth + 1)?;
                    both.0.push(item.value.unwrap_or_default());
                    both.1.push(item.shown.unwrap_or_default());
                }
                Ok(Resolved { value: Some(both.0.into()), shown: Some(both.1.into()) })
            }
            Value::Object(members) => {
                let (mut real, mut shown) = (Document::new(), Document::new());
                for (name, member) in members {
                    // Names of members may say something too, as keys of a metadata object do.
                    let name = if name.contains("{{") { self.text(name)? } else { name.clone() };
                    let member = self.resolve_within(member, depth + 1)?;
                    if let (Some(value), Some(seen)) = (member.value, member.shown) {
                        real.insert(name.clone(), value);
                        shown.insert(name, seen);
                    }
                }
                Ok(Resolved { value: Some(real.into()), shown: Some(shown.into()) })
            }
            plain => Ok(Resolved { value: Some(plain.clone()), shown: Some(plain.clone()) }),
        }
    }

    fn resolve_text(&self, text: &str) -> Result<Resolved, Unevaluated> {
        if !text.contains("{{") {
            self.work(text.len())?;
            return Ok(Resolved { value: Some(text.into()), shown: Some(text.into()) });
        }
        let parts = parse::template(text);
        if let [parse::Part::Expression(expression)] = parts.as_slice() {
            self.has_hidden.set(false);
            let value = expression.as_ref().map_or(Ok(None), |expression| self.evaluate(expression, 0))?;
            self.bounded(value.as_ref())?;
            let shown = if self.has_hidden.get() { value.as_ref().map(|_| HIDDEN.into()) } else { value.clone() };
            return Ok(Resolved { value, shown });
        }
        let (mut real, mut shown) = (String::new(), String::new());
        for part in parts {
            match part {
                parse::Part::Text(text) => {
                    self.work(text.len())?;
                    real.push_str(text);
                    shown.push_str(text);
                }
                parse::Part::Expression(expression) => {
                    self.has_hidden.set(false);
                    let value = expression.map_or(Ok(None), |expression| self.evaluate(&expression, 0))?;
                    let written = value.as_ref().map(text_of).unwrap_or_default();
                    shown.push_str(if self.has_hidden.get() && !written.is_empty() { HIDDEN } else { &written });
                    real.push_str(&written);
                }
            }
            if real.len() > LARGEST {
                return Err(Unevaluated::TooLarge);
            }
        }
        Ok(Resolved { value: Some(real.into()), shown: Some(shown.into()) })
    }

    /// Takes so many bytes from the budget.
    fn work(&self, bytes: usize) -> Result<(), Unevaluated> {
        let left = self.left.get().checked_sub(bytes + 16).ok_or(Unevaluated::TooMuch)?;
        self.left.set(left);
        Ok(())
    }

    /// Refuses what is too large to come out, and takes its size from the budget.
    fn bounded(&self, value: Option<&Value>) -> Result<(), Unevaluated> {
        let size = value.map_or(0, text::size_of);
        if size > LARGEST {
            return Err(Unevaluated::TooLarge);
        }
        self.work(size)
    }
}

impl std::fmt::Debug for Evaluator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluator").field("left", &self.left.get()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
