//! Network access control lists.

use rest::Area;

use crate::Services;

/// What is served of `network-acls`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("network-acls")
}
