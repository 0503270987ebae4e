//! Users: their record, what finds it, their passwords, and the accounts that are linked under one user.
//!
//! A user is one record. Its document holds the profile as the API shows it, `identities` (the main one first) and two
//! fields that are never shown: [`IDENTIFIERS`] and [`LINKED`]. What is sealed belongs to an identity: its path is the
//! identity's name (`auth0|abc`), a blank and what it is.

pub mod accounts;
mod attributes;
pub mod changes;
pub mod deletion;
pub mod exchanged;
mod form;
mod identifier;
mod linking;
mod profile;
mod realm;
pub mod registration;
pub mod verification;

use kernel::{Document, Record, Timestamp, Value};
use model::{CONNECTION, USER};
use serde_json::json;
use store::{Snapshot, StoreResult};

pub use attributes::{AttributeError, OF_USERNAMES};
pub use changes::{ChangeError, update};
pub use form::{is_email, is_phone};
pub use identifier::Identifier;
pub use linking::{identities_with_profiles, link, set_account_field, unlink};
pub use profile::{complete, lower_case, picture_of};
pub use realm::{CustomDatabase, Realm, Sync};

pub use model::user::{IDENTIFIER, IDENTIFIERS, IDENTITY, Identity, LINKED, identifiers, identities};

use crate::PasswordHash;

/// Fields of a user that changes merge one level deep.
pub(crate) const METADATA: [&str; 2] = ["user_metadata", "app_metadata"];

/// The user who signs in to a connection with this identifier.
pub fn find(reader: &Snapshot, realm: &Realm, identifier: Identifier, value: &str) -> StoreResult<Option<Record>> {
    reader.find(&USER, IDENTIFIER, &realm.key(identifier, value))
}

/// What the connection with this name says of its users.
pub fn realm_named(reader: &Snapshot, connection: &str) -> StoreResult<Option<Realm>> {
    Ok(reader.find(&CONNECTION, "name", connection)?.map(|connection| Realm::of(&connection)).transpose()?)
}

/// The address of an account; of the main one, where none is named.
pub fn address_of<'u>(user: &'u Record, account: Option<&str>) -> Option<&'u str> {
    let linked = account.and_then(|name| user.document.get(LINKED)?.get(name)?.as_object());
    linked.unwrap_or(&user.document).get("email")?.as_str()
}

/// What lists of role holders and members show of a user.
pub fn summary(user: &Record) -> Document {
    let fields = ["user_id", "email", "picture", "name"];
    fields.iter().filter_map(|field| Some(((*field).to_owned(), user.document.get(*field)?.clone()))).collect()
}

/// The user to whom an account belongs, as the main one or linked.
pub fn of_identity(reader: &Snapshot, identity: &str) -> StoreResult<Option<Record>> {
    match reader.get(&USER, identity)? {
        Some(user) => Ok(Some(user)),
        None => reader.find(&USER, IDENTITY, identity),
    }
}

/// The hash of an account's password.
pub fn password(user: &Record, identity: &str) -> Option<PasswordHash> {
    PasswordHash::parse(user.sealed.text(&path(identity, "password_hash"))?)
}

/// The hashes of an account's present and former passwords, latest first, as far as they are kept.
pub fn password_history(user: &Record, identity: &str) -> Vec<PasswordHash> {
    let former = user.sealed.get(&path(identity, "password_history")).and_then(Value::as_array);
    let former = former.into_iter().flatten().filter_map(|hash| PasswordHash::parse(hash.as_str()?));
    password(user, identity).into_iter().chain(former).collect()
}

/// Gives an account a password, of which `remembered` former ones are kept.
pub fn set_password(user: &mut Record, identity: &str, hash: &PasswordHash, remembered: usize) {
    let former: Vec<Value> =
        password_history(user, identity).iter().take(remembered).map(|hash| hash.to_text().into()).collect();
    user.sealed.take(&path(identity, "password_history"));
    if !former.is_empty() {
        user.sealed.set(path(identity, "password_history"), former);
    }
    user.sealed.take(&path(identity, "custom_password_hash"));
    user.sealed.set(path(identity, "password_hash"), hash.to_text());
}

/// Keeps a hash of another system, by which the first login is judged. A password of our own is not replaced.
pub fn set_imported_password(user: &mut Record, identity: &str, hash: Value) {
    if user.sealed.get(&path(identity, "password_hash")).is_none() {
        user.sealed.set(path(identity, "custom_password_hash"), hash);
    }
}

/// The hash of another system that an account was imported with.
pub fn imported_password<'u>(user: &'u Record, identity: &str) -> Option<&'u Value> {
    user.sealed.get(&path(identity, "custom_password_hash"))
}

/// Takes an account's password away.
pub fn remove_password(user: &mut Record, identity: &str) {
    user.sealed.take(&path(identity, "password_hash"));
}

/// Notes that the password was changed.
pub fn note_password_reset(user: &mut Record, now: Timestamp) {
    user.document.insert("last_password_reset".into(), now.into());
}

/// The tokens that an identity provider gave for an account, as members of its entry in `identities`.
pub fn provider_tokens(user: &Record, identity: &str) -> Document {
    let names = ["access_token", "access_token_secret", "refresh_token", "expires_in"];
    let token = |name: &&str| Some(((*name).to_owned(), user.sealed.get(&path(identity, name))?.clone()));
    names.iter().filter_map(token).collect()
}

/// Sets the keys of the identifiers of all accounts anew. A connection that is gone contributes none.
///
/// # Errors
/// What looking up a connection by its name fails with.
pub fn set_identifiers<E>(user: &mut Record, realm: impl Fn(&str) -> Result<Option<Realm>, E>) -> Result<(), E> {
    let mut keys: Vec<Value> = Vec::new();
    for (place, identity) in identities(user).iter().enumerate() {
        let linked = || user.document.get(LINKED)?.get(identity.name())?.as_object();
        let profile = if place == 0 { Some(&user.document) } else { linked() };
        if let (Some(profile), Some(realm)) = (profile, realm(&identity.connection)?) {
            keys.extend(realm.keys(profile).into_iter().map(Value::from));
        }
    }
    user.document.insert(IDENTIFIERS.into(), keys.into());
    Ok(())
}

/// Where something of an account is sealed.
fn path(identity: &str, what: &str) -> String {
    format!("{identity} {what}")
}

/// An entry of `identities`.
fn identity_entry(connection: &str, id: &str, provider: &str, is_social: bool) -> Value {
    json!({"connection": connection, "user_id": id, "provider": provider, "isSocial": is_social})
}
