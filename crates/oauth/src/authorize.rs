//! `/authorize`: an application's request for its user's login becomes a response, at once or after pages
//! (OpenID Connect Core §3; reference: sessions-and-login-rules §3).

pub(crate) mod browser;
pub(crate) mod conclude;
pub(crate) mod failure;
mod redirect_uri;
mod request;
pub(crate) mod response;

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::Request;
use kernel::{Record, Value, object};
use model::login::{Authentication, LoginRequest, Method, Outcome, Transaction};
use serde_json::json;
use store::Session;

pub(crate) use failure::AuthorizationError;
pub(crate) use request::{AuthorizationRequest, CodeChallenge};
pub(crate) use response::Members;

use self::{
    browser::Visit,
    conclude::{Login, conclude},
    failure::Failure,
    request::Addressee,
};
use crate::{
    OAuthError, Site, par,
    request::Parameters,
    views::{Client, ResourceServer},
};

/// Path of the endpoint.
pub(crate) const AUTHORIZE: &str = "/authorize";
/// Where a login goes on once a page is done.
pub(crate) const RESUME: &str = "/authorize/resume";

/// A request with the records that it names.
pub(crate) struct Asked {
    pub(crate) request: AuthorizationRequest,
    pub(crate) record: Arc<Record>,
    pub(crate) client: Arc<Client>,
    /// The API for which a token is asked; none for the user's profile alone.
    pub(crate) api: Option<Arc<ResourceServer>>,
    /// What was sent, by which the request is validated again after pages.
    parameters: Parameters,
}

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

async fn begin(site: &Site, visit: &Visit, parameters: Parameters) -> Result<Response, Failure> {
    let parameters = par::resolve(site, parameters).await.map_err(Failure::Page)?;
    let asked = judge(site, &parameters).await?;
    let fail = |error: AuthorizationError| Failure::Redirect(asked.request.addressee.clone(), error);
    let session = browser::session(site, visit).await.map_err(&fail)?;
    let usable = match session {
        Some(session) if is_usable(site, &session, &asked.request) => Some(session),
        _ => None,
    };
    if let Some(session) = usable {
        let authentication = of_session(site, &session).await.map_err(&fail)?;
        if let Some(authentication) = authentication {
            let login = Login { asked: &asked, authentication, session: Some(session), transaction: None, visit };
            return conclude(site, login).await;
        }
    }
    if asked.request.prompt.none {
        let error = AuthorizationError::login_required();
        crate::log::failed_silently(site, visit, &asked.client, &error).await.map_err(Failure::inside)?;
        return Err(fail(error));
    }
    let request = login_request(&asked);
    let redirect =
        site.pages.begin(site.tenant.id(), request, &visit.browser).await.map_err(|error| fail(error.into()))?;
    Ok(browser::send(&redirect))
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
    let fail = |error: AuthorizationError| Failure::Redirect(asked.request.addressee.clone(), error);
    if let Some(refusal) = refusal {
        let error = AuthorizationError::refused(&refusal.error, &refusal.description);
        return Err(failure::ended(site, &transaction, &asked, error).await);
    }
    let authentication = transaction.progress.authentication.clone();
    let authentication = authentication.ok_or(Failure::Lost)?;
    let session = browser::session(site, visit).await.map_err(&fail)?;
    let login = Login { asked: &asked, authentication, session, transaction: Some(*transaction), visit };
    conclude(site, login).await
}

/// What `/authorize` was asked, as the transaction kept it.
fn parameters_of(transaction: &Transaction) -> Parameters {
    let kept = transaction.request.protocol.get("parameters").and_then(Value::as_object);
    Parameters::of_document(kept.cloned().unwrap_or_default())
}

async fn addressee_of(site: &Site, transaction: &Transaction) -> Result<Addressee, Failure> {
    Ok(judge(site, &parameters_of(transaction)).await?.request.addressee)
}

/// Validates a request that a client hands in beforehand.
pub(crate) async fn validate(site: &Site, parameters: &Parameters) -> Result<(), OAuthError> {
    match judge(site, parameters).await {
        Ok(_) => Ok(()),
        Err(Failure::Page(error) | Failure::Redirect(_, error)) => Err(error.into()),
        Err(Failure::Lost) => Err(OAuthError::invalid_request("The request is invalid")),
    }
}

/// Validates a request. What is wrong before the redirect URI is known to be the client's is shown on a page, never sent.
async fn judge(site: &Site, parameters: &Parameters) -> Result<Asked, Failure> {
    let client_id = parameters.get("client_id");
    let client_id = client_id.ok_or_else(|| Failure::Page(AuthorizationError::missing("client_id")))?;
    let record = site.store.cached(site.tenant.id(), &model::CLIENT, client_id).await.map_err(Failure::inside)?;
    let record = record.ok_or_else(|| Failure::Page(AuthorizationError::unknown_client(client_id)))?;
    let client = site.views.clients.of(site.tenant.id(), &record).map_err(Failure::inside)?;
    if client.global {
        return Err(Failure::Page(AuthorizationError::unknown_client(client_id)));
    }
    let redirect_uri = match parameters.get("redirect_uri") {
        Some(asked) if redirect_uri::is_registered(asked, &client.callbacks, client.is_native()) => asked,
        Some(asked) => return Err(Failure::Page(AuthorizationError::callback_mismatch(asked))),
        // A pattern stands for many places, of which none is meant.
        None => client
            .callbacks
            .iter()
            .find(|uri| !uri.contains("://*."))
            .map(String::as_str)
            .ok_or_else(|| Failure::Page(AuthorizationError::missing("redirect_uri")))?,
    };
    let addressee = Addressee::of(parameters, redirect_uri, can_receive_messages(&client, redirect_uri));
    let fail = |error: AuthorizationError| Failure::Redirect(addressee.clone(), error);
    let request = AuthorizationRequest::parse(client_id, addressee.clone(), parameters).map_err(&fail)?;
    let api = admit(site, parameters, &request, &record, &client).await.map_err(&fail)?;
    Ok(Asked { request, record, client, api, parameters: parameters.clone() })
}

/// What the tenant's records say about a request.
async fn admit(
    site: &Site,
    parameters: &Parameters,
    request: &AuthorizationRequest,
    record: &Record,
    client: &Client,
) -> Result<Option<Arc<ResourceServer>>, AuthorizationError> {
    if parameters.get("request").is_some() {
        return Err(AuthorizationError::new(
            "request_not_supported",
            "Signed authorization requests are not supported",
        ));
    }
    let settings = site.settings().await?;
    let was_pushed = parameters.get(par::PUSHED).is_some();
    if !was_pushed
        && (client.require_pushed_authorization_requests || settings.flags.require_pushed_authorization_requests)
    {
        return Err(AuthorizationError::invalid_request("Pushed Authorization Requests are required"));
    }
    let grants =
        [(request.response_type.code, "authorization_code"), (request.response_type.issues_tokens(), "implicit")];
    for (is_needed, grant) in grants {
        if is_needed && !client.may_use(grant) {
            let text = format!("Grant type '{grant}' not allowed for the client.");
            return Err(AuthorizationError::new("unauthorized_client", text));
        }
    }
    if let Some(name) = &request.connection {
        admit_connection(site, name, &record.id).await?;
    }
    match (&request.organization, client.organization_usage.as_deref()) {
        (Some(_), None | Some("deny")) => {
            return Err(AuthorizationError::invalid_request("parameter organization is not allowed for this client"));
        }
        (None, Some("require")) => {
            return Err(AuthorizationError::invalid_request("parameter organization is required for this client"));
        }
        _ => {}
    }
    let default = settings.default_audience.as_deref().filter(|audience| !audience.is_empty());
    let audience = request.audience.as_deref().or(default);
    let userinfo = format!("{}userinfo", site.tenant.issuer());
    match audience.filter(|audience| *audience != userinfo) {
        None => Ok(None),
        Some(audience) => Ok(Some(site.api_for_users(audience, record, client).await?)),
    }
}

/// The connection must exist and be enabled for the client.
async fn admit_connection(site: &Site, name: &str, client_id: &str) -> Result<(), AuthorizationError> {
    let connection = site.store.cached_by(site.tenant.id(), &model::CONNECTION, "name", name).await?;
    let connection = connection.ok_or_else(|| AuthorizationError::invalid_request("the connection was not found"))?;
    let (connection, client_id) = (connection.id.clone(), client_id.to_owned());
    let read = move |reader: &store::Snapshot| reader.relation(&model::CONNECTION_CLIENTS, &connection, &client_id);
    match site.store.read(site.tenant.id(), read).await? {
        Some(_) => Ok(()),
        None => Err(AuthorizationError::invalid_request("the connection is not enabled")),
    }
}

/// Whether the session answers the request without a login.
fn is_usable(site: &Site, session: &Session, request: &AuthorizationRequest) -> bool {
    let age = site.store.context().now().seconds() - session.authenticated.seconds();
    let is_fresh = request.max_age.is_none_or(|most| most > 0 && age <= most);
    let is_of_connection =
        request.connection.as_ref().is_none_or(|name| session.details.connection.as_ref() == Some(name));
    let is_asked_again = request.prompt.login || request.prompt.select_account;
    is_fresh && is_of_connection && !is_asked_again && !is_hinted_otherwise(request, session)
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
        ui_locales: request.ui_locales.clone(),
        acr_values: request.acr_values.clone(),
        organization: request.organization.clone(),
        invitation: request.invitation.clone(),
        extensions: request.extensions.clone(),
        scope: request.scope.clone(),
        audience: request.audience.clone(),
        redirect_uri: Some(request.addressee.redirect_uri.clone()),
        protocol: object(json!({ "parameters": asked.parameters.all() })).into(),
    }
}

/// Whether the origin of the redirect URI may get web messages.
fn can_receive_messages(client: &Client, redirect_uri: &str) -> bool {
    let origin = |uri: &str| url::Url::parse(uri).ok().map(|url| url.origin()).filter(url::Origin::is_tuple);
    let asked = origin(redirect_uri);
    asked.is_some() && client.web_origins.iter().any(|allowed| origin(allowed) == asked)
}
