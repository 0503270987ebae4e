//! Attributes of a profile, judged by what its connection asks for.

use kernel::{Document, Value};

use super::{Identifier, Realm};

pub use crate::refusals::{AttributeError, OF_USERNAMES};

/// Judges the attributes of a profile.
pub(super) fn judge(realm: &Realm, profile: &Document) -> Result<(), AttributeError> {
    let text = |identifier: Identifier| profile.get(identifier.field()).and_then(Value::as_str);
    if text(Identifier::Username).is_some() && !realm.has(Identifier::Username) {
        return Err(AttributeError::NoUsernames);
    }
    for identifier in Identifier::ALL {
        if text(identifier).is_none() && realm.requires(identifier) {
            return Err(AttributeError::Missing { identifier, connection: realm.name.clone() });
        }
    }
    if Identifier::ALL.into_iter().all(|identifier| text(identifier).is_none() || !realm.has(identifier)) {
        return Err(AttributeError::NoIdentifier);
    }
    let Some(username) = text(Identifier::Username) else { return Ok(()) };
    let (min, max) = realm.username_window();
    if !(min..=max).contains(&username.chars().count()) {
        return Err(AttributeError::UsernameLength { min, max });
    }
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || OF_USERNAMES.contains(character);
    if username.chars().all(is_allowed) { Ok(()) } else { Err(AttributeError::UsernameCharacters) }
}

/// Application metadata without members are none.
pub(super) fn drop_empty_app_metadata(document: &mut Document) {
    if document.get("app_metadata").and_then(Value::as_object).is_some_and(Document::is_empty) {
        document.shift_remove("app_metadata");
    }
}
