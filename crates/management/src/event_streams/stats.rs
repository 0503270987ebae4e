//! How many deliveries of a stream succeeded and failed, day by day.

use delivery::events::{DAY, KEPT};
use kernel::Timestamp;
use model::EVENT_STREAM_COUNTS;
use rest::{Answer, ApiError, ApiResult, Call};
use serde_json::json;
use store::Snapshot;

use super::EVENT_STREAM;

/// Days that are told of when no other are asked for, before today.
const WINDOW: i64 = 14;
const HOUR: i64 = 3_600;

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
