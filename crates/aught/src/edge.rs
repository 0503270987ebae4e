//! What happens to every request, whatever it asks for: limits, request id, panics, headers, metrics and the request log.

use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use axum::{Router, body::Body};
use futures::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use kernel::{Peer, Tenant, host_name, is_loopback_name};
use rest::{ApiError, ApiResult};
use tower::ServiceExt;
use tracing::Instrument;

use crate::{access::TenantRoutes, forwarding::TrustedProxies, health, pace::Paced, telemetry, tenants::Tenants};

/// The longest body that is read, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;
/// The longest header of a request, in bytes of names and values, and the most fields.
const HEADER_LIMIT: usize = 64 * 1024;
const FIELDS_LIMIT: usize = 100;

/// What all requests of a server share.
pub(crate) struct Edge {
    routes: Routes,
    tenants: Tenants,
    /// Who tells the truth of the client behind it.
    pub(crate) proxies: TrustedProxies,
    /// Begins the request ids of this run, so that they differ from those of other runs and nodes.
    run: String,
    requests: AtomicU64,
}

/// What is behind the edge.
pub(crate) struct Routes {
    /// Answers for the installation, whatever the host.
    pub(crate) installation: Router,
    /// Answers for the tenant of the host.
    pub(crate) tenant: TenantRoutes,
}

/// How a connection came about.
#[derive(Clone)]
pub(crate) struct Arrival {
    /// The other end of the connection.
    pub(crate) peer: SocketAddr,
    /// Whether it is encrypted.
    pub(crate) is_tls: bool,
    /// The name that the client asked for when encryption was begun (RFC 6066 §3).
    pub(crate) server_name: Option<String>,
    /// Whether it is one of the few that are kept for health checks.
    pub(crate) is_reserve: bool,
}

impl Edge {
    /// The edge before these routes.
    pub(crate) fn new(routes: Routes, tenants: Tenants, proxies: TrustedProxies, run: String) -> Self {
        Self { routes, tenants, proxies, run, requests: AtomicU64::new(0) }
    }

    /// Answers one request of a connection. It cannot fail: a panic becomes a 500.
    pub(crate) async fn answer(&self, request: Request<Incoming>, arrival: &Arrival) -> Response<Body> {
        let started = Instant::now();
        let id = self.request_id(&request);
        let method = request.method().clone();
        // Without the query: it may carry tokens and codes.
        let path = request.uri().path().to_owned();
        let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
        let host = sound(&request).and_then(|()| host_of(&request));
        let peer = self.proxies.client(request.headers(), arrival.peer, arrival.is_tls);
        let mut response = match &host {
            Ok(host) => self.guarded(request, host, peer, arrival).instrument(span.clone()).await,
            Err(error) => refusal(error),
        };
        let duration = started.elapsed();
        let status = response.status();
        let served = response.extensions_mut().remove::<rest::Served>();
        let endpoint = || oauth::PATHS.iter().chain(login::PATHS).copied().find(|known| *known == path);
        let operation = served.map(|served| served.0).or_else(endpoint).unwrap_or("other");
        telemetry::count_request(operation, status, duration);
        span.in_scope(|| {
            tracing::debug!(
                target: "aught::requests",
                %method,
                path,
                status = status.as_u16(),
                operation,
                micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
                peer = %peer.address,
                "answered"
            );
        });
        // A browser would apply it to every port, and so to every other project that is developed on this machine.
        let is_public = host.is_ok_and(|host| !is_loopback_name(&host_name(&host)));
        complete(response.headers_mut(), id, peer.is_secure && is_public);
        response
    }

    async fn guarded(&self, request: Request<Incoming>, host: &str, peer: Peer, arrival: &Arrival) -> Response<Body> {
        let limit = body_limit(request.uri().path());
        let is_too_long = request.body().size_hint().lower() > limit as u64;
        if is_too_long {
            return refusal(&too_long());
        }
        let request = request.map(|body| {
            if body.is_end_stream() {
                return Body::empty();
            }
            Body::new(Limited::new(Paced::new(body), limit))
        });
        let is_for_installation = health::PATHS.contains(&request.uri().path());
        if arrival.is_reserve && !is_for_installation {
            return busy();
        }
        let answered = async {
            if is_for_installation {
                let Ok(response) = self.routes.installation.clone().oneshot(request).await;
                return response;
            }
            let forwarded = self.proxies.host(request.headers(), arrival.peer).map(str::to_owned);
            match self.tenant(host, forwarded, arrival).await {
                Ok(tenant) => self.routes.tenant.answer(tenant, peer, request).await,
                Err(error) => refusal(&error),
            }
        };
        // The panic hook has logged what happened, and where.
        let answered = AssertUnwindSafe(answered).catch_unwind().await;
        answered.unwrap_or_else(|_| refusal(&ApiError::internal("panic")))
    }

    /// The tenant that a host means.
    async fn tenant(&self, host: &str, forwarded: Option<String>, arrival: &Arrival) -> ApiResult<Tenant> {
        let is_direct = forwarded.is_none();
        let host = forwarded.as_deref().unwrap_or(host);
        let name = host_name(host);
        // A connection may be used for another name than it was encrypted for; its certificate says nothing of that one.
        if is_direct && arrival.server_name.as_ref().is_some_and(|encrypted_for| host_name(encrypted_for) != name) {
            return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "The connection was made for another host."));
        }
        let found = self.tenants.at(host).await?;
        let shown: String = name.chars().take(253).collect();
        found.ok_or_else(|| ApiError::not_found(format!("No tenant of this server answers for the host \"{shown}\".")))
    }

    /// The id that the client or a proxy gave, if it is one that logs can show; else the next of our own.
    fn request_id(&self, request: &Request<Incoming>) -> HeaderValue {
        let given = request.headers().get("x-request-id");
        let is_fit =
            |id: &&HeaderValue| (1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
        given.filter(is_fit).cloned().unwrap_or_else(|| {
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            format!("{}-{number:x}", self.run).try_into().expect("letters and digits make a header")
        })
    }
}

/// Refuses a header that is too long or has too many fields.
fn sound<B>(request: &Request<B>) -> ApiResult {
    let headers = request.headers();
    let length: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let length = length + request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if length <= HEADER_LIMIT && headers.len() <= FIELDS_LIMIT {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The header of the request is too large."))
}

/// What is answered on a connection that is kept for others.
fn busy() -> Response<Body> {
    let mut response = refusal(&ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "There are too many connections."));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The host of a request: that of its target, else that of its `Host` header. A request without one, or with two that
/// differ, may mean something else to a proxy before us (RFC 9112 §3.2).
fn host_of<B>(request: &Request<B>) -> ApiResult<String> {
    let refused = || ApiError::bad_request("The request must name one host.");
    let mut headers = request.headers().get_all(header::HOST).iter();
    let (header, second) = (headers.next(), headers.next());
    let header = header.map(|host| host.to_str().map_err(|_| refused())).transpose()?;
    let target = request.uri().authority().map(http::uri::Authority::as_str);
    if second.is_some() || target.zip(header).is_some_and(|(target, header)| !target.eq_ignore_ascii_case(header)) {
        return Err(refused());
    }
    let is_before_hosts = request.version() < http::Version::HTTP_11;
    let host = target.or(header).or(is_before_hosts.then_some(""));
    let host = host.ok_or_else(refused)?;
    let is_host = |host: &str| host.parse::<http::uri::Authority>().is_ok() && !host.contains('@');
    if host.is_empty() && is_before_hosts || is_host(host) { Ok(host.to_owned()) } else { Err(refused()) }
}

fn complete(headers: &mut http::HeaderMap, id: HeaderValue, is_secure_for_long: bool) {
    headers.insert("x-request-id", id);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    if is_secure_for_long {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// How long a body may be: visitors send files with forms.
fn body_limit(path: &str) -> usize {
    if path.starts_with(login::FORMS) { login::LONGEST_FORM } else { BODY_LIMIT }
}

/// Why a body could not be read: it is longer than the limit, or it paused for too long, or the client is gone.
pub(crate) fn unreadable(error: &axum::Error) -> ApiError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return too_long();
        }
        cause = error.source();
    }
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "The request body was not received")
}

fn too_long() -> ApiError {
    let message = "Payload content length greater than maximum allowed: 1048576";
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// An error in the Management API's form.
pub(crate) fn refusal(error: &ApiError) -> Response<Body> {
    let mut response = Response::new(Body::from(error.body().to_string()));
    *response.status_mut() = error.status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
