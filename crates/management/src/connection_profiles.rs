//! Connection profiles and their templates.

use rest::Area;

use crate::Services;

/// What is served of `connection-profiles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("connection-profiles")
}
