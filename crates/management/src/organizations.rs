//! Organizations: members, connections, roles, invitations, domains, grants.

mod clients;
mod connections;
mod discovery_domains;
mod grants;
mod invitations;
mod members;
mod summary;

use identity::events::organization as told;
use kernel::{Document, Record, Value};
use rest::{Answer, ApiResult, Area, Call, Change, Kind, Resource, Sorted, Unique};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::{Services, events::tell};

pub(crate) use summary::summary;

/// What is served of `organizations`.
pub(crate) fn area(_: &Services) -> Area {
    let area = Area::new("organizations")
        .collection("/organizations", Organizations)
        .read("GET /organizations/name/{name}", by_name)
        .collection("/organizations/{id}/invitations", invitations::Invitations)
        .collection("/organizations/{id}/discovery-domains", discovery_domains::DiscoveryDomains)
        .read("GET /organizations/{id}/discovery-domains/name/{discovery_domain}", discovery_domains::by_name)
        .relation("/organizations/{id}/members", members::Members)
        .write("POST /organizations/{id}/members/{user_id}/roles", members::add_roles)
        .write("DELETE /organizations/{id}/members/{user_id}/roles", members::remove_roles)
        .read("GET /organizations/{id}/members/{user_id}/roles", members::roles);
    grants::claim(clients::claim(connections::claim(area)))
}

/// Organizations.
pub(crate) static ORGANIZATION: Kind = Kind::of(&model::ORGANIZATION)
    .unique(&[Unique {
        field: "name",
        message: "An organization with this name already exists.",
        code: Some("organization_conflict"),
    }])
    .missing("No organization found by that id or name", None)
    .order(Sorted::Created);

struct Organizations;

impl Resource for Organizations {
    fn kind(&self) -> &'static Kind {
        &ORGANIZATION
    }

    fn prepare(&self, _: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() {
            new.document.shift_remove("enabled_connections");
            new.document.entry("third_party_client_access").or_insert_with(|| "block".into());
            new.document.entry("is_app_entitlement_active").or_insert_with(|| false.into());
        }
        if new.document.get("metadata") == Some(&json!({})) {
            new.document.shift_remove("metadata");
        }
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, call: &Call, change: &Change<'_>) -> ApiResult {
        match change {
            Change::Create { new } => {
                tell(tx, call, "organization.created", told(new))?;
                connections::enable_at_creation(tx, call, new)
            }
            Change::Update { new, .. } => tell(tx, call, "organization.updated", told(new)),
            Change::Delete { .. } => Ok(()),
        }
    }

    fn present(&self, reader: &Snapshot, call: &Call, organization: &Record, shown: &mut Document) -> ApiResult {
        if call.operation.id == "post_organizations" {
            let enabled = connections::enabled(reader, &organization.id)?;
            if !enabled.is_empty() {
                shown.insert("enabled_connections".into(), enabled.into());
            }
        }
        if !call.allows("read:organizations") && call.operation.method == "GET" {
            shown.retain(|name, _| ["id", "name", "display_name"].contains(&name.as_str()));
        }
        Ok(())
    }
}

/// The id and name under which events name an organization.
fn named(organization: &Record) -> Value {
    json!({"id": organization.id, "name": organization.text("name")})
}

/// `GET /organizations/name/{name}`.
fn by_name(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let found = reader.find(&ORGANIZATION, "name", call.path("name"))?;
    let organization = found.ok_or_else(|| ORGANIZATION.not_found())?;
    Ok(Answer::json(rest::presented(reader, call, &Organizations, &organization)?))
}

/// The organization in the path.
pub(super) fn organization(reader: &Snapshot, call: &Call) -> ApiResult<Record> {
    rest::load(reader, &ORGANIZATION, call.path("id"))
}
