//! What a field of a payment shows.

use flows::journey::Component;
use kernel::Value;

use super::field::Around;

/// What is shown of a card whose number nobody here knows.
const UNKNOWN: &str = "•••• •••• •••• ••••";

/// A line of a card: its number, when it ends, its code.
pub(super) struct Line {
    /// Its name in the field's configuration.
    pub(super) name: &'static str,
    pub(super) label: String,
    pub(super) placeholder: String,
}

/// The lines that Stripe's script fills.
pub(super) fn lines(field: &Component, around: &Around<'_>) -> Vec<Line> {
    let names =
        [("card_number", "cardNumber"), ("expiration_date", "expirationDate"), ("security_code", "securityCode")];
    let line = |(name, word): (&'static str, &str)| {
        let own = field.config("fields").and_then(|fields| fields.get(name));
        let text = |member: &str| Some(around.written.text(own?.get(member)?.as_str()?));
        Line {
            name,
            label: text("label").unwrap_or_else(|| around.word(word)),
            placeholder: text("placeholder").unwrap_or_default(),
        }
    };
    names.into_iter().map(line).collect()
}

/// What is shown of a card that was given, or of what was paid, before.
pub(super) fn given(stored: Option<&Value>) -> Option<String> {
    let stored = stored.filter(|stored| !stored.is_null())?;
    Some(stored.get("id").and_then(Value::as_str).unwrap_or(UNKNOWN).to_owned())
}
