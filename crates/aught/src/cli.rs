//! The command line.

use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc};

use actions::Runtime;
use clap::{Args, Parser, Subcommand};
use extensibility::Dispatcher;

use crate::{
    Failure, Server,
    administration::{self, Told, Wish},
    config::{DnsChecks, Settings},
    control, developer, flows, forms, pages, run,
    scripts::{self, RunAction, Sample},
    signals::Stop,
    telemetry, tenants, trial,
};

/// An identity platform that Auth0's clients can use unmodified.
#[derive(Debug, Parser)]
#[command(name = "aught", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, and it is read once")]
enum Command {
    /// Serve a tenant until Ctrl-C or SIGTERM
    ///
    /// The same port answers http and https. On an empty database, a tenant is made; its domain and the id and secret
    /// of its first client, which may do everything in the Management API, are printed once.
    #[command(after_long_help = VARIABLES)]
    Serve(Serve),
    /// Run a command against a tenant of its own
    ///
    /// A new tenant in memory answers on a free port. The command finds it in AUTH0_DOMAIN, AUTH0_CLIENT_ID,
    /// AUTH0_CLIENT_SECRET and AUTH0_AUDIENCE, and trusts its https by NODE_EXTRA_CA_CERTS, SSL_CERT_FILE,
    /// REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and, for the JVM, JAVA_TOOL_OPTIONS. When the command ends, the tenant is
    /// gone, and aught ends with the command's status. What is printed is the command's alone; the tenant's own log goes
    /// to the file of --log.
    Run(Run),
    /// List, make, unlock and delete the tenants of an installation
    ///
    /// Works on the database itself, or has the running server do it that holds a SQLite file.
    #[command(subcommand)]
    Tenants(Tenants),
    /// Try the scripts of a tenant's custom databases
    ///
    /// Works as `aught tenants` does: on the database itself, or through the running server that holds a SQLite file.
    #[command(subcommand)]
    Connections(Connections),
    /// Run a tenant's scripts without a tenant
    #[command(subcommand)]
    Actions(Actions),
    /// Run flows without a tenant
    #[command(subcommand)]
    Flows(Flows),
    /// Try templates, themes and texts of login pages without a tenant
    #[command(subcommand)]
    Pages(Pages),
    /// Try forms without a tenant
    #[command(subcommand)]
    Forms(Forms),
    /// Carry the embedded engine for a server
    #[command(name = scripts::WORKER, hide = true)]
    ScriptWorker,
}

#[derive(Debug, Subcommand)]
enum Tenants {
    /// Print the names and domains of all tenants
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Make a tenant and print its domain and the id and secret of its first client
    Create {
        /// What it is called: small letters, digits and hyphens
        name: String,
        /// The host, with its port unless that is 443, under which it is reached [default: NAME before the domain of
        /// the installation, with its port]
        #[arg(long, value_name = "HOST[:PORT]")]
        domain: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Make all network ACLs of a tenant inactive
    ///
    /// For whoever has locked themselves out: from here on requests from everywhere reach the tenant.
    Unlock {
        /// What it is called
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Delete a tenant with everything in it, and destroy the keys of its data
    Delete {
        /// What it is called
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Where the data of an installation is; as `serve` is told it.
#[derive(Debug, Args)]
struct Place {
    /// Read settings from a TOML file
    #[arg(long, value_name = "FILE", env = "AUGHT_CONFIG")]
    config: Option<PathBuf>,

    /// Where the data is: a SQLite file, or a `postgres://` address [default: ./aught.db]
    #[arg(long, value_name = "PATH | postgres://…", env = "AUGHT_DATABASE", hide_env_values = true)]
    database: Option<String>,

    /// Folder for the root key and the certificates [default: beside a SQLite file; ./aught-state for PostgreSQL]
    #[arg(long, value_name = "FOLDER", env = "AUGHT_STATE_DIR")]
    state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Connections {
    /// Run one script of a custom database and print its console, what it answered, and how long it took
    ///
    /// The script runs as a login would run it, with the connection's configuration, and changes what it changes. Ends with 1
    /// when the script refuses or fails.
    Try {
        #[command(flatten)]
        asked: trial::Asked,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
enum Flows {
    /// Run a file's flow and print what came of it, and what each action was given and gave
    ///
    /// The flow runs in a new tenant in memory, which AUTH0 actions reach by a vault connection. Ends with 1 when the flow fails.
    Run(flows::RunFlow),
}

#[derive(Debug, Subcommand)]
enum Forms {
    /// Show the steps of a form in a browser, and anew whenever its file changes
    ///
    /// Routers decide by what is entered on the step before; flows do not run, and count as completed.
    Preview(forms::Preview),
}

#[derive(Debug, Subcommand)]
enum Pages {
    /// Serve a screen in each of its states, and anew whenever one of the files changes
    ///
    /// Answers on this machine alone, until Ctrl-C. The address is printed.
    Preview(pages::Preview),
}

#[derive(Debug, Subcommand)]
enum Actions {
    /// Run a file's Action, rule or hook and print its console, what it asked for, and how long it took
    ///
    /// The same runtime and limits as a server's. Ends with 1 when the code fails, as it does on a syntax error.
    Run {
        // It has many options, and there is one of it.
        #[command(flatten)]
        asked: Box<RunAction>,
        #[command(flatten)]
        place: Place,
    },
    /// Print a sample event of a trigger, to be changed and given to `run --event`
    Sample(Sample),
}

/// Secrets are no flags because every process of a machine can read command lines.
const VARIABLES: &str = "\
Each flag may also stand in the file of --config (in TOML, with underscores: state_dir = \"…\"). Flags win over
variables, variables over the file.

Only in variables or in the file:
  AUGHT_ROOT_KEY               Key that protects the secrets in the database: 32 bytes in base64 or hex
                               [default: a file beside the certificates, made at the first start]
  AUGHT_DATABASE_PASSWORD      Password of the PostgreSQL user, where neither the address nor a file has it
  AUGHT_INITIAL_CLIENT_ID      Id of the client that a new tenant gets [default: made up]
  AUGHT_INITIAL_CLIENT_SECRET  Secret of that client [default: made up]
  AUGHT_EVENTBRIDGE_ACCESS_KEY_ID, AUGHT_EVENTBRIDGE_SECRET_ACCESS_KEY
                               The key that puts events on event buses of Amazon EventBridge [default: none]
  AUGHT_EVENTGRID_KEY          Access key of the topic at Azure Event Grid [default: none]
  AUGHT_DEVELOPER_SECRET       What POST /_aught/sessions asks for [default: made up and printed at each start]";

#[derive(Debug, Args)]
struct Serve {
    /// Read settings from a TOML file
    #[arg(long, value_name = "FILE", env = "AUGHT_CONFIG")]
    config: Option<PathBuf>,

    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
struct Run {
    /// Write the server's log to a file, one JSON object a line [default: it is not written]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// The least important level of its lines, overall or by part (`info,aught::requests=debug`)
    #[arg(long, value_name = "FILTER", env = "AUGHT_LOG", default_value = "info")]
    log_level: String,

    /// Whether a custom domain is proven by its DNS record, or taken to be the tenant's
    #[arg(long, value_name = "check | trust", env = "AUGHT_DNS", default_value = "check")]
    dns: DnsChecks,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Does what the command line says and tells how the process should end.
pub fn command_line() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(serve) => on_runtime(self::serve(serve)),
        Command::Run(run) => on_runtime(run::run(run.log, run.log_level, run.dns, run.command)),
        Command::Tenants(wish) => on_runtime(self::tenants(wish)),
        Command::Connections(Connections::Try { asked, place }) => on_runtime(self::attempt(asked, place)),
        Command::Actions(Actions::Run { asked, place }) => on_runtime(run_action(*asked, place)),
        Command::Actions(Actions::Sample(asked)) => scripts::sample(&asked),
        Command::Flows(Flows::Run(asked)) => on_runtime(flows::run(asked)),
        Command::Forms(Forms::Preview(asked)) => on_runtime(forms::preview(asked)),
        Command::Pages(Pages::Preview(asked)) => on_runtime(pages::preview(asked)),
        Command::ScriptWorker => Ok(actions::script_worker()),
    };
    done.unwrap_or_else(|failure| {
        telemetry::complain(&failure.to_string());
        ExitCode::FAILURE
    })
}

fn on_runtime(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("starting threads", error))?;
    let ended = runtime.block_on(work);
    // Whatever still runs is of no use to anyone any more.
    runtime.shutdown_background();
    ended
}

async fn tenants(asked: Tenants) -> Result<ExitCode, Failure> {
    let (wish, place) = match asked {
        Tenants::List { place } => (Wish::List, place),
        Tenants::Create { name, domain, place } => (Wish::Create { name, domain }, place),
        Tenants::Unlock { name, place } => (Wish::Unlock { name }, place),
        Tenants::Delete { name, place } => (Wish::Delete { name }, place),
    };
    wish_for(wish, place).await
}

async fn attempt(asked: trial::Asked, place: Place) -> Result<ExitCode, Failure> {
    wish_for(Wish::Try(asked.into_trial()?), place).await
}

/// Runs a file's code, on what code was told before where that is asked for.
async fn run_action(asked: RunAction, place: Place) -> Result<ExitCode, Failure> {
    telemetry::start_log("warn", None)?;
    let recorded = match asked.recorded() {
        Some((tenant, id)) => Some(granted(Wish::Recorded { tenant, id }, place).await?.text),
        None => None,
    };
    scripts::run(asked, recorded.as_deref()).await
}

async fn wish_for(wish: Wish, place: Place) -> Result<ExitCode, Failure> {
    telemetry::start_log("warn", None)?;
    let told = granted(wish, place).await?;
    telemetry::say(&told.text);
    Ok(ExitCode::from(told.status))
}

/// Asks the running server, else does it on the database itself.
async fn granted(wish: Wish, place: Place) -> Result<Told, Failure> {
    let settings = Settings::of_place(place.database, place.state_dir).resolve(place.config.as_deref())?;
    let config = settings.config()?;
    if let Some(told) = control::ask(&config.state, &wish).await? {
        return Ok(told);
    }
    let store = tenants::open_store(&config).await?;
    let (_kept, packages) = scripts::packages_of(&config.state)?;
    // An operator's own machine: what they can call, their code may, unless they say otherwise.
    let runtime = Runtime::new(config.scripts(packages), Arc::new(config.outbound(true)));
    let told = administration::perform(&Dispatcher::new(store.clone(), runtime), wish).await;
    store.close().await;
    told
}

/// Tells what makes a flaw in this server or in tenants' code worse than it need be.
fn warn_of_rights() {
    if rustix::process::geteuid().is_root() {
        tracing::warn!(
            "running as root: whoever breaks in has the whole machine; give the server a user of its own, who owns only its state"
        );
    }
    if !actions::can_confine() {
        tracing::warn!(
            "the kernel cannot keep the server's files from the code of Actions, rules and hooks: packages on the embedded \
             engine, and any code on a Node older than 20, are refused unless --actions-confinement says waive"
        );
    }
}

async fn serve(serve: Serve) -> Result<ExitCode, Failure> {
    let settings = serve.settings.resolve(serve.config.as_deref())?;
    telemetry::start_log(settings.log().unwrap_or("info"), None)?;
    warn_of_rights();
    let mut stop = Stop::listen()?;
    let running = Server::start(settings.config()?).await?;
    if let Some(fresh) = &running.fresh {
        telemetry::say(&fresh.told(&running.domain));
    }
    if let Some(secret) = &running.developer_secret {
        telemetry::say(&developer::told(&running.domain, secret));
    }
    stop.requested().await;
    tracing::info!("stopping");
    tokio::select! {
        () = running.stop() => Ok(ExitCode::SUCCESS),
        // Who asks twice does not want to wait.
        () = stop.requested() => Err(Failure::new("stopping", "cut short by a second signal")),
    }
}
