//! Logins by password: who is meant, whether the password is right, and everything that follows from either.
//!
//! [`prepare`] reads once and verifies the password off the async threads; [`apply`] writes once. What it answers is a result also
//! when the login is refused: failures are counted, so their transaction must be committed.

mod external;
mod migration;

use kernel::{Document, Record, Secret};
use model::{
    CLIENT, CONNECTION, USER,
    views::{User, View as _},
};
use store::{Snapshot, Store, Tx};

use crate::{
    Actor, Checked, Error, Known, Result,
    actor::Services,
    connections,
    databases::{Asking, ScriptError},
    password::{ForeignHash, PasswordHash},
    passwordless,
    protection::{self, Limited, Subject},
    triggers::{self, Execution},
    users::{self, Identifier, LINKED, Realm},
};
use external::Answered;

/// Longest password that is looked at; a longer one is wrong.
const LONGEST_PASSWORD: usize = 4_096;
/// Longest identifier.
const LONGEST_IDENTIFIER: usize = 320;

/// Somebody who wants to log in.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Name of the connection.
    pub connection: String,
    /// The identifier, as it was entered.
    pub identifier: String,
    /// What it can be; those that the connection does not identify users by are ignored. All of them, where none is named.
    pub kinds: Vec<Identifier>,
    /// The password.
    pub password: Secret,
    /// The organization that the user logs in to.
    pub organization_id: Option<String>,
}

/// A login whose password has been verified.
#[derive(Clone, Debug)]
pub struct Prepared {
    realm: Realm,
    subject: Subject,
    user_id: Option<String>,
    account: String,
    /// The hash that the password was verified by, as it was stored.
    basis: Option<String>,
    checked: Checked,
    /// What the tenant's own database has answered, where it was asked.
    answered: Option<Box<Answered>>,
    /// What the Action did that verified a hash of another system.
    execution: Option<Execution>,
    limited: Option<Limited>,
    is_leaked: bool,
}

/// What came of a login.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The password is right: the user, as it is now.
    LoggedIn(Box<LoggedIn>),
    /// The login is refused.
    Refused(Refusal),
}

/// A user who has shown the right password.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// The user, whose account may be a linked one.
    pub user: Record,
    /// What the connection says.
    pub realm: Realm,
    /// The account: `auth0|abc`.
    pub account: String,
}

/// Why a login is refused. What strangers may know of it is for the protocol to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such user, or the password is wrong.
    WrongCredentials,
    /// An administrator has blocked the user; the password was right.
    Blocked,
    /// The password was right, and is known to have leaked.
    PasswordLeaked,
    /// The account, the address or the user has tried too often.
    Limited(Limited),
    /// The script of a custom database has refused or failed.
    Script(Box<ScriptError>),
}

/// What the store knows of somebody who wants to log in.
struct Found {
    realm: Realm,
    subject: Subject,
    user_id: Option<String>,
    account: String,
    known: Known,
    basis: Option<String>,
    limited: Option<Limited>,
}

/// Finds the user and verifies the password, outside of a transaction.
///
/// # Errors
/// [`Error::ConnectionMissing`]; [`Error::ConnectionDisabled`], where the client does not use it or it has no passwords of its own;
/// [`Error::Busy`].
pub async fn prepare(services: &Services, store: &Store, actor: &Actor, attempt: Attempt) -> Result<Prepared> {
    let Attempt { connection, identifier, kinds, password, organization_id } = attempt;
    let asked = actor.clone();
    let entered = identifier.clone();
    let find = move |reader: &Snapshot| find(reader, &asked, &connection, &identifier, &kinds);
    let Found { realm, subject, user_id, account, known, basis, limited } = store.read(&actor.tenant, find).await?;
    let is_leaked = protection::is_leaked(password.reveal());
    let is_looked_at = limited.is_none() && password.reveal().len() <= LONGEST_PASSWORD;
    let (mut checked, mut answered, mut execution) = (Checked::Wrong, None, None);
    if is_looked_at && external::is_asked(&realm, &known) {
        let organization = organization_id.as_deref();
        let asking = Asking { services, store, actor, realm: &realm, organization };
        answered = Some(Box::new(external::ask(&asking, &entered, &password).await?));
    } else if is_looked_at {
        let hashed = Secret::new(realm.password_rules().hashed_part(password.reveal()));
        let action = migration::action(&realm, &known, user_id.as_ref());
        checked = services.passwords.asked_by(&actor.ip).check(hashed, known).await?;
        if let (Some(action), Some(user), Checked::Wrong) = (action, &user_id, &checked) {
            let asked = migration::ask(services, store, actor, (&realm, action), (user, &account), &password).await?;
            (checked, execution) = (asked.checked, asked.execution);
        }
    }
    Ok(Prepared { realm, subject, user_id, account, basis, checked, answered, execution, limited, is_leaked })
}

fn find(reader: &Snapshot, actor: &Actor, connection: &str, identifier: &str, kinds: &[Identifier]) -> Result<Found> {
    let connection = reader.find(&CONNECTION, "name", connection)?.ok_or(Error::ConnectionMissing)?;
    let realm = Realm::of(&connection)?;
    let client = actor.client_id.as_deref().unwrap_or_default();
    if !realm.is_database() || !connections::is_used(reader, &connection, client)? {
        return Err(Error::ConnectionDisabled);
    }
    let identifier: String = identifier.trim().to_lowercase().chars().take(LONGEST_IDENTIFIER).collect();
    // A number is the same however it is written: it is found, counted and blocked as one.
    let may_be_number = realm.is_active(Identifier::Phone) && (kinds.is_empty() || kinds.contains(&Identifier::Phone));
    let number = if may_be_number { passwordless::normal(Identifier::Phone, &identifier) } else { None };
    let identifier = number.unwrap_or(identifier);
    let subject = Subject { connection: realm.name.clone(), identifier, is_protected: realm.is_protected() };
    let limited = protection::before_login(reader, actor, &subject)?;
    let user = user(reader, &realm, kinds, &subject.identifier)?;
    let (account, known, basis) = match &user {
        Some((user, account)) => {
            let (known, basis) = known(user, account);
            (account.clone(), known, basis)
        }
        None => (String::new(), Known::Nothing, None),
    };
    Ok(Found { realm, subject, user_id: user.map(|(user, _)| user.id), account, known, basis, limited })
}

/// The user with an identifier, and the name of the account in the connection.
pub(crate) fn user(
    reader: &Snapshot,
    realm: &Realm,
    kinds: &[Identifier],
    identifier: &str,
) -> Result<Option<(Record, String)>> {
    let is_asked = |kind: &Identifier| realm.is_active(*kind) && (kinds.is_empty() || kinds.contains(kind));
    for kind in realm.precedence().into_iter().filter(is_asked) {
        if let Some(user) = users::find(reader, realm, kind, identifier)? {
            let key = realm.key(kind, identifier);
            return Ok(account_of(&user, realm, &key).map(|account| (user, account)));
        }
    }
    Ok(None)
}

/// The account of a user that has the identifier with this key.
fn account_of(user: &Record, realm: &Realm, key: &str) -> Option<String> {
    let identities = users::identities(user);
    let own = identities.iter().enumerate().filter(|(_, identity)| identity.connection == realm.name);
    let holds = |profile: &Document| realm.keys(profile).iter().any(|own| own == key);
    let found = own.map(|(place, identity)| (place, identity.name())).find(|(place, name)| {
        let linked = || user.document.get(LINKED)?.get(name)?.as_object();
        let profile = if *place == 0 { Some(&user.document) } else { linked() };
        profile.is_some_and(holds)
    });
    found.map(|(_, name)| name)
}

fn known(user: &Record, account: &str) -> (Known, Option<String>) {
    if let Some(hash) = users::password(user, account) {
        let basis = hash.to_text();
        return (Known::Own(hash), Some(basis));
    }
    let Some(imported) = users::imported_password(user, account) else { return (Known::Nothing, None) };
    let known = ForeignHash::parse(imported).map_or(Known::Nothing, |hash| Known::Foreign(Box::new(hash)));
    (known, Some(imported.to_string()))
}

/// Does what follows from the login: counts, blocks, log entries; for the right password the user's record and a new hash where the
/// old one was another system's.
///
/// # Errors
/// What the store fails with. A refused login is a result: its transaction must be committed.
pub fn apply(tx: &mut Tx, actor: &Actor, prepared: &Prepared) -> Result<Outcome> {
    let Prepared { realm, subject, .. } = prepared;
    let limited = match prepared.limited {
        Some(limited) => Some(limited),
        // Others may have failed meanwhile.
        None => match protection::before_login(tx, actor, subject)? {
            Some(limited) => Some(limited),
            None => protection::count_login(tx, actor, subject)?,
        },
    };
    triggers::keep(tx, &prepared.execution)?;
    if let Some(limited) = limited {
        protection::note_limited(tx, actor, realm, subject, limited)?;
        return Ok(Outcome::Refused(Refusal::Limited(limited)));
    }
    let user = match &prepared.user_id {
        Some(id) => tx.get(&USER, id)?,
        None => None,
    };
    let actor = &named(tx, actor)?;
    if let Some(answered) = &prepared.answered {
        return external::apply(tx, actor, prepared, answered, user.as_ref());
    }
    // A password that was changed meanwhile is not the one that was verified.
    let is_same = user.as_ref().is_some_and(|user| known(user, &prepared.account).1 == prepared.basis);
    let (Some(user), Checked::Right(rehashed), true) = (&user, &prepared.checked, is_same) else {
        return wrong(tx, actor, prepared, user.as_ref());
    };
    admit(tx, actor, prepared, user, &prepared.account, rehashed.as_ref())
}

/// Lets in whoever has shown the right password, unless it has leaked or the user is blocked.
fn admit(
    tx: &mut Tx,
    actor: &Actor,
    prepared: &Prepared,
    user: &Record,
    account: &str,
    rehashed: Option<&PasswordHash>,
) -> Result<Outcome> {
    let Prepared { realm, subject, .. } = prepared;
    protection::login_succeeded(tx, actor, subject)?;
    if prepared.is_leaked {
        protection::notify_leaked(tx, actor, user, &subject.identifier)?;
    }
    if protection::refuses_leaked(tx, prepared.is_leaked)? {
        let description = "Someone behind the IP address attempted to login with a leaked password.";
        protection::note_refused(tx, actor, "pwd_leak", description, realm, subject, Some(user))?;
        return Ok(Outcome::Refused(Refusal::PasswordLeaked));
    }
    let user = note_login(tx, actor, user, account, rehashed)?;
    // The refused login of a blocked user counts as a login, as it does at Auth0.
    if User::of(&user)?.blocked {
        protection::note_refused(tx, actor, "f", "user is blocked", realm, subject, Some(&user))?;
        return Ok(Outcome::Refused(Refusal::Blocked));
    }
    Ok(Outcome::LoggedIn(Box::new(LoggedIn { user, realm: realm.clone(), account: account.to_owned() })))
}

fn wrong(tx: &mut Tx, actor: &Actor, prepared: &Prepared, user: Option<&Record>) -> Result<Outcome> {
    let (kind, description) = match user {
        Some(_) => ("fp", "Wrong email or password."),
        None => ("fu", "Wrong email or password."),
    };
    let Prepared { realm, subject, .. } = prepared;
    protection::note_refused(tx, actor, kind, description, realm, subject, user)?;
    protection::login_failed(tx, actor, realm, subject, user)?;
    Ok(Outcome::Refused(Refusal::WrongCredentials))
}

/// Notes a login in the user's record, and keeps the new hash of a password that had another system's.
fn note_login(
    tx: &mut Tx,
    actor: &Actor,
    user: &Record,
    account: &str,
    rehashed: Option<&PasswordHash>,
) -> Result<Record> {
    let mut new = user.clone();
    if let Some(hash) = rehashed {
        users::set_password(&mut new, account, hash, 0);
    }
    counted(tx, actor, new)
}

/// The user after one more login.
pub(crate) fn counted(tx: &mut Tx, actor: &Actor, mut user: Record) -> Result<Record> {
    count(&mut user, actor, tx.now());
    users::update(tx, user, actor.event_context())
}

/// Counts a login in a user's record: `last_login`, `last_ip`, `logins_count`, `updated_at`. Logins by other means, and those by a
/// session that is there, count the same way.
pub fn count(user: &mut Record, actor: &Actor, now: kernel::Timestamp) {
    user.updated = now;
    let logins = user.document.get("logins_count").and_then(kernel::Value::as_u64).unwrap_or(0);
    user.document.insert("last_login".into(), now.into());
    user.document.insert("last_ip".into(), actor.ip.as_str().into());
    user.document.insert("logins_count".into(), (logins + 1).into());
    user.document.insert("updated_at".into(), now.into());
}

/// The actor with the client's name, which log entries of logins tell.
pub(crate) fn named(reader: &Snapshot, actor: &Actor) -> Result<Actor> {
    let mut actor = actor.clone();
    if let (None, Some(id)) = (&actor.client_name, &actor.client_id) {
        let client = reader.get(&CLIENT, id)?;
        actor.client_name = client.and_then(|client| client.text("name").map(str::to_owned));
    }
    Ok(actor)
}

#[cfg(test)]
mod tests;
