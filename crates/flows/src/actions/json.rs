//! `JSON`: objects made, read and written.

use kernel::Value;
use serde_json::json;

use crate::{Failure, params::Params};

pub(super) fn create(params: Params<'_>) -> Result<Value, Failure> {
    Ok(json!({"result": params.object("object")?}))
}

pub(super) fn parse(params: Params<'_>) -> Result<Value, Failure> {
    match params.value("json") {
        Some(Value::String(text)) => {
            let read: Value = serde_json::from_str(text)
                .map_err(|error| Failure::new("INVALID_JSON", format!("The text is not JSON: {error}.")))?;
            Ok(json!({"object": read}))
        }
        // One expression alone may give what was JSON once.
        Some(value @ (Value::Object(_) | Value::Array(_))) => Ok(json!({"object": value})),
        Some(_) => Err(Failure::invalid("json", "a text")),
        None => Err(Failure::required("json")),
    }
}

pub(super) fn serialize(params: Params<'_>) -> Result<Value, Failure> {
    let value = params.value("object").ok_or_else(|| Failure::required("object"))?;
    Ok(json!({"json": value.to_string()}))
}
