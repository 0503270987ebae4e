//! A login ticket comes back at `/authorize`. Where the browser keeps no cookie from another origin's page, that page itself is asked, in a
//! frame, for the verifier that it was given with the ticket.

use askama::Template;
use axum::{
    body::Body,
    response::{Html, IntoResponse, Response},
};
use http::{HeaderValue, header};
use kernel::script_literal;
use serde_json::Value;
use store::Tx;

use super::{STATE, TICKET, VERIFIER, origin, ticket};
use crate::{
    Site,
    authorize::{
        AuthorizationError,
        browser::{self, Visit},
        failure::Failure,
        finish,
        login::Asked,
        words::Words,
    },
    request::Parameters,
};

/// Answers an authorization request that has a ticket.
pub(crate) async fn redeem(
    site: &Site,
    visit: &Visit,
    asked: &Asked,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    let fail = |error: AuthorizationError| Failure::Redirect(asked.request.addressee.clone(), error);
    let presented = parameters.get(TICKET).unwrap_or_default().to_owned();
    let held = presented.clone();
    let found = site.store.read(site.tenant.id(), move |reader| ticket::look_up(reader, &held)).await;
    let found = found.map_err(|error: store::StoreError| fail(error.into()))?;
    let client = &asked.client;
    let is_good = |ticket: &ticket::Ticket| {
        // An origin's page gets messages that its own script has asked for, and no other's.
        let is_for_origin = !asked.request.addressee.is_message()
            || origin::of_url(&asked.request.addressee.redirect_uri).as_deref() == Some(&ticket.origin);
        ticket.client_id == client.id
            && client.cross_origin_authentication
            && origin::is_allowed(&ticket.origin, client)
            && is_for_origin
    };
    let Some(ticket) = found.filter(is_good) else {
        return Err(fail(AuthorizationError::invalid_request("The login ticket is invalid or has expired")));
    };
    let verifier = parameters.get(VERIFIER);
    let cookie = ticket::cookie(site, &visit.browser);
    let is_verified = cookie.as_ref().is_some_and(|cookie| {
        let state = ticket::state(cookie, &presented);
        let is_asked_by_us = parameters.get(STATE).is_some_and(|sent| kernel::digest(sent) == kernel::digest(&state));
        ticket.is_of(cookie) || (is_asked_by_us && verifier.is_some_and(|verifier| ticket.has_verifier(verifier)))
    });
    if !is_verified {
        let page = client.cross_origin_loc.as_deref().filter(|_| verifier.is_none());
        let page = page.filter(|page| origin::of_url(page).as_deref() == Some(&ticket.origin));
        let Some(page) = page else {
            return Err(fail(AuthorizationError::invalid_request("Unable to configure verification page.")));
        };
        let cookie = cookie.unwrap_or_else(|| ticket::new_cookie(site));
        let state = ticket::state(&cookie, &presented);
        let words = site.words(&asked.request.addressee.locales, visit).await;
        let mut response = verification(site, words, asked, parameters, (page, &state), &ticket);
        browser::set_cookies(&mut response, &[ticket::set_cookie(site, &visit.browser, &cookie)]);
        return Ok(response);
    }
    let use_up = move |tx: &mut Tx| ticket::consume(tx, &presented);
    let is_first = site.store.write(site.tenant.id(), use_up).await;
    if !is_first.map_err(|error: store::StoreError| fail(error.into()))? {
        return Err(fail(AuthorizationError::invalid_request("The login ticket is invalid or has expired")));
    }
    finish(site, visit, asked, ticket.authentication).await
}

#[derive(Template)]
#[template(path = "verification.html")]
struct Verification<'a> {
    words: &'a Words,
    nonce: &'a str,
    page: String,
    origin: String,
    id: String,
    verifier: &'static str,
    state_name: &'static str,
    state: &'a str,
    fields: Vec<(&'a str, &'a str)>,
}

/// The page that asks the application's page for the verifier, and sends the request again with it.
fn verification(
    site: &Site,
    words: &Words,
    asked: &Asked,
    parameters: &Parameters,
    (page, state): (&str, &str),
    ticket: &ticket::Ticket,
) -> Response {
    let nonce = site.store.context().text(kernel::id::BASE64URL, 22);
    let literal = |text: &str| script_literal(&Value::from(text));
    let template = Verification {
        words,
        nonce: &nonce,
        page: literal(page),
        origin: literal(&ticket.origin),
        id: literal(&ticket.id),
        verifier: VERIFIER,
        state_name: STATE,
        state,
        fields: parameters.iter().collect(),
    };
    let html = template.render().expect("a template of texts renders");
    // A silent request is answered in a frame of the page that has asked.
    let ancestors = if asked.request.addressee.is_message() { ticket.origin.as_str() } else { "'none'" };
    let policy = format!(
        "default-src 'none'; base-uri 'none'; script-src 'nonce-{nonce}'; frame-src {}; frame-ancestors {ancestors}",
        ticket.origin
    );
    let mut response: Response<Body> = Html(html).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
