//! The routes of the classic pages, and of what scripts on them call.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, StatusCode, header};
use store::StoreResult;

use super::{
    clients, default_page,
    sign_in::{Challenge, refusal},
};
use crate::{
    form::Form,
    reply::{Answer, Reply},
    router::Visit,
    service::Login,
};

/// Longest body that is read.
const LONGEST: usize = 128 * 1024;

/// The paths, by which requests are counted.
pub(crate) const PATHS: [&str; 11] = [
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
    "/u/classic/{file}",
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
        .route(PATHS[10], get(script))
}

async fn page(State(login): State<Login>, request: Request) -> Response {
    let visit = match Visit::of(&request) {
        Ok(visit) => visit,
        Err(reply) => return reply.into_response(),
    };
    answer(login.classic_page(&visit.tenant, visit.query.get("state"), &visit.browser, &visit.locales()).await)
}

async fn preview(State(login): State<Login>, request: Request) -> Response {
    let visit = match Visit::of(&request) {
        Ok(visit) => visit,
        Err(reply) => return reply.into_response(),
    };
    answer(login.classic_preview(&visit.tenant, visit.query.get("client"), &visit.browser).await)
}

async fn callback(State(login): State<Login>, request: Request) -> Response {
    let (visit, form) = match read(request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    answer(login.classic_callback(&visit.tenant, &visit.browser, &form).await)
}

async fn sign_in(State(login): State<Login>, request: Request) -> Response {
    let (visit, form) = match read(request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    told(login.classic_sign_in(&visit.tenant, &visit.browser, &form).await)
}

async fn challenge(State(login): State<Login>, request: Request) -> Response {
    let (visit, form) = match read(request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    let challenge = match visit.path.as_str() {
        "/dbconnections/change_password/challenge" => Challenge::Reset,
        "/passwordless/challenge" => Challenge::Passwordless,
        _ => Challenge::Password,
    };
    told(login.classic_challenge(&visit.tenant, &visit.browser, &form, challenge).await)
}

async fn client(State(login): State<Login>, request: Request) -> Response {
    let visit = match Visit::of(&request) {
        Ok(visit) => visit,
        Err(reply) => return reply.into_response(),
    };
    let id = visit.path.strip_prefix("/client/").and_then(|file| file.strip_suffix(".js")).unwrap_or_default();
    match clients::script(&login.store, &visit.tenant, id).await {
        Ok(Some(text)) => javascript(text, "public, max-age=15"),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => Login::failed(&error).into_response(),
    }
}

async fn script(request: Request) -> Response {
    if request.uri().path() == default_page::script_path() {
        javascript(default_page::SCRIPT, "public, max-age=31536000, immutable")
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

async fn reset(State(login): State<Login>, request: Request) -> Response {
    let visit = match Visit::of(&request) {
        Ok(visit) => visit,
        Err(reply) => return reply.into_response(),
    };
    answer(login.reset_page(&visit.tenant, visit.query.get("ticket"), &visit.browser).await)
}

async fn reset_by_page(State(login): State<Login>, request: Request) -> Response {
    let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_for_people = accepted.contains("text/html") && !request.headers().contains_key("x-requested-with");
    let (visit, form) = match read(request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    match login.reset_by_page(&visit.tenant, &form, &visit.browser, is_for_people).await {
        Ok(response) => response.map(Body::from),
        Err(error) => Login::failed(&error).into_response(),
    }
}

/// A request with its body: members of a JSON object, or fields of a form. Only pages of our own origin may send one.
async fn read(request: Request) -> Result<(Visit, Form), Response> {
    let visit = Visit::of(&request).map_err(IntoResponse::into_response)?;
    let [origin, content_type] = [header::ORIGIN, header::CONTENT_TYPE]
        .map(|name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned());
    let is_own = origin.split_once("://").map(|(_, host)| host) == Some(visit.browser.host.as_str());
    // Without an origin of its own a page has no token either.
    if !is_own && !matches!(origin.as_str(), "" | "null") {
        return Err((StatusCode::FORBIDDEN, format!("Origin {origin} is not allowed.")).into_response());
    }
    let is_json = content_type.starts_with("application/json");
    let unreadable =
        || refusal(StatusCode::BAD_REQUEST, "invalid_request", "The request body cannot be read").into_response();
    let body = axum::body::to_bytes(request.into_body(), LONGEST).await.map_err(|_| unreadable())?;
    let form = if is_json { Form::of_json(&body).ok_or_else(unreadable)? } else { Form::parse(&body) };
    Ok((visit, form))
}

fn javascript(text: impl Into<Body>, cached: &'static str) -> Response {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cached));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn answer(reply: StoreResult<Reply>) -> Response {
    reply.unwrap_or_else(|error| Login::failed(&error)).into_response()
}

fn told(answer: StoreResult<Answer>) -> Response {
    match answer {
        Ok(answer) => answer.into_response(),
        Err(error) => Login::failed(&error).into_response(),
    }
}
