//! Sending the tenant's log to its streams: whatever was appended since the last that a stream took, in batches, until
//! its sink takes them. Nothing is lost to a sink that fails; one that fails for long suspends its stream.

mod privacy;
mod sinks;

use std::{sync::Arc, time::Duration};

use futures::future::join;
use kernel::{Document, Record, Value, object};
use model::{LOG_STREAM, LOG_STREAM_STATE, queues};
use outbound::{Client, Limits};
use serde_json::json;
use store::{Filter, Job, LogEvent, LogPaging, LogQuery, NewJob, Query, Snapshot, Store, StoreResult, Tx};

use crate::runner::{self, Failed, Queue};

/// Entries in one request.
const BATCH: u64 = 100;
/// How long a sender may be silent before another takes its stream.
const LEASE: Duration = Duration::from_secs(60);
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
const LIMITS: Limits = Limits { time: Duration::from_secs(15), bytes: 64 << 10, redirects: 0 };

/// Begins a new stream: at `startFrom`, or with what is logged from now on.
pub fn begin(tx: &mut Tx, stream: &Record) -> StoreResult {
    let from = stream.text("startFrom").and_then(|time| time.parse().ok()).unwrap_or_else(|| tx.now());
    let document = object(json!({"log_id": store::log_id_at(from), "failures": 0}));
    tx.insert(&LOG_STREAM_STATE, Record::new(stream.id.as_str(), document, tx.now()))?;
    Ok(())
}

/// Forgets the failures of a stream that is active again.
pub fn forgive(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    note(tx, stream, json!({"failures": 0}))
}

/// Ends the sending to a stream that is deleted.
pub fn stop(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    tx.cancel_job(&job_of(stream)).map(drop)
}

/// Sends the logs of all tenants to their streams until it is dropped.
pub async fn work(store: Store, outbound: Client) {
    let sending = runner::run(&store, &QUEUE, |job| {
        let (store, outbound) = (&store, &outbound);
        async move { serve(store, outbound, &job).await.map_err(Failed::for_now) }
    });
    join(watch(&store), sending).await;
}

/// Enqueues streams for which something was logged.
async fn watch(store: &Store) {
    loop {
        let appended = store.logs_appended();
        if let Err(error) = enqueue(store).await {
            tracing::warn!(%error, "log streams cannot be looked through");
        }
        // Whether a call or the time ended the wait makes no difference.
        let _ = tokio::time::timeout(PATIENCE, appended).await;
        tokio::time::sleep(GATHER).await;
    }
}

async fn enqueue(store: &Store) -> StoreResult {
    for tenant in store.tenants_with(LOG_STREAM.name).await? {
        let due = store.read(&tenant, waiting).await?;
        if due.is_empty() {
            continue;
        }
        let work = move |tx: &mut Tx| {
            for stream in &due {
                let job = NewJob::new(queues::LOG_STREAMS, object(json!({"stream": stream})));
                // One that is enqueued already is not enqueued again.
                let _ = tx.enqueue(NewJob { id: Some(job_of(stream)), ..job });
            }
            Ok::<_, store::StoreError>(())
        };
        store.write(&tenant, work).await?;
    }
    Ok(())
}

/// The active streams that have not taken everything.
fn waiting(reader: &Snapshot) -> StoreResult<Vec<String>> {
    let active = reader.list(&LOG_STREAM, &Query::of(Filter::equals("status", "active")))?.items;
    let mut due = Vec::new();
    for stream in active.into_iter().filter(sinks::is_reachable) {
        if !entries(reader, &stream.id, 1)?.is_empty() && reader.job(&job_of(&stream.id))?.is_none() {
            due.push(stream.id);
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

async fn serve(store: &Store, outbound: &Client, job: &Job) -> StoreResult {
    let id: Arc<str> = job.payload.get("stream").and_then(Value::as_str).unwrap_or_default().into();
    loop {
        let wanted = Arc::clone(&id);
        let batch = store.read(&job.tenant, move |reader| next_batch(reader, &wanted)).await?;
        let outcome = match &batch {
            Some((entries, stream)) => send(outbound, stream, job.tenant.as_str(), entries).await,
            None => Ok(()),
        };
        let last = batch.and_then(|(mut entries, _)| entries.pop()).map(|entry| entry.log_id);
        let (held, id) = (job.clone(), Arc::clone(&id));
        let work = move |tx: &mut Tx| match (&outcome, &last) {
            (Err(reason), _) => failed(tx, &held, &id, reason),
            (Ok(()), Some(last)) => {
                note(tx, &id, json!({"log_id": last, "failures": 0}))?;
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
fn next_batch(reader: &Snapshot, stream: &str) -> StoreResult<Option<(Vec<LogEvent>, Record)>> {
    let Some(record) = reader.get(&LOG_STREAM, stream)? else { return Ok(None) };
    let entries = entries(reader, stream, BATCH)?;
    Ok((record.text("status") == Some("active") && !entries.is_empty()).then_some((entries, record)))
}

/// Sends those entries of a batch that the stream wants, if there are any. The error says why the sink did not take them.
async fn send(outbound: &Client, stream: &Record, tenant: &str, entries: &[LogEvent]) -> Result<(), String> {
    let items: Vec<Document> = entries.iter().filter_map(|entry| item(stream, tenant, entry)).collect();
    if items.is_empty() {
        return Ok(());
    }
    let answer = outbound.send(sinks::request(stream, &items)?, LIMITS).await.map_err(|refused| refused.to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("The sink answers {}.", answer.status())) }
}

/// An entry as streams show it; none when the stream does not want it.
fn item(stream: &Record, tenant: &str, entry: &LogEvent) -> Option<Document> {
    let filters = stream.document.get("filters").and_then(Value::as_array);
    let of_entry = category(entry.document.get("type").and_then(Value::as_str).unwrap_or_default());
    if filters.is_some_and(|filters| !filters.iter().any(|filter| admits(filter, of_entry))) {
        return None;
    }
    let mut data = entry.document.clone();
    data.insert("tenant_name".into(), tenant.into());
    if let Some(config) = stream.document.get("pii_config") {
        privacy::hide(config, &mut data);
    }
    Some(object(json!({"log_id": entry.log_id, "data": data})))
}

/// Whether a filter of a stream admits entries of a category; priority streams carry what concerns security.
fn admits(filter: &Value, category: &str) -> bool {
    match filter["name"].as_str() {
        Some("security") => category.rsplit('.').next() == Some("fail") || category == "system.notification",
        name => name == Some(category),
    }
}

fn failed(tx: &mut Tx, job: &Job, stream: &str, reason: &str) -> StoreResult<bool> {
    tracing::debug!(stream, reason, "a log stream's sink failed");
    let state = tx.get(&LOG_STREAM_STATE, stream)?;
    let failures = state.and_then(|state| state.document.get("failures")?.as_u64()).unwrap_or(0) + 1;
    if failures >= MOST_FAILURES {
        suspend(tx, stream)?;
        return tx.complete_job(job).map(|_| false);
    }
    let wait = Duration::from_secs(1 << failures.saturating_sub(1).min(20)).min(LONGEST_WAIT);
    if tx.retry_job(job, tx.now() + wait, reason)? {
        note(tx, stream, json!({"failures": failures}))?;
    }
    Ok(false)
}

fn suspend(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    let Some(mut stream) = tx.get(&LOG_STREAM, stream)? else { return Ok(()) };
    stream.document.insert("status".into(), "suspended".into());
    tx.update(&LOG_STREAM, stream).map(drop)
}

/// Changes members of a stream's state.
fn note(tx: &mut Tx, stream: &str, members: Value) -> StoreResult<()> {
    let Some(mut state) = tx.get(&LOG_STREAM_STATE, stream)? else { return Ok(()) };
    state.document.extend(object(members));
    tx.update(&LOG_STREAM_STATE, state).map(drop)
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
