//! Personal data that a stream is not to carry: masked or hashed where it stands in an entry.

use kernel::{Document, Value};
use xxhash_rust::xxh64::xxh64;

/// Hides what a stream's `pii_config` names.
pub(super) fn hide(config: &Value, entry: &mut Document) {
    let named = config["log_fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let members: Vec<&str> = named.flat_map(members_of).copied().collect();
    let is_hashed = config["method"] == "hash";
    for (name, value) in entry.iter_mut() {
        hide_in(&members, is_hashed, name, value);
    }
}

/// The members of entries in which a field stands.
fn members_of(field: &str) -> &'static [&'static str] {
    match field {
        "first_name" => &["first_name", "given_name"],
        "last_name" => &["last_name", "family_name"],
        "username" => &["username", "user_name"],
        "email" => &["email", "newEmail", "user_name"],
        "phone" => &["phone", "phone_number", "user_name"],
        "address" => &["address"],
        _ => &[],
    }
}

fn hide_in(members: &[&str], is_hashed: bool, name: &str, value: &mut Value) {
    let is_meant = members.contains(&name);
    match value {
        Value::String(text) if is_meant && !text.is_empty() => {
            *text = if is_hashed { format!("{:016x}", xxh64(text.as_bytes(), 0)) } else { "*****".to_owned() };
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide_in(members, is_hashed, name, item)),
        Value::Object(object) => {
            for (inner, value) in object.iter_mut() {
                // All of an address is meant, whatever its parts are called.
                let inner = if is_meant { name } else { inner.as_str() };
                hide_in(members, is_hashed, inner, value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    #[test]
    fn named_fields_are_hidden_at_any_depth_and_others_stay() {
        let entry = json!({
            "type": "ss",
            "user_name": "jane@example.com",
            "details": {"body": {"email": "jane@example.com", "given_name": "Jane", "address": {"city": "Rome"}}},
        });
        let hidden = |config: Value| {
            let mut hidden = object(entry.clone());
            hide(&config, &mut hidden);
            Value::from(hidden)
        };
        let masked = hidden(json!({"log_fields": ["email", "address"], "method": "mask"}));
        assert_eq!(masked["user_name"], "*****");
        let body = json!({"email": "*****", "given_name": "Jane", "address": {"city": "*****"}});
        assert_eq!(masked["details"]["body"], body);
        let hashed = hidden(json!({"log_fields": ["first_name"], "method": "hash"}));
        assert_eq!(hashed["details"]["body"]["given_name"].as_str().unwrap().len(), 16);
        assert_eq!(hashed["user_name"], "jane@example.com");
    }
}
