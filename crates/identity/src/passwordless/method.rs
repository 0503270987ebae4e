//! How a connection lets users in without passwords.

use std::time::Duration;

use model::{
    CONNECTION,
    views::{Strategy, Totp},
};
use store::Snapshot;

use crate::{
    Actor, Error, Result,
    codes::{self, Purpose, Shape},
    connections,
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
    pub(super) purpose: Purpose,
    shape: Shape,
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
    let (realm, is_named) = (Realm::of(&record)?, kind.is_some());
    if let Some(client) = &actor.client_id
        && !connections::is_used(reader, &record, client)?
    {
        return Err(Error::ConnectionDisabled);
    }
    let kind = match (kind, realm.strategy) {
        (Some(kind), _) => kind,
        (None, Strategy::Sms) => Identifier::Phone,
        (None, _) => Identifier::Email,
    };
    // The users of a database have both, so that it must be said which is meant.
    if !realm.sends_codes(kind) || (realm.is_database() && !is_named) {
        return Err(Error::ConnectionDisabled);
    }
    if realm.is_database() {
        let (purpose, shape) = (codes::LOG_IN, Shape::default());
        return Ok(Method { realm, kind, purpose, shape });
    }
    let Totp { length, time_step } = realm.totp();
    let lifetime = time_step.map_or(LIFETIME, Duration::from_secs).min(LONGEST_LIFETIME);
    let length = length.filter(|length| LENGTHS.contains(length)).unwrap_or(LENGTH);
    let shape = Shape { length, lifetime, is_for_links: false };
    Ok(Method { realm, kind, purpose: codes::PASSWORDLESS, shape })
}
