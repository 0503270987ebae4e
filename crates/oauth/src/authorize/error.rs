//! Errors of authorization requests, in the words that applications are told (RFC 6749 §4.1.2.1).

use std::borrow::Cow;

use kernel::UnfitRecord;
use model::login::PagesError;

use crate::{OAuthError, error::shortened};

/// Codes that a client may be told by the endpoint where it hands a request in (RFC 9126 §2.3).
const KNOWN: [&str; 7] = [
    "access_denied",
    "invalid_request",
    "request_not_supported",
    "server_error",
    "unauthorized_client",
    "unsupported_response_type",
    "too_many_requests",
];

/// An error of an authorization request.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationError {
    /// `error`.
    pub(crate) code: Cow<'static, str>,
    /// `error_description`.
    pub(crate) description: Cow<'static, str>,
    /// What happened inside, for the server's log.
    pub(crate) cause: Option<String>,
    /// The client that asked, for the page that tells of the error.
    pub(crate) client_id: Option<String>,
}

impl AuthorizationError {
    /// An error with this code.
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), description: description.into(), cause: None, client_id: None }
    }

    /// The error of a request of this client.
    pub(crate) fn of(self, client_id: &str) -> Self {
        Self { client_id: Some(client_id.to_owned()), ..self }
    }

    /// `invalid_request`.
    pub(crate) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("invalid_request", description)
    }

    /// `invalid_request`: a parameter is missing.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::invalid_request(format!("Missing required parameter: {parameter}"))
    }

    /// `invalid_request`: there is no such client.
    pub(crate) fn unknown_client(client_id: &str) -> Self {
        Self::invalid_request(format!("Unknown client: {}", shortened(client_id)))
    }

    /// `unauthorized_client`: the redirect URI is none of the client's.
    pub(crate) fn callback_mismatch(uri: &str) -> Self {
        let uri = shortened(uri);
        let text = format!("Callback URL mismatch. {uri} is not in the list of allowed callback URLs");
        Self::new("unauthorized_client", text)
    }

    /// `unsupported_response_type`.
    pub(crate) fn unsupported_response_type(asked: &str) -> Self {
        Self::new("unsupported_response_type", format!("Unsupported response type: {}", shortened(asked)))
    }

    /// `access_denied`.
    pub(crate) fn access_denied(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new("access_denied", description)
    }

    /// `login_required`, in words that libraries compare.
    pub(crate) fn login_required() -> Self {
        Self::new("login_required", "Login required")
    }

    /// `consent_required`, in words that libraries compare.
    pub(crate) fn consent_required() -> Self {
        Self::new("consent_required", "Consent required")
    }

    /// `interaction_required`.
    pub(crate) fn interaction_required() -> Self {
        Self::new("interaction_required", "Interaction required")
    }

    /// `unauthorized`, in words that libraries compare.
    pub(crate) fn blocked() -> Self {
        Self::new("unauthorized", "user is blocked")
    }

    /// What a login ended with.
    pub(crate) fn refused(code: &str, description: &str) -> Self {
        Self::new(code.to_owned(), description.to_owned())
    }
}

impl From<OAuthError> for AuthorizationError {
    fn from(error: OAuthError) -> Self {
        Self { code: error.code, description: error.description, cause: error.cause, client_id: None }
    }
}

impl From<AuthorizationError> for OAuthError {
    /// An error of a request that was handed in beforehand: the client reads what `/authorize` would have said.
    fn from(error: AuthorizationError) -> Self {
        let code = KNOWN.iter().find(|known| **known == error.code).copied().unwrap_or("invalid_request");
        Self { code: code.into(), cause: error.cause, ..Self::invalid_request(error.description) }
    }
}

impl From<UnfitRecord> for AuthorizationError {
    fn from(error: UnfitRecord) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<identity::Error> for AuthorizationError {
    fn from(error: identity::Error) -> Self {
        OAuthError::from(error).into()
    }
}

impl From<PagesError> for AuthorizationError {
    fn from(error: PagesError) -> Self {
        match error {
            PagesError::TooLong => Self::invalid_request("The authorization request is too long"),
            PagesError::Store(error) => error.into(),
        }
    }
}

impl From<store::StoreError> for AuthorizationError {
    fn from(error: store::StoreError) -> Self {
        OAuthError::from(error).into()
    }
}
