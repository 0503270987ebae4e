//! Links that log in. What one leads to is kept here and not in it, so that nobody changes it on the way.

use std::time::Duration;

use kernel::{Document, Value, object};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Snapshot, Tx};

use super::Method;
use crate::{Actor, Error, Result, links};

/// Under which name links are kept.
const KIND: &str = "passwordless_link";

/// Where a link leads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// What the login was begun for, as whoever asks for the link writes it down.
    pub request: Value,
    /// The login that waits for it, in the browser where it began; none, where an application has asked for the link.
    pub transaction: Option<String>,
    /// The application.
    pub client_id: String,
    /// Name of the connection.
    pub connection: String,
    /// The address that it was sent to.
    pub address: String,
}

/// Keeps what a link leads to, and gives the link: its ticket is the code that proves who has read it, and is kept as a hash alone.
pub(super) fn issue(
    tx: &mut Tx,
    actor: &Actor,
    method: &Method,
    address: &str,
    link: &Link,
    code: &str,
    lifetime: Duration,
) -> Result<String> {
    let domain = links::domain(tx, actor)?;
    let kept = Link {
        client_id: actor.client_id.clone().unwrap_or_default(),
        connection: method.realm.name.clone(),
        address: address.to_owned(),
        ..link.clone()
    };
    let payload: Document = object(json!(kept));
    let expires = tx.now() + lifetime;
    tx.put_single_use(KIND, code, payload, None, expires)?;
    Ok(format!("https://{domain}/passwordless/verify_redirect?ticket={code}"))
}

/// Where the link with this ticket leads. It is used up with the code that it is.
///
/// # Errors
/// What the store fails with.
pub fn look_up(reader: &Snapshot, ticket: &str) -> Result<Option<Link>> {
    let Some(found) = reader.peek_single_use(KIND, ticket)? else { return Ok(None) };
    serde_json::from_value(found.payload.into()).map(Some).map_err(Error::failed)
}
