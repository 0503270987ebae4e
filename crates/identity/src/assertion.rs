//! Client assertions: how a client proves with its private key who it is (RFC 7523 §3, `private_key_jwt`).

use kernel::Timestamp;
use serde::Deserialize;

use crate::{
    jwt::Jwt,
    signature::{Algorithm, PublicKey},
};

/// Longest life of an assertion, in seconds.
const LONGEST_LIFE: i64 = 300;
/// By how many seconds a client's clock may be ahead.
const SKEW: i64 = 10;
/// Most characters of `iss`, `sub` and `jti`.
const LONGEST_CLAIM: usize = 64;

/// The stored key that a client may sign with: a record of kind `credential`.
#[derive(Clone, Debug, Deserialize)]
pub struct Credential {
    /// The public key or certificate.
    pub pem: String,
    /// The only algorithm it may be used with.
    #[serde(default = "rs256")]
    pub alg: String,
    /// The key's name.
    pub kid: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

fn rs256() -> String {
    "RS256".into()
}

/// An assertion that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `jti`: an assertion is good for one use.
    pub id: String,
    /// `exp`: until when its use must be remembered.
    pub expires: Timestamp,
}

/// Why an assertion is refused: the text of the tenant log (`client_authentication_error`).
pub type AssertionError = &'static str;

/// The client that an assertion claims to be of, before anything is checked.
pub fn claimed_client(assertion: &str) -> Option<String> {
    Jwt::parse(assertion)?.text("sub").map(str::to_owned)
}

/// Checks an assertion of `client_id` that was sent to a server with these audiences.
pub fn verify(
    assertion: &str,
    client_id: &str,
    credentials: &[Credential],
    audiences: &[&str],
    now: Timestamp,
) -> Result<Assertion, AssertionError> {
    let jwt = Jwt::parse(assertion).ok_or("client assertion is not a valid JWT")?;
    let now = now.seconds();
    for claim in ["iss", "sub"] {
        if jwt.text(claim) != Some(client_id) {
            return Err("'iss' and 'sub' claims must be the client's identifier");
        }
    }
    if !jwt.is_for(audiences, &[]) {
        return Err("'aud' claim must be the issuer or the token endpoint");
    }
    // Without an identifier an assertion could be used again until it expires.
    let id = jwt.text("jti").filter(|id| !id.is_empty()).ok_or("'jti' claim must be a text")?;
    if id.len() > LONGEST_CLAIM {
        return Err("'jti' claim must not be longer than 64 characters");
    }
    let expires = jwt.seconds("exp").ok_or("'exp' claim is missing")?;
    if expires <= now {
        return Err("client assertion is expired");
    }
    let issued = jwt.seconds("iat");
    let is_early = |time: Option<i64>| time.is_some_and(|time| time > now.saturating_add(SKEW));
    if is_early(issued) || is_early(jwt.seconds("nbf")) {
        return Err("client assertion is not valid yet");
    }
    // The life counts from `iat`, but no assertion may be good for longer than the limit from now on.
    let is_short = |from: i64| expires.saturating_sub(from) <= LONGEST_LIFE;
    if !is_short(issued.unwrap_or(now)) || expires > now.saturating_add(LONGEST_LIFE + SKEW) {
        return Err("'exp' claim must specify a time that is no more than 5 minutes after 'iat'");
    }
    let algorithm = jwt.algorithm.ok_or("the signature's algorithm is not supported")?;
    let is_signed = credentials.iter().any(|credential| credential.has_signed(&jwt, algorithm, now));
    if !is_signed {
        return Err("client assertion is not signed with a valid credential of the client");
    }
    Ok(Assertion { id: id.to_owned(), expires: Timestamp::from_seconds(expires) })
}

impl Credential {
    fn has_signed(&self, jwt: &Jwt<'_>, algorithm: Algorithm, now: i64) -> bool {
        let is_meant = jwt.kid.is_none() || jwt.kid == self.kid;
        let has_expired = self.expires_at.is_some_and(|end| end.seconds() <= now);
        if !is_meant || has_expired || self.alg != algorithm.name() {
            return false;
        }
        PublicKey::from_pem(&self.pem).is_ok_and(|key| key.verify(algorithm, jwt.signed, &jwt.signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{certificate::CertifiedKey, keys::SigningKey};
    use kernel::{Context, Document, Value, object};
    use serde_json::json;
    use std::time::Duration;

    const NOW: i64 = 1_700_000_000;
    const ISSUER: &str = "https://tenant.example.com/";

    struct Client {
        key: SigningKey,
        credential: Credential,
    }

    impl Client {
        fn new() -> Self {
            let key = CertifiedKey::generate(&Context::system(), "client", Duration::from_secs(86_400));
            let pem = key.certificate.pem();
            let credential = Credential { pem, alg: "RS256".into(), kid: Some("the-key".into()), expires_at: None };
            Self { key: SigningKey::from_pkcs8("the-key", &key.private_key).unwrap(), credential }
        }

        fn judge(&self, change: Value) -> Result<Assertion, AssertionError> {
            self.judge_signed(Algorithm::Rs256, change, NOW)
        }

        fn judge_signed(&self, algorithm: Algorithm, change: Value, now: i64) -> Result<Assertion, AssertionError> {
            let mut claims = object(json!({
                "iss": "client", "sub": "client", "aud": ISSUER, "iat": NOW, "exp": NOW + 60, "jti": "once",
            }));
            kernel::merge_first_level(&mut claims, object(change));
            self.judge_claims(algorithm, &claims, now)
        }

        fn judge_claims(&self, algorithm: Algorithm, claims: &Document, now: i64) -> Result<Assertion, AssertionError> {
            let token = self.key.sign(algorithm, "JWT", claims).unwrap();
            let audiences = [ISSUER, "https://tenant.example.com/oauth/token"];
            verify(&token, "client", std::slice::from_ref(&self.credential), &audiences, Timestamp::from_seconds(now))
        }
    }

    #[test]
    fn an_assertion_is_judged_by_its_claims() {
        let client = Client::new();
        let good = Assertion { id: "once".into(), expires: Timestamp::from_seconds(NOW + 60) };
        assert_eq!(client.judge(json!({})), Ok(good));
        assert!(client.judge(json!({"iat": null})).is_ok());
        assert!(client.judge(json!({"aud": [ISSUER, "https://tenant.example.com/oauth/token"]})).is_ok());
        assert!(client.judge(json!({"iat": NOW + 10, "exp": NOW + 310})).is_ok());
        let refused = [
            json!({"iss": "other"}),
            json!({"sub": null}),
            json!({"aud": "https://other.example.com/"}),
            json!({"exp": null}),
            json!({"exp": NOW}),
            json!({"exp": NOW + 301}),
            json!({"iat": null, "exp": NOW + 301}),
            json!({"iat": NOW + 11, "exp": NOW + 100}),
            json!({"nbf": NOW + 11}),
            json!({"iat": i64::MIN, "exp": NOW + 60}),
            json!({"exp": i64::MAX, "iat": i64::MAX}),
            json!({"jti": "x".repeat(65)}),
            json!({"jti": null}),
            json!({"jti": ""}),
            json!({"jti": 7}),
            json!({"jti": ["once"]}),
            json!({"aud": ["https://other.example.com/", ISSUER]}),
            json!({"aud": [ISSUER, 7]}),
            json!({"aud": []}),
        ];
        for change in refused {
            assert!(client.judge(change.clone()).is_err(), "{change}");
        }
    }

    #[test]
    fn only_the_credential_with_its_own_algorithm_counts() {
        let mut client = Client::new();
        assert!(client.judge_signed(Algorithm::Ps256, json!({}), NOW).is_err());
        client.credential.expires_at = Some(Timestamp::from_seconds(NOW));
        assert!(client.judge(json!({})).is_err());
        client.credential.expires_at = Some(Timestamp::from_seconds(NOW + 1));
        assert!(client.judge(json!({})).is_ok());
        client.credential.kid = Some("another-key".into());
        assert!(client.judge(json!({})).is_err());
        let other = Client::new();
        client.credential = Credential { kid: Some("the-key".into()), ..other.credential };
        assert!(client.judge(json!({})).is_err());
    }
}
