//! Actions: code that runs at triggers, its versions, modules and bindings.

use rest::Area;

use crate::Services;

/// What is served of `actions`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("actions")
}
