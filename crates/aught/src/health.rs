//! What operators ask a server: does it live, is it ready, what has it measured.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use store::Store;

use crate::telemetry;

/// `/health/live`, `/health/ready` and `/metrics`.
pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/health/live", get(async || "live\n"))
        .route("/health/ready", get(move || ready(store.clone())))
        .route("/metrics", get(metrics))
}

/// 200 when the store answers.
async fn ready(store: Store) -> Response {
    match store.tenants().await {
        Ok(_) => (StatusCode::OK, "ready\n").into_response(),
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response()
        }
    }
}

async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::metrics().render())
}
