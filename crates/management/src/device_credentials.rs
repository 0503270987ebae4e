//! Device credentials: public keys and refresh tokens of devices.

use rest::Area;

use crate::Services;

/// What is served of `device-credentials`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("device-credentials")
}
