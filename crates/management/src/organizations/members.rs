//! Members of an organization, and the roles they hold there.

use identity::users;
use kernel::{Document, Value, object};
use model::{MEMBER_ROLES, ORGANIZATION_MEMBERS, member_key};
use rest::{Answer, ApiError, ApiResult, Call, Kind, Related, page_of};
use serde_json::json;
use store::{Relation, RelationKind, RelationQuery, Side, Snapshot, Tx};

use super::{ORGANIZATION, organization};
use crate::{events::tell, roles::ROLE, users::USER};

/// Roles that a member may hold in one organization.
const MOST_ROLES: usize = 50;

pub(super) struct Members;

impl Related for Members {
    fn relation(&self) -> &'static RelationKind {
        &ORGANIZATION_MEMBERS
    }

    fn parent(&self) -> &'static Kind {
        &ORGANIZATION
    }

    fn field(&self) -> &'static str {
        "members"
    }

    fn check(&self, tx: &mut Tx, _: &Call, _: &str, users: &[String]) -> ApiResult {
        for user in users {
            rest::load(tx, &USER, user)?;
        }
        Ok(())
    }

    fn follow_add(&self, tx: &mut Tx, call: &Call, organization: &str, added: &[String]) -> ApiResult {
        tell_of(tx, call, "organization.member.added", organization, added)
    }

    fn follow_remove(&self, tx: &mut Tx, call: &Call, organization: &str, removed: &[String]) -> ApiResult {
        tell_of(tx, call, "organization.member.deleted", organization, removed)?;
        for user in removed {
            tx.unrelate_all(&MEMBER_ROLES, Side::Left(&member_key(organization, user)))?;
        }
        Ok(())
    }

    fn present(&self, reader: &Snapshot, call: &Call, relation: &Relation) -> ApiResult<Option<Document>> {
        let Some(user) = reader.get(&USER, &relation.right)? else { return Ok(None) };
        let mut shown = users::summary(&user);
        let wants_roles =
            call.text("fields").is_some_and(|fields| fields.split(',').any(|field| field.trim() == "roles"));
        if wants_roles && call.allows("read:organization_member_roles") {
            let named = |role: Document| {
                let kept =
                    ["id", "name"].into_iter().filter_map(|name| Some((name.to_owned(), role.get(name)?.clone())));
                Value::Object(kept.collect())
            };
            let roles = member_roles(reader, &relation.left, &relation.right)?;
            shown.insert("roles".into(), roles.into_iter().map(named).collect());
        }
        Ok(Some(shown))
    }

    /// The walk over members ends with an empty page: each page that shows any has a `next`.
    fn walks_to_an_empty_page(&self) -> bool {
        true
    }
}

/// `GET /organizations/{id}/members/{user_id}/roles`, by name.
pub(super) fn roles(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let organization = organization(reader, call)?;
    rest::load(reader, &USER, call.path("user_id"))?;
    let roles = member_roles(reader, &organization.id, call.path("user_id"))?;
    Ok(Answer::json(page_of(call, roles)?))
}

/// `POST /organizations/{id}/members/{user_id}/roles`.
pub(super) fn add_roles(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let key = member(tx, call)?;
    for role in named_roles(call) {
        let role = rest::load(tx, &ROLE, role)?;
        if tx.relate(&MEMBER_ROLES, &key, &role.id, Document::new())? {
            tell_of_role(tx, call, "organization.member.role.assigned", &role.id)?;
        }
    }
    let held = tx.related(&MEMBER_ROLES, Side::Left(&key), &RelationQuery::default())?;
    if held.items.len() > MOST_ROLES {
        return Err(ApiError::conflict("No more roles can be assigned to this organization member."));
    }
    Ok(Answer::empty())
}

/// `DELETE /organizations/{id}/members/{user_id}/roles`.
pub(super) fn remove_roles(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let organization = organization(tx, call)?;
    let key = member_key(&organization.id, call.path("user_id"));
    for role in named_roles(call) {
        if tx.unrelate(&MEMBER_ROLES, &key, role)? {
            tell_of_role(tx, call, "organization.member.role.deleted", role)?;
        }
    }
    Ok(Answer::empty())
}

/// Tells who came or went.
fn tell_of(tx: &mut Tx, call: &Call, kind: &str, organization: &str, users: &[String]) -> ApiResult {
    let organization = super::named(&rest::load(tx, &ORGANIZATION, organization)?);
    for user in users {
        let object = object(json!({"organization": organization, "user": {"user_id": user}}));
        tell(tx, call, kind, object)?;
    }
    Ok(())
}

/// Tells which role the member in the path got or lost.
fn tell_of_role(tx: &mut Tx, call: &Call, kind: &str, role: &str) -> ApiResult {
    let name = tx.get(&ROLE, role)?.and_then(|role| role.text("name").map(str::to_owned));
    let object = object(json!({
        "organization": {"id": call.path("id")},
        "user": {"user_id": call.path("user_id")},
        "role": {"id": role, "name": name},
    }));
    tell(tx, call, kind, object)
}

/// The key of the member in the path, who must be one.
fn member(reader: &Snapshot, call: &Call) -> ApiResult<String> {
    let organization = organization(reader, call)?;
    let user = call.path("user_id");
    rest::load(reader, &USER, user)?;
    if reader.relation(&ORGANIZATION_MEMBERS, &organization.id, user)?.is_none() {
        return Err(ApiError::bad_request("The user is not a member of the organization."));
    }
    Ok(member_key(&organization.id, user))
}

fn named_roles(call: &Call) -> impl Iterator<Item = &str> {
    call.body().get("roles").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn member_roles(reader: &Snapshot, organization: &str, user: &str) -> ApiResult<Vec<Document>> {
    crate::roles::held(reader, &MEMBER_ROLES, &member_key(organization, user))
}
