//! What happens to every request, whatever it asks for: limits, request id, panics, headers, metrics and the request log.

use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use axum::{Router, body::Body, extract::ConnectInfo};
use futures::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use rest::ApiError;
use tower::ServiceExt;
use tower_http::timeout::TimeoutBody;
use tracing::Instrument;

use crate::telemetry;

/// The longest body that is read, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;
/// The longest pause within a body.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// What all requests of a server share.
pub(crate) struct Edge {
    router: Router,
    /// Begins the request ids of this run, so that they differ from those of other runs and nodes.
    run: String,
    requests: AtomicU64,
    /// Browsers may remember that this host is to be reached by https only.
    is_public: bool,
}

impl Edge {
    /// The edge before these routes.
    pub(crate) fn new(router: Router, run: String, domain: &str) -> Self {
        // A browser would apply it to every port, and so to every other project that is developed on this machine.
        let is_public = !domain.starts_with("localhost") && !domain.starts_with("127.") && !domain.starts_with('[');
        Self { router, run, requests: AtomicU64::new(0), is_public }
    }

    /// Answers one request of the peer. It cannot fail: a panic becomes a 500.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, is_tls: bool) -> Response<Body> {
        let started = Instant::now();
        let id = self.request_id(&request);
        let method = request.method().clone();
        // Without the query: it may carry tokens and codes.
        let path = request.uri().path().to_owned();
        let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
        let mut response = self.guarded(request, peer).instrument(span.clone()).await;
        let duration = started.elapsed();
        let status = response.status();
        let served = response.extensions_mut().remove::<rest::Served>();
        let endpoint = || oauth::PATHS.into_iter().find(|known| *known == path);
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
                %peer,
                "answered"
            );
        });
        self.complete(response.headers_mut(), id, is_tls);
        response
    }

    async fn guarded(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let is_too_long = request.body().size_hint().lower() > BODY_LIMIT as u64;
        if is_too_long {
            return refusal(&too_long());
        }
        let mut request = request.map(|body| {
            if body.is_end_stream() {
                return Body::empty();
            }
            Body::new(Limited::new(TimeoutBody::new(BODY_PAUSE, body), BODY_LIMIT))
        });
        request.extensions_mut().insert(ConnectInfo(peer));
        match AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            // The panic hook has logged what happened, and where.
            Err(_) => refusal(&ApiError::internal("panic")),
        }
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

    fn complete(&self, headers: &mut http::HeaderMap, id: HeaderValue, is_tls: bool) {
        headers.insert("x-request-id", id);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
        if is_tls && self.is_public {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
    }
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
