//! Expressions evaluated.

use std::borrow::Cow;

use kernel::{Document, Value};

use super::{
    DEPTH, Evaluator, Unevaluated, functions,
    parse::{Expression, Step},
    text::{self, size_of, text_of},
};
use crate::scope::Root;

impl Evaluator<'_> {
    /// The value of an expression; none where it is undefined.
    pub(super) fn evaluate(&self, expression: &Expression, depth: usize) -> Result<Option<Value>, Unevaluated> {
        if depth > DEPTH {
            return Err(Unevaluated::TooDeep);
        }
        self.work(0)?;
        match expression {
            Expression::Text(text) => Ok(Some(text.as_str().into())),
            Expression::Number(number) => Ok(text::number(*number)),
            Expression::Bool(truth) => Ok(Some((*truth).into())),
            Expression::Null => Ok(Some(Value::Null)),
            Expression::Undefined => Ok(None),
            Expression::Array(items) => {
                let items = items.iter().map(|item| Ok(self.evaluate(item, depth + 1)?.unwrap_or_default()));
                Ok(Some(Value::Array(items.collect::<Result<_, _>>()?)))
            }
            Expression::Path(root, steps) => self.path(root, steps, depth),
            Expression::Message(key) => {
                let key = self.evaluate(key, depth + 1)?;
                Ok(key.and_then(|key| self.scope.messages.get(key.as_str()?).cloned()))
            }
            Expression::Either(all) => {
                let mut last = None;
                for one in all {
                    last = self.evaluate(one, depth + 1)?;
                    if last.as_ref().is_some_and(|value| !value.is_null()) {
                        break;
                    }
                }
                Ok(last)
            }
            Expression::Call(name, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let value = self.evaluate(argument, depth + 1)?;
                    self.work(value.as_ref().map_or(0, size_of))?;
                    values.push(value);
                }
                let value = functions::call(self, name, values)?;
                self.bounded(value.as_ref())?;
                Ok(value)
            }
        }
    }

    fn path(&self, root: &str, steps: &[Step], depth: usize) -> Result<Option<Value>, Unevaluated> {
        let mut keys: Vec<Cow<'_, str>> = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                Step::Name(name) => keys.push(name.into()),
                Step::Computed(key) => match self.evaluate(key, depth + 1)? {
                    Some(key) => keys.push(text_of(&key).into()),
                    None => return Ok(None),
                },
            }
        }
        let (found, is_hidden) = self.scope.root(root, keys.first().map(|key| &**key));
        if is_hidden {
            self.has_hidden.set(true);
        }
        let (start, keys) = match (found, keys.as_slice()) {
            (Root::Nothing, _) => return Ok(None),
            (Root::Value(value), keys) => (Some(value), keys),
            (Root::Members(members), []) => {
                self.work(members.iter().map(|(name, member)| name.len() + size_of(member)).sum())?;
                return Ok(Some(Document::clone(members).into()));
            }
            (Root::Members(members), [first, keys @ ..]) => (members.get(&**first), keys),
        };
        let value = keys.iter().try_fold(start, |value, key| Some(value.and_then(|value| child(value, key)))).flatten();
        self.work(value.map_or(0, size_of))?;
        Ok(value.cloned())
    }

    /// Notes that a value must not be shown, wherever it turns up.
    pub(super) fn hide(&self, value: Option<&Value>) {
        self.has_hidden.set(true);
        if let Some(value) = value {
            self.masked.borrow_mut().push(text_of(value));
        }
    }

    /// Where time and chance come from.
    pub(super) fn context(&self) -> &kernel::Context {
        self.context
    }
}

fn child<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Object(members) => members.get(key),
        Value::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}
