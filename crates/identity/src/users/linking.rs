//! Linking: one user with several accounts.

use kernel::{Document, Record, Value, object};
use serde_json::json;

use super::{IDENTIFIERS, LINKED, identities};

/// Root attributes that an account brings along as `profileData`, in the service's order.
const PROFILE: &[&str] = &[
    "email",
    "given_name",
    "family_name",
    "username",
    "phone_number",
    "name",
    "nickname",
    "picture",
    "email_verified",
    "phone_verified",
];
/// What only the tenant knew of the account; it is gone once the account is linked.
const DISCARDED: &[&str] = &["user_metadata", "app_metadata", IDENTIFIERS, LINKED, "multifactor"];

/// Moves all accounts of `secondary` under `primary`: identities with their profiles, and what is sealed. The keys of
/// identifiers are set by the caller ([`set_identifiers`](super::set_identifiers)).
pub fn link(primary: &mut Record, secondary: &Record) {
    let own_name = identities(secondary).first().map(super::Identity::name).unwrap_or_default();
    let mut account = secondary.document.clone();
    account.retain(|field, _| !DISCARDED.contains(&field.as_str()));
    let moved = identities_with_profiles(secondary);
    let all = primary.document.entry("identities").or_insert_with(|| Value::Array(Vec::new()));
    if let Some(all) = all.as_array_mut() {
        all.extend(moved);
    }
    let linked = primary.document.entry(LINKED).or_insert_with(|| Document::new().into());
    if let Some(linked) = linked.as_object_mut() {
        linked.insert(own_name, account.into());
        if let Some(Value::Object(others)) = secondary.document.get(LINKED) {
            linked.extend(others.clone());
        }
    }
    for path in secondary.sealed.paths() {
        if let Some(value) = secondary.sealed.get(path) {
            primary.sealed.set(path, value.clone());
        }
    }
}

/// Takes one account out again and gives the user that it was, without metadata; `None` when there is no such account
/// under the user, or when it is the main one. The keys of identifiers of both are set by the caller.
pub fn unlink(primary: &mut Record, identity: &str) -> Option<Record> {
    let place = identities(primary).iter().position(|other| other.name() == identity).filter(|place| *place > 0)?;
    let mut entry = primary.document.get_mut("identities")?.as_array_mut()?.remove(place);
    entry.as_object_mut()?.shift_remove("profileData");
    let linked = primary.document.get_mut(LINKED).and_then(Value::as_object_mut);
    let mut document = match linked.and_then(|linked| linked.shift_remove(identity)) {
        Some(Value::Object(document)) => document,
        _ => Document::new(),
    };
    document.insert("identities".into(), vec![entry].into());
    if primary.document.get(LINKED).and_then(Value::as_object).is_some_and(Document::is_empty) {
        primary.document.shift_remove(LINKED);
    }
    let mut user = Record::new(identity, document, primary.created);
    let own = format!("{identity} ");
    let paths: Vec<String> = primary.sealed.paths().filter(|path| path.starts_with(&own)).map(str::to_owned).collect();
    for path in paths {
        if let Some(value) = primary.sealed.take(&path) {
            user.sealed.set(path, value);
        }
    }
    Some(user)
}

/// Changes an attribute of a linked account; `null` removes it.
pub fn set_account_field(user: &mut Record, identity: &str, field: &str, value: &Value) {
    let place = identities(user).iter().position(|other| other.name() == identity);
    let shown = place.and_then(|place| user.document.get_mut("identities")?.get_mut(place)?.get_mut("profileData"));
    if let Some(shown) = shown.and_then(Value::as_object_mut) {
        set(shown, field, value);
    }
    let kept = user.document.get_mut(LINKED).and_then(|linked| linked.get_mut(identity));
    if let Some(kept) = kept.and_then(Value::as_object_mut) {
        set(kept, field, value);
    }
}

/// `identities` as the answers to linking show them: the main one has its `profileData` too, first of all members.
pub fn identities_with_profiles(user: &Record) -> Vec<Value> {
    let mut all = user.document.get("identities").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(main) = all.first_mut().and_then(Value::as_object_mut) {
        let mut entry = object(json!({"profileData": profile(&user.document)}));
        entry.extend(std::mem::take(main));
        *main = entry;
    }
    all
}

/// The attributes that were set, without a name that was only derived.
fn profile(user: &Document) -> Document {
    let is_derived = user.get("name") == user.get("email");
    let attribute = |field: &&str| {
        let is_shown = !(is_derived && *field == "name");
        user.get(*field).filter(|_| is_shown).map(|value| ((*field).to_owned(), value.clone()))
    };
    PROFILE.iter().filter_map(attribute).collect()
}

fn set(document: &mut Document, field: &str, value: &Value) {
    if value.is_null() {
        document.shift_remove(field);
    } else {
        document.insert(field.to_owned(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::{Realm, complete, set_identifiers};
    use kernel::Timestamp;

    fn realm() -> Realm {
        let connection = object(json!({"name": "Users", "strategy": "auth0"}));
        Realm::of(&Record::new("con_1", connection, Timestamp::EPOCH)).unwrap()
    }

    fn user(name: &str) -> Record {
        let profile = object(json!({"email": format!("{name}@x.com"), "user_metadata": {"a": 1}}));
        let mut user = Record::new("", profile, Timestamp::EPOCH);
        complete(&mut user, &realm(), name);
        user.sealed.set(format!("auth0|{name} password_hash"), "hash");
        user
    }

    fn set_keys(user: &mut Record) {
        set_identifiers(user, |_| Ok::<_, ()>(Some(realm()))).unwrap();
    }

    #[test]
    fn an_account_comes_back_without_its_metadata() {
        let (mut primary, secondary) = (user("jane"), user("joe"));
        link(&mut primary, &secondary);
        set_keys(&mut primary);
        assert_eq!(primary.document["identities"][1]["profileData"]["email"], "joe@x.com");
        assert_eq!(primary.document[IDENTIFIERS], json!(["con_1 email jane@x.com", "con_1 email joe@x.com"]));
        assert_eq!(primary.sealed.text("auth0|joe password_hash"), Some("hash"));
        assert!(unlink(&mut primary, "auth0|jane").is_none());
        let mut back = unlink(&mut primary, "auth0|joe").unwrap();
        set_keys(&mut back);
        set_keys(&mut primary);
        let mut expected = secondary;
        expected.document.shift_remove("user_metadata");
        assert_eq!(back.document, expected.document);
        assert_eq!(back.sealed.text("auth0|joe password_hash"), Some("hash"));
        assert_eq!(primary.document[IDENTIFIERS], json!(["con_1 email jane@x.com"]));
        assert!(primary.sealed.text("auth0|joe password_hash").is_none() && !primary.document.contains_key(LINKED));
    }
}
