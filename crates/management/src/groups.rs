//! Groups of users.

use rest::Area;

use crate::Services;

/// What is served of `groups`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("groups")
}
