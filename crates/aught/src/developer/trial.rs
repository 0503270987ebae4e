//! "Try login": the code flow of an application, run against the tenant itself, and the tokens explained. What belongs to one login
//! (verifier, `state`, `nonce`) is in a cookie of the browser that began it; nothing is stored but the application that it is run for.

mod explained;

use axum::{
    Extension, Form,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use identity::{SigningKeys, jwt::Jwt};
use kernel::{Peer, Tenant, id::ALNUM};
use rest::{ApiError, ApiResult};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use store::Tx;
use url::form_urlencoded;

use self::explained::{LoggedIn, Outcome};
use super::{
    Tools,
    sessions::{Endpoints, Visit},
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
/// What the application asks for.
const SCOPE: &str = "openid profile email";

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
    let wanted = callback.clone();
    let work = move |tx: &mut Tx| management::trial_client(tx, &wanted);
    let client = match tools.store.write(tenant.id(), work).await {
        Ok(client) => client,
        Err(error) => return edge::refusal(&error),
    };
    let context = tools.store.context();
    let [verifier, state, nonce] = [64, 32, 32].map(|length| context.text(ALNUM, length));
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([
        ("client_id", client.id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", &callback),
        ("scope", SCOPE),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", &state),
        ("nonce", &nonce),
    ]);
    if !wish.audience.is_empty() {
        query.append_pair("audience", &wish.audience);
    }
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(place) = HeaderValue::try_from(format!("/authorize?{}", query.finish())) {
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
    let mut response = explained::page(&visit.tenant, visit.tools.store.context().now(), &login);
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
    let wanted = callback.to_owned();
    let work = move |tx: &mut Tx| management::trial_client(tx, &wanted);
    let client = visit.tools.store.write(visit.tenant.id(), work).await?;
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

/// The address that a login comes back to: where the browser sees this server.
fn callback(headers: &HeaderMap, tenant: &Tenant, peer: Peer) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(tenant.host());
    let scheme = if peer.is_secure { "https" } else { "http" };
    format!("{scheme}://{host}{CALLBACK}")
}
