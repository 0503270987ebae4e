//! One call of a program: what goes in and what comes out.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use kernel::{Document, Value};
use serde::{Deserialize, Serialize};

/// A call of a program's handler.
#[derive(Clone)]
pub struct Invocation {
    /// The trigger, such as `post-login`, or a hook's extensibility point. It decides which `api` an Action sees.
    pub trigger: String,
    /// The trigger's version, such as `v3`. At `v1`, the old triggers take `(event, context)` and answer by their return value.
    pub version: String,
    /// The exported function to call, such as `onExecutePostLogin`; empty for rules, hooks, and a trigger's first handler.
    pub handler: String,
    /// The event; for a rule `[user, context]`, for a hook or a script of a database the list of its arguments before the callback.
    pub event: Value,
    /// What `api` must know and the event does not tell: `executed_rules` (ids) for `api.rules.wasExecuted`, `target_scopes` (true) to
    /// let `api.transaction` change them, `globals` (object) for a rule's `auth0`.
    pub facts: Document,
    /// What is left of the trigger's wall time.
    pub time_left: Duration,
    /// Answers the questions of `api.groups`, `api.roles` and a rule's `auth0`.
    pub services: Option<Arc<dyn Services>>,
}

impl Invocation {
    /// A call of an Action's handler at a trigger's newest version, with twenty seconds of time.
    pub fn new(trigger: &str, handler: &str, event: Value) -> Self {
        Self {
            trigger: trigger.to_owned(),
            version: String::new(),
            handler: handler.to_owned(),
            event,
            facts: Document::new(),
            time_left: Duration::from_secs(20),
            services: None,
        }
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("trigger", &self.trigger)
            .field("handler", &self.handler)
            .field("time_left", &self.time_left)
            .finish_non_exhaustive()
    }
}

/// What tenant code can ask the platform while it runs.
pub trait Services: Send + Sync {
    /// Answers a question, `roles.getUserEffectiveRoles` with its validated arguments for example; an error's text is thrown in
    /// the tenant's code.
    fn ask<'a>(&'a self, question: &'a str, arguments: Vec<Value>) -> BoxFuture<'a, Result<Value, String>>;
}

/// What a call asked for and how it went.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The effects that the code asked for, in order.
    pub commands: Vec<Command>,
    /// What a rule, a hook or a script of a database passed to its callback after the error, a list; what the handler of a `v1` trigger returned.
    pub result: Option<Value>,
    /// The event, where the `api` updated it.
    pub event: Option<Value>,
    /// What was written to the console, cut at the limit.
    pub console: Vec<ConsoleLine>,
    /// What went wrong, in the tenant's code or by a limit. The commands until then still stand.
    pub error: Option<ScriptError>,
    /// How long it took.
    pub stats: Stats,
}

/// An effect that code asked for through its `api`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// The path in the api: `access.deny`, `accessToken.setCustomClaim`.
    pub name: String,
    /// The arguments, validated, with defaults filled in.
    #[serde(default)]
    pub arguments: Vec<Value>,
}

/// A line that code wrote to its console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsoleLine {
    /// `log`, `info`, `warn`, `error`, `debug` or `trace`.
    pub level: String,
    /// The arguments as text.
    pub text: String,
}

/// An error of a tenant's code, or the end that a limit put to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScriptError {
    /// The error's class: `TypeError`, a class of the tenant's, or `LimitError` and `WorkerError` of the runtime's own.
    pub name: String,
    /// What went wrong.
    pub message: String,
    /// The stack as far as it lies in the tenant's code, in the engine's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The line in the tenant's code, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in that line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What else the error carried, `code` or `statusCode` for example.
    #[serde(default, skip_serializing_if = "Document::is_empty")]
    pub properties: Document,
}

impl ScriptError {
    /// The end that a limit put to the code.
    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self { name: "LimitError".into(), message: message.into(), ..Self::default() }
    }

    /// A failure of the worker that the code ran in.
    pub(crate) fn worker(message: impl Into<String>) -> Self {
        Self { name: "WorkerError".into(), message: message.into(), ..Self::default() }
    }
}

/// How long the parts of a call took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// From the request to run until the outcome.
    pub total: Duration,
    /// Waiting for a worker: starting one, or until one was free.
    pub boot: Duration,
    /// In the worker: loading the program, if it was not, and running it.
    pub action: Duration,
    /// Of `action`, with calls to other servers under way.
    pub external: Duration,
    /// Processor time that the worker used.
    pub cpu: Duration,
}
