//! What a tenant publishes about itself: its metadata (OpenID Connect Discovery, RFC 8414) and its key set.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use kernel::{Document, Value, object};
use model::TENANT_SETTINGS;
use serde_json::json;
use store::Derived;

use crate::{OAuthError, Site, capabilities, views::Settings};

/// The metadata of tenants by the issuer that a request names, ready to send.
pub(crate) struct Documents(Derived<String, Bytes>);

impl Default for Documents {
    fn default() -> Self {
        Self(Derived::new(KEPT))
    }
}

/// `GET /.well-known/jwks.json`.
pub(crate) async fn jwks(site: Site) -> Result<Response, OAuthError> {
    let settings = site.settings().await?;
    let keys = site.keys.complete(site.tenant.id(), site.tenant.domain()).await?;
    Ok(public(keys.jwks(!settings.flags.remove_alg_from_jwks)))
}

/// `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub(crate) async fn metadata(site: Site) -> Result<Response, OAuthError> {
    let epoch = site.store.epoch(site.tenant.id(), &TENANT_SETTINGS);
    // A name that another tenant has taken over since leads to other settings: their epoch is asked by tenant.
    let key = format!("{} {}", site.tenant.id(), site.tenant.issuer());
    if let Some(bytes) = site.documents.0.get(&key, &epoch) {
        return Ok(public(bytes));
    }
    let settings = site.settings().await?;
    let bytes = Bytes::from(Value::Object(describe(site.tenant.issuer(), &settings)).to_string());
    site.documents.0.keep(key, epoch, bytes.clone());
    Ok(public(bytes))
}

/// Answers a browser that asks whether it may read these from another site.
pub(crate) async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,HEAD,OPTIONS"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization,Content-Type,Auth0-Client"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

/// How many metadata documents are kept.
const KEPT: usize = 10_000;

impl Site {
    /// The tenant's settings; the service's defaults for a tenant without any.
    pub(crate) async fn settings(&self) -> Result<Arc<Settings>, OAuthError> {
        match self.store.cached_singleton(self.tenant.id(), &TENANT_SETTINGS).await? {
            Some(record) => Ok(self.views.settings.of(self.tenant.id(), &record)?),
            None => Ok(Arc::default()),
        }
    }
}

/// An answer that everybody may read and caches may keep for a moment.
fn public(body: Bytes) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    let caching = "public, max-age=15, stale-while-revalidate=15, stale-if-error=86400";
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("false"));
    response
}

/// The metadata, members in the service's order.
fn describe(issuer: &str, settings: &Settings) -> Document {
    let at = |path: &str| format!("{issuer}{path}");
    let uses_mtls = settings.mtls.as_ref().is_some_and(|mtls| mtls.enable_endpoint_aliases);
    let mut methods = vec!["client_secret_basic", "client_secret_post", "private_key_jwt"];
    if uses_mtls {
        methods.extend(["tls_client_auth", "self_signed_tls_client_auth"]);
    }
    let mut metadata = object(json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("oauth/token"),
        "device_authorization_endpoint": at("oauth/device/code"),
        "userinfo_endpoint": at("userinfo"),
        "mfa_challenge_endpoint": at("mfa/challenge"),
        "jwks_uri": at(".well-known/jwks.json"),
        "registration_endpoint": at("oidc/register"),
        "revocation_endpoint": at("oauth/revoke"),
        "scopes_supported": [
            "openid", "profile", "offline_access", "name", "given_name", "family_name", "nickname", "email",
            "email_verified", "picture", "created_at", "identities", "phone", "address",
        ],
        "response_types_supported": [
            "code", "token", "id_token", "code token", "code id_token", "token id_token", "code token id_token",
        ],
        "code_challenge_methods_supported": ["S256", "plain"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["public"],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "PS256"],
        "claims_supported": [
            "aud", "auth_time", "created_at", "email", "email_verified", "exp", "family_name", "given_name", "iat",
            "identities", "iss", "name", "nickname", "phone_number", "picture", "sub",
        ],
        "request_uri_parameter_supported": false,
        "request_parameter_supported": true,
        "id_token_signing_alg_values_supported": ["HS256", "RS256", "PS256"],
    }));
    if !settings.flags.enable_dynamic_client_registration {
        metadata.shift_remove("registration_endpoint");
    }
    let mut add = |name: &str, value: Value| metadata.insert(name.to_owned(), value);
    if uses_mtls {
        add("tls_client_certificate_bound_access_tokens", true.into());
    }
    add("request_object_signing_alg_values_supported", json!(["RS256", "RS384", "PS256"]));
    if settings.pushed_authorization_requests_supported {
        add("pushed_authorization_request_endpoint", at("oauth/par").into());
        add("require_pushed_authorization_requests", false.into());
    }
    add("backchannel_logout_supported", true.into());
    add("backchannel_logout_session_supported", true.into());
    if settings.oidc_logout.is_published() {
        add("end_session_endpoint", at("oidc/logout").into());
    }
    if let Some(values) = &settings.acr_values_supported {
        add("acr_values_supported", json!(values));
    }
    if settings.authorization_response_iss_parameter_supported {
        add("authorization_response_iss_parameter_supported", true.into());
    }
    if settings.client_id_metadata_document_supported {
        add("client_id_metadata_document_supported", true.into());
    }
    add("backchannel_authentication_endpoint", at("bc-authorize").into());
    add("backchannel_token_delivery_modes_supported", json!(["poll"]));
    let revocation = at("oauth/global-token-revocation/connection/{connectionName}");
    add("global_token_revocation_endpoint", revocation.into());
    add("global_token_revocation_endpoint_auth_methods_supported", json!(["global-token-revocation+jwt"]));
    add("dpop_signing_alg_values_supported", json!(["ES256"]));
    capabilities::keep_served(&mut metadata);
    metadata
}
