//! The shadow of a custom database's user: the record here that sessions, roles and metadata hang on.

use kernel::{Document, Record, Value, merge_first_level};
use model::USER;
use store::{Snapshot, StoreResult, Tx};

use super::{Profile, ScriptError};
use crate::{
    Actor, Error, PasswordHash, Result,
    users::{
        self, IDENTIFIER, IDENTIFIERS, Identifier, Realm, Sync, complete, registration, set_account_field, set_password,
    },
};

/// Stores what a script said of a user, as a new user or over what was known of it. A hash is kept by a user who has none. Gives
/// the user and the name of the account.
///
/// # Errors
/// [`crate::Error::Script`], where the identifier belongs to a user of another connection, or one of the identifiers to another user
/// of this one whose password is kept here.
pub(crate) fn keep(
    tx: &mut Tx,
    actor: &Actor,
    realm: &Realm,
    profile: &Profile,
    hash: Option<&PasswordHash>,
) -> Result<(Record, String)> {
    let account = format!("{}|{}", realm.strategy, profile.local_id);
    let Some(old) = users::of_identity(tx, &account)? else {
        return Ok((create(tx, actor, realm, profile, hash)?, account));
    };
    let own =
        users::identities(&old).into_iter().position(|known| known.name() == account && known.connection == realm.name);
    let Some(place) = own else {
        return Err(ScriptError::failed("The user_id belongs to a user of another connection.").into());
    };
    let mut new = old.clone();
    if realm.sync() == Sync::Always {
        refresh(&mut new, realm, profile, (place > 0).then_some(account.as_str()));
    }
    if let Some(hash) = hash.filter(|_| users::password(&old, &account).is_none()) {
        set_password(&mut new, &account, hash, 0);
    }
    if new == old {
        return Ok((old, account));
    }
    users::set_identifiers(&mut new, |connection| users::realm_named(tx, connection))?;
    drop_taken(tx, realm, &mut new)?;
    new.updated = tx.now();
    new.document.insert("updated_at".into(), tx.now().into());
    Ok((users::update(tx, new, actor.event_context())?, account))
}

fn create(tx: &mut Tx, actor: &Actor, realm: &Realm, profile: &Profile, hash: Option<&PasswordHash>) -> Result<Record> {
    let mut attributes = profile.attributes.clone();
    if realm.sync() == Sync::Never {
        attributes.retain(|name, _| Identifier::of_field(name).is_some() || name.ends_with("_verified"));
    }
    let mut user = Record::new("", attributes, tx.now());
    user.document.insert("created_at".into(), tx.now().into());
    user.document.insert("updated_at".into(), tx.now().into());
    complete(&mut user, realm, &profile.local_id);
    realm.forget(&mut user.document);
    if let Some(hash) = hash {
        let account = user.id.clone();
        set_password(&mut user, &account, hash, 0);
    }
    drop_taken(tx, realm, &mut user)?;
    registration::insert(tx, actor, user).map_err(|error| match error {
        Error::UserExists => {
            ScriptError::failed("Another user of the connection has one of the user's identifiers.").into()
        }
        error => error,
    })
}

/// Writes what the script said over what was known. Metadata are merged one level deep.
fn refresh(user: &mut Record, realm: &Realm, profile: &Profile, linked: Option<&str>) {
    let mut given = profile.attributes.clone();
    users::lower_case(&mut given, realm);
    realm.forget(&mut given);
    for (name, value) in given {
        match linked {
            // Metadata are the main account's.
            Some(_) if users::METADATA.contains(&name.as_str()) => {}
            Some(account) => set_account_field(user, account, &name, &value),
            None => match value {
                Value::Object(changes) => {
                    let place = user.document.entry(name).or_insert_with(|| Document::new().into());
                    if let Some(metadata) = place.as_object_mut() {
                        merge_first_level(metadata, changes);
                    }
                }
                value => {
                    user.document.insert(name, value);
                }
            },
        }
    }
}

/// A database of the tenant's own may have two users with one address: who came first is found by it.
pub(crate) fn drop_taken(reader: &Snapshot, realm: &Realm, user: &mut Record) -> StoreResult<()> {
    if !realm.is_external() {
        return Ok(());
    }
    let mut free = Vec::new();
    for key in users::identifiers(user) {
        let holder = reader.find(&USER, IDENTIFIER, key)?;
        if holder.is_none_or(|holder| holder.id == user.id) {
            free.push(Value::from(key));
        }
    }
    user.document.insert(IDENTIFIERS.into(), free.into());
    Ok(())
}
