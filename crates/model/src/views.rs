//! Typed views: the fields of records that rules decide on, one struct for each kind.

use std::collections::HashSet;

use kernel::{Record, Secret, UnfitRecord};
use serde::{Deserialize, de::DeserializeOwned};

/// A view of the records of a kind.
pub trait View: DeserializeOwned {
    /// The view with what the record holds beside its document.
    #[must_use]
    fn complete(self, record: &Record) -> Self;

    /// The view of a record.
    ///
    /// # Errors
    /// What cannot be read is a defect, and never read as if it were not there.
    fn of(record: &Record) -> Result<Self, UnfitRecord> {
        Ok(Self::complete(record.view()?, record))
    }
}

/// A client.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has them")]
pub struct Client {
    /// Its identifier.
    #[serde(rename = "client_id")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is the one that only holds the custom login page.
    pub global: bool,
    /// The grants that it may use.
    pub grant_types: Option<Vec<String>>,
    /// How it authenticates.
    pub token_endpoint_auth_method: Option<String>,
    /// Whether its word counts for the address of its user.
    pub is_token_endpoint_ip_header_trusted: bool,
    /// The organization that its requests mean when they name none.
    pub default_organization: Option<DefaultOrganization>,
    /// `native`, `spa`, `regular_web`, `non_interactive` …
    pub app_type: Option<String>,
    is_first_party: Option<bool>,
    /// Where users are sent back to.
    pub callbacks: Vec<String>,
    /// Origins of its pages.
    pub web_origins: Vec<String>,
    /// Where users may be sent after logout.
    pub allowed_logout_urls: Vec<String>,
    /// Whether organizations are allowed or required.
    pub organization_usage: Option<String>,
    /// Whether authorization requests must be pushed.
    pub require_pushed_authorization_requests: bool,
    /// Whether users are not asked to confirm a redirect that anybody on the device may take.
    pub skip_non_verifiable_callback_uri_confirmation_prompt: Option<bool>,
    /// Whether its users log in each time.
    pub sso_disabled: bool,
    /// Where errors of authorization requests are sent.
    pub redirection_policy: Option<String>,
    /// Seconds for which a pushed request can be used.
    pub par_request_expiry: Option<u64>,
    /// How its ID tokens are made.
    pub jwt_configuration: JwtConfiguration,
    #[serde(rename = "client_authentication_methods")]
    methods: Option<AuthenticationMethods>,
    /// Its secret.
    #[serde(skip)]
    pub secret: Option<Secret>,
}

/// How a client's ID tokens are made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct JwtConfiguration {
    /// Algorithm of the signature.
    pub alg: Option<String>,
    /// How long ID tokens hold.
    pub lifetime_in_seconds: Option<i64>,
}

/// The organization that a client's requests mean when they name none.
#[derive(Debug, Deserialize)]
pub struct DefaultOrganization {
    /// Its identifier.
    pub organization_id: String,
    /// For which grants it is meant.
    #[serde(default)]
    pub flows: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct AuthenticationMethods {
    private_key_jwt: Option<PrivateKeyJwt>,
}

#[derive(Debug, Deserialize)]
struct PrivateKeyJwt {
    #[serde(default)]
    credentials: Vec<CredentialReference>,
}

#[derive(Debug, Deserialize)]
struct CredentialReference {
    id: String,
}

impl Client {
    /// Identifiers of the keys with which the client signs assertions; `None` when it does not use assertions.
    pub fn assertion_credentials(&self) -> Option<impl Iterator<Item = &str>> {
        let method = self.methods.as_ref()?.private_key_jwt.as_ref()?;
        Some(method.credentials.iter().map(|credential| credential.id.as_str()))
    }

    /// Whether the client may use a grant. Clients from before the property existed may use all.
    pub fn may_use(&self, grant: &str) -> bool {
        self.grant_types.as_ref().is_none_or(|types| types.iter().any(|name| name == grant))
    }

    /// Whether the client runs on a device of its user.
    pub fn is_native(&self) -> bool {
        self.app_type.as_deref() == Some("native")
    }

    /// Whether it belongs to the tenant.
    pub fn is_first_party(&self) -> bool {
        self.is_first_party.unwrap_or(true)
    }

    /// Whether the client authenticates by something else than its secret.
    pub fn has_no_secret_method(&self) -> bool {
        self.methods.is_some() || self.token_endpoint_auth_method.as_deref() == Some("none")
    }
}

impl View for Client {
    fn complete(mut self, record: &Record) -> Self {
        self.id.clone_from(&record.id);
        self.secret = record.sealed.text("client_secret").map(Secret::new);
        self
    }
}

/// A client grant.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClientGrant {
    /// Its identifier.
    pub id: String,
    /// The scopes that are granted.
    pub scope: Vec<String>,
    /// Whether all scopes are granted.
    pub allow_all_scopes: bool,
    /// Whether organizations are allowed or required.
    pub organization_usage: Option<String>,
    /// Whether it holds in every organization.
    pub allow_any_organization: bool,
}

impl ClientGrant {
    /// Whether it names a scope.
    pub fn has(&self, scope: &str) -> bool {
        self.scope.iter().any(|granted| granted == scope)
    }
}

impl View for ClientGrant {
    fn complete(mut self, record: &Record) -> Self {
        self.id.clone_from(&record.id);
        self
    }
}

/// A resource server.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceServer {
    /// Its audience.
    pub identifier: String,
    /// Algorithm of its tokens.
    pub signing_alg: Option<String>,
    /// Seconds for which a token holds.
    pub token_lifetime: Option<i64>,
    /// The same for tokens that browsers get.
    pub token_lifetime_for_web: Option<i64>,
    /// Whether refresh tokens may be issued.
    pub allow_offline_access: bool,
    /// Whether users need not consent to what clients of the tenant do.
    pub skip_consent_for_verifiable_first_party_clients: Option<bool>,
    /// What tokens hold beside the standard claims.
    pub token_dialect: Option<String>,
    /// Whether permissions of users decide about scopes.
    pub enforce_policies: bool,
    subject_type_authorization: SubjectTypes,
    scopes: Vec<Scope>,
    /// The values of its scopes.
    #[serde(skip)]
    pub scope_values: HashSet<String>,
    token_encryption: Option<TokenEncryption>,
    /// What signs its tokens with HS256.
    #[serde(skip)]
    pub signing_secret: Option<Secret>,
    /// The key that its tokens are encrypted to.
    #[serde(skip)]
    pub encryption_pem: Option<Secret>,
}

#[derive(Debug, Deserialize)]
struct TokenEncryption {
    encryption_key: EncryptionKey,
}

#[derive(Debug, Deserialize)]
struct EncryptionKey {
    alg: String,
    kid: Option<String>,
}

/// Where a resource server keeps the key that its tokens are encrypted to. It is never shown, so it is sealed.
const ENCRYPTION_PEM: &str = "token_encryption.encryption_key.pem";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SubjectTypes {
    client: Policy,
    user: Policy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Policy {
    policy: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Scope {
    value: String,
    description: Option<String>,
}

impl ResourceServer {
    /// What a machine needs to use the API: `deny_all`, `require_client_grant` (the default) or `allow_all`.
    pub fn client_policy(&self) -> &str {
        self.subject_type_authorization.client.policy.as_deref().unwrap_or("require_client_grant")
    }

    /// What a client needs to use the API for its users: `deny_all`, `require_client_grant` or `allow_all` (the default).
    pub fn user_policy(&self) -> &str {
        self.subject_type_authorization.user.policy.as_deref().unwrap_or("allow_all")
    }

    /// What a scope is for, in the API's words.
    pub fn description(&self, scope: &str) -> Option<&str> {
        let described = self.scopes.iter().find(|known| known.value == scope)?;
        described.description.as_deref().filter(|text| !text.is_empty())
    }

    /// Whether tokens are encrypted. Without a usable recipient none may be issued then.
    pub fn encrypts_tokens(&self) -> bool {
        self.token_encryption.is_some()
    }

    /// Algorithm of the encryption of tokens, and the identifier of its key where one is given.
    pub fn encryption(&self) -> Option<(&str, Option<&str>)> {
        let key = &self.token_encryption.as_ref()?.encryption_key;
        Some((&key.alg, key.kid.as_deref()))
    }

    /// All scopes, in the order in which the API lists them.
    pub fn all_scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(|scope| scope.value.as_str())
    }
}

impl View for ResourceServer {
    fn complete(mut self, record: &Record) -> Self {
        self.scope_values = self.scopes.iter().map(|scope| scope.value.clone()).collect();
        self.encryption_pem = record.sealed.text(ENCRYPTION_PEM).map(Secret::new);
        self.signing_secret = record.sealed.text("signing_secret").map(Secret::new);
        self
    }
}

/// The tenant's settings.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has them")]
pub struct TenantSettings {
    /// The API that requests mean which name none.
    pub default_audience: Option<String>,
    /// Whether organizations can be named by their names.
    pub allow_organization_name_in_authentication_api: bool,
    /// Whether requests can be pushed.
    pub pushed_authorization_requests_supported: bool,
    /// Whether responses name the issuer.
    pub authorization_response_iss_parameter_supported: bool,
    /// Whether clients can be named by the address of their description.
    pub client_id_metadata_document_supported: bool,
    /// The flags.
    pub flags: Flags,
    /// Logout by the relying party.
    pub oidc_logout: OidcLogout,
    /// Mutual TLS.
    pub mtls: Option<Mtls>,
    /// Classes of authentication that can be asked for.
    pub acr_values_supported: Option<Vec<String>>,
    /// Where users may be sent after logout.
    pub allowed_logout_urls: Vec<String>,
    /// Whether users are not asked to confirm a redirect that anybody on the device may take.
    pub skip_non_verifiable_callback_uri_confirmation_prompt: Option<bool>,
    /// The connection that the password grant uses.
    pub default_directory: Option<String>,
    /// Whether Actions alone decide on second factors.
    pub customize_mfa_in_postlogin_action: Option<bool>,
    /// What names the API of a request.
    pub resource_parameter_profile: Option<String>,
    /// Sessions.
    pub sessions: Sessions,
}

/// The tenant's flags.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Flags {
    /// Whether keys are published without `alg`.
    pub remove_alg_from_jwks: bool,
    /// Whether the end of a refresh token ends the consent.
    pub revoke_refresh_token_grant: bool,
    /// Whether consent shows the descriptions of scopes.
    pub use_scope_descriptions_for_consent: bool,
}

/// The tenant's settings of logout by the relying party.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct OidcLogout {
    rp_logout_end_session_endpoint_discovery: Option<bool>,
}

/// The tenant's settings of sessions.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sessions {
    oidc_logout_prompt_enabled: Option<bool>,
}

impl Sessions {
    /// Whether users are asked who are sent to log out by somebody whom nothing tells to be their application.
    pub fn asks_before_logout(&self) -> bool {
        self.oidc_logout_prompt_enabled.unwrap_or(true)
    }
}

/// The tenant's settings of mutual TLS.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Mtls {
    /// Whether endpoints for mutual TLS are published.
    pub enable_endpoint_aliases: bool,
}

impl OidcLogout {
    /// Whether the logout endpoint is published; new tenants do.
    pub fn is_published(&self) -> bool {
        self.rp_logout_end_session_endpoint_discovery.unwrap_or(true)
    }
}

impl View for TenantSettings {
    fn complete(self, _: &Record) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use contract::Contract;
    use kernel::{Document, Value};
    use serde::{
        Deserializer,
        de::{Error as _, Visitor, value::Error},
        forward_to_deserialize_any,
    };

    use super::*;

    /// Takes the names of a struct's fields, and gives nothing.
    struct Names<'n>(&'n mut Vec<&'static str>);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("not a struct"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            self.0.extend(fields);
            Err(Error::custom("only the names are wanted"))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    /// The fields of a view that the answer of an operation does not have, at a place in it.
    fn unknown<T: for<'de> Deserialize<'de>>(operation: &str, place: &[&str]) -> Vec<&'static str> {
        let mut names = Vec::new();
        let _ = T::deserialize(Names(&mut names));
        assert!(!names.is_empty(), "a view of {operation} has fields");
        let fields = names.iter().map(|name| ((*name).to_owned(), Value::Bool(true))).collect::<Document>();
        let nest = |inner: Value, name: &&str| Value::from(Document::from_iter([((*name).to_owned(), inner)]));
        let answer = place.iter().rev().fold(Value::from(fields), nest);
        let operation = Contract::load().find(operation).unwrap_or_else(|| panic!("no operation {operation}"));
        let shown = operation.project(answer);
        let shown = place.iter().try_fold(&shown, |value, name| value.get(name));
        names.retain(|name| shown.and_then(|shown| shown.get(name)).is_none());
        names
    }

    #[test]
    fn views_read_what_the_contract_names() {
        let (client, server, settings) = ("GET /clients/{id}", "GET /resource-servers/{id}", "GET /tenants/settings");
        let unknown = [
            unknown::<Client>(client, &[]),
            unknown::<JwtConfiguration>(client, &["jwt_configuration"]),
            unknown::<DefaultOrganization>(client, &["default_organization"]),
            unknown::<AuthenticationMethods>(client, &["client_authentication_methods"]),
            unknown::<ClientGrant>("PATCH /client-grants/{id}", &[]),
            unknown::<ResourceServer>(server, &[]),
            unknown::<SubjectTypes>(server, &["subject_type_authorization"]),
            unknown::<TenantSettings>(settings, &[]),
            unknown::<Flags>(settings, &["flags"]),
            unknown::<OidcLogout>(settings, &["oidc_logout"]),
            unknown::<Mtls>(settings, &["mtls"]),
            unknown::<Sessions>(settings, &["sessions"]),
        ];
        assert_eq!(unknown.concat(), Vec::<&str>::new());
    }
}
