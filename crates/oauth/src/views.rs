//! The few fields of records that token requests decide on, parsed once per version of a record.

use std::{collections::HashSet, sync::Arc};

use identity::{jwe::Recipient, signature::PublicKey};
use kernel::{Record, Secret, TenantId, Timestamp, UnfitRecord};
use quick_cache::sync::Cache;
use serde::{Deserialize, de::DeserializeOwned};

const KEPT: usize = 10_000;

/// Parsed views of the records that token requests read.
pub(crate) struct Views {
    pub(crate) clients: View<Client>,
    pub(crate) grants: View<ClientGrant>,
    pub(crate) resource_servers: View<ResourceServer>,
    pub(crate) settings: View<Settings>,
}

impl Default for Views {
    fn default() -> Self {
        Self { clients: View::new(), grants: View::new(), resource_servers: View::new(), settings: View::new() }
    }
}

/// Views of the records of one kind, by tenant and identifier.
pub(crate) struct View<T>(Cache<(TenantId, String), Arc<Parsed<T>>>);

struct Parsed<T> {
    version: u64,
    updated: Timestamp,
    view: Arc<T>,
}

impl<T: Viewed> View<T> {
    fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    /// The record's view.
    pub(crate) fn of(&self, tenant: &TenantId, record: &Record) -> Result<Arc<T>, UnfitRecord> {
        let key = (tenant.clone(), record.id.clone());
        let kept = self.0.get(&key);
        // A record that was deleted and made again may have the version of the old one, not its time.
        let is_same = |parsed: &Arc<Parsed<T>>| parsed.version == record.version && parsed.updated == record.updated;
        if let Some(parsed) = kept.filter(is_same) {
            return Ok(Arc::clone(&parsed.view));
        }
        let view = Arc::new(T::complete(record.view()?, record));
        let parsed = Parsed { version: record.version, updated: record.updated, view: Arc::clone(&view) };
        self.0.insert(key, Arc::new(parsed));
        Ok(view)
    }
}

/// A view that may take something from outside of the document.
pub(crate) trait Viewed: DeserializeOwned {
    /// The view with what the record holds beside its document.
    fn complete(self, record: &Record) -> Self;
}

/// A client.
#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has them")]
pub(crate) struct Client {
    #[serde(rename = "client_id")]
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) global: bool,
    pub(crate) grant_types: Option<Vec<String>>,
    pub(crate) token_endpoint_auth_method: Option<String>,
    pub(crate) is_token_endpoint_ip_header_trusted: bool,
    pub(crate) default_organization: Option<DefaultOrganization>,
    pub(crate) app_type: Option<String>,
    is_first_party: Option<bool>,
    pub(crate) callbacks: Vec<String>,
    pub(crate) web_origins: Vec<String>,
    pub(crate) allowed_logout_urls: Vec<String>,
    pub(crate) organization_usage: Option<String>,
    pub(crate) require_pushed_authorization_requests: bool,
    pub(crate) skip_non_verifiable_callback_uri_confirmation_prompt: Option<bool>,
    pub(crate) sso_disabled: bool,
    pub(crate) redirection_policy: Option<String>,
    pub(crate) par_request_expiry: Option<u64>,
    pub(crate) jwt_configuration: JwtConfiguration,
    #[serde(rename = "client_authentication_methods")]
    methods: Option<AuthenticationMethods>,
    #[serde(skip)]
    pub(crate) secret: Option<Secret>,
}

/// How a client's ID tokens are made.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct JwtConfiguration {
    pub(crate) alg: Option<String>,
    pub(crate) lifetime_in_seconds: Option<i64>,
}

/// The organization that a client's requests mean when they name none.
#[derive(Deserialize)]
pub(crate) struct DefaultOrganization {
    pub(crate) organization_id: String,
    #[serde(default)]
    pub(crate) flows: Vec<String>,
}

#[derive(Deserialize)]
struct AuthenticationMethods {
    private_key_jwt: Option<PrivateKeyJwt>,
}

#[derive(Deserialize)]
struct PrivateKeyJwt {
    #[serde(default)]
    credentials: Vec<CredentialReference>,
}

#[derive(Deserialize)]
struct CredentialReference {
    id: String,
}

impl Client {
    /// Identifiers of the keys with which the client signs assertions; `None` when it does not use assertions.
    pub(crate) fn assertion_credentials(&self) -> Option<impl Iterator<Item = &str>> {
        let method = self.methods.as_ref()?.private_key_jwt.as_ref()?;
        Some(method.credentials.iter().map(|credential| credential.id.as_str()))
    }

    /// Whether the client may use a grant. Clients from before the property existed may use all.
    pub(crate) fn may_use(&self, grant: &str) -> bool {
        self.grant_types.as_ref().is_none_or(|types| types.iter().any(|name| name == grant))
    }

    /// Whether the client runs on a device of its user.
    pub(crate) fn is_native(&self) -> bool {
        self.app_type.as_deref() == Some("native")
    }

    /// Whether it belongs to the tenant.
    pub(crate) fn is_first_party(&self) -> bool {
        self.is_first_party.unwrap_or(true)
    }

    /// Whether the client authenticates by something else than its secret.
    pub(crate) fn has_no_secret_method(&self) -> bool {
        self.methods.is_some() || self.token_endpoint_auth_method.as_deref() == Some("none")
    }
}

impl Viewed for Client {
    fn complete(mut self, record: &Record) -> Self {
        self.id.clone_from(&record.id);
        self.secret = record.sealed.text("client_secret").map(Secret::new);
        self
    }
}

/// A client grant.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClientGrant {
    pub(crate) id: String,
    pub(crate) scope: Vec<String>,
    pub(crate) allow_all_scopes: bool,
    pub(crate) organization_usage: Option<String>,
    pub(crate) allow_any_organization: bool,
}

impl ClientGrant {
    /// Whether it names a scope.
    pub(crate) fn has(&self, scope: &str) -> bool {
        self.scope.iter().any(|granted| granted == scope)
    }
}

impl Viewed for ClientGrant {
    fn complete(mut self, record: &Record) -> Self {
        self.id.clone_from(&record.id);
        self
    }
}

/// A resource server.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResourceServer {
    pub(crate) identifier: String,
    pub(crate) signing_alg: Option<String>,
    pub(crate) token_lifetime: Option<i64>,
    pub(crate) token_lifetime_for_web: Option<i64>,
    pub(crate) allow_offline_access: bool,
    pub(crate) skip_consent_for_verifiable_first_party_clients: Option<bool>,
    pub(crate) token_dialect: Option<String>,
    pub(crate) enforce_policies: bool,
    subject_type_authorization: SubjectTypes,
    scopes: Vec<Scope>,
    #[serde(skip)]
    pub(crate) scope_values: HashSet<String>,
    token_encryption: Option<TokenEncryption>,
    #[serde(skip)]
    pub(crate) signing_secret: Option<Secret>,
    #[serde(skip)]
    pub(crate) recipient: Option<Recipient>,
}

#[derive(Deserialize)]
struct TokenEncryption {
    encryption_key: EncryptionKey,
}

#[derive(Deserialize)]
struct EncryptionKey {
    alg: String,
    kid: Option<String>,
}

/// Where a resource server keeps the key that its tokens are encrypted to. It is never shown, so it is sealed.
const ENCRYPTION_PEM: &str = "token_encryption.encryption_key.pem";

#[derive(Default, Deserialize)]
#[serde(default)]
struct SubjectTypes {
    client: Policy,
    user: Policy,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Policy {
    policy: Option<String>,
}

#[derive(Deserialize)]
struct Scope {
    value: String,
    description: Option<String>,
}

impl ResourceServer {
    /// What a machine needs to use the API: `deny_all`, `require_client_grant` (the default) or `allow_all`.
    pub(crate) fn client_policy(&self) -> &str {
        self.subject_type_authorization.client.policy.as_deref().unwrap_or("require_client_grant")
    }

    /// What a client needs to use the API for its users: `deny_all`, `require_client_grant` or `allow_all` (the default).
    pub(crate) fn user_policy(&self) -> &str {
        self.subject_type_authorization.user.policy.as_deref().unwrap_or("allow_all")
    }

    /// What a scope is for, in the API's words.
    pub(crate) fn description(&self, scope: &str) -> Option<&str> {
        let described = self.scopes.iter().find(|known| known.value == scope)?;
        described.description.as_deref().filter(|text| !text.is_empty())
    }

    /// Whether tokens are encrypted. Without a usable recipient none may be issued then.
    pub(crate) fn encrypts_tokens(&self) -> bool {
        self.token_encryption.is_some()
    }

    fn recipient(&self, record: &Record) -> Option<Recipient> {
        let described = &self.token_encryption.as_ref()?.encryption_key;
        let key = PublicKey::from_pem(record.sealed.text(ENCRYPTION_PEM)?).ok()?;
        let kid = described.kid.clone().unwrap_or_else(|| key.thumbprint());
        Some(Recipient { algorithm: described.alg.clone(), kid, key })
    }

    /// All scopes, in the order in which the API lists them.
    pub(crate) fn all_scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(|scope| scope.value.as_str())
    }
}

impl Viewed for ResourceServer {
    fn complete(mut self, record: &Record) -> Self {
        self.scope_values = self.scopes.iter().map(|scope| scope.value.clone()).collect();
        self.recipient = self.recipient(record);
        self.signing_secret = record.sealed.text("signing_secret").map(Secret::new);
        self
    }
}

/// The tenant's settings.
#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has them")]
pub(crate) struct Settings {
    pub(crate) default_audience: Option<String>,
    pub(crate) allow_organization_name_in_authentication_api: bool,
    pub(crate) pushed_authorization_requests_supported: bool,
    pub(crate) authorization_response_iss_parameter_supported: bool,
    pub(crate) client_id_metadata_document_supported: bool,
    pub(crate) flags: Flags,
    pub(crate) oidc_logout: OidcLogout,
    pub(crate) mtls: Option<Mtls>,
    pub(crate) acr_values_supported: Option<Vec<String>>,
    pub(crate) allowed_logout_urls: Vec<String>,
    pub(crate) skip_non_verifiable_callback_uri_confirmation_prompt: Option<bool>,
    pub(crate) default_directory: Option<String>,
    pub(crate) resource_parameter_profile: Option<String>,
    pub(crate) sessions: Sessions,
}

/// The tenant's flags.
#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has them")]
pub(crate) struct Flags {
    pub(crate) remove_alg_from_jwks: bool,
    pub(crate) require_pushed_authorization_requests: bool,
    pub(crate) revoke_refresh_token_grant: bool,
    pub(crate) use_scope_descriptions_for_consent: bool,
}

/// The tenant's settings of logout by the relying party.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct OidcLogout {
    rp_logout_end_session_endpoint_discovery: Option<bool>,
}

/// The tenant's settings of sessions.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Sessions {
    oidc_logout_prompt_enabled: Option<bool>,
}

impl Sessions {
    /// Whether users are asked who are sent to log out by somebody whom nothing tells to be their application.
    pub(crate) fn asks_before_logout(&self) -> bool {
        self.oidc_logout_prompt_enabled.unwrap_or(true)
    }
}

/// The tenant's settings of mutual TLS.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Mtls {
    pub(crate) enable_endpoint_aliases: bool,
}

impl OidcLogout {
    /// Whether the logout endpoint is published; new tenants do.
    pub(crate) fn is_published(&self) -> bool {
        self.rp_logout_end_session_endpoint_discovery.unwrap_or(true)
    }
}

impl Viewed for Settings {
    fn complete(self, _: &Record) -> Self {
        self
    }
}
