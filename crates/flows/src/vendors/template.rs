//! Templates of bodies: JSON in which a text `$name` stands for a parameter, and a member `...` for the members of one.

use kernel::{Document, Value};

use crate::expressions::text_of;

/// A template with the parameters in their places. What is not given is left out.
pub(super) fn filled(template: &Value, known: &Document) -> Option<Value> {
    match template {
        Value::String(text) => match text.strip_prefix('$') {
            Some("*") => Some(known.clone().into()),
            Some(name) => known.get(name).filter(|value| !value.is_null()).cloned(),
            None => Some(template.clone()),
        },
        Value::Array(items) => {
            let filled: Vec<Value> = items.iter().filter_map(|item| filled(item, known)).collect();
            (!filled.is_empty() || items.is_empty()).then(|| filled.into())
        }
        Value::Object(members) => {
            let mut object = Document::new();
            for (name, member) in members {
                match (name.as_str(), filled(member, known)) {
                    ("...", Some(Value::Object(spread))) => object.extend(spread),
                    ("...", _) | (_, None) => {}
                    // What holds nothing but parameters that are not given is not given itself.
                    (_, Some(Value::Object(inner))) if inner.is_empty() && member.is_object() => {}
                    (name, Some(value)) => {
                        let name =
                            name.strip_prefix('$').and_then(|name| known.get(name)).map_or(name.to_owned(), text_of);
                        object.insert(name, value);
                    }
                }
            }
            Some(object.into())
        }
        plain => Some(plain.clone()),
    }
}

/// Pairs of a form: members within members are written `address[city]`.
pub(crate) fn form(value: &Value) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    flatten(String::new(), value, &mut pairs);
    pairs
}

fn flatten(name: String, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}[{member}]") };
                flatten(name, value, pairs);
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                flatten(format!("{name}[{position}]"), item, pairs);
            }
        }
        Value::Null => {}
        plain => pairs.push((name, text_of(plain))),
    }
}
