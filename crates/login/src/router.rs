//! The routes of the pages: `/u/…`.

use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use kernel::{Peer, Tenant, TenantId};
use store::StoreResult;

use crate::{
    classic,
    form::Form,
    paths,
    reply::{self, Reply},
    service::{ErrorPage, Login, Purpose, Sent, SentFile},
};
use model::login::{Browser, LoginRequest};

/// The paths of the pages beside `/u/`, by which requests are counted.
pub const PATHS: &[&str] = &classic::PATHS;
/// The longest form that is read, in bytes.
const LONGEST: usize = 256 * 1024;

/// The routes of the pages. A request carries its [`Tenant`] and its [`Peer`] as extensions.
pub fn router(login: Login) -> Router {
    classic::routes()
        .route("/u/assets/{hash}/{name}", get(asset))
        .route("/u/{*path}", get(visit).post(post))
        .with_state(login)
}

/// What a request says about its browser.
pub fn browser(headers: &HeaderMap, tenant: &Tenant, peer: Peer) -> Browser {
    let text = |name: header::HeaderName| {
        headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    // Several `Cookie` headers are what HTTP/2 may make of one (RFC 9113 §8.2.3).
    let cookies: Vec<&str> = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    Browser {
        cookies: cookies.join("; "),
        ip: peer.address.to_canonical().to_string(),
        country: peer.country,
        user_agent: text(header::USER_AGENT).chars().take(512).collect(),
        language: text(header::ACCEPT_LANGUAGE).chars().take(256).collect(),
        host: tenant.host().to_owned(),
        is_secure: peer.is_secure,
    }
}

/// A request taken apart.
pub(crate) struct Visit {
    pub(crate) tenant: TenantId,
    /// The tenant, as the browser reached it.
    pub(crate) reached: Tenant,
    pub(crate) browser: Browser,
    pub(crate) path: String,
    pub(crate) query: Query,
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Reply;

    async fn from_request_parts(request: &mut Parts, _: &S) -> Result<Self, Reply> {
        let (tenant, peer) = (request.extensions.get::<Tenant>(), request.extensions.get::<Peer>());
        let (Some(tenant), Some(peer)) = (tenant, peer) else {
            return Err(Login::failed(&"a request without a tenant"));
        };
        Ok(Self {
            tenant: tenant.id().clone(),
            reached: tenant.clone(),
            browser: browser(&request.headers, tenant, *peer),
            path: decoded(request.uri.path()),
            query: Query::of(&request.uri),
        })
    }
}

impl Visit {
    /// The languages that the page was asked for in.
    pub(crate) fn locales(&self) -> Vec<String> {
        self.query.get("ui_locales").split_whitespace().take(10).map(str::to_owned).collect()
    }

    /// The `state` of the login that a form is sent to: as the form has it, else as the address does.
    pub(crate) fn state<'s>(&'s self, sent: &'s str) -> &'s str {
        match (sent, self.query.get("state")) {
            ("", state) | (state, "") => state,
            // Two different ones: nobody can tell which login is meant.
            (sent, asked) if sent != asked => "",
            (state, _) => state,
        }
    }
}

/// A query, of which the first of each name counts.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        Self(
            url::form_urlencoded::parse(query.as_bytes())
                .take(50)
                .map(|(n, v)| (n.into_owned(), v.into_owned()))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

async fn visit(State(login): State<Login>, visit: Visit) -> Response {
    let Visit { tenant, browser, path, query, .. } = &visit;
    if let Some(rest) = paths::form_at(path) {
        return match rest.split_once("/file/") {
            Some((form, file)) => sent_file(login.file(tenant, form, file).await),
            None => answer(Box::pin(login.visit_form(&visit)).await),
        };
    }
    let reply = match Page::at(path) {
        Page::Ticket(purpose) if !query.get("ticket").is_empty() => {
            login.open_ticket(tenant, purpose, query.get("ticket"), browser, &visit.locales()).await
        }
        Page::Result(screen) => login.result(screen, &visit).await,
        Page::Link if !query.get("ticket").is_empty() => {
            login.open_link(tenant, query.get("ticket"), browser, &visit.locales()).await
        }
        _ => login.visit(tenant, path, query.get("state"), browser, &visit.locales()).await,
    };
    answer(reply)
}

async fn post(State(login): State<Login>, visit: Visit, request: Request) -> Response {
    let Visit { tenant, browser, path, query, .. } = &visit;
    if paths::form_at(path).is_some() {
        let place = format!("https://{}{}", visit.reached.host(), path.trim_end_matches('/'));
        let takes_files = Sent::has_files(&request) && Box::pin(login.takes_files(&visit)).await;
        return match Sent::read(&place, request, takes_files, login.store.context()).await {
            Some(sent) => answer(Box::pin(login.post_form(&visit, sent)).await),
            None => too_long(&login, &visit).await,
        };
    }
    let Ok(body) = axum::body::to_bytes(request.into_body(), LONGEST).await else {
        return too_long(&login, &visit).await;
    };
    let form = Form::parse(&body);
    let reply = match Page::at(path) {
        Page::Ticket(purpose) if !query.get("ticket").is_empty() => {
            login.redeem_ticket(tenant, purpose, query.get("ticket"), browser, &visit.locales()).await
        }
        Page::Result(screen) => login.result(screen, &visit).await,
        Page::Link if !query.get("ticket").is_empty() => {
            Box::pin(login.redeem_link(tenant, query.get("ticket"), browser, &visit.locales())).await
        }
        _ => {
            let state = visit.state(form.get("state"));
            login.post(tenant, path, state, browser, &visit.locales(), &form).await
        }
    };
    answer(reply)
}

/// A file that a visitor sent: to be kept, and never a page of this host.
fn sent_file(file: StoreResult<Option<SentFile>>) -> Response {
    let file = match file {
        Ok(Some(file)) => file,
        Ok(None) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => return Login::failed(&error).into_response(),
    };
    let name = percent_encoding::utf8_percent_encode(&file.name, percent_encoding::NON_ALPHANUMERIC);
    let mut response = Response::new(Body::from(file.content));
    let headers = response.headers_mut();
    let disposition = format!("attachment; filename*=UTF-8''{name}");
    for (header, value) in [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, disposition.as_str()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(header, value);
        }
    }
    response
}

async fn too_long(login: &Login, visit: &Visit) -> Response {
    let page = ErrorPage {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        error: "invalid_request".to_owned(),
        description: "The form is too long.".to_owned(),
        ..ErrorPage::default()
    };
    answer(login.told_error(&visit.tenant, page, &visit.browser).await)
}

/// What a path is, beside a page of a login.
enum Page {
    Ticket(Purpose),
    Result(&'static str),
    /// A link that logs in leads here.
    Link,
    Login,
}

impl Page {
    fn at(path: &str) -> Self {
        match path {
            "/u/email-verification" => Self::Ticket(Purpose::EmailVerification),
            "/u/reset-verify" | "/u/reset-password" => Self::Ticket(Purpose::Reset),
            "/u/unblock" => Self::Ticket(Purpose::Unblock),
            "/u/login/passwordless-email-link" => Self::Link,
            "/u/logout/complete" => Self::Result("logout-complete"),
            "/u/logout/aborted" => Self::Result("logout-aborted"),
            _ => Self::Login,
        }
    }
}

pub(crate) fn answer(reply: StoreResult<Reply>) -> Response {
    reply.unwrap_or_else(|error| Login::failed(&error)).into_response()
}

fn decoded(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}

async fn asset(uri: Uri) -> Response {
    let Some((content, kind)) = reply::asset_at(uri.path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl Login {
    /// A page that tells how a logout ended.
    async fn result(&self, screen: &'static str, visit: &Visit) -> StoreResult<Reply> {
        let tenant = &visit.tenant;
        let scene = self.scene(tenant, "", &visit.browser, screen, &visit.locales()).await?;
        let client_id = visit.query.get("client_id").chars().filter(char::is_ascii_graphic).take(64).collect();
        let transaction = self.transaction(LoginRequest { client_id, ..LoginRequest::default() });
        self.told(tenant, &scene, crate::step::Show::of(screen), transaction).await
    }
}
