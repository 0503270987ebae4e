//! The way from the command line to a running server that holds the database for itself: a socket in the state's folder,
//! which the server's own user alone may use. One line of JSON asks, one answers.

use std::{
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use extensibility::Dispatcher;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    Failure, State,
    administration::{self, Told, Wish},
};

/// The name of the state's file that is the socket.
const SOCKET: &str = "control";
/// The longest line.
const LONGEST: u64 = 64 * 1024;
/// How long whoever connects may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Reply {
    Done(Told),
    Refused(String),
}

/// A socket that is open; removed when this is dropped.
pub(crate) struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Control {
    /// Opens the socket of a server whose state is kept in files. Without one the server does its work all the same.
    pub(crate) fn open(state: &State, dispatcher: Dispatcher) -> Option<Self> {
        let path = state.file(SOCKET)?;
        let listener = bind(&path)
            .inspect_err(
                |error| tracing::warn!(path = %path.display(), %error, "`aught tenants` and `aught connections` cannot reach this server"),
            )
            .ok()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let dispatcher = dispatcher.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, &dispatcher).await {
                        tracing::debug!(%error, "a wish of the command line was not understood");
                    }
                });
            }
        });
        Some(Self { path, task })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // Left behind by a server that was killed: this one holds the database.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn answer(mut stream: UnixStream, dispatcher: &Dispatcher) -> io::Result<()> {
    let (own, other) = (rustix::process::geteuid().as_raw(), stream.peer_cred()?.uid());
    if other != own && other != 0 {
        return Err(ErrorKind::PermissionDenied.into());
    }
    let mut line = String::new();
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read).take(LONGEST);
    timeout(PATIENCE, read.read_line(&mut line)).await??;
    let wish: Wish = serde_json::from_str(&line)?;
    let reply = match administration::perform(dispatcher, wish).await {
        Ok(told) => Reply::Done(told),
        Err(failure) => Reply::Refused(failure.to_string()),
    };
    write.write_all(format!("{}\n", serde_json::to_string(&reply)?).as_bytes()).await
}

/// Asks the running server for something; `None` where none is to be reached.
pub(crate) async fn ask(state: &State, wish: &Wish) -> Result<Option<Told>, Failure> {
    let Some(path) = state.file(SOCKET) else { return Ok(None) };
    let Ok(mut stream) = UnixStream::connect(&path).await else { return Ok(None) };
    let failed =
        |error: &dyn std::fmt::Display| Failure::new(format!("the running server at {}", path.display()), error);
    let line = serde_json::to_string(wish).expect("a wish is made of plain JSON");
    stream.write_all(format!("{line}\n").as_bytes()).await.map_err(|error| failed(&error))?;
    let mut told = String::new();
    stream.read_to_string(&mut told).await.map_err(|error| failed(&error))?;
    match serde_json::from_str(&told).map_err(|error| failed(&error))? {
        Reply::Done(told) => Ok(Some(told)),
        Reply::Refused(reason) => Err(Failure::plain(reason)),
    }
}
