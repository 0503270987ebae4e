//! What each type of sink is sent (reference: streams §2).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header, request::Builder};
use kernel::{Document, Record, Timestamp, Value};
use serde_json::json;

/// Whether a stream's sink can be called. Those of partners get events only from within the partner's network.
pub(super) fn is_reachable(stream: &Record) -> bool {
    !matches!(stream.text("type"), Some("eventbridge" | "eventgrid"))
}

/// The request that brings these items to a stream's sink. The error says why there is none.
pub(super) fn request(stream: &Record, items: &[Document]) -> Result<Request<Bytes>, String> {
    let revealed = stream.revealed();
    let sink = Sink(revealed.get("sink"));
    let (request, body) = match stream.text("type").unwrap_or_default() {
        "http" => sink.http(items),
        "datadog" => sink.datadog(items),
        "splunk" => sink.splunk(items),
        "sumo" => (post(sink.text("sumoSourceAddress")).header(header::CONTENT_TYPE, JSON), lines(items)),
        "segment" => sink.segment(items),
        "mixpanel" => sink.mixpanel(items),
        other => return Err(format!("Logs cannot be sent to a sink of type \"{other}\".")),
    };
    request.body(body.into()).map_err(|error| format!("The sink cannot be called: {error}."))
}

const JSON: &str = "application/json";

/// What is known of a sink, its secrets included.
struct Sink<'s>(Option<&'s Value>);

impl Sink<'_> {
    fn text(&self, name: &str) -> &str {
        self.0.and_then(|sink| sink.get(name)).and_then(Value::as_str).unwrap_or_default()
    }

    fn http(&self, items: &[Document]) -> (Builder, String) {
        let media_type = Some(self.text("httpContentType")).filter(|text| !text.is_empty()).unwrap_or(JSON);
        let mut request = post(self.text("httpEndpoint")).header(header::CONTENT_TYPE, media_type);
        let authorization = self.text("httpAuthorization");
        if !authorization.is_empty() {
            request = request.header(header::AUTHORIZATION, secret(authorization));
        }
        let custom = self.0.and_then(|sink| sink.get("httpCustomHeaders")).and_then(Value::as_array);
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
        let request = post(&format!("https://http-intake.logs.{host}/api/v2/logs?ddsource=auth0"));
        let request =
            request.header(header::CONTENT_TYPE, JSON).header("DD-API-KEY", secret(self.text("datadogApiKey")));
        (request, json!(items).to_string())
    }

    fn splunk(&self, items: &[Document]) -> (Builder, String) {
        let is_secure = self.0.and_then(|sink| sink.get("splunkSecure")) != Some(&false.into());
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
            json!({
                "type": "track",
                "event": data["type"],
                "messageId": item["log_id"],
                "timestamp": data["date"],
                "userId": user,
                "anonymousId": user.is_none().then_some(&item["log_id"]),
                "properties": data,
            })
        };
        let batch: Vec<Value> = items.iter().map(event).collect();
        let request = basic(post("https://api.segment.io/v1/batch"), self.text("segmentWriteKey"), "");
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
            properties.insert("$insert_id".into(), item["log_id"].clone());
            json!({"event": data["type"], "properties": properties})
        };
        let events: Vec<Value> = items.iter().map(event).collect();
        let request = post(&format!("https://{host}.mixpanel.com/import?strict=1&project_id={project}"));
        let (user, password) =
            (self.text("mixpanelServiceAccountUsername"), self.text("mixpanelServiceAccountPassword"));
        (basic(request, user, password), json!(events).to_string())
    }
}

fn post(address: &str) -> Builder {
    Request::post(address)
}

fn basic(request: Builder, user: &str, password: &str) -> Builder {
    let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
    request.header(header::CONTENT_TYPE, JSON).header(header::AUTHORIZATION, secret(&format!("Basic {pair}")))
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

fn seconds(item: &Document) -> i64 {
    let date = item["data"]["date"].as_str().and_then(|date| date.parse::<Timestamp>().ok());
    date.unwrap_or(Timestamp::EPOCH).seconds()
}

#[cfg(test)]
mod tests {
    use kernel::object;

    use super::*;

    fn stream(kind: &str, sink: &Value) -> Record {
        Record::new("lst_1", object(json!({"type": kind, "sink": sink})), Timestamp::EPOCH)
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
        assert!(request(&stream("eventgrid", &json!({})), &items()).is_err());
    }
}
