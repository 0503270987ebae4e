//! Organizations, and who and what belongs to them.

use kernel::{Record, id::Form};
use store::{Index, Kind, RelationKind};

/// An organization.
pub static ORGANIZATION: Kind =
    Kind::new("organization").id("id", Form::Alnum16("org_")).unique(&["name"]).indexed(&["name", "display_name"]);
/// A domain by which an organization is found.
pub static DISCOVERY_DOMAIN: Kind = Kind::new("discovery_domain")
    .id("id", Form::Ordered58("ord_"))
    .indexed(&["domain"])
    .under(&ORGANIZATION, "organization_id");
/// Whoever knows the ticket may accept the invitation.
pub const INVITATION_SECRETS: &[&str] = &["ticket_id", "invitation_url"];

/// An invitation to an organization. It is found by the digest of its ticket (`ticket_id`, [`kernel::digest`]).
pub static INVITATION: Kind = Kind::new("invitation")
    .id("id", Form::Alnum16("uinv_"))
    .under(&ORGANIZATION, "organization")
    .indexed(&["invitee.email"])
    .folded(&["invitee.email"])
    .sealed(INVITATION_SECRETS)
    .indexed_by(by_ticket);

fn by_ticket(invitation: &Record) -> Index {
    let ticket = invitation.sealed.text("ticket_id");
    ticket.into_iter().fold(Index::new(), |index, ticket| index.term("ticket_id", kernel::digest(ticket)))
}

/// Organization → user.
pub static ORGANIZATION_MEMBERS: RelationKind = RelationKind::new("organization_members");
/// Membership ([`member_key`]) → role.
pub static MEMBER_ROLES: RelationKind = RelationKind::new("member_roles");
/// The left side of [`MEMBER_ROLES`]; neither part can contain the line break.
pub fn member_key(organization: &str, user: &str) -> String {
    format!("{organization}\n{user}")
}

/// Organization and user of a membership, of its key.
pub fn member_parts(key: &str) -> (&str, &str) {
    key.split_once('\n').unwrap_or((key, ""))
}

/// How an organization uses a connection: what the entry of [`ORGANIZATION_CONNECTIONS`] holds.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has them")]
pub struct ConnectionUse {
    /// Whether its members sign in by it.
    pub is_enabled: bool,
    /// Whether whoever signs in by it becomes a member.
    pub assign_membership_on_login: bool,
    /// Whether its login page has a button for it.
    pub show_as_button: bool,
    /// Whether strangers may sign up on its login page.
    pub is_signup_enabled: bool,
}

/// Organization → connection, with its settings.
pub static ORGANIZATION_CONNECTIONS: RelationKind = RelationKind::new("organization_connections");
/// Organization → client.
pub static ORGANIZATION_CLIENTS: RelationKind = RelationKind::new("organization_clients");
/// Organization → client grant: which machines may act for it.
pub static ORGANIZATION_GRANTS: RelationKind = RelationKind::new("organization_client_grant");

pub(crate) static KINDS: &[&Kind] = &[&ORGANIZATION, &DISCOVERY_DOMAIN, &INVITATION];
