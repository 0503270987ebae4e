//! Applications that register themselves, where the tenant lets them: `POST /oidc/register` (RFC 7591), and documents that describe a client.

use axum::{
    Json, Router,
    body::to_bytes,
    extract::{Extension, Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use http::{HeaderValue, StatusCode, header};
use kernel::{Peer, Tenant};
use management::{Applicant, Registration, Unregistered};
use oauth::DocumentReader;
use rest::{ApiError, BoxFuture};
use serde_json::json;

use crate::edge;

/// Longest body that is read.
const LONGEST: usize = 64 * 1024;

/// The route of the endpoint.
pub(crate) fn router(registration: Registration) -> Router {
    Router::new().route(oauth::REGISTRATION, post(register)).with_state(registration)
}

async fn register(
    State(registration): State<Registration>,
    Extension(tenant): Extension<Tenant>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Response {
    let user_agent = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let user_agent = user_agent.unwrap_or_default().to_owned();
    let outcome = match to_bytes(request.into_body(), LONGEST).await {
        Ok(body) => {
            let applicant = Applicant { body: body.into(), ip: peer.address.to_canonical().to_string(), user_agent };
            registration.register(&tenant, applicant).await
        }
        Err(_) => Err(Unregistered::Metadata("The client metadata cannot be read".to_owned())),
    };
    let mut response = match outcome {
        Ok(told) => (StatusCode::CREATED, Json(told)).into_response(),
        Err(why) => refusal(why),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Whatever page an application runs in may register it: it has no cookie here.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// Refusals have the form of RFC 7591 §3.2.2.
fn refusal(why: Unregistered) -> Response {
    let told = |error: &str, text: String| {
        (StatusCode::BAD_REQUEST, Json(json!({"error": error, "error_description": text}))).into_response()
    };
    match why {
        Unregistered::Off => edge::refusal(&ApiError::not_found("Not Found")),
        Unregistered::TooMany => {
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, "Too many registrations. Try again later.");
            ([(header::RETRY_AFTER, "1")], edge::refusal(&error)).into_response()
        }
        Unregistered::RedirectUri(text) => told("invalid_redirect_uri", text),
        Unregistered::Metadata(text) => told("invalid_client_metadata", text),
        Unregistered::Other(error) => edge::refusal(&error),
    }
}

/// Reads documents by the Management API's own registration.
pub(crate) struct Documents(pub(crate) Registration);

impl DocumentReader for Documents {
    fn read<'a>(&'a self, tenant: &'a Tenant, address: &'a str, ip: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            self.0.describe(tenant, address, ip).await.map_err(|why| match why {
                Unregistered::TooMany => "too many clients were asked for. Try again later.".to_owned(),
                Unregistered::Other(error) if !error.status.is_client_error() => {
                    tracing::error!(%error, "a client metadata document could not be read");
                    "its document could not be read.".to_owned()
                }
                Unregistered::Other(error) => error.message.into_owned(),
                Unregistered::RedirectUri(text) | Unregistered::Metadata(text) => text,
                Unregistered::Off => "clients are not known by documents here.".to_owned(),
            })
        })
    }
}
