//! Jobs: imports, exports, verification mails.

use rest::Area;

use crate::Services;

/// What is served of `jobs`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("jobs")
}
