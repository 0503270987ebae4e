//! Supplemental signals from the network edge.

use rest::Area;

use crate::Services;

/// What is served of `supplemental-signals`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("supplemental-signals")
}
