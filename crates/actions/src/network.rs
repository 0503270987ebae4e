//! How tenants' code reaches other servers: through the server's guarded client, a bounded number of times.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use serde_json::json;

use crate::frame::{Answer, Fetch};

/// Sends requests to other servers, and refuses what may not be called. Redirects are answers here.
pub trait Outbound: Send + Sync {
    /// Sends a request and returns the whole answer, of at most `limit` bytes; an error's text is shown to the tenant.
    fn send(&self, request: Request<Bytes>, limit: usize) -> BoxFuture<'_, Result<Response<Bytes>, String>>;
}

impl Outbound for outbound::Client {
    fn send(&self, request: Request<Bytes>, limit: usize) -> BoxFuture<'_, Result<Response<Bytes>, String>> {
        // The whole trigger has a time limit already; the prelude follows redirects, so that each counts as a call.
        let limits = outbound::Limits { time: Duration::from_secs(20), bytes: limit, redirects: 0 };
        Box::pin(async move { self.send(request, limits).await.map_err(|refusal| refusal.to_string()) })
    }
}

/// Carries out a call that code asked for.
pub(crate) async fn carry_out(outbound: &dyn Outbound, fetch: Fetch, limit: usize) -> Answer {
    let request = match request(fetch) {
        Ok(request) => request,
        Err(refusal) => return Answer::Error(refusal),
    };
    match outbound.send(request, limit).await {
        Err(refusal) => Answer::Error(refusal),
        Ok(response) => {
            let headers: Vec<(&str, String)> = (response.headers().iter())
                .map(|(name, value)| (name.as_str(), value.as_bytes().iter().map(|&byte| char::from(byte)).collect()))
                .collect();
            let status_text = response.status().canonical_reason().unwrap_or_default();
            Answer::Ok(json!({
                "status": response.status().as_u16(),
                "statusText": status_text,
                "headers": headers,
                "body": BASE64_STANDARD.encode(response.body()),
            }))
        }
    }
}

/// The request, without the headers that belong to the connection and not to the message.
fn request(fetch: Fetch) -> Result<Request<Bytes>, String> {
    const OF_THE_CONNECTION: [&str; 8] = [
        "connection",
        "keep-alive",
        "host",
        "content-length",
        "transfer-encoding",
        "upgrade",
        "te",
        "proxy-authorization",
    ];
    let body = BASE64_STANDARD.decode(fetch.body).map_err(|_| "The request's body cannot be read.".to_owned())?;
    let mut request = Request::builder().method(fetch.method.as_str()).uri(&fetch.url);
    for (name, value) in &fetch.headers {
        if !OF_THE_CONNECTION.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            request = request.header(name, value);
        }
    }
    request.body(body.into()).map_err(|error| format!("The request to \"{}\" is not valid: {error}.", fetch.url))
}
