//! The error of the OAuth endpoints (RFC 6749 §5.2): what the client reads, and what only the logs see.

use std::borrow::Cow;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use identity::{
    databases::{ScriptError, ScriptReason},
    protection::Limited,
    triggers::Denial,
};
use kernel::UnfitRecord;
use serde_json::json;
use store::StoreError;

/// After how many seconds somebody may try again whose password could not be verified in time.
const BUSY: &str = "5";

/// A refusal in the service's words.
#[derive(Clone, Debug)]
pub struct OAuthError {
    /// HTTP status.
    pub status: StatusCode,
    /// `error`.
    pub code: Cow<'static, str>,
    /// `error_description`.
    pub description: Cow<'static, str>,
    /// The tenant log's description, where it differs.
    pub logged: Option<&'static str>,
    /// Type of the tenant log entry, where it is not the grant's.
    pub log_type: Option<&'static str>,
    /// What was wrong with the client's assertion, for the tenant log.
    pub authentication: Option<&'static str>,
    /// What happened inside, for the server's log.
    pub cause: Option<String>,
    /// Headers of the answer: when to try again, and what is left of a limit.
    pub(crate) headers: Option<Box<HeaderMap>>,
}

impl OAuthError {
    fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            code: code.into(),
            description: description.into(),
            logged: None,
            log_type: None,
            authentication: None,
            cause: None,
            headers: None,
        }
    }

    /// The error with headers.
    pub(crate) fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers: Some(Box::new(headers)), ..self }
    }

    /// 400 `invalid_request`.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// 400 `invalid_request`: a parameter is missing.
    pub fn missing(parameter: &str) -> Self {
        Self::invalid_request(format!("Missing required parameter: {parameter}"))
    }

    /// 401 `access_denied`: the client is unknown or its secret is wrong, without telling which.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "access_denied", "Unauthorized")
    }

    /// 401 `invalid_client`: the client's assertion does not hold, for a reason that only the tenant log tells.
    pub fn client_authentication(reason: &'static str) -> Self {
        Self {
            logged: Some("Failed client authentication"),
            authentication: Some(reason),
            ..Self::new(StatusCode::UNAUTHORIZED, "invalid_client", "Client authentication failed")
        }
    }

    /// 403 `access_denied`.
    pub fn access_denied(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "access_denied", description)
    }

    /// 403 `invalid_grant`: what is presented for a token is not worth one.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "invalid_grant", description)
    }

    /// 403 `unauthorized_client`.
    pub fn unauthorized_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "unauthorized_client", description)
    }

    /// 403 `unauthorized`: the user is blocked, in words that libraries compare.
    pub fn blocked() -> Self {
        Self::new(StatusCode::FORBIDDEN, "unauthorized", "user is blocked")
    }

    /// 401 `password_leaked`: the password is right, and others know it.
    pub(crate) fn password_leaked() -> Self {
        let text = "This login attempt has been blocked because the password you're using was previously disclosed through a data \
                    breach (not in this application). Please check your email for more information.";
        Self::new(StatusCode::UNAUTHORIZED, "password_leaked", text)
    }

    /// 429 `too_many_attempts`.
    pub(crate) fn limited(limited: Limited) -> Self {
        let (code, text) = match limited {
            Limited::BruteForce { is_notified: true } => (
                "too_many_attempts",
                "Your account has been blocked after multiple consecutive login attempts. We've sent you a notification via your \
                 preferred contact method with instructions on how to unblock it.",
            ),
            Limited::BruteForce { is_notified: false } => {
                ("too_many_attempts", "Your account has been blocked after multiple consecutive login attempts.")
            }
            Limited::SuspiciousIp { .. } => (
                "too_many_attempts",
                "We have detected suspicious login behavior and further attempts will be blocked. Please contact the \
                 administrator.",
            ),
            Limited::SameUser { .. } => return Self::too_many_requests(),
        };
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, text)
    }

    /// 429 `too_many_requests`: a quota of tokens is used up.
    pub(crate) fn quota_exceeded(description: &'static str) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", description)
    }

    /// 401 `requires_verification`: bot detection wants a puzzle solved, for which there is no page.
    pub(crate) fn requires_verification() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "requires_verification", "Suspicious request requires verification")
    }

    /// 500 `server_error`: the tenant has not said whose passwords the grant is for.
    pub(crate) fn no_default_connection() -> Self {
        let text = "Authorization server not configured with default connection.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", text)
    }

    /// 400 `interaction_required`: the tenant's code wants to show a page, for which there is no browser.
    pub(crate) fn interaction_required() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "interaction_required", "Interaction required")
    }

    /// 400 with a code of the endpoints for logins without passwords: `bad.email` and the like.
    pub(crate) fn bad(code: &'static str, description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, description)
    }

    /// 400 `bad.connection`.
    pub(crate) fn bad_connection(description: &'static str) -> Self {
        Self::bad("bad.connection", description)
    }

    /// 401 `unauthorized_client`: scripts of the client's pages may not log users in.
    pub(crate) fn cross_origin(description: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized_client", description)
    }

    /// 400 `invalid_connection`.
    pub(crate) fn invalid_connection() -> Self {
        Self::bad("invalid_connection", "The connection does not exist, or has no such logins for the client")
    }

    /// 400 `extensibility_error`: the tenant's code refuses somebody new.
    pub(crate) fn extensibility(reason: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "extensibility_error", reason)
    }

    /// 429 `too_many_requests`.
    pub(crate) fn too_many_requests() -> Self {
        let text = "Rate limit exceeded. Please retry after some time.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", text)
    }

    /// 403 `unauthorized_client`: the client may not use this grant type.
    pub fn grant_not_allowed(grant_type: &str) -> Self {
        let description = format!("Grant type '{grant_type}' not allowed for the client.");
        Self::new(StatusCode::FORBIDDEN, "unauthorized_client", description)
    }

    /// 403 `unsupported_grant_type`.
    pub fn unsupported_grant(grant_type: &str) -> Self {
        let description = format!("Unsupported grant type: {grant_type}");
        Self::new(StatusCode::FORBIDDEN, "unsupported_grant_type", description)
    }

    /// The refusal of a tenant's code: 400, or 500 where the code failed or says `server_error`.
    pub(crate) fn denied(denial: Denial) -> Self {
        let code = denial.code.as_deref();
        let (status, code) = match code {
            Some("invalid_scope") => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Some("invalid_request") => (StatusCode::BAD_REQUEST, "invalid_request"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        Self::new(status, code, denial.reason)
    }

    /// The refusal of an Action that exchanges a foreign token, in its own words: 400, or 500 where it failed or says `server_error`.
    pub(crate) fn exchange_denied(denial: Denial) -> Self {
        match denial.code.filter(|_| !denial.is_failure) {
            Some(code) if code != "server_error" => Self::new(StatusCode::BAD_REQUEST, code, denial.reason),
            _ => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", denial.reason),
        }
    }

    /// The refusal of a custom database's script, in its own words where they are for the user; 500 where it has failed.
    pub(crate) fn script(error: &ScriptError) -> Self {
        match &error.reason {
            ScriptReason::WrongCredentials { .. } => Self::invalid_grant("Wrong email or password."),
            ScriptReason::Unauthorized(message) => Self::new(StatusCode::FORBIDDEN, "unauthorized", message.clone()),
            ScriptReason::Validation { message, .. } => Self::access_denied(message.clone()),
            ScriptReason::Missing(_) | ScriptReason::Failed(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Sandbox error")
            }
        }
    }

    /// 500 `server_error`: custom claims are more than a token may hold.
    pub(crate) fn too_many_claims() -> Self {
        let description = "The custom claims of the token are larger than 100 KB.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", description)
    }

    /// 500 `server_error`; the cause goes to the server's log only.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        let cause = Some(cause.to_string());
        Self { cause, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Internal error") }
    }

    /// The description that the tenant log keeps.
    pub(crate) fn log_description(&self) -> &str {
        self.logged.unwrap_or(&self.description)
    }
}

impl From<StoreError> for OAuthError {
    /// Of a failure inside, the client reads a general text.
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unstorable(_) => {
                let refusal = Self::invalid_request("A value contains the character U+0000");
                Self { cause: Some(error.to_string()), ..refusal }
            }
            StoreError::Unavailable(_) | StoreError::Serialization => {
                Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::internal(&error) }
            }
            _ => Self::internal(&error),
        }
    }
}

impl From<UnfitRecord> for OAuthError {
    fn from(error: UnfitRecord) -> Self {
        Self::internal(error)
    }
}

impl From<identity::Error> for OAuthError {
    fn from(error: identity::Error) -> Self {
        match error {
            identity::Error::Store(error) => error.into(),
            identity::Error::Busy => {
                let refusal = Self::too_many_requests();
                let wait = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(BUSY))]);
                Self { cause: Some(error.to_string()), ..refusal.with_headers(wait) }
            }
            identity::Error::Script(error) => Self::script(&error),
            _ => Self::internal(error),
        }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        if let Some(cause) = self.cause.as_ref().filter(|_| self.status.is_server_error()) {
            tracing::error!(status = self.status.as_u16(), cause, "an OAuth request failed");
        }
        let body = json!({"error": self.code, "error_description": self.description});
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.headers.into_iter().flat_map(|headers| *headers));
        not_stored(&mut response);
        response
    }
}

/// What errors repeat of what was sent: only so much of it, and on one line.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

/// Tells a client that authenticated by header how to (RFC 6749 §5.2). Others must not be told: libraries take it for a
/// challenge, and hide the error from their users.
pub(crate) fn challenge(response: &mut Response) {
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"oauth\""));
    }
}

/// Forbids caches to keep an answer of the token endpoint (RFC 6749 §5.1).
pub(crate) fn not_stored(response: &mut Response) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
}
