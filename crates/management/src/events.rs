//! The tenant's events as a stream.

use rest::Area;

use crate::Services;

/// What is served of `events`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("events")
}
