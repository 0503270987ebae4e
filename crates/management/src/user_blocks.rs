//! Blocks of users after too many failed logins.

use rest::Area;

use crate::Services;

/// What is served of `user-blocks`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("user-blocks")
}
