//! JSON objects, and the few ways in which they are read and merged.

use serde_json::{Map, Value};

use crate::path;

/// A JSON object whose keys keep their order: what records, bodies and answers are made of.
pub type Document = Map<String, Value>;

/// Makes a [`Document`] of a `json!({…})` literal.
///
/// # Panics
/// When `value` is not an object: a mistake in our own source.
pub fn object(value: Value) -> Document {
    match value {
        Value::Object(document) => document,
        other => panic!("not an object: {other}"),
    }
}

/// The value at a dotted path (`options.client_secret`), if every step is there.
pub fn value_at<'a>(document: &'a Document, path: &str) -> Option<&'a Value> {
    let mut steps = path.split('.');
    let first = document.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

/// Changes all texts within a value, but for names of members.
pub fn change_texts(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| change_texts(item, change)),
        Value::Object(members) => members.values_mut().for_each(|member| change_texts(member, change)),
        _ => {}
    }
}

/// A value as it may stand in a script of a page: nothing in it ends the script or starts markup.
pub fn script_literal(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Takes away the value at a dotted path and returns it.
pub fn remove_path(document: &mut Document, path: &str) -> Option<Value> {
    let Some((first, rest)) = path.split_once('.') else { return document.shift_remove(&*path::unescaped(path)) };
    let inner = document.get_mut(&*path::unescaped(first))?;
    match (inner, rest.rsplit_once('.')) {
        (Value::Object(inner), _) => remove_path(inner, rest),
        (items @ Value::Array(_), Some((item, name))) => {
            remove_path(path::get_mut(items, item)?.as_object_mut()?, name)
        }
        _ => None,
    }
}

/// Merges `change` into `target` one level deep: a value replaces, `null` deletes the key, other keys stay.
/// This is how the service treats metadata (reference: update semantics, "first-level merge").
pub fn merge_first_level(target: &mut Document, change: Document) {
    for (key, value) in change {
        if value.is_null() {
            target.shift_remove(&key);
        } else {
            target.insert(key, value);
        }
    }
}

/// Merges `change` into `target` at every depth: objects are merged, any other value replaces.
pub fn merge_deep(target: &mut Document, change: Document) {
    for (name, value) in change {
        match (target.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(change)) => merge_deep(inner, change),
            (_, value) => {
                target.insert(name, value);
            }
        }
    }
}

/// Sets a member that the object lacks.
pub fn fill(document: &mut Document, name: &str, value: impl Into<Value>) {
    if !document.contains_key(name) {
        document.insert(name.to_owned(), value.into());
    }
}

/// Fills the members that the object `name` lacks; an absent object becomes the defaults.
pub fn fill_members(document: &mut Document, name: &str, defaults: Document) {
    fill(document, name, Document::new());
    if let Some(member) = document.get_mut(name).and_then(Value::as_object_mut) {
        for (name, value) in defaults {
            member.entry(name).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_replaces_deletes_and_keeps() {
        let mut target = object(json!({"a": 1, "b": {"x": 1}, "c": 3}));
        merge_first_level(&mut target, object(json!({"a": null, "b": {"y": 2}})));
        assert_eq!(Value::Object(target), json!({"b": {"y": 2}, "c": 3}));
    }

    #[test]
    fn a_value_cannot_leave_the_script_that_it_stands_in() {
        let value = json!({"state": "</script><script>alert(1)</script>\u{2028}"});
        let literal = script_literal(&value);
        assert!(!literal.contains('<') && !literal.contains('\u{2028}'), "{literal}");
        assert_eq!(serde_json::from_str::<Value>(&literal).unwrap(), value);
    }

    #[test]
    fn a_path_reaches_into_objects_only() {
        let document = object(json!({"a": {"b": [1]}}));
        assert_eq!(value_at(&document, "a.b"), Some(&json!([1])));
        assert_eq!(value_at(&document, "a.b.c"), None);
    }
}
