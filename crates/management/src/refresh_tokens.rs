//! Refresh tokens.

use rest::Area;

use crate::Services;

/// What is served of `refresh-tokens`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("refresh-tokens")
}
