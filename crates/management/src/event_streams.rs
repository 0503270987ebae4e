//! Event streams: where the tenant's events are sent.

mod deliveries;
mod samples;
mod stats;

use kernel::{Record, Value, id::Form};
use rest::{ApiError, ApiResult, Area, Call, Kind, Resource, Times, Unique};
use store::Tx;

use crate::Services;

/// What is served of `event-streams`.
pub(crate) fn area(_: &Services) -> Area {
    let area = Area::new("event-streams").collection("/event-streams", EventStreams);
    deliveries::claim(area).read("GET /event-streams/{id}/stats", stats::get)
}

/// Event streams. What authorises their webhooks is never shown.
pub(crate) static EVENT_STREAM: Kind = Kind::of(&model::EVENT_STREAM)
    .unique(&[Unique { field: "name", message: "An event stream with this name already exists.", code: None }])
    .missing("The event stream does not exist.", None)
    .forgiving()
    .revealed(&[model::WEBHOOK_ENDPOINT])
    .times(Times::Millis);

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

    fn check(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        let is_enabled = |stream: &Record| stream.text("status") == Some("enabled");
        if let Some(old) = old.filter(|old| !is_enabled(old) && is_enabled(new)) {
            if delivery::events::failed_deliveries(tx, &old.id)? >= delivery::events::MOST_FAILED {
                return Err(ApiError::conflict(
                    "Too many deliveries have failed. Redeliver them before enabling the event stream.",
                ));
            }
            delivery::events::forgive(tx, &old.id)?;
        }
        Ok(())
    }
}
