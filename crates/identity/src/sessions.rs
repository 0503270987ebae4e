//! Sessions: how they begin, how long they last, and what ends with them (reference: sessions and login rules §1).

mod ending;
mod lifetimes;

use kernel::{Secret, Timestamp};
use store::{Agent, AuthenticationMethod, Device, Session, SessionDetails, StoreResult, Tx};

pub use ending::{BackChannelLogout, Ending, end, end_all, end_all_and_tokens, end_and_tokens, end_expired};
pub use lifetimes::Lifetimes;

/// How many clients a session notes; they are told when it ends.
const MOST_CLIENTS: usize = 100;
/// How many organizations a session notes.
const MOST_ORGANIZATIONS: usize = 20;
/// A use that changes nothing but the time is written this long after the last one that was, in microseconds.
const TIME_BETWEEN_NOTES: i64 = 60_000_000;

/// A login that was completed in a browser.
#[derive(Clone, Debug)]
pub struct Login {
    /// The session's identifier, where it is known already: tokens that are signed before tell it.
    pub id: Option<String>,
    /// Who logged in.
    pub user_id: String,
    /// Through which connection.
    pub connection: Option<String>,
    /// To which organization.
    pub organization_id: Option<String>,
    /// When the user proved who they are.
    pub authenticated: Timestamp,
    /// How the user proved who they are, and when.
    pub methods: Vec<AuthenticationMethod>,
    /// From where.
    pub agent: Agent,
    /// Whether the browser keeps the session when it is closed, where the tenant's code decides that.
    pub is_persistent: Option<bool>,
    /// The session ends at this time, where the identity provider or the tenant's code decides that.
    pub expires: Option<Timestamp>,
    /// It ends at this time unless it is used before, where the tenant's code decides that.
    pub idle_expires: Option<Timestamp>,
}

/// Begins a session and gives it with the secret for the browser's cookie, which is new at each login. A session that the
/// browser has is begun anew, under its identifier, when it is the same user's; another user's ends.
pub fn begin(
    tx: &mut Tx,
    lifetimes: &Lifetimes,
    former: Option<&Session>,
    login: Login,
) -> StoreResult<(Session, Secret)> {
    let now = tx.now();
    let mut details = SessionDetails::default();
    let mut id = None;
    if let Some(former) = former {
        if former.user_id == login.user_id {
            // Replaced below, nothing that hangs on it ends.
            if let Some(former) = tx.delete_session(&former.id)? {
                details = former.details;
                id = Some(former.id);
            }
        } else {
            end(tx, former, Ending::Replaced)?;
        }
    }
    details.device = Device::of(login.agent);
    details.methods = login.methods;
    details.connection = login.connection;
    if let Some(organization) = login.organization_id {
        note(&mut details.organizations, organization, MOST_ORGANIZATIONS);
    }
    let is_persistent = login.is_persistent.unwrap_or(lifetimes.is_persistent);
    let expires = earlier(now + lifetimes.absolute(is_persistent), login.expires);
    let session = Session {
        id: id.or(login.id).unwrap_or_else(|| tx.context().text(kernel::id::BASE64URL, 32)),
        user_id: login.user_id,
        created: now,
        updated: now,
        authenticated: login.authenticated,
        last_interacted: now,
        idle_expires: earlier(now + lifetimes.idle(is_persistent), login.idle_expires).min(expires),
        expires,
        is_persistent,
        details,
    };
    let secret = tx.insert_session(&session)?;
    Ok((session, secret))
}

/// Notes that a session is used: it is idle from now on, and a limit that was lowered since it began acts. Gives the session as
/// it is now, and whether it has to be written; none when its time is over. No more than the time is written once a minute.
pub fn used(session: &Session, lifetimes: &Lifetimes, agent: Agent, now: Timestamp) -> Option<(Session, bool)> {
    let mut used = session.clone();
    let limit = session.authenticated + lifetimes.absolute(session.is_persistent);
    used.expires = session.expires.min(limit);
    used.idle_expires = (now + lifetimes.idle(session.is_persistent)).min(used.expires);
    if used.expires <= now {
        return None;
    }
    used.last_interacted = now;
    used.updated = now;
    used.details.device.used_by(agent);
    let is_due = now.micros() - session.last_interacted.micros() >= TIME_BETWEEN_NOTES
        || used.details != session.details
        || used.expires != session.expires
        // An idle time that is short, or was lowered, cannot wait.
        || session.idle_expires.micros() - now.micros() < 2 * TIME_BETWEEN_NOTES
        || used.idle_expires < session.idle_expires;
    Some((used, is_due))
}

/// Notes that a client was given an ID token in a session; whether it is the first time.
pub fn note_client(session: &mut Session, client_id: &str) -> bool {
    if session.details.clients.iter().any(|known| known == client_id) {
        return false;
    }
    note(&mut session.details.clients, client_id.to_owned(), MOST_CLIENTS);
    true
}

/// Notes that a session was used to log in to an organization; whether that was another one than the last time.
pub fn note_organization(session: &mut Session, organization_id: &str) -> bool {
    if session.details.organizations.last().is_some_and(|last| last == organization_id) {
        return false;
    }
    note(&mut session.details.organizations, organization_id.to_owned(), MOST_ORGANIZATIONS);
    true
}

/// Puts a text last, and drops the first where there are too many.
fn note(noted: &mut Vec<String>, text: String, most: usize) {
    noted.retain(|known| *known != text);
    if noted.len() >= most {
        noted.remove(0);
    }
    noted.push(text);
}

fn earlier(time: Timestamp, other: Option<Timestamp>) -> Timestamp {
    other.map_or(time, |other| other.min(time))
}

#[cfg(test)]
mod tests;
