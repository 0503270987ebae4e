//! Roles and permissions.

use kernel::id::Form;
use store::{Kind, RelationKind};

/// A role.
pub static ROLE: Kind = Kind::new("role")
    .id("id", Form::Alnum16("rol_"))
    .unique(&["name"])
    .indexed(&["name", "type", "owner_id"])
    .folded(&["name"]);

/// User → role.
pub static USER_ROLES: RelationKind = RelationKind::new("user_roles");
/// Role → permission: identifier of the API, a blank, the scope.
pub static ROLE_PERMISSIONS: RelationKind = RelationKind::new("role_permissions");
/// User → permission that they hold without a role.
pub static USER_PERMISSIONS: RelationKind = RelationKind::new("user_permissions");

pub(crate) static KINDS: &[&Kind] = &[&ROLE];

/// Stands between the two parts of a permission's key; neither part can contain it.
const BETWEEN: char = '\n';

/// The key of a permission in relations: its name, then the API's identifier, so that keys sort by name as lists do.
pub fn permission_key(name: &str, identifier: &str) -> String {
    format!("{name}{BETWEEN}{identifier}")
}

/// The name of a permission and the identifier of its API, of its key.
pub fn permission_parts(key: &str) -> (&str, &str) {
    key.split_once(BETWEEN).unwrap_or((key, ""))
}
