//! The test operation: runs a draft with an event of its author's choice, or a sample one, and tells what it asked for.

use std::sync::Arc;

use ::actions::{Invocation, Outcome, ProgramKind, samples};
use extensibility::{Dispatcher, console, described, scripts, stats};
use identity::triggers::Trigger;
use kernel::{Document, Value, object};
use rest::{Answer, ApiError, ApiResult, Call, Task};
use serde_json::json;
use store::Snapshot;

use super::ACTION;

/// `POST /actions/actions/{id}/test`.
pub(super) async fn test(dispatcher: Dispatcher, task: Task) -> ApiResult<Answer> {
    let (program, trigger, version) = task.read(draft).await?;
    let payload = task.call.body().get("payload").and_then(Value::as_object).cloned().unwrap_or_default();
    let sample = || samples::event(ProgramKind::Action, trigger.name());
    let event = payload.get("event").cloned().or_else(sample);
    let event = event.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
    let outcome = if let Some(error) = missing(trigger, &event) {
        Outcome { error: Some(error), ..Outcome::default() }
    } else {
        let mut call = Invocation::new(trigger.name(), trigger.handler(), event.into());
        call.version = version;
        dispatcher.runtime().run(&Arc::new(program), call).await
    };
    let shown = shown(outcome);
    task.write(move |_, _| Ok(Answer::json(json!({ "payload": shown })))).await
}

/// The draft as a program, and for what it is written.
fn draft(reader: &Snapshot, call: &Call) -> ApiResult<(::actions::Program, Trigger, String)> {
    let action = rest::load(reader, &ACTION, call.path("id"))?;
    if action.text("status") != Some("built") {
        return Err(ApiError::bad_request("The action must be built before it can be tested."));
    }
    let supported = action.document.get("supported_triggers").and_then(|triggers| triggers.get(0));
    let text = |name: &str| supported.and_then(|trigger| trigger.get(name)?.as_str()).unwrap_or_default();
    let trigger = Trigger::named(text("id"));
    let trigger = trigger.ok_or_else(|| ApiError::bad_request("Actions of this trigger cannot be tested."))?;
    let id = format!("{}.draft.{}", action.id, action.version);
    let program = scripts::program(reader, &action, id, action.text("name").unwrap_or_default())?;
    Ok((program, trigger, text("version").to_owned()))
}

/// The service itself reads the tenant of a login's event before the Action does, and fails in its own words where there is none.
fn missing(trigger: Trigger, event: &Document) -> Option<::actions::ScriptError> {
    let has_tenant = event.get("tenant").is_some_and(Value::is_object);
    (trigger == Trigger::PostLogin && !has_tenant).then(|| {
        let message = "Cannot read properties of undefined (reading 'id')";
        ::actions::ScriptError {
            name: "TypeError".to_owned(),
            message: message.to_owned(),
            stack: Some(format!("TypeError: {message}\n    at event.tenant")),
            ..Default::default()
        }
    })
}

fn shown(outcome: Outcome) -> Document {
    let mut shown = Document::new();
    if let Some(error) = &outcome.error {
        shown.insert("error".into(), described(error).into());
    }
    if !outcome.commands.is_empty() {
        let commands =
            outcome.commands.iter().map(|command| json!({"name": command.name, "arguments": command.arguments}));
        shown.insert("commands".into(), commands.collect());
    }
    if let Some(result) = outcome.result {
        shown.insert("result".into(), result);
    }
    if !outcome.console.is_empty() {
        shown.insert("logs".into(), console(&outcome.console).into());
    }
    shown.extend(object(json!({ "stats": stats(&outcome.stats) })));
    shown
}
