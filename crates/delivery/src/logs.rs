//! Sending the tenant's log to its streams: whatever was appended since the last that a stream took, in batches, until
//! its sink takes them. Nothing is lost to a sink that fails; one that fails for long suspends its stream.

mod batch;
mod health;
mod privacy;
mod sinks;

use std::{sync::Arc, time::Duration};

use futures::future::join;
use kernel::{Document, Record, TenantId, Value, object};
use model::{LOG_STREAM, LOG_STREAM_STATE, queues};
use serde_json::json;
use store::{Filter, Job, LogEvent, LogPaging, LogQuery, NewJob, Query, Snapshot, Store, StoreResult, Tx};

use self::batch::Batch;
use crate::{
    messages::Failure,
    runner::{self, Failed, Queue},
};

pub use health::{forgive, health};
pub use sinks::Sinks;

/// Entries that are looked at for one request.
const BATCH: u64 = 100;
/// How long after its sender's end another takes a stream.
const LEASE: Duration = Duration::from_secs(15);
/// Entries gather for so long before they are sent.
const GATHER: Duration = Duration::from_millis(200);
/// Looks for entries even when nobody tells of one.
const PATIENCE: Duration = Duration::from_secs(15);
/// The longest wait before another try.
const LONGEST_WAIT: Duration = Duration::from_secs(900);
/// A sink that fails so often in a row, over some four hours, suspends its stream.
const MOST_FAILURES: u64 = 25;
const QUEUE: Queue = Queue {
    name: queues::LOG_STREAMS,
    at_once: 8,
    lease: LEASE,
    // A sink's failures suspend its stream sooner; this is for what goes wrong here.
    attempts: 2 * MOST_FAILURES,
    pause: Duration::from_secs(60),
    given_up: Some(|tx, job| {
        let stream = job.payload.get("stream").and_then(Value::as_str).unwrap_or_default();
        suspend(tx, stream)?;
        // A stream that is active again gets a job again.
        tx.cancel_job(&job.id).map(drop)
    }),
};

/// Begins a new stream: at `startFrom`, or with what is logged from now on.
pub fn begin(tx: &mut Tx, stream: &Record) -> StoreResult {
    let from = stream.text("startFrom").and_then(|time| time.parse().ok()).unwrap_or_else(|| tx.now());
    health::begin(tx, &stream.id, &store::log_id_at(from))
}

/// Ends the sending to a stream that is deleted.
pub fn stop(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    tx.cancel_job(&job_of(stream)).map(drop)
}

/// Sends the logs of all tenants to their streams until it is dropped.
pub async fn work(store: Store, sinks: Sinks) {
    let sending = runner::run(&store, &QUEUE, |job| {
        let (store, sinks) = (&store, &sinks);
        async move { serve(store, sinks, &job).await.map_err(Failed::for_now) }
    });
    join(watch(&store, &sinks), sending).await;
}

/// Enqueues streams for which something was logged.
async fn watch(store: &Store, sinks: &Sinks) {
    loop {
        let appended = store.logs_appended();
        if let Err(error) = enqueue(store, sinks).await {
            tracing::warn!(%error, "log streams cannot be looked through");
        }
        // Whether a call or the time ended the wait makes no difference.
        let _ = tokio::time::timeout(PATIENCE, appended).await;
        tokio::time::sleep(GATHER).await;
    }
}

async fn enqueue(store: &Store, sinks: &Sinks) -> StoreResult {
    for tenant in store.tenants_with(LOG_STREAM.name).await? {
        let sinks = sinks.clone();
        let due = store.read(&tenant, move |reader| waiting(reader, &sinks)).await?;
        if !due.is_empty() {
            store.write(&tenant, move |tx: &mut Tx| due.iter().try_for_each(|due| due.note(tx))).await?;
        }
    }
    Ok(())
}

/// An active stream that has not taken everything.
struct Due {
    stream: String,
    /// What only the operator can give, and is not there.
    waits_for: Option<&'static str>,
}

impl Due {
    fn note(&self, tx: &mut Tx) -> StoreResult {
        if let Some(what_for) = self.waits_for {
            return health::waits(tx, &self.stream, what_for);
        }
        let job = NewJob::new(queues::LOG_STREAMS, object(json!({"stream": self.stream})));
        // One that is enqueued already is not enqueued again.
        let _ = tx.enqueue(NewJob { id: Some(job_of(&self.stream)), ..job });
        Ok(())
    }
}

/// The active streams that have not taken everything, and of which that is not known.
fn waiting(reader: &Snapshot, sinks: &Sinks) -> StoreResult<Vec<Due>> {
    let active = reader.list(&LOG_STREAM, &Query::of(Filter::equals("status", "active")))?.items;
    let mut due = Vec::new();
    for stream in active {
        let waits_for = sinks.lack(&stream);
        let is_known = match waits_for {
            Some(what_for) => health::is_known_to_wait(reader, &stream.id, what_for)?,
            None => reader.job(&job_of(&stream.id))?.is_some(),
        };
        if !is_known && !entries(reader, &stream.id, 1)?.is_empty() {
            due.push(Due { stream: stream.id, waits_for });
        }
    }
    Ok(due)
}

/// The entries that a stream has not taken, the oldest first.
fn entries(reader: &Snapshot, stream: &str, limit: u64) -> StoreResult<Vec<LogEvent>> {
    let Some(state) = reader.get(&LOG_STREAM_STATE, stream)? else { return Ok(Vec::new()) };
    let log_id = state.text("log_id").map(str::to_owned);
    let query = LogQuery { paging: LogPaging::After { log_id, limit }, ..LogQuery::default() };
    Ok(reader.logs(&query)?.items)
}

async fn serve(store: &Store, sinks: &Sinks, job: &Job) -> StoreResult {
    let id: Arc<str> = job.payload.get("stream").and_then(Value::as_str).unwrap_or_default().into();
    loop {
        let wanted = Arc::clone(&id);
        let next = store.read(&job.tenant, move |reader| next_batch(reader, &wanted)).await?;
        let outcome = match &next {
            Some((stream, batch)) if !batch.items.is_empty() => {
                sinks.send(stream, &batch.items, store.context().now()).await
            }
            _ => Ok(()),
        };
        let done = next.map(|(_, batch)| (batch.last, !batch.items.is_empty()));
        let (held, id) = (job.clone(), Arc::clone(&id));
        let work = move |tx: &mut Tx| match (&outcome, &done) {
            (Err(failure), _) => failed(tx, &held, &id, failure),
            (Ok(()), Some((last, were_sent))) => {
                health::advanced(tx, &id, last, *were_sent)?;
                tx.continue_job(&held, &Document::new(), LEASE)
            }
            // What was logged since the last look is served too.
            (Ok(()), None) if next_batch(tx, &id)?.is_some() => Ok(true),
            (Ok(()), None) => tx.complete_job(&held).map(|_| false),
        };
        if !store.write(&job.tenant, work).await? {
            return Ok(());
        }
    }
}

/// What a stream is to be sent next, with the stream; none when it is paused or has taken everything.
fn next_batch(reader: &Snapshot, stream: &str) -> StoreResult<Option<(Record, Batch)>> {
    let Some(stream) = reader.get(&LOG_STREAM, stream)?.filter(|stream| stream.text("status") == Some("active")) else {
        return Ok(None);
    };
    let entries = entries(reader, &stream.id, BATCH)?;
    let tenant: &TenantId = reader.tenant();
    Ok(Batch::of(&stream, tenant.as_str(), &entries).map(|batch| (stream, batch)))
}

fn failed(tx: &mut Tx, job: &Job, stream: &str, failure: &Failure) -> StoreResult<bool> {
    tracing::debug!(stream, reason = failure.reason, "a log stream's sink failed");
    let failures = health::failed(tx, stream, &failure.reason)?;
    if failures >= MOST_FAILURES {
        tracing::warn!(
            tenant = tx.tenant().as_str(),
            stream,
            "a log stream is suspended: its sink has failed for long"
        );
        suspend(tx, stream)?;
        return tx.complete_job(job).map(|_| false);
    }
    let wait = Duration::from_secs(1 << failures.saturating_sub(1).min(20)).min(LONGEST_WAIT);
    let wait = wait.max(failure.after.unwrap_or_default());
    tx.retry_job(job, tx.now() + wait, &failure.reason).map(|_| false)
}

fn suspend(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    let Some(mut stream) = tx.get(&LOG_STREAM, stream)? else { return Ok(()) };
    stream.document.insert("status".into(), "suspended".into());
    tx.update(&LOG_STREAM, stream).map(drop)
}

fn job_of(stream: &str) -> String {
    format!("log_stream_{stream}")
}

/// A line for each category: its name, a colon, the types of entries in it.
const CATEGORIES: &str = include_str!("logs/categories.txt");

/// The category of a type of log entry.
fn category(kind: &str) -> &'static str {
    let of_line = |line: &'static str| line.split_once(": ");
    let found = CATEGORIES.lines().filter_map(of_line).find(|(_, kinds)| kinds.split(' ').any(|known| known == kind));
    found.map_or("other", |(name, _)| name)
}
