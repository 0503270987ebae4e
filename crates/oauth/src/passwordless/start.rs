//! `POST /passwordless/start`: a code or a link is sent.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::Request;
use identity::{
    Actor, Error,
    passwordless::{self, Link, Start, Started},
    users::Identifier,
};
use kernel::{Document, object};
use model::{
    login::Browser,
    views::{Connection, Strategy, View as _},
};
use serde_json::json;
use store::Tx;

use super::{auth_params, of_link};
use crate::{
    OAuthError, Site,
    authorize::{self, browser},
    client::{self, Authenticated},
    password,
    request::{Incoming, Parameters},
    third_parties,
    views::Client,
};

/// The header by which an application tells its user's language.
const LANGUAGE: &str = "x-request-language";

/// Answers a request.
pub(crate) async fn start(site: Site, request: Request<Body>) -> Response {
    match answer(&site, request).await {
        Ok(body) => Json(body).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn answer(site: &Site, request: Request<Body>) -> Result<Document, OAuthError> {
    let language = request.headers().get(LANGUAGE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (parts, body) = request.into_parts();
    let browser = browser::visit(parts.clone()).browser;
    let incoming = Incoming::read(Request::from_parts(parts, body)).await?;
    let caller = caller(site, &incoming).await?;
    let parameters = &incoming.parameters;
    let mut origin = incoming.origin.clone();
    caller.place(&mut origin);
    let client = caller.client;
    third_parties::admit_endpoint(&client, "Logins without passwords")?;
    if site.puzzles(&origin.ip).await?.passwordless {
        solve(site, parameters, &browser).await?;
    }
    let name = parameters.require("connection")?;
    let connection = site.store.cached_by(site.tenant.id(), &model::CONNECTION, "name", name).await?;
    let connection = connection.map(|connection| Connection::of(&connection)).transpose()?;
    let connection = connection.filter(|connection| connection.strategy.is_passwordless());
    let connection = connection.ok_or_else(|| OAuthError::bad_connection("Connection not found."))?;
    let is_phone = connection.strategy == Strategy::Sms;
    let kind = if is_phone { Identifier::Phone } else { Identifier::Email };
    let malformed = || {
        let (code, text) = if is_phone {
            ("bad.phone_number", "phone_number is required, with its country code")
        } else {
            ("bad.email", "email is required, and has the form of an address")
        };
        OAuthError::bad(code, text)
    };
    let identifier = parameters.get(kind.field()).ok_or_else(malformed)?.to_owned();
    let is_link = match parameters.get("send") {
        _ if is_phone => false,
        None | Some("link" | "link_ios" | "link_android") => true,
        Some("code") => false,
        Some(_) => return Err(OAuthError::invalid_request("send must be link or code")),
    };
    let given = auth_params(parameters)?;
    let link = if is_link { Some(link(site, &client, &connection, &given).await?) } else { None };
    let mut told = object(json!({"authParams": given}));
    if let Some(language) = &language {
        told.insert("request_language".into(), language.chars().take(64).collect::<String>().into());
    }
    let actor =
        Actor { language: language.or(origin.language.clone()), ..password::actor(site, &origin, Some(&client.id)) };
    let start = Start {
        connection: name.to_owned(),
        kind: Some(kind),
        identifier,
        link,
        is_voice: false,
        allows_signup: true,
        told,
    };
    let work = move |tx: &mut Tx| passwordless::start(tx, &actor, &start);
    let started = site.store.write(site.tenant.id(), work).await.map_err(|error| match error {
        Error::ConnectionMissing => OAuthError::bad_connection("Connection not found."),
        Error::ConnectionDisabled => OAuthError::bad_connection("Connection is not enabled for the client."),
        error => error.into(),
    })?;
    match started {
        // Whether the address was verified before is nobody's business who only knows it.
        Started::Well { local_id, address } => {
            let verified = if is_phone { "phone_verified" } else { "email_verified" };
            Ok(object(json!({"_id": local_id, kind.field(): address, verified: false})))
        }
        Started::Malformed => Err(malformed()),
        Started::TooOften => Err(OAuthError::too_many_requests()),
        Started::Limited(limited) => Err(OAuthError::limited(limited)),
    }
}

/// Whether the puzzle is solved that a classic login page has shown. auth0.js tells the `state` of the login among `authParams`.
async fn solve(site: &Site, parameters: &Parameters, browser: &Browser) -> Result<(), OAuthError> {
    let given = auth_params(parameters)?;
    let state = parameters.get("state").or_else(|| given.get("state")?.as_str());
    let (Some(captcha), Some(state)) = (parameters.get("captcha"), state) else {
        return Err(OAuthError::requires_verification());
    };
    if site.solves(state, captcha, browser).await? {
        return Ok(());
    }
    Err(OAuthError::bad("invalid_captcha", "Invalid captcha value"))
}

/// The client, which proves who it is where the tenant wants that of clients that can.
async fn caller(site: &Site, incoming: &Incoming) -> Result<Authenticated, OAuthError> {
    let must_prove = site.settings().await?.flags.enforce_client_authentication_on_passwordless_start.unwrap_or(true);
    let proves = incoming.basic.is_some()
        || ["client_secret", "client_assertion"].iter().any(|name| incoming.parameters.get(name).is_some());
    if must_prove || proves {
        return client::authenticate(site, incoming).await;
    }
    let id = client::claimed(incoming).ok_or_else(|| OAuthError::missing("client_id"))?;
    let record = site.store.cached(site.tenant.id(), &model::CLIENT, &id).await?;
    let record = record.ok_or_else(OAuthError::unauthorized)?;
    let client = site.views.clients.of(site.tenant.id(), &record)?;
    Ok(Authenticated { record, client, has_proven: false })
}

/// Where the link leads: what the application says, where it does not what the connection says; judged before anything is sent.
async fn link(site: &Site, client: &Client, connection: &Connection, given: &Document) -> Result<Link, OAuthError> {
    let mut all = connection.options.auth_params.clone();
    all.extend(given.clone());
    let mut parameters: Parameters = of_link(&all);
    parameters.set("client_id", &client.id);
    parameters.set("connection", &connection.name);
    if parameters.get("response_type").is_none() {
        parameters.set("response_type", if client.may_use("authorization_code") { "code" } else { "token" });
    }
    let request = authorize::for_link(site, &parameters).await?;
    let request = serde_json::to_value(request).map_err(OAuthError::internal)?;
    Ok(Link { request, ..Link::default() })
}
