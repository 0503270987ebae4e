//! What a user may do: roles, permissions, organizations.

use std::collections::BTreeMap;

use kernel::{Document, Value};
use model::{ORGANIZATION, ORGANIZATION_MEMBERS, ROLE_PERMISSIONS, USER_PERMISSIONS, USER_ROLES};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Related, page_of};
use serde_json::json;
use store::{Relation, RelationKind, RelationQuery, Side, Snapshot, Tx};

use super::{USER, user};
use crate::{
    permissions::{Permissions, described},
    roles::ROLE,
};

/// Permissions that a user may be given directly.
const MOST_PERMISSIONS: usize = 1_000;

/// Claims the operations on rights.
pub(super) fn claim(area: Area) -> Area {
    area.relation("/users/{id}/roles", UserRoles)
        .except("GET /users/{id}/roles")
        .read("GET /users/{id}/roles", roles)
        .relation("/users/{id}/permissions", UserPermissions)
        .except("GET /users/{id}/permissions")
        .read("GET /users/{id}/permissions", permissions)
        .read("GET /users/{id}/organizations", organizations)
}

/// The roles that a user holds.
struct UserRoles;

impl Related for UserRoles {
    fn relation(&self) -> &'static RelationKind {
        &USER_ROLES
    }

    fn parent(&self) -> &'static Kind {
        &USER
    }

    fn field(&self) -> &'static str {
        "roles"
    }

    fn check(&self, tx: &mut Tx, _: &Call, _: &str, roles: &[String]) -> ApiResult {
        roles.iter().try_for_each(|role| rest::load(tx, &ROLE, role).map(drop))
    }

    fn present(&self, _: &Snapshot, _: &Call, _: &Relation) -> ApiResult<Option<Document>> {
        Ok(None)
    }
}

/// The permissions that a user was given directly.
struct UserPermissions;

impl Related for UserPermissions {
    fn relation(&self) -> &'static RelationKind {
        &USER_PERMISSIONS
    }

    fn parent(&self) -> &'static Kind {
        &USER
    }

    fn field(&self) -> &'static str {
        "permissions"
    }

    fn key(&self, item: &Value) -> ApiResult<String> {
        Permissions::key_of(item)
    }

    fn check(&self, tx: &mut Tx, _: &Call, user: &str, permissions: &[String]) -> ApiResult {
        Permissions::check(tx, permissions)?;
        let held = tx.related(&USER_PERMISSIONS, Side::Left(user), &RelationQuery::default())?.items;
        let new = permissions.iter().filter(|key| !held.iter().any(|relation| relation.right == **key)).count();
        if held.len() + new > MOST_PERMISSIONS {
            return Err(ApiError::invalid_body("No more permissions can be assigned to this user."));
        }
        Ok(())
    }

    fn present(&self, _: &Snapshot, _: &Call, _: &Relation) -> ApiResult<Option<Document>> {
        Ok(None)
    }
}

/// `GET /users/{id}/roles`, by name.
fn roles(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let user = user(reader, call)?;
    let mut roles = crate::roles::held(reader, &USER_ROLES, &user.id)?;
    for role in &mut roles {
        role.retain(|field, _| ["id", "name", "description"].contains(&field.as_str()));
    }
    Ok(Answer::json(page_of(call, roles)?))
}

/// `GET /users/{id}/permissions`: those given directly and those of the user's roles, by name, each with its sources.
fn permissions(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let user = user(reader, call)?;
    let all = RelationQuery::default();
    // The keys of permissions begin with their names.
    let mut sources: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for direct in reader.related(&USER_PERMISSIONS, Side::Left(&user.id), &all)?.items {
        let source = json!({"source_id": "", "source_name": "", "source_type": "DIRECT"});
        sources.entry(direct.right).or_default().push(source);
    }
    for held in reader.related(&USER_ROLES, Side::Left(&user.id), &all)?.items {
        let Some(role) = reader.get(&ROLE, &held.right)? else { continue };
        for given in reader.related(&ROLE_PERMISSIONS, Side::Left(&role.id), &all)?.items {
            let source = json!({"source_id": role.id, "source_name": role.text("name"), "source_type": "ROLE"});
            sources.entry(given.right).or_default().push(source);
        }
    }
    let mut permissions = Vec::with_capacity(sources.len());
    for (key, sources) in sources {
        if let Some(mut permission) = described(reader, &key)? {
            permission.insert("sources".into(), sources.into());
            permissions.push(permission);
        }
    }
    Ok(Answer::json(page_of(call, permissions)?))
}

/// `GET /users/{id}/organizations`, in the order in which the user joined them.
fn organizations(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let user = user(reader, call)?;
    let mut organizations = Vec::new();
    for membership in reader.related(&ORGANIZATION_MEMBERS, Side::Right(&user.id), &RelationQuery::default())?.items {
        if let Some(organization) = reader.get(&ORGANIZATION, &membership.left)? {
            organizations.push(crate::organizations::summary(&organization));
        }
    }
    Ok(Answer::json(page_of(call, organizations)?))
}
