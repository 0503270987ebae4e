//! How a stream is: how far it has come, when its sink last took something, and what went wrong since.

use std::time::Duration;

use kernel::{Document, Record, Timestamp, Value, object};
use model::LOG_STREAM_STATE;
use serde_json::json;
use store::{Snapshot, StoreResult, Tx};

/// Errors that are remembered, and for how long.
const ERRORS: usize = 10;
const REMEMBERED: Duration = Duration::from_secs(5 * 86_400);

/// Begins a new stream after an entry.
pub(super) fn begin(tx: &mut Tx, stream: &str, log_id: &str) -> StoreResult {
    let document = object(json!({"log_id": log_id, "failures": 0}));
    tx.insert(&LOG_STREAM_STATE, Record::new(stream, document, tx.now())).map(drop)
}

/// Goes on with a stream that is active again, where it was: its failures are forgotten, its errors stay.
pub fn forgive(tx: &mut Tx, stream: &str) -> StoreResult {
    change(tx, stream, |state, _| {
        state.insert("failures".into(), 0.into());
    })
}

/// The stream is done with the entries up to this one; some were sent, unless it wanted none.
pub(super) fn advanced(tx: &mut Tx, stream: &str, log_id: &str, were_sent: bool) -> StoreResult {
    change(tx, stream, |state, now| {
        state.insert("log_id".into(), log_id.into());
        state.shift_remove("waits_for");
        if were_sent {
            state.insert("failures".into(), 0.into());
            state.insert("delivered_at".into(), now.into());
        }
    })
}

/// Its sink has not taken what it was sent; tells how often in a row that happened.
pub(super) fn failed(tx: &mut Tx, stream: &str, reason: &str) -> StoreResult<u64> {
    let mut in_a_row = 0;
    change(tx, stream, |state, now| {
        in_a_row = state.get("failures").and_then(Value::as_u64).unwrap_or(0) + 1;
        state.insert("failures".into(), in_a_row.into());
        state.shift_remove("waits_for");
        let mut errors = recent(state, now);
        errors.insert(0, json!({"date": now, "message": reason}));
        errors.truncate(ERRORS);
        state.insert("errors".into(), errors.into());
    })?;
    Ok(in_a_row)
}

/// The stream waits for something that only the operator can give.
pub(super) fn waits(tx: &mut Tx, stream: &str, what_for: &str) -> StoreResult {
    change(tx, stream, |state, _| {
        state.insert("waits_for".into(), what_for.into());
    })
}

/// Whether it is known already what the stream waits for.
pub(super) fn is_known_to_wait(reader: &Snapshot, stream: &str, what_for: &str) -> StoreResult<bool> {
    let state = reader.get(&LOG_STREAM_STATE, stream)?;
    Ok(state.is_none_or(|state| state.text("waits_for") == Some(what_for)))
}

/// How a stream is, as callers are told.
pub fn health(reader: &Snapshot, stream: &Record) -> StoreResult<Document> {
    let state = reader.get(&LOG_STREAM_STATE, &stream.id)?.map(|state| state.document).unwrap_or_default();
    let status = stream.text("status").unwrap_or_default();
    let failures = state.get("failures").and_then(Value::as_u64).unwrap_or(0);
    let health = match status {
        "active" if state.contains_key("waits_for") => "pending",
        "active" if failures > 0 => "failing",
        "active" => "healthy",
        other => other,
    };
    let mut shown = object(json!({
        "id": stream.id,
        "status": status,
        "health": health,
        "failures": failures,
        "errors": recent(&state, reader.now()),
    }));
    for name in ["delivered_at", "waits_for"] {
        if let Some(value) = state.get(name) {
            shown.insert(name.into(), value.clone());
        }
    }
    Ok(shown)
}

/// The errors that are not too old, the latest first.
fn recent(state: &Document, now: Timestamp) -> Vec<Value> {
    let is_recent = |error: &&Value| {
        let date = error["date"].as_str().and_then(|date| date.parse::<Timestamp>().ok());
        date.is_some_and(|date| date + REMEMBERED > now)
    };
    let errors = state.get("errors").and_then(Value::as_array).into_iter().flatten();
    errors.filter(is_recent).cloned().collect()
}

fn change(tx: &mut Tx, stream: &str, work: impl FnOnce(&mut Document, Timestamp)) -> StoreResult {
    let Some(mut state) = tx.get(&LOG_STREAM_STATE, stream)? else { return Ok(()) };
    work(&mut state.document, tx.now());
    tx.update(&LOG_STREAM_STATE, state).map(drop)
}
