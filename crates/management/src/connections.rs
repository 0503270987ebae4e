//! Connections: where users come from.

use kernel::{ApiResult, Document, Record, id::Form};
use rest::{Area, Call, Kind, Unique};
use store::Snapshot;

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

/// What a connection is shown as wherever it appears.
pub(crate) fn presented(reader: &Snapshot, call: &Call, connection: &Record) -> ApiResult<Document> {
    rest::presented(reader, call, &&CONNECTION, connection)
}
