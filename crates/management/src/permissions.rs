//! Permissions: a scope of a resource server, as roles and users hold them.

use std::collections::{HashMap, hash_map::Entry};

use kernel::{Document, Value};
use model::{
    RESOURCE_SERVER, permission_key, permission_parts,
    views::{ResourceServer, View as _},
};
use rest::{ApiError, ApiResult};
use serde::Deserialize;
use store::{Snapshot, Tx};

/// How permissions are named in relations, and judged.
pub(crate) struct Permissions;

/// A permission as bodies name it.
#[derive(Deserialize)]
struct Named<'a> {
    resource_server_identifier: &'a str,
    permission_name: &'a str,
}

impl Permissions {
    /// The key of an item of a body's `permissions`.
    pub(crate) fn key_of(item: &Value) -> ApiResult<String> {
        let named = Named::deserialize(item);
        let named = named.map_err(|error| {
            ApiError::invalid_body(format!("Payload validation error: '{error}' on property permissions."))
        })?;
        Ok(permission_key(named.permission_name, named.resource_server_identifier))
    }

    /// Judges permissions that are to be given: their resource servers and scopes must exist.
    pub(crate) fn check(tx: &mut Tx, permissions: &[String]) -> ApiResult {
        let mut servers: HashMap<&str, ResourceServer> = HashMap::new();
        for key in permissions {
            let (name, identifier) = permission_parts(key);
            let server = match servers.entry(identifier) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let Some(server) = tx.find(&RESOURCE_SERVER, "identifier", identifier)? else {
                        return Err(ApiError::not_found(format!("The resource server does not exist: '{identifier}'"))
                            .code("inexistent_resource_server"));
                    };
                    place.insert(ResourceServer::of(&server)?)
                }
            };
            if !server.scope_values.contains(name) {
                return Err(ApiError::not_found(format!("The permission does not exist: '{name}' of '{identifier}'")));
            }
        }
        Ok(())
    }
}

/// What lists show of a permission; `None` when its resource server or scope is gone.
pub(crate) fn described(reader: &Snapshot, key: &str) -> ApiResult<Option<Document>> {
    let (name, identifier) = permission_parts(key);
    let Some(record) = reader.find(&RESOURCE_SERVER, "identifier", identifier)? else { return Ok(None) };
    let server = ResourceServer::of(&record)?;
    if !server.scope_values.contains(name) {
        return Ok(None);
    }
    let mut shown = Document::new();
    shown.insert("permission_name".into(), name.into());
    shown.insert("description".into(), server.description(name).unwrap_or_default().into());
    if let Some(name) = server.name {
        shown.insert("resource_server_name".into(), name.into());
    }
    shown.insert("resource_server_identifier".into(), identifier.into());
    Ok(Some(shown))
}
