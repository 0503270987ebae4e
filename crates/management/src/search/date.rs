//! Dates in queries: a day, a month, an hour stand for all of their time.

use std::ops::Bound;

use jiff::{SignedDuration, Span, Timestamp, civil::DateTime, tz::Offset};
use store::Term;

use super::Refusal;

/// The time that a date stands for: its start, and the start of what follows.
pub(super) fn period(field: &str, text: &str) -> Result<(Term, Term), Refusal> {
    let malformed = || format!("{field} is a date such as 2020-12-31 or 2020-12-31T23:59:59Z");
    let (start, end) = read(text).ok_or_else(malformed)?;
    Ok((term(start), term(end)))
}

/// A lower bound: an exclusive one begins after the whole period.
pub(super) fn lower(field: &str, bound: &Bound<String>) -> Result<Bound<Term>, Refusal> {
    Ok(match bound {
        Bound::Included(text) => Bound::Included(period(field, text)?.0),
        Bound::Excluded(text) => Bound::Included(period(field, text)?.1),
        Bound::Unbounded => Bound::Unbounded,
    })
}

/// An upper bound: an inclusive one ends with the period.
pub(super) fn upper(field: &str, bound: &Bound<String>) -> Result<Bound<Term>, Refusal> {
    Ok(match bound {
        Bound::Included(text) => Bound::Excluded(period(field, text)?.1),
        Bound::Excluded(text) => Bound::Excluded(period(field, text)?.0),
        Bound::Unbounded => Bound::Unbounded,
    })
}

fn term(time: Timestamp) -> Term {
    Term::from(kernel::Timestamp::from(time))
}

fn read(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (date, time) = text.split_once(['T', 't']).map_or((text, None), |(date, time)| (date, Some(time)));
    let mut numbers = date.split('-');
    let year: i16 = number(numbers.next()?, 4)?;
    let month: Option<i8> = optional(numbers.next(), 2)?;
    let day: Option<i8> = optional(numbers.next(), 2)?;
    if numbers.next().is_some() || (time.is_some() && day.is_none()) {
        return None;
    }
    let start = jiff::civil::Date::new(year, month.unwrap_or(1), day.unwrap_or(1)).ok()?.at(0, 0, 0, 0);
    if let Some(time) = time {
        return instant(start, time);
    }
    let unit = match (month, day) {
        (None, _) => Span::new().years(1),
        (_, None) => Span::new().months(1),
        _ => Span::new().days(1),
    };
    let at = |civil: DateTime| Offset::UTC.to_timestamp(civil).ok();
    Some((at(start)?, at(start.checked_add(unit).ok()?)?))
}

/// A time of day: hours, and optionally minutes, seconds, a fraction, an offset.
fn instant(day: DateTime, text: &str) -> Option<(Timestamp, Timestamp)> {
    let zone = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone);
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut numbers = clock.split(':');
    let hour: i64 = number(numbers.next()?, 2)?;
    let minute: Option<i64> = optional(numbers.next(), 2)?;
    let second: Option<i64> = optional(numbers.next(), 2)?;
    let is_read = numbers.next().is_none() && hour < 25 && minute.unwrap_or(0) < 60 && second.unwrap_or(0) < 61;
    if !is_read || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let nanos = fraction.map_or(Some(0), nanos)?;
    let seconds = hour * 3_600 + minute.unwrap_or(0) * 60 + second.unwrap_or(0);
    let since_midnight = SignedDuration::new(seconds, nanos);
    let start = offset(zone)?.to_timestamp(day.checked_add(since_midnight).ok()?).ok()?;
    let length = match (minute, second, fraction) {
        (None, ..) => SignedDuration::from_hours(1),
        (_, None, _) => SignedDuration::from_mins(1),
        (_, _, None) => SignedDuration::from_secs(1),
        _ => SignedDuration::from_millis(1),
    };
    Some((start, start.checked_add(length).ok()?))
}

/// An offset from UTC; UTC when there is none.
fn offset(text: &str) -> Option<Offset> {
    if text.is_empty() {
        return Some(Offset::UTC);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("Z" | "z", "") => return Some(Offset::UTC),
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':').or_else(|| rest.split_at_checked(2)).unwrap_or((rest, ""));
    let hours: i32 = number(hours, 2)?;
    let minutes: i32 = if minutes.is_empty() { 0 } else { number(minutes, 2)? };
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()
}

/// Nanoseconds of a fraction of a second.
fn nanos(digits: &str) -> Option<i32> {
    let is_fraction = !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_fraction { format!("{digits:0<9}").parse().ok() } else { None }
}

/// A number of exactly this many digits.
fn number<N: std::str::FromStr>(text: &str, digits: usize) -> Option<N> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// `Some(None)` when there is nothing to read.
#[expect(clippy::option_option, reason = "absent and malformed are two things")]
fn optional<N: std::str::FromStr>(text: Option<&str>, digits: usize) -> Option<Option<N>> {
    text.map_or(Some(None), |text| number(text, digits).map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_stand_for_all_of_their_time() {
        let cases = [
            ("2020", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"),
            ("2020-02", "2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"),
            ("2020-02-29", "2020-02-29T00:00:00Z", "2020-03-01T00:00:00Z"),
            ("2020-02-29T10", "2020-02-29T10:00:00Z", "2020-02-29T11:00:00Z"),
            ("2020-02-29T10:20:30Z", "2020-02-29T10:20:30Z", "2020-02-29T10:20:31Z"),
            ("2020-02-29T10:20:30.5+02:00", "2020-02-29T08:20:30.5Z", "2020-02-29T08:20:30.501Z"),
            ("2020-02-30", "", ""),
            ("20", "", ""),
            ("2020-1-1", "", ""),
            ("2020-01-01T", "", ""),
            ("x", "", ""),
        ];
        for (text, start, end) in cases {
            let expected = (!start.is_empty()).then(|| (start.parse().unwrap(), end.parse().unwrap()));
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
