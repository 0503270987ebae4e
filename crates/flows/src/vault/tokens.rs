//! Tokens of connections: fetched when they are first needed, and kept until shortly before they expire.

use std::time::Duration;

use http::Method;
use kernel::{Document, Secret, Timestamp, Value, object};
use serde_json::json;

use super::Connection;
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
    /// The token of a connection with client credentials.
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
    pub(crate) async fn forget_token(&self, connection: &Connection) {
        *self.slot(connection).lock().await = None;
    }

    fn slot(&self, connection: &Connection) -> Slot {
        self.tokens.slot(self.tenant.id(), &connection.id, &connection.fingerprint)
    }

    async fn fetch(&mut self, connection: &Connection, now: Timestamp) -> Result<Token, Failure> {
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
        let response = if connection.kind() == "OAUTH_APP" {
            let domain = connection.text("domain")?;
            let site = self.site(&domain).await?;
            form.entry("audience").or_insert_with(|| site.audience().into());
            let mut outgoing = site.request(Method::POST, "/oauth/token")?;
            outgoing.body = Body::Json(form.into());
            self.send_to(&site, outgoing).await?
        } else {
            let mut outgoing = Outgoing::new(Method::POST, &connection.text("token_endpoint")?)?;
            outgoing.header("accept", "application/json");
            outgoing.body = Body::Form(pairs(form));
            outgoing.send(&self.services.outbound).await?
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

fn pairs(form: Document) -> Vec<(String, String)> {
    let text = |value: Value| if let Value::String(text) = value { text } else { String::new() };
    form.into_iter().map(|(name, value)| (name, text(value))).collect()
}
