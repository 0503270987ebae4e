//! The identifiers of log events: 56 digits that begin with the time of ingestion.

use kernel::Timestamp;

/// What no log id before this time is greater than, and every one from then on.
pub fn log_id_at(time: Timestamp) -> String {
    id_of_time(time.micros())
}

/// The first 23 of a log id's 56 digits: `900`, the time of ingestion to the second, six digits of its fraction.
pub(crate) fn id_of_time(micros: i64) -> String {
    let micros = micros.max(0);
    format!("900{}{:06}", Timestamp::from_micros(micros).compact(), micros % 1_000_000)
}

/// The time of ingestion in a log id, in microseconds.
pub(crate) fn time_of_id(log_id: &str) -> Option<i64> {
    let digits = log_id.strip_prefix("900")?.get(..20)?;
    let part = |range: std::ops::Range<usize>| digits.get(range);
    let text = format!(
        "{}-{}-{}T{}:{}:{}.{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(8..10)?,
        part(10..12)?,
        part(12..14)?,
        part(14..20)?
    );
    text.parse().ok().map(Timestamp::micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_id_holds_its_time() {
        let id = id_of_time(1_700_000_000_123_456) + &"0".repeat(33);
        assert_eq!(id.len(), 56);
        assert_eq!(time_of_id(&id), Some(1_700_000_000_123_456));
        assert_eq!(time_of_id("abc"), None);
    }
}
