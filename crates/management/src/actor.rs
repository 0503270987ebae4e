//! Who acts through the Management API, as operations of `identity` are told of it.

use identity::{Actor, Channel};
use kernel::{Document, Value};
use rest::{Call, Caller, Origin};

/// The caller of an operation.
pub(crate) fn actor(call: &Call) -> Actor {
    of(&call.caller, &call.origin, call.operation.method.as_str(), call.operation.masked_body(call.body()))
}

/// The caller of an endpoint. The body is one that logs may show.
pub(crate) fn of(caller: &Caller, origin: &Origin, method: &str, body: Value) -> Actor {
    let body = match body {
        Value::Object(body) => body,
        _ => Document::new(),
    };
    Actor {
        custom_domain: origin.custom_domain.clone(),
        ip: origin.ip.clone(),
        country: origin.country,
        user_agent: origin.user_agent.clone(),
        method: method.to_owned(),
        client_id: caller.client_id.clone(),
        body,
        ..Actor::new(caller.tenant.clone(), Channel::Management, origin.domain.as_str())
    }
}
