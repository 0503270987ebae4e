//! "Try login": the code flow of an application, run against the tenant itself, and the tokens explained. What belongs to one login
//! (verifier, `state`, `nonce`) is in a cookie of the browser that began it; nothing is stored but the application that it is run for.

mod explained;

use axum::{
    Extension, Form,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use identity::{SigningKeys, jwt::Jwt};
use kernel::{Peer, Record, Tenant, id::ALNUM};
use rest::{ApiError, ApiResult};
use serde::Deserialize;
use store::Tx;

use self::explained::{LoggedIn, Outcome};
use super::{
    Tools,
    sessions::{Endpoints, SCOPE, Visit, authorization},
};
use crate::edge;

/// Where a login begins.
pub(super) const PATH: &str = "/_aught/try";
/// Where it comes back to.
pub(super) const CALLBACK: &str = "/_aught/try/callback";
/// The cookie that holds what belongs to a login.
const COOKIE: &str = "aught_try";
/// How long a login may take, in seconds.
const LIFETIME: u32 = 3_600;

/// What the form of the start page asks for.
#[derive(Deserialize)]
pub(super) struct Wish {
    /// The API that the access token is for; empty for the user's profile alone.
    #[serde(default)]
    audience: String,
}

/// What the response to the authorization request says.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    code: String,
    state: String,
    error: String,
    error_description: String,
}

/// What only the browser knows that began.
struct Secrets {
    verifier: String,
    state: String,
    nonce: String,
}

impl Secrets {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split("; ")).filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
        let [verifier, state, nonce] = value.split('.').collect::<Vec<_>>().try_into().ok()?;
        let owned = str::to_owned;
        Some(Self { verifier: owned(verifier), state: owned(state), nonce: owned(nonce) })
    }

    fn cookie(value: &str, lifetime: u32, peer: Peer) -> Option<HeaderValue> {
        let secure = if peer.is_secure { "; Secure" } else { "" };
        let cookie = format!("{COOKIE}={value}; Path={PATH}; Max-Age={lifetime}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::try_from(cookie).ok()
    }
}

/// `POST /_aught/try`: sends the browser to the tenant's login.
pub(super) async fn begin(
    State(tools): State<Tools>,
    Extension(tenant): Extension<Tenant>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Form(wish): Form<Wish>,
) -> Response {
    let callback = callback(&headers, &tenant, peer);
    let client = match client(&tools, &tenant, &callback).await {
        Ok(client) => client,
        Err(error) => return edge::refusal(&error),
    };
    let context = tools.store.context();
    let [verifier, state, nonce] = [64, 32, 32].map(|length| context.text(ALNUM, length));
    let own = [("state", state.as_str()), ("nonce", nonce.as_str())];
    let audience = Some(("audience", wish.audience.as_str())).filter(|(_, audience)| !audience.is_empty());
    let place = authorization(&client, &callback, SCOPE, &verifier, own.into_iter().chain(audience));
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(place) = HeaderValue::try_from(place) {
        headers.insert(header::LOCATION, place);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(
        Secrets::cookie(&format!("{verifier}.{state}.{nonce}"), LIFETIME, peer)
            .map(|cookie| (header::SET_COOKIE, cookie)),
    );
    response
}

/// `GET /_aught/try/callback`: the login has come back, with a code or an error.
pub(super) async fn end(
    State(tools): State<Tools>,
    Extension(endpoints): Extension<Endpoints>,
    Extension(keys): Extension<SigningKeys>,
    Extension(tenant): Extension<Tenant>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Query(told): Query<Told>,
) -> Response {
    let callback = callback(&headers, &tenant, peer);
    let visit = Visit { tools, endpoints, tenant, peer };
    let login = match Secrets::of(&headers).filter(|known| !told.state.is_empty() && known.state == told.state) {
        None => Outcome::Foreign,
        Some(_) if !told.error.is_empty() => Outcome::Refused(told.error, told.error_description),
        Some(secrets) => match finish(&visit, &keys, &callback, &told.code, &secrets).await {
            Ok(login) => Outcome::LoggedIn(Box::new(login)),
            Err(error) => Outcome::Refused("The tokens were refused".to_owned(), error.message.into_owned()),
        },
    };
    let mut response =
        explained::page(&visit.tenant, &visit.tools.page_token(), visit.tools.store.context().now(), &login);
    response.headers_mut().extend(Secrets::cookie("", 0, peer).map(|cookie| (header::SET_COOKIE, cookie)));
    response
}

/// Has the code exchanged, as the application would, and finds out what is true of the tokens.
async fn finish(
    visit: &Visit,
    keys: &SigningKeys,
    callback: &str,
    code: &str,
    secrets: &Secrets,
) -> ApiResult<LoggedIn> {
    let client = client(&visit.tools, &visit.tenant, callback).await?;
    let tokens = visit.exchange(&client, code, callback, &secrets.verifier).await?;
    let keys = keys.of(visit.tenant.id()).await.map_err(ApiError::internal)?;
    let signed_by = |name: &str| {
        let token = Jwt::parse(tokens[name].as_str()?)?;
        let kid = token.kid.clone()?;
        let holds = keys.key(&kid)?.verify(token.algorithm?, token.signed, &token.signature);
        holds.then_some(kid)
    };
    let (id_token_by, access_token_by) = (signed_by("id_token"), signed_by("access_token"));
    let profile = visit.profile(tokens["access_token"].as_str().unwrap_or_default()).await?;
    Ok(LoggedIn { client_id: client.id, nonce: secrets.nonce.clone(), id_token_by, access_token_by, tokens, profile })
}

/// The application that the login is run for.
async fn client(tools: &Tools, tenant: &Tenant, callback: &str) -> ApiResult<Record> {
    let callback = callback.to_owned();
    tools.store.write(tenant.id(), move |tx: &mut Tx| management::trial_client(tx, &callback)).await
}

/// The address that a login comes back to: where the browser sees this server.
fn callback(headers: &HeaderMap, tenant: &Tenant, peer: Peer) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(tenant.host());
    let scheme = if peer.is_secure { "https" } else { "http" };
    format!("{scheme}://{host}{CALLBACK}")
}
