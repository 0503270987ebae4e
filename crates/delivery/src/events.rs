//! Sending events to the destinations of streams, again and again where they fail (reference: streams §3).

mod counts;

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri, header, uri::PathAndQuery};
use identity::{discard, events};
use kernel::{Document, Record, Tenant, TenantId, Timestamp, Value, object, value_at};
use model::{EVENT_STREAM, WEBHOOK_ENDPOINT, queues};
use outbound::{Client, Limits};
use serde_json::json;
use store::{Filter, Job, NewJob, Order, Paging, Query, Snapshot, Store, StoreResult, Tx};

use crate::{
    messages::{Failure, basic, bearer, call},
    partners::{Bus, EventBridge, NO_EVENTBRIDGE, Partners, Put},
    runner::{self, Failed, Queue},
};

pub use counts::{DAY, KEPT, forgive};

const QUEUE: Queue = Queue {
    name: queues::EVENT_STREAMS,
    at_once: 16,
    lease: LEASE,
    // What goes wrong here again and again fails the delivery that is next, see `MOST_BEGUN`; the stream goes on.
    attempts: u64::MAX,
    pause: Duration::from_secs(30),
    given_up: None,
};
/// How long after its sender's end another takes a stream.
const LEASE: Duration = Duration::from_secs(15);
/// After this time a stream gives way to others that wait.
const BUDGET: Duration = Duration::from_secs(1);
/// Tries of a delivery; the waits between them begin with a second and double.
const ATTEMPTS: u64 = 4;
/// A job that is begun more often, for what goes wrong here, gives its delivery up.
const MOST_BEGUN: u64 = 3 * ATTEMPTS;
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
    /// What the operator has at Amazon.
    pub partners: Partners,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sender")
    }
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

    /// Sends what a stream is to be told, one event after another: the next one when an earlier one has arrived or is given
    /// up.
    async fn delivered(&self, store: &Store, job: &Job) -> StoreResult {
        let begun = store.context().now();
        loop {
            let id = stream_of(job).to_owned();
            let (stream, delivery) = store.read(&job.tenant, move |reader| next(reader, &id)).await?;
            let Some((stream, delivery)) = stream.zip(delivery) else {
                let held = job.clone();
                return store.write(&job.tenant, move |tx: &mut Tx| finish(tx, &held)).await;
            };
            let Some(tenant) = store.tenant(&job.tenant).await? else { return Ok(()) };
            let started = store.context().now();
            let outcome = if job.attempts > MOST_BEGUN {
                Err(Failure::never("The delivery could not be completed."))
            } else {
                self.send(&tenant, &stream, &delivery, started).await
            };
            let now = store.context().now();
            let round = Arc::new(Round {
                tries: tries_of(job, &delivery) + 1,
                delivery,
                outcome,
                taken: now.micros() - started.micros(),
                is_last: job.attempts > MOST_BEGUN
                    || now.micros() - begun.micros() >= BUDGET.as_micros().try_into().unwrap_or(i64::MAX),
            });
            let held = job.clone();
            if store.write(&job.tenant, move |tx: &mut Tx| round.note(tx, &held)).await? == Next::Later {
                return Ok(());
            }
        }
    }

    async fn send(&self, at: &Tenant, stream: &Record, delivery: &Record, now: Timestamp) -> Result<(), Failure> {
        let event = delivery.document.get("event").and_then(Value::as_object).cloned().unwrap_or_default();
        let tenant = at.id();
        let event = events::envelope(event, tenant, at.domain(), Some(&stream.id));
        let whole = stream.revealed();
        let text = |path: &str| value_at(&whole, path).and_then(Value::as_str);
        match text("destination.type") {
            Some("webhook") => {
                let url = text(WEBHOOK_ENDPOINT).unwrap_or_default();
                self.post(url, authorization(stream), &event).await
            }
            Some("action") => {
                let action = text("destination.configuration.action_id").unwrap_or_default().to_owned();
                let run = self.action.as_ref();
                let run = run.ok_or_else(|| Failure::never("Actions are not run by this installation."))?;
                run(tenant.clone(), action, event).await.map_err(Failure::for_now)
            }
            _ => {
                let Some(own) = &self.partners.eventbridge else { return Err(Failure::never(NO_EVENTBRIDGE)) };
                let part = |name: &str| text(&format!("destination.configuration.{name}")).unwrap_or_default();
                let (account, region) = (part("aws_account_id"), part("aws_region"));
                let bus = Bus { account, region, source: part("aws_partner_event_source") };
                self.put(own, &bus, &event, now).await
            }
        }
    }

    /// Puts an event on a bus of Amazon EventBridge.
    async fn put(&self, own: &EventBridge, bus: &Bus<'_>, event: &Document, now: Timestamp) -> Result<(), Failure> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
        let put = Put { kind: text("type"), time: text("time").parse().unwrap_or(now), detail: event };
        let request = own.request(bus, &[put], now).map_err(Failure::never)?;
        let answer = call(&self.outbound, request).await?;
        EventBridge::taken(answer.body()).map_err(Failure::for_now)
    }

    async fn post(
        &self,
        url: &str,
        authorization: Option<(HeaderName, HeaderValue)>,
        event: &Document,
    ) -> Result<(), Failure> {
        let in_words = |why: &dyn std::fmt::Display| format!("Post \"{}\": {why}", public_part(url));
        let body = Bytes::from(serde_json::to_vec(event).expect("a JSON object serialises"));
        let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        if let Some((name, value)) = authorization {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| Failure::never(in_words(&error)))?;
        let answer = self.outbound.send(request, LIMITS).await;
        let answer = answer.map_err(|refused| Failure::for_now(in_words(&refused)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(Failure { may_pass: runner::may_pass(status), ..Failure::never(in_words(&status)) })
    }
}

/// An address without what may be secret in it: its path and query.
fn public_part(url: &str) -> String {
    let Ok(address) = url.parse::<Uri>() else { return String::new() };
    let authority = address.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let rest =
        if matches!(address.path_and_query().map(PathAndQuery::as_str), None | Some("/")) { "/" } else { "/…" };
    format!("{}://{host}{rest}", address.scheme_str().unwrap_or("https"))
}

/// The stream that a job is for.
fn stream_of(job: &Job) -> &str {
    job.payload.get("stream").and_then(Value::as_str).unwrap_or_default()
}

/// How often a delivery was tried, as far as the job is about it.
fn tries_of(job: &Job, delivery: &Record) -> u64 {
    let is_named = job.payload.get("delivery").and_then(Value::as_str) == Some(&delivery.id);
    job.payload.get("tries").and_then(Value::as_u64).filter(|_| is_named).unwrap_or(0)
}

/// A stream, and the earliest of what it is to be told.
fn next(reader: &Snapshot, stream: &str) -> StoreResult<(Option<Record>, Option<Record>)> {
    let waiting = Filter::equals("event_stream_id", stream).and(Filter::any_of("status", ["pending", "retrying"]));
    let first = Query { paging: Paging::Offset { offset: 0, limit: 1 }, ..Query::of(waiting).order(Order::Created) };
    Ok((reader.get(&EVENT_STREAM, stream)?, reader.list(&model::EVENT_DELIVERY, &first)?.items.pop()))
}

/// Ends a job that found nothing to send, unless something has come meanwhile.
fn finish(tx: &mut Tx, job: &Job) -> StoreResult {
    if tx.complete_job(job)?
        && let (Some(stream), Some(_)) = next(tx, stream_of(job))?
    {
        events::enqueue(tx, &stream.id)?;
    }
    Ok(())
}

/// What a job does after a try.
#[derive(PartialEq, Eq)]
enum Next {
    /// Goes on with what follows.
    Now,
    /// Nothing: another job follows, or somebody else has this one.
    Later,
}

/// A try of a delivery, and what came of it.
struct Round {
    delivery: Record,
    outcome: Result<(), Failure>,
    /// How often the delivery was tried since it was to be sent, this time included.
    tries: u64,
    /// How long the try took, in microseconds.
    taken: i64,
    /// Whether others have waited long enough for the sender.
    is_last: bool,
}

impl Round {
    /// Notes what came of the try, and when the stream goes on.
    fn note(&self, tx: &mut Tx, job: &Job) -> StoreResult<Next> {
        let goes_on = !matches!(&self.outcome, Err(failure) if failure.may_pass && self.tries < ATTEMPTS);
        // A job that goes on keeps its lease; another takes the place of one that waits or gives way.
        let keeps_job = goes_on && !self.is_last;
        let is_held = if keeps_job { tx.continue_job(job, &Document::new(), LEASE)? } else { tx.complete_job(job)? };
        if !is_held {
            return Ok(Next::Later);
        }
        match &self.outcome {
            Ok(()) => succeeded(tx, &self.delivery)?,
            Err(failure) => failed(tx, self, failure, goes_on)?,
        }
        if keeps_job {
            return Ok(Next::Now);
        }
        let wait = Duration::from_secs(if goes_on { 0 } else { 1 << self.tries.saturating_sub(1).min(8) });
        let payload = json!({"stream": stream_of(job), "delivery": self.delivery.id, "tries": self.tries});
        let follower = NewJob {
            id: Some(job.id.clone()),
            run_at: Some(tx.now() + wait),
            ..NewJob::new(queues::EVENT_STREAMS, object(payload))
        };
        tx.enqueue(follower)?;
        Ok(Next::Later)
    }
}

/// The header that authorises the webhook.
fn authorization(stream: &Record) -> Option<(HeaderName, HeaderValue)> {
    const PATH: &str = "destination.configuration.webhook_authorization";
    let shown = value_at(&stream.document, PATH)?;
    let secret = |name: &str| stream.sealed.text(&format!("{PATH}.{name}")).unwrap_or_default();
    let (name, value) = match shown["method"].as_str()? {
        "bearer" => (header::AUTHORIZATION, bearer(secret("token"))),
        "basic" => {
            let user = shown["username"].as_str().unwrap_or_default();
            (header::AUTHORIZATION, basic(user, secret("password")))
        }
        _ => (shown["header_key"].as_str()?.parse().ok()?, secret("header_value").to_owned()),
    };
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

fn succeeded(tx: &mut Tx, delivery: &Record) -> StoreResult {
    if discard(tx, &model::EVENT_DELIVERY, &delivery.id)?.is_some() {
        counts::count(tx, delivery.text("event_stream_id").unwrap_or_default(), true)?;
    }
    Ok(())
}

fn failed(tx: &mut Tx, round: &Round, failure: &Failure, is_last: bool) -> StoreResult {
    let Some(mut delivery) = tx.get(&model::EVENT_DELIVERY, &round.delivery.id)? else { return Ok(()) };
    #[expect(clippy::cast_precision_loss, reason = "a duration is short")]
    let duration = round.taken as f64 / 1000.0;
    let attempt = json!({"error_message": failure.reason, "timestamp": tx.now(), "duration": duration});
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
