//! Runtimes of both engines, and programs in a line.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, LazyLock},
    time::Duration,
};

use aught_actions::{
    Dependency, Engine, Invocation, Limits, Module, Outbound, Outcome, Program, ProgramKind, Runtime, Settings,
};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use kernel::{Document, TenantId, Value};
use serde_json::json;

/// A runtime with one engine.
pub(crate) struct TestRuntime {
    pub(crate) runtime: Runtime,
    pub(crate) engine: Engine,
}

impl fmt::Display for TestRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.engine)
    }
}

/// The engines of this machine.
pub(crate) struct Engines;

static DIRECTORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));

#[expect(clippy::disallowed_methods, reason = "where programs are is the test environment's to tell")]
fn search_path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

impl Engines {
    /// A runtime with small limits for each engine.
    pub(crate) async fn all() -> Vec<TestRuntime> {
        Self::with(|_| {}).await
    }

    /// The same, with settings changed.
    pub(crate) async fn with(change: impl Fn(&mut Settings)) -> Vec<TestRuntime> {
        let mut found = Vec::new();
        for engine in [Engine::Node, Engine::Embedded] {
            let runtime = runtime(engine, &change);
            let probe =
                runtime.run(action("exports.onExecutePostLogin = async () => {};"), "post-login", json!({})).await;
            match probe.error {
                Some(error) if error.message.contains("not on the search path") => eprintln!("skipped: no node here"),
                Some(error) => panic!("{engine:?}: {error:?}"),
                None => found.push(runtime),
            }
        }
        found
    }
}

/// A runtime with one engine, small limits and changed settings.
pub(crate) fn runtime(engine: Engine, change: impl Fn(&mut Settings)) -> TestRuntime {
    let mut settings = Settings::new(DIRECTORY.path().to_owned());
    settings.engine = engine;
    settings.search_path = search_path();
    settings.embedded = option_env!("CARGO_BIN_EXE_script-worker").into_iter().map(Into::into).collect();
    settings.limits = Limits { cpu: Duration::from_secs(1), memory: 48 << 20, ..Limits::default() };
    change(&mut settings);
    TestRuntime { runtime: Runtime::new(settings, Arc::new(Echo)), engine }
}

impl TestRuntime {
    /// Runs an Action's first handler of a trigger.
    pub(crate) async fn run(&self, program: Building, trigger: &str, event: Value) -> Outcome {
        self.call(program, Invocation::new(trigger, handler_of(trigger), event)).await
    }

    /// Runs a program.
    pub(crate) async fn call(&self, program: Building, mut call: Invocation) -> Outcome {
        call.time_left = call.time_left.min(Duration::from_secs(30));
        self.runtime.run(&Arc::new(program.0), call).await
    }
}

/// A program under construction.
#[derive(Clone)]
pub(crate) struct Building(pub(crate) Program);

/// An Action.
pub(crate) fn action(code: &str) -> Building {
    program(ProgramKind::Action, code)
}

/// A program of any kind.
pub(crate) fn program(kind: ProgramKind, code: &str) -> Building {
    let id = format!("{:x}", code.bytes().fold(code.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())));
    Building(Program {
        tenant: TenantId::new("tests"),
        id,
        name: "test".into(),
        kind,
        code: code.into(),
        modules: Vec::new(),
        dependencies: Vec::new(),
        secrets: Document::new(),
        configuration: Document::new(),
    })
}

impl Building {
    pub(crate) fn secret(mut self, name: &str, value: &str) -> Self {
        self.0.secrets.insert(name.into(), value.into());
        self
    }

    pub(crate) fn configuration(mut self, name: &str, value: &str) -> Self {
        self.0.configuration.insert(name.into(), value.into());
        self
    }

    pub(crate) fn module(mut self, name: &str, code: &str, secrets: Value) -> Self {
        let Value::Object(secrets) = secrets else { panic!("secrets are an object") };
        self.0.modules.push(Module { name: name.into(), code: code.into(), secrets, dependencies: Vec::new() });
        self
    }

    pub(crate) fn depends(mut self, name: &str, version: &str) -> Self {
        self.0.dependencies.push(Dependency { name: name.into(), version: version.into() });
        self
    }

    pub(crate) fn of(mut self, tenant: &str) -> Self {
        self.0.tenant = TenantId::new(tenant);
        self
    }
}

/// The first handler of a trigger.
pub(crate) fn handler_of(trigger: &str) -> &'static str {
    match trigger {
        "post-login" => "onExecutePostLogin",
        "credentials-exchange" => "onExecuteCredentialsExchange",
        "pre-user-registration" => "onExecutePreUserRegistration",
        "post-user-registration" => "onExecutePostUserRegistration",
        "post-change-password" => "onExecutePostChangePassword",
        "send-phone-message" => "onExecuteSendPhoneMessage",
        "password-reset-post-challenge" => "onExecutePostChallenge",
        "custom-phone-provider" => "onExecuteCustomPhoneProvider",
        "custom-email-provider" => "onExecuteCustomEmailProvider",
        "custom-token-exchange" => "onExecuteCustomTokenExchange",
        "event-stream" => "onExecuteEventStream",
        "password-hash-migration" => "onExecutePasswordHashMigration",
        other => panic!("{other} is no trigger"),
    }
}

/// The commands as lists of name and arguments.
pub(crate) fn commands(outcome: &Outcome) -> Value {
    let line = |command: &aught_actions::Command| {
        let mut line = vec![Value::from(command.name.as_str())];
        line.extend(command.arguments.iter().cloned());
        Value::from(line)
    };
    outcome.commands.iter().map(line).collect()
}

/// The console as lines with their level.
pub(crate) fn console(outcome: &Outcome) -> Vec<String> {
    outcome.console.iter().map(|line| format!("{} {}", line.level, line.text)).collect()
}

/// An internet of one server that tells what it was asked; all else is refused.
struct Echo;

impl Outbound for Echo {
    fn send(&self, request: Request<Bytes>, limit: usize) -> BoxFuture<'_, Result<Response<Bytes>, String>> {
        Box::pin(async move {
            let uri = request.uri();
            if uri.host() != Some("api.example") {
                return Err(format!(
                    "Calls to \"{}\" are not allowed: it is not a public address.",
                    uri.host().unwrap_or("?")
                ));
            }
            let mut answer = Response::builder().header("content-type", "application/json");
            let body = match uri.path() {
                "/moved" => {
                    answer = answer.status(302).header("location", "/here?moved=1");
                    String::new()
                }
                "/large" => "x".repeat(limit + 1),
                "/missing" => {
                    answer = answer.status(404);
                    json!({"error": "missing"}).to_string()
                }
                _ => {
                    let headers: Document = (request.headers().iter())
                        .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().into()))
                        .collect();
                    json!({
                        "method": request.method().as_str(),
                        "url": uri.to_string(),
                        "headers": headers,
                        "body": String::from_utf8_lossy(request.body()),
                    })
                    .to_string()
                }
            };
            if body.len() > limit {
                return Err("The answer of \"api.example\" is too large.".into());
            }
            Ok(answer.body(Bytes::from(body)).expect("it is valid"))
        })
    }
}

/// Where this crate stands.
pub(crate) fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
