//! Client grants: which client may have which scopes of which API.

use kernel::id::Form;
use rest::{Area, Kind, Unique};

use crate::Services;

/// What is served of `client-grants`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("client-grants").collection("/client-grants", &CLIENT_GRANT)
}

/// Client grants.
pub(crate) static CLIENT_GRANT: Kind = Kind::new("client_grant")
    .id("id", Form::Alnum16("cgr_"))
    .unique(&[Unique {
        field: "grant",
        message: "A resource server with the same identifier already exists.",
        code: None,
    }])
    .missing("The grant does not exist.", None)
    .hidden(&["grant"])
    .indexed(&["client_id", "audience", "subject_type"]);
