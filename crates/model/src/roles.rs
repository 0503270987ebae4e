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
