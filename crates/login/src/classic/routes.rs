//! The routes of the classic pages, and of what scripts on them call.

use axum::{
    Router,
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use store::StoreResult;

use super::{
    clients, dictionary,
    sign_in::{Challenge, refusal},
};
use crate::{
    form::Form,
    reply::Answer,
    router::{Visit, answer},
    service::Login,
};

/// Longest body that is read.
const LONGEST: usize = 128 * 1024;

/// The paths, by which requests are counted.
pub(crate) const PATHS: [&str; 12] = [
    "/login",
    "/login/callback",
    "/usernamepassword/login",
    "/usernamepassword/challenge",
    "/dbconnections/signup/challenge",
    "/dbconnections/change_password/challenge",
    "/passwordless/challenge",
    "/client/{file}",
    "/lo/reset",
    "/custom-login/preview",
    "/info-v1.js",
    "/js/lock/{version}/{file}",
];

/// The routes.
pub(crate) fn routes() -> Router<Login> {
    Router::new()
        .route(PATHS[0], get(page))
        .route(PATHS[1], post(callback))
        .route(PATHS[2], post(sign_in))
        .route(PATHS[3], post(challenge))
        .route(PATHS[4], post(challenge))
        .route(PATHS[5], post(challenge))
        .route(PATHS[6], post(challenge))
        .route(PATHS[7], get(client))
        .route(PATHS[8], get(reset).post(reset_by_page))
        .route(PATHS[9], get(preview))
        .route(PATHS[10], get(info))
        .route(PATHS[11], get(words))
}

async fn page(State(login): State<Login>, visit: Visit) -> Response {
    answer(login.classic_page(&visit.tenant, visit.query.get("state"), &visit.browser, &visit.locales()).await)
}

async fn preview(State(login): State<Login>, visit: Visit) -> Response {
    answer(login.classic_preview(&visit.tenant, visit.query.get("client"), &visit.browser).await)
}

async fn callback(State(login): State<Login>, Sent { visit, form }: Sent) -> Response {
    answer(login.classic_callback(&visit.tenant, &visit.browser, &form).await)
}

async fn sign_in(State(login): State<Login>, Sent { visit, form }: Sent) -> Response {
    told(login.classic_sign_in(&visit.tenant, &visit.browser, &form).await)
}

async fn challenge(State(login): State<Login>, Sent { visit, form }: Sent) -> Response {
    let challenge = match visit.path.as_str() {
        "/dbconnections/change_password/challenge" => Challenge::Reset,
        "/passwordless/challenge" => Challenge::Passwordless,
        _ => Challenge::Password,
    };
    told(login.classic_challenge(&visit.tenant, &visit.browser, &form, challenge).await)
}

async fn client(State(login): State<Login>, visit: Visit) -> Response {
    let id = visit.path.strip_prefix("/client/").and_then(|file| file.strip_suffix(".js")).unwrap_or_default();
    match clients::script(&login.store, &visit.tenant, id).await {
        Ok(Some(text)) => javascript(text),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => Login::failed(&error).into_response(),
    }
}

async fn info(State(login): State<Login>, visit: Visit) -> Response {
    match clients::of_tenant(&login.store, &visit.tenant).await {
        Ok(text) => javascript(text),
        Err(error) => Login::failed(&error).into_response(),
    }
}

async fn words(Path((_, file)): Path<(String, String)>) -> Response {
    let script = file.strip_suffix(".js").and_then(dictionary::script);
    script.map_or_else(|| StatusCode::NOT_FOUND.into_response(), javascript)
}

async fn reset(State(login): State<Login>, visit: Visit) -> Response {
    answer(login.reset_page(&visit.tenant, visit.query.get("ticket"), &visit.browser, &visit.locales()).await)
}

async fn reset_by_page(State(login): State<Login>, headers: HeaderMap, Sent { visit, form }: Sent) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_for_people = accepted.contains("text/html") && !headers.contains_key("x-requested-with");
    match login.reset_by_page(&visit.tenant, &form, &visit.browser, &visit.locales(), is_for_people).await {
        Ok(response) => response.map(Body::from),
        Err(error) => Login::failed(&error).into_response(),
    }
}

/// A request with its body: members of a JSON object, or fields of a form. Only pages of our own origin may send one.
struct Sent {
    visit: Visit,
    form: Form,
}

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, state).await.map_err(IntoResponse::into_response)?;
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let origin = text(header::ORIGIN);
        let is_own = origin.split_once("://").map(|(_, host)| host) == Some(visit.browser.host.as_str());
        // Without an origin of its own a page has no token either.
        if !is_own && !matches!(origin, "" | "null") {
            return Err((StatusCode::FORBIDDEN, format!("Origin {origin} is not allowed.")).into_response());
        }
        let is_json = text(header::CONTENT_TYPE).starts_with("application/json");
        let unreadable =
            || refusal(StatusCode::BAD_REQUEST, "invalid_request", "The request body cannot be read").into_response();
        let body = axum::body::to_bytes(body, LONGEST).await.map_err(|_| unreadable())?;
        let form = if is_json { Form::of_json(&body).ok_or_else(unreadable)? } else { Form::parse(&body) };
        Ok(Self { visit, form })
    }
}

/// A script of a moment's settings.
fn javascript(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=15"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn told(answer: StoreResult<Answer>) -> Response {
    match answer {
        Ok(answer) => answer.into_response(),
        Err(error) => Login::failed(&error).into_response(),
    }
}
