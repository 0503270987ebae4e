//! All directory provisioning configurations of a tenant.

use rest::Area;

use crate::Services;

/// What is served of `connections-directory-provisionings`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("connections-directory-provisionings")
}
