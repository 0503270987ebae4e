//! Starting the program, talking to it, and ending it.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

/// The program under test.
pub(crate) const AUGHT: &str = env!("CARGO_BIN_EXE_aught");

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, free of the settings of whoever runs the tests.
#[expect(clippy::disallowed_methods, reason = "only the environment tells which variables to take away")]
pub(crate) fn program() -> Command {
    let mut command = Command::new(AUGHT);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AUGHT_")) {
        command.env_remove(name);
    }
    command
}

/// `aught serve` on a free port with its data in `folder`.
pub(crate) fn serve(folder: &Path) -> Command {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--database"]).arg(folder.join("aught.db"));
    command
}

/// A server process.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    child: Child,
    stdout: Option<JoinHandle<String>>,
    lines: mpsc::Receiver<String>,
    log: Vec<String>,
}

/// What a server process left.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) log: String,
}

impl Server {
    /// Starts the command and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = mpsc::channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut server = Self { addr: ([0; 4], 0).into(), child, stdout: Some(stdout), lines, log: Vec::new() };
        server.addr = server.wait_for("listening")["addr"].as_str().unwrap().parse().unwrap();
        server
    }

    /// Waits until the log holds this message.
    pub(crate) fn wait_for(&mut self, message: &str) -> Value {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else { panic!("no {message:?} in {:#?}", self.log) };
            let parsed: Value = serde_json::from_str(&line).unwrap_or_default();
            self.log.push(line);
            if parsed["message"] == message {
                return parsed;
            }
        }
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name (`TERM`).
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop and waits until it has.
    pub(crate) fn stop(self) -> Ended {
        self.signal("TERM");
        self.end()
    }

    /// Waits until it has ended.
    pub(crate) fn end(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        let mut log = std::mem::take(&mut self.log);
        log.extend(self.lines.iter());
        Ended { status, stdout, log: log.join("\n") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal by its name (`TERM`).
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
}
