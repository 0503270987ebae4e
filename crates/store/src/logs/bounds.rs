//! How much of an event the tenant log keeps.

use kernel::{Document, Value};

use crate::index::beginning;

/// The longest text of a member that searches know or that says who asked, in bytes.
const TEXT: usize = 1_024;
/// The longest text within `details`.
const NESTED_TEXT: usize = 16 * 1_024;
/// All of a member but `details`.
const MEMBER: usize = 2 * 1_024;
/// All of `details`.
const DETAILS: usize = 64 * 1_024;

/// Cuts what is too long of an event: texts at their end, lists and objects after the members that fit.
pub(super) fn cut(event: &mut Document) {
    for (name, value) in event.iter_mut() {
        let (longest, mut left) = if name == "details" { (NESTED_TEXT, DETAILS) } else { (TEXT, MEMBER) };
        cut_value(value, longest, &mut left);
    }
}

fn cut_value(value: &mut Value, longest: usize, left: &mut usize) {
    match value {
        Value::String(text) => {
            let length = beginning(text, longest.min(*left)).len();
            text.truncate(length);
            take(left, length);
        }
        Value::Array(items) => {
            items.retain_mut(|item| {
                take(left, 2);
                let has_room = *left > 0;
                if has_room {
                    cut_value(item, longest, left);
                }
                has_room
            });
        }
        Value::Object(members) => {
            members.retain(|name, value| {
                take(left, name.len() + 4);
                let has_room = *left > 0;
                if has_room {
                    cut_value(value, longest, left);
                }
                has_room
            });
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => take(left, 8),
    }
}

fn take(left: &mut usize, bytes: usize) {
    *left = left.saturating_sub(bytes);
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_common_size_stays_as_it_is() {
        let event = object(json!({
            "type": "sapi", "scope": "read write", "auth0_client": {"name": "auth0.js", "version": "9"},
            "details": {"request": {"body": {"code": "x".repeat(10_000)}, "path": "/api/v2/actions"}},
        }));
        let mut cut_event = event.clone();
        cut(&mut cut_event);
        assert_eq!(cut_event, event);
    }

    #[test]
    fn an_event_is_bounded_whatever_is_in_it() {
        let deep = (0..100).fold(json!("ü".repeat(1_000)), |inner, _| json!({"a": inner, "b": "x".repeat(2_000)}));
        let many: Vec<_> = (0..100_000).map(|number| json!({"n": number})).collect();
        let mut event = object(json!({
            "audience": "ü".repeat(100_000), "scope": "s".repeat(100_000), "auth0_client": {"name": "n".repeat(100_000)},
            "details": {"many": many, "deep": deep, "more": vec!["x".repeat(1_000_000); 10]},
        }));
        cut(&mut event);
        let text = serde_json::to_string(&event).unwrap();
        assert!(text.len() < 100_000, "{}", text.len());
        assert_eq!(event["scope"].as_str().unwrap().len(), TEXT);
    }
}
