//! A run as it stands: what is left to do, and what is known.

use kernel::{Context, Document, Timestamp, Value, id::HEX, object};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Caller, Run, Scope, actions::Action, expressions::HIDDEN, veil::Veil};

/// A run as it stands. It is kept, sealed, while it waits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) execution_id: String,
    pub(super) flow_id: String,
    pub(super) trace_id: String,
    pub(super) journey_id: Option<String>,
    /// The host by which the tenant was reached.
    pub(super) host: String,
    pub(super) started: Option<Timestamp>,
    /// Actions that are left, the next one last.
    pub(super) pending: Vec<Value>,
    pub(super) scope: Scope,
    pub(super) caller: Caller,
    pub(super) steps: usize,
    /// Bytes of outputs so far.
    pub(super) held: usize,
    /// What executions show of each action.
    pub(super) trail: Document,
    /// What they do not show.
    pub(super) veil: Veil,
    pub(super) has_waited: bool,
}

impl State {
    /// The start of a run.
    pub(super) fn of(run: &Run<'_>, flow: &Document, context: &Context) -> Self {
        let mut pending = flow.get("actions").and_then(Value::as_array).cloned().unwrap_or_default();
        pending.reverse();
        let mut veil = Veil::default();
        for name in &run.scope.transient {
            if let Some(value) = run.scope.fields.get(name) {
                veil.hide_all(value);
            }
        }
        Self {
            execution_id: context.id(super::EXECUTION),
            flow_id: run.flow_id.to_owned(),
            trace_id: context.text(HEX, 32),
            journey_id: run.journey_id.map(|id| id.chars().take(50).collect()),
            host: run.tenant.host().to_owned(),
            started: Some(context.now()),
            pending,
            scope: run.scope.clone(),
            caller: run.caller.clone(),
            veil,
            ..Self::default()
        }
    }

    /// Learns from the output of an action what executions must not show.
    pub(super) fn learn(&mut self, action: &Action, output: &Value) {
        if action.mask_output {
            self.scope.masked.insert(action.id.clone());
            self.veil.hide_all(output);
        }
        self.veil.learn(output);
    }

    /// Notes what an action was given and what it gave.
    pub(super) fn note(
        &mut self,
        action: &Action,
        (started, ended): (Timestamp, Timestamp),
        input: &Value,
        output: &Value,
        has_failed: bool,
    ) {
        let mut shown = object(json!({
            "type": action.kind,
            "action": action.name,
            "status": if has_failed { "failed" } else { "completed" },
            "started_at": started,
            "ended_at": ended,
        }));
        if !input.is_null() {
            shown.insert("input".into(), self.veil.over(input));
        }
        match output.get("error").filter(|_| has_failed) {
            Some(error) => {
                shown.insert("error".into(), self.veil.over(error));
            }
            None if output.is_null() => {}
            None if action.mask_output => {
                shown.insert("output".into(), HIDDEN.into());
            }
            None => {
                shown.insert("output".into(), self.veil.over(output));
            }
        }
        self.trail.insert(action.id.clone(), shown.into());
    }
}
