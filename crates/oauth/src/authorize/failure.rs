//! What goes wrong at `/authorize`: told to the application where that is safe, else to the user on a page
//! (RFC 6749 §4.1.2.1; reference: authentication-api §3).

use std::borrow::Cow;

use axum::response::Response;
use model::login::{PagesError, Transaction};

use super::{Asked, Members, browser::Visit, request::Addressee, response};
use crate::{OAuthError, Site};

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
}

impl AuthorizationError {
    /// An error with this code.
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code: code.into(), description: description.into(), cause: None }
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

    fn members(&self, site: &Site, addressee: &Addressee, with_issuer: bool) -> Members {
        let mut members: Members =
            vec![("error", self.code.as_ref().into()), ("error_description", self.description.as_ref().into())];
        if let Some(state) = &addressee.state {
            members.push(("state", state.as_str().into()));
        }
        if with_issuer {
            members.push(("iss", site.tenant.issuer().into()));
        }
        members
    }
}

/// Errors show so much of what was sent.
fn shortened(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(200).collect()
}

impl From<OAuthError> for AuthorizationError {
    fn from(error: OAuthError) -> Self {
        Self { code: error.code.into(), description: error.description, cause: error.cause }
    }
}

impl From<AuthorizationError> for OAuthError {
    /// An error of a request that was handed in beforehand: the client reads what `/authorize` would have said.
    fn from(error: AuthorizationError) -> Self {
        let code = KNOWN.iter().find(|known| **known == error.code).copied().unwrap_or("invalid_request");
        Self { code, cause: error.cause, ..Self::invalid_request(error.description) }
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

/// How a request fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The user is told on a page: nobody knows whether the application can be trusted.
    Page(AuthorizationError),
    /// The application is told.
    Redirect(Addressee, AuthorizationError),
    /// The login's transaction is gone, or another browser's.
    Lost,
}

impl Failure {
    /// Something failed inside before there was anybody to tell.
    pub(crate) fn inside(error: impl Into<OAuthError>) -> Self {
        Self::Page(error.into().into())
    }

    /// The response.
    pub(crate) async fn respond(self, site: &Site, visit: &Visit) -> Response {
        match self {
            Self::Redirect(addressee, error) if !addressee.shows_errors => {
                if let Some(cause) = &error.cause {
                    tracing::error!(cause, "an authorization request failed");
                }
                let settings = site.settings().await;
                let with_issuer = settings.is_ok_and(|s| s.authorization_response_iss_parameter_supported);
                let members = error.members(site, &addressee, with_issuer);
                response::respond(site.store.context(), &addressee, &members)
            }
            Self::Redirect(_, error) | Self::Page(error) => {
                if let Some(cause) = &error.cause {
                    tracing::error!(cause, "an authorization request failed");
                }
                page(site.pages.error(site.tenant.id(), &error.code, &error.description, &visit.browser).await)
            }
            Self::Lost => page(site.pages.lost(site.tenant.id(), &visit.browser).await),
        }
    }
}

/// A page as a response.
pub(crate) fn page(page: http::Response<String>) -> Response {
    page.map(axum::body::Body::from)
}

/// The login ended with an error: the transaction is finished, then the application is told.
pub(crate) async fn ended(site: &Site, transaction: &Transaction, asked: &Asked, error: AuthorizationError) -> Failure {
    let (pages, kept) = (std::sync::Arc::clone(&site.pages), transaction.clone());
    let finish = move |tx: &mut store::Tx| pages.finish(tx, &kept);
    match site.store.write(site.tenant.id(), finish).await {
        Ok(_) => Failure::Redirect(asked.request.addressee.clone(), error),
        Err::<bool, store::StoreError>(failed) => Failure::inside(failed),
    }
}
