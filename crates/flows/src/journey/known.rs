//! What the expressions of a form are evaluated with.

use kernel::{Context, Document, Timestamp, Value};

use super::{Form, Journey, form::Rule};
use crate::{Scope, conditions, expressions::Evaluator};

/// What a journey's expressions know beside its own fields and variables.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// `context.*`.
    pub context: &'a Document,
    /// Time and randomness.
    pub of: &'a Context,
}

impl Known<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.of.now()
    }

    /// What a flow of the journey, or a page of it, may name.
    pub fn scope(&self, journey: &Journey, form: &Form) -> Scope {
        let transient = form.fields().filter(|field| field.is_transient()).map(|field| field.id.clone());
        Scope {
            context: self.context.clone(),
            fields: journey.fields.clone(),
            vars: journey.vars.clone(),
            messages: form.messages.clone(),
            transient: transient.collect(),
            ..Scope::default()
        }
    }

    pub(super) fn value(&self, journey: &Journey, form: &Form, text: &str) -> Option<Value> {
        let scope = self.scope(journey, form);
        Evaluator::new(&scope, self.of).resolve(&text.into()).ok()?.value.filter(|value| !value.is_null())
    }

    /// The first rule that holds.
    pub(super) fn first<'r>(&self, journey: &Journey, form: &Form, rules: &'r [Rule]) -> Option<&'r Rule> {
        let scope = self.scope(journey, form);
        let holds = |condition: &Value| conditions::holds(condition, &Evaluator::new(&scope, self.of)).unwrap_or(false);
        rules.iter().find(|rule| holds(&rule.condition))
    }
}
