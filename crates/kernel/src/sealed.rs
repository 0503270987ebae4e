//! Values that must not leak: kept apart from the document, encrypted at rest, shown only by an explicit reveal.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{Document, path};

/// The secret part of a record: dotted path → value. It has no `Debug` and no `Serialize` of its own;
/// only the store turns it into bytes, and only into encrypted ones.
#[derive(Clone, Default, PartialEq)]
pub struct Sealed(Document);

impl Sealed {
    /// Nothing sealed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Seals a value under a dotted path (`options.client_secret`).
    pub fn set(&mut self, path: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(path.into(), value.into());
    }

    /// Removes a value and returns it.
    pub fn take(&mut self, path: &str) -> Option<Value> {
        self.0.shift_remove(path)
    }

    /// The sealed value, for code that uses it (a comparison, a signature).
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.0.get(path)
    }

    /// The sealed text under `path`.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.as_str()
    }

    /// Whether nothing is sealed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths under which something is sealed.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Moves what a path or pattern ([`path`]) means in `document` in here; nothing happens where nothing is there.
    /// The items of an array keep their places, so a pattern for items goes on to a member of theirs.
    pub fn seal(&mut self, pattern: &str, document: &mut Document) {
        if !pattern.contains('*') {
            if let Some(value) = crate::remove_path(document, pattern) {
                self.0.insert(pattern.to_owned(), value);
            }
            return;
        }
        let mut whole = Value::Object(std::mem::take(document));
        for found in path::find(&whole, pattern) {
            let (holder, name) = found.rsplit_once('.').unwrap_or(("", &found));
            let holder = if holder.is_empty() { Some(&mut whole) } else { path::get_mut(&mut whole, holder) };
            let members = holder.and_then(Value::as_object_mut);
            if let Some(value) = members.and_then(|members| members.shift_remove(&*path::unescaped(name))) {
                self.0.insert(found, value);
            }
        }
        if let Value::Object(rest) = whole {
            *document = rest;
        }
    }

    /// Shows what is sealed under a path or pattern: puts it back at its place in `shown`. Objects on the way are made where
    /// missing; an item that is gone keeps its secret to itself.
    pub fn reveal(&self, pattern: &str, shown: &mut Document) {
        if !pattern.contains('*') {
            if let Some(value) = self.0.get(pattern) {
                put_back(shown, pattern, value);
            }
            return;
        }
        for (found, value) in self.0.iter().filter(|(found, _)| path::matches(pattern, found)) {
            put_back(shown, found, value);
        }
    }

    /// Shows everything that is sealed.
    pub fn reveal_all(&self, shown: &mut Document) {
        for (found, value) in &self.0 {
            put_back(shown, found, value);
        }
    }

    /// The bytes that the store encrypts. Nobody else has a reason to call this.
    pub fn to_plaintext(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(serde_json::to_vec(&self.0).expect("a JSON object serialises"))
    }

    /// Reads what [`Sealed::to_plaintext`] wrote.
    pub fn from_plaintext(bytes: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(bytes).map(Self)
    }
}

fn put_back(shown: &mut Document, found: &str, value: &Value) {
    let steps: Vec<Cow<'_, str>> = found.split('.').map(path::unescaped).collect();
    let (last, steps) = steps.split_last().expect("split gives at least one step");
    let mut place = shown;
    let mut steps = steps.iter().peekable();
    while let Some(step) = steps.next() {
        let is_position = |step: &Cow<'_, str>| step.parse::<usize>().is_ok();
        if !place.contains_key(&**step) && steps.peek().is_some_and(|next| is_position(next)) {
            return;
        }
        let mut next = place.entry(&**step).or_insert_with(|| Document::new().into());
        while let Value::Array(items) = next {
            let item = steps.next().and_then(|step| step.parse::<usize>().ok()).and_then(|at| items.get_mut(at));
            let Some(item) = item else { return };
            next = item;
        }
        let Some(object) = next.as_object_mut() else { return };
        place = object;
    }
    place.insert(last.clone().into_owned(), value.clone());
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// The name under which something secret is kept and found (SHA-256): it does not give the secret away.
pub fn digest(secret: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(digest)
}

/// What stands in logs for a secret.
pub const MASK: &str = "*****";

/// Masks all texts and numbers of a value that is secret.
pub fn mask(value: &mut Value) {
    match value {
        Value::String(_) | Value::Number(_) => *value = MASK.into(),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => members.values_mut().for_each(mask),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Masks what a pattern ([`path`]) means.
pub fn mask_at(value: &mut Value, pattern: &str) {
    for found in path::find(value, pattern) {
        path::get_mut(value, &found).map(mask);
    }
}

/// One secret text: prints as dots, is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the one place that uses it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object;
    use serde_json::json;

    #[test]
    fn what_is_sealed_comes_back_only_by_a_reveal() {
        let mut document = object(json!({"name": "x", "options": {"client_secret": "s", "scope": []}}));
        let mut sealed = Sealed::new();
        sealed.seal("options.client_secret", &mut document);
        assert_eq!(json!(document), json!({"name": "x", "options": {"scope": []}}));
        assert_eq!(format!("{sealed:?}"), "Sealed(…)");
        sealed.reveal("options.client_secret", &mut document);
        assert_eq!(document["options"]["client_secret"], "s");
    }

    #[test]
    fn what_is_masked_keeps_its_form() {
        let mut body = json!({"k": "s", "n": null, "setup": {"DB": "s", "pin": 7, "on": true}, "x": "y"});
        for pattern in ["k", "n", "setup", "absent.path"] {
            mask_at(&mut body, pattern);
        }
        assert_eq!(body, json!({"k": MASK, "n": null, "setup": {"DB": MASK, "pin": MASK, "on": true}, "x": "y"}));
    }

    #[test]
    fn what_lies_in_arrays_and_under_names_of_the_callers_choice_is_sealed_by_a_pattern() {
        let whole = json!({
            "headers": [{"header": "a", "value": "1"}, {"header": "b"}, {"header": "c", "value": "3"}],
            "addons": {"x.y": {"key": "4", "region": "eu"}, "z": {}},
        });
        let mut document = object(whole.clone());
        let mut sealed = Sealed::new();
        sealed.seal("headers.*.value", &mut document);
        sealed.seal("addons.*.key", &mut document);
        let open = json!({
            "headers": [{"header": "a"}, {"header": "b"}, {"header": "c"}],
            "addons": {"x.y": {"region": "eu"}, "z": {}},
        });
        assert_eq!(json!(document), open);
        let read = Sealed::from_plaintext(&sealed.to_plaintext()).unwrap();
        read.reveal("headers.*.value", &mut document);
        assert_eq!(json!(document)["headers"], whole["headers"]);
        assert_eq!(json!(document)["addons"], open["addons"]);
        read.reveal_all(&mut document);
        assert_eq!(json!(document), whole);
        let mut fewer = object(json!({"headers": [{"header": "a"}]}));
        read.reveal("headers.*.value", &mut fewer);
        assert_eq!(json!(fewer), json!({"headers": [{"header": "a", "value": "1"}]}));
    }
}
