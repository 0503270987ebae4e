//! Users whom a tenant's code names in exchange for a foreign token: by their identifier, or by an account of a connection, which may
//! be created or renewed with that (reference: actions §3.7).

use kernel::{Document, Record, Value};
use model::CONNECTION;
use serde_json::json;
use store::{Snapshot, Store, Tx};

use super::{
    LINKED, Realm, identities, of_identity,
    registration::{self, NewUser},
    set_account_field,
};
use crate::{
    Actor, Error, Result,
    actor::Services,
    connections,
    log::Entry,
    login::{self, LoggedIn},
    passwordless, users,
};

/// Attributes that a renewal replaces.
const REPLACED: [&str; 5] = ["name", "nickname", "given_name", "family_name", "picture"];
/// Attributes by which others know the user: no exchange changes them.
const FIXED: [&str; 5] = ["email", "email_verified", "phone_number", "phone_verified", "username"];

/// Whom the code names.
#[derive(Clone, Debug)]
pub enum Named {
    /// The user with this identifier.
    Id(String),
    /// An account of a connection.
    Account(Box<Account>),
}

/// An account of a connection.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Name of the connection.
    pub connection: String,
    /// Its identifier within the connection.
    pub local_id: String,
    /// Attributes of the user.
    pub attributes: Document,
    /// Whether it is created where it is not there.
    pub is_created: bool,
    /// Whether the attributes of one that is there are replaced.
    pub is_replaced: bool,
    /// Whether a new user is sent a mail by which the address is verified.
    pub verify_email: Option<bool>,
}

/// Why nobody can be signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such user.
    NoUser,
    /// There is no such connection.
    NoConnection(String),
    /// The client does not use the connection.
    Disabled(String),
    /// Users of the connection are in the tenant's own database.
    Elsewhere(String),
    /// The identifier belongs to a user of another connection.
    Taken,
    /// An attribute that no exchange changes is another one.
    Differs(&'static str),
    /// The user cannot be created so.
    Unfit(Error),
    /// An administrator has blocked the user.
    Blocked,
}

/// What comes of looking for the user.
enum Found {
    User(Box<LoggedIn>),
    /// The account is to be created.
    Nobody(Box<Realm>),
}

/// The user whom the code names; the login is counted, also of one who is blocked.
///
/// # Errors
/// What the store and the tenant's code at pre-user-registration fail with.
pub async fn settle(
    services: &Services,
    store: &Store,
    actor: &Actor,
    named: Named,
) -> Result<std::result::Result<LoggedIn, Refusal>> {
    // Somebody else may create the same account meanwhile: then it is there.
    for _ in 0..2 {
        let (acting, wanted) = (actor.clone(), named.clone());
        let enter = move |tx: &mut Tx| enter(tx, &acting, &wanted);
        let realm = match store.write(&actor.tenant, enter).await? {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(Found::User(found)) => return Ok(Ok(*found)),
            Ok(Found::Nobody(realm)) => realm,
        };
        let Named::Account(account) = &named else { return Ok(Err(Refusal::NoUser)) };
        match create(services, store, actor, &realm, account).await {
            Err(Error::UserExists) => {}
            Err(error @ (Error::Attribute(_) | Error::Denied(_) | Error::Link(_) | Error::ConnectionUnused { .. })) => {
                return Ok(Err(Refusal::Unfit(error)));
            }
            Err(error) => return Err(error),
            Ok(found) => return Ok(Ok(found)),
        }
    }
    Ok(Err(Refusal::Unfit(Error::UserExists)))
}

/// Signs in a user who is known.
fn enter(tx: &mut Tx, actor: &Actor, named: &Named) -> Result<std::result::Result<Found, Refusal>> {
    let (mut user, name, is_main, realm) = match named {
        Named::Id(id) => {
            let Some(user) = of_identity(tx, id)? else { return Ok(Err(Refusal::NoUser)) };
            let own = identities(&user);
            let place = own.iter().position(|identity| identity.name() == *id).unwrap_or(0);
            let Some(identity) = own.get(place) else { return Err(Error::failed("a user without identities")) };
            match used_realm(tx, actor, &identity.connection)? {
                Ok(realm) => (user, identity.name(), place == 0, realm),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Named::Account(account) => {
            let realm = match used_realm(tx, actor, &account.connection)? {
                Ok(realm) => realm,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let name = format!("{}|{}", realm.strategy, account.local_id);
            let Some(user) = of_identity(tx, &name)? else {
                return Ok(match (account.is_created, realm.is_external()) {
                    (false, _) => Err(Refusal::NoUser),
                    (true, true) => Err(Refusal::Elsewhere(account.connection.clone())),
                    (true, false) => Ok(Found::Nobody(Box::new(realm))),
                });
            };
            let is_own = |own: &users::Identity| own.name() == name && own.connection == realm.name;
            let Some(place) = identities(&user).iter().position(is_own) else { return Ok(Err(Refusal::Taken)) };
            (user, name, place == 0, realm)
        }
    };
    if let Named::Account(account) = named
        && account.is_replaced
        && let Err(refusal) = replace(&mut user, &name, is_main, &account.attributes)
    {
        return Ok(Err(refusal));
    }
    let user = login::counted(tx, actor, user)?;
    if user.is("blocked") {
        return Ok(Err(Refusal::Blocked));
    }
    Ok(Ok(Found::User(Box::new(LoggedIn { user, realm, account: name }))))
}

/// What a connection says that the client uses.
fn used_realm(reader: &Snapshot, actor: &Actor, name: &str) -> Result<std::result::Result<Realm, Refusal>> {
    let Some(connection) = reader.find(&CONNECTION, "name", name)? else {
        return Ok(Err(Refusal::NoConnection(name.to_owned())));
    };
    if !connections::is_used(reader, &connection, actor.client_id.as_deref().unwrap_or_default())? {
        return Ok(Err(Refusal::Disabled(name.to_owned())));
    }
    Ok(Ok(Realm::of(&connection)?))
}

/// Replaces what the account says of the user; what the code leaves out goes.
fn replace(user: &mut Record, name: &str, is_main: bool, attributes: &Document) -> std::result::Result<(), Refusal> {
    let known = if is_main { Some(&user.document) } else { linked(user, name) };
    for field in FIXED {
        let Some(given) = attributes.get(field) else { continue };
        let known = known.and_then(|profile| profile.get(field));
        let is_same = match (known, given) {
            // Databases keep addresses and names in lower case.
            (Some(Value::String(known)), Value::String(given)) => known.eq_ignore_ascii_case(given),
            (None, Value::Bool(given)) => !given,
            (known, given) => known == Some(given),
        };
        if !is_same {
            return Err(Refusal::Differs(field));
        }
    }
    for field in REPLACED {
        match attributes.get(field) {
            Some(value) if is_main => drop(user.document.insert(field.to_owned(), value.clone())),
            Some(value) => set_account_field(user, name, field, value),
            // Every user has a name and a picture.
            None if is_main && matches!(field, "name" | "nickname" | "picture") => {}
            None if is_main => drop(user.document.shift_remove(field)),
            None => set_account_field(user, name, field, &Value::Null),
        }
    }
    Ok(())
}

fn linked<'u>(user: &'u Record, name: &str) -> Option<&'u Document> {
    user.document.get(LINKED)?.get(name)?.as_object()
}

async fn create(
    services: &Services,
    store: &Store,
    actor: &Actor,
    realm: &Realm,
    account: &Account,
) -> Result<LoggedIn> {
    let acting = actor.clone();
    if realm.is_database() || realm.is_passwordless() {
        let new = NewUser {
            connection: realm.name.clone(),
            attributes: account.attributes.clone(),
            local_id: Some(account.local_id.clone()),
            verify_email: account.verify_email,
            client_id: actor.client_id.clone(),
            organization_id: actor.organization.as_ref().map(|[id, _]| id.clone()),
            is_vouched_for: true,
            ..NewUser::default()
        };
        let prepared = registration::prepare(services, store, actor, new).await?;
        let services = services.clone();
        let work = move |tx: &mut Tx| passwordless::register(tx, &services, &acting, &prepared);
        return store.write(&actor.tenant, work).await;
    }
    let (name, account) = (realm.name.clone(), account.clone());
    let work = move |tx: &mut Tx| {
        let realm = users::realm_named(tx, &name)?.ok_or(Error::ConnectionMissing)?;
        let local_id = Some(account.local_id.clone());
        let user = registration::create(tx, &acting, &realm, account.attributes.clone(), local_id, None)?;
        let details = Document::from_iter([("strategy".to_owned(), json!(realm.strategy.name()))]);
        Entry { details, ..Entry::of("ss").about(&user, Some(&realm)) }.append(tx, &acting)?;
        let user = login::counted(tx, &acting, user)?;
        Ok(LoggedIn { account: user.id.clone(), user, realm })
    };
    store.write(&actor.tenant, work).await
}

#[cfg(test)]
mod tests {
    use kernel::{Timestamp, object};

    use super::*;

    #[test]
    fn a_renewal_replaces_what_describes_a_user_and_not_what_identifies_one() {
        let known = object(json!({"email": "jane@example.com", "name": "Jane", "family_name": "Old", "picture": "p"}));
        let mut user = Record::new("auth0|1", known, Timestamp::EPOCH);
        let given = object(json!({"email": "JANE@example.com", "email_verified": false, "given_name": "Jane"}));
        assert_eq!(replace(&mut user, "auth0|1", true, &given), Ok(()));
        let expected = json!({"email": "jane@example.com", "name": "Jane", "picture": "p", "given_name": "Jane"});
        assert_eq!(Value::Object(user.document.clone()), expected);
        let other = object(json!({"email": "joe@example.com"}));
        assert_eq!(replace(&mut user, "auth0|1", true, &other), Err(Refusal::Differs("email")));
    }
}
