//! The tenant log entry that every change through the Management API leaves (type `sapi`; reference: logs §1).

use kernel::{ApiResult, Document, Value, object};
use serde_json::json;
use store::Tx;

use crate::{Answer, Call};

/// Names of members whose values never reach a log.
const SECRET: &[&str] = &[
    "password",
    "secret",
    "token",
    "private",
    "credential",
    "api_key",
    "apikey",
    "pem",
    "p12",
    "otp",
    "code",
    "smtp_pass",
    "hash",
    "key_material",
    "wrapped",
];
const MASK: &str = "*****";

/// Appends the entry in the transaction of the change itself.
pub(crate) fn audit(tx: &mut Tx, call: &Call, answer: &Answer) -> ApiResult {
    let status = answer.status.map_or(call.operation.success, |status| status.as_u16());
    let (path, query) = call.origin.target.split_once('?').unwrap_or((&call.origin.target, ""));
    let mut credentials = Document::new();
    if let Some(id) = &call.caller.token_id {
        credentials.insert("jti".into(), id.as_str().into());
    }
    credentials.insert("scopes".into(), call.caller.scopes.iter().collect());
    let mut event = object(json!({
        "date": tx.now(),
        "type": "sapi",
        "description": call.operation.title,
        "client_id": call.caller.client_id,
        "client_name": "",
        "ip": call.origin.ip,
        "user_agent": call.origin.user_agent,
        "user_id": if call.caller.is_user { Value::from(call.caller.subject.as_str()) } else { Value::Null },
        "details": {
            "request": {
                "method": call.operation.method.as_str().to_lowercase(),
                "path": path,
                "query": parameters(query),
                "userAgent": call.origin.user_agent,
                "body": masked(call.body()),
                "channel": "api",
                "ip": call.origin.ip,
                "auth": {"user": {}, "strategy": "jwt", "credentials": credentials},
            },
            "response": {"statusCode": status, "body": answer.value().map_or_else(|| json!({}), masked)},
        },
    }));
    if let Some(id) = &call.origin.correlation_id {
        event.insert("references".into(), json!({"correlation_id": id}));
    }
    tx.append_log(event)?;
    Ok(())
}

fn parameters(query: &str) -> Document {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

/// The value with what looks like a secret replaced.
fn masked(value: &Value) -> Value {
    let mut copy = value.clone();
    mask(&mut copy);
    copy
}

/// Replaces the values of members whose names tell of a secret, at any depth.
pub fn mask(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if value.is_string() && is_secret(name) { *value = MASK.into() } else { mask(value) }
            }
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}
