//! Hooks (deprecated by the service) and their secrets.

use rest::Area;

use crate::Services;

/// What is served of `hooks`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("hooks")
}
