//! JSON Web Tokens in the compact form (RFC 7515 §3.1, RFC 7519).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Document, Value};
use serde::{Deserialize, Serialize};

use crate::signature::Algorithm;

/// Longest token that is looked at. The service issues tokens of up to 100 KB of claims.
const LONGEST: usize = 160 * 1024;

/// The header of a token that we issue. The members stand in the service's order.
#[derive(Clone, Debug, Serialize)]
pub struct Header<'a> {
    /// The signature's algorithm.
    pub alg: &'static str,
    /// `JWT` or `at+jwt`.
    pub typ: &'a str,
    /// The signing key; absent for shared secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<&'a str>,
}

/// `header.payload` in base64url: what is signed.
pub fn signing_input(header: &impl Serialize, claims: &impl Serialize) -> serde_json::Result<String> {
    let header = serde_json::to_vec(header)?;
    let claims = serde_json::to_vec(claims)?;
    let mut input = String::with_capacity((header.len() + claims.len()) * 4 / 3 + 350);
    URL_SAFE_NO_PAD.encode_string(header, &mut input);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut input);
    Ok(input)
}

/// Appends the signature to what was signed.
pub fn finish(mut input: String, signature: &[u8]) -> String {
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut input);
    input
}

/// A token taken apart. Nothing about it is checked yet.
#[derive(Debug)]
pub struct Jwt<'t> {
    /// `alg` of the header, when it is one we know.
    pub algorithm: Option<Algorithm>,
    /// `kid` of the header.
    pub kid: Option<String>,
    /// `typ` of the header.
    pub typ: Option<String>,
    /// The payload.
    pub claims: Document,
    /// What the signature covers.
    pub signed: &'t [u8],
    /// The signature.
    pub signature: Vec<u8>,
}

#[derive(Deserialize)]
struct ReadHeader {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde_json::Value>,
}

impl<'t> Jwt<'t> {
    /// Takes a compact token apart; `None` when it is not one. Tokens with critical extensions are not understood.
    pub fn parse(token: &'t str) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header: ReadHeader = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        if header.crit.is_some() {
            return None;
        }
        Some(Self {
            algorithm: Algorithm::named(&header.alg),
            kid: header.kid,
            typ: header.typ,
            claims: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?,
            signed: signed.as_bytes(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// A claim that is a text.
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// A claim that is a time: seconds since 1970; fractions are dropped (RFC 7519 §2, NumericDate).
    pub fn seconds(&self, claim: &str) -> Option<i64> {
        let value = self.claims.get(claim)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "times beyond 64 bits become the largest, which is refused"
        )]
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }

    /// The texts of `aud`.
    pub fn audiences(&self) -> Vec<&str> {
        match self.claims.get("aud") {
            Some(Value::String(audience)) => vec![audience.as_str()],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the token is meant for one of `audiences` and for nobody but these and who may be named `beside` them: a
    /// token that others may take as well is one that others may pass on.
    pub fn is_for(&self, audiences: &[&str], beside: &[&str]) -> bool {
        let named = match self.claims.get("aud") {
            Some(Value::String(audience)) => vec![Some(audience.as_str())],
            Some(Value::Array(all)) => all.iter().map(Value::as_str).collect(),
            _ => return false,
        };
        let is_ours = |audience: Option<&str>| audience.is_some_and(|audience| audiences.contains(&audience));
        let is_known =
            |audience: Option<&str>| is_ours(audience) || audience.is_some_and(|audience| beside.contains(&audience));
        named.iter().copied().any(is_ours) && named.iter().copied().all(is_known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_read_back_as_it_was_written() {
        let header = Header { alg: "HS256", typ: "JWT", kid: None };
        let input = signing_input(&header, &json!({"sub": "x", "aud": ["a", "b"], "exp": 1.5})).unwrap();
        let token = finish(input, b"signature");
        let jwt = Jwt::parse(&token).unwrap();
        assert_eq!(
            (jwt.algorithm, jwt.kid.as_deref(), jwt.typ.as_deref()),
            (Some(Algorithm::Hs256), None, Some("JWT"))
        );
        assert_eq!((jwt.text("sub"), jwt.seconds("exp")), (Some("x"), Some(1)));
        assert!(jwt.is_for(&["b", "a"], &[]) && jwt.is_for(&["b"], &["a"]));
        assert!(!jwt.is_for(&["b"], &[]) && !jwt.is_for(&["c"], &["a", "b"]));
        assert_eq!(jwt.signature, b"signature");
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "a.b", "a.b.c", "..", "eyJhbGciOiJub25lIn0..", "e30.e30.", "e30.e30.e30.e30"] {
            assert!(Jwt::parse(text).is_none(), "{text}");
        }
    }
}
