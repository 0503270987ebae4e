//! Connections: where users come from.

use kernel::id::Form;
use rest::{Area, Kind, Unique};

use crate::Services;

/// What is served of `connections`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("connections").collection("/connections", &CONNECTION)
}

/// Connections.
pub(crate) static CONNECTION: Kind = Kind::new("connection")
    .id("id", Form::Alnum16("con_"))
    .unique(&[Unique {
        field: "name",
        message: "A connection with the same name already exists",
        code: Some("connection_conflict"),
    }])
    .missing("The connection does not exist", Some("inexistent_connection"))
    .indexed(&["name", "strategy"]);

/// Relation connection → client: for whom a connection is enabled.
pub(crate) const CONNECTION_CLIENTS: &str = "connection_clients";
