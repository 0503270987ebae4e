//! What ends a session, and what ends with it: online tokens always, refresh tokens where that is asked for; and the clients
//! that must be told (OpenID Connect Back-Channel Logout; reference: sessions and login rules §9).

use kernel::{Document, Value};
use model::{CLIENT, queues::BACK_CHANNEL_LOGOUT};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Held, NewJob, Session, StoreResult, Tx};

use crate::log::Line;

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The user logged out at a client.
    Logout,
    /// The identity provider logged the user out.
    ProviderLogout,
    /// The password was changed.
    PasswordChanged,
    /// The e-mail address, or another identifier, was changed.
    IdentifierChanged,
    /// Its time is over.
    Expired,
    /// It was revoked through the Management API or by the tenant's code.
    Revoked,
    /// The user was deleted.
    AccountDeleted,
    /// The user was blocked.
    AccountDeactivated,
    /// Another user logged in in the same browser. No client asks to be told.
    Replaced,
}

impl Ending {
    /// Its name among a client's `selected_initiators`.
    pub fn initiator(self) -> Option<&'static str> {
        match self {
            Self::Logout => Some("rp-logout"),
            Self::ProviderLogout => Some("idp-logout"),
            Self::PasswordChanged => Some("password-changed"),
            Self::IdentifierChanged => Some("email-identifier-changed"),
            Self::Expired => Some("session-expired"),
            Self::Revoked => Some("session-revoked"),
            Self::AccountDeleted => Some("account-deleted"),
            Self::AccountDeactivated => Some("account-deactivated"),
            Self::Replaced => None,
        }
    }
}

/// A client to be told that a session ended: the payload of a job in [`BACK_CHANNEL_LOGOUT`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackChannelLogout {
    /// The client.
    pub client_id: String,
    /// Where it wants to be told.
    pub url: String,
    /// The session: `sid`.
    pub session_id: String,
    /// The user: `sub`.
    pub user_id: String,
    /// What ended the session.
    pub initiator: String,
    /// The session's metadata, where the client wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_metadata: Option<Document>,
}

/// Ends a session. Refresh tokens that were issued in it stay, but for those that are bound to it.
pub fn end(tx: &mut Tx, session: &Session, ending: Ending) -> StoreResult<()> {
    if tx.delete_session(&session.id)?.is_some() {
        end_what_hangs_on(tx, session, ending)?;
    }
    Ok(())
}

/// Ends a session and the refresh tokens that were issued in it.
pub fn end_and_tokens(tx: &mut Tx, session: &Session, ending: Ending) -> StoreResult<()> {
    end(tx, session, ending)?;
    let held = Held { session_id: Some(&session.id), ..Held::default() };
    tx.delete_refresh_tokens(held, |_| true).map(drop)
}

/// Ends all sessions of a user. Refresh tokens stay, but for those that are bound to a session.
pub fn end_all(tx: &mut Tx, user_id: &str, ending: Ending) -> StoreResult<()> {
    for session in tx.delete_sessions_of(user_id)? {
        end_what_hangs_on(tx, &session, ending)?;
    }
    Ok(())
}

/// Ends all sessions and all refresh tokens of a user.
pub fn end_all_and_tokens(tx: &mut Tx, user_id: &str, ending: Ending) -> StoreResult<()> {
    end_all(tx, user_id, ending)?;
    let held = Held { user_id: Some(user_id), ..Held::default() };
    tx.delete_refresh_tokens(held, |_| true).map(drop)
}

/// Removes some sessions whose time is over; how many.
pub fn end_expired(tx: &mut Tx, most: u32) -> StoreResult<usize> {
    let expired = tx.take_expired_sessions(most)?;
    for session in &expired {
        end_what_hangs_on(tx, session, Ending::Expired)?;
    }
    Ok(expired.len())
}

/// Ends the online tokens of a session that is gone, and has its clients told.
fn end_what_hangs_on(tx: &mut Tx, session: &Session, ending: Ending) -> StoreResult<()> {
    let held = Held { session_id: Some(&session.id), ..Held::default() };
    tx.delete_refresh_tokens(held, |token| token.is_online)?;
    if ending == Ending::Revoked {
        note_revoked(tx, session)?;
    }
    let Some(initiator) = ending.initiator() else { return Ok(()) };
    for client_id in &session.details.clients {
        let Some(client) = tx.get(&CLIENT, client_id)? else { continue };
        let Some(asked) = asked_by(&client.document, initiator) else { continue };
        let told = BackChannelLogout {
            client_id: client_id.clone(),
            url: asked.url,
            session_id: session.id.clone(),
            user_id: session.user_id.clone(),
            initiator: initiator.to_owned(),
            session_metadata: session.details.metadata.clone().filter(|_| asked.wants_metadata),
        };
        let Value::Object(payload) = serde_json::to_value(told)? else { continue };
        tx.enqueue(NewJob::new(BACK_CHANNEL_LOGOUT, payload))?;
    }
    Ok(())
}

fn note_revoked(tx: &mut Tx, session: &Session) -> StoreResult<()> {
    let details = json!({"session_id": session.id, "session_metadata": session.details.metadata});
    let connection = session.details.connection.as_deref();
    let line = Line { connection, user_id: Some(&session.user_id), ..Line::of("session_revoked") };
    tx.append_log(line.to_document(details, tx.now())).map(drop)
}

struct Asked {
    url: String,
    wants_metadata: bool,
}

/// Where a client wants to be told of this; none when it does not.
fn asked_by(client: &Document, initiator: &str) -> Option<Asked> {
    // Before it was named after all logouts it was named after these.
    let settings = client.get("oidc_logout").or_else(|| client.get("oidc_backchannel_logout"))?;
    let url = settings.get("backchannel_logout_urls")?.get(0)?.as_str()?.to_owned();
    let initiators = settings.get("backchannel_logout_initiators");
    let chosen = initiators.and_then(|initiators| initiators.get("selected_initiators")).and_then(Value::as_array);
    let is_wanted = match initiators.and_then(|initiators| initiators.get("mode")).and_then(Value::as_str) {
        Some("all") => true,
        // These two are always told of.
        _ if ["rp-logout", "idp-logout"].contains(&initiator) => true,
        _ => chosen.is_some_and(|chosen| chosen.iter().any(|name| name == initiator)),
    };
    let metadata = settings.get("backchannel_logout_session_metadata").and_then(|metadata| metadata.get("include"));
    is_wanted.then(|| Asked { url, wants_metadata: metadata == Some(&Value::Bool(true)) })
}
