//! Users whom a tenant's code names in exchange for a foreign token: by their identifier, or by an account of a connection, which may
//! be created or renewed with that (reference: actions §3.7).

use kernel::{Document, Record, Value};
use model::{CONNECTION, USER};
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
    users,
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

/// What was found, outside of a transaction.
enum Found {
    User(String),
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
        let (asked, wanted) = (actor.clone(), named.clone());
        let found = store.read(&actor.tenant, move |reader| find(reader, &asked, &wanted)).await?;
        let realm = match found {
            Err(refusal) => return Ok(Err(refusal)),
            Ok(Found::User(id)) => {
                let (acting, wanted) = (actor.clone(), named.clone());
                let enter = move |tx: &mut Tx| enter(tx, &acting, &id, &wanted);
                return store.write(&actor.tenant, enter).await;
            }
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

fn find(reader: &Snapshot, actor: &Actor, named: &Named) -> Result<std::result::Result<Found, Refusal>> {
    let client = actor.client_id.as_deref().unwrap_or_default();
    match named {
        Named::Id(id) => Ok(match of_identity(reader, id)? {
            Some(user) => Ok(Found::User(user.id)),
            None => Err(Refusal::NoUser),
        }),
        Named::Account(account) => {
            let Some(connection) = reader.find(&CONNECTION, "name", &account.connection)? else {
                return Ok(Err(Refusal::NoConnection(account.connection.clone())));
            };
            if !connections::is_used(reader, &connection, client)? {
                return Ok(Err(Refusal::Disabled(account.connection.clone())));
            }
            let realm = Realm::of(&connection)?;
            let name = name_of(&realm, account);
            let Some(user) = of_identity(reader, &name)? else {
                let outcome = match (account.is_created, realm.is_external()) {
                    (false, _) => Err(Refusal::NoUser),
                    (true, true) => Err(Refusal::Elsewhere(account.connection.clone())),
                    (true, false) => Ok(Found::Nobody(Box::new(realm))),
                };
                return Ok(outcome);
            };
            let is_own = |own: &users::Identity| own.name() == name && own.connection == realm.name;
            let is_known = identities(&user).iter().any(is_own);
            Ok(if is_known { Ok(Found::User(user.id)) } else { Err(Refusal::Taken) })
        }
    }
}

fn name_of(realm: &Realm, account: &Account) -> String {
    format!("{}|{}", realm.strategy, account.local_id)
}

/// Signs a known user in.
fn enter(tx: &mut Tx, actor: &Actor, id: &str, named: &Named) -> Result<std::result::Result<LoggedIn, Refusal>> {
    let Some(mut user) = tx.get(&USER, id)? else { return Ok(Err(Refusal::NoUser)) };
    let own = identities(&user);
    let place = match named {
        Named::Id(id) => own.iter().position(|identity| identity.name() == *id).unwrap_or(0),
        Named::Account(account) => {
            let is_meant = |identity: &users::Identity| {
                identity.connection == account.connection && identity.user_id == account.local_id.as_str()
            };
            let Some(place) = own.iter().position(is_meant) else { return Ok(Err(Refusal::NoUser)) };
            place
        }
    };
    let Some(identity) = own.get(place) else { return Err(Error::failed("a user without identities")) };
    let name = identity.name();
    let Some(connection) = tx.find(&CONNECTION, "name", &identity.connection)? else {
        return Ok(Err(Refusal::NoConnection(identity.connection.clone())));
    };
    if !connections::is_used(tx, &connection, actor.client_id.as_deref().unwrap_or_default())? {
        return Ok(Err(Refusal::Disabled(identity.connection.clone())));
    }
    let realm = Realm::of(&connection)?;
    if let Named::Account(account) = named
        && account.is_replaced
        && let Err(refusal) = replace(&mut user, &name, place == 0, &account.attributes)
    {
        return Ok(Err(refusal));
    }
    login::count(&mut user, actor, tx.now());
    let user = users::update(tx, user, actor.event_context())?;
    if user.is("blocked") {
        return Ok(Err(Refusal::Blocked));
    }
    Ok(Ok(LoggedIn { user, realm, account: name }))
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
        let work = move |tx: &mut Tx| {
            let user = registration::apply(tx, &services, &acting, &prepared)?;
            counted(tx, &acting, user)
        };
        return store.write(&actor.tenant, work).await;
    }
    let (realm, account) = (realm.clone(), account.clone());
    let work = move |tx: &mut Tx| {
        let local_id = Some(account.local_id.clone());
        let user = registration::create(tx, &acting, &realm, account.attributes.clone(), local_id, None)?;
        let details = Document::from_iter([("strategy".to_owned(), json!(realm.strategy.name()))]);
        Entry { details, ..Entry::of("ss").about(&user, Some(&realm)) }.append(tx, &acting)?;
        counted(tx, &acting, user)
    };
    store.write(&actor.tenant, work).await
}

fn counted(tx: &mut Tx, actor: &Actor, mut user: Record) -> Result<LoggedIn> {
    login::count(&mut user, actor, tx.now());
    let user = users::update(tx, user, actor.event_context())?;
    let main = identities(&user).into_iter().next().map(|main| main.connection).unwrap_or_default();
    let realm = users::realm_named(tx, &main)?.ok_or(Error::ConnectionMissing)?;
    let account = user.id.clone();
    Ok(LoggedIn { user, realm, account })
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
