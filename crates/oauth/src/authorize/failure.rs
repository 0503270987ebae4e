//! What goes wrong at `/authorize`: told to the application where that is safe, else to the user on a page
//! (RFC 6749 §4.1.2.1; reference: authentication-api §3).

use axum::response::Response;
use model::login::Transaction;

use super::{
    AuthorizationError, Members,
    addressee::Addressee,
    browser::{self, Visit},
    login::Asked,
    response,
};
use crate::{OAuthError, Site};

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
                let members = members(&error, site, &addressee, with_issuer);
                let words = site.words(&addressee.locales, visit).await;
                response::respond(site.store.context(), &addressee, words, &members)
            }
            Self::Redirect(_, error) | Self::Page(error) => {
                if let Some(cause) = &error.cause {
                    tracing::error!(cause, "an authorization request failed");
                }
                let AuthorizationError { client_id, code, description, .. } = &error;
                page(site.pages.error(site.tenant.id(), client_id.as_deref(), code, description, &visit.browser).await)
            }
            Self::Lost => page(site.pages.lost(site.tenant.id(), &visit.browser).await),
        }
    }
}

/// What the application is told.
fn members(error: &AuthorizationError, site: &Site, addressee: &Addressee, with_issuer: bool) -> Members {
    let mut members: Members =
        vec![("error", error.code.as_ref().into()), ("error_description", error.description.as_ref().into())];
    if let Some(state) = &addressee.state {
        members.push(("state", state.as_str().into()));
    }
    if with_issuer {
        members.push(("iss", site.tenant.issuer().into()));
    }
    members
}

/// A page as a response.
pub(crate) fn page(page: http::Response<String>) -> Response {
    page.map(axum::body::Body::from)
}

/// The login ended with an error: the transaction is finished, then the application is told.
pub(crate) async fn ended(
    site: &Site,
    visit: &Visit,
    transaction: &Transaction,
    asked: &Asked,
    error: AuthorizationError,
) -> Result<Response, Failure> {
    let (pages, kept) = (std::sync::Arc::clone(&site.pages), transaction.clone());
    let finish = move |tx: &mut store::Tx| pages.finish(tx, &kept);
    match site.store.write(site.tenant.id(), finish).await {
        Ok(_) => {
            let failure = Failure::Redirect(asked.request.addressee.clone(), error);
            let mut response = failure.respond(site, visit).await;
            browser::set_cookies(&mut response, &site.pages.forget(transaction, &visit.browser));
            Ok(response)
        }
        Err::<bool, store::StoreError>(failed) => Err(Failure::inside(failed)),
    }
}
