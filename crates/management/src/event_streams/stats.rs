//! How many deliveries of a stream succeeded and failed, day by day.

use kernel::{Record, Timestamp, Value, object};
use model::EVENT_STREAM_COUNTS;
use rest::{Answer, ApiError, ApiResult, Call};
use serde_json::{Map, json};
use store::{Snapshot, StoreResult, Tx};

use super::EVENT_STREAM;

/// Days that are told of when no other are asked for, before today.
const WINDOW: i64 = 14;
/// Days that are remembered.
const KEPT: i64 = 60;
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// Counts the end of a delivery and tells how many have failed in a row.
pub(super) fn count(tx: &mut Tx, stream: &str, has_succeeded: bool) -> StoreResult<u64> {
    let stored = tx.get(&EVENT_STREAM_COUNTS, stream)?;
    let is_new = stored.is_none();
    let mut record = stored.unwrap_or_else(|| Record::new(stream, object(json!({"days": {}})), tx.now()));
    let today = day_of(tx.now());
    let days = record.document.entry("days").or_insert_with(|| Map::new().into());
    if let Some(days) = days.as_object_mut() {
        days.retain(|day, _| day.parse::<i64>().is_ok_and(|day| day > today - KEPT * DAY));
        let counted = days.entry(today.to_string()).or_insert_with(|| json!([0, 0]));
        let place = usize::from(!has_succeeded);
        counted[place] = (counted[place].as_u64().unwrap_or(0) + 1).into();
    }
    let in_a_row = record.document.get("failures_in_a_row").and_then(Value::as_u64).unwrap_or(0);
    let in_a_row = if has_succeeded { 0 } else { in_a_row + 1 };
    record.document.insert("failures_in_a_row".into(), in_a_row.into());
    if is_new {
        tx.insert(&EVENT_STREAM_COUNTS, record)?;
    } else {
        tx.update(&EVENT_STREAM_COUNTS, record)?;
    }
    Ok(in_a_row)
}

/// A stream that is enabled again begins anew.
pub(super) fn forgive(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    if let Some(mut record) = tx.get(&EVENT_STREAM_COUNTS, stream)? {
        record.document.insert("failures_in_a_row".into(), 0.into());
        tx.update(&EVENT_STREAM_COUNTS, record)?;
    }
    Ok(())
}

pub(super) fn forget(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    tx.delete(&EVENT_STREAM_COUNTS, stream).map(drop)
}

/// `GET /event-streams/{id}/stats`.
pub(super) fn get(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let stream = rest::load(reader, &EVENT_STREAM, call.path("id"))?;
    let now = reader.now().seconds();
    let to = bound(call, "date_to")?.unwrap_or((now / HOUR + 1) * HOUR);
    let from = bound(call, "date_from")?.unwrap_or(now / HOUR * HOUR - WINDOW * DAY).max(to - KEPT * DAY);
    let counts = reader.get(&EVENT_STREAM_COUNTS, &stream.id)?;
    let counted = counts.as_ref().and_then(|counts| counts.document.get("days"));
    let days: Vec<i64> = (from.div_euclid(DAY)..=(to - 1).div_euclid(DAY)).map(|day| day * DAY).collect();
    let metric = |name: &str, place: usize| {
        let of_day = |day: &i64| counted.and_then(|days| days[day.to_string()][place].as_u64()).unwrap_or(0);
        let data: Vec<u64> = days.iter().map(of_day).collect();
        json!({
            "name": format!("auth0.event_streams.{name}_deliveries"),
            "window_total": data.iter().sum::<u64>(),
            "type": "sum",
            "data": data,
        })
    };
    Ok(Answer::json(json!({
        "id": stream.id,
        "name": stream.text("name"),
        "window": {
            "date_from": Timestamp::from_seconds(from),
            "date_to": Timestamp::from_seconds(to),
            "bucket_interval": {"scale_factor": DAY},
        },
        "buckets": days.iter().map(|day| Timestamp::from_seconds(*day)).collect::<Vec<_>>(),
        "metrics": [metric("successful", 0), metric("failed", 1)],
    })))
}

fn bound(call: &Call, name: &str) -> ApiResult<Option<i64>> {
    let Some(text) = call.text(name) else { return Ok(None) };
    let time = text.parse::<Timestamp>().or_else(|_| format!("{text}T00:00:00Z").parse());
    let time = time.map_err(|_| ApiError::invalid_query(format!("The {name} parameter is not a date.")))?;
    Ok(Some(time.seconds()))
}

fn day_of(time: Timestamp) -> i64 {
    time.seconds().div_euclid(DAY) * DAY
}
