//! Device credentials: public keys and refresh tokens of devices.

use identity::discard;
use kernel::{Document, Record};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, ListFilter, Resource, Unique};
use store::{Held, Paging, Query, Snapshot, Tx};

use crate::{Services, refresh_tokens};

/// What is served of `device-credentials`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("device-credentials")
        .collection("/device-credentials", DeviceCredentials)
        .except("GET /device-credentials")
        .except("DELETE /device-credentials/{id}")
        .read("GET /device-credentials", list)
        .write("DELETE /device-credentials/{id}", delete)
}

/// `GET /device-credentials`: public keys first, then refresh tokens.
fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let mut items = Vec::new();
    let kind = call.text("type");
    if kind.is_none_or(|kind| kind == "public_key") {
        for key in reader.list(&DEVICE_CREDENTIAL, &Query::of(DEVICE_CREDENTIAL.filter(call)))?.items {
            items.push(rest::presented(reader, call, &DeviceCredentials, &key)?);
        }
    }
    if kind != Some("public_key") {
        let held = Held { user_id: call.text("user_id"), client_id: call.text("client_id"), session_id: None };
        let tokens = reader.refresh_tokens(held, &Paging::Offset { offset: 0, limit: MOST_TOKENS }, false)?.items;
        let shown = tokens.iter().map(refresh_tokens::shown_as_credential);
        items.extend(shown.filter(|token| kind.is_none_or(|kind| token["type"] == kind)));
    }
    Ok(Answer::json(rest::page_of(call, items)?))
}

/// `DELETE /device-credentials/{id}`, of a public key or a refresh token; one that is not there is gone already.
fn delete(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let id = call.path("id");
    let owner = match tx.get(&DEVICE_CREDENTIAL, id)? {
        Some(key) => key.text("user_id").map(str::to_owned),
        None => tx.refresh_token(id)?.filter(|token| !token.is_online).map(|token| token.user_id),
    };
    let Some(owner) = owner else { return Ok(Answer::empty()) };
    if !call.allows("delete:device_credentials") && owner != call.caller.subject {
        return Err(ApiError::forbidden("User to be acted on does not match subject in bearer token."));
    }
    if discard(tx, &DEVICE_CREDENTIAL, id)?.is_none() {
        identity::refresh_tokens::revoke(tx, id)?;
    }
    Ok(Answer::empty())
}

/// Device credentials.
pub(crate) static DEVICE_CREDENTIAL: Kind = Kind::of(&model::DEVICE_CREDENTIAL)
    .unique(&[Unique { field: "device", message: "A public key already exists for the device.", code: None }])
    .forgiving()
    .hidden(&["device", "value"])
    .filters(&[
        ("user_id", ListFilter::Equals("user_id")),
        ("client_id", ListFilter::Equals("client_id")),
        ("type", ListFilter::Equals("type")),
    ]);

/// How many refresh tokens a list looks through.
const MOST_TOKENS: u64 = 1_000;

struct DeviceCredentials;

impl Resource for DeviceCredentials {
    fn kind(&self) -> &'static Kind {
        &DEVICE_CREDENTIAL
    }

    fn prepare(&self, _: &mut Tx, call: &Call, _: Option<&Record>, new: &mut Record) -> ApiResult {
        new.document.insert("user_id".into(), call.caller.subject.as_str().into());
        let text = |field: &str| new.text(field).unwrap_or_default();
        let device = format!("{} {} {}", text("user_id"), text("client_id"), text("device_id"));
        new.document.insert("device".into(), device.into());
        Ok(())
    }

    fn present(&self, _: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        if call.operation.method == "POST" {
            shown.retain(|name, _| name == "id");
        }
        Ok(())
    }
}
