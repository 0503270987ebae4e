//! When rows expire, by the hour.

use kernel::Timestamp;

/// Microseconds of an hour: rows are found by the hour, so that pushing an expiry on rarely changes an index.
const HOUR: i64 = 3_600_000_000;
/// The hour of what never expires.
const NEVER: i64 = i32::MAX as i64;

/// The first hour that begins at or after a time.
pub(crate) fn hour_after(time: Timestamp) -> i64 {
    (time.micros().saturating_add(HOUR - 1) / HOUR).min(NEVER)
}

/// The hour that a time is in.
pub(crate) fn this_hour(now: Timestamp) -> i64 {
    now.micros() / HOUR
}
