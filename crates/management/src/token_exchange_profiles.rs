//! Custom token exchange profiles.

use rest::Area;

use crate::Services;

/// What is served of `token-exchange-profiles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("token-exchange-profiles")
}
