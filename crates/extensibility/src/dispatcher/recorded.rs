//! What code is told, noted for the developer who runs it again on that: without credentials.

use identity::credentials::{self, Told};
use kernel::{Value, change_texts, value_at};
use serde_json::json;

use super::plan::Step;

/// Events of one execution.
const MOST: usize = 40;
/// Bytes of the longest event that is kept.
const LONGEST: usize = 128 * 1024;

/// Notes what a step is called with.
pub(super) fn note(noted: &mut Vec<Value>, step: &Step, handler: &str, event: &Value, told: &Told) {
    if noted.len() >= MOST {
        return;
    }
    let mut event = credentials::masked(event);
    change_texts(&mut event, &|text| {
        let mut text = text.to_owned();
        told.mask(&mut text);
        text
    });
    if event.to_string().len() > LONGEST {
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
