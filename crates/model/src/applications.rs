//! Clients, the APIs they use, and what lets them.

use kernel::id::Form;
use store::Kind;

/// Path of the organization that a client's requests mean when they name none.
pub const DEFAULT_ORGANIZATION: &str = "default_organization.organization_id";

/// A client's secret, and the keys of other services with which its addons sign and call.
const CLIENT_SECRETS: &[&str] = &[
    "client_secret",
    "addons.*.masterkey",
    "addons.*.privateKey",
    "addons.*.private_key",
    "addons.*.sasKey",
    "addons.*.secret",
    "addons.*.servicePassword",
    "addons.*.storageAccessKey",
];
/// Those of addons, which every reader of the addons sees.
pub const ADDON_SECRETS: &[&str] = CLIENT_SECRETS.split_at(1).1;

/// A client.
pub static CLIENT: Kind = Kind::new("client").id("client_id", Form::Alnum32).sealed(CLIENT_SECRETS).indexed(&[
    "app_type",
    "global",
    "is_first_party",
    "external_client_id",
    DEFAULT_ORGANIZATION,
]);
/// A client's public key.
pub static CREDENTIAL: Kind = Kind::new("credential").id("id", Form::Base58("cred_")).under(&CLIENT, "client_id");
/// What lets a client use an API.
pub static CLIENT_GRANT: Kind = Kind::new("client_grant")
    .id("id", Form::Alnum16("cgr_"))
    .unique(&["grant"])
    .indexed(&["client_id", "audience", "subject_type", "allow_any_organization", "default_for"]);
/// A user's consent to what a client does for them.
pub static GRANT: Kind = Kind::new("grant").id("id", Form::Hex24).indexed(&["user_id", "clientID", "audience"]);
/// A device's key or token.
pub static DEVICE_CREDENTIAL: Kind = Kind::new("device_credential")
    .id("id", Form::Alnum16("dcr_"))
    .unique(&["device"])
    .indexed(&["user_id", "client_id", "type"]);
/// An API.
pub static RESOURCE_SERVER: Kind = Kind::new("resource_server")
    .id("id", Form::Hex24)
    .unique(&["identifier"])
    .indexed(&["identifier"])
    .sealed(&["signing_secret", "token_encryption.encryption_key.pem"]);
/// How tokens of others are exchanged.
pub static TOKEN_EXCHANGE_PROFILE: Kind =
    Kind::new("token_exchange_profile").id("id", Form::Alnum16("tep_")).unique(&["subject_token_type"]);
/// How often somebody may ask for something.
pub static RATE_LIMIT_POLICY: Kind = Kind::new("rate_limit_policy").id("id", Form::Base58("rlp_")).indexed(&[
    "resource",
    "consumer",
    "consumer_selector",
]);
/// An assertion that authenticated a client and does not do so again, in databases of before.
pub static USED_ASSERTION: Kind = Kind::new("used_assertion").id_given("").indexed(&["expires"]).dates(&["expires"]);
/// Assertions that authenticated a client and do not do so again: kind of things of single use.
pub const USED_ASSERTIONS: &str = "used_assertion";
/// An opaque token of the deprecated API, under its digest.
pub static V1_TOKEN: Kind = Kind::new("v1_token").id_given("").indexed(&["expires"]).dates(&["expires"]);

pub(crate) static KINDS: &[&Kind] = &[
    &CLIENT,
    &CREDENTIAL,
    &CLIENT_GRANT,
    &GRANT,
    &DEVICE_CREDENTIAL,
    &RESOURCE_SERVER,
    &TOKEN_EXCHANGE_PROFILE,
    &RATE_LIMIT_POLICY,
    &USED_ASSERTION,
    &V1_TOKEN,
];
