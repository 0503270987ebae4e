//! All SCIM configurations of a tenant.

use rest::Area;

use crate::{
    Services,
    connections::{SCIM, all_attached},
};

/// What is served of `connections-scim-configurations`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("connections-scim-configurations")
        .read("GET /connections-scim-configurations", |reader, call| all_attached(reader, call, &SCIM))
}
