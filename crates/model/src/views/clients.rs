//! Views of clients and of what they are granted.

use kernel::{Record, Secret};
use serde::Deserialize;

use super::{TokenQuota, View, or_default};

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
    /// Origins of its pages whose scripts may log users in.
    pub allowed_origins: Vec<String>,
    /// Whether they may at all.
    pub cross_origin_authentication: bool,
    /// Its page that tells whether a login came from its own pages, where browsers keep cookies from them.
    pub cross_origin_loc: Option<String>,
    /// Where users may be sent after logout.
    pub allowed_logout_urls: Vec<String>,
    /// Whether organizations are allowed or required.
    pub organization_usage: Option<String>,
    /// Whether users whose request names no organization are asked for one, and when.
    pub organization_require_behavior: Option<String>,
    /// By what users find their organization.
    pub organization_discovery_methods: Option<Vec<String>>,
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
    /// How much a third party may do: `permissive` or `strict`.
    pub third_party_security_mode: Option<String>,
    /// How many tokens it may get as a machine.
    pub token_quota: Option<TokenQuota>,
    /// Its picture.
    pub logo_uri: Option<String>,
    /// Its applications for phones.
    #[serde(deserialize_with = "or_default")]
    pub mobile: Mobile,
    /// Which exchanges of foreign tokens it may ask for.
    #[serde(deserialize_with = "or_default")]
    pub token_exchange: TokenExchange,
    /// Where a login at it begins.
    pub initiate_login_uri: Option<String>,
    require_proof_of_possession: Option<bool>,
    compliance_level: Option<String>,
    signed_request_object: Option<SignedRequestObject>,
    #[serde(rename = "client_authentication_methods")]
    methods: Option<AuthenticationMethods>,
    /// Its secret.
    #[serde(skip)]
    pub secret: Option<Secret>,
}

/// Which exchanges of foreign tokens a client may ask for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TokenExchange {
    /// The types of profiles of which it may use any.
    #[serde(deserialize_with = "or_default")]
    pub allow_any_profile_of_type: Vec<String>,
}

/// A client's applications for phones.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Mobile {
    /// For Android.
    pub android: Option<AndroidApp>,
    /// For iOS.
    pub ios: Option<IosApp>,
}

/// An application for Android.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct AndroidApp {
    /// The name of its package.
    pub app_package_name: String,
    /// Of the certificates that sign it.
    pub sha256_cert_fingerprints: Vec<String>,
}

/// An application for iOS.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct IosApp {
    /// Who makes it.
    pub team_id: String,
    /// What it is called.
    pub app_bundle_identifier: String,
}

/// How a client's ID tokens are made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct JwtConfiguration {
    /// Algorithm of the signature.
    pub alg: Option<String>,
    /// How long ID tokens hold.
    pub lifetime_in_seconds: Option<i64>,
    /// Whether the client's secret is a key in base64url.
    pub secret_encoded: bool,
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
pub(super) struct AuthenticationMethods {
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

#[derive(Debug, Deserialize)]
struct SignedRequestObject {
    #[serde(default)]
    required: bool,
}

impl Client {
    /// Whether its tokens must be bound to a key of its own.
    pub fn demands_proof_of_possession(&self) -> bool {
        self.require_proof_of_possession == Some(true)
    }

    /// Whether it demands a profile of FAPI.
    pub fn demands_compliance(&self) -> bool {
        self.compliance_level.as_deref().is_some_and(|level| level != "none")
    }

    /// Whether its authorization requests must be signed.
    pub fn demands_signed_requests(&self) -> bool {
        self.signed_request_object.as_ref().is_some_and(|object| object.required)
    }

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

    /// Whether its users may sign in to organizations.
    pub fn allows_organizations(&self) -> bool {
        matches!(self.organization_usage.as_deref(), Some("allow" | "require"))
    }

    /// Whether its users sign in to organizations alone.
    pub fn requires_organization(&self) -> bool {
        self.organization_usage.as_deref() == Some("require")
    }

    /// Whether users may find their organization in this way: by its name, where nothing is said.
    pub fn discovers_organizations_by(&self, method: &str) -> bool {
        match self.organization_discovery_methods.as_deref() {
            None | Some([]) => method == "organization_name",
            Some(methods) => methods.iter().any(|own| own == method),
        }
    }

    /// Whether it is a third party that may do little: PKCE, codes, and APIs that it was granted.
    pub fn is_strict(&self) -> bool {
        self.third_party_security_mode.as_deref() == Some("strict")
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

/// The login page that was written for a client.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClientPages {
    /// Whether its users see a page that was written for it or for all clients.
    pub custom_login_page_on: Option<bool>,
    /// Its page.
    pub custom_login_page: Option<String>,
    /// What becomes its page once its author likes it.
    pub custom_login_page_preview: Option<String>,
}

impl View for ClientPages {
    fn complete(self, _: &Record) -> Self {
        self
    }
}

/// A client grant.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClientGrant {
    /// Its identifier.
    pub id: String,
    /// The client that has it; none where it is a default for many.
    pub client_id: Option<String>,
    /// Whose default it is, where it is one.
    pub default_for: Option<String>,
    /// The API's identifier.
    pub audience: String,
    /// Whether the client acts for itself or for users: `client` or `user`.
    pub subject_type: Option<String>,
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
