//! What code is told, noted for the developer who runs it again on that: without credentials.

use identity::credentials::{self, Told};
use kernel::{Value, value_at};
use serde_json::json;

use super::plan::Step;

/// Events of one execution.
const MOST: usize = 40;
/// Bytes of the longest event that is kept.
const LONGEST: usize = 128 * 1024;

/// Notes what a step is called with.
pub(super) fn note(noted: &mut Vec<Value>, step: &Step, handler: &str, event: &Value, told: &Told) {
    let mut event = credentials::masked(event);
    credentials::each_text(&mut event, &|text| told.mask(text));
    if noted.len() >= MOST || event.to_string().len() > LONGEST {
        return;
    }
    let user = event.as_object().and_then(|event| value_at(event, "user.user_id")).cloned();
    noted.push(json!({
        "name": step.label.get("action_name"),
        "version": step.version,
        "handler": handler,
        "user_id": user,
        "event": event,
    }));
}
