//! Where services send somebody back who has permitted a connection of the vault.

use axum::{
    Router,
    extract::{Extension, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
    routing::get,
};
use delivery::liquid::escaped;
use flows::{Authorizations, CALLBACK, Returned};
use http::{HeaderValue, StatusCode, header};
use kernel::Tenant;
use serde::Deserialize;
use store::Store;

/// The route of the callback.
pub(crate) fn router(store: Store, authorizations: Authorizations) -> Router {
    Router::new().route(CALLBACK, get(returned)).with_state((store, authorizations))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    state: String,
    code: String,
    error: String,
    error_description: String,
}

async fn returned(
    State((store, authorizations)): State<(Store, Authorizations)>,
    Extension(tenant): Extension<Tenant>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let Query(sent) = parameters.unwrap_or_default();
    let error = if sent.error_description.is_empty() { sent.error } else { sent.error_description };
    let returned = Returned { state: sent.state, code: sent.code, error };
    // Whoever closes the page does not cut an exchange in two.
    let finished = tokio::spawn(async move { authorizations.finish(&store, &tenant, &returned).await });
    match finished.await {
        Ok(Ok(())) => page(StatusCode::OK, "The connection is set up", "You can close this page."),
        Ok(Err(failure)) => {
            tracing::info!(code = failure.code, "a vault connection could not be set up");
            page(StatusCode::BAD_REQUEST, "The connection is not set up", &failure.message)
        }
        Err(error) => {
            tracing::error!(%error, "setting a vault connection up panicked");
            page(StatusCode::INTERNAL_SERVER_ERROR, "The connection is not set up", "Something went wrong.")
        }
    }
}

fn page(status: StatusCode, title: &str, text: &str) -> Response {
    let (title, text) = (escaped(title), escaped(text));
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<main><h1>{title}</h1>\n<p>{text}</p></main>\n</html>\n"
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
