//! `FLOW`: waiting, mapping and storing values.

use std::time::Duration;

use kernel::{Document, Value};
use serde_json::json;

use crate::{Failure, params::Params};

/// The longest wait, in seconds: 30 days.
const LONGEST: u64 = 30 * 86_400;
/// Bytes of the variables that one action stores.
const STORED: usize = 256 << 10;

pub(super) fn delay(params: Params<'_>) -> Result<Duration, Failure> {
    let number = params.whole("number", 0, LONGEST)?;
    let seconds = match params.text("units").as_deref() {
        None | Some("SECONDS") => 1,
        Some("MINUTES") => 60,
        Some("HOURS") => 3_600,
        Some("DAYS") => 86_400,
        Some(_) => return Err(Failure::invalid("units", "SECONDS, MINUTES, HOURS or DAYS")),
    };
    let wait = number.saturating_mul(seconds);
    if wait > LONGEST {
        return Err(Failure::invalid("number", "at most 30 days"));
    }
    Ok(Duration::from_secs(wait))
}

pub(super) fn map(params: Params<'_>) -> Value {
    let input = params.text("input").unwrap_or_default();
    let case = params.0.get("cases").and_then(|cases| cases.get(&input));
    json!({"result": case.or_else(|| params.0.get("fallback"))})
}

pub(super) fn vars(params: Params<'_>) -> Result<Document, Failure> {
    let vars = params.object("vars")?;
    if Value::Object(vars.clone()).to_string().len() > STORED {
        return Err(Failure::new("PAYLOAD_TOO_LARGE", "The variables are too large."));
    }
    Ok(vars)
}
