//! The tenant log entry that every change through the Management API leaves (type `sapi`; reference: logs §1).

use kernel::{Document, Value, mask_at, object};
use serde_json::json;
use store::Tx;

use crate::{Answer, ApiResult, Call};

/// Appends the entry in the transaction of the change itself. `sealed` are the paths that its resource seals.
pub(crate) fn audit(tx: &mut Tx, call: &Call, answer: &Answer, sealed: &[&str]) -> ApiResult {
    let status = answer.status.map_or(call.operation.success, |status| status.as_u16());
    let (path, query) = call.origin.target.split_once('?').unwrap_or((&call.origin.target, ""));
    let mut credentials = Document::new();
    if let Some(id) = &call.caller.token_id {
        credentials.insert("jti".into(), id.as_str().into());
    }
    let shared = call.caller.scopes.logged();
    let scopes = if shared.is_some() { Value::Null } else { call.caller.scopes.iter().collect() };
    credentials.insert("scopes".into(), scopes);
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
    details["request"]["body"] = masked(call.operation.masked_body(call.body()), sealed);
    details["request"]["auth"]["credentials"] = credentials.into();
    details["response"]["body"] =
        answer.value().map_or_else(|| json!({}), |answer| masked(call.operation.masked_answer(answer), sealed));
    if let Some(library) = &call.origin.library {
        event.insert("auth0_client".into(), library.clone().into());
    }
    if let Some(id) = &call.origin.correlation_id {
        event.insert("references".into(), json!({"correlation_id": id}));
    }
    tx.append_log_of(event, shared)?;
    Ok(())
}

fn parameters(query: &str) -> Document {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

/// A body or an answer, in which the contract has masked what it knows to be secret, without what the resource seals.
fn masked(mut value: Value, sealed: &[&str]) -> Value {
    let documents = match &mut value {
        Value::Array(items) => &mut items[..],
        one => std::slice::from_mut(one),
    };
    for document in documents {
        for path in sealed {
            mask_at(document, path);
        }
    }
    value
}
