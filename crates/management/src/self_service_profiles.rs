//! Self-service profiles, their texts and tickets.

use rest::Area;

use crate::Services;

/// What is served of `self-service-profiles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("self-service-profiles")
}
