//! Templates of verifiable credentials.

use rest::Area;

use crate::Services;

/// What is served of `verifiable-credentials`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("verifiable-credentials")
}
