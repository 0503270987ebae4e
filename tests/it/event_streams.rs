//! Event streams: what happens is delivered, retried, shown and counted; and followed live.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use kernel::TenantId;
use model::EVENT_STREAM;
use serde_json::{Value, json};
use store::Tx;
use tokio::sync::Notify;

use crate::server::TestServer;

/// What a webhook got: `Authorization` and body.
pub(crate) type Got = (Option<String>, Value);

/// What a webhook answers, and how often it has.
#[derive(Clone)]
struct Answers {
    receiver: Receiver,
    statuses: Arc<[StatusCode]>,
    given: Arc<AtomicUsize>,
}

/// A webhook.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    got: Arc<Mutex<VecDeque<Got>>>,
    told: Arc<Notify>,
}

impl Receiver {
    /// Answers everything with this status; gives its address.
    pub(crate) async fn listen(&self, status: u16) -> String {
        self.listen_in_turn(&[status]).await
    }

    /// Answers with these statuses, one after another, and with the last from then on; gives its address.
    pub(crate) async fn listen_in_turn(&self, statuses: &[u16]) -> String {
        let statuses = statuses.iter().map(|status| StatusCode::from_u16(*status).unwrap()).collect();
        let answers = Answers { receiver: self.clone(), statuses, given: Arc::default() };
        let take = async |State(answers): State<Answers>, headers: HeaderMap, body: Bytes| {
            let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
            let Answers { receiver, statuses, given } = answers;
            receiver.got.lock().unwrap().push_back((authorization, serde_json::from_slice(&body).unwrap()));
            receiver.told.notify_one();
            statuses[given.fetch_add(1, Ordering::SeqCst).min(statuses.len() - 1)]
        };
        let router = Router::new().route("/", post(take)).with_state(answers);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    /// The next thing that comes.
    pub(crate) async fn next(&self) -> Got {
        loop {
            let told = self.told.notified();
            if let Some(first) = self.got.lock().unwrap().pop_front() {
                return first;
            }
            told.await;
        }
    }
}

/// Makes a stream of these types of events to an address; gives its path.
async fn stream(server: &TestServer, url: &str, kinds: &[&str]) -> String {
    let subscriptions: Vec<Value> = kinds.iter().map(|kind| json!({"event_type": kind})).collect();
    let authorization = json!({"method": "bearer", "token": "secret"});
    let configuration = json!({"webhook_endpoint": "https://example.com", "webhook_authorization": authorization});
    let destination = json!({"type": "webhook", "configuration": configuration});
    let body = json!({"name": "S", "subscriptions": subscriptions, "destination": destination});
    let made = server.post("/event-streams", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap().to_owned();
    // The API takes https only; the receiver of a test has no certificate.
    let url = url.to_owned();
    let (stream, tenant) = (id.clone(), TenantId::new("localhost"));
    let redirect = move |tx: &mut Tx| {
        let mut record = tx.get(&EVENT_STREAM, &stream)?.unwrap();
        record.sealed.set(model::WEBHOOK_ENDPOINT, url.as_str());
        tx.update(&EVENT_STREAM, record)
    };
    server.running.store.write(&tenant, redirect).await.unwrap();
    format!("/event-streams/{id}")
}

/// Asks until something is as wanted.
async fn until(server: &TestServer, path: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
    loop {
        let answer = server.get(path).await;
        if is_wanted(&answer.body) {
            return answer.body;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_happens_is_sent_to_streams_that_subscribe_to_it() {
    let server = TestServer::start().await;
    let receiver = Receiver::default();
    let path = stream(&server, &receiver.listen(204).await, &["organization.created", "user.deleted"]).await;
    let made = server.post("/organizations", json!({"name": "acme", "display_name": "Acme"})).await.body;
    let (authorization, event) = receiver.next().await;
    assert_eq!(authorization.as_deref(), Some("Bearer secret"));
    assert_eq!(event["type"], "organization.created");
    assert_eq!(event["data"]["object"], json!({"id": made["id"], "name": "acme", "display_name": "Acme"}));
    assert!(path.ends_with(event["a0stream"].as_str().unwrap()));
    let stats = until(&server, &format!("{path}/stats"), |stats| stats["metrics"][0]["window_total"] == 1).await;
    assert_eq!((&stats["metrics"][1]["window_total"], stats["buckets"].as_array().unwrap().len()), (&json!(0), 15));
    assert_eq!(server.get(&format!("{path}/deliveries")).await.body["deliveries"], json!([]));
    // What nobody subscribes to is not sent, nor is anything to a stream that is disabled.
    let request = server.http.patch(server.url(&format!("/api/v2{path}"))).bearer_auth(&server.token);
    request.json(&json!({"status": "disabled"})).send().await.unwrap();
    server.post("/organizations", json!({"name": "other"})).await;
    assert_eq!(
        server.get(&format!("{path}/deliveries?statuses=pending,retrying,failed")).await.body["deliveries"],
        json!([])
    );
    server.end().await;
}

#[tokio::test]
async fn a_refused_event_fails_at_once_and_can_be_sent_again() {
    let server = TestServer::start().await;
    let receiver = Receiver::default();
    let path = stream(&server, &receiver.listen(400).await, &["user.created"]).await;
    let sent = server.post(&format!("{path}/test"), json!({"event_type": "user.created"})).await;
    assert_eq!((sent.status, &sent.body["status"], &sent.body["attempts"]), (202, &json!("pending"), &json!([])));
    assert_eq!(receiver.next().await.1["a0purpose"], "test");
    let id = sent.body["id"].as_str().unwrap();
    let one = format!("{path}/deliveries/{id}");
    let failed = until(&server, &one, |delivery| delivery["status"] == "failed").await;
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 1);
    assert!(failed["attempts"][0]["error_message"].as_str().unwrap().contains("400 Bad Request"));
    let listed = server.get(&format!("{path}/deliveries?event_types=user.created,user.updated")).await.body;
    assert_eq!(listed["deliveries"], json!([failed]));
    assert_eq!(server.get(&format!("{path}/deliveries?event_types=user.updated")).await.body["deliveries"], json!([]));
    assert_eq!(server.post(&format!("{path}/redeliver/{id}"), json!({})).await.status, 202);
    receiver.next().await;
    let again = until(&server, &one, |delivery| delivery["status"] == "failed").await;
    assert_eq!(again["attempts"].as_array().unwrap().len(), 3);
    assert_eq!(server.post(&format!("{path}/redeliver"), json!({})).await.status, 202);
    receiver.next().await;
    assert_eq!(server.post(&format!("{path}/redeliver/evt_1234567890123456789012"), json!({})).await.status, 404);
    assert_eq!(server.delete(&path).await.status, 204);
    server.end().await;
}

#[tokio::test]
async fn an_event_is_sent_again_where_the_receiver_is_busy() {
    let server = TestServer::start().await;
    let receiver = Receiver::default();
    let path = stream(&server, &receiver.listen_in_turn(&[429, 408, 204]).await, &["user.created"]).await;
    server.post(&format!("{path}/test"), json!({"event_type": "user.created"})).await;
    let ids = [
        receiver.next().await.1["id"].clone(),
        receiver.next().await.1["id"].clone(),
        receiver.next().await.1["id"].clone(),
    ];
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    server.end().await;
}

#[tokio::test]
async fn events_are_followed_live_and_from_an_offset() {
    let server = TestServer::start().await;
    let follow = async |query: &str, wanted: usize| {
        let request = server.http.get(server.url(&format!("/api/v2/events{query}"))).bearer_auth(&server.token);
        let mut response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let mut text = String::new();
        while text.matches("\ndata: ").count() < wanted {
            text += std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap();
        }
        let data = |line: &str| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok();
        text.lines().filter_map(data).collect::<Vec<_>>()
    };
    let past = server.post("/organizations", json!({"name": "past"})).await;
    assert_eq!(past.status, 201);
    let made = server.post("/organizations", json!({"name": "acme"})).await.body;
    let path = format!("/organizations/{}", made["id"].as_str().unwrap());
    server.patch(&path, json!({"display_name": "A"})).await;
    server.delete(&path).await;
    let all = follow("?from_timestamp=2000-01-01T00:00:00Z", 4).await;
    let kinds: Vec<&str> = all.iter().map(|data| data["event"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["organization.created", "organization.created", "organization.updated", "organization.deleted"]);
    let offset = all[1]["offset"].as_str().unwrap();
    let rest = follow(&format!("?from={offset}&event_type=organization.deleted"), 1).await;
    assert_eq!(rest, [all[3].clone()]);
    assert_eq!(server.get("/events?from=x").await.status, 400);
    server.end().await;
}

#[tokio::test]
async fn a_stream_is_told_of_one_event_after_another() {
    let server = TestServer::start().await;
    let receiver = Receiver::default();
    let path = stream(&server, &receiver.listen_in_turn(&[503, 503, 204]).await, &["organization.created"]).await;
    for name in ["first", "second", "third"] {
        assert_eq!(server.post("/organizations", json!({ "name": name })).await.status, 201);
    }
    let mut names = Vec::new();
    for _ in 0..5 {
        names.push(receiver.next().await.1["data"]["object"]["name"].as_str().unwrap().to_owned());
    }
    // The tries of the first come before the second.
    assert_eq!(names, ["first", "first", "first", "second", "third"]);
    until(&server, &format!("{path}/stats"), |stats| stats["metrics"][0]["window_total"] == 3).await;
    server.end().await;
}
