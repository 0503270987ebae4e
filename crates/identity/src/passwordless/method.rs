//! How a connection lets users in without passwords.

use std::time::Duration;

use kernel::Value;
use model::{CONNECTION, CONNECTION_CLIENTS};
use serde::Deserialize;
use store::Snapshot;

use crate::{
    Actor, Error, Result,
    codes::{self, Purpose, Shape},
    users::{Identifier, Realm},
};

/// How long a code of `email` and `sms` lives where the connection says nothing.
const LIFETIME: Duration = Duration::from_secs(180);
/// The longest that a connection may say.
const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);
/// Digits of a code where the connection says nothing; and what it may say.
const LENGTH: usize = 6;
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=40;
/// Characters of what stands in links.
const IN_LINKS: usize = 32;

/// How a connection lets users in without passwords.
#[derive(Clone, Debug)]
pub struct Method {
    /// The connection.
    pub realm: Realm,
    /// Whether users have addresses or numbers there.
    pub kind: Identifier,
    /// Whether somebody new may become a user.
    pub allows_signup: bool,
    pub(super) purpose: Purpose,
    pub(super) is_protected: bool,
    shape: Shape,
}

/// The part of a connection that says so.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Options {
    disable_signup: Option<bool>,
    brute_force_protection: Option<bool>,
    totp: Option<Totp>,
    authentication_methods: Option<Methods>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Totp {
    length: Option<usize>,
    time_step: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Methods {
    email_otp: Enabled,
    phone_otp: Enabled,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Enabled {
    enabled: bool,
}

impl Method {
    /// What is made for a message with a code, or with a link.
    pub(super) fn shape(&self, is_for_links: bool) -> Shape {
        if is_for_links { Shape { length: IN_LINKS, is_for_links, ..self.shape } } else { self.shape }
    }
}

/// How the connection with this name lets the client's users in: those of a database, who have both, by this kind of identifier. Where no
/// client acts, any client's users.
///
/// # Errors
/// [`Error::ConnectionMissing`]; [`Error::ConnectionDisabled`].
pub fn method(reader: &Snapshot, actor: &Actor, connection: &str, kind: Option<Identifier>) -> Result<Method> {
    let record = reader.find(&CONNECTION, "name", connection)?.ok_or(Error::ConnectionMissing)?;
    let realm = Realm::of(&record)?;
    if let Some(client) = &actor.client_id
        && reader.relation(&CONNECTION_CLIENTS, &realm.id, client)?.is_none()
    {
        return Err(Error::ConnectionDisabled);
    }
    let options = record.document.get("options").filter(|options| !options.is_null());
    // Options that cannot be read let nobody in, rather than by rules that nobody chose.
    let options = options.map_or_else(|| Ok(Options::default()), |options: &Value| Options::deserialize(options));
    let options = options.map_err(Error::failed)?;
    let is_protected = options.brute_force_protection.unwrap_or(true);
    let allows_signup = !options.disable_signup.unwrap_or(false);
    if realm.is_database() {
        let methods = options.authentication_methods.unwrap_or_default();
        let is_on = match kind {
            Some(Identifier::Email) => methods.email_otp.enabled,
            Some(Identifier::Phone) => methods.phone_otp.enabled,
            Some(Identifier::Username) | None => false,
        };
        let kind = kind.filter(|kind| is_on && realm.is_active(*kind)).ok_or(Error::ConnectionDisabled)?;
        let purpose = codes::LOG_IN;
        return Ok(Method { realm, kind, allows_signup, purpose, is_protected, shape: Shape::default() });
    }
    let own = match realm.strategy.as_str() {
        "email" => Identifier::Email,
        "sms" => Identifier::Phone,
        _ => return Err(Error::ConnectionDisabled),
    };
    if kind.is_some_and(|kind| kind != own) {
        return Err(Error::ConnectionDisabled);
    }
    let totp = options.totp.unwrap_or_default();
    let lifetime = totp.time_step.map_or(LIFETIME, Duration::from_secs).min(LONGEST_LIFETIME);
    let length = totp.length.filter(|length| LENGTHS.contains(length)).unwrap_or(LENGTH);
    let shape = Shape { length, lifetime, is_for_links: false };
    Ok(Method { realm, kind: own, allows_signup, purpose: codes::PASSWORDLESS, is_protected, shape })
}
