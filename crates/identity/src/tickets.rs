//! Tickets: single-use, expiring secrets in links, by which a user proves an address or sets a password.

use std::time::Duration;

use aws_lc_rs::digest;
use kernel::{Document, Record, Sealed, Timestamp, id};
use model::TICKET;
use store::{Filter, Query, StoreResult, Tx};

use crate::hash;

/// Life of a ticket for which none is asked.
pub const LIFETIME: Duration = Duration::from_secs(432_000);
/// Length of a ticket.
const LENGTH: usize = 32;

/// Sealed part of a ticket that sets a password chosen already: its hash.
pub const PASSWORD_HASH: &str = "password_hash";

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

/// Removes the tickets of a user who is gone.
pub fn forget_user(tx: &mut Tx, user: &str) -> StoreResult<()> {
    for ticket in tx.list(&TICKET, &Query::of(Filter::equals("user_id", user)))?.items {
        tx.delete(&TICKET, &ticket.id)?;
    }
    Ok(())
}

/// Uses a ticket up and gives its record; `None` when there is no such ticket any more.
pub fn redeem(tx: &mut Tx, purpose: &str, ticket: &str) -> StoreResult<Option<Record>> {
    let id = id_of(ticket);
    let is_for = |record: &Record| record.text("purpose") == Some(purpose);
    if !tx.get(&TICKET, &id)?.is_some_and(|record| is_for(&record)) {
        return Ok(None);
    }
    let Some(record) = tx.delete(&TICKET, &id)? else { return Ok(None) };
    let expires = record.text("expires_at").and_then(|text| text.parse::<Timestamp>().ok());
    Ok(expires.is_some_and(|expires| expires > tx.now()).then_some(record))
}

fn id_of(ticket: &str) -> String {
    hash::hex(digest::digest(&digest::SHA256, ticket.as_bytes()).as_ref())
}
