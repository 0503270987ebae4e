//! What a new user's profile is completed with (reference: defaults, users).

use kernel::{Document, Record, Value};
use model::views::Strategy;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{IDENTIFIERS, Realm, identity_entry};

/// Completes a new user of a connection: identifier, identity, verification flags, name, nickname, picture, and the
/// keys of its identifiers. `local_id` is the identifier within the provider.
pub fn complete(user: &mut Record, realm: &Realm, local_id: &str) {
    let id = format!("{}|{local_id}", realm.strategy);
    let mut profile = std::mem::take(&mut user.document);
    lower_case(&mut profile, realm);
    let text = |field: &str| profile.get(field).and_then(Value::as_str).map(str::to_owned);
    let (email, username, phone) = (text("email"), text("username"), text("phone_number"));
    let known_as = email.or(username).or(phone).unwrap_or_else(|| local_id.to_owned());
    let nickname = known_as.split('@').next().unwrap_or(&known_as).to_owned();
    profile.insert("user_id".into(), id.as_str().into());
    profile.insert(
        "identities".into(),
        vec![identity_entry(&realm.name, local_id, realm.strategy.name(), realm.is_social())].into(),
    );
    let verified = if realm.strategy == Strategy::Sms { "phone_verified" } else { "email_verified" };
    profile.entry(verified).or_insert_with(|| false.into());
    if profile.contains_key("phone_number") {
        profile.entry("phone_verified").or_insert_with(|| false.into());
    }
    profile.entry("picture").or_insert_with(|| picture_of(&known_as).into());
    profile.entry("name").or_insert_with(|| known_as.into());
    profile.entry("nickname").or_insert_with(|| nickname.into());
    // The service shows the attributes of a user by name, the application's own data last.
    profile.sort_keys();
    if let Some(metadata) = profile.shift_remove("app_metadata") {
        profile.insert("app_metadata".into(), metadata);
    }
    profile.insert(IDENTIFIERS.into(), realm.keys(&profile).into());
    user.id = id;
    user.document = profile;
}

/// Databases keep addresses and user names in lower case.
pub fn lower_case(profile: &mut Document, realm: &Realm) {
    if !realm.is_database() && !realm.is_passwordless() {
        return;
    }
    for field in ["email", "username"] {
        if let Some(Value::String(text)) = profile.get_mut(field) {
            *text = text.to_lowercase();
        }
    }
}

/// The picture of a user who has none: the one that belongs to the address, else two letters.
pub fn picture_of(known_as: &str) -> String {
    let lower = known_as.to_lowercase();
    let letters: String = lower.chars().take(2).collect();
    let letters = utf8_percent_encode(&letters, NON_ALPHANUMERIC);
    let digest = crate::hash::hex(&crate::hash::md5(lower.trim().as_bytes()));
    format!("https://s.gravatar.com/avatar/{digest}?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2F{letters}.png")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Timestamp, object};
    use serde_json::json;

    #[test]
    fn a_profile_is_completed_from_the_address() {
        let connection = object(json!({"name": "Users", "strategy": "auth0"}));
        let realm = Realm::of(&Record::new("con_1", connection, Timestamp::EPOCH)).unwrap();
        let profile = object(json!({"email": "Chuck@example.com", "app_metadata": {}, "blocked": false}));
        let mut user = Record::new("", profile, Timestamp::EPOCH);
        complete(&mut user, &realm, "abc");
        assert_eq!(user.id, "auth0|abc");
        assert_eq!(
            Value::Object(user.document),
            json!({
                "blocked": false,
                "email": "chuck@example.com",
                "email_verified": false,
                "identities": [{"connection": "Users", "user_id": "abc", "provider": "auth0", "isSocial": false}],
                "name": "chuck@example.com",
                "nickname": "chuck",
                "picture": "https://s.gravatar.com/avatar/0b79e7da7bc7877560620cf8f2cc93ae?s=480&r=pg&d=https%3A%2F%2Fcdn.auth0.com%2Favatars%2Fch.png",
                "user_id": "auth0|abc",
                "app_metadata": {},
                "identifiers": ["con_1 email chuck@example.com"],
            })
        );
    }
}
