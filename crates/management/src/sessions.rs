//! Sessions.

use rest::Area;

use crate::Services;

/// What is served of `sessions`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("sessions")
}
