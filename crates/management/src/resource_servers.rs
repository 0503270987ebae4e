//! Resource servers: the APIs that tokens are issued for.

use kernel::id::Form;
use rest::{Area, Kind, Unique};

use crate::Services;

/// What is served of `resource-servers`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("resource-servers").collection("/resource-servers", &RESOURCE_SERVER)
}

/// Resource servers.
pub(crate) static RESOURCE_SERVER: Kind = Kind::new("resource_server")
    .id("id", Form::Hex24)
    .unique(&[Unique {
        field: "identifier",
        message: "A resource server with the same identifier already exists.",
        code: None,
    }])
    .missing("The resource server does not exist", Some("inexistent_resource_server"))
    .indexed(&["identifier"])
    .sealed(&["signing_secret"])
    .revealed(&["signing_secret"]);
