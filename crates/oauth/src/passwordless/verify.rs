//! `POST /passwordless/verify`: whether a code is right, for libraries that ask before they send the browser with it to
//! `/passwordless/verify_redirect`; that is where links lead, too.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::Request;
use identity::{
    passwordless::{self, Presented},
    users::Identifier,
};
use kernel::{Document, Secret};
use store::Tx;

use super::{failed, of_link, refused};
use crate::{
    OAuthError, Site,
    authorize::{self, browser, failure::Failure},
    client, password,
    request::{Incoming, Parameters},
};

/// Longest ticket of a link.
const LONGEST: usize = 128;

/// Answers whether a code is right; it stays.
pub(crate) async fn verify(site: Site, request: Request<Body>) -> Response {
    match look_at(&site, request).await {
        Ok(()) => Json(Document::new()).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn look_at(site: &Site, request: Request<Body>) -> Result<(), OAuthError> {
    let incoming = Incoming::read(request).await?;
    let (presented, is_phone) = presented(&incoming.parameters)?;
    let actor = password::actor(site, &incoming.origin, client::claimed(&incoming).as_deref());
    let work = move |tx: &mut Tx| passwordless::look_at(tx, &actor, &presented);
    let checked = site.store.write(site.tenant.id(), work).await.map_err(failed)?;
    checked.map_err(|refusal| refused(refusal, is_phone))
}

fn presented(parameters: &Parameters) -> Result<(Presented, bool), OAuthError> {
    let connection = parameters.require("connection")?.to_owned();
    let (kind, identifier) = match parameters.get("phone_number") {
        Some(number) => (Identifier::Phone, number),
        None => (Identifier::Email, parameters.require("email")?),
    };
    let code = Secret::new(parameters.require("verification_code")?);
    let presented =
        Presented { connection, kind: Some(kind), identifier: identifier.to_owned(), code, allows_signup: true };
    Ok((presented, kind == Identifier::Phone))
}

/// `/passwordless/verify_redirect`: a browser comes with a code, or by a link. Neither is used up by this: a page waits for its user.
pub(crate) async fn redirect(site: Site, request: Request<Body>) -> Response {
    let (visit, parameters) = match browser::read(request).await {
        Ok(read) => read,
        Err(error) => return Failure::Page(error).respond(&site, &browser::Visit::default()).await,
    };
    if let Some(ticket) = parameters.get("ticket") {
        let is_sound = |letter: &char| letter.is_ascii_alphanumeric() || "-_".contains(*letter);
        let ticket: String = ticket.chars().take(LONGEST).filter(is_sound).collect();
        return authorize::response::redirect(&format!("/u/login/passwordless-email-link?ticket={ticket}"));
    }
    match begin(&site, &visit, &parameters).await {
        Ok(response) => response,
        Err(failure) => failure.respond(&site, &visit).await,
    }
}

async fn begin(site: &Site, visit: &browser::Visit, parameters: &Parameters) -> Result<Response, Failure> {
    let page = |error: OAuthError| Failure::Page(error.into());
    let (presented, _) = presented(parameters).map_err(page)?;
    let mut wanted = of_link(&parameters.all());
    wanted.set("connection", &presented.connection);
    if let Some(client_id) = parameters.get("client_id") {
        wanted.set("client_id", client_id);
    }
    let (addressee, request) = authorize::for_code(site, &wanted).await?;
    let (identifier, code) = (&presented.identifier, presented.code.reveal());
    let begun = site.pages.begin_with_code(site.tenant.id(), request, identifier, code, &visit.browser).await;
    match begun {
        Ok(redirect) => Ok(browser::send(&redirect)),
        Err(error) => Err(Failure::Redirect(addressee, error.into())),
    }
}
