//! Login tickets: who has logged in, for which client, from which origin and in which browser.

use std::time::Duration;

use kernel::{Document, Secret, id, object};
use model::login::{Authentication, Browser};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Snapshot, StoreResult, Tx};

use crate::{Site, session};

/// Under which name tickets are kept.
const KIND: &str = "login_ticket";
/// For how long: from the answer to the request that follows it.
const LIFETIME: Duration = Duration::from_secs(120);
/// Characters of a ticket, and of a verifier.
const LENGTH: usize = 43;
/// The cookie that shows a browser to be the one that the ticket was given to.
const COOKIE: &str = "auth0_co";
/// How long it is kept.
const COOKIE_LIFETIME: Duration = Duration::from_secs(900);

/// What a ticket stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ticket {
    pub(super) client_id: String,
    /// The origin whose script has asked for it.
    pub(super) origin: String,
    /// By which the page finds the verifier that it keeps.
    pub(super) id: String,
    pub(super) authentication: Authentication,
    /// Digest of the verifier.
    verifier: String,
    /// Digest of the browser's cookie.
    browser: String,
}

/// What is given away with a ticket.
pub(super) struct Given {
    pub(super) ticket: Secret,
    pub(super) verifier: Secret,
    pub(super) id: String,
}

/// What a browser is known by.
pub(super) fn cookie(site: &Site, browser: &Browser) -> Option<Secret> {
    browser.secret(&name(site), LENGTH).map(Secret::new)
}

/// A cookie for a browser that has none.
pub(super) fn new_cookie(site: &Site) -> Secret {
    Secret::new(site.store.context().text(id::BASE64URL, LENGTH))
}

/// The `Set-Cookie` that has the browser keep it. Scripts of other sites send it only where the connection is secure, as browsers demand it.
pub(super) fn set_cookie(site: &Site, browser: &Browser, cookie: &Secret) -> String {
    let at = if browser.is_secure { "; Secure; SameSite=None" } else { "; SameSite=Lax" };
    let age = COOKIE_LIFETIME.as_secs();
    format!("{}={}; Path=/; Max-Age={age}; HttpOnly{at}", name(site), cookie.reveal())
}

fn name(site: &Site) -> String {
    session::at_port(COOKIE, site.tenant.host())
}

/// Makes a ticket.
pub(super) fn issue(
    tx: &mut Tx,
    client_id: &str,
    origin: &str,
    cookie: &Secret,
    authentication: Authentication,
) -> StoreResult<Given> {
    let text = |length| tx.context().text(id::BASE64URL, length);
    let given = Given { ticket: Secret::new(text(LENGTH)), verifier: Secret::new(text(LENGTH)), id: text(12) };
    let ticket = Ticket {
        client_id: client_id.to_owned(),
        origin: origin.to_owned(),
        id: given.id.clone(),
        verifier: kernel::digest(given.verifier.reveal()),
        browser: kernel::digest(cookie.reveal()),
        authentication,
    };
    let user_id = ticket.authentication.user_id.clone();
    let expires = tx.now() + LIFETIME;
    tx.put_single_use(KIND, given.ticket.reveal(), object(json!(ticket)), Some(&user_id), expires)?;
    Ok(given)
}

/// What a ticket stands for. It is not used up.
pub(super) fn look_up(reader: &Snapshot, presented: &str) -> StoreResult<Option<Ticket>> {
    let Some(found) = reader.peek_single_use(KIND, presented)? else { return Ok(None) };
    let payload: Document = found.payload;
    Ok(Some(serde_json::from_value(payload.into())?))
}

/// Uses a ticket up; `false` when another request was first.
pub(super) fn consume(tx: &mut Tx, presented: &str) -> StoreResult<bool> {
    Ok(tx.consume_single_use(KIND, presented)?.is_some())
}

/// What a page of ours sends that asks for the verifier: only the browser that it was shown in has the cookie to it. Without it anybody could
/// send somebody else's browser a ticket of their own together with its verifier.
pub(super) fn state(cookie: &Secret, presented: &str) -> String {
    kernel::digest(&format!("{}.{presented}", cookie.reveal()))
}

impl Ticket {
    /// Whether the browser with this cookie is the one that it was given to.
    pub(super) fn is_of(&self, cookie: &Secret) -> bool {
        kernel::digest(cookie.reveal()) == self.browser
    }

    /// Whether this is the verifier that was given away with it.
    pub(super) fn has_verifier(&self, verifier: &str) -> bool {
        kernel::digest(verifier) == self.verifier
    }
}
