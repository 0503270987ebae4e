//! Tokens of connections: fetched when they are first needed, and kept until shortly before they expire.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use kernel::{Document, Secret, Timestamp, object};
use serde_json::json;

use super::{Connection, google};
use crate::{
    Failure,
    doing::Doing,
    outgoing::{Body, Outgoing, read_body},
    token_cache::{Slot, Token},
};

/// A token is not used in its last part: a tenth of its life, a minute at most.
const MARGIN: i64 = 60;
/// How long a token is taken to live whose life is not told.
const UNTOLD: i64 = 300;

impl Doing<'_> {
    /// The token of a connection that has to fetch one.
    pub(crate) async fn token(&mut self, connection: &Connection) -> Result<Secret, Failure> {
        let slot = self.slot(connection);
        let mut slot = slot.lock().await;
        let now = self.services.store.context().now();
        if let Some(token) = slot.as_ref().filter(|token| token.until > now) {
            self.veil.hide(token.secret.reveal());
            return Ok(token.secret.clone());
        }
        let token = self.fetch(connection, now).await?;
        self.veil.hide(token.secret.reveal());
        *slot = Some(token.clone());
        Ok(token.secret)
    }

    /// Forgets the token of a connection: it was refused.
    pub(crate) fn forget_token(&self, connection: &Connection) {
        self.tokens.forget(self.tenant.id(), &connection.id, &connection.fingerprint);
    }

    /// Sends a request that a connection vouches for. A token that the server refuses is not used again.
    pub(crate) async fn send_for(
        &self,
        connection: &Connection,
        outgoing: Outgoing,
    ) -> Result<Response<Bytes>, Failure> {
        let response = outgoing.send(&self.services.outbound).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            self.forget_token(connection);
        }
        Ok(response)
    }

    pub(super) fn slot(&self, connection: &Connection) -> Slot {
        self.tokens.slot(self.tenant.id(), &connection.id, &connection.fingerprint)
    }

    async fn fetch(&mut self, connection: &Connection, now: Timestamp) -> Result<Token, Failure> {
        let response = match connection.kind().as_str() {
            "OAUTH_APP" => {
                let mut form = grant(connection)?;
                let site = self.site(&connection.text("domain")?).await?;
                form.entry("audience").or_insert_with(|| site.audience().into());
                let mut outgoing = site.request(Method::POST, "/oauth/token")?;
                outgoing.body = Body::Json(form.into());
                self.send_to(&site, outgoing).await?
            }
            "OAUTH_JWT" => {
                let outgoing = google::token_request(connection, &self.services.vendors, now.seconds())?;
                outgoing.send(&self.services.outbound).await?
            }
            _ => {
                let form = grant(connection)?;
                let mut outgoing = Outgoing::new(Method::POST, &connection.text("token_endpoint")?)?;
                outgoing.header("accept", "application/json");
                outgoing.body = Body::form(&form);
                outgoing.send(&self.services.outbound).await?
            }
        };
        let body = read_body(&response);
        let Some(secret) = body["access_token"].as_str().filter(|_| response.status().is_success()) else {
            let told = ["error_description", "error"].iter().find_map(|name| body[*name].as_str());
            let message = format!(
                "The vault connection {} got no token: status {}{}.",
                connection.id,
                response.status().as_u16(),
                told.map(|told| format!(", {}", told.chars().take(300).collect::<String>())).unwrap_or_default()
            );
            return Err(Failure::new("CONNECTION_REFUSED", message));
        };
        let life = body["expires_in"].as_i64().unwrap_or(UNTOLD).clamp(0, 30 * 86_400);
        let used = u64::try_from(life - (life / 10).min(MARGIN)).unwrap_or_default();
        Ok(Token { secret: Secret::new(secret), until: now + Duration::from_secs(used) })
    }
}

/// What asks for a token with the client credentials of a connection (RFC 6749 §4.4).
fn grant(connection: &Connection) -> Result<Document, Failure> {
    let mut form = object(json!({
        "grant_type": "client_credentials",
        "client_id": connection.text("client_id")?,
        "client_secret": connection.text("client_secret")?,
    }));
    for name in ["audience", "resource", "scope"] {
        if let Some(value) = connection.optional(name) {
            form.insert(name.into(), value.into());
        }
    }
    Ok(form)
}
