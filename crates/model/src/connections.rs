//! Connections and what is provisioned through them.

use kernel::id::Form;
use store::{Kind, RelationKind};

/// Where the configuration of a connection's scripts is sealed.
pub const CONNECTION_CONFIGURATION: &str = "options.configuration";
/// The secrets of connections.
pub const CONNECTION_SECRETS: &[&str] = &[
    "provisioning_ticket_url",
    "options.admin_access_token",
    "options.admin_refresh_token",
    "options.agentToken",
    "options.bareConfiguration",
    "options.customHeaders",
    "options.client_secret",
    "options.app_secret",
    "options.twilio_token",
    "options.consumer_secret",
    "options.gateway_authentication.secret",
    "options.signing_key",
    "options.decryptionKey",
    CONNECTION_CONFIGURATION,
];

/// A connection.
pub static CONNECTION: Kind = Kind::new("connection")
    .id("id", Form::Alnum16("con_"))
    .unique(&["name"])
    .sealed(CONNECTION_SECRETS)
    .indexed(&["name", "realms", "strategy", "is_domain_connection"]);
/// A connection that is deleted while users of it are left.
pub static DELETED_CONNECTION: Kind = Kind::new("deleted_connection").indexed(&["name"]);
/// A template of connections.
pub static CONNECTION_PROFILE: Kind = Kind::new("connection_profile").id("id", Form::Ordered58("cop_"));
/// A key that a connection signs or decrypts with.
pub static CONNECTION_KEY: Kind =
    Kind::new("connection_key").id_given("kid").sealed(&["private_key"]).indexed(&["connection_id"]);
/// How a connection's directory is read; its id is the connection's.
pub static DIRECTORY_PROVISIONING: Kind = Kind::new("directory_provisioning").id_given("");
/// How a connection is provisioned by SCIM; its id is the connection's.
pub static SCIM_CONFIGURATION: Kind = Kind::new("scim_configuration").id_given("");
/// A token for provisioning by SCIM.
pub static SCIM_TOKEN: Kind =
    Kind::new("scim_token").id("token_id", Form::Base58("tok_")).sealed(&["hash"]).indexed(&["connection_id"]);
/// A group of a connection's directory.
pub static GROUP: Kind =
    Kind::new("group").id("id", Form::Base58("grp_")).indexed(&["connection_id", "name", "external_id"]);
/// What an administrator of a customer may set up.
pub static SELF_SERVICE_PROFILE: Kind = Kind::new("self_service_profile").id("id", Form::Base58("ssp_"));
/// The texts of a self-service profile in a language and a page.
pub static SELF_SERVICE_TEXT: Kind = Kind::new("self_service_text").id_given("");
/// How attributes of users are mapped.
pub static USER_ATTRIBUTE_PROFILE: Kind = Kind::new("user_attribute_profile").id("id", Form::Ordered58("uap_"));

/// Connection → client: for whom a connection is enabled.
pub static CONNECTION_CLIENTS: RelationKind = RelationKind::new("connection_clients");
/// Connection → identifier of a group in its directory: which are synchronized.
pub static SYNCHRONIZED_GROUPS: RelationKind = RelationKind::new("synchronized_groups");
/// Group → user.
pub static GROUP_MEMBERS: RelationKind = RelationKind::new("group_members");

pub(crate) static KINDS: &[&Kind] = &[
    &CONNECTION,
    &DELETED_CONNECTION,
    &CONNECTION_PROFILE,
    &CONNECTION_KEY,
    &DIRECTORY_PROVISIONING,
    &SCIM_CONFIGURATION,
    &SCIM_TOKEN,
    &GROUP,
    &SELF_SERVICE_PROFILE,
    &SELF_SERVICE_TEXT,
    &USER_ATTRIBUTE_PROFILE,
];
