//! Tickets: single-use, expiring secrets in links, by which a user proves an address or sets a password.

use std::time::Duration;

use aws_lc_rs::digest;
use kernel::{Document, Sealed, Timestamp, Value, id};
use model::TICKET;
use serde::{Deserialize, Serialize};
use store::{Paging, Query, Snapshot, StoreResult, Tx};

use crate::{Actor, Error, Result, discard::discard, hash, links};

pub use crate::refusals::TicketError;

/// Purpose of a ticket that verifies an address.
pub const VERIFICATION: &str = "email-verification";
/// Purpose of a ticket that sets a password.
pub const RESET: &str = "reset-password";
/// Purpose of a ticket that ends a block after failed logins.
pub const UNBLOCK: &str = "unblock";

/// Life of a ticket for which none is asked.
pub const LIFETIME: Duration = Duration::from_secs(432_000);
/// Length of a ticket.
const LENGTH: usize = 32;

/// How long after its time a ticket is still known, so that whoever comes late is told so.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);
/// Member of what is stored: the time until which the ticket can be used.
const EXPIRES: &str = "expires_at";
/// Member of what is stored: the ticket's secrets.
const SECRETS: &str = "secrets";

/// Sealed part of a ticket that sets a password chosen already: its hash.
pub const PASSWORD_HASH: &str = "password_hash";

/// What a ticket of a user stands for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ticket {
    /// The user.
    pub user_id: String,
    /// The account, `auth0|abc`; the main one, where none is named.
    pub identity: Option<String>,
    /// Where the browser is sent afterwards.
    pub result_url: Option<String>,
    /// The address that it verifies; it is of no use once the account has another.
    pub email: Option<String>,
    /// The application that it was asked for from.
    pub client_id: Option<String>,
    /// The organization.
    pub organization_id: Option<String>,
    /// Whether using it verifies the address.
    pub mark_email_as_verified: bool,
    /// Whether the address is told to `result_url`.
    #[serde(rename = "includeEmailInRedirect")]
    pub includes_email: bool,
}

impl Ticket {
    /// Makes the ticket, and the link that redeems it.
    ///
    /// # Errors
    /// [`Error::Link`].
    pub fn issue(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        purpose: &str,
        lifetime: Duration,
        sealed: Sealed,
    ) -> Result<String> {
        let details = serde_json::to_value(self).map_err(Error::failed)?;
        let details = details.as_object().cloned().unwrap_or_default();
        link(tx, actor, purpose, lifetime, details, sealed)
    }
}

/// Makes a ticket, and the link that redeems it.
///
/// # Errors
/// [`Error::Link`].
pub fn link(
    tx: &mut Tx,
    actor: &Actor,
    purpose: &str,
    lifetime: Duration,
    details: Document,
    sealed: Sealed,
) -> Result<String> {
    let domain = links::domain(tx, actor)?;
    let ticket = issue_with(tx, purpose, lifetime, details, sealed)?;
    Ok(format!("https://{domain}/u/{purpose}?ticket={ticket}#"))
}

/// What a ticket stands for; it is not used up.
///
/// # Errors
/// [`Error::Ticket`].
pub fn look_up(reader: &Snapshot, purpose: &str, presented: &str) -> Result<Ticket> {
    let found = reader.peek_single_use(&kind_of(purpose), &id_of(presented))?;
    let found = found.ok_or(TicketError::Unknown)?;
    if has_expired(&found.payload, reader.now()) {
        return Err(TicketError::Expired.into());
    }
    serde_json::from_value(found.payload.into()).map_err(Error::failed)
}

/// Uses a ticket up and gives what it stood for, with its secrets.
///
/// # Errors
/// [`Error::Ticket`].
pub fn use_up(tx: &mut Tx, purpose: &str, presented: &str) -> Result<(Ticket, Sealed)> {
    let ticket = look_up(tx, purpose, presented)?;
    let mut found = tx.consume_single_use(&kind_of(purpose), &id_of(presented))?.ok_or(TicketError::Unknown)?;
    let mut sealed = Sealed::new();
    if let Some(Value::Object(secrets)) = found.payload.shift_remove(SECRETS) {
        for (path, value) in secrets {
            sealed.set(path, value);
        }
    }
    Ok((ticket, sealed))
}

/// Removes the tickets of a user for one purpose.
pub fn forget(tx: &mut Tx, user: &str, purpose: &str) -> StoreResult<()> {
    tx.delete_single_use_of(user, Some(&kind_of(purpose))).map(drop)
}

/// Makes a ticket for `purpose` (`email-verification`, `reset-password`) that stands for `details`.
pub fn issue(tx: &mut Tx, purpose: &str, lifetime: Duration, details: Document) -> StoreResult<String> {
    issue_with(tx, purpose, lifetime, details, Sealed::new())
}

/// The same with secrets that whoever redeems the ticket is given.
pub fn issue_with(
    tx: &mut Tx,
    purpose: &str,
    lifetime: Duration,
    details: Document,
    sealed: Sealed,
) -> StoreResult<String> {
    let ticket = tx.context().text(id::ALNUM, LENGTH);
    let expires = tx.now() + lifetime;
    keep(tx, purpose, &id_of(&ticket), details, sealed, expires)?;
    Ok(ticket)
}

/// Stores what a ticket stands for, under what is made of it.
fn keep(
    tx: &mut Tx,
    purpose: &str,
    id: &str,
    details: Document,
    mut sealed: Sealed,
    expires: Timestamp,
) -> StoreResult<()> {
    let mut payload = details;
    payload.insert(EXPIRES.into(), expires.into());
    let paths: Vec<String> = sealed.paths().map(str::to_owned).collect();
    let secrets = paths.into_iter().filter_map(|path| sealed.take(&path).map(|value| (path, value)));
    payload.insert(SECRETS.into(), secrets.collect::<Document>().into());
    let user = payload.get("user_id").and_then(Value::as_str).map(str::to_owned);
    tx.put_single_use(&kind_of(purpose), id, payload, user.as_deref(), expires + REMEMBERED)
}

/// Uses a ticket up; `false` when there is no such ticket any more.
pub fn redeem(tx: &mut Tx, purpose: &str, ticket: &str) -> StoreResult<bool> {
    let found = tx.consume_single_use(&kind_of(purpose), &id_of(ticket))?;
    Ok(found.is_some_and(|found| !has_expired(&found.payload, tx.now())))
}

/// Moves the tickets that databases of before hold as records: at most so many; how many there were.
pub(crate) fn adopt(tx: &mut Tx, most: u64) -> StoreResult<usize> {
    let query = Query { paging: Paging::Offset { offset: 0, limit: most }, ..Query::default() };
    let old = tx.list(&TICKET, &query)?.items;
    for record in &old {
        let mut details = record.document.clone();
        let purpose = details.shift_remove("purpose");
        let expires = record.text(EXPIRES).and_then(|text| text.parse::<Timestamp>().ok());
        if let (Some(purpose), Some(expires)) = (purpose.as_ref().and_then(Value::as_str), expires) {
            keep(tx, purpose, &record.id, details, record.sealed.clone(), expires)?;
        }
        discard(tx, &TICKET, &record.id)?;
    }
    Ok(old.len())
}

fn has_expired(ticket: &Document, now: Timestamp) -> bool {
    let expires = ticket.get(EXPIRES).and_then(|time| time.as_str()?.parse::<Timestamp>().ok());
    expires.is_none_or(|expires| expires <= now)
}

/// The kind of things of single use that tickets for a purpose are.
fn kind_of(purpose: &str) -> String {
    format!("ticket {purpose}")
}

/// What is stored is found by a hash of the ticket, as in databases of before, and that is hashed again under a key.
fn id_of(ticket: &str) -> String {
    hash::hex(digest::digest(&digest::SHA256, ticket.as_bytes()).as_ref())
}
