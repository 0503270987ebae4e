//! `JWT`: tokens signed, read and verified by a key of the vault.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::shared_keys::{Key, KeyKind};
use kernel::{Document, Value};
use serde_json::json;

use crate::{Failure, doing::Doing, params::Params, vault::Connection};

/// Characters of the longest token that is read.
const LONGEST: usize = 10_000;

pub(super) fn decode(params: Params<'_>) -> Result<Value, Failure> {
    let parts = taken_apart(&params.required("token")?)?;
    Ok(json!({"header": parts.header, "payload": parts.payload, "signature": parts.signature}))
}

impl Doing<'_> {
    pub(super) async fn sign(&mut self, params: Params<'_>) -> Result<Value, Failure> {
        let connection = self.open(&params.required("connection_id")?, "JWT").await?;
        let now = self.services.store.context().now().seconds();
        let mut payload = if params.value("payload").is_some() { params.object("payload")? } else { Document::new() };
        for (claim, name) in [("sub", "subject"), ("iss", "issuer"), ("aud", "audience")] {
            if let Some(value) = params.text(name) {
                payload.insert(claim.into(), value.into());
            }
        }
        payload.entry("iat").or_insert(now.into());
        if let Some(life) = params.text("expires_in") {
            let life = seconds(&life).ok_or_else(|| Failure::invalid("expires_in", "a time such as 90, 15m or 7d"))?;
            payload.insert("exp".into(), now.saturating_add(life).into());
        }
        let algorithm = connection.text("algorithm")?;
        let key = key(&connection, KeyKind::Signing)?;
        let input = identity::jwt::signing_input(&json!({"alg": algorithm, "typ": "JWT"}), &payload);
        let input = input.map_err(|_| Failure::invalid("payload", "an object"))?;
        let signature = key.sign(input.as_bytes()).ok_or_else(|| unusable(&connection))?;
        Ok(json!({"token": identity::jwt::finish(input, &signature)}))
    }

    pub(super) async fn verify(&mut self, params: Params<'_>) -> Result<Value, Failure> {
        let connection = self.open(&params.required("connection_id")?, "JWT").await?;
        let key = key(&connection, KeyKind::Verifying)?;
        let invalid = |cause: &str| Ok(json!({"valid": false, "cause": cause}));
        let Ok(parts) = taken_apart(&params.required("token")?) else { return invalid("MALFORMED_TOKEN") };
        // The connection decides the algorithm, never the token.
        if parts.header.get("alg").and_then(Value::as_str) != connection.optional("algorithm").as_deref() {
            return invalid("INVALID_ALGORITHM");
        }
        // Whoever signed it says that it means nothing to who does not know these (RFC 7515 §4.1.11), and none is known here.
        if parts.header.contains_key("crit") {
            return invalid("UNSUPPORTED_HEADER");
        }
        if !key.verify(parts.signed.as_bytes(), &parts.raw_signature) {
            return invalid("INVALID_SIGNATURE");
        }
        let time = |claim: &str| parts.payload.get(claim).and_then(Value::as_f64);
        #[expect(clippy::cast_precision_loss, reason = "seconds of our age fit")]
        let now = self.services.store.context().now().seconds() as f64;
        if time("exp").is_some_and(|end| end <= now) {
            return invalid("TOKEN_EXPIRED");
        }
        if time("nbf").is_some_and(|start| start > now) {
            return invalid("TOKEN_NOT_ACTIVE");
        }
        let has = |claim: &str, wanted: &str| match parts.payload.get(claim) {
            Some(Value::Array(several)) => several.iter().any(|one| one == wanted),
            Some(one) => one == wanted,
            None => false,
        };
        if params.text("audience").is_some_and(|wanted| !has("aud", &wanted)) {
            return invalid("INVALID_AUDIENCE");
        }
        if params.text("issuer").is_some_and(|wanted| !has("iss", &wanted)) {
            return invalid("INVALID_ISSUER");
        }
        let valid =
            json!({"valid": true, "header": parts.header, "payload": parts.payload, "signature": parts.signature});
        Ok(valid)
    }
}

struct Parts {
    signed: String,
    header: Document,
    payload: Document,
    signature: String,
    raw_signature: Vec<u8>,
}

fn taken_apart(token: &str) -> Result<Parts, Failure> {
    let bad = || Failure::new("INVALID_TOKEN", "The text is not a JSON Web Token.");
    if token.len() > LONGEST {
        return Err(bad());
    }
    let (signed, signature) = token.trim().rsplit_once('.').ok_or_else(bad)?;
    let (header, payload) = signed.split_once('.').ok_or_else(bad)?;
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().ok_or_else(bad);
    let part = |text: &str| serde_json::from_slice::<Document>(&bytes(text)?).map_err(|_| bad());
    Ok(Parts {
        header: part(header)?,
        payload: part(payload)?,
        raw_signature: bytes(signature)?,
        signature: signature.to_owned(),
        signed: signed.to_owned(),
    })
}

/// The key of a connection: a secret for HMAC, else a PEM block, under any of the names that set-ups give it.
fn key(connection: &Connection, kind: KeyKind) -> Result<Key, Failure> {
    const SIGNING: &[&str] = &["secret", "secret_or_private_key", "private_key", "key", "secret_key"];
    const VERIFYING: &[&str] =
        &["secret", "secret_or_public_key", "public_key", "certificate", "key", "secret_key", "private_key"];
    let names = if kind == KeyKind::Signing { SIGNING } else { VERIFYING };
    let material = names.iter().find_map(|name| connection.optional(name)).ok_or_else(|| unusable(connection))?;
    let algorithm = connection.text("algorithm")?;
    Key::read(&algorithm, &material, kind).ok_or_else(|| unusable(connection))
}

fn unusable(connection: &Connection) -> Failure {
    let message = format!("The vault connection {} holds no key for its algorithm.", connection.id);
    Failure::new("CONNECTION_NOT_READY", message)
}

/// A span of time as it is written for tokens: seconds, or a number with `s`, `m`, `h`, `d`, `w` or `y`.
fn seconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let number: i64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hr" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        "y" | "year" | "years" => 31_557_600,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use kernel::object;

    use super::*;

    #[test]
    fn a_span_of_time_is_read_as_it_is_written_for_tokens() {
        for (text, expected) in [("90", Some(90)), ("15m", Some(900)), ("7 d", Some(604_800)), ("1y", Some(31_557_600))]
        {
            assert_eq!(seconds(text), expected, "{text}");
        }
        for text in ["", "m", "1 fortnight", "-1", "99999999999999999999"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let decoded = |token: &str| decode(Params(&object(json!({"token": token}))));
        assert!(["", "a.b", "a.b.c", "e30.W10.e30"].iter().all(|token| decoded(token).is_err()));
        let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln";
        let shown = json!({"header": {"alg": "HS256"}, "payload": {"sub": "x"}, "signature": "c2ln"});
        assert_eq!(decoded(token).unwrap(), shown);
    }
}
