//! Pushed authorization requests (RFC 9126): a client hands its request in beforehand, and the browser brings a reference only.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, StatusCode, header};
use serde_json::json;

use crate::{
    OAuthError, Site,
    authorize::{self, AuthorizationError},
    client::{self, Authenticated},
    error::{challenge, not_stored},
    request::{Incoming, Parameters},
    third_parties,
};

/// What a pushed request is stored as.
const KIND: &str = "pushed_authorization_request";
/// How every reference begins (RFC 9126 §2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// Seconds in which a reference can be used, where the client does not say otherwise.
const LIFETIME: u64 = 30;
/// The largest request that is kept, in bytes.
const LARGEST: usize = 10 * 1024;
/// Marks parameters that were pushed. No request can bring it along: [`resolve`] removes it from what is sent.
pub(crate) const PUSHED: &str = " pushed";
/// What authenticates the client, and is no part of the request.
const OF_CLIENT: [&str; 3] = ["client_secret", "client_assertion", "client_assertion_type"];

/// `POST /oauth/par`.
pub(crate) async fn endpoint(site: Site, request: Request<Body>) -> Response {
    let has_header = request.headers().contains_key(header::AUTHORIZATION);
    let mut response = match push(&site, request).await {
        Ok((reference, lifetime)) => {
            let body = json!({"request_uri": reference, "expires_in": lifetime});
            (StatusCode::CREATED, Json(body)).into_response()
        }
        Err(error) => {
            let mut response = error.into_response();
            if has_header {
                challenge(&mut response);
            }
            response
        }
    };
    not_stored(&mut response);
    response
}

/// The reference of a request, and the seconds in which it can be used.
async fn push(site: &Site, request: Request<Body>) -> Result<(String, u64), OAuthError> {
    let incoming = Incoming::read(request).await?;
    if !site.settings().await?.pushed_authorization_requests_supported {
        return Err(OAuthError::invalid_request("Pushed Authorization Requests are not enabled for the tenant"));
    }
    let Authenticated { client, has_proven, .. } = client::authenticate(site, &incoming).await?;
    if !has_proven {
        return Err(OAuthError::unauthorized());
    }
    third_parties::admit_endpoint(&client, "Pushed authorization requests")?;
    let mut parameters = incoming.parameters;
    if parameters.get("request_uri").is_some() {
        return Err(OAuthError::invalid_request("request_uri must not be pushed"));
    }
    for name in OF_CLIENT {
        parameters.remove(name);
    }
    parameters.set("client_id", &client.id);
    parameters.set(PUSHED, "1");
    if parameters.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > LARGEST {
        return Err(OAuthError {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..OAuthError::invalid_request("The request is too large")
        });
    }
    authorize::validate(site, &parameters).await?;
    let reference = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(site.store.context().bytes::<32>()));
    let (presented, payload) = (reference.clone(), parameters.all());
    let lifetime = client.par_request_expiry.unwrap_or(LIFETIME);
    let work = move |tx: &mut store::Tx| {
        let expires = tx.now() + Duration::from_secs(lifetime);
        tx.put_single_use(KIND, &presented, payload.clone(), None, expires)
    };
    site.store.write(site.tenant.id(), work).await?;
    Ok((reference, lifetime))
}

/// The parameters that a reference stands for, which is used up; other requests are what they are.
pub(crate) async fn resolve(site: &Site, mut parameters: Parameters) -> Result<Parameters, AuthorizationError> {
    parameters.remove(PUSHED);
    let Some(reference) = parameters.get("request_uri") else { return Ok(parameters) };
    if !reference.starts_with(PREFIX) {
        return Err(AuthorizationError::new("request_uri_not_supported", "request_uri must be one that was pushed"));
    }
    let invalid = || AuthorizationError::invalid_request("The request_uri is invalid or has expired");
    let presented = reference.to_owned();
    let peek = move |reader: &store::Snapshot| reader.peek_single_use(KIND, &presented);
    let pushed = site.store.read(site.tenant.id(), peek).await?.ok_or_else(invalid)?;
    let pushed = Parameters::of_document(pushed.payload);
    // A reference works for the client that pushed the request alone (RFC 9126 §4), and is not used up by another.
    if parameters.get("client_id") != pushed.get("client_id") {
        return Err(invalid());
    }
    let presented = reference.to_owned();
    let consume = move |tx: &mut store::Tx| tx.consume_single_use(KIND, &presented);
    site.store.write(site.tenant.id(), consume).await?.ok_or_else(invalid)?;
    Ok(pushed)
}
