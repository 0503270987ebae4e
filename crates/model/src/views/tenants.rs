//! The view of the tenant's settings.

use kernel::Record;
use serde::Deserialize;

use super::{DefaultTokenQuota, View};

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
    /// How the tenant is called.
    pub friendly_name: Option<String>,
    /// Where users find help, by mail.
    pub support_email: Option<String>,
    /// Where users find help, by web.
    pub support_url: Option<String>,
    /// The tenant's logo.
    pub picture_url: Option<String>,
    /// Where users are sent of whom nobody knows the client.
    pub default_redirection_uri: Option<String>,
    /// The languages of pages, the default first.
    pub enabled_locales: Option<Vec<String>>,
    /// The pages of universal login.
    pub universal_login: UniversalLogin,
    /// The quotas of clients and organizations that have none of their own.
    pub default_token_quota: Option<DefaultTokenQuota>,
    /// The tenant's own page for errors.
    pub error_page: Option<ErrorPage>,
    /// The tenant's own page for new passwords.
    pub change_password: Option<OwnPage>,
}

/// A page of the tenant's own that can be switched off.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OwnPage {
    enabled: bool,
    html: Option<String>,
}

impl OwnPage {
    /// Its HTML, where it is on and there is some.
    pub fn into_html(self) -> Option<String> {
        self.html.filter(|html| self.enabled && !html.is_empty())
    }
}

/// A tenant's own page for errors: an address, or HTML with Liquid in it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ErrorPage {
    /// The address.
    pub url: Option<String>,
    /// The HTML.
    pub html: Option<String>,
}

/// The tenant's settings of the pages of universal login.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UniversalLogin {
    passwordless: PasswordlessPages,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PasswordlessPages {
    allow_magiclink_verify_without_session: bool,
}

impl UniversalLogin {
    /// Whether a link that logs in may be opened in another browser than the one that asked for it.
    pub fn allows_links_elsewhere(&self) -> bool {
        self.passwordless.allow_magiclink_verify_without_session
    }
}

/// The tenant's flags.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the contract has them")]
pub struct Flags {
    /// Whether keys are published without `alg`.
    pub remove_alg_from_jwks: bool,
    /// Whether applications register themselves.
    pub enable_dynamic_client_registration: bool,
    /// Whether the end of a refresh token ends the consent.
    pub revoke_refresh_token_grant: bool,
    /// Whether consent shows the descriptions of scopes.
    pub use_scope_descriptions_for_consent: bool,
    /// Whether other sites may show the pages in a frame.
    pub disable_clickjack_protection_headers: bool,
    /// Whether strangers who sign up learn that somebody has the identifier.
    pub enable_public_signup_user_exists_error: bool,
    /// Whether clients that can prove who they are must, to have codes and links sent. They must where the tenant does not say.
    pub enforce_client_authentication_on_passwordless_start: Option<bool>,
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
