//! Anomaly detection: blocked addresses.

use rest::Area;

use crate::Services;

/// What is served of `anomaly`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("anomaly")
}
