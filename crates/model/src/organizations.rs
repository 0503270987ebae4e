//! Organizations, and who and what belongs to them.

use kernel::id::Form;
use store::{Kind, RelationKind};

/// An organization.
pub static ORGANIZATION: Kind =
    Kind::new("organization").id("id", Form::Alnum16("org_")).unique(&["name"]).indexed(&["name", "display_name"]);
/// A domain by which an organization is found.
pub static DISCOVERY_DOMAIN: Kind = Kind::new("discovery_domain")
    .id("id", Form::Ordered58("ord_"))
    .indexed(&["domain"])
    .under(&ORGANIZATION, "organization_id");
/// An invitation to an organization.
pub static INVITATION: Kind = Kind::new("invitation")
    .id("id", Form::Alnum16("uinv_"))
    .under(&ORGANIZATION, "organization")
    .indexed(&["ticket_id", "invitee.email"])
    .folded(&["invitee.email"]);

/// Organization → user.
pub static ORGANIZATION_MEMBERS: RelationKind = RelationKind::new("organization_members");
/// Membership ([`member_key`]) → role.
pub static MEMBER_ROLES: RelationKind = RelationKind::new("member_roles");
/// The left side of [`MEMBER_ROLES`]; neither part can contain the line break.
pub fn member_key(organization: &str, user: &str) -> String {
    format!("{organization}\n{user}")
}

/// Organization → connection, with its settings.
pub static ORGANIZATION_CONNECTIONS: RelationKind = RelationKind::new("organization_connections");
/// Organization → client.
pub static ORGANIZATION_CLIENTS: RelationKind = RelationKind::new("organization_clients");
/// Organization → client grant: which machines may act for it.
pub static ORGANIZATION_GRANTS: RelationKind = RelationKind::new("organization_client_grant");

pub(crate) static KINDS: &[&Kind] = &[&ORGANIZATION, &DISCOVERY_DOMAIN, &INVITATION];
