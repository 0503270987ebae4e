//! `aught run`: a command, and a tenant that lives as long as it.

use std::{
    ffi::OsString,
    io::{ErrorKind, IsTerminal},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitCode, ExitStatus},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::{Config, Failure, Server, config::DnsChecks, telemetry, trust};

/// Runs the command against a new tenant and ends as it ends.
pub(crate) async fn run(
    log: Option<PathBuf>,
    level: String,
    dns: DnsChecks,
    command: Vec<OsString>,
) -> Result<ExitCode, Failure> {
    // The command's own output stays its own: without a file there is no log.
    let level = if log.is_some() { level.as_str() } else { "off" };
    telemetry::start_log(level, log.as_deref())?;
    // Taken over before the command starts, so that no signal ends us alone and leaves it behind.
    let mut signals = forwarded_signals()?;
    let running = Server::start(Config { dns: dns.into(), ..Config::in_memory() }).await?;
    let fresh = running.fresh.clone().expect("a store in memory begins empty");
    let folder = tempfile::Builder::new().prefix("aught-run-").tempdir();
    let folder = folder.map_err(|error| Failure::new("a folder for certificates", error))?;
    let authority = running.authority().await?;
    let (program, arguments) = command.split_first().expect("the command line asks for a command");
    let developer_secret = running.developer_secret.as_ref().map(|secret| secret.reveal().to_owned());
    let child = Command::new(program)
        .args(arguments)
        .envs(developer_secret.map(|secret| ("AUGHT_DEVELOPER_SECRET", secret)))
        .envs(trust::variables(folder.path(), &authority)?)
        .env("AUTH0_DOMAIN", &running.domain)
        .env("AUTH0_CLIENT_ID", &fresh.client_id)
        .env("AUTH0_CLIENT_SECRET", fresh.client_secret.reveal())
        .env("AUTH0_AUDIENCE", format!("https://{}/api/v2/", running.domain))
        .kill_on_drop(true)
        .spawn();
    let code = match child {
        Ok(mut child) => exit_code(wait(&mut child, &mut signals).await?),
        Err(error) => {
            telemetry::complain(&format!("{}: {error}", program.to_string_lossy()));
            // As shells tell it: found but not to be run, and not found.
            if error.kind() == ErrorKind::NotFound { 127 } else { 126 }
        }
    };
    running.stop().await;
    Ok(ExitCode::from(code))
}

/// Waits for the command, and passes on the signals that come meanwhile.
async fn wait(child: &mut Child, signals: &mut mpsc::Receiver<Signal>) -> Result<ExitStatus, Failure> {
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(|error| Failure::new("waiting for the command", error)),
            Some(signal) = signals.recv() => {
                // Ctrl-C on a terminal reaches the command by itself; twice, it would mean something else to many programs.
                let has_it = signal == Signal::INT && std::io::stdin().is_terminal();
                if let Some(pid) = pid.filter(|_| !has_it) {
                    let _ = kill_process(pid, signal);
                }
            }
        }
    }
}

fn forwarded_signals() -> Result<mpsc::Receiver<Signal>, Failure> {
    let (send, receive) = mpsc::channel(8);
    for passed in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2] {
        let mut incoming = signal(SignalKind::from_raw(passed.as_raw()))
            .map_err(|error| Failure::new("listening to signals", error))?;
        let send = send.clone();
        tokio::spawn(async move { while incoming.recv().await.is_some() && send.send(passed).await.is_ok() {} });
    }
    Ok(receive)
}

/// The status as shells tell it: 128 and the signal's number for a command that a signal ended.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
