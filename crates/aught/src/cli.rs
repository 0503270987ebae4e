//! The command line.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    Failure, Server,
    config::Settings,
    run,
    scripts::{self, RunAction},
    signals::Stop,
    telemetry,
};

/// An identity platform that Auth0's clients can use unmodified.
#[derive(Debug, Parser)]
#[command(name = "aught", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
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
    /// gone, and aught ends with the command's status.
    Run(Run),
    /// Run a tenant's scripts without a tenant
    #[command(subcommand)]
    Actions(Actions),
    /// Carry the embedded engine for a server
    #[command(name = scripts::WORKER, hide = true)]
    ScriptWorker,
}

#[derive(Debug, Subcommand)]
enum Actions {
    /// Run a file's Action and print its console, what it asked for, and how long it took
    ///
    /// The same runtime and limits as a server's. Ends with 1 when the Action fails.
    Run(RunAction),
}

/// Secrets are no flags because every process of a machine can read command lines.
const VARIABLES: &str = "\
Each flag may also stand in the file of --config (in TOML, with underscores: state_dir = \"…\"). Flags win over
variables, variables over the file.

Only in variables or in the file:
  AUGHT_ROOT_KEY               Key that protects the secrets in the database: 32 bytes in base64 or hex
                               [default: a file beside the certificates, made at the first start]
  AUGHT_INITIAL_CLIENT_ID      Id of the client that a new tenant gets [default: made up]
  AUGHT_INITIAL_CLIENT_SECRET  Secret of that client [default: made up]";

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
    /// The least important level of log lines, overall or by part (`info,aught::requests=debug`)
    #[arg(long, value_name = "FILTER", env = "AUGHT_LOG", default_value = "warn")]
    log: String,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Does what the command line says and tells how the process should end.
pub fn command_line() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(serve) => on_runtime(self::serve(serve)),
        Command::Run(run) => on_runtime(run::run(run.log, run.command)),
        Command::Actions(Actions::Run(asked)) => on_runtime(scripts::run(asked)),
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

async fn serve(serve: Serve) -> Result<ExitCode, Failure> {
    let settings = serve.settings.resolve(serve.config.as_deref())?;
    telemetry::start_log(settings.log().unwrap_or("info"))?;
    let mut stop = Stop::listen()?;
    let running = Server::start(settings.config()?).await?;
    if let Some(fresh) = &running.fresh {
        telemetry::say(&format!(
            "A new tenant is ready. Keep the secret: it is shown only now.\n\n  \
             domain         {}\n  client id      {}\n  client secret  {}\n\n",
            running.domain,
            fresh.client_id,
            fresh.client_secret.reveal()
        ));
    }
    stop.requested().await;
    tracing::info!("stopping");
    tokio::select! {
        () = running.stop() => Ok(ExitCode::SUCCESS),
        // Who asks twice does not want to wait.
        () = stop.requested() => Err(Failure::new("stopping", "cut short by a second signal")),
    }
}
