//! Clients: the applications of a tenant, their secrets and credentials.

use kernel::id::Form;
use rest::{Area, Kind};

use crate::Services;

/// What is served of `clients`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("clients").collection("/clients", &CLIENT)
}

/// Clients.
pub(crate) static CLIENT: Kind = Kind::new("client")
    .id("client_id", Form::Alnum32)
    .missing("The client does not exist", Some("inexistent_client"))
    .merged(&["client_metadata", "jwt_configuration", "refresh_token"])
    .sealed(&["client_secret"])
    .revealed(&["client_secret"])
    .indexed(&["app_type", "global", "is_first_party"]);
