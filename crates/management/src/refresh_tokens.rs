//! Refresh tokens of users. Those that end with their session are not served.

use identity::refresh_tokens;
use kernel::{Document, Value, object};
use model::{CLIENT, USER};
use rest::{Answer, ApiError, ApiResult, Area, Call};
use serde::Deserialize;
use serde_json::json;
use store::{Access, Held, RefreshToken, Snapshot, Tx};

use crate::{Services, sessions};

/// What is said of a token that ends with its session.
const ONLINE: &str = "API doesn't support Online Refresh Tokens";
/// Where such a one is ended.
const ENDED_ELSEWHERE: &str =
    "To revoke an Online Refresh Token, use the Sessions API: POST /api/v2/sessions/{session_id}/revoke";

/// What is served of `refresh-tokens`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("refresh-tokens")
        .read("GET /refresh-tokens", list)
        .read("GET /refresh-tokens/{id}", |reader, call| {
            let mut shown = shown(&load(reader, call)?);
            rest::select_fields(call, &mut shown);
            Ok(Answer::json(shown))
        })
        .write("PATCH /refresh-tokens/{id}", |tx, call| {
            let mut token = load(tx, call)?;
            token.details.metadata = sessions::metadata(call, "refresh_token_metadata")?;
            tx.update_refresh_token(&token)?;
            Ok(Answer::json(shown(&token)))
        })
        .write("DELETE /refresh-tokens/{id}", |tx, call| {
            if let Some(token) = tx.refresh_token(call.path("id"))? {
                if token.is_online {
                    return Err(ApiError::bad_request(format!("{ONLINE}. {ENDED_ELSEWHERE}")));
                }
                refresh_tokens::revoke(tx, &token.id)?;
            }
            Ok(Answer::empty())
        })
        .write("POST /refresh-tokens/revoke", revoke)
}

fn load(reader: &Snapshot, call: &Call) -> ApiResult<RefreshToken> {
    let token = reader.refresh_token(call.path("id"))?;
    let token = token.ok_or_else(|| ApiError::not_found("The refresh token does not exist."))?;
    if token.is_online { Err(ApiError::bad_request(ONLINE)) } else { Ok(token) }
}

fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let held = Held { user_id: call.text("user_id"), client_id: call.text("client_id"), session_id: None };
    let (paging, with_total) = rest::paging_of(call);
    Ok(rest::rows(call, reader.refresh_tokens(held, &paging, with_total)?, shown))
}

/// A refresh token as the API shows it.
pub(crate) fn shown(token: &RefreshToken) -> Document {
    let details = &token.details;
    let served = |access: &Access| json!({"audience": access.audience, "scopes": access.scope});
    let mut shown = object(json!({
        "id": token.id,
        "user_id": token.user_id,
        "created_at": token.created,
        "idle_expires_at": token.idle_expires,
        "expires_at": token.expires,
        "client_id": token.client_id,
        "session_id": token.session_id,
        "rotating": token.is_rotating,
        "resource_servers": details.resource_servers.iter().map(served).collect::<Vec<_>>(),
    }));
    let device = sessions::device(&details.device);
    if !device.is_empty() {
        shown.insert("device".into(), device.into());
    }
    if let Some(metadata) = &details.metadata {
        shown.insert("refresh_token_metadata".into(), metadata.clone().into());
    }
    if let Some(exchanged) = token.last_exchanged {
        shown.insert("last_exchanged_at".into(), exchanged.into());
    }
    shown
}

/// A refresh token among the credentials of devices.
pub(crate) fn shown_as_credential(token: &RefreshToken) -> Document {
    let kind = if token.is_rotating { "rotating_refresh_token" } else { "refresh_token" };
    object(json!({
        "id": token.id,
        "device_name": token.details.device.initial.user_agent,
        "type": kind,
        "user_id": token.user_id,
        "client_id": token.client_id,
    }))
}

#[derive(Deserialize)]
struct Meant {
    ids: Option<Vec<String>>,
    user_id: Option<String>,
    client_id: Option<String>,
}

/// `POST /refresh-tokens/revoke`: by identifiers, of a user, of a client, or of a user for a client.
fn revoke(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let meant = match call.body() {
        Value::Null => Meant { ids: None, user_id: None, client_id: None },
        _ => call.view()?,
    };
    match (meant.ids, &meant.user_id, &meant.client_id) {
        (Some(ids), None, None) if ids.len() <= 100 => {
            for id in ids {
                if tx.refresh_token(&id)?.is_some_and(|token| !token.is_online) {
                    refresh_tokens::revoke(tx, &id)?;
                }
            }
        }
        (None, None, None) | (Some(_), ..) => {
            return Err(ApiError::bad_request("Invalid combination of parameters."));
        }
        (None, user_id, client_id) => {
            if let Some(user) = user_id
                && tx.get(&USER, user)?.is_none()
            {
                return Err(ApiError::bad_request("User not found."));
            }
            if let Some(client) = client_id
                && tx.get(&CLIENT, client)?.is_none()
            {
                return Err(ApiError::bad_request("Client not found."));
            }
            let held = Held { user_id: user_id.as_deref(), client_id: client_id.as_deref(), session_id: None };
            refresh_tokens::revoke_all(tx, held, |token| !token.is_online)?;
        }
    }
    Ok(Answer::empty())
}
