//! Logins without passwords: a code or a link is sent to an address or a number, and whoever reads it is its user. At the connections
//! `email` and `sms` somebody new becomes a user that way; at a database users have such codes beside their password or instead of it.
//!
//! [`start`] sends, [`verify`] verifies. What [`verify`] finds to be somebody new is registered by [`registration::prepare`] and
//! [`register`].

mod address;
mod failed;
mod link;
mod method;
mod send;

use kernel::{Document, Secret, Value, object};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::{
    Actor, Error, Result,
    actor::Services,
    codes::{self, Checked},
    login::{self, LoggedIn},
    protection::{self, Limited, Subject},
    users::{
        self, Identifier,
        registration::{self, NewUser},
        verification,
    },
};

pub use address::normal;
pub use link::{Link, look_up};
pub use method::{Method, method};

/// Member of what a code stands for: the client that it was sent for.
const CLIENT: &str = "client";
/// For what names of users to come are derived.
const LOCAL_IDS: &str = "passwordless local id";

/// Somebody asks for a code or a link.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// Name of the connection.
    pub connection: String,
    /// Of a database: whether the address or the number is meant.
    pub kind: Option<Identifier>,
    /// The address or the number, as it was entered.
    pub identifier: String,
    /// Where a link leads, where one is wanted instead of a code.
    pub link: Option<Link>,
    /// Whether a call reads the code aloud.
    pub is_voice: bool,
    /// Whether somebody new may become a user, as far as the request says so; the connection may forbid it.
    pub allows_signup: bool,
    /// Parameters of the request that the log tells of.
    pub told: Document,
}

/// What came of [`start`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It was sent, or nobody may learn that it was not.
    Well {
        /// What the account is or will be called within the connection.
        local_id: String,
        /// The address or the number that it went to.
        address: String,
    },
    /// It has not the form of an address, or of a number.
    Malformed,
    /// Too much was sent there, or asked for from there.
    TooOften,
    /// The identifier or the address on the network has failed too often.
    Limited(Limited),
}

/// A code that somebody has entered, or that came with a link.
#[derive(Clone, Debug)]
pub struct Presented {
    /// Name of the connection.
    pub connection: String,
    /// Of a database: whether the address or the number is meant.
    pub kind: Option<Identifier>,
    /// The address or the number.
    pub identifier: String,
    /// The code.
    pub code: Secret,
    /// Whether somebody new may become a user, as far as the request says so.
    pub allows_signup: bool,
}

/// What [`verify`] found.
#[derive(Clone, Debug)]
pub enum Verified {
    /// The user, whose login is counted.
    Known(Box<LoggedIn>),
    /// The code is right, and was used up. There is no such user yet.
    New(Box<NewUser>),
    /// The login is refused.
    Refused(Refusal),
}

/// Why a login is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The code is wrong, or nobody was sent one.
    Wrong,
    /// Its time is over.
    Expired,
    /// There were too many wrong ones.
    TooOften,
    /// An administrator has blocked the user; the code was right.
    Blocked,
    /// The account, the address or the user has tried too often.
    Limited(Limited),
}

impl Refusal {
    /// Why a code is refused; none, where it is right.
    fn of(checked: Checked) -> Option<Self> {
        match checked {
            Checked::Right => None,
            Checked::Wrong => Some(Self::Wrong),
            Checked::Expired => Some(Self::Expired),
            Checked::TooOften => Some(Self::TooOften),
        }
    }
}

/// Sends a code or a link. Whether there is such a user makes a difference for nobody but the user.
///
/// # Errors
/// [`Error::ConnectionMissing`]; [`Error::ConnectionDisabled`], where the client does not use the connection, or it has no such logins.
pub fn start(tx: &mut Tx, actor: &Actor, start: &Start) -> Result<Started> {
    if actor.client_id.is_none() {
        return Err(Error::ConnectionDisabled);
    }
    let method = method(tx, actor, &start.connection, start.kind)?;
    let Some(address) = normal(method.kind, &start.identifier) else { return Ok(Started::Malformed) };
    let subject = subject(&method, &address);
    if let Some(limited) = protection::before_login(tx, actor, &subject)? {
        return Ok(Started::Limited(limited));
    }
    if !codes::may_send(tx, actor, method.kind, &address)? {
        return Ok(Started::TooOften);
    }
    let found = login::user(tx, &method.realm, &[method.kind], &address)?;
    let is_for_nobody = found.is_none() && !(start.allows_signup && method.realm.allows_signup());
    let local_id = local_id(tx, &method, &address)?;
    let actor = &login::named(tx, actor)?;
    let shape = method.shape(start.link.is_some());
    if is_for_nobody {
        method.purpose.pretend(tx, &method.realm, &address, shape)?;
        let why = "Nobody may sign up at the connection, and no user has the address.";
        protection::note_refused(tx, actor, "fs", why, &method.realm, &subject, None)?;
        return Ok(Started::Well { local_id, address });
    }
    let user = found.as_ref().map(|(user, _)| user);
    let payload = object(json!({CLIENT: actor.client_id}));
    let code = method.purpose.issue(tx, &method.realm, &address, shape, user.map(|user| user.id.as_str()), payload)?;
    let url = match &start.link {
        Some(link) => link::issue(tx, actor, &method, &address, link, &code, shape.lifetime)?,
        None => String::new(),
    };
    let code = if start.link.is_some() { String::new() } else { code };
    send::send(tx, actor, &method, start, (&address, user), code, url)?;
    send::note(tx, actor, &method, start, (&address, user))?;
    Ok(Started::Well { local_id, address })
}

/// Verifies a code, and does what follows from it: counts, blocks, log entries, the user's record. A refused login is a result: its
/// transaction must be committed.
///
/// # Errors
/// As [`start`].
pub fn verify(tx: &mut Tx, actor: &Actor, presented: &Presented) -> Result<Verified> {
    if actor.client_id.is_none() {
        return Err(Error::ConnectionDisabled);
    }
    let method = method(tx, actor, &presented.connection, presented.kind)?;
    let Some(address) = normal(method.kind, &presented.identifier) else {
        return Ok(Verified::Refused(Refusal::Wrong));
    };
    let subject = subject(&method, &address);
    let limited = match protection::before_login(tx, actor, &subject)? {
        Some(limited) => Some(limited),
        None => protection::count_login(tx, actor, &subject)?,
    };
    if let Some(limited) = limited {
        protection::note_limited(tx, actor, &method.realm, &subject, limited)?;
        return Ok(Verified::Refused(Refusal::Limited(limited)));
    }
    let actor = &login::named(tx, actor)?;
    let found = login::user(tx, &method.realm, &[method.kind], &address)?;
    let fits = |payload: &Document| is_of_client(payload, actor);
    let (checked, _) = method.purpose.redeem(tx, &method.realm, &address, presented.code.reveal(), fits)?;
    if let Some(refusal) = Refusal::of(checked) {
        failed::note(tx, actor, &method, &subject, found.as_ref().map(|(user, _)| user), refusal)?;
        return Ok(Verified::Refused(refusal));
    }
    protection::login_succeeded(tx, actor, &subject)?;
    let Some((user, account)) = found else {
        if !(presented.allows_signup && method.realm.allows_signup()) {
            return Ok(Verified::Refused(Refusal::Wrong));
        }
        return Ok(Verified::New(Box::new(newcomer(tx, actor, &method, &address)?)));
    };
    // Whoever reads what is sent there holds it.
    let user = verification::verify(tx, actor, &user.id, Some(&account), method.kind)?;
    let user = login::counted(tx, actor, user)?;
    if user.is("blocked") {
        protection::note_refused(tx, actor, "f", "user is blocked", &method.realm, &subject, Some(&user))?;
        return Ok(Verified::Refused(Refusal::Blocked));
    }
    Ok(Verified::Known(Box::new(LoggedIn { user, realm: method.realm, account })))
}

/// Whether a code is right, which is not used up: older libraries ask before they send the browser with it.
///
/// # Errors
/// As [`start`].
pub fn look_at(tx: &mut Tx, actor: &Actor, presented: &Presented) -> Result<std::result::Result<(), Refusal>> {
    let method = method(tx, actor, &presented.connection, presented.kind)?;
    let Some(address) = normal(method.kind, &presented.identifier) else { return Ok(Err(Refusal::Wrong)) };
    let subject = subject(&method, &address);
    if let Some(limited) = protection::before_login(tx, actor, &subject)? {
        return Ok(Err(Refusal::Limited(limited)));
    }
    let fits = |payload: &Document| actor.client_id.is_none() || is_of_client(payload, actor);
    let (checked, _) = method.purpose.look_at(tx, &method.realm, &address, presented.code.reveal(), fits)?;
    let Some(refusal) = Refusal::of(checked) else { return Ok(Ok(())) };
    let found = login::user(tx, &method.realm, &[method.kind], &address)?;
    failed::note(tx, actor, &method, &subject, found.as_ref().map(|(user, _)| user), refusal)?;
    Ok(Err(refusal))
}

/// Makes somebody new a user, whose login is counted.
///
/// # Errors
/// As [`registration::apply`].
pub fn register(
    tx: &mut Tx,
    services: &Services,
    actor: &Actor,
    prepared: &registration::Prepared,
) -> Result<LoggedIn> {
    let user = registration::apply(tx, services, actor, prepared)?;
    let account = user.id.clone();
    let main = users::identities(&user).into_iter().next().map(|main| main.connection).unwrap_or_default();
    let realm = users::realm_named(tx, &main)?.ok_or(Error::ConnectionMissing)?;
    let user = login::counted(tx, actor, user)?;
    Ok(LoggedIn { user, realm, account })
}

fn newcomer(reader: &Snapshot, actor: &Actor, method: &Method, address: &str) -> Result<NewUser> {
    let mut attributes = object(json!({method.kind.field(): address}));
    attributes.extend(method.kind.verified_field().map(|verified| (verified.to_owned(), Value::Bool(true))));
    let local_id = method.realm.is_passwordless().then(|| local_id(reader, method, address)).transpose()?;
    Ok(NewUser {
        connection: method.realm.name.clone(),
        attributes,
        local_id,
        client_id: actor.client_id.clone(),
        ..NewUser::default()
    })
}

/// What the account of an address is called that becomes a user: known before there is one, and telling nothing.
fn local_id(reader: &Snapshot, method: &Method, address: &str) -> Result<String> {
    let hash = reader.keyed_hash(LOCAL_IDS, &method.realm.key(method.kind, address))?;
    let digits = crate::hash::hex(&crate::hash::md5(hash.to_text().as_bytes()));
    Ok(digits.chars().take(24).collect())
}

/// Whether a code was sent for this client.
fn is_of_client(payload: &Document, actor: &Actor) -> bool {
    payload.get(CLIENT).and_then(Value::as_str) == actor.client_id.as_deref()
}

fn subject(method: &Method, address: &str) -> Subject {
    Subject {
        connection: method.realm.name.clone(),
        identifier: address.to_lowercase(),
        is_protected: method.realm.is_protected(),
    }
}
