//! The ends of sessions that a browser asks for: `/v2/logout`, and logout by the relying party (OpenID Connect RP-Initiated Logout;
//! reference: authentication-api §5, Logout).

pub(crate) mod urls;

use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode};
use kernel::{Value, object};
use model::{
    CLIENT,
    login::{Outcome, Transaction},
};
use serde_json::json;
use store::Session;
use url::{Url, form_urlencoded};

use self::urls::Match;
use crate::{
    OAuthError, Site,
    authorize::{
        AuthorizationError,
        browser::{self, Visit},
        failure::page,
        response::redirect,
    },
    error::shortened,
    id_token, log,
    request::Parameters,
    session, third_parties,
    views::Client,
};

/// `GET /v2/logout`.
pub(crate) async fn v2(site: Site, request: Request<Body>) -> Response {
    let (visit, parameters) = match browser::read(request).await {
        Ok(read) => read,
        Err(error) => return refuse(&site, &Visit::default(), &error).await,
    };
    match leave(&site, &visit, &parameters).await {
        Ok(response) => response,
        Err(error) => refuse(&site, &visit, &error).await,
    }
}

async fn leave(site: &Site, visit: &Visit, parameters: &Parameters) -> Result<Response, AuthorizationError> {
    let client = match parameters.get("client_id") {
        Some(id) => Some(client(site, id).await?),
        None => None,
    };
    let allowed = match &client {
        Some(client) => client.allowed_logout_urls.clone(),
        None => site.settings().await?.allowed_logout_urls.clone(),
    };
    let target = match parameters.get("returnTo") {
        Some(asked) if urls::is_allowed(asked, &allowed, Match::WithoutQuery) => Some(asked.to_owned()),
        Some(asked) => {
            let asked = shortened(asked);
            let text = format!(
                "The \"returnTo\" querystring parameter \"{asked}\" is not defined as a valid URL in \"Allowed Logout URLs\"."
            );
            log::failed_logout(site, visit, client.as_deref(), &text).await?;
            return Err(AuthorizationError::invalid_request(text));
        }
        None => {
            client.as_ref().and_then(|client| client.allowed_logout_urls.iter().find(|url| !url.contains('*')).cloned())
        }
    };
    let session = session::of(site, &visit.browser).await?;
    end(site, visit, session, client.as_deref()).await?;
    let mut response = match target {
        Some(target) => redirect(&target),
        None => (StatusCode::OK, "OK").into_response(),
    };
    browser::set_cookies(&mut response, &session::removal(site, &visit.browser));
    Ok(response)
}

/// `GET` and `POST /oidc/logout`.
pub(crate) async fn oidc(site: Site, request: Request<Body>) -> Response {
    let (visit, parameters) = match browser::read(request).await {
        Ok(read) => read,
        Err(error) => return refuse(&site, &Visit::default(), &error).await,
    };
    match leave_by_relying_party(&site, &visit, &parameters).await {
        Ok(response) => response,
        Err(error) => refuse(&site, &visit, &error).await,
    }
}

/// What a relying party says about whom it logs out.
#[expect(clippy::struct_field_names, reason = "these are the names of the parameters")]
struct Hint {
    client_id: String,
    user_id: Option<String>,
    session_id: Option<String>,
}

async fn leave_by_relying_party(
    site: &Site,
    visit: &Visit,
    parameters: &Parameters,
) -> Result<Response, AuthorizationError> {
    let hint = match parameters.get("id_token_hint") {
        Some(token) => Some(hint(site, token).await?),
        None => None,
    };
    let named = parameters.get("client_id");
    if let (Some(hint), Some(named)) = (&hint, named)
        && hint.client_id != named
    {
        return Err(AuthorizationError::invalid_request("The client_id does not match the id_token_hint"));
    }
    let logout_hint = parameters.get("logout_hint");
    let hinted = hint.as_ref().and_then(|hint| hint.session_id.as_deref());
    if let (Some(hinted), Some(logout_hint)) = (hinted, logout_hint)
        && hinted != logout_hint
    {
        return Err(AuthorizationError::invalid_request("The logout_hint does not match the id_token_hint"));
    }
    let client_id = hint.as_ref().map(|hint| hint.client_id.as_str()).or(named);
    let client = match client_id {
        Some(id) => Some(client(site, id).await?),
        None => None,
    };
    let allowed = match &client {
        Some(client) => client.allowed_logout_urls.clone(),
        None => site.settings().await?.allowed_logout_urls.clone(),
    };
    let target = match parameters.get("post_logout_redirect_uri") {
        None => None,
        Some(asked) if urls::is_allowed(asked, &allowed, Match::Exact) => {
            Some(with_state(asked, parameters.get("state")))
        }
        Some(_) => {
            let text = "The post_logout_redirect_uri is not defined as a valid URL in \"Allowed Logout URLs\"";
            log::failed_logout(site, visit, client.as_deref(), text).await?;
            return Err(AuthorizationError::invalid_request(text));
        }
    };
    let session = session::of(site, &visit.browser).await?;
    let is_meant = session.as_ref().is_some_and(|session| {
        let by_session = logout_hint.or(hinted) == Some(session.id.as_str());
        let by_user = hint.as_ref().and_then(|hint| hint.user_id.as_deref()) == Some(session.user_id.as_str());
        by_session || (logout_hint.is_none() && hinted.is_none() && by_user)
    });
    // Nobody else than the user's own application may end a session without the user's word.
    if session.is_some() && !is_meant && site.settings().await?.sessions.asks_before_logout() {
        let user = session.as_ref().map(|session| session.user_id.clone());
        let client_id = client.as_ref().map(|client| client.id.clone());
        let protocol = object(json!({ "target": target })).into();
        let asked = site.pages.begin_logout(site.tenant.id(), protocol, client_id, user, &visit.browser).await?;
        return Ok(browser::send(&asked));
    }
    end(site, visit, session, client.as_deref()).await?;
    Ok(logged_out(site, visit, target.as_deref(), client.as_ref().map_or("", |client| &client.id)))
}

/// `GET /oidc/logout/resume`: the user has said whether to log out.
pub(crate) async fn resume(site: Site, request: Request<Body>) -> Response {
    let (visit, parameters) = match browser::read(request).await {
        Ok(read) => read,
        Err(error) => return refuse(&site, &Visit::default(), &error).await,
    };
    match go_on(&site, &visit, &parameters).await {
        Ok(response) => response,
        Err(error) => refuse(&site, &visit, &error).await,
    }
}

async fn go_on(site: &Site, visit: &Visit, parameters: &Parameters) -> Result<Response, AuthorizationError> {
    let state = parameters.get("state").unwrap_or_default();
    let transaction = match site.pages.outcome(site.tenant.id(), state, &visit.browser).await? {
        Outcome::Pending(redirect) => return Ok(browser::send(&redirect)),
        Outcome::Authenticated(transaction) => transaction,
        _ => return Ok(page(site.pages.lost(site.tenant.id(), &visit.browser).await)),
    };
    let mut response = answered(site, visit, &transaction).await?;
    browser::set_cookies(&mut response, &site.pages.forget(&transaction, &visit.browser));
    Ok(response)
}

/// Does what the user has said.
async fn answered(site: &Site, visit: &Visit, transaction: &Transaction) -> Result<Response, AuthorizationError> {
    if transaction.progress.answers.get("logout").map(String::as_str) != Some("accept") {
        return Ok(redirect(&told("aborted", &transaction.request.client_id)));
    }
    let client = match transaction.request.client_id.as_str() {
        "" => None,
        id => Some(client(site, id).await?),
    };
    let session = session::of(site, &visit.browser).await?;
    end(site, visit, session, client.as_deref()).await?;
    let target = transaction.request.protocol.get("target").and_then(Value::as_str);
    Ok(logged_out(site, visit, target, &transaction.request.client_id))
}

fn logged_out(site: &Site, visit: &Visit, target: Option<&str>, client_id: &str) -> Response {
    let mut response = redirect(&target.map_or_else(|| told("complete", client_id), str::to_owned));
    browser::set_cookies(&mut response, &session::removal(site, &visit.browser));
    response
}

/// The page that tells how a logout ended, where no application does.
fn told(how: &str, client_id: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !client_id.is_empty() {
        query.append_pair("client_id", client_id);
    }
    format!("/u/logout/{how}?{}", query.finish()).trim_end_matches('?').to_owned()
}

/// What an ID token of ours says; one that has expired says it too.
async fn hint(site: &Site, token: &str) -> Result<Hint, AuthorizationError> {
    let invalid = || AuthorizationError::invalid_request("The id_token_hint is invalid");
    let (client, jwt) = id_token::genuine(site, token).await?.ok_or_else(invalid)?;
    third_parties::admit_endpoint(&client, "Logouts").map_err(|_| invalid())?;
    let text = |claim: &str| jwt.text(claim).map(str::to_owned);
    Ok(Hint { client_id: client.id.clone(), user_id: text("sub"), session_id: text("sid") })
}

fn with_state(target: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return target.to_owned() };
    match Url::parse(target) {
        Ok(mut url) => {
            url.query_pairs_mut().append_pair("state", state);
            url.into()
        }
        Err(_) => target.to_owned(),
    }
}

async fn client(site: &Site, id: &str) -> Result<Arc<Client>, AuthorizationError> {
    let record = site.store.cached(site.tenant.id(), &CLIENT, id).await?;
    let record = record.ok_or_else(|| AuthorizationError::unknown_client(id))?;
    let client = site.views.clients.of(site.tenant.id(), &record).map_err(OAuthError::from)?;
    third_parties::admit_endpoint(&client, "Logouts").map_err(|error| AuthorizationError::from(error).of(id))?;
    Ok(client)
}

/// Ends the browser's session, and has its clients told.
async fn end(
    site: &Site,
    visit: &Visit,
    session: Option<Session>,
    client: Option<&Client>,
) -> Result<(), AuthorizationError> {
    let Some(session) = session else { return Ok(()) };
    let user = site.store.cached(site.tenant.id(), &model::USER, &session.user_id).await?;
    let event = log::logout(site, visit, client, user.as_deref(), &session.id);
    let work = move |tx: &mut store::Tx| -> store::StoreResult {
        identity::sessions::end(tx, &session, identity::sessions::Ending::Logout)?;
        tx.append_log(event.clone()).map(drop)
    };
    Ok(site.store.write(site.tenant.id(), work).await?)
}

async fn refuse(site: &Site, visit: &Visit, error: &AuthorizationError) -> Response {
    let AuthorizationError { client_id, code, description, .. } = error;
    page(site.pages.error(site.tenant.id(), client_id.as_deref(), code, description, &visit.browser).await)
}
