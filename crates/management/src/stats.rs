//! Statistics: active users, and logins and signups of each day.

use std::{ops::Bound, time::Duration};

use kernel::Timestamp;
use model::USER;
use rest::{Answer, ApiError, ApiResult, Area, Call};
use serde_json::json;
use store::{Filter, Snapshot, Term};

use crate::Services;

/// What is served of `stats`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("stats").read("GET /stats/active-users", active_users).read("GET /stats/daily", daily)
}

const DAY: Duration = Duration::from_secs(86_400);
/// How long a user counts as active after a login, and the range of days when none is asked for.
const RECENT_DAYS: u32 = 30;
/// Types of entries that tell of a leaked password.
const LEAKS: [&str; 3] = ["pwd_leak", "signup_pwd_leak", "reset_pwd_leak"];

fn active_users(reader: &Snapshot, _: &Call) -> ApiResult<Answer> {
    let since = Term::from(reader.now() - DAY * RECENT_DAYS);
    let recently = Filter::Range { field: "last_login".into(), from: Bound::Included(since), to: Bound::Unbounded };
    Ok(Answer::json(reader.count(&USER, &recently)?))
}

/// `GET /stats/daily`, both ends included.
fn daily(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let today = reader.now().start_of_day();
    let to = call.text("to").map_or(Ok(today), |text| day("to", text))?;
    let from = call.text("from").map_or(Ok(to - DAY * (RECENT_DAYS - 1)), |text| day("from", text))?;
    if from > to {
        return Err(ApiError::bad_request("'from' date cannot be greater than 'to' date."));
    }
    let mut days = Vec::new();
    let mut date = from;
    // Nothing can have happened after today.
    while date <= to.min(today) {
        let next = date + DAY;
        let count = |types: &[&str]| {
            let bounds = (Bound::Included(date.into()), Bound::Excluded(next.into()));
            let within = Filter::Range { field: "date".into(), from: bounds.0, to: bounds.1 };
            reader.count_logs(&within.and(Filter::any_of("type", types.iter().copied())))
        };
        days.push(json!({
            "date": date,
            "logins": count(&["s"])?,
            "signups": count(&["ss"])?,
            "leaked_passwords": count(&LEAKS)?,
            "updated_at": next.min(reader.now()),
            "created_at": date,
        }));
        date = next;
    }
    Ok(Answer::json(days))
}

/// Midnight of a day such as `20251120`.
fn day(parameter: &str, text: &str) -> ApiResult<Timestamp> {
    let date = jiff::civil::Date::strptime("%Y%m%d", text).ok();
    let midnight = date.and_then(|date| jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
    midnight.map(Timestamp::from).ok_or_else(|| {
        ApiError::invalid_query(format!("Query validation error: '{text} is not a date' on property {parameter}."))
    })
}
