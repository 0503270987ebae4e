//! The deprecated Management API v1 on HTTP: its token, its answers, and the header that tells of its end.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Extension, Request},
    response::Response,
    routing::any,
};
use http::{HeaderMap, HeaderValue, header, request::Parts};
use kernel::{Peer, Tenant};
use management::{V1, V1Endpoint, V1Request};
use oauth::{OAuth, Site};
use rest::{Answer, ApiError, ApiResult, Content, Served};
use url::form_urlencoded;

use crate::edge;

/// When the service ended this version: 13 July 2020, as RFC 9745 §2.1 writes it.
const DEPRECATION: HeaderValue = HeaderValue::from_static("@1594598400");
/// The query parameter that may carry the token (RFC 6750 §2.3).
const TOKEN: &str = "access_token";

/// The routes below `/api` that no other version has.
pub(crate) fn router(api: V1, oauth: Arc<OAuth>) -> Router {
    let work = any(move |Extension(tenant): Extension<Tenant>, Extension(peer): Extension<Peer>, request: Request| {
        let (api, oauth) = (api.clone(), Arc::clone(&oauth));
        async move {
            let mut response = answer(&api, &Site::new(oauth, tenant.clone()), request, (&tenant, peer))
                .await
                .unwrap_or_else(|error| edge::refusal(&error));
            response.headers_mut().insert("deprecation", DEPRECATION);
            response
        }
    });
    Router::new().route("/api/{*path}", work)
}

async fn answer(api: &V1, site: &Site, request: Request, (tenant, peer): (&Tenant, Peer)) -> ApiResult<Response<Body>> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/api").unwrap_or_default();
    let endpoint = V1Endpoint::find(&parts.method, path).ok_or_else(|| ApiError::not_found("Not Found"))?;
    let client_id = site.v1_caller(&token(&parts)?).await?;
    // The edge limits bodies and their pauses.
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| edge::unreadable(&error))?;
    let user_agent = text(&parts.headers, header::USER_AGENT).unwrap_or_default().to_owned();
    let request = V1Request { target: target(&parts), body, client_id, ip: peer.address.to_string(), user_agent };
    let served = Served(endpoint.path);
    let mut response = response(api.answer(tenant, endpoint, request).await?);
    response.extensions_mut().insert(served);
    Ok(response)
}

/// The token, from the header or the query.
fn token(parts: &Parts) -> ApiResult<String> {
    if let Some(value) = text(&parts.headers, header::AUTHORIZATION) {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
            return Ok(token.trim().to_owned());
        }
    }
    let query = parts.uri.query().unwrap_or_default();
    let sent = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == TOKEN);
    sent.map(|(_, token)| token.into_owned()).ok_or_else(|| ApiError::unauthorized("Missing authentication"))
}

/// Path and query without the token, which no log may keep.
fn target(parts: &Parts) -> String {
    let path = parts.uri.path();
    let is_token = |pair: &&str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == TOKEN);
    let query = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !is_token(pair));
    let query = query.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(match answer.content {
        Content::Json(value) => Body::from(value.to_string()),
        _ => Body::empty(),
    });
    if !hyper::body::Body::is_end_stream(response.body()) {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    *response.status_mut() = answer.status.unwrap_or_default();
    response
}
