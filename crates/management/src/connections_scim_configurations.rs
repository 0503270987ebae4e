//! All SCIM configurations of a tenant.

use rest::Area;

use crate::{Services, connections};

/// What is served of `connections-scim-configurations`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("connections-scim-configurations")
        .read("GET /connections-scim-configurations", connections::scim_configurations)
}
