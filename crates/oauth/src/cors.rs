//! Which browsers' scripts may use an endpoint from another origin (reference: authentication-api §8).

use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

/// What scripts may read of a response beside what browsers always show.
const EXPOSED: &str =
    "DPoP-Nonce, WWW-Authenticate, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset";

/// Lets scripts of every origin use the endpoints behind it, without cookies: what they present is in the request itself.
pub(crate) async fn any_origin(request: Request<Body>, next: Next) -> Response {
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let has_origin = request.headers().contains_key(header::ORIGIN);
    let wanted = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    if is_preflight {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        set(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST,DELETE,OPTIONS"));
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.unwrap_or(HeaderValue::from_static("Content-Type")));
        set(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        set(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        return response;
    }
    let mut response = next.run(request).await;
    if has_origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
    response
}

/// What `OPTIONS` gives to whoever is no browser that asks for leave.
pub(crate) async fn no_content() -> StatusCode {
    StatusCode::NO_CONTENT
}
