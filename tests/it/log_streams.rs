//! Log streams: what is logged is sent, filtered, and sent again where a sink fails.

use kernel::TenantId;
use model::LOG_STREAM;
use serde_json::{Value, json};
use store::Tx;

use crate::{event_streams::Receiver, server::TestServer};

/// Makes a stream to an address; gives its path.
pub(crate) async fn stream(server: &TestServer, url: &str, more: Value) -> String {
    let sink = json!({
        "httpEndpoint": "https://logs.invalid",
        "httpContentType": "application/json",
        "httpContentFormat": "JSONARRAY",
        "httpAuthorization": "Basic secret",
    });
    let mut body = json!({"name": "S", "type": "http", "sink": sink});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = server.post("/log-streams", body).await;
    assert_eq!(made.status, 200, "{made:?}");
    let id = made.body["id"].as_str().unwrap().to_owned();
    // The API takes https only; the receiver of a test has no certificate.
    let (stream, url) = (id.clone(), url.to_owned());
    let redirect = move |tx: &mut Tx| {
        let mut record = tx.get(&LOG_STREAM, &stream)?.unwrap();
        record.sealed.set("sink.httpEndpoint", url.as_str());
        record.document["status"] = "active".into();
        tx.update(&LOG_STREAM, record)
    };
    server.running.store.write(&TenantId::new("localhost"), redirect).await.unwrap();
    format!("/log-streams/{id}")
}

/// The descriptions of what comes, until one is as wanted.
async fn until(receiver: &Receiver, wanted: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let (authorization, items) = receiver.next().await;
        assert_eq!(authorization.as_deref(), Some("Basic secret"));
        for item in items.as_array().unwrap() {
            assert_eq!(item["data"]["log_id"], item["log_id"]);
            all.push(item["data"]["description"].as_str().unwrap_or_default().to_owned());
        }
        if all.iter().any(|description| description == wanted) {
            return all;
        }
    }
}

#[tokio::test]
async fn what_is_logged_is_sent_to_active_streams() {
    let server = TestServer::start().await;
    let receiver = Receiver::default();
    stream(&server, &receiver.listen(200).await, json!({})).await;
    server.post("/organizations", json!({"name": "acme"})).await;
    until(&receiver, "Create an Organization").await;
    server.end().await;
}

#[tokio::test]
async fn a_filtered_stream_gets_its_categories_only() {
    let server = TestServer::start().await;
    let receiver = Receiver::default();
    let filters = json!({"filters": [{"type": "category", "name": "auth.signup.success"}]});
    stream(&server, &receiver.listen(200).await, filters).await;
    server.post("/organizations", json!({"name": "acme"})).await;
    let user = json!({"connection": "Username-Password-Authentication", "email": "jane@example.com", "password": "Correct-Horse-7"});
    assert_eq!(server.post("/users", user).await.status, 201);
    let (_, items) = receiver.next().await;
    let kinds: Vec<&Value> = items.as_array().unwrap().iter().map(|item| &item["data"]["type"]).collect();
    assert_eq!(kinds, ["ss"]);
    server.end().await;
}

#[tokio::test]
async fn what_a_sink_refuses_is_sent_again() {
    let server = TestServer::start().await;
    let receiver = Receiver::default();
    stream(&server, &receiver.listen(500).await, json!({})).await;
    server.post("/organizations", json!({"name": "acme"})).await;
    let first = receiver.next().await.1;
    let again = receiver.next().await.1;
    assert_eq!(first[0]["log_id"], again[0]["log_id"]);
    server.end().await;
}
