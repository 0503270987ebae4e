//! Values that rules read.

use rest::Area;

use crate::Services;

/// What is served of `rules-configs`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("rules-configs")
}
