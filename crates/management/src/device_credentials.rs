//! Device credentials: public keys and refresh tokens of devices.

use kernel::{Document, Record};
use rest::{ApiError, ApiResult, Area, Call, Change, Kind, ListFilter, Resource, Unique};
use store::{Filter, Query, Snapshot, Tx};

use crate::Services;

/// What is served of `device-credentials`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("device-credentials").collection("/device-credentials", DeviceCredentials)
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

    fn follow(&self, _: &mut Tx, call: &Call, change: &Change<'_>) -> ApiResult {
        match change {
            Change::Delete { old } if !call.allows("delete:device_credentials") => {
                if old.text("user_id") == Some(&call.caller.subject) {
                    return Ok(());
                }
                Err(ApiError::forbidden("User to be acted on does not match subject in bearer token."))
            }
            _ => Ok(()),
        }
    }

    fn present(&self, _: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        if call.operation.method == "POST" {
            shown.retain(|name, _| name == "id");
        }
        Ok(())
    }
}

/// Deletes the credentials of a user or client that is gone: `field` is `user_id` or `client_id`.
pub(crate) fn forget(tx: &mut Tx, field: &'static str, value: &str) -> ApiResult {
    for credential in tx.list(&DEVICE_CREDENTIAL, &Query::of(Filter::equals(field, value)))?.items {
        tx.delete(&DEVICE_CREDENTIAL, &credential.id)?;
    }
    Ok(())
}
