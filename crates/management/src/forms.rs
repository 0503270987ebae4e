//! Forms.

use rest::Area;

use crate::Services;

/// What is served of `forms`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("forms")
}
