//! All directory provisioning configurations of a tenant.

use rest::Area;

use crate::{
    Services,
    connections::{DIRECTORY, all_attached},
};

/// What is served of `connections-directory-provisionings`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("connections-directory-provisionings")
        .read("GET /connections-directory-provisionings", |reader, call| all_attached(reader, call, &DIRECTORY))
}
