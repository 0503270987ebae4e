//! Grants that users gave to clients.

use rest::Area;

use crate::Services;

/// What is served of `grants`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("grants")
}
