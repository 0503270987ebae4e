//! `/authorize`: an application's request for its user's login becomes a response, at once or after pages
//! (OpenID Connect Core §3; reference: sessions-and-login-rules §3).

mod addressee;
mod admission;
pub(crate) mod browser;
mod conclude;
mod entrance;
mod error;
pub(crate) mod failure;
pub(crate) mod login;
mod organization;
mod redirect_uri;
mod request;
pub(crate) mod response;
pub(crate) mod returning;
mod strict;
pub(crate) mod words;

use axum::{body::Body, response::Response};
use http::Request;
use kernel::{Value, object};
use model::login::{Authentication, LoginRequest, Method, Outcome, Transaction};
use serde_json::json;
use store::Session;

pub(crate) use admission::validate;
pub(crate) use error::AuthorizationError;
pub(crate) use request::{AuthorizationRequest, CodeChallenge};
pub(crate) use response::Members;

use self::{
    addressee::Addressee,
    admission::judge,
    browser::Visit,
    conclude::conclude,
    failure::Failure,
    login::{Asked, Login, Return},
};
use crate::{OAuthError, Site, cross_origin, par, request::Parameters, session};

/// Path of the endpoint.
pub(crate) const AUTHORIZE: &str = "/authorize";
/// Where a login goes on once a page is done.
pub(crate) const RESUME: &str = "/authorize/resume";

/// `GET` and `POST /authorize`.
pub(crate) async fn endpoint(site: Site, request: Request<Body>) -> Response {
    let (visit, parameters) = match browser::read(request).await {
        Ok(read) => read,
        Err(error) => return Failure::Page(error).respond(&site, &browser::Visit::default()).await,
    };
    match Box::pin(begin(&site, &visit, parameters)).await {
        Ok(response) => response,
        Err(failure) => failure.respond(&site, &visit).await,
    }
}

/// `GET /authorize/resume`: a page is done, or its user came back here.
pub(crate) async fn resume(site: Site, request: Request<Body>) -> Response {
    let (visit, parameters) = match browser::read(request).await {
        Ok(read) => read,
        Err(error) => return Failure::Page(error).respond(&site, &browser::Visit::default()).await,
    };
    match Box::pin(go_on(&site, &visit, &parameters)).await {
        Ok(response) => response,
        Err(failure) => failure.respond(&site, &visit).await,
    }
}

/// What pages are asked by a link for which an application hands in these parameters. What is wrong is told to whoever asks for the link.
pub(crate) async fn for_link(site: &Site, parameters: &Parameters) -> Result<LoginRequest, OAuthError> {
    match judge(site, parameters).await {
        Ok(asked) => Ok(login_request(&asked)),
        Err(Failure::Page(error) | Failure::Redirect(_, error)) => Err(error.into()),
        Err(Failure::Lost) => Err(OAuthError::invalid_request("The request is invalid")),
    }
}

/// What pages are asked by a browser that comes with a code, and whom errors concern.
pub(crate) async fn for_code(site: &Site, parameters: &Parameters) -> Result<(Addressee, LoginRequest), Failure> {
    let asked = judge(site, parameters).await?;
    let request = login_request(&asked);
    Ok((asked.request.addressee, request))
}

async fn begin(site: &Site, visit: &Visit, parameters: Parameters) -> Result<Response, Failure> {
    let mut parameters = par::resolve(site, parameters).await.map_err(Failure::Page)?;
    if let Some(named) = parameters.get("client_id") {
        let id = site.client_of_request(named, &visit.origin.ip).await.map_err(Failure::Page)?;
        if let Some(id) = id {
            parameters.set("client_id", &id);
        }
    }
    let mut asked = judge(site, &parameters).await?;
    for secret in cross_origin::SECRETS {
        asked.parameters.remove(secret);
    }
    let asked = asked;
    let fail = |error: AuthorizationError| Failure::Redirect(asked.request.addressee.clone(), error);
    organization::check_invitation(site, visit, &asked).await?;
    // Whoever is invited accepts that on a page.
    if parameters.get(cross_origin::TICKET).is_some() && asked.request.invitation.is_none() {
        return Box::pin(cross_origin::redeem(site, visit, &asked, &parameters)).await;
    }
    let session = session::of(site, &visit.browser).await.map_err(|error| fail(error.into()))?;
    let usable = match session {
        Some(session) if is_usable(site, &session, &asked) => Some(session),
        _ => None,
    };
    if let Some(session) = usable {
        let authentication = of_session(site, &session).await.map_err(&fail)?;
        if let Some(authentication) = authentication {
            let session = Some(session);
            let login = Login {
                asked: &asked,
                authentication,
                session,
                transaction: None,
                visit,
                returned: None,
                organization: None,
            };
            return Box::pin(conclude(site, login)).await;
        }
    }
    if asked.request.prompt.none {
        let error = AuthorizationError::login_required();
        crate::log::failed_silently(site, visit, &asked.client, &error).await.map_err(Failure::inside)?;
        return Err(fail(error));
    }
    show_login(site, visit, &asked, login_request(&asked)).await
}

/// Goes on with a login that was proven on a page of the application's own.
pub(crate) async fn finish(
    site: &Site,
    visit: &Visit,
    asked: &Asked,
    authentication: Authentication,
) -> Result<Response, Failure> {
    let session = session::of(site, &visit.browser).await;
    let session = session.map_err(|error| Failure::Redirect(asked.request.addressee.clone(), error.into()))?;
    let login = Login { asked, authentication, session, transaction: None, visit, returned: None, organization: None };
    Box::pin(conclude(site, login)).await
}

/// Sends the browser to the pages that find out who the user is.
async fn show_login(site: &Site, visit: &Visit, asked: &Asked, request: LoginRequest) -> Result<Response, Failure> {
    let fail = |error: AuthorizationError| Failure::Redirect(asked.request.addressee.clone(), error);
    let redirect = site.pages.begin(site.tenant.id(), request, &visit.browser).await;
    Ok(browser::send(&redirect.map_err(|error| fail(error.into()))?))
}

async fn go_on(site: &Site, visit: &Visit, parameters: &Parameters) -> Result<Response, Failure> {
    let state = parameters.get("state").unwrap_or_default();
    let outcome = site.pages.outcome(site.tenant.id(), state, &visit.browser).await;
    let outcome = outcome.map_err(|error| Failure::Page(error.into()))?;
    let (transaction, refusal) = match outcome {
        Outcome::Pending(redirect) => return Ok(browser::send(&redirect)),
        Outcome::Unknown => return Err(Failure::Lost),
        Outcome::Authenticated(transaction) => (transaction, None),
        Outcome::Refused(transaction, refusal) => (transaction, Some(refusal)),
        Outcome::Finished(transaction) => {
            let error = AuthorizationError::access_denied("The login transaction was used before");
            return Err(Failure::Redirect(addressee_of(site, &transaction).await?, error));
        }
    };
    let asked = judge(site, &parameters_of(&transaction)).await?;
    if let Some(refusal) = refusal {
        let error = AuthorizationError::refused(&refusal.error, &refusal.description);
        return failure::ended(site, visit, &transaction, &asked, error).await;
    }
    proceed(site, visit, &asked, *transaction, None).await
}

/// Goes on with a login whose user is known.
async fn proceed(
    site: &Site,
    visit: &Visit,
    asked: &Asked,
    transaction: Transaction,
    returned: Option<Return>,
) -> Result<Response, Failure> {
    let fail = |error: AuthorizationError| Failure::Redirect(asked.request.addressee.clone(), error);
    let authentication = transaction.progress.authentication.clone().ok_or(Failure::Lost)?;
    let session = session::of(site, &visit.browser).await.map_err(|error| fail(error.into()))?;
    let transaction = Some(transaction);
    let login = Login { asked, authentication, session, transaction, visit, returned, organization: None };
    Box::pin(conclude(site, login)).await
}

/// What `/authorize` was asked, as the transaction kept it.
fn parameters_of(transaction: &Transaction) -> Parameters {
    let kept = transaction.request.protocol.get("parameters").and_then(Value::as_object);
    Parameters::of_document(kept.cloned().unwrap_or_default())
}

async fn addressee_of(site: &Site, transaction: &Transaction) -> Result<Addressee, Failure> {
    Ok(judge(site, &parameters_of(transaction)).await?.request.addressee)
}

/// Whether the session answers the request without a login.
fn is_usable(site: &Site, session: &Session, asked: &Asked) -> bool {
    let request = &asked.request;
    let age = site.store.context().now().seconds() - session.authenticated.seconds();
    let is_fresh = request.max_age.is_none_or(|most| most > 0 && age <= most);
    let is_of_connection =
        request.connection.as_ref().is_none_or(|name| session.details.connection.as_ref() == Some(name));
    let is_asked_again = request.prompt.login || request.prompt.select_account;
    let is_for_all = !asked.client.sso_disabled;
    // Whoever is invited accepts that on a page, whoever was at this browser before.
    let is_invited = request.invitation.is_some();
    is_for_all
        && !is_invited
        && is_fresh
        && is_of_connection
        && !is_asked_again
        && !is_hinted_otherwise(request, session)
}

/// Whether `id_token_hint` names somebody else than the session's user (OpenID Connect Core §3.1.2.1).
fn is_hinted_otherwise(request: &AuthorizationRequest, session: &Session) -> bool {
    let hinted = request.id_token_hint.as_deref().and_then(identity::jwt::Jwt::parse);
    hinted.is_some_and(|token| token.text("sub") != Some(&session.user_id))
}

/// The proof that a session rests on; `None` when its user or connection is gone.
async fn of_session(site: &Site, session: &Session) -> Result<Option<Authentication>, AuthorizationError> {
    let name = session.details.connection.clone().unwrap_or_default();
    let connection = site.store.cached_by(site.tenant.id(), &model::CONNECTION, "name", &name).await?;
    let Some(connection) = connection else { return Ok(None) };
    let methods = session.details.methods.iter();
    Ok(Some(Authentication {
        user_id: session.user_id.clone(),
        connection_id: connection.id.clone(),
        strategy: connection.text("strategy").unwrap_or_default().to_owned(),
        connection: name,
        methods: methods.map(|method| Method { name: method.name.clone(), timestamp: method.at }).collect(),
        at: session.authenticated,
        is_new: false,
        session_id: Some(session.id.clone()),
    }))
}

/// What the pages are asked.
fn login_request(asked: &Asked) -> LoginRequest {
    let request = &asked.request;
    let prompts = [
        (request.prompt.login, "login"),
        (request.prompt.consent, "consent"),
        (request.prompt.select_account, "select_account"),
    ];
    LoginRequest {
        client_id: request.client_id.clone(),
        connection: request.connection.clone(),
        prompt: prompts.into_iter().filter(|&(is_set, _name)| is_set).map(|(_is_set, name)| name.to_owned()).collect(),
        max_age: request.max_age.and_then(|seconds| u64::try_from(seconds).ok()),
        login_hint: request.login_hint.clone(),
        screen_hint: request.screen_hint.clone(),
        send: asked.parameters.get("send").map(str::to_owned),
        ui_locales: request.ui_locales.clone(),
        acr_values: request.acr_values.clone(),
        organization: asked.organization.as_ref().map(|organization| organization.id.clone()),
        organization_prompt: organization::before_login(asked),
        invitation: request.invitation.clone(),
        asks_to_accept: request.invitation.is_some(),
        correlation_id: request.correlation_id.clone(),
        extensions: request.extensions.clone(),
        scope: request.scope.clone(),
        audience: request.audience.clone(),
        redirect_uri: Some(request.addressee.redirect_uri.clone()),
        protocol: object(json!({ "parameters": asked.parameters.all() })).into(),
    }
}
