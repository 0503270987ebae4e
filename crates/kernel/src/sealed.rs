//! Values that must not leak: kept apart from the document, encrypted at rest, shown only by an explicit reveal.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::Document;

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

    /// Moves what stands at a dotted path of `document` in here; nothing happens when nothing is there.
    pub fn seal(&mut self, path: &str, document: &mut Document) {
        if let Some(value) = crate::remove_path(document, path) {
            self.0.insert(path.to_owned(), value);
        }
    }

    /// Shows a sealed value: puts it back at its path in `shown`. Objects on the way are made where missing.
    pub fn reveal(&self, path: &str, shown: &mut Document) {
        let Some(value) = self.0.get(path) else { return };
        let mut steps: Vec<&str> = path.split('.').collect();
        let last = steps.pop().expect("split gives at least one step");
        let mut place = shown;
        for step in steps {
            let next = place.entry(step).or_insert_with(|| Document::new().into());
            let Some(object) = next.as_object_mut() else { return };
            place = object;
        }
        place.insert(last.to_owned(), value.clone());
    }

    /// Shows everything that is sealed.
    pub fn reveal_all(&self, shown: &mut Document) {
        for path in self.0.keys() {
            self.reveal(path, shown);
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

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(…)")
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
}
