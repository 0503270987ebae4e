//! Tickets for e-mail verification and password change.

use std::time::Duration;

use kernel::{ApiResult, Document, Record, id::Form};
use rest::{Area, Kind};
use store::Tx;

use crate::Services;

/// What is served of `tickets`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("tickets")
}

/// Tickets of all purposes: single-use, and gone when they expire. The id is what links carry.
pub(crate) static TICKET: Kind = Kind::new("ticket").id("id", Form::Alnum32).indexed(&["user_id", "expires"]);

/// Issues a ticket for a user that holds for `seconds`; gives its id.
///
/// # Errors
/// When the store fails.
pub(crate) fn issue(tx: &mut Tx, purpose: &str, user: &str, mut details: Document, seconds: u64) -> ApiResult<String> {
    let id = tx.context().id(Form::Alnum32);
    let expires = tx.now() + Duration::from_secs(seconds);
    details.insert("purpose".into(), purpose.into());
    details.insert("user_id".into(), user.into());
    details.insert("expires".into(), expires.seconds().into());
    rest::insert(tx, &TICKET, Record::new(&*id, details, tx.now()))?;
    Ok(id)
}
