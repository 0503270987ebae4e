//! What a script says of a user, as far as it is believed: known attributes of the right form and size, and nothing else.

use kernel::{Document, Value};

use super::ScriptError;
use crate::users;

/// Most bytes of a whole profile.
const LARGEST: usize = 64 * 1024;
/// Longest identifier of a user.
const LONGEST_ID: usize = 255;
/// Longest text of the profile's own attributes, in characters; of pictures, whose addresses may be longer.
const LONGEST_TEXT: usize = 300;
const LONGEST_PICTURE: usize = 2_048;
/// Levels of metadata.
const DEEPEST: usize = 32;
/// Texts that a profile has.
const TEXTS: &[&str] = &["name", "nickname", "given_name", "family_name"];
/// Names that mean something to the language itself.
const PROTOTYPES: &[&str] = &["__proto__", "constructor", "prototype"];

/// A user of a custom database.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The identifier within the connection.
    pub local_id: String,
    /// Attributes, metadata included.
    pub attributes: Document,
}

impl Profile {
    /// Reads what a script gave.
    ///
    /// # Errors
    /// No object, no usable identifier, or too much.
    pub(crate) fn read(answer: Value) -> Result<Self, ScriptError> {
        let Value::Object(given) = answer else { return Err(ScriptError::failed("The profile is no object.")) };
        if Value::Object(given.clone()).to_string().len() > LARGEST {
            return Err(ScriptError::failed("The profile is larger than the allowed 64 KiB."));
        }
        let local_id = given.get("user_id").or_else(|| given.get("id")).and_then(id);
        let local_id = local_id.ok_or_else(|| ScriptError::failed("The profile has no user_id."))?;
        let mut attributes = Document::new();
        let mut take = |name: &str, fits: &dyn Fn(&Value) -> bool| {
            if let Some(value) = given.get(name).filter(|value| fits(value)) {
                attributes.insert(name.to_owned(), value.clone());
            }
        };
        let text = |longest: usize, fits: fn(&str) -> bool| {
            move |value: &Value| {
                value.as_str().is_some_and(|text| {
                    text.chars().count() <= longest && !text.contains(char::is_control) && fits(text)
                })
            }
        };
        take("email", &text(320, users::is_email));
        take("username", &text(128, |text| !text.is_empty()));
        take("phone_number", &text(32, users::is_phone));
        take("email_verified", &Value::is_boolean);
        take("phone_verified", &Value::is_boolean);
        take("picture", &text(LONGEST_PICTURE, |text| text.starts_with("https://") || text.starts_with("http://")));
        for name in TEXTS {
            take(name, &text(LONGEST_TEXT, |text| !text.is_empty()));
        }
        for name in users::METADATA {
            if let Some(Value::Object(metadata)) = given.get(name) {
                attributes.insert(name.to_owned(), cleaned(metadata.clone(), DEEPEST).into());
            }
        }
        Ok(Self { local_id, attributes })
    }
}

/// An identifier: a text, or a whole number.
fn id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return None,
    };
    let is_sound = !text.is_empty() && text.len() <= LONGEST_ID && !text.contains(char::is_control);
    is_sound.then_some(text)
}

fn cleaned(mut metadata: Document, levels: usize) -> Document {
    metadata.retain(|name, _| !PROTOTYPES.contains(&name.as_str()));
    metadata.values_mut().for_each(|value| clean(value, levels));
    metadata
}

fn clean(value: &mut Value, levels: usize) {
    match value {
        Value::Object(_) | Value::Array(_) if levels == 0 => *value = Value::Null,
        Value::Object(members) => *members = cleaned(std::mem::take(members), levels - 1),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, levels - 1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_profile_is_what_is_known_and_fits() {
        let given = serde_json::from_str(
            r#"{"user_id": 7, "id": "other", "email": "a@b.example", "email_verified": "true", "blocked": true,
                "identities": [{"provider": "google-oauth2"}], "identifiers": ["con_x email a@b.example"], "roles": ["admin"],
                "logins_count": -1, "name": 5, "nickname": "", "picture": "javascript:alert(1)", "__proto__": {"admin": true},
                "app_metadata": {"__proto__": {"admin": true}, "plan": [{"constructor": 1, "gold": true}]}}"#,
        );
        let profile = Profile::read(given.unwrap()).unwrap();
        assert_eq!(profile.local_id, "7");
        assert_eq!(
            Value::Object(profile.attributes),
            json!({"email": "a@b.example", "app_metadata": {"plan": [{"gold": true}]}})
        );
    }

    #[test]
    fn a_profile_without_an_identifier_is_none() {
        let faulty = [
            json!(5),
            json!([]),
            json!({}),
            json!({"user_id": ""}),
            json!({"user_id": {"$ne": 1}}),
            json!({"user_id": 1.5}),
            json!({"user_id": "a\nb"}),
            json!({"user_id": "x".repeat(256)}),
            json!({"user_id": "1", "user_metadata": {"a": "x".repeat(70_000)}}),
        ];
        for faulty in faulty {
            assert!(Profile::read(faulty.clone()).is_err(), "{faulty}");
        }
    }

    #[test]
    fn metadata_end_somewhere() {
        let deep = (0..90).fold(json!(1), |inner, _| json!({"a": inner}));
        let profile = Profile::read(json!({"id": "1", "user_metadata": deep})).unwrap();
        let mut levels = 0;
        let mut value = &profile.attributes["user_metadata"];
        while let Some(inner) = value.get("a") {
            (levels, value) = (levels + 1, inner);
        }
        assert_eq!(levels, DEEPEST + 1);
    }
}
