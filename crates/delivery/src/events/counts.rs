//! How many deliveries of a stream succeeded and failed, day by day.

use kernel::{Record, Timestamp, Value, object};
use model::EVENT_STREAM_COUNTS;
use serde_json::{Map, json};
use store::{StoreResult, Tx};

/// Days that are remembered.
pub const KEPT: i64 = 60;
/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// Counts the end of a delivery and tells how many have failed in a row.
pub(super) fn count(tx: &mut Tx, stream: &str, has_succeeded: bool) -> StoreResult<u64> {
    let stored = tx.get(&EVENT_STREAM_COUNTS, stream)?;
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
    tx.put(&EVENT_STREAM_COUNTS, record)?;
    Ok(in_a_row)
}

/// A stream that is enabled again begins anew.
pub fn forgive(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    if let Some(mut record) = tx.get(&EVENT_STREAM_COUNTS, stream)? {
        record.document.insert("failures_in_a_row".into(), 0.into());
        tx.update(&EVENT_STREAM_COUNTS, record)?;
    }
    Ok(())
}

fn day_of(time: Timestamp) -> i64 {
    time.seconds().div_euclid(DAY) * DAY
}
