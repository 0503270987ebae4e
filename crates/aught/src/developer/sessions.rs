//! `POST /_aught/sessions`: a named user is logged in without pages, and the caller is given the session's cookies and, for an
//! application, its tokens. They come from the same endpoints as any other application's.

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, Request, StatusCode, header};
use identity::sessions::{self, Lifetimes};
use kernel::{Document, Peer, Record, Secret, Tenant, Value, host_name, id::ALNUM, object};
use model::{CLIENT, TENANT_SETTINGS, USER};
use rest::{ApiError, ApiResult};
use serde::Deserialize;
use serde_json::json;
use store::{Agent, AuthenticationMethod, Filter, Query, Session, Snapshot, Tx};
use tower::ServiceExt;
use url::{Url, form_urlencoded};

use super::Tools;
use crate::edge;

/// The header that carries the secret.
const SECRET: &str = "x-aught-secret";
/// How the user is said to have logged in.
const METHOD: &str = "mock";
/// Scopes of an application that asks for none.
pub(super) const SCOPE: &str = "openid profile email";
/// The longest answer of an endpoint.
const ANSWER: usize = 1 << 20;

/// Whom to log in, and what for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    user_id: Option<String>,
    email: Option<String>,
    /// Name of the connection, where several have a user with the address.
    connection: Option<String>,
    /// The application that gets tokens; without one there is a session alone.
    client_id: Option<String>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    audience: Option<String>,
    organization: Option<String>,
    nonce: Option<String>,
}

/// The endpoints that give tokens.
pub(super) type Endpoints = Arc<axum::Router>;

pub(super) async fn create(
    State(tools): State<Tools>,
    Extension(endpoints): Extension<Endpoints>,
    Extension(tenant): Extension<Tenant>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Response {
    let presented = headers.get(SECRET).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Digests: how much of a guess is right does not show in the time.
    if kernel::digest(presented) != kernel::digest(tools.secret.reveal()) {
        let text =
            format!("The header {SECRET} has to hold the developer secret that the server printed at its start.");
        return edge::refusal(&ApiError::new(StatusCode::UNAUTHORIZED, text));
    }
    let wish: Wish = match serde_json::from_slice(&body) {
        Ok(wish) => wish,
        Err(error) => return edge::refusal(&ApiError::bad_request(format!("The body cannot be read: {error}"))),
    };
    match (Visit { tools, endpoints, tenant, peer }).log_in(wish).await {
        Ok(answer) => (StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response(),
        Err(error) => edge::refusal(&error),
    }
}

/// A visit of somebody for whom the tools ask the tenant's own endpoints.
pub(super) struct Visit {
    pub(super) tools: Tools,
    pub(super) endpoints: Endpoints,
    pub(super) tenant: Tenant,
    pub(super) peer: Peer,
}

impl Visit {
    async fn log_in(&self, wish: Wish) -> ApiResult<Document> {
        let (asked, ip) = (wish.clone(), self.peer.address.to_string());
        let work = move |tx: &mut Tx| {
            let user = find(tx, &asked)?;
            let client = asked.client_id.as_deref().map(|id| client(tx, id)).transpose()?;
            let (session, secret) = begin(tx, &user, &ip)?;
            Ok::<_, ApiError>((user, client, session, secret))
        };
        let (user, client, session, secret) = self.tools.store.write(self.tenant.id(), work).await?;
        let domain = host_name(self.tenant.host());
        let [name, compatible] = oauth::cookie_names(self.tenant.host());
        let cookie = |name: &str, same_site: &str| {
            json!({
                "name": name, "value": secret.reveal(), "domain": domain, "path": "/",
                "httpOnly": true, "secure": true, "sameSite": same_site,
            })
        };
        let mut answer = object(json!({
            "user_id": user.id,
            "session_id": session.id,
            "cookies": [cookie(&name, "None"), cookie(&compatible, "Lax")],
        }));
        if let Some(client) = client {
            answer.insert("tokens".into(), self.tokens(&wish, &client, &format!("{name}={}", secret.reveal())).await?);
        }
        Ok(answer)
    }

    /// The application's own way: an authorization request that the session answers, and the code for tokens.
    async fn tokens(&self, wish: &Wish, client: &Record, cookie: &str) -> ApiResult<Value> {
        let first = client.document.get("callbacks").and_then(|callbacks| callbacks.get(0)?.as_str());
        let redirect_uri = wish.redirect_uri.as_deref().or(first);
        let redirect_uri =
            redirect_uri.ok_or_else(|| ApiError::bad_request("The client has no callback: name a 'redirect_uri'."))?;
        let verifier = self.tools.store.context().text(ALNUM, 64);
        let scope = wish.scope.as_deref().unwrap_or(SCOPE);
        let silent = [("response_mode", "query"), ("prompt", "none"), ("state", "session")];
        let asked = [("audience", &wish.audience), ("organization", &wish.organization), ("nonce", &wish.nonce)];
        let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let place = authorization(client, redirect_uri, scope, &verifier, silent.into_iter().chain(asked));
        let request = Request::get(place).header(header::COOKIE, cookie).body(Body::empty());
        let answer = self.ask(request.map_err(ApiError::internal)?).await;
        let target = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let target = target.and_then(|target| Url::parse(target).ok());
        let Some(target) = target else {
            return Err(ApiError::bad_request(format!("/authorize answers {}.", answer.status())));
        };
        let told = |name: &str| target.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
        let Some(code) = told("code") else {
            let (error, description) =
                (told("error").unwrap_or_default(), told("error_description").unwrap_or_default());
            return Err(ApiError::bad_request(format!("/authorize answers {error}: {description}")));
        };
        self.exchange(client, &code, redirect_uri, &verifier).await
    }

    /// The tokens for a code.
    pub(super) async fn exchange(
        &self,
        client: &Record,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> ApiResult<Value> {
        let mut body = object(json!({
            "grant_type": "authorization_code",
            "client_id": client.id,
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }));
        let mut request = Request::post("/oauth/token").header(header::CONTENT_TYPE, "application/json");
        let secret = client.sealed.text("client_secret").unwrap_or_default();
        match client.text("token_endpoint_auth_method") {
            Some("none") => {}
            Some("client_secret_basic") => {
                let pair = BASE64_STANDARD.encode(format!("{}:{secret}", client.id));
                request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
            }
            _ => {
                body.insert("client_secret".into(), secret.into());
            }
        }
        let request = request.body(Body::from(Value::Object(body).to_string())).map_err(ApiError::internal)?;
        let answer = self.ask(request).await;
        let status = answer.status();
        let tokens = read(answer).await?;
        if status.is_success() {
            return Ok(tokens);
        }
        let description = tokens["error_description"].as_str().unwrap_or_default();
        Err(ApiError::bad_request(format!("/oauth/token answers {status}: {description}")))
    }

    /// What `/userinfo` answers to an access token.
    pub(super) async fn profile(&self, access_token: &str) -> ApiResult<Value> {
        let request = Request::get("/userinfo").header(header::AUTHORIZATION, format!("Bearer {access_token}"));
        read(self.ask(request.body(Body::empty()).map_err(ApiError::internal)?).await).await
    }

    async fn ask(&self, mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(self.tenant.clone());
        request.extensions_mut().insert(self.peer);
        if let Ok(host) = self.tenant.host().parse() {
            request.headers_mut().insert(header::HOST, host);
        }
        axum::Router::clone(&self.endpoints).oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}

/// The path and query of an authorization request by the code flow, with what it has beside that.
pub(super) fn authorization<'q>(
    client: &Record,
    redirect_uri: &str,
    scope: &str,
    verifier: &str,
    more: impl IntoIterator<Item = (&'q str, &'q str)>,
) -> String {
    let challenge = kernel::digest(verifier);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([
        ("client_id", client.id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", redirect_uri),
        ("scope", scope),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    query.extend_pairs(more);
    format!("/authorize?{}", query.finish())
}

/// The JSON of an endpoint's answer; null where it is none.
async fn read(answer: Response) -> ApiResult<Value> {
    let bytes = axum::body::to_bytes(answer.into_body(), ANSWER).await.map_err(ApiError::internal)?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

fn find(reader: &Snapshot, wish: &Wish) -> ApiResult<Record> {
    let missing = || ApiError::not_found("The user does not exist.");
    if let Some(id) = &wish.user_id {
        return reader.get(&USER, id)?.ok_or_else(missing);
    }
    let Some(email) = &wish.email else { return Err(ApiError::bad_request("Name a 'user_id' or an 'email'.")) };
    let found = reader.list(&USER, &Query::of(Filter::equals("email", email.to_lowercase())))?.items;
    let is_meant = |user: &Record| {
        let wanted = wish.connection.as_deref();
        wanted.is_none_or(|name| identity::users::identities(user).iter().any(|account| account.connection == name))
    };
    found.into_iter().find(is_meant).ok_or_else(missing)
}

fn client(reader: &Snapshot, id: &str) -> ApiResult<Record> {
    reader.get(&CLIENT, id)?.ok_or_else(|| ApiError::not_found("The client does not exist."))
}

fn begin(tx: &mut Tx, user: &Record, ip: &str) -> ApiResult<(Session, Secret)> {
    let settings = tx.singleton(&TENANT_SETTINGS)?.map(|record| record.document).unwrap_or_default();
    let main = identity::users::identities(user).into_iter().next();
    let now = tx.now();
    let login = sessions::Login {
        id: None,
        user_id: user.id.clone(),
        connection: main.map(|account| account.connection),
        organization_id: None,
        authenticated: now,
        methods: vec![AuthenticationMethod { name: METHOD.to_owned(), at: now, kind: None }],
        agent: Agent::new("", ip, ""),
        is_persistent: None,
        expires: None,
        idle_expires: None,
    };
    // Settings that cannot be read give no session a lifetime.
    let lifetimes = Lifetimes::of(&settings).map_err(ApiError::internal)?;
    Ok(sessions::begin(tx, &lifetimes, None, login)?)
}
