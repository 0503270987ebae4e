//! Executions: what happened when the code at a trigger ran, for its author.

use actions::{ConsoleLine, Outcome, ScriptError, Stats};
use identity::{
    credentials::Told,
    triggers::{Execution, Trigger, Verdict},
};
use kernel::{Context, Document, Record, Timestamp, Value, id::Form, object};
use serde_json::json;

use super::plan::Step;

/// Characters of console output that are kept of each Action.
const CONSOLE_KEPT: usize = 256;

/// Notes what happens while the code at a trigger runs.
pub(super) struct Recorder {
    id: String,
    trigger: Trigger,
    started: Value,
    results: Vec<Value>,
    failures: Vec<Document>,
    has_failed: bool,
}

impl Recorder {
    pub(super) fn new(trigger: Trigger, context: &Context) -> Self {
        let started = context.now().into();
        Self {
            id: context.id(Form::Uuid),
            trigger,
            started,
            results: Vec::new(),
            failures: Vec::new(),
            has_failed: false,
        }
    }

    /// Goes on with an execution that was kept when its code began to wait.
    pub(super) fn resumed(trigger: Trigger, kept: &Record) -> Self {
        let results = kept.document.get("results").and_then(Value::as_array).cloned().unwrap_or_default();
        let started = kept.document.get("created_at").cloned().unwrap_or_default();
        Self { id: kept.id.clone(), trigger, started, results, failures: Vec::new(), has_failed: false }
    }

    /// The execution's identifier.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Notes how one Action or hook went.
    pub(super) fn note(&mut self, step: &Step, outcome: &Outcome, started: Timestamp, ended: Timestamp) {
        let mut response = Document::new();
        if !outcome.console.is_empty() {
            let kept: String = console(&outcome.console).chars().take(CONSOLE_KEPT).collect();
            response.insert("logs".into(), kept.into());
        }
        let mut result = step.label.clone();
        if let Some(error) = &outcome.error {
            self.has_failed = true;
            response.insert("error".into(), described(error).into());
            result.insert("error".into(), json!({"id": error.name, "msg": error.message}));
            self.failures.push(self.failure(step, error, ended));
        }
        response.insert("stats".into(), stats(&outcome.stats).into());
        result.insert("started_at".into(), started.into());
        result.insert("ended_at".into(), ended.into());
        result.insert("response".into(), response.into());
        self.results.push(result.into());
    }

    /// The whole execution.
    pub(super) fn finish(self, verdict: &Verdict, now: Timestamp) -> Execution {
        let status = match (&verdict.denied, &verdict.suspended) {
            _ if self.has_failed => "partial",
            (Some(_), _) => "canceled",
            (None, Some(_)) => "suspended",
            (None, None) => "final",
        };
        let document = object(json!({
            "id": self.id,
            "trigger_id": self.trigger.name(),
            "status": status,
            "results": self.results,
            "created_at": self.started,
            "updated_at": now,
        }));
        Execution { id: self.id, document, failures: self.failures, told: Vec::new() }
    }

    /// The tenant log entry about code that failed.
    fn failure(&self, step: &Step, error: &ScriptError, now: Timestamp) -> Document {
        let mut details = step.label.clone();
        details.insert("execution_id".into(), self.id.as_str().into());
        details.insert("trigger_id".into(), self.trigger.name().into());
        details.insert("error_class".into(), class(error).into());
        details.insert("action_error".into(), described(error).into());
        object(json!({
            "date": now,
            "type": "actions_execution_failed",
            "description": error.message,
            "details": details,
        }))
    }
}

/// Takes the credentials that code was told out of what it says: its console, its error, and why it refuses.
pub(crate) fn hide(told: &Told, outcome: &mut Outcome) {
    for line in &mut outcome.console {
        told.mask(&mut line.text);
    }
    if let Some(error) = &mut outcome.error {
        told.mask(&mut error.message);
        for text in error.stack.iter_mut().chain(error.properties.values_mut().filter_map(text_of)) {
            told.mask(text);
        }
    }
    let refusals =
        outcome.commands.iter_mut().filter(|command| matches!(&*command.name, "access.deny" | "validation.error"));
    for text in refusals.flat_map(|command| &mut command.arguments).filter_map(text_of) {
        told.mask(text);
    }
}

fn text_of(value: &mut Value) -> Option<&mut String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// The kind of failure, in the log's words.
fn class(error: &ScriptError) -> &'static str {
    match error.name.as_str() {
        "LimitError" if error.message == "resource_exhausted" => "rate_limited",
        "LimitError" => "action_timeout",
        "WorkerError" => "platform_error",
        _ => "action_error",
    }
}

/// The console's output as text, a line for each call.
pub fn console(lines: &[ConsoleLine]) -> String {
    lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// An error as executions and tests show it.
pub fn described(error: &ScriptError) -> Document {
    let mut shown = object(json!({"message": error.message, "name": error.name}));
    if let Some(stack) = &error.stack {
        shown.insert("stack".into(), stack.as_str().into());
    }
    for (name, place) in [("line", error.line), ("column", error.column)] {
        if let Some(place) = place {
            shown.insert(name.to_owned(), place.into());
        }
    }
    shown
}

/// How long things took, in the service's seven numbers of milliseconds.
pub fn stats(stats: &Stats) -> Document {
    let runtime = stats.boot + stats.action;
    object(json!({
        "total_request_duration_ms": millis(stats.total),
        "total_runtime_execution_duration_ms": millis(runtime),
        "runtime_processing_duration_ms": millis(stats.action.saturating_sub(stats.external)),
        "action_duration_ms": millis(stats.action),
        "runtime_external_call_duration_ms": millis(stats.external),
        "boot_duration_ms": millis(stats.boot),
        "network_duration_ms": millis(stats.total.saturating_sub(runtime)),
    }))
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
