//! Tokens of the deprecated Management API v1: opaque, of the global client alone, for a day.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::expiring;
use kernel::{Secret, Timestamp, id, object};
use model::{CLIENT, V1_TOKEN};
use rest::{ApiError, ApiResult};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Site,
    token::{Granted, Kept},
    views::Client,
};

/// Lifetime in seconds.
const LIFETIME: u32 = 86_400;

/// What is known of a token.
#[derive(Deserialize)]
struct Token {
    client_id: String,
    expires_at: Timestamp,
    /// Binds the token to the secret that it was got with: it ends when that is rotated.
    proof: String,
}

/// A token for the global client, which asks for one by naming no audience.
pub(crate) fn grant(site: &Site, client: &Client) -> Granted {
    let context = site.store.context();
    let token = context.text(id::BASE64URL, 48);
    let expires = context.now() + Duration::from_secs(LIFETIME.into());
    let proof = URL_SAFE_NO_PAD.encode(proof(&token, client));
    let document = object(json!({"client_id": client.id, "expires_at": expires, "proof": proof}));
    let body = object(json!({"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"}));
    let keep = vec![Kept { kind: &V1_TOKEN, secret: token, document, expires }];
    Granted { keep, ..Granted::of(body) }
}

impl Site {
    /// The global client's identifier, if this is a standing token of it.
    ///
    /// # Errors
    /// 401 for any other token, and for one whose client is gone or has got another secret.
    pub async fn v1_caller(&self, token: &str) -> ApiResult<String> {
        let invalid = || ApiError::unauthorized("Invalid token");
        let record =
            self.store.cached(self.tenant.id(), &V1_TOKEN, &expiring::key(token)).await?.ok_or_else(invalid)?;
        let known: Token = record.view()?;
        if known.expires_at <= self.store.context().now() {
            return Err(ApiError::unauthorized("Expired token"));
        }
        let client = self.store.cached(self.tenant.id(), &CLIENT, &known.client_id).await?.ok_or_else(invalid)?;
        let client = self.views.clients.of(self.tenant.id(), &client)?;
        let told = URL_SAFE_NO_PAD.decode(&known.proof).unwrap_or_default();
        let is_bound = hmac::verify(&key(token), secret(&client), &told).is_ok();
        if client.global && is_bound { Ok(known.client_id) } else { Err(invalid()) }
    }
}

fn proof(token: &str, client: &Client) -> hmac::Tag {
    hmac::sign(&key(token), secret(client))
}

fn key(token: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, token.as_bytes())
}

fn secret(client: &Client) -> &[u8] {
    client.secret.as_ref().map_or(&[], |secret: &Secret| secret.reveal().as_bytes())
}
