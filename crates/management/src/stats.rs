//! Counts of active users and of daily events.

use rest::Area;

use crate::Services;

/// What is served of `stats`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("stats")
}
