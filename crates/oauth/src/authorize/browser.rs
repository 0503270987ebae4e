//! The browser that visits `/authorize`: its request, its session cookie, and responses that send it elsewhere.

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use http::{HeaderValue, Method, Request, header, request::Parts};
use kernel::Peer;
use model::login::{Browser, Redirect};

use super::{AuthorizationError, response::redirect};
use crate::request::{Origin, Parameters};

/// Longest body of a posted request.
const LONGEST_BODY: usize = 64 * 1024;

/// A visit of a browser.
#[derive(Clone, Debug, Default)]
pub(crate) struct Visit {
    /// What pages want to know of the browser.
    pub(crate) browser: Browser,
    /// What logs and a tenant's code want to know.
    pub(crate) origin: Origin,
    /// `GET` or `POST`.
    pub(crate) method: Method,
}

/// Takes a request apart: the browser, and the parameters of its query, or of its form where it posts one.
pub(crate) async fn read(request: Request<Body>) -> Result<(Visit, Parameters), AuthorizationError> {
    let (parts, body) = request.into_parts();
    let parameters = match parts.method {
        Method::POST => form(&parts, body).await?,
        _ => Parameters::of_query(parts.uri.query())?,
    };
    Ok((visit(parts), parameters))
}

/// Takes a request apart that may say something in its query and in its form.
pub(crate) async fn read_all(request: Request<Body>) -> Result<(Visit, Parameters, Parameters), AuthorizationError> {
    let (parts, body) = request.into_parts();
    let query = Parameters::of_query(parts.uri.query())?;
    let form = if parts.method == Method::POST { form(&parts, body).await? } else { Parameters::default() };
    Ok((visit(parts), query, form))
}

async fn form(parts: &Parts, body: Body) -> Result<Parameters, AuthorizationError> {
    let bytes = to_bytes(body, LONGEST_BODY).await;
    let bytes = bytes.map_err(|_| AuthorizationError::invalid_request("The request body is too large"))?;
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(Parameters::parse(content_type, &bytes)?)
}

/// What a request says about its browser.
pub(crate) fn visit(parts: Parts) -> Visit {
    let peer = parts.extensions.get::<Peer>();
    let origin = Origin::of(&parts.headers, peer);
    let text = |name: header::HeaderName| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    // Several `Cookie` headers are what HTTP/2 may make of one (RFC 9113 §8.2.3).
    let cookies: Vec<&str> =
        parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    let browser = Browser {
        cookies: cookies.join("; "),
        ip: origin.ip.clone(),
        country: origin.country,
        user_agent: origin.user_agent.clone(),
        language: text(header::ACCEPT_LANGUAGE),
        host: text(header::HOST),
        is_secure: peer.is_some_and(|peer| peer.is_secure),
    };
    Visit { browser, origin, method: parts.method }
}

/// Sends the browser elsewhere.
pub(crate) fn send(to: &Redirect) -> Response {
    let mut response = redirect(&to.location);
    set_cookies(&mut response, &to.cookies);
    response
}

/// Adds cookies to a response.
pub(crate) fn set_cookies(response: &mut Response, cookies: &[String]) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
}
