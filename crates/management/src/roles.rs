//! Roles: named sets of permissions that users hold.

use kernel::{Document, Record, Value};
use model::{ROLE_PERMISSIONS, USER, USER_ROLES};
use rest::{ApiError, ApiResult, Area, Call, Kind, ListFilter, Related, Resource, Unique};
use store::{Relation, RelationKind, Side, Snapshot, Tx};

use crate::{
    Services,
    permissions::{Permissions, described},
};

/// What is served of `roles`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("roles")
        .collection("/roles", Roles)
        .relation("/roles/{id}/users", RoleUsers)
        .relation("/roles/{id}/permissions", RolePermissions)
}

/// Roles.
pub(crate) static ROLE: Kind = Kind::of(&model::ROLE)
    .unique(&[Unique { field: "name", message: "The role already exists.", code: None }])
    .missing("Role not found.", Some("inexistent_role"))
    .filters(&[
        ("name_filter", ListFilter::Contains("name")),
        ("type", ListFilter::Equals("type")),
        ("owner_id", ListFilter::Equals("owner_id")),
    ]);

struct Roles;

impl Resource for Roles {
    fn kind(&self) -> &'static Kind {
        &ROLE
    }

    fn prepare(&self, _: &mut Tx, _: &Call, _: Option<&Record>, new: &mut Record) -> ApiResult {
        new.document.entry("type").or_insert_with(|| "tenant".into());
        Ok(())
    }

    fn present(&self, _: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        // A role without a description reads back with an empty one; the answer to its creation shows null.
        let none = if call.operation.method == "GET" { "".into() } else { Value::Null };
        shown.entry("description").or_insert(none);
        Ok(())
    }
}

/// Those who hold a role.
struct RoleUsers;

impl Related for RoleUsers {
    fn relation(&self) -> &'static RelationKind {
        &USER_ROLES
    }

    fn parent(&self) -> &'static Kind {
        &ROLE
    }

    fn is_flipped(&self) -> bool {
        true
    }

    fn field(&self) -> &'static str {
        "users"
    }

    fn check(&self, tx: &mut Tx, _: &Call, _: &str, users: &[String]) -> ApiResult {
        for user in users {
            if tx.get(&USER, user)?.is_none() {
                return Err(ApiError::not_found("One or more of the users do not exist."));
            }
        }
        Ok(())
    }

    fn present(&self, reader: &Snapshot, _: &Call, relation: &Relation) -> ApiResult<Option<Document>> {
        let user = reader.get(&USER, &relation.left)?;
        Ok(user.map(|user| identity::users::summary(&user)))
    }
}

/// What a role permits.
struct RolePermissions;

impl Related for RolePermissions {
    fn relation(&self) -> &'static RelationKind {
        &ROLE_PERMISSIONS
    }

    fn parent(&self) -> &'static Kind {
        &ROLE
    }

    fn field(&self) -> &'static str {
        "permissions"
    }

    fn order(&self) -> store::RelationOrder {
        store::RelationOrder::Other
    }

    fn key(&self, item: &Value) -> ApiResult<String> {
        Permissions::key_of(item)
    }

    fn check(&self, tx: &mut Tx, _: &Call, _: &str, permissions: &[String]) -> ApiResult {
        Permissions::check(tx, permissions)
    }

    fn present(&self, reader: &Snapshot, _: &Call, relation: &Relation) -> ApiResult<Option<Document>> {
        described(reader, &relation.right)
    }
}

/// The roles that `holder` has by a relation, as lists show them: by name.
pub(crate) fn held(reader: &Snapshot, relation: &RelationKind, holder: &str) -> ApiResult<Vec<Document>> {
    let entries = reader.related(relation, Side::Left(holder), &store::RelationQuery::default())?;
    let mut roles = Vec::new();
    for entry in entries.items {
        if let Some(mut role) = reader.get(&ROLE, &entry.right)? {
            role.document.entry("description").or_insert_with(|| "".into());
            roles.push(role.document);
        }
    }
    roles.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    Ok(roles)
}
