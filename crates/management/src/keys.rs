//! Signing, custom signing and encryption keys.

use rest::Area;

use crate::Services;

/// What is served of `keys`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("keys")
}
