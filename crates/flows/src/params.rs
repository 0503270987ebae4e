//! The parameters of an action, once their expressions are resolved.

use kernel::{Document, Value};

use crate::{
    Failure,
    expressions::{number_of, text_of},
};

/// Resolved parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Params<'a>(pub(crate) &'a Document);

impl<'a> Params<'a> {
    /// A value that is there and not null.
    pub(crate) fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text, as the value writes itself; none where it is empty.
    pub(crate) fn text(self, name: &str) -> Option<String> {
        self.value(name).map(text_of).filter(|text| !text.is_empty())
    }

    /// A text that must be there.
    pub(crate) fn required(self, name: &str) -> Result<String, Failure> {
        self.text(name).ok_or_else(|| Failure::required(name))
    }

    /// An object that must be there; a text of JSON is taken for one.
    pub(crate) fn object(self, name: &str) -> Result<Document, Failure> {
        match self.value(name).ok_or_else(|| Failure::required(name))? {
            Value::Object(members) => Ok(members.clone()),
            Value::String(text) => serde_json::from_str(text).map_err(|_| Failure::invalid(name, "an object")),
            _ => Err(Failure::invalid(name, "an object")),
        }
    }

    /// The members of an object; none where it is not there.
    pub(crate) fn members(self, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.value(name).and_then(Value::as_object).into_iter().flatten().filter(|(_, value)| !value.is_null())
    }

    /// A number that must be there and a whole one between these.
    pub(crate) fn whole(self, name: &str, low: u64, high: u64) -> Result<u64, Failure> {
        let number = number_of(self.value(name).ok_or_else(|| Failure::required(name))?);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is beyond is refused below")]
        let whole = number.filter(|number| number.fract() == 0.0 && *number >= 0.0).map(|number| number as u64);
        whole
            .filter(|whole| (low..=high).contains(whole))
            .ok_or_else(|| Failure::invalid(name, &format!("a whole number from {low} to {high}")))
    }
}
