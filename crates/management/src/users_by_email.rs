//! Users by e-mail address.

use rest::Area;

use crate::Services;

/// What is served of `users-by-email`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("users-by-email")
}
