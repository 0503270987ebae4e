//! The sinks of log and event streams: each is sent what its vendor takes, and what it refuses is told and sent again.

use std::{collections::BTreeMap, time::Duration};

use aught::{Config, Dns, Endpoints, EventBridge, EventGrid, OutboundPrivate, Partners};
use aws_lc_rs::{digest, hmac};
use identity::hash::hex;
use kernel::Secret;
use serde_json::{Value, json};

use crate::{
    actions::{deployed, eventually},
    app::server_at,
    event_streams::Receiver,
    log_streams,
    server::TestServer,
    sinks::{HttpSink, Taken},
};

const SECRET: &str = "secret-access-key-of-a-test";
const ACCOUNT: &str = "123456789012";

/// A server whose vendors are these sinks.
async fn server_of(sinks: &BTreeMap<&str, HttpSink>, bus: Option<&str>) -> TestServer {
    let address = |name: &str| sinks.get(name).map(|sink| sink.address.clone());
    let vendors = ["datadog", "segment", "mixpanel"];
    let table = vendors.iter().filter_map(|name| Some(((*name).to_owned(), address(name)?))).collect();
    let eventbridge = address("eventbridge").map(|endpoint| EventBridge {
        key_id: "AKIDEXAMPLE".to_owned(),
        secret: Secret::new(SECRET),
        bus: bus.map(str::to_owned),
        endpoint: Some(endpoint),
    });
    let eventgrid = address("eventgrid").map(|endpoint| EventGrid { endpoint, key: Secret::new("grid-key") });
    TestServer::of(Config {
        dns: Dns::Trusting,
        developer_tools: Some(false),
        message_endpoints: Endpoints::new(table),
        partners: Partners { eventbridge, eventgrid },
        ..Config::in_memory()
    })
    .await
}

/// A sink for each of these names, which gives the answers first.
async fn sinks<'n>(names: &[&'n str], answers: &[(u16, Value)]) -> BTreeMap<&'n str, HttpSink> {
    let mut sinks = BTreeMap::new();
    for name in names {
        sinks.insert(*name, HttpSink::start(answers.to_vec()).await);
    }
    sinks
}

/// What a stream of a type says of its sink.
fn sink_of(kind: &str, address: &str) -> Value {
    match kind {
        "datadog" => json!({"datadogApiKey": "dd-key-1", "datadogRegion": "eu"}),
        "splunk" => {
            let port = address.rsplit(':').next().unwrap();
            json!({"splunkDomain": "127.0.0.1", "splunkPort": port, "splunkToken": "splunk-token-1", "splunkSecure": false})
        }
        "sumo" => json!({"sumoSourceAddress": format!("{address}/receiver/v1/http/key")}),
        "segment" => json!({"segmentWriteKey": "segment-key-1"}),
        "mixpanel" => json!({
            "mixpanelRegion": "eu", "mixpanelProjectId": "7",
            "mixpanelServiceAccountUsername": "me", "mixpanelServiceAccountPassword": "mixpanel-password-1",
        }),
        "eventbridge" => json!({"awsAccountId": ACCOUNT, "awsRegion": "eu-west-1"}),
        _ => json!({
            "azureSubscriptionId": "69e5ba4c-0c63-4e35-9a5a-4c8f9a1f7d10", "azureRegion": "northeurope",
            "azureResourceGroup": "identity",
        }),
    }
}

/// Makes a log stream of a type; its path.
async fn log_stream(server: &TestServer, kind: &str, sinks: &BTreeMap<&str, HttpSink>) -> String {
    let address = sinks.get(kind).map(|sink| sink.address.as_str()).unwrap_or_default();
    let made = server.post("/log-streams", json!({"name": kind, "type": kind, "sink": sink_of(kind, address)})).await;
    assert_eq!(made.status, 200, "{made:?}");
    format!("/log-streams/{}", made.body["id"].as_str().unwrap())
}

fn header<'t>(taken: &'t Taken, name: &str) -> &'t str {
    taken.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The request that tells of something.
async fn telling(sink: &HttpSink, what: &str) -> Taken {
    eventually(async || sink.taken().into_iter().find(|taken| taken.body.contains(what))).await
}

/// Computes the signature of a request anew, as its receiver does (Signature Version 4).
fn assert_signed(taken: &Taken, region: &str) {
    let mac =
        |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let digest = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    let authorization = header(taken, "authorization");
    let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
    let lines: Vec<String> = names.split(';').map(|name| format!("{name}:{}", header(taken, name))).collect();
    let canonical = format!("POST\n/\n\n{}\n\n{names}\n{}", lines.join("\n"), digest(&taken.body));
    let time = header(taken, "x-amz-date");
    let scope = format!("{}/{region}/events/aws4_request", &time[..8]);
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", digest(&canonical));
    let key = scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &text));
    assert_eq!(
        authorization,
        format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={names}, Signature={signature}")
    );
    for signed in ["content-type", "host", "x-amz-date", "x-amz-target"] {
        assert!(names.split(';').any(|name| name == signed), "{names}");
    }
}

#[tokio::test]
async fn each_vendor_is_sent_the_log_as_it_takes_it() {
    let kinds = ["datadog", "splunk", "sumo", "segment", "mixpanel", "eventbridge", "eventgrid"];
    let sinks = sinks(&kinds, &[]).await;
    let server = server_of(&sinks, Some("identity")).await;
    let mut paths = BTreeMap::new();
    for kind in kinds {
        paths.insert(kind, log_stream(&server, kind, &sinks).await);
    }
    server.post("/organizations", json!({"name": "acme"})).await;
    let mut got = BTreeMap::new();
    for kind in kinds {
        got.insert(kind, telling(&sinks[kind], "Create an Organization").await);
    }
    let last = |value: &Value| value.as_array().unwrap().last().unwrap().clone();
    let told = |item: &Value| {
        assert_eq!(item["data"]["log_id"], item["log_id"]);
        assert_eq!((&item["data"]["type"], &item["data"]["tenant_name"]), (&json!("sapi"), &json!("localhost")));
    };

    let taken = &got["datadog"];
    assert_eq!((taken.path.as_str(), header(taken, "dd-api-key")), ("/api/v2/logs?ddsource=auth0", "dd-key-1"));
    told(&last(&taken.json()));

    let taken = &got["splunk"];
    assert_eq!(taken.path, "/services/collector/event");
    assert_eq!(header(taken, "authorization"), "Splunk splunk-token-1");
    let event: Value = serde_json::from_str(taken.body.lines().last().unwrap()).unwrap();
    assert!(event["time"].as_i64().unwrap() > 0);
    told(&event["event"]);

    let taken = &got["sumo"];
    assert_eq!(taken.path, "/receiver/v1/http/key");
    told(&serde_json::from_str(taken.body.lines().last().unwrap()).unwrap());

    let taken = &got["segment"];
    // segment-key-1:
    assert_eq!((taken.path.as_str(), header(taken, "authorization")), ("/v1/batch", "Basic c2VnbWVudC1rZXktMTo="));
    let event = last(&taken.json()["batch"]);
    assert_eq!((&event["type"], &event["event"]), (&json!("track"), &json!("sapi")));
    assert_eq!((&event["messageId"], &event["anonymousId"]), (&event["properties"]["log_id"], &event["messageId"]));

    let taken = &got["mixpanel"];
    assert_eq!(taken.path, "/import?strict=1&project_id=7");
    // me:mixpanel-password-1
    assert_eq!(header(taken, "authorization"), "Basic bWU6bWl4cGFuZWwtcGFzc3dvcmQtMQ==");
    let event = last(&taken.json());
    let id = event["properties"]["$insert_id"].as_str().unwrap();
    assert!(id.len() <= 36 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    assert!(event["properties"]["time"].is_i64() && event["properties"]["distinct_id"].is_string());

    let taken = &got["eventbridge"];
    assert_signed(taken, "eu-west-1");
    assert_eq!(header(taken, "x-amz-target"), "AWSEvents.PutEvents");
    let entries = taken.json()["Entries"].clone();
    assert!(entries.as_array().unwrap().len() <= 10);
    let entry = last(&entries);
    assert_eq!(
        (&entry["DetailType"], &entry["EventBusName"]),
        (&json!("Auth0 log"), &json!(format!("arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/identity")),)
    );
    let source = server.get(&paths["eventbridge"]).await.body["sink"]["awsPartnerEventSource"].clone();
    assert_eq!(format!("aws.partner/{}", entry["Source"].as_str().unwrap()), source.as_str().unwrap());
    told(&serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap());

    let taken = &got["eventgrid"];
    assert_eq!(header(taken, "aeg-sas-key"), "grid-key");
    assert_eq!(header(taken, "content-type"), "application/cloudevents-batch+json; charset=utf-8");
    let event = last(&taken.json());
    let topic = server.get(&paths["eventgrid"]).await.body["sink"]["azurePartnerTopic"].clone();
    assert_eq!(
        (&event["source"], &event["specversion"], &event["id"]),
        (&topic, &json!("1.0"), &event["data"]["log_id"])
    );
    told(&event["data"]);

    for path in paths.values() {
        let healthy = async || Some(health(&server, path).await).filter(|health| health["delivered_at"].is_string());
        let health = eventually(healthy).await;
        assert_eq!((&health["health"], &health["errors"]), (&json!("healthy"), &json!([])), "{health}");
    }
    server.end().await;
}

async fn health(server: &TestServer, path: &str) -> Value {
    let health = server.get(&format!("{path}/health")).await;
    assert_eq!(health.status, 200, "{health:?}");
    health.body
}

/// The health of a stream when it has this many errors.
async fn with_errors(server: &TestServer, path: &str, count: usize) -> Value {
    let enough = |health: &Value| health["errors"].as_array().unwrap().len() >= count;
    eventually(async || Some(health(server, path).await).filter(enough)).await
}

/// The id of the first entry that a request tells of.
fn first_entry(taken: &Taken) -> &str {
    taken.body.split(|character: char| !character.is_ascii_digit()).find(|digits| digits.len() == 56).unwrap()
}

#[tokio::test]
async fn what_a_vendor_refuses_is_told_by_the_streams_health_and_sent_again() {
    let refusals = [
        (
            "datadog",
            (403, json!({"errors": [{"message": "Forbidden key"}]})),
            "127.0.0.1 answers 403 Forbidden: Forbidden key",
        ),
        ("splunk", (503, json!({"text": "Server is busy", "code": 9})), "127.0.0.1 answers 503 Service Unavailable."),
        (
            "segment",
            (400, json!({"message": "Exceed payload limit"})),
            "127.0.0.1 answers 400 Bad Request: Exceed payload limit",
        ),
        (
            "eventbridge",
            (
                200,
                json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}]}),
            ),
            "Amazon EventBridge answers ThrottlingException: slow down",
        ),
        (
            "eventgrid",
            (401, json!({"error": {"code": "Unauthorized", "message": "The key is wrong"}})),
            "127.0.0.1 answers 401 Unauthorized: The key is wrong",
        ),
    ];
    let mut sinks = BTreeMap::new();
    for (kind, answer, _) in &refusals {
        sinks.insert(*kind, HttpSink::start([answer.clone()]).await);
    }
    let server = server_of(&sinks, None).await;
    for (kind, _, expected) in &refusals {
        let path = log_stream(&server, kind, &sinks).await;
        let told = with_errors(&server, &path, 1).await;
        assert_eq!(told["errors"][0]["message"], *expected, "{kind}");
        let mended = async || Some(health(&server, &path).await).filter(|health| health["health"] == "healthy");
        let mended = eventually(mended).await;
        assert_eq!((&mended["failures"], &mended["errors"]), (&json!(0), &told["errors"]), "{kind}");
        let taken = sinks[kind].taken();
        assert_eq!(first_entry(&taken[0]), first_entry(&taken[1]), "{kind}");
    }
    server.end().await;
}

#[tokio::test]
async fn streams_to_partners_wait_for_what_the_operator_has_not_given() {
    let server = server_of(&BTreeMap::new(), None).await;
    for (kind, expected) in [
        ("eventbridge", "The installation has no access key for Amazon EventBridge."),
        ("eventgrid", "The installation has no topic at Azure Event Grid."),
    ] {
        let path = log_stream(&server, kind, &BTreeMap::new()).await;
        let waits = async || Some(health(&server, &path).await).filter(|health| health["health"] == "pending");
        let told = eventually(waits).await;
        assert_eq!((&told["waits_for"], &told["status"]), (&json!(expected), &json!("active")));
        assert_eq!((&told["failures"], &told["errors"]), (&json!(0), &json!([])));
    }
    let bridge = event_stream(
        &server,
        &json!({"type": "eventbridge", "configuration": {"aws_account_id": ACCOUNT, "aws_region": "eu-west-1"}}),
    )
    .await;
    let sent = server.post(&format!("{bridge}/test"), json!({"event_type": "user.created"})).await;
    let failed = delivery(&server, &bridge, sent.body["id"].as_str().unwrap(), "failed").await;
    let attempts = failed["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0]["error_message"], "The installation has no access key for Amazon EventBridge.");
    server.end().await;
}

#[tokio::test]
async fn a_sink_on_a_private_network_is_refused() {
    let sinks = sinks(&["sumo"], &[]).await;
    let server = TestServer::of(Config {
        dns: Dns::Trusting,
        outbound_private: Some(OutboundPrivate::Refuse),
        developer_tools: Some(false),
        ..Config::in_memory()
    })
    .await;
    let path = log_stream(&server, "sumo", &sinks).await;
    let told = with_errors(&server, &path, 1).await;
    let expected = "Calls to \"127.0.0.1\" are not allowed: it is not a public address.";
    assert_eq!((&told["errors"][0]["message"], &told["health"]), (&json!(expected), &json!("failing")));
    assert!(sinks["sumo"].taken().is_empty());
    server.end().await;
}

#[tokio::test]
async fn a_stream_whose_sink_fails_for_long_is_suspended_and_goes_on_where_it_was() {
    let (server, clock) = server_at(1_790_000_000).await;
    let receiver = Receiver::default();
    let failing: Vec<u16> = [500; 25].into_iter().chain([200]).collect();
    let path = log_streams::stream(&server, &receiver.listen_in_turn(&failing).await, json!({})).await;
    let user = json!({
        "connection": "Username-Password-Authentication", "email": "ann@example.com", "password": "Aught-1234!",
        "verify_email": false,
    });
    let user = json!({"user_id": server.post("/users", user).await.body["user_id"]});
    // The health of the stream, once it is as wanted; time passes with every failure.
    let wait = async |member: &str, wanted: &str| {
        let mut known = 0;
        let look = async || {
            // A job is looked for when another one is enqueued.
            server.post("/jobs/verification-email", user.clone()).await;
            let health = health(&server, &path).await;
            let failures = health["failures"].as_u64().unwrap();
            if failures > known {
                known = failures;
                clock.advance(Duration::from_secs(900));
            }
            (health[member] == wanted).then_some(health)
        };
        eventually(look).await
    };
    let told = wait("status", "suspended").await;
    assert_eq!((&told["health"], &told["failures"]), (&json!("suspended"), &json!(25)));
    assert_eq!(told["errors"].as_array().unwrap().len(), 10);
    // The contract wants https, which a sink of tests does not have.
    assert_eq!(server.judged(http::Method::GET, &path, None).await.0.body["status"], "suspended");
    let resumed = server.judged(http::Method::PATCH, &path, Some(json!({"status": "active"}))).await.0;
    assert_eq!(resumed.status, 200, "{resumed:?}");
    wait("health", "healthy").await;
    // Each try was of the same entries: nothing is lost to a sink that fails.
    let first = receiver.next().await.1[0]["log_id"].clone();
    for _ in 1..24 {
        assert_eq!(receiver.next().await.1[0]["log_id"], first);
    }
    server.end().await;
}

/// Makes an event stream of users to a destination; its path.
async fn event_stream(server: &TestServer, destination: &Value) -> String {
    let subscriptions = json!([{"event_type": "user.created"}, {"event_type": "organization.created"}]);
    let name = destination["type"].clone();
    let made = server
        .post("/event-streams", json!({"name": name, "subscriptions": subscriptions, "destination": destination}))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    format!("/event-streams/{}", made.body["id"].as_str().unwrap())
}

/// A delivery when it has this status.
async fn delivery(server: &TestServer, stream: &str, event: &str, status: &str) -> Value {
    let path = format!("{stream}/deliveries/{event}");
    eventually(async || Some(server.get(&path).await.body).filter(|delivery| delivery["status"] == status)).await
}

#[tokio::test]
async fn events_are_put_on_the_bus_and_refused_ones_are_sent_again() {
    let throttled =
        json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}]});
    let denied = (400, json!({"__type": "AccessDeniedException", "message": "no"}));
    let sinks = BTreeMap::from([("eventbridge", HttpSink::start([(200, throttled), (200, json!({})), denied]).await)]);
    let server = server_of(&sinks, Some("aws.partner")).await;
    let configuration = json!({"aws_account_id": ACCOUNT, "aws_region": "us-gov-east-1"});
    let path = event_stream(&server, &json!({"type": "eventbridge", "configuration": configuration})).await;
    let source = server.get(&path).await.body["destination"]["configuration"]["aws_partner_event_source"].clone();
    server.post("/organizations", json!({"name": "acme"})).await;
    // The event that was throttled is put again.
    let taken = eventually(async || Some(sinks["eventbridge"].taken()).filter(|taken| taken.len() == 2)).await;
    for taken in &taken {
        assert_signed(taken, "us-gov-east-1");
        assert_eq!(header(taken, "x-amz-target"), "AWSEvents.PutPartnerEvents");
    }
    let entry = taken[0].json()["Entries"][0].clone();
    assert_eq!(entry, taken[1].json()["Entries"][0]);
    assert_eq!((&entry["DetailType"], &entry["Source"]), (&json!("organization.created"), &source));
    let event: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    assert_eq!((&event["type"], &event["data"]["object"]["name"]), (&json!("organization.created"), &json!("acme")));
    // What Amazon refuses for good fails at once, and is put when somebody asks for it.
    let sent = server.post(&format!("{path}/test"), json!({"event_type": "user.created"})).await;
    let id = sent.body["id"].as_str().unwrap();
    let failed = delivery(&server, &path, id, "failed").await;
    assert_eq!(failed["attempts"][0]["error_message"], "127.0.0.1 answers 400 Bad Request: no");
    assert_eq!(server.post(&format!("{path}/redeliver"), json!({"event_types": ["user.deleted"]})).await.status, 202);
    assert_eq!(server.get(&format!("{path}/deliveries/{id}")).await.body["status"], "failed");
    let meant = json!({"event_types": ["user.created"], "statuses": ["failed"]});
    assert_eq!(server.post(&format!("{path}/redeliver"), meant).await.status, 202);
    let gone = async || (server.get(&format!("{path}/deliveries/{id}")).await.status == 404).then_some(());
    eventually(gone).await;
    assert_eq!(sinks["eventbridge"].taken().len(), 4);
    server.end().await;
}

#[tokio::test]
async fn an_action_is_told_of_events_and_again_where_it_throws() {
    let server = TestServer::start().await;
    let code =
        "exports.onExecuteEventStream = async (event, api) => { throw new Error('not ' + event.message.type); };";
    let action = deployed(&server, "Take", ("event-stream", "v1"), code).await;
    let path = event_stream(&server, &json!({"type": "action", "configuration": {"action_id": action}})).await;
    let sent = server.post(&format!("{path}/test"), json!({"event_type": "user.created"})).await;
    let failed = delivery(&server, &path, sent.body["id"].as_str().unwrap(), "failed").await;
    let attempts = failed["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 4);
    for attempt in attempts {
        assert!(attempt["error_message"].as_str().unwrap().contains("not user.created"), "{attempt}");
    }
    server.end().await;
}
