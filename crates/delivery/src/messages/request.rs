//! Requests to others: a POST with a body and the sender's credentials.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use kernel::Value;

use super::failure::Failure;

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A request, unless it cannot be written.
pub(super) type Requested = Result<Request<Bytes>, Failure>;

/// A POST of a body of this media type.
pub(super) fn post(address: String, authorization: Option<String>, kind: &str, body: impl Into<Bytes>) -> Requested {
    let in_words = |error: &dyn std::fmt::Display| Failure::never(error.to_string());
    let mut request = Request::post(address).header(header::CONTENT_TYPE, kind);
    if let Some(authorization) = authorization {
        let mut value = HeaderValue::try_from(authorization).map_err(|error| in_words(&error))?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    request.body(body.into()).map_err(|error| in_words(&error))
}

/// A POST of a JSON document.
pub(super) fn post_json(address: String, authorization: Option<String>, body: &Value) -> Requested {
    post(address, authorization, "application/json", body.to_string())
}

/// `Authorization` with a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// `Authorization` with a password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}
