//! Google: a service account's key signs for a token (RFC 7523).

use http::Method;
use identity::{
    jwt,
    shared_keys::{Key, KeyKind},
};
use kernel::Secret;
use serde_json::json;

use crate::{
    Failure,
    doing::Doing,
    outgoing::{Body, Outgoing, read_body},
    vault::Connection,
};

/// Where tokens come from, and for whom the assertion is.
const TOKENS: &str = "https://oauth2.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery.insertdata";

impl Doing<'_> {
    pub(super) async fn google_token(&mut self, connection: &Connection) -> Result<Secret, Failure> {
        let now = self.services.store.context().now().seconds();
        let unusable = || {
            let message = format!("The vault connection {} holds no key of a service account.", connection.id);
            Failure::new("CONNECTION_NOT_READY", message)
        };
        // Keys are copied out of files of JSON, line breaks and all.
        let pem = connection.text("private_key")?.replace("\\n", "\n");
        let key = Key::read("RS256", &pem, KeyKind::Signing).ok_or_else(unusable)?;
        let claims = json!({
            "iss": connection.text("client_email")?,
            "scope": SCOPE,
            "aud": format!("{TOKENS}/token"),
            "iat": now,
            "exp": now + 3_600,
        });
        let input = jwt::signing_input(&json!({"alg": "RS256", "typ": "JWT"}), &claims).map_err(|_| unusable())?;
        let assertion = jwt::finish(input.clone(), &key.sign(input.as_bytes()).ok_or_else(unusable)?);
        let base = self.services.vendors.of("GOOGLE_TOKENS", TOKENS);
        let mut outgoing = Outgoing::new(Method::POST, &format!("{base}/token"))?;
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        outgoing.body = Body::Form(vec![("grant_type".into(), grant.into()), ("assertion".into(), assertion)]);
        let response = outgoing.send(&self.services.outbound).await?;
        let body = read_body(&response);
        let token = body["access_token"].as_str().filter(|_| response.status().is_success()).ok_or_else(|| {
            let status = response.status().as_u16();
            Failure::new(
                "CONNECTION_REFUSED",
                format!("The vault connection {} got no token: status {status}.", connection.id),
            )
        })?;
        self.veil.hide(token);
        Ok(Secret::new(token))
    }
}
