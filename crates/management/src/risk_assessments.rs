//! Risk assessment settings.

use rest::Area;

use crate::Services;

/// What is served of `risk-assessments`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("risk-assessments")
}
