//! The tenant log.

use rest::Area;

use crate::Services;

/// What is served of `logs`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("logs")
}
