//! By what a user is found: identifiers, identities, and every value of the profile and the metadata.

use std::borrow::Cow;

use kernel::{Document, Record, Timestamp, Value};
use store::{Index, Term};

use super::{IDENTIFIER, IDENTIFIERS, IDENTITY, LINKED, identifiers, identities};

/// Fields of the document that no search knows.
const UNKNOWN: &[&str] =
    &["picture", "last_password_reset", "multifactor", "guardian_authenticators", "blocked_for", IDENTIFIERS, LINKED];
/// Fields that are searched without regard to letter case.
const FOLDED: &[&str] = &["email", "name", "given_name", "family_name", "nickname"];
/// Fields that are points in time.
const DATES: &[&str] = &["created_at", "updated_at", "last_login"];
/// A user with more values than this is found by the first of them.
const MOST_TERMS: usize = 4_000;
/// Longer paths are not indexed.
const LONGEST_PATH: usize = 400;
/// Values that are nested deeper are not indexed.
const DEEPEST: usize = 40;

/// Keys and terms of a user.
pub(super) fn index(user: &Record) -> Index {
    let mut index = Index::default();
    index.keys.extend(identifiers(user).map(|key| (IDENTIFIER, key.to_owned())));
    index.keys.extend(identities(user).iter().map(|identity| (IDENTITY, identity.name())));
    for (field, value) in user.document.iter().filter(|(field, _)| !UNKNOWN.contains(&field.as_str())) {
        match value {
            Value::String(text) if FOLDED.contains(&field.as_str()) => {
                let text = text.to_lowercase();
                if let Some((_, domain)) = text.rsplit_once('@').filter(|_| field == "email") {
                    index.terms.push(("email.domain".into(), Term::Text(domain.to_owned())));
                }
                index.terms.push((Cow::Owned(field.clone()), Term::Text(text)));
            }
            Value::String(text) if DATES.contains(&field.as_str()) => {
                if let Ok(time) = text.parse::<Timestamp>() {
                    index.terms.push((Cow::Owned(field.clone()), time.into()));
                }
            }
            value => flatten(&mut index.terms, field, value, 0),
        }
    }
    index
}

/// The field by which a user is found who has anything below this path.
pub fn below(path: &str) -> String {
    format!("{path}.")
}

/// Arrays are transparent, empty things and nulls have no terms.
fn flatten(terms: &mut Vec<(Cow<'static, str>, Term)>, path: &str, value: &Value, depth: usize) {
    if terms.len() >= MOST_TERMS || path.len() > LONGEST_PATH || depth > DEEPEST {
        return;
    }
    let mut add = |term| terms.push((Cow::Owned(path.to_owned()), term));
    match value {
        Value::Null => {}
        Value::Bool(flag) => add(Term::Bool(*flag)),
        Value::Number(number) => add(Term::Number(number.as_f64().unwrap_or(f64::NAN))),
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => add(Term::Text(text.clone())),
        Value::Array(items) => {
            let (objects, others): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.is_object());
            for item in others {
                flatten(terms, path, item, depth + 1);
            }
            flatten_objects(terms, path, objects.into_iter().filter_map(Value::as_object), depth + 1);
        }
        Value::Object(members) => flatten_objects(terms, path, [members], depth),
    }
}

/// The members of the objects at a path, and one term that tells that there are any.
fn flatten_objects<'v>(
    terms: &mut Vec<(Cow<'static, str>, Term)>,
    path: &str,
    objects: impl IntoIterator<Item = &'v Document>,
    depth: usize,
) {
    let before = terms.len();
    for (name, member) in objects.into_iter().flatten() {
        flatten(terms, &format!("{path}.{name}"), member, depth + 1);
    }
    if terms.len() > before {
        terms.push((below(path).into(), Term::Bool(true)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::object;
    use serde_json::json;

    #[test]
    fn every_value_is_a_term_of_its_path() {
        let document = object(json!({
            "user_id": "auth0|abc",
            "email": "Jane@Example.com",
            "created_at": "1970-01-01T00:00:01.500Z",
            "picture": "https://x",
            "identities": [{"connection": "Users", "user_id": "abc", "provider": "auth0", "isSocial": false}],
            "user_metadata": {"cities": ["Paris", {"name": "Rome"}], "age": 7, "none": null, "empty": {}, "vip": true},
            "identifiers": ["con_1 email jane@example.com"],
        }));
        let index = index(&Record::new("auth0|abc", document, Timestamp::EPOCH));
        assert_eq!(
            index.keys,
            [(IDENTIFIER, "con_1 email jane@example.com".to_owned()), (IDENTITY, "auth0|abc".to_owned())]
        );
        let text = |value: &str| Term::Text(value.into());
        let expected = [
            ("user_id", text("auth0|abc")),
            ("email.domain", text("example.com")),
            ("email", text("jane@example.com")),
            ("created_at", Term::Number(1.5)),
            ("identities.connection", text("Users")),
            ("identities.user_id", text("abc")),
            ("identities.provider", text("auth0")),
            ("identities.isSocial", Term::Bool(false)),
            ("identities.", Term::Bool(true)),
            ("user_metadata.cities", text("Paris")),
            ("user_metadata.cities.name", text("Rome")),
            ("user_metadata.cities.", Term::Bool(true)),
            ("user_metadata.age", Term::Number(7.0)),
            ("user_metadata.vip", Term::Bool(true)),
            ("user_metadata.", Term::Bool(true)),
        ];
        assert_eq!(index.terms, expected.map(|(field, term)| (Cow::Borrowed(field), term)));
    }
}
