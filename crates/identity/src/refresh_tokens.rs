//! Refresh tokens: how they are issued, exchanged and ended (reference: authentication API §6, Refresh tokens).

use std::time::Duration;

use kernel::{Document, Secret, Timestamp, id::Form};
use model::views::RefreshTokenSettings;
use serde::Deserialize;
use serde_json::json;
use store::{
    Access, Agent, Device, Exchange, Held, Paging, Presented, RefreshToken, RefreshTokenDetails, Session, Snapshot,
    StoreResult, Tx,
};

use crate::log::Line;

/// How many a user may have for a client; the oldest make place.
pub const MOST_OF_A_CLIENT: u64 = 200;

/// What a client's record says of its refresh tokens.
///
/// # Errors
/// Settings that cannot be read: no token is given a life that nobody chose.
pub fn settings(client: &Document) -> serde_json::Result<RefreshTokenSettings> {
    let settings = client.get("refresh_token").filter(|settings| !settings.is_null());
    settings.map_or_else(|| Ok(RefreshTokenSettings::default()), RefreshTokenSettings::deserialize)
}

fn after(now: Timestamp, seconds: Option<u64>) -> Option<Timestamp> {
    seconds.map(|seconds| now + Duration::from_secs(seconds))
}

/// A refresh token to be issued.
#[derive(Clone, Debug, Default)]
pub struct Grant {
    /// The identifier, where it is known already.
    pub id: Option<String>,
    /// To whom.
    pub user_id: String,
    /// For which client.
    pub client_id: String,
    /// In which session; none where no browser took part.
    pub session_id: Option<String>,
    /// What it gives access to.
    pub access: Vec<Access>,
    /// What each exchange needs again of the login.
    pub login: Document,
    /// From where.
    pub agent: Agent,
    /// Whether it ends together with the session (`online_access`).
    pub is_online: bool,
    /// It ends at this time, where the tenant's code decides that.
    pub expires: Option<Timestamp>,
    /// It ends at this time unless it is exchanged before, where the tenant's code decides that.
    pub idle_expires: Option<Timestamp>,
    /// What the tenant's code has noted.
    pub metadata: Option<Document>,
}

/// Issues a refresh token and gives it with what the client presents. A user who has too many for the client loses the oldest.
pub fn issue(tx: &mut Tx, settings: &RefreshTokenSettings, grant: Grant) -> StoreResult<(RefreshToken, Secret)> {
    let now = tx.now();
    let held = Held { user_id: Some(&grant.user_id), client_id: Some(&grant.client_id), ..Held::default() };
    let count = tx.refresh_tokens(held, &Paging::Offset { offset: 0, limit: 0 }, true)?.total.unwrap_or(0);
    if count >= MOST_OF_A_CLIENT {
        let oldest = Paging::Offset { offset: 0, limit: count - MOST_OF_A_CLIENT + 1 };
        for token in tx.refresh_tokens(held, &oldest, false)?.items {
            tx.delete_refresh_token(&token.id)?;
        }
    }
    // An online token lasts as long as its session.
    let (idle_expires, expires) = if grant.is_online {
        (None, None)
    } else {
        let earlier = |limit: Option<Timestamp>, wanted: Option<Timestamp>| limit.into_iter().chain(wanted).min();
        (
            earlier(after(now, settings.idle_lifetime()), grant.idle_expires),
            earlier(after(now, settings.lifetime()), grant.expires),
        )
    };
    let token = RefreshToken {
        id: grant.id.unwrap_or_else(|| tx.context().id(Form::Alnum16("rt_"))),
        user_id: grant.user_id,
        client_id: grant.client_id,
        session_id: grant.session_id,
        created: now,
        last_exchanged: None,
        idle_expires,
        expires,
        is_rotating: settings.is_rotating() && !grant.is_online,
        is_online: grant.is_online,
        details: RefreshTokenDetails {
            device: Device::of(grant.agent),
            resource_servers: grant.access,
            login: grant.login,
            metadata: grant.metadata,
        },
    };
    let presented = tx.insert_refresh_token(&token)?;
    Ok((token, presented))
}

/// What a client presents as a refresh token.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A token that can be exchanged now, as it is, and the session that it is bound to.
    Usable(Box<RefreshToken>, Option<Box<Session>>),
    /// A token that was replaced: exchanging it ends the family.
    Reused(Box<RefreshToken>),
    /// No token of this client, or none any more.
    Unknown,
}

/// Looks at what a client presents, and changes nothing.
pub fn find(
    reader: &Snapshot,
    settings: &RefreshTokenSettings,
    client_id: &str,
    presented: &str,
) -> StoreResult<Found> {
    let is_own = |token: &RefreshToken| token.client_id == client_id;
    let token = match reader.presented_refresh_token(presented)? {
        Presented::Current(token) if is_own(&token) => token,
        Presented::Previous(token, rotated) if is_own(&token) => {
            if reader.now() >= rotated + Duration::from_secs(settings.leeway) {
                return Ok(Found::Reused(Box::new(token)));
            }
            token
        }
        Presented::Spent(token) if is_own(&token) => return Ok(Found::Reused(Box::new(token))),
        _ => return Ok(Found::Unknown),
    };
    if !token.is_online {
        return Ok(Found::Usable(Box::new(token), None));
    }
    let session = match &token.session_id {
        Some(id) => reader.session(id)?,
        None => None,
    };
    Ok(session.map_or(Found::Unknown, |session| Found::Usable(Box::new(token), Some(Box::new(session)))))
}

/// Exchanges what a client presents, which [`find`] found usable or reused: it is judged again. `change` says what else the
/// exchange changes, such as what the token gives access to.
pub fn exchange(
    tx: &mut Tx,
    settings: &RefreshTokenSettings,
    client_id: &str,
    presented: &str,
    agent: &Agent,
    change: impl FnOnce(&mut RefreshToken),
) -> StoreResult<Exchange> {
    if matches!(find(tx, settings, client_id, presented)?, Found::Unknown) {
        return Ok(Exchange::Unknown);
    }
    let now = tx.now();
    tx.exchange_refresh_token(presented, Duration::from_secs(settings.leeway), |token| {
        token.last_exchanged = Some(now);
        if !token.is_online {
            token.is_rotating = settings.is_rotating();
            // The absolute end is fixed when the token is issued, or when its client begins to have one.
            token.expires = token.expires.or_else(|| after(now, settings.lifetime()));
            token.idle_expires = after(now, settings.idle_lifetime());
            if settings.is_expiring() {
                token.details.device.used_by(agent.clone());
            }
        }
        change(token);
    })
}

/// Revokes a refresh token, and tells the tenant's log; `false` when there is none.
pub fn revoke(tx: &mut Tx, id: &str) -> StoreResult<bool> {
    let Some(token) = tx.refresh_token(id)? else { return Ok(false) };
    tx.delete_refresh_token(id)?;
    note_revoked(tx, &token)?;
    Ok(true)
}

/// Revokes refresh tokens, and tells the tenant's log of each.
pub fn revoke_all(tx: &mut Tx, held: Held<'_>, is_meant: impl Fn(&RefreshToken) -> bool) -> StoreResult {
    for token in tx.delete_refresh_tokens(held, is_meant)? {
        note_revoked(tx, &token)?;
    }
    Ok(())
}

fn note_revoked(tx: &mut Tx, token: &RefreshToken) -> StoreResult {
    let access = if token.is_online { "online" } else { "offline" };
    let details = json!({
        "audience": token.details.resource_servers.first().map(|access| access.audience.as_str()),
        "credential_id": token.id,
        "refresh_token": {"access": access, "session_id": token.session_id},
        "session_id": token.session_id,
    });
    let line = Line { client_id: Some(&token.client_id), user_id: Some(&token.user_id), ..Line::of("srrt") };
    tx.append_log(line.to_document(details, tx.now())).map(drop)
}

/// Ends the refresh tokens that a user has for a client and an API: what a deleted consent takes along.
pub fn end_of_grant(tx: &mut Tx, user_id: &str, client_id: &str, audience: &str) -> StoreResult<Vec<RefreshToken>> {
    let held = Held { user_id: Some(user_id), client_id: Some(client_id), ..Held::default() };
    let is_meant =
        |token: &RefreshToken| token.details.resource_servers.iter().any(|access| access.audience == audience);
    tx.delete_refresh_tokens(held, is_meant)
}

/// Ends the refresh tokens of a client that is gone.
pub fn end_of_client(tx: &mut Tx, client_id: &str) -> StoreResult<()> {
    let held = Held { client_id: Some(client_id), ..Held::default() };
    tx.delete_refresh_tokens(held, |_| true).map(drop)
}

#[cfg(test)]
mod tests;
