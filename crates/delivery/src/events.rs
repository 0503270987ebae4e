//! Sending events to the destinations of streams, again and again where they fail (reference: streams §3).

mod counts;

use std::{pin::Pin, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use identity::events;
use kernel::{Document, Record, Tenant, TenantId, Value, object, value_at};
use model::{EVENT_STREAM, queues};
use outbound::{Client, Limits};
use serde_json::json;
use store::{Filter, Job, Snapshot, Store, StoreResult, Tx};

use crate::runner::{self, Failed, Queue};

pub use counts::{DAY, KEPT, forgive};

const QUEUE: Queue = Queue {
    name: queues::EVENT_STREAMS,
    at_once: 16,
    lease: Duration::from_secs(60),
    // A delivery's own tries end sooner; this is for what goes wrong here.
    attempts: 3 * ATTEMPTS,
    pause: Duration::from_secs(30),
    given_up: Some(|tx, job| {
        let id = job.payload.get("delivery").and_then(Value::as_str).unwrap_or_default();
        let Some(mut delivery) = tx.get(&model::EVENT_DELIVERY, id)? else { return Ok(()) };
        let attempt = json!({"error_message": "The delivery could not be completed.", "timestamp": tx.now()});
        attempted(&mut delivery, "failed", attempt);
        tx.update(&model::EVENT_DELIVERY, delivery).map(drop)
    }),
};
/// Tries of a delivery; the waits between them begin with a second and double.
const ATTEMPTS: u64 = 4;
/// A destination has this long to answer.
const LIMITS: Limits = Limits { time: Duration::from_secs(10), bytes: 64 << 10, redirects: 0 };
/// A stream that fails so often in a row is disabled.
const MOST_IN_A_ROW: u64 = 500;
/// As many failed deliveries are kept for a stream; with more it is disabled.
pub const MOST_FAILED: u64 = 5000;

/// Runs the Action of a stream: tenant, the Action's id, the event. The error is what the delivery shows.
pub type EventAction =
    Arc<dyn Fn(TenantId, String, Document) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// What sending needs.
#[derive(Clone)]
pub struct Sender {
    /// Calls webhooks.
    pub outbound: Client,
    /// Runs Actions; without it, streams to Actions fail.
    pub action: Option<EventAction>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
}

/// Why a delivery failed.
struct Failure {
    message: String,
    /// Whether another try could end otherwise.
    may_pass: bool,
}

impl Sender {
    /// Sends the events of all tenants' streams until it is dropped.
    pub async fn work(self, store: Store) {
        runner::run(&store, &QUEUE, |job| {
            let (sender, store) = (&self, &store);
            async move { sender.delivered(store, &job).await.map_err(Failed::for_now) }
        })
        .await;
    }

    async fn delivered(&self, store: &Store, job: &Job) -> StoreResult {
        let id = job.payload.get("delivery").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (delivery, stream) = store.read(&job.tenant, move |reader| due(reader, &id)).await?;
        let Some((delivery, stream)) = delivery.zip(stream) else {
            return store.complete_job(job).await.map(drop);
        };
        let started = store.context().now();
        let Some(tenant) = store.tenant(&job.tenant).await? else { return Ok(()) };
        let outcome = self.send(&tenant, &stream, &delivery).await;
        let taken = store.context().now().micros() - started.micros();
        let held = job.clone();
        let outcome = Arc::new(outcome);
        let work = move |tx: &mut Tx| match &*outcome {
            Ok(()) => succeeded(tx, &held, &delivery),
            Err(failure) => failed(tx, &held, &delivery, failure, taken),
        };
        store.write(&job.tenant, work).await
    }

    async fn send(&self, at: &Tenant, stream: &Record, delivery: &Record) -> Result<(), Failure> {
        let event = delivery.document.get("event").and_then(Value::as_object).cloned().unwrap_or_default();
        let tenant = at.id();
        let event = events::envelope(event, tenant, at.domain(), Some(&stream.id));
        let text = |path: &str| value_at(&stream.document, path).and_then(Value::as_str);
        match text("destination.type") {
            Some("webhook") => {
                let url = text("destination.configuration.webhook_endpoint").unwrap_or_default();
                self.post(url, authorization(stream), &event).await
            }
            Some("action") => {
                let action = text("destination.configuration.action_id").unwrap_or_default().to_owned();
                let Some(run) = &self.action else { return Err(never("Actions are not run by this installation.")) };
                run(tenant.clone(), action, event).await.map_err(|message| Failure { message, may_pass: true })
            }
            _ => {
                Err(never("Events cannot be sent to Amazon EventBridge: this installation is not one of its partners."))
            }
        }
    }

    async fn post(
        &self,
        url: &str,
        authorization: Option<(HeaderName, HeaderValue)>,
        event: &Document,
    ) -> Result<(), Failure> {
        let in_words = |why: &dyn std::fmt::Display| format!("Post \"{url}\": {why}");
        let body = Bytes::from(serde_json::to_vec(event).expect("a JSON object serialises"));
        let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        if let Some((name, value)) = authorization {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| never(&in_words(&error)))?;
        let answer = self.outbound.send(request, LIMITS).await;
        let answer = answer.map_err(|refused| Failure { message: in_words(&refused), may_pass: true })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(Failure { message: in_words(&status), may_pass: !status.is_client_error() })
    }
}

fn never(message: &str) -> Failure {
    Failure { message: message.to_owned(), may_pass: false }
}

/// The delivery with this id and its stream, as far as they are there and something is to be sent.
fn due(reader: &Snapshot, id: &str) -> StoreResult<(Option<Record>, Option<Record>)> {
    let delivery = reader.get(&model::EVENT_DELIVERY, id)?;
    let stream = delivery.as_ref().and_then(|delivery| delivery.text("event_stream_id"));
    let stream = stream.map(|stream| reader.get(&EVENT_STREAM, stream)).transpose()?.flatten();
    Ok((delivery, stream))
}

/// The header that authorises the webhook.
fn authorization(stream: &Record) -> Option<(HeaderName, HeaderValue)> {
    const PATH: &str = "destination.configuration.webhook_authorization";
    let shown = value_at(&stream.document, PATH)?;
    let secret = |name: &str| stream.sealed.text(&format!("{PATH}.{name}")).unwrap_or_default();
    let (name, value) = match shown["method"].as_str()? {
        "bearer" => (header::AUTHORIZATION, format!("Bearer {}", secret("token"))),
        "basic" => {
            let pair = format!("{}:{}", shown["username"].as_str().unwrap_or_default(), secret("password"));
            (header::AUTHORIZATION, format!("Basic {}", BASE64_STANDARD.encode(pair)))
        }
        _ => (shown["header_key"].as_str()?.parse().ok()?, secret("header_value").to_owned()),
    };
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

fn succeeded(tx: &mut Tx, job: &Job, delivery: &Record) -> StoreResult {
    if tx.complete_job(job)? {
        let stream = delivery.text("event_stream_id").unwrap_or_default();
        counts::count(tx, stream, true)?;
        tx.delete(&model::EVENT_DELIVERY, &delivery.id)?;
    }
    Ok(())
}

fn failed(tx: &mut Tx, job: &Job, delivery: &Record, failure: &Failure, taken: i64) -> StoreResult {
    let is_last = !failure.may_pass || job.attempts >= ATTEMPTS;
    let wait = Duration::from_secs(1 << job.attempts.saturating_sub(1).min(8));
    let is_held = if is_last { tx.complete_job(job)? } else { tx.retry_job(job, tx.now() + wait, &failure.message)? };
    let Some(mut delivery) = tx.get(&model::EVENT_DELIVERY, &delivery.id)?.filter(|_| is_held) else { return Ok(()) };
    #[expect(clippy::cast_precision_loss, reason = "a duration is short")]
    let duration = taken as f64 / 1000.0;
    let attempt = json!({"error_message": failure.message, "timestamp": tx.now(), "duration": duration});
    attempted(&mut delivery, "failed", attempt);
    if !is_last {
        delivery.document.insert("status".into(), "retrying".into());
    }
    let delivery = tx.update(&model::EVENT_DELIVERY, delivery)?;
    if is_last {
        let stream = delivery.text("event_stream_id").unwrap_or_default();
        let in_a_row = counts::count(tx, stream, false)?;
        if in_a_row >= MOST_IN_A_ROW || failed_deliveries(tx, stream)? >= MOST_FAILED {
            disable(tx, stream)?;
        }
    }
    Ok(())
}

/// Disables a stream whose destination has failed too often.
fn disable(tx: &mut Tx, stream: &str) -> StoreResult {
    let Some(mut stream) = tx.get(&EVENT_STREAM, stream)? else { return Ok(()) };
    stream.document.insert("status".into(), "disabled".into());
    stream.updated = tx.now();
    stream.document.insert("updated_at".into(), tx.now().into());
    tx.update(&EVENT_STREAM, stream).map(drop)
}

/// How many deliveries of a stream have failed and wait for being tried again.
pub fn failed_deliveries(reader: &Snapshot, stream: &str) -> StoreResult<u64> {
    let filter = Filter::equals("event_stream_id", stream).and(Filter::equals("status", "failed"));
    reader.count(&model::EVENT_DELIVERY, &filter)
}

/// Notes a try of a delivery, or that it will be tried again; the delivery's status is that of the try.
pub fn attempted(delivery: &mut Record, status: &str, details: Value) {
    let mut attempt = object(json!({"status": status}));
    attempt.extend(object(details));
    delivery.document.insert("status".into(), status.into());
    if let Some(attempts) = delivery.document.get_mut("attempts").and_then(Value::as_array_mut) {
        attempts.push(attempt.into());
    }
}
