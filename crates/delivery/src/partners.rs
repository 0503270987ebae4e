//! Amazon EventBridge and Azure Event Grid, as an installation reaches them with what its operator has there. The service is a
//! partner of both; whoever is none puts events on an event bus, or into a topic, of their own.

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use kernel::{Document, Secret, Timestamp, Value};
use serde_json::json;

use crate::aws;

/// What the operator has at Amazon and Microsoft. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Partners {
    /// For streams to Amazon EventBridge.
    pub eventbridge: Option<EventBridge>,
    /// For streams to Azure Event Grid.
    pub eventgrid: Option<EventGrid>,
}

/// Why a stream to Amazon EventBridge waits.
pub(crate) const NO_EVENTBRIDGE: &str = "The installation has no access key for Amazon EventBridge.";
/// Why a stream to Azure Event Grid waits.
pub(crate) const NO_EVENTGRID: &str = "The installation has no topic at Azure Event Grid.";
/// The bus of a stream's account that is taken when none is named.
const DEFAULT_BUS: &str = "default";
/// What stands for the event buses of registered partners.
const PARTNER_BUS: &str = "aws.partner";

/// How events are put on event buses of Amazon EventBridge.
#[derive(Clone, Debug)]
pub struct EventBridge {
    /// The access key, which may put events on the bus of every account that streams name.
    pub key_id: String,
    /// Its secret.
    pub secret: Secret,
    /// The name of the bus in these accounts; `aws.partner` where Amazon knows the operator as a partner.
    pub bus: Option<String>,
    /// Where EventBridge is called; without one it is Amazon's own in the region of the stream.
    pub endpoint: Option<String>,
}

/// How events are published to Azure Event Grid.
#[derive(Clone, Debug)]
pub struct EventGrid {
    /// The address of a topic or a partner namespace that takes events of the schema of `CloudEvents` 1.0.
    pub endpoint: String,
    /// Its access key.
    pub key: Secret,
}

/// Where events are put.
pub(crate) struct Bus<'b> {
    pub(crate) account: &'b str,
    pub(crate) region: &'b str,
    /// `aws.partner/…`
    pub(crate) source: &'b str,
}

/// An event that is put on a bus.
pub(crate) struct Put<'p> {
    pub(crate) kind: &'p str,
    pub(crate) time: Timestamp,
    pub(crate) detail: &'p Document,
}

impl EventBridge {
    /// Puts events on a bus: `PutEvents`, or `PutPartnerEvents` where Amazon knows the operator as a partner.
    pub(crate) fn request(&self, bus: &Bus<'_>, events: &[Put<'_>], now: Timestamp) -> Result<Request<Bytes>, String> {
        if !aws::is_region(bus.region) {
            return Err("The stream names no region.".to_owned());
        }
        let name = self.bus.as_deref().unwrap_or(DEFAULT_BUS);
        let is_partner = name == PARTNER_BUS;
        // Sources that begin with `aws.` are Amazon's and its partners'.
        let source = if is_partner { bus.source } else { bus.source.trim_start_matches("aws.partner/") };
        let partition = if bus.region.starts_with("us-gov-") { "aws-us-gov" } else { "aws" };
        let place = format!("arn:{partition}:events:{}:{}:event-bus/{name}", bus.region, bus.account);
        let entry = |event: &Put<'_>| {
            let mut entry = json!({
                "Source": source,
                "DetailType": event.kind,
                "Detail": Value::from(event.detail.clone()).to_string(),
                "Time": event.time.seconds(),
            });
            if !is_partner {
                entry["EventBusName"] = place.as_str().into();
            }
            entry
        };
        let entries: Vec<Value> = events.iter().map(entry).collect();
        let own = format!("https://events.{}.amazonaws.com", bus.region);
        let address = self.endpoint.as_deref().unwrap_or(&own).trim_end_matches('/');
        let (_, host) = address.split_once("://").ok_or("The endpoint of Amazon EventBridge is not an address.")?;
        let call = aws::Call {
            key_id: &self.key_id,
            secret: self.secret.reveal(),
            region: bus.region,
            service: "events",
            address,
            host,
            content_type: "application/x-amz-json-1.1",
            headers: &[("x-amz-target", if is_partner { "AWSEvents.PutPartnerEvents" } else { "AWSEvents.PutEvents" })],
            body: json!({ "Entries": entries }).to_string(),
        };
        call.request(now).map_err(|error| format!("Amazon EventBridge cannot be called: {error}."))
    }

    /// Whether all events of a request were taken: EventBridge answers 200 also where it takes none.
    pub(crate) fn taken(answer: &[u8]) -> Result<(), String> {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        if answer["FailedEntryCount"].as_u64().unwrap_or(0) == 0 {
            return Ok(());
        }
        let entries = answer["Entries"].as_array();
        let refused = entries.into_iter().flatten().find(|entry| entry["ErrorCode"].is_string());
        let text = |name: &str| refused.and_then(|entry| entry[name].as_str()).unwrap_or_default();
        Err(format!("Amazon EventBridge answers {}: {}", text("ErrorCode"), text("ErrorMessage")))
    }
}

impl EventGrid {
    /// Publishes events in the schema of `CloudEvents` 1.0, which partner namespaces and topics take.
    pub(crate) fn request(&self, events: &[Value]) -> Result<Request<Bytes>, String> {
        let in_words = |error: &dyn std::fmt::Display| format!("Azure Event Grid cannot be called: {error}.");
        let mut key = HeaderValue::try_from(self.key.reveal()).map_err(|error| in_words(&error))?;
        key.set_sensitive(true);
        Request::post(&self.endpoint)
            .header(header::CONTENT_TYPE, "application/cloudevents-batch+json; charset=utf-8")
            .header("aeg-sas-key", key)
            .body(Value::from(events).to_string().into())
            .map_err(|error| in_words(&error))
    }
}

#[cfg(test)]
mod tests {
    use kernel::object;

    use super::*;

    fn put(bus: Option<&str>) -> (Request<Bytes>, Value) {
        let own = EventBridge {
            key_id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("secret"),
            bus: bus.map(str::to_owned),
            endpoint: None,
        };
        let place =
            Bus { account: "123456789012", region: "us-gov-west-1", source: "aws.partner/auth0.com/t-1/auth0.logs" };
        let detail = object(json!({"log_id": "1"}));
        let event = Put { kind: "Auth0 log", time: Timestamp::from_seconds(7), detail: &detail };
        let request = own.request(&place, &[event], Timestamp::EPOCH).unwrap();
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        (request, body["Entries"][0].clone())
    }

    #[test]
    fn events_are_put_on_the_bus_of_the_account_that_a_stream_names() {
        let (request, entry) = put(Some("identity"));
        assert_eq!(request.headers()["x-amz-target"], "AWSEvents.PutEvents");
        assert_eq!(request.uri(), "https://events.us-gov-west-1.amazonaws.com/");
        let expected = json!({
            "Source": "auth0.com/t-1/auth0.logs",
            "DetailType": "Auth0 log",
            "Detail": "{\"log_id\":\"1\"}",
            "Time": 7,
            "EventBusName": "arn:aws-us-gov:events:us-gov-west-1:123456789012:event-bus/identity",
        });
        assert_eq!(entry, expected);
    }

    #[test]
    fn a_partner_puts_events_under_its_source() {
        let (request, entry) = put(Some("aws.partner"));
        assert_eq!(request.headers()["x-amz-target"], "AWSEvents.PutPartnerEvents");
        assert_eq!(entry["Source"], "aws.partner/auth0.com/t-1/auth0.logs");
        assert_eq!(entry["EventBusName"], Value::Null);
    }

    #[test]
    fn an_answer_that_names_a_refused_event_is_a_refusal() {
        assert_eq!(EventBridge::taken(br#"{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}"#), Ok(()));
        let refused =
            br#"{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"AccessDenied","ErrorMessage":"no"}]}"#;
        assert_eq!(EventBridge::taken(refused), Err("Amazon EventBridge answers AccessDenied: no".to_owned()));
    }
}
