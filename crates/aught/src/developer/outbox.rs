//! The outbox over HTTP: JSON for programs, a page for people.

use std::time::Duration;

use axum::{
    Json,
    extract::{Extension, Path, Query, State},
    response::{Html, IntoResponse, Response},
};
use delivery::outbox::{self, Wanted};
use http::{HeaderMap, StatusCode, header};
use kernel::{Document, Tenant, Timestamp, Value};
use rest::ApiError;
use serde::Deserialize;
use serde_json::json;
use store::StoreError;
use tokio::time::Instant;

use super::{Tools, page};
use crate::edge;

/// The longest wait for a message.
const LONGEST: Duration = Duration::from_secs(60);
/// Looks again even when nobody calls: another server on the same database may have sent something.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Default, Deserialize)]
pub(super) struct Asked {
    to: Option<String>,
    channel: Option<String>,
    /// A time, or milliseconds since 1970.
    since: Option<String>,
    /// Seconds.
    wait: Option<f64>,
    /// The message that the page shows.
    id: Option<String>,
}

impl Asked {
    fn wanted(&self) -> Result<Wanted, ApiError> {
        let since = self.since.as_deref().filter(|text| !text.is_empty()).map(time).transpose()?;
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        Ok(Wanted { to: given(&self.to), channel: given(&self.channel), since })
    }
}

fn time(text: &str) -> Result<Timestamp, ApiError> {
    let millis = text.parse().ok().map(Timestamp::from_millis);
    let refused =
        || ApiError::bad_request("'since' is a time such as 2026-01-31T12:00:00Z, or milliseconds since 1970.");
    millis.or_else(|| text.parse().ok()).ok_or_else(refused)
}

/// `GET /_aught/outbox`.
pub(super) async fn list(
    State(tools): State<Tools>,
    Extension(tenant): Extension<Tenant>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_for_people = accepted.contains("text/html");
    let found = match asked.wanted() {
        Ok(wanted) => search(&tools, &tenant, wanted, asked.wait).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(found) if is_for_people => page::show(&tools, &tenant, &found, asked.id.as_deref(), asked.to.as_deref()),
        Ok(found) => ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "messages": found }))).into_response(),
        Err(error) => edge::refusal(&error),
    }
}

/// The messages that are meant; waits for the first of them where that is asked for.
async fn search(tools: &Tools, tenant: &Tenant, wanted: Wanted, wait: Option<f64>) -> Result<Vec<Document>, ApiError> {
    let wait = wait.filter(|seconds| *seconds > 0.0).map(|seconds| seconds.min(LONGEST.as_secs_f64()));
    let until = wait.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds));
    let mut arrivals = tools.outbox.follow();
    loop {
        arrivals.borrow_and_update();
        let asked = wanted.clone();
        let found = tools.store.read(tenant.id(), move |reader| outbox::list(reader, &asked)).await?;
        let Some(until) = until.filter(|until| found.is_empty() && Instant::now() < *until) else { return Ok(found) };
        let pause = until.min(Instant::now() + PATIENCE);
        // Whether a call or the time ended the wait makes no difference.
        let _ = tokio::time::timeout_at(pause, arrivals.changed()).await;
    }
}

/// `DELETE /_aught/outbox`.
pub(super) async fn clear(State(tools): State<Tools>, Extension(tenant): Extension<Tenant>) -> Response {
    match tools.store.write(tenant.id(), outbox::clear).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err::<(), StoreError>(error) => edge::refusal(&error.into()),
    }
}

/// `GET /_aught/outbox/{id}/html`: the message as it looks, for a frame that can do nothing.
pub(super) async fn html(
    State(tools): State<Tools>,
    Extension(tenant): Extension<Tenant>,
    Path(id): Path<String>,
) -> Response {
    let found = tools.store.read(tenant.id(), move |reader| outbox::get(reader, &id)).await;
    let html = match found {
        Ok(Some(message)) => message.get("html").and_then(Value::as_str).map(str::to_owned),
        Ok(None) => None,
        Err::<_, StoreError>(error) => return edge::refusal(&error.into()),
    };
    let Some(html) = html else { return edge::refusal(&ApiError::not_found("There is no such message.")) };
    let policy = "default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; sandbox allow-popups; frame-ancestors 'self'";
    ([(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "no-store")], Html(html)).into_response()
}
