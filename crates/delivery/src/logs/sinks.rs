//! What each type of sink is sent (reference: streams §2).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header, request::Builder};
use kernel::{Document, Record, Timestamp, Value};
use outbound::Client;
use serde_json::json;

use crate::{
    Endpoints,
    messages::{self, Failure, call},
    partners::{Bus, EventBridge, NO_EVENTBRIDGE, NO_EVENTGRID, Partners, Put},
};

/// What a sink takes in one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) entries: usize,
    pub(super) bytes: usize,
}

/// What most sinks take.
const USUAL: Most = Most { entries: 100, bytes: 1 << 20 };
/// What those take whose vendors bound requests otherwise; some of their bytes are left to what stands around entries.
const BOUNDED: [(&str, Most); 3] = [
    ("segment", Most { entries: 100, bytes: 450 << 10 }),
    ("eventbridge", Most { entries: 10, bytes: 224 << 10 }),
    ("eventgrid", Most { entries: 100, bytes: 896 << 10 }),
];

/// What the sink of a stream takes in one request.
pub(super) fn most(stream: &Record) -> Most {
    let kind = stream.text("type").unwrap_or_default();
    BOUNDED.iter().find(|(name, _)| *name == kind).map_or(USUAL, |(_, most)| *most)
}

/// Reaches the sinks of streams. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sinks {
    /// Calls them.
    pub outbound: Client,
    /// Where vendors are called in place of their own addresses.
    pub endpoints: Endpoints,
    /// What the operator has at Amazon and Microsoft.
    pub partners: Partners,
}

impl Sinks {
    /// What only the operator can give for a stream, and has not.
    pub(super) fn lack(&self, stream: &Record) -> Option<&'static str> {
        match stream.text("type") {
            Some("eventbridge") if self.partners.eventbridge.is_none() => Some(NO_EVENTBRIDGE),
            Some("eventgrid") if self.partners.eventgrid.is_none() => Some(NO_EVENTGRID),
            _ => None,
        }
    }

    /// Brings items to a stream's sink, or tells why it did not take them.
    pub(super) async fn send(&self, stream: &Record, items: &[Document], now: Timestamp) -> Result<(), Failure> {
        let request = self.request(stream, items, now).map_err(Failure::for_now)?;
        let answer = call(&self.outbound, request).await?;
        if stream.text("type") == Some("eventbridge") {
            EventBridge::taken(answer.body()).map_err(Failure::for_now)?;
        }
        Ok(())
    }

    /// The request that brings these items to a stream's sink. The error says why there is none.
    fn request(&self, stream: &Record, items: &[Document], now: Timestamp) -> Result<Request<Bytes>, String> {
        let revealed = stream.revealed();
        let sink = Sink { known: revealed.get("sink"), endpoints: &self.endpoints };
        let (request, body) = match stream.text("type").unwrap_or_default() {
            "http" => sink.http(items),
            "datadog" => sink.datadog(items),
            "splunk" => sink.splunk(items),
            "sumo" => (post(sink.text("sumoSourceAddress")).header(header::CONTENT_TYPE, JSON), lines(items)),
            "segment" => sink.segment(items),
            "mixpanel" => sink.mixpanel(items),
            "eventbridge" => return sink.eventbridge(&self.partners, items, now),
            "eventgrid" => return sink.eventgrid(&self.partners, items),
            other => return Err(format!("Logs cannot be sent to a sink of type \"{other}\".")),
        };
        request.body(body.into()).map_err(|error| format!("The sink cannot be called: {error}."))
    }
}

const JSON: &str = "application/json";

/// What is known of a sink.
struct Sink<'s> {
    /// Its secrets included.
    known: Option<&'s Value>,
    endpoints: &'s Endpoints,
}

impl Sink<'_> {
    fn text(&self, name: &str) -> &str {
        self.known.and_then(|sink| sink.get(name)).and_then(Value::as_str).unwrap_or_default()
    }

    fn http(&self, items: &[Document]) -> (Builder, String) {
        let media_type = Some(self.text("httpContentType")).filter(|text| !text.is_empty()).unwrap_or(JSON);
        let mut request = post(self.text("httpEndpoint")).header(header::CONTENT_TYPE, media_type);
        let authorization = self.text("httpAuthorization");
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, secret(authorization));
        }
        let custom = self.known.and_then(|sink| sink.get("httpCustomHeaders")).and_then(Value::as_array);
        for entry in custom.into_iter().flatten() {
            let text = |name: &str| entry[name].as_str().unwrap_or_default();
            if let (Ok(name), Ok(value)) = (text("header").parse::<HeaderName>(), HeaderValue::try_from(text("value")))
            {
                request = request.header(name, value);
            }
        }
        let body = match self.text("httpContentFormat") {
            "JSONARRAY" => json!(items).to_string(),
            "JSONOBJECT" => json!({"logs": items}).to_string(),
            _ => lines(items),
        };
        (request, body)
    }

    fn datadog(&self, items: &[Document]) -> (Builder, String) {
        let host = match self.text("datadogRegion") {
            "eu" => "datadoghq.eu",
            "us3" => "us3.datadoghq.com",
            "us5" => "us5.datadoghq.com",
            _ => "datadoghq.com",
        };
        let base = self.endpoints.of("datadog", &format!("https://http-intake.logs.{host}"));
        let request = post(&format!("{base}/api/v2/logs?ddsource=auth0"));
        let request =
            request.header(header::CONTENT_TYPE, JSON).header("DD-API-KEY", secret(self.text("datadogApiKey")));
        (request, json!(items).to_string())
    }

    fn splunk(&self, items: &[Document]) -> (Builder, String) {
        let is_secure = self.known.and_then(|sink| sink.get("splunkSecure")) != Some(&false.into());
        let scheme = if is_secure { "https" } else { "http" };
        let (domain, port) = (self.text("splunkDomain"), self.text("splunkPort"));
        let request = post(&format!("{scheme}://{domain}:{port}/services/collector/event"));
        let token = secret(&format!("Splunk {}", self.text("splunkToken")));
        let event = |item: &Document| {
            json!({"event": item, "time": seconds(item), "source": "auth0", "sourcetype": "auth0:tenant:log"})
                .to_string()
        };
        let events: Vec<String> = items.iter().map(event).collect();
        (request.header(header::AUTHORIZATION, token).header(header::CONTENT_TYPE, JSON), events.join("\n"))
    }

    fn segment(&self, items: &[Document]) -> (Builder, String) {
        let event = |item: &Document| {
            let data = &item["data"];
            let user = data["user_id"].as_str().filter(|id| !id.is_empty());
            let mut event = json!({
                "type": "track",
                "event": data["type"],
                "messageId": item["log_id"],
                "timestamp": data["date"],
                "properties": data,
            });
            // Segment takes one of the two.
            match user {
                Some(user) => event["userId"] = user.into(),
                None => event["anonymousId"] = item["log_id"].clone(),
            }
            event
        };
        let batch: Vec<Value> = items.iter().map(event).collect();
        let base = self.endpoints.of("segment", "https://api.segment.io");
        let request = basic(post(&format!("{base}/v1/batch")), self.text("segmentWriteKey"), "");
        (request, json!({"batch": batch}).to_string())
    }

    fn mixpanel(&self, items: &[Document]) -> (Builder, String) {
        let host = if self.text("mixpanelRegion") == "eu" { "api-eu" } else { "api" };
        let project = self.text("mixpanelProjectId");
        let event = |item: &Document| {
            let data = &item["data"];
            let mut properties = data.as_object().cloned().unwrap_or_default();
            properties.insert("time".into(), seconds(item).into());
            properties.insert("distinct_id".into(), data["user_id"].as_str().unwrap_or_default().into());
            // Mixpanel takes an event with the same one once; it has 36 characters at most.
            let id = identity::hash::hex(kernel::digest(item["log_id"].as_str().unwrap_or_default()).as_bytes());
            properties.insert("$insert_id".into(), id.chars().take(36).collect::<String>().into());
            json!({"event": data["type"], "properties": properties})
        };
        let events: Vec<Value> = items.iter().map(event).collect();
        let base = self.endpoints.of("mixpanel", &format!("https://{host}.mixpanel.com"));
        let request = post(&format!("{base}/import?strict=1&project_id={project}"));
        let (user, password) =
            (self.text("mixpanelServiceAccountUsername"), self.text("mixpanelServiceAccountPassword"));
        (basic(request, user, password), json!(events).to_string())
    }

    fn eventbridge(&self, partners: &Partners, items: &[Document], now: Timestamp) -> Result<Request<Bytes>, String> {
        let own = partners.eventbridge.as_ref().ok_or(NO_EVENTBRIDGE)?;
        let bus = Bus {
            account: self.text("awsAccountId"),
            region: self.text("awsRegion"),
            source: self.text("awsPartnerEventSource"),
        };
        let event = |item| Put { kind: "Auth0 log", time: date(item).unwrap_or(now), detail: item };
        own.request(&bus, &items.iter().map(event).collect::<Vec<_>>(), now)
    }

    fn eventgrid(&self, partners: &Partners, items: &[Document]) -> Result<Request<Bytes>, String> {
        let own = partners.eventgrid.as_ref().ok_or(NO_EVENTGRID)?;
        let source = self.text("azurePartnerTopic");
        let event = |item: &Document| {
            json!({
                "specversion": "1.0",
                "id": item["log_id"],
                "source": source,
                "type": "Auth0.log",
                "subject": item["data"]["type"],
                "time": item["data"]["date"],
                "datacontenttype": "application/json",
                "data": item,
            })
        };
        own.request(&items.iter().map(event).collect::<Vec<_>>())
    }
}

fn post(address: &str) -> Builder {
    Request::post(address)
}

fn basic(request: Builder, user: &str, password: &str) -> Builder {
    let authorization = secret(&messages::basic(user, password));
    request.header(header::CONTENT_TYPE, JSON).header(header::AUTHORIZATION, authorization)
}

/// A header's value that is never shown; a text that cannot be one becomes nothing.
fn secret(text: &str) -> HeaderValue {
    let mut value = HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

fn lines(items: &[Document]) -> String {
    let lines: Vec<String> = items.iter().map(|item| json!(item).to_string()).collect();
    lines.join("\n")
}

fn date(item: &Document) -> Option<Timestamp> {
    item["data"]["date"].as_str().and_then(|date| date.parse().ok())
}

fn seconds(item: &Document) -> i64 {
    date(item).unwrap_or(Timestamp::EPOCH).seconds()
}

#[cfg(test)]
mod tests {
    use kernel::object;

    use super::*;

    fn stream(kind: &str, sink: &Value) -> Record {
        Record::new("lst_1", object(json!({"type": kind, "sink": sink})), Timestamp::EPOCH)
    }

    fn request(stream: &Record, items: &[Document]) -> Result<Request<Bytes>, String> {
        let sinks =
            Sinks { outbound: Client::new(false), endpoints: Endpoints::default(), partners: Partners::default() };
        sinks.request(stream, items, Timestamp::EPOCH)
    }

    fn items() -> Vec<Document> {
        let item = |id: &str| object(json!({"log_id": id, "data": {"type": "s", "date": "2027-01-01T00:00:00.000Z"}}));
        vec![item("1"), item("2")]
    }

    #[test]
    fn an_http_sink_gets_its_format_and_its_headers() {
        let headers = json!([{"header": "x-env", "value": "test"}]);
        let sink = json!({"httpEndpoint": "https://logs.example.com/in", "httpContentType": "application/json"});
        for (format, expected) in
            [("JSONLINES", "{\"log_id\":\"1\""), ("JSONARRAY", "[{"), ("JSONOBJECT", "{\"logs\":[")]
        {
            let mut sink = sink.clone();
            sink["httpContentFormat"] = format.into();
            sink["httpCustomHeaders"] = headers.clone();
            let mut stream = stream("http", &sink);
            stream.sealed.set("sink.httpAuthorization", "Basic x");
            let request = request(&stream, &items()).unwrap();
            assert_eq!(
                (&request.headers()["authorization"], &request.headers()["x-env"]),
                (&"Basic x".parse().unwrap(), &"test".parse().unwrap())
            );
            let body = String::from_utf8(request.body().to_vec()).unwrap();
            assert!(body.starts_with(expected), "{format}: {body}");
            assert_eq!(body.lines().count(), if format == "JSONLINES" { 2 } else { 1 });
        }
    }

    #[test]
    fn vendors_get_their_keys_where_they_look_for_them() {
        let mut splunk =
            stream("splunk", &json!({"splunkDomain": "s.example.com", "splunkPort": "8088", "splunkSecure": true}));
        splunk.sealed.set("sink.splunkToken", "t");
        let request_of = |stream: &Record| request(stream, &items()).unwrap();
        let sent = request_of(&splunk);
        assert_eq!(sent.uri(), "https://s.example.com:8088/services/collector/event");
        assert_eq!(sent.headers()["authorization"], "Splunk t");
        let mut datadog = stream("datadog", &json!({"datadogRegion": "eu"}));
        datadog.sealed.set("sink.datadogApiKey", "k");
        assert_eq!(request_of(&datadog).headers()["dd-api-key"], "k");
        let mixpanel = stream("mixpanel", &json!({"mixpanelRegion": "eu", "mixpanelProjectId": "7"}));
        assert_eq!(request_of(&mixpanel).uri().host(), Some("api-eu.mixpanel.com"));
        let regions = [("us", "datadoghq.com"), ("us3", "us3.datadoghq.com"), ("us5", "us5.datadoghq.com")];
        for (region, host) in regions {
            let sent = request_of(&stream("datadog", &json!({"datadogRegion": region})));
            assert_eq!(sent.uri().host(), Some(format!("http-intake.logs.{host}").as_str()));
        }
        assert_eq!(request(&stream("eventgrid", &json!({})), &items()).unwrap_err(), NO_EVENTGRID);
    }
}
