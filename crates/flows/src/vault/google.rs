//! Google: a service account's key signs for a token (RFC 7523).

use delivery::Endpoints;
use http::Method;
use identity::{
    jwt,
    shared_keys::{Key, KeyKind},
};
use serde_json::json;

use super::Connection;
use crate::{
    Failure,
    outgoing::{Body, Outgoing},
};

/// Where tokens come from, and for whom the assertion is.
const TOKENS: &str = "https://oauth2.googleapis.com";
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery.insertdata";

/// What asks for a token at this second.
pub(super) fn token_request(connection: &Connection, vendors: &Endpoints, now: i64) -> Result<Outgoing, Failure> {
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
    let signature = key.sign(input.as_bytes()).ok_or_else(unusable)?;
    let base = vendors.of("GOOGLE_TOKENS", TOKENS);
    let mut outgoing = Outgoing::new(Method::POST, &format!("{base}/token"))?;
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let pairs = [("grant_type", grant.to_owned()), ("assertion", jwt::finish(input, &signature))];
    outgoing.body = Body::Form(pairs.map(|(name, value)| (name.to_owned(), value)).into());
    Ok(outgoing)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use identity::{certificate::CertifiedKey, jwt::Jwt};
    use kernel::{Context, object};

    use super::*;
    use crate::vault::Setup;

    #[test]
    fn a_service_accounts_key_signs_what_asks_for_a_token() {
        let made = CertifiedKey::generate(&Context::system(), "google", Duration::from_secs(60));
        let key = STANDARD.encode(&*made.private_key);
        let pem = format!("-----BEGIN PRIVATE KEY-----\\n{key}\\n-----END PRIVATE KEY-----\\n");
        let setup = json!({"type": "OAUTH_JWT", "client_email": "desk@project.example", "private_key": pem});
        let connection = Connection { id: "ac_1".into(), fingerprint: "f".into(), setup: Setup(object(setup)) };
        let outgoing = token_request(&connection, &Endpoints::default(), 1_750_000_000).unwrap();
        assert_eq!((outgoing.method, outgoing.url.as_str()), (Method::POST, "https://oauth2.googleapis.com/token"));
        let Body::Form(pairs) = outgoing.body else { panic!("it is a form") };
        assert_eq!(pairs[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let assertion = Jwt::parse(&pairs[1].1).unwrap();
        assert_eq!(assertion.text("iss"), Some("desk@project.example"));
        assert!(assertion.is_for(&["https://oauth2.googleapis.com/token"], &[]));
        let public = Key::read("RS256", &made.certificate.pem(), KeyKind::Verifying).unwrap();
        assert!(public.verify(assertion.signed, &assertion.signature));
    }
}
