//! Texts within HTML. What users or requests have given is escaped before templates see it, so the filter of that name leaves
//! alone what is escaped already.

use std::borrow::Cow;

use liquid_core::{Display_filter, Filter, FilterReflection, ParseFilter, Result, Runtime, Value, ValueView};

/// Characters with a meaning in HTML, and what stands for them.
const ENTITIES: [(&str, &str); 5] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&#34;"), ("'", "&#39;")];
/// What else is read as one of them.
const OTHERS: [(&str, &str); 2] = [("\"", "&quot;"), ("'", "&apos;")];

/// A text as it stands in HTML.
pub fn escaped(text: &str) -> String {
    ENTITIES.iter().fold(text.to_owned(), |text, (character, entity)| text.replace(character, entity))
}

/// A text from HTML.
pub(crate) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    // The ampersand last: what it begins is read once.
    let entities = ENTITIES.iter().skip(1).chain(&OTHERS).chain(&ENTITIES[..1]);
    Cow::Owned(entities.fold(text.to_owned(), |text, (character, entity)| text.replace(entity, character)))
}

/// `escape`.
#[derive(Clone, ParseFilter, FilterReflection)]
#[filter(name = "escape", description = "Escapes a text for HTML, unless that has happened.", parsed(EscapeFilter))]
pub(super) struct Escape;

#[derive(Debug, Default, Display_filter)]
#[name = "escape"]
struct EscapeFilter;

impl Filter for EscapeFilter {
    fn evaluate(&self, input: &dyn ValueView, _: &dyn Runtime) -> Result<Value> {
        if input.is_nil() {
            return Ok(Value::Nil);
        }
        Ok(Value::scalar(escaped(&unescaped(&input.to_kstr()))))
    }
}

/// `url_encode`.
#[derive(Clone, ParseFilter, FilterReflection)]
#[filter(name = "url_encode", description = "Encodes a text for an address.", parsed(UrlEncodeFilter))]
pub(super) struct UrlEncode;

#[derive(Debug, Default, Display_filter)]
#[name = "url_encode"]
struct UrlEncodeFilter;

impl Filter for UrlEncodeFilter {
    fn evaluate(&self, input: &dyn ValueView, _: &dyn Runtime) -> Result<Value> {
        if input.is_nil() {
            return Ok(Value::Nil);
        }
        let text = input.to_kstr();
        Ok(Value::scalar(url::form_urlencoded::byte_serialize(unescaped(&text).as_bytes()).collect::<String>()))
    }
}
