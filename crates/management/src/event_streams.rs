//! Event streams.

use kernel::{ApiError, ApiResult, Document, Record, Value, id::Form};
use rest::{Area, Call, Kind, Resource, Times, Unique};
use store::{Snapshot, Tx};

use crate::Services;

/// What is served of `event-streams`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("event-streams").collection("/event-streams", EventStreams)
}

/// Event streams. What authorises their webhooks is never shown.
pub(crate) static EVENT_STREAM: Kind = Kind::new("event_stream")
    .id("id", Form::Base58("est_"))
    .unique(&[Unique { field: "name", message: "An event stream with this name already exists.", code: None }])
    .missing("The event stream does not exist.", None)
    .forgiving()
    .sealed(&[
        "destination.configuration.webhook_authorization.password",
        "destination.configuration.webhook_authorization.token",
        "destination.configuration.webhook_authorization.header_value",
    ])
    .times(Times::Millis);

const ORDER: &[&str] = &["id", "status", "name", "subscriptions", "created_at", "updated_at", "destination"];

struct EventStreams;

impl Resource for EventStreams {
    fn kind(&self) -> &'static Kind {
        &EVENT_STREAM
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        new.document.entry("status").or_insert_with(|| "enabled".into());
        let known = old.and_then(|old| old.document.get("destination")).cloned();
        let source = format!("aws.partner/auth0.com/{}-{}/auth0.events", tx.tenant(), tx.context().id(Form::Uuid));
        let Some(destination) = new.document.get_mut("destination") else { return Ok(()) };
        if known.as_ref().is_some_and(|known| known["type"] != destination["type"]) {
            return Err(ApiError::invalid_body("The type of an event stream's destination cannot be changed"));
        }
        let is_bridge = destination["type"] == "eventbridge";
        if let Some(configuration) =
            destination.get_mut("configuration").and_then(Value::as_object_mut).filter(|_| is_bridge)
        {
            let known = known.map(|known| known["configuration"]["aws_partner_event_source"].clone());
            let source = known.filter(|known| !known.is_null()).unwrap_or_else(|| source.into());
            configuration.entry("aws_partner_event_source").or_insert(source);
        }
        Ok(())
    }

    fn present(&self, _: &Snapshot, _: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        *shown = ORDER.iter().filter_map(|name| shown.shift_remove_entry(*name)).collect();
        Ok(())
    }
}
