//! The tenant log entry that every change through the Management API leaves (type `sapi`; reference: logs §1).

use kernel::{Document, Value, object};
use serde_json::json;
use store::Tx;

use crate::{Answer, ApiResult, Call};

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

/// Appends the entry in the transaction of the change itself. `sealed` are the paths of the body that its resource seals.
pub(crate) fn audit(tx: &mut Tx, call: &Call, answer: &Answer, sealed: &[&str]) -> ApiResult {
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
                "body": null,
                "channel": "api",
                "ip": call.origin.ip,
                "auth": {"user": {}, "strategy": "jwt", "credentials": null},
            },
            "response": {"statusCode": status, "body": null},
        },
    }));
    // What is large is moved in: `json!` would copy it member by member.
    let details = &mut event["details"];
    details["request"]["body"] = masked_body(call, sealed);
    details["request"]["auth"]["credentials"] = credentials.into();
    details["response"]["body"] = answer.value().map_or_else(|| json!({}), |body| masked(body, sealed));
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

/// The value with what looks like a secret, and what the resource seals, replaced.
fn masked(value: &Value, sealed: &[&str]) -> Value {
    let mut copy = value.clone();
    mask(&mut copy);
    for path in sealed {
        let place = path.split('.').try_fold(&mut copy, |place, step| place.get_mut(step));
        match place {
            Some(text @ Value::String(_)) => *text = MASK.into(),
            Some(members) => mask_texts(members, &|_| true),
            None => {}
        }
    }
    copy
}

/// As [`masked`]; of a body that is nothing but secrets (`/hooks/{id}/secrets`), all texts.
fn masked_body(call: &Call, sealed: &[&str]) -> Value {
    let mut copy = masked(call.body(), sealed);
    if call.operation.path.rsplit('/').next().is_some_and(is_secret) {
        mask_texts(&mut copy, &|_| true);
    }
    copy
}

/// Replaces the values of members whose names tell of a secret, at any depth, and each `value` in what such a member holds.
pub fn mask(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if !is_secret(name) {
                    mask(value);
                } else if value.is_string() {
                    *value = MASK.into();
                } else {
                    mask(value);
                    mask_texts(value, &|name| name == "value");
                }
            }
        }
        _ => {}
    }
}

/// Replaces the texts of members with certain names, at any depth.
fn mask_texts(value: &mut Value, is_meant: &dyn Fn(&str) -> bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| mask_texts(item, is_meant)),
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if value.is_string() && is_meant(name) { *value = MASK.into() } else { mask_texts(value, is_meant) }
            }
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_resource_seals_is_masked_whatever_its_form() {
        let body = json!({"options": {"configuration": {"DB": "s"}, "x": "y"}, "k": "s"});
        let shown = json!({"options": {"configuration": {"DB": MASK}, "x": "y"}, "k": MASK});
        assert_eq!(masked(&body, &["options.configuration", "k", "absent.path"]), shown);
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let mut body = json!({
            "name": "a",
            "secrets": [{"name": "KEY", "value": "s"}],
            "options": {"client_secret": "s", "scope": ["a"]},
        });
        mask(&mut body);
        let masked = json!({
            "name": "a",
            "secrets": [{"name": "KEY", "value": MASK}],
            "options": {"client_secret": MASK, "scope": ["a"]},
        });
        assert_eq!(body, masked);
    }
}
