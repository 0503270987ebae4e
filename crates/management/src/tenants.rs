//! Settings of the tenant.

use kernel::ApiResult;
use rest::{Area, Kind};
use store::Snapshot;

use crate::Services;

/// What is served of `tenants`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("tenants")
}

/// The settings; stored with their first change.
pub(crate) static TENANT_SETTINGS: Kind = Kind::new("tenant_settings").id_given("");

/// The URL that links fall back to when a client has none of its own.
pub(crate) fn default_redirection_uri(reader: &Snapshot) -> ApiResult<Option<String>> {
    let settings = reader.get(TENANT_SETTINGS.name, TENANT_SETTINGS.name)?;
    Ok(settings.and_then(|settings| settings.text("default_redirection_uri").map(str::to_owned)))
}
