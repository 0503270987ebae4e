//! Tickets: single-use, expiring secrets in links, by which a user proves an address or sets a password.

use std::time::Duration;

use aws_lc_rs::digest;
use kernel::{Document, Record, Sealed, Timestamp, id};
use model::TICKET;
use serde::{Deserialize, Serialize};
use store::{Filter, Query, Snapshot, StoreResult, Tx};

use crate::{Actor, Error, Result, hash, links};

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

/// Sealed part of a ticket that sets a password chosen already: its hash.
pub const PASSWORD_HASH: &str = "password_hash";

/// Why a ticket cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// There is no such ticket, or it was used.
    #[error("there is no such ticket any more")]
    Unknown,
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
}

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
    let found = reader.get(&TICKET, &id_of(presented))?.filter(|ticket| ticket.text("purpose") == Some(purpose));
    let record = found.ok_or(TicketError::Unknown)?;
    if has_expired(&record, reader.now()) {
        return Err(TicketError::Expired.into());
    }
    Ok(record.view()?)
}

/// Uses a ticket up and gives what it stood for, with its secrets.
///
/// # Errors
/// [`Error::Ticket`].
pub fn use_up(tx: &mut Tx, purpose: &str, presented: &str) -> Result<(Ticket, Sealed)> {
    let ticket = look_up(tx, purpose, presented)?;
    let record = tx.delete(&TICKET, &id_of(presented))?;
    Ok((ticket, record.map(|record| record.sealed).unwrap_or_default()))
}

/// Removes the tickets of a user for one purpose.
pub fn forget(tx: &mut Tx, user: &str, purpose: &str) -> StoreResult<()> {
    for ticket in tx.list(&TICKET, &Query::of(Filter::equals("user_id", user)))?.items {
        if ticket.text("purpose") == Some(purpose) {
            tx.delete(&TICKET, &ticket.id)?;
        }
    }
    Ok(())
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
    let mut document = details;
    document.insert("purpose".into(), purpose.into());
    document.insert("expires_at".into(), (tx.now() + lifetime).into());
    let mut record = Record::new(id_of(&ticket), document, tx.now());
    record.sealed = sealed;
    tx.insert(&TICKET, record)?;
    Ok(ticket)
}

/// Uses a ticket up and gives its record; `None` when there is no such ticket any more.
pub fn redeem(tx: &mut Tx, purpose: &str, ticket: &str) -> StoreResult<Option<Record>> {
    let id = id_of(ticket);
    let is_for = |record: &Record| record.text("purpose") == Some(purpose);
    if !tx.get(&TICKET, &id)?.is_some_and(|record| is_for(&record)) {
        return Ok(None);
    }
    let Some(record) = tx.delete(&TICKET, &id)? else { return Ok(None) };
    Ok((!has_expired(&record, tx.now())).then_some(record))
}

fn has_expired(ticket: &Record, now: Timestamp) -> bool {
    let expires = ticket.text("expires_at").and_then(|text| text.parse::<Timestamp>().ok());
    expires.is_none_or(|expires| expires <= now)
}

fn id_of(ticket: &str) -> String {
    hash::hex(digest::digest(&digest::SHA256, ticket.as_bytes()).as_ref())
}
