//! Rules (deprecated by the service).

use rest::Area;

use crate::Services;

/// What is served of `rules`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("rules")
}
