//! Custom domains and their verification.

use rest::Area;

use crate::Services;

/// What is served of `custom-domains`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("custom-domains")
}
