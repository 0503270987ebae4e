//! The gateway of an `sms` connection: the tenant's own service that sends texts. It is told the number and the text, and where the
//! settings say so, who asked; a token shows that it is this tenant who calls.

use std::time::Duration;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::StatusCode;
use identity::{
    jwt::{self, Header},
    signature::hmac_sha256,
};
use kernel::{Document, Record, Timestamp, Value, object, value_at};
use outbound::Client;
use serde_json::json;

use super::Message;
use crate::messages::{
    failure::{Failure, call_within},
    request::post_json,
};

/// A gateway has this long to answer.
const TIME: Duration = Duration::from_secs(30);
/// Seconds for which its token holds.
const TOKEN_SECONDS: i64 = 300;

/// Whether an `sms` connection sends through a gateway.
pub(super) fn is_used(connection: &Record) -> bool {
    let text = |path: &str| value_at(&connection.document, path).and_then(Value::as_str).unwrap_or_default();
    text("options.provider") == "sms_gateway"
        || text("options.twilio_sid").is_empty() && !text("options.gateway_url").is_empty()
}

/// Hands a message to the gateway of a connection.
pub(super) async fn deliver(
    outbound: &Client,
    connection: &Record,
    message: &Message,
    payload: &Document,
    now: Timestamp,
) -> Result<String, Failure> {
    let option = |name: &str| value_at(&connection.document, &format!("options.{name}"));
    let address = option("gateway_url").and_then(Value::as_str).unwrap_or_default();
    let from = message.words.from.as_deref().or(option("from").and_then(Value::as_str));
    let mut body = json!({"recipient": message.to, "body": message.words.text, "sender": from});
    // A text in place of a boolean is what examples show.
    if option("forward_req_info").is_some_and(|value| value == true || value == "true") {
        body["req"] = json!({"ip": payload.get("ip"), "user-agent": payload.get("user_agent")});
    }
    let issuer = payload.get("domain").and_then(Value::as_str).unwrap_or_default();
    let request = post_json(address.to_owned(), authorization(connection, issuer, now)?, &body)?;
    let answer = call_within(outbound, request, TIME).await.map_err(in_words)?;
    Ok(answer.status().to_string())
}

fn in_words(failure: Failure) -> Failure {
    let Some(status) = failure.status else { return failure };
    let what = if status == StatusCode::UNAUTHORIZED { "Authentication failed" } else { "Unexpected response" };
    Failure { reason: format!("{what} while calling the SMS gateway: {}", status.as_u16()), ..failure }
}

/// `Authorization` as `gateway_authentication` wants it.
fn authorization(connection: &Record, domain: &str, now: Timestamp) -> Result<Option<String>, Failure> {
    let Some(settings) = value_at(&connection.document, "options.gateway_authentication").filter(|own| own.is_object())
    else {
        return Ok(None);
    };
    let text = |name: &str| settings.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let sealed = connection.sealed.text("options.gateway_authentication.secret");
    let secret = sealed.or(text("secret")).unwrap_or_default();
    let is_encoded = settings.get("secret_base64_encoded") == Some(&Value::Bool(true));
    let key = if is_encoded { decoded(secret)? } else { secret.as_bytes().to_vec() };
    let seconds = now.seconds();
    let mut claims = object(json!({
        "iss": format!("https://{domain}/"),
        "aud": text("audience"),
        "iat": seconds,
        "exp": seconds + TOKEN_SECONDS,
    }));
    if let Some(subject) = text("subject") {
        claims.insert("sub".into(), subject.into());
    }
    let input = jwt::signing_input(&Header { alg: "HS256", typ: "JWT", kid: None }, &claims);
    let input = input.map_err(|error| Failure::never(error.to_string()))?;
    let signature = hmac_sha256(&key, input.as_bytes());
    let token = jwt::finish(input, &signature);
    let method = text("method").filter(|method| !method.eq_ignore_ascii_case("bearer")).unwrap_or("Bearer");
    Ok(Some(format!("{method} {token}")))
}

fn decoded(secret: &str) -> Result<Vec<u8>, Failure> {
    let bare = secret.trim_end_matches('=');
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(bare).or_else(|_| BASE64_STANDARD.decode(secret));
    decoded.map_err(|_| Failure::never("The secret of the SMS gateway is not base64."))
}
