//! What the deletion of a record, and the end of a relation, means beside what the references say: the tenant's events, above all.

use kernel::{Document, Record, Value, object};
use model::{
    CUSTOM_DOMAIN, GROUP, GROUP_MEMBERS, MEMBER_ROLES, ORGANIZATION, ORGANIZATION_CONNECTIONS, ORGANIZATION_MEMBERS,
    ROLE, USER, member_parts,
};
use serde_json::json;
use store::{Kind, Relation, RelationKind, Snapshot, StoreResult, Tx};

use crate::{
    Result, blocks,
    events::{self, News, publish},
};

/// Follows the deletion of a record.
pub(super) fn gone(tx: &mut Tx, context: &Document, kind: &Kind, record: &Record) -> Result {
    if kind.name == USER.name {
        blocks::lift_of(tx, record)?;
        events::user_deleted(tx, record, context.clone())?;
    } else if kind.name == ORGANIZATION.name {
        let mut told = events::organization(record);
        told.shift_remove("branding");
        tell(tx, context, "organization.deleted", told)?;
    } else if kind.name == GROUP.name {
        tell(tx, context, "group.deleted", record.document.clone())?;
    } else if kind.name == CUSTOM_DOMAIN.name {
        tx.release_host(record.text("domain").unwrap_or_default())?;
    }
    Ok(())
}

/// Follows the end of a relation.
pub(super) fn ended(tx: &mut Tx, context: &Document, relation: &RelationKind, entry: &Relation) -> Result {
    let (kind, told) = if *relation == ORGANIZATION_MEMBERS {
        let organization = organization(tx, &entry.left)?;
        let told = json!({"organization": organization, "user": {"user_id": entry.right}});
        ("organization.member.deleted", told)
    } else if *relation == ORGANIZATION_CONNECTIONS {
        let organization = organization(tx, &entry.left)?;
        let told = json!({"organization": organization, "connection": {"id": entry.right}});
        ("organization.connection.removed", told)
    } else if *relation == MEMBER_ROLES {
        let (organization, user) = member_parts(&entry.left);
        let name = tx.get(&ROLE, &entry.right)?.and_then(|role| role.text("name").map(str::to_owned));
        let role = json!({"id": entry.right, "name": name});
        let told = json!({"organization": {"id": organization}, "user": {"user_id": user}, "role": role});
        ("organization.member.role.deleted", told)
    } else if *relation == GROUP_MEMBERS {
        let Some(group) = tx.get(&GROUP, &entry.left)? else { return Ok(()) };
        let member = json!({
            "member_type": "user",
            "id": entry.right,
            "type": "connection",
            "connection_id": group.text("connection_id"),
        });
        ("group.member.deleted", json!({"group": group.document, "member": member}))
    } else {
        return Ok(());
    };
    Ok(tell(tx, context, kind, object(told))?)
}

/// The id and name under which events name an organization.
fn organization(reader: &Snapshot, id: &str) -> StoreResult<Value> {
    let found = reader.get(&ORGANIZATION, id)?;
    let name = found.and_then(|organization| organization.text("name").map(str::to_owned));
    Ok(json!({"id": id, "name": name}))
}

fn tell(tx: &mut Tx, context: &Document, kind: &str, object: Document) -> StoreResult {
    publish(tx, kind, News { object, previous: None, context: context.clone() })
}
