//! What operators ask a server: does it live, is it ready, what has it measured.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use store::{JobCount, Store};

use crate::telemetry;

/// What is asked of the installation, not of a tenant.
pub(crate) const PATHS: [&str; 3] = ["/health/live", "/health/ready", METRICS];
const METRICS: &str = "/metrics";

/// `/health/live` and `/health/ready`.
pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/health/live", get(async || "live\n"))
        .route("/health/ready", get(move || ready(store.clone())))
}

/// `/metrics`, which tells more than everybody should know.
pub(crate) fn metrics_router(store: Store) -> Router {
    Router::new().route(METRICS, get(move || metrics(store.clone())))
}

/// 200 when the store answers.
async fn ready(store: Store) -> Response {
    match store.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n").into_response(),
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response()
        }
    }
}

async fn metrics(store: Store) -> impl IntoResponse {
    let mut text = telemetry::metrics().render();
    match store.jobs().await {
        Ok(jobs) => text.push_str(&gauges(&jobs)),
        Err(error) => tracing::warn!(%error, "the store's jobs cannot be counted"),
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// The jobs of the store, in the text format of Prometheus. A queue without any is not named.
fn gauges(jobs: &[JobCount]) -> String {
    let head = "# HELP aught_jobs Jobs in the store, by queue and state\n# TYPE aught_jobs gauge\n";
    let line = |jobs: &JobCount| {
        let state = if jobs.have_failed { "failed" } else { "waiting" };
        format!("aught_jobs{{queue=\"{}\",state=\"{state}\"}} {}\n", jobs.queue, jobs.count)
    };
    std::iter::once(head.to_owned()).chain(jobs.iter().map(line)).collect()
}
