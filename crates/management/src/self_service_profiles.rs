//! Self-service profiles, their texts and tickets.

use std::time::Duration;

use identity::tickets;
use kernel::{Document, Record, Value};
use model::CONNECTION;
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Resource, Times, upsert};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::Services;

/// What is served of `self-service-profiles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("self-service-profiles")
        .collection("/self-service-profiles", Profiles)
        .read("GET /self-service-profiles/{id}/custom-text/{language}/{page}", texts)
        .write("PUT /self-service-profiles/{id}/custom-text/{language}/{page}", set_texts)
        .write("POST /self-service-profiles/{id}/sso-ticket", ticket)
        .write("POST /self-service-profiles/{profileId}/sso-ticket/{id}/revoke", revoke)
}

/// Self-service profiles.
pub(crate) static SELF_SERVICE_PROFILE: Kind = Kind::of(&model::SELF_SERVICE_PROFILE).forgiving().times(Times::Millis);

/// Texts of a profile's page in a language; the id is `profile/language/page`.
static TEXT: Kind = Kind::of(&model::SELF_SERVICE_TEXT);

/// Seconds for which a ticket holds when nothing is said: five days.
const TICKET_SECONDS: u64 = 432_000;

/// What the tickets are for.
const PURPOSE: &str = "self_service";

struct Profiles;

impl Resource for Profiles {
    fn kind(&self) -> &'static Kind {
        &SELF_SERVICE_PROFILE
    }

    fn missing(&self, call: &Call) -> ApiError {
        missing(call.path("id"))
    }

    fn prepare(&self, _: &mut Tx, _: &Call, _: Option<&Record>, new: &mut Record) -> ApiResult {
        new.document.entry("user_attributes").or_insert_with(|| json!([]));
        Ok(())
    }
}

fn missing(id: &str) -> ApiError {
    ApiError::not_found(format!("Profile with ID: {id} not found"))
}

fn profile(reader: &Snapshot, id: &str) -> ApiResult<Record> {
    reader.get(&SELF_SERVICE_PROFILE, id)?.ok_or_else(|| missing(id))
}

fn text_id(call: &Call) -> String {
    format!("{}/{}/{}", call.path("id"), call.path("language"), call.path("page"))
}

fn texts(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    profile(reader, call.path("id"))?;
    let stored = reader.get(&TEXT, &text_id(call))?;
    Ok(Answer::json(stored.map(|record| record.document).unwrap_or_default()))
}

fn set_texts(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    profile(tx, call.path("id"))?;
    let texts = call.document().into_owned();
    upsert(tx, &TEXT, &text_id(call), |record| record.document.clone_from(&texts))?;
    Ok(Answer::json(texts))
}

/// `POST /self-service-profiles/{id}/sso-ticket`: a page where an organisation sets up its connection.
fn ticket(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let profile = profile(tx, call.path("id"))?;
    let mut details: Document = call.document().into_owned();
    if let Some(connection) = details.get("connection_id").and_then(Value::as_str)
        && tx.get(&CONNECTION, connection)?.is_none()
    {
        return Err(ApiError::bad_request("The connection does not exist"));
    }
    let seconds = details.shift_remove("ttl_sec").and_then(|seconds| seconds.as_u64());
    details.insert("profile_id".into(), profile.id.into());
    let seconds = seconds.filter(|seconds| *seconds > 0).unwrap_or(TICKET_SECONDS);
    let id = tickets::issue(tx, PURPOSE, Duration::from_secs(seconds), details)?;
    Ok(Answer::json(json!({"ticket": format!("{}self-service/connections-flow?ticket={id}", call.origin.issuer())})))
}

/// 202, also for a ticket that is not known.
fn revoke(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    profile(tx, call.path("profileId"))?;
    tickets::redeem(tx, PURPOSE, call.path("id"))?;
    Ok(Answer::empty())
}
