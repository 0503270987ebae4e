//! Log streams.

use rest::Area;

use crate::Services;

/// What is served of `log-streams`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("log-streams")
}
