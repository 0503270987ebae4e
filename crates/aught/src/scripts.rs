//! Tenants' scripts on the command line: `aught actions run`, and the worker that carries the embedded engine.

use std::{
    ffi::OsString,
    fmt::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actions::{Dependency, Engine, Invocation, Module, Outcome, Program, ProgramKind, Runtime, samples};
use clap::{Args, ValueEnum};
use kernel::{Document, TenantId, Value};
use serde::Deserialize;
use tempfile::TempDir;

use crate::{ActionsConfinement, ActionsEngine, Failure, State, config::variable, files, telemetry};

/// The hidden command that starts the embedded engine's worker.
pub(crate) const WORKER: &str = "script-worker";

/// How often files that are watched are looked at: a change shows within a tenth of a second.
const LOOK: Duration = Duration::from_millis(40);

/// How the runtime is set up on this machine, with packages in `directory`.
pub(crate) fn settings(engine: Engine, directory: PathBuf) -> actions::Settings {
    let mut settings = actions::Settings::new(directory);
    settings.engine = engine;
    settings.search_path = variable("PATH").unwrap_or_default();
    settings.home = variable("HOME").unwrap_or_default();
    // As the npm client itself reads it.
    let registry = variable("NPM_CONFIG_REGISTRY").or_else(|| variable("npm_config_registry"));
    settings.registry = registry.and_then(|address| address.into_string().ok());
    if let Ok(program) = std::env::current_exe() {
        settings.embedded = vec![program.into(), OsString::from(WORKER)];
    }
    settings
}

/// A program to run, and what to give it.
#[derive(Debug, Args)]
pub(crate) struct RunAction {
    /// The code of the Action, rule or hook
    #[arg(value_name = "FILE")]
    code: PathBuf,

    /// What the code is
    #[arg(long, value_name = "action | rule | hook", default_value = "action")]
    kind: Kind,

    /// The trigger whose handler is called; for a hook its extensibility point
    #[arg(long, value_name = "TRIGGER", default_value = "post-login")]
    trigger: String,

    /// The handler, where the trigger has several [default: the trigger's first]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    handler: String,

    /// The event, as JSON: for an Action an object, for a rule the list of user and context, for a hook the list of its
    /// arguments before the callback [default: an empty one]
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,

    /// Give the code a sample event of its trigger; `aught actions sample` prints it
    #[arg(long, conflicts_with = "event")]
    sample: bool,

    /// Give the code the event with which code was called on a server whose developer tools are on: ID is that of a log entry or of an
    /// execution. Its trigger, handler and version are those of then; credentials in it are masked
    #[arg(long, value_name = "ID", conflicts_with_all = ["event", "sample", "trigger", "handler"])]
    from_log: Option<String>,

    /// Of several Actions of such an execution, the one with this name [default: the first]
    #[arg(long, value_name = "NAME", requires = "from_log")]
    action: Option<String>,

    /// The tenant of such an execution [default: the one at the installation's domain]
    #[arg(long, value_name = "NAME", requires = "from_log")]
    tenant: Option<String>,

    /// The secrets, as a JSON object of texts; for a rule its configuration
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,

    /// A package of npm that the code requires; may be given often
    #[arg(long = "dependency", value_name = "NAME[@VERSION]")]
    dependencies: Vec<String>,

    /// An Actions module that the code requires as `actions:NAME`; may be given often
    #[arg(long = "module", value_name = "NAME=FILE")]
    modules: Vec<String>,

    /// The JavaScript engine: Node, the engine within this program, or Node where it is found
    #[arg(long, value_name = "auto | node | embedded", env = "AUGHT_ACTIONS_ENGINE", default_value = "auto")]
    engine: ActionsEngine,

    /// Where the kernel cannot keep your files from code: whether code that only it would keep from them is refused, or
    /// run by your explicit will (waive)
    #[arg(long, value_name = "require | waive", env = "AUGHT_ACTIONS_CONFINEMENT", default_value = "require")]
    confinement: ActionsConfinement,

    /// Address of the registry of npm packages [default: the one that the npm client is set to]
    #[arg(long, value_name = "ADDRESS", env = "AUGHT_ACTIONS_REGISTRY", hide_env_values = true)]
    registry: Option<String>,

    /// Run again whenever one of the files changes, until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// What code was called with, once it has been looked up.
    #[arg(skip)]
    told: Option<Recorded>,
}

/// What code was called with.
#[derive(Clone, Debug, Deserialize)]
struct Recorded {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    version: String,
    #[serde(default)]
    handler: String,
    event: Value,
    #[serde(skip)]
    trigger: String,
}

/// The trigger to print a sample event of.
#[derive(Debug, Args)]
pub(crate) struct Sample {
    /// What the code is
    #[arg(long, value_name = "action | rule | hook", default_value = "action")]
    kind: Kind,

    /// The trigger, or a hook's extensibility point
    #[arg(long, value_name = "TRIGGER", default_value = "post-login")]
    trigger: String,
}

/// Prints a sample event, to be changed and given to `--event`.
pub(crate) fn sample(asked: &Sample) -> Result<ExitCode, Failure> {
    let event = sample_of(asked.kind, &asked.trigger)?;
    telemetry::say(&format!("{event:#}\n"));
    Ok(ExitCode::SUCCESS)
}

fn sample_of(kind: Kind, trigger: &str) -> Result<Value, Failure> {
    let found = samples::event(kind.into(), trigger);
    found.ok_or_else(|| {
        Failure::new("the sample", format!("there is none for a {kind:?} at {trigger:?}").to_lowercase())
    })
}

/// What a file's code is.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Kind {
    /// Handlers in `exports`.
    Action,
    /// A function expression.
    Rule,
    /// A function in `module.exports`.
    Hook,
}

impl From<Kind> for ProgramKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Action => Self::Action,
            Kind::Rule => Self::Rule,
            Kind::Hook => Self::Hook,
        }
    }
}

/// Runs the program once, or again and again, and tells what came of it.
pub(crate) async fn run(mut asked: RunAction, recorded: Option<&str>) -> Result<ExitCode, Failure> {
    asked.told = recorded.map(|recorded| asked.of_log(recorded)).transpose()?;
    // An author's own machine: what they can call, their code may.
    let outbound = outbound::Client::new(true);
    let (_kept, packages) = packages()?;
    let mut settings = settings(asked.engine.into(), packages);
    settings.confinement = asked.confinement.into();
    if asked.registry.is_some() {
        settings.registry.clone_from(&asked.registry);
    }
    let runtime = Runtime::new(settings, Arc::new(outbound));
    loop {
        let state = asked.state();
        let ended = asked.once(&runtime).await;
        if !asked.watch {
            return ended;
        }
        if let Err(failure) = ended {
            telemetry::complain(&failure.to_string());
        }
        telemetry::say("\nwaiting for a change …\n");
        while asked.state() == state {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Where packages are kept: with the state, where it is kept in files, else as [`packages`] says.
pub(crate) fn packages_of(state: &State) -> Result<(Option<TempDir>, PathBuf), Failure> {
    match state.file("packages") {
        Some(place) => Ok((None, place)),
        None => packages(),
    }
}

/// Where packages are kept that belong to no state: in the person's cache, so that the next run has them, else in a folder that
/// nobody else can write to and that goes when the first part is dropped.
fn packages() -> Result<(Option<TempDir>, PathBuf), Failure> {
    let cache = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")));
    if let Some(cache) = cache {
        return Ok((None, cache.join("aught/packages")));
    }
    let folder = tempfile::Builder::new().prefix("aught-packages-").tempdir();
    let folder = folder.map_err(|error| Failure::new("a folder for packages", error))?;
    let place = folder.path().to_owned();
    Ok((Some(folder), place))
}

impl RunAction {
    /// Where the code is to run on what code was told by a server: the tenant, and the log entry or execution.
    pub(crate) fn recorded(&self) -> Option<(Option<String>, String)> {
        Some((self.tenant.clone(), self.from_log.clone()?))
    }

    /// The call that is meant of those of an execution.
    fn of_log(&self, recorded: &str) -> Result<Recorded, Failure> {
        #[derive(Deserialize)]
        struct Told {
            trigger: Option<String>,
            steps: Vec<Recorded>,
        }
        let told: Told = serde_json::from_str(recorded).map_err(|error| Failure::new("the event", error))?;
        let is_meant = |step: &Recorded| self.action.as_ref().is_none_or(|name| step.name.as_ref() == Some(name));
        let step = told.steps.into_iter().find(is_meant);
        let step = step.ok_or_else(|| Failure::new("the event", "no Action of this name was called"))?;
        Ok(Recorded { trigger: told.trigger.unwrap_or_default(), ..step })
    }

    /// When each file was last written.
    fn state(&self) -> Vec<Option<SystemTime>> {
        let modules = self.modules.iter().filter_map(|module| module.split_once('=')).map(|(_, file)| Path::new(file));
        let given =
            [Some(&self.code), self.event.as_ref(), self.secrets.as_ref()].into_iter().flatten().map(PathBuf::as_path);
        files::written(given.chain(modules))
    }

    async fn once(&self, runtime: &Runtime) -> Result<ExitCode, Failure> {
        let mut program = self.program()?;
        let event = match &self.told {
            Some(told) => told.event.clone(),
            None => self.event()?,
        };
        program.dependencies = runtime.build(&program).await.map_err(|error| Failure::new("the build", error))?;
        // A rule has no trigger, and only an Action has handlers.
        let call = match (self.kind, &self.told) {
            (Kind::Action, Some(Recorded { version, handler, trigger, .. })) => {
                Invocation { version: version.clone(), ..Invocation::new(trigger, handler, event) }
            }
            (Kind::Action, None) => Invocation::new(&self.trigger, &self.handler, event),
            (Kind::Rule, _) => Invocation::new("", "", event),
            (Kind::Hook, _) => Invocation::new(&self.trigger, "", event),
        };
        let outcome = runtime.run(&Arc::new(program), call).await;
        telemetry::say(&told(&outcome));
        Ok(if outcome.error.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// What the code is called with: the file, the sample, or as little as there can be.
    fn event(&self) -> Result<Value, Failure> {
        let event = match &self.event {
            Some(file) => files::json(file)?,
            None if self.sample => sample_of(self.kind, &self.trigger)?,
            None => match self.kind {
                Kind::Action => Value::Object(Document::new()),
                Kind::Rule => Value::Array(vec![Document::new().into(), Document::new().into()]),
                Kind::Hook => Value::Array(Vec::new()),
            },
        };
        let fits = if self.kind == Kind::Action { event.is_object() } else { event.is_array() };
        let expected = if self.kind == Kind::Action { "expected an object" } else { "expected a list of arguments" };
        if fits { Ok(event) } else { Err(Failure::new("the event", expected)) }
    }

    fn program(&self) -> Result<Program, Failure> {
        let code = files::text(&self.code)?;
        let secrets = match self.secrets.as_deref().map(files::json).transpose()? {
            None => Document::new(),
            Some(Value::Object(secrets)) => secrets,
            Some(_) => return Err(Failure::new("the secrets", "expected an object of texts")),
        };
        let modules: Result<Vec<Module>, Failure> = self.modules.iter().map(|given| module(given)).collect();
        let modules = modules?;
        let parts = [&code].into_iter().chain(modules.iter().map(|module| &module.code));
        let id: String = parts.map(String::as_str).chain([Value::from(secrets.clone()).to_string().as_str()]).collect();
        Ok(Program {
            tenant: TenantId::new("local"),
            // Content that changes is another program; the same content stays warm.
            id,
            name: self.code.display().to_string(),
            kind: self.kind.into(),
            code,
            modules,
            dependencies: self.dependencies.iter().map(|given| dependency(given)).collect(),
            configuration: if self.kind == Kind::Rule { secrets.clone() } else { Document::new() },
            secrets,
        })
    }
}

fn dependency(given: &str) -> Dependency {
    // The first character may be the scope's sign.
    let at = given.char_indices().skip(1).find(|(_, sign)| *sign == '@').map(|(at, _)| at);
    let (name, version) = at.map_or((given, ""), |at| (&given[..at], &given[at + 1..]));
    Dependency { name: name.to_owned(), version: version.to_owned() }
}

fn module(given: &str) -> Result<Module, Failure> {
    let (name, file) = given.split_once('=').ok_or_else(|| Failure::new(given, "expected NAME=FILE"))?;
    Ok(Module {
        name: name.to_owned(),
        code: files::text(Path::new(file))?,
        secrets: Document::new(),
        dependencies: Vec::new(),
    })
}

/// An outcome for a person who reads it on a terminal.
pub(crate) fn told(outcome: &Outcome) -> String {
    let mut told = String::new();
    for line in &outcome.console {
        let _ = writeln!(told, "{:>5} | {}", line.level, line.text.replace('\n', "\n      | "));
    }
    if let Some(result) = &outcome.result {
        let _ = writeln!(told, "answers {result}");
    }
    for command in &outcome.commands {
        let arguments: Vec<String> = command.arguments.iter().map(ToString::to_string).collect();
        let _ = writeln!(told, "api.{}({})", command.name, arguments.join(", "));
    }
    if let Some(error) = &outcome.error {
        let head = format!("{}: {}", error.name, error.message);
        let stack = error.stack.as_deref().unwrap_or_default();
        let _ = writeln!(
            told,
            "{}",
            if stack.contains(&error.message) { stack.to_owned() } else { format!("{head}\n{stack}") }.trim_end()
        );
    }
    let stats = outcome.stats;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    let _ = writeln!(
        told,
        "{:.1} ms: {:.1} ms until a worker was ready, {:.1} ms in it ({:.1} ms of them waiting for others), {:.1} ms of processor time",
        milliseconds(stats.total),
        milliseconds(stats.boot),
        milliseconds(stats.action),
        milliseconds(stats.external),
        milliseconds(stats.cpu),
    );
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_may_have_a_scope_and_a_version() {
        let parts = |given| {
            let found = dependency(given);
            (found.name, found.version)
        };
        assert_eq!(parts("lodash"), ("lodash".into(), String::new()));
        assert_eq!(parts("lodash@4.17.21"), ("lodash".into(), "4.17.21".into()));
        assert_eq!(parts("@a/b"), ("@a/b".into(), String::new()));
        assert_eq!(parts("@a/b@^1"), ("@a/b".into(), "^1".into()));
    }
}
