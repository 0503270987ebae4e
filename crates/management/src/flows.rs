//! Flows, their executions and vault connections.

use rest::Area;

use crate::Services;

/// What is served of `flows`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("flows")
}
