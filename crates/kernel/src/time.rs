//! Points in time, as the service writes them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A point in time with nanoseconds. Serialises as `2026-04-22T17:49:56.235Z`, the form of almost every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// The time now, by the operating system. Only clocks call it; everything else asks its context.
    #[expect(clippy::disallowed_methods, reason = "this is what the system's clock is made of")]
    pub fn of_system() -> Self {
        Self(jiff::Timestamp::now())
    }

    /// From seconds since 1970; times that cannot be represented become the nearest that can.
    pub fn from_seconds(seconds: i64) -> Self {
        Self(jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX))
    }

    /// From milliseconds since 1970; times that cannot be represented become the nearest that can.
    pub fn from_millis(millis: i64) -> Self {
        Self(jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX))
    }

    /// From microseconds since 1970, the unit in which the store keeps times.
    pub fn from_micros(micros: i64) -> Self {
        Self(jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX))
    }

    /// Whole seconds since 1970, as tokens carry them (RFC 7519 §2, NumericDate).
    pub fn seconds(self) -> i64 {
        self.0.as_second()
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// `2026-04-22T17:49:56.235678Z`: actions' modules and rate-limit policies.
    pub fn with_micros(self) -> String {
        format!("{:.6}", self.0)
    }

    /// `2026-04-22T17:49:56.123456789Z`, trailing zeros of the fraction trimmed: actions, versions, bindings.
    pub fn with_nanos(self) -> String {
        self.0.to_string()
    }

    /// `20260422174956`, as log identifiers carry it.
    pub fn compact(self) -> String {
        self.0.strftime("%Y%m%d%H%M%S").to_string()
    }

    /// The time of day set to midnight UTC.
    pub fn start_of_day(self) -> Self {
        Self::from_seconds(self.seconds().div_euclid(86_400) * 86_400)
    }

    /// The inner value, for arithmetic that only one place needs.
    pub fn as_jiff(self) -> jiff::Timestamp {
        self.0
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.checked_add(by).unwrap_or(jiff::Timestamp::MAX))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, by: Duration) -> Self {
        Self(self.0.checked_sub(by).unwrap_or(jiff::Timestamp::MIN))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    /// Reads RFC 3339 with any fraction.
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl From<Timestamp> for serde_json::Value {
    fn from(time: Timestamp) -> Self {
        time.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_with_milliseconds() {
        assert_eq!(Timestamp::from_seconds(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_micros(1_234).with_micros(), "1970-01-01T00:00:00.001234Z");
        assert_eq!(Timestamp::from_seconds(0).compact(), "19700101000000");
    }
}
