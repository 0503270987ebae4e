//! Event streams, their deliveries and redelivery.

use rest::Area;

use crate::Services;

/// What is served of `event-streams`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("event-streams")
}
