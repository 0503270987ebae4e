//! Values as templates see them.

use std::{collections::BTreeMap, fmt};

use kernel::{Document, Value};
use liquid_core::{
    ObjectView, ValueView,
    model::{ArrayView, DisplayCow, KStringCow, ScalarCow, State},
};

/// A value as templates see it.
#[derive(Debug)]
pub(super) enum View {
    Nothing,
    Plain(liquid_core::model::Value),
    Members(BTreeMap<String, Self>),
}

static NOTHING: View = View::Nothing;

impl View {
    pub(super) fn of(members: &Document) -> Self {
        Self::Members(members.iter().map(|(name, value)| (name.clone(), Self::from(value))).collect())
    }

    fn plain(&self) -> Option<&liquid_core::model::Value> {
        match self {
            Self::Plain(value) => Some(value),
            _ => None,
        }
    }

    fn members(&self) -> impl Iterator<Item = (&String, &Self)> {
        let members = if let Self::Members(members) = self { Some(members) } else { None };
        members.into_iter().flatten()
    }
}

impl From<&Value> for View {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Object(members) => Self::of(members),
            value => liquid_core::model::to_value(value).map_or(Self::Nothing, Self::Plain),
        }
    }
}

impl ValueView for View {
    fn as_debug(&self) -> &dyn fmt::Debug {
        self
    }

    fn render(&self) -> DisplayCow<'_> {
        self.plain().map_or(DisplayCow::Borrowed(&""), ValueView::render)
    }

    fn source(&self) -> DisplayCow<'_> {
        self.plain().map_or(DisplayCow::Borrowed(&""), ValueView::source)
    }

    fn type_name(&self) -> &'static str {
        self.plain().map_or("object", ValueView::type_name)
    }

    fn query_state(&self, state: State) -> bool {
        match self {
            Self::Plain(value) => value.query_state(state),
            Self::Nothing => !matches!(state, State::Truthy),
            Self::Members(members) => matches!(state, State::Truthy) || members.is_empty(),
        }
    }

    fn to_kstr(&self) -> KStringCow<'_> {
        self.plain().map_or_else(KStringCow::default, ValueView::to_kstr)
    }

    fn to_value(&self) -> liquid_core::model::Value {
        match self {
            Self::Plain(value) => value.clone(),
            Self::Nothing => liquid_core::model::Value::Nil,
            Self::Members(_) => {
                let members = self.members().map(|(name, value)| (name.clone().into(), value.to_value()));
                liquid_core::model::Value::Object(members.collect())
            }
        }
    }

    fn as_scalar(&self) -> Option<ScalarCow<'_>> {
        self.plain().and_then(ValueView::as_scalar)
    }

    fn as_array(&self) -> Option<&dyn ArrayView> {
        self.plain().and_then(ValueView::as_array)
    }

    fn as_object(&self) -> Option<&dyn ObjectView> {
        // What is nothing has members too, so that a path through it ends in nothing.
        if self.plain().is_some() { None } else { Some(self) }
    }

    fn is_nil(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

impl ObjectView for View {
    fn as_value(&self) -> &dyn ValueView {
        self
    }

    fn size(&self) -> i64 {
        i64::try_from(self.members().count()).unwrap_or(i64::MAX)
    }

    fn keys<'k>(&'k self) -> Box<dyn Iterator<Item = KStringCow<'k>> + 'k> {
        Box::new(self.members().map(|(name, _)| name.into()))
    }

    fn values<'k>(&'k self) -> Box<dyn Iterator<Item = &'k dyn ValueView> + 'k> {
        Box::new(self.members().map(|(_, value)| value as &dyn ValueView))
    }

    fn iter<'k>(&'k self) -> Box<dyn Iterator<Item = (KStringCow<'k>, &'k dyn ValueView)> + 'k> {
        Box::new(self.members().map(|(name, value)| (name.into(), value as &dyn ValueView)))
    }

    fn contains_key(&self, _: &str) -> bool {
        true
    }

    fn get<'s>(&'s self, name: &str) -> Option<&'s dyn ValueView> {
        let found = if let Self::Members(members) = self { members.get(name) } else { None };
        Some(found.unwrap_or(&NOTHING))
    }
}
