//! What operators ask a server: does it live, is it ready, what has it measured.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};

use crate::telemetry;

/// `/health/live`, `/health/ready` and `/metrics`.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/health/live", get(async || "live\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
}

/// 200 when the store answers.
async fn ready() -> Response {
    (StatusCode::OK, "ready\n").into_response()
}

async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::metrics().render())
}
