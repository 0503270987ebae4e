//! User attribute profiles and their templates.

use rest::Area;

use crate::Services;

/// What is served of `user-attribute-profiles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("user-attribute-profiles")
}
