//! Who may use the tools: somebody on this machine who asked this server itself, or the holder of a token that may read logs and
//! users.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use kernel::{Peer, Tenant, host_name, is_loopback_name};
use oauth::Bearer;
use rest::{ApiError, ApiResult};

use super::trial;
use crate::edge;

/// Headers that proxies add: whoever stands behind one is not on this machine, whatever its address says.
const FORWARDED: [&str; 7] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server", "x-real-ip"];
/// What a token has to allow.
const SCOPES: [&str; 2] = ["read:logs", "read:users"];

/// Decides who may use the tools.
pub(super) struct Guard {
    bearer: Bearer,
    /// What pages of the tools present.
    page_token: String,
}

/// The header, and the parameter of forms, by which pages of the tools present their token.
pub(super) const PAGE: [&str; 2] = ["x-aught-page", "page"];

impl Guard {
    pub(super) fn new(bearer: Bearer, page_token: String) -> Self {
        Self { bearer, page_token }
    }

    /// Whether a page that a tenant wrote may have sent the request. It has the tools' origin, so that only browsers can tell: they say of each
    /// request whether a script or a form has sent it or its user went there. What a user opens no other page can read.
    fn may_be_of_other_page(&self, request: &Parts) -> bool {
        let headers = &request.headers;
        // A frame can be read by the page around it, but for that of a message: its content has no origin.
        let is_whole = match text(headers, "sec-fetch-dest") {
            Some("iframe" | "frame" | "embed" | "object") => request.uri.path().ends_with("/html"),
            _ => true,
        };
        let is_opened =
            request.method == Method::GET && text(headers, "sec-fetch-mode") == Some("navigate") && is_whole;
        if text(headers, "sec-fetch-site").is_none() || is_opened {
            return false;
        }
        let [header, parameter] = PAGE;
        let query = request.uri.query().unwrap_or_default();
        let of_form = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == parameter);
        let presented = text(headers, header).map(str::to_owned).or(of_form.map(|(_, value)| value.into_owned()));
        presented.is_none_or(|presented| kernel::digest(&presented) != kernel::digest(&self.page_token))
    }

    async fn check(&self, request: &Parts) -> ApiResult {
        let headers = &request.headers;
        let forbidden = |text: &'static str| ApiError::new(StatusCode::FORBIDDEN, text);
        let origin = text(headers, "origin");
        if let Some(origin) = origin
            && origin.split_once("://").map(|(_, host)| host) != text(headers, "host")
        {
            return Err(forbidden("The tools for developers are not for pages of other origins."));
        }
        if self.may_be_of_other_page(request) {
            return Err(forbidden("The tools for developers are for their own pages."));
        }
        let content_type = text(headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        // Forms are taken from our own page alone: pages of others can send some, and browsers say whose each is.
        let is_own_form = request.uri.path() == trial::PATH && origin.is_some();
        let is_json = content_type.eq_ignore_ascii_case("application/json");
        if request.method == Method::POST && !is_json && !is_own_form {
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body has to be application/json."));
        }
        if is_of_this_machine(request) {
            return Ok(());
        }
        let authorization = text(headers, header::AUTHORIZATION.as_str());
        let tenant =
            request.extensions.get::<Tenant>().ok_or_else(|| ApiError::internal("a request without a tenant"))?;
        let caller = self.bearer.caller(tenant, authorization).await?;
        if SCOPES.iter().all(|scope| caller.scopes.contains(scope)) {
            return Ok(());
        }
        Err(forbidden("Insufficient scope, expected all of: read:logs read:users"))
    }
}

/// Lets a request through, or answers it.
pub(super) async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // At custom domains tenants show pages with scripts of their own.
    let tenant = parts.extensions.get::<Tenant>();
    if tenant.is_some_and(|tenant| tenant.host() != tenant.domain()) {
        return edge::refusal(&ApiError::not_found("Not Found"));
    }
    match guard.check(&parts).await {
        Ok(()) => {
            let mut response = next.run(Request::from_parts(parts, body)).await;
            // Nor can a page that opens this one in a window look into it.
            let alone = HeaderValue::from_static("same-origin");
            response.headers_mut().insert("cross-origin-opener-policy", alone);
            response
        }
        // For strangers there is no start page.
        Err(_) if parts.uri.path() == "/" => edge::refusal(&ApiError::not_found("Not Found")),
        Err(error) => edge::refusal(&error),
    }
}

/// Whether somebody on this machine has asked this server, by a name of this machine and through nobody.
fn is_of_this_machine(request: &Parts) -> bool {
    let headers = &request.headers;
    let peer = request.extensions.get::<Peer>();
    let host = text(headers, "host").or(request.uri.authority().map(http::uri::Authority::as_str));
    peer.is_some_and(|peer| peer.address.is_loopback())
        && host.is_some_and(|host| is_loopback_name(&host_name(host)))
        && !FORWARDED.iter().any(|name| headers.contains_key(*name))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
