//! Sessions of users.

use identity::sessions::{self, Ending};
use kernel::{Document, Value, object};
use rest::{Answer, ApiError, ApiResult, Area, Call};
use serde_json::json;
use store::{Agent, Device, Session, Snapshot, Tx};

use crate::Services;

/// What is served of `sessions`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("sessions")
        .read("GET /sessions/{id}", |reader, call| Ok(Answer::json(shown(&load(reader, call)?))))
        .write("PATCH /sessions/{id}", change)
        .write("DELETE /sessions/{id}", |tx, call| {
            if let Some(session) = tx.session(call.path("id"))? {
                sessions::end(tx, &session, Ending::Revoked)?;
            }
            Ok(Answer::json(Document::new()))
        })
        .write("POST /sessions/{id}/revoke", |tx, call| {
            let session = load(tx, call)?;
            sessions::end_and_tokens(tx, &session, Ending::Revoked)?;
            Ok(Answer::json(Document::new()))
        })
}

fn load(reader: &Snapshot, call: &Call) -> ApiResult<Session> {
    reader.session(call.path("id"))?.ok_or_else(|| ApiError::not_found("The session does not exist."))
}

/// `PATCH /sessions/{id}`: its metadata, as a whole.
fn change(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let mut session = load(tx, call)?;
    session.details.metadata = metadata(call, "session_metadata")?;
    session.updated = tx.now();
    tx.update_session(&session)?;
    Ok(Answer::json(shown(&session)))
}

/// The metadata in a body: texts, none where there are none.
pub(crate) fn metadata(call: &Call, field: &str) -> ApiResult<Option<Document>> {
    /// Characters of a text.
    const LONGEST: usize = 255;
    let Some(Value::Object(metadata)) = call.body().get(field) else { return Ok(None) };
    for (name, value) in metadata {
        let is_fit = value.as_str().is_none_or(|text| text.chars().count() <= LONGEST)
            && !value.is_array()
            && !value.is_object();
        if !is_fit || name.chars().count() > LONGEST {
            let text = format!("{field} keys and values must be strings of at most {LONGEST} characters");
            return Err(ApiError::invalid_body(format!("Payload validation error: '{text}' on property {field}.")));
        }
    }
    Ok(Some(metadata.clone()).filter(|metadata| !metadata.is_empty()))
}

/// A session as the API shows it.
pub(crate) fn shown(session: &Session) -> Document {
    let details = &session.details;
    let clients: Vec<Value> = details.clients.iter().map(|client| json!({"client_id": client})).collect();
    let methods = details.methods.iter().map(|method| {
        let mut shown = object(json!({"name": method.name, "timestamp": method.at}));
        if let Some(kind) = &method.kind {
            shown.insert("type".into(), kind.as_str().into());
        }
        Value::Object(shown)
    });
    let mode = if session.is_persistent { "persistent" } else { "non-persistent" };
    let mut shown = object(json!({
        "id": session.id,
        "user_id": session.user_id,
        "created_at": session.created,
        "updated_at": session.updated,
        "authenticated_at": session.authenticated,
        "idle_expires_at": session.idle_expires,
        "expires_at": session.expires,
        "last_interacted_at": session.last_interacted,
        "device": device(&details.device),
        "clients": clients,
        "authentication": {"methods": methods.collect::<Vec<_>>()},
        "cookie": {"mode": mode},
    }));
    if let Some(metadata) = &details.metadata {
        shown.insert("session_metadata".into(), metadata.clone().into());
    }
    shown
}

/// Who uses something, as the API shows it; what is not known is left out.
pub(crate) fn device(device: &Device) -> Document {
    let mut shown = Document::new();
    let agents: [(&str, &Agent); 2] = [("initial", &device.initial), ("last", device.last())];
    for (when, agent) in agents {
        for (what, text) in [("user_agent", &agent.user_agent), ("ip", &agent.ip), ("asn", &agent.asn)] {
            if !text.is_empty() {
                shown.insert(format!("{when}_{what}"), text.as_str().into());
            }
        }
    }
    shown
}
