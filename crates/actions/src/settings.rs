//! What an installation decides about the runtime.

use std::{path::PathBuf, time::Duration};

/// Which JavaScript engine runs the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Node when it is found, else the embedded one.
    #[default]
    Auto,
    /// Node 18 or newer, found on the search path: every npm package.
    Node,
    /// The engine that this program carries: nothing to install, fewer of Node's modules.
    Embedded,
}

/// What happens where the kernel cannot confine workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confinement {
    /// Code that only the kernel would keep from the server's files is not run: packages on the embedded engine, and anything on
    /// a Node without permissions of its own (older than 20).
    #[default]
    Required,
    /// It is run. The operator trusts whoever may write it.
    Waived,
}

/// How the runtime works in an installation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which engine runs the code.
    pub engine: Engine,
    /// The directories in which `node` and `npm` are looked for, as `PATH` tells them.
    pub search_path: std::ffi::OsString,
    /// The home folder of whoever runs the server: where the npm client finds its settings.
    pub home: std::ffi::OsString,
    /// Address of the registry that packages come from, with credentials if it asks for some; without one the registry of the npm
    /// client.
    pub registry: Option<String>,
    /// Whether code is run that nothing confines.
    pub confinement: Confinement,
    /// Worker processes at a time, over all tenants.
    pub pool: usize,
    /// Bytes that workers which nobody uses may hold together, beyond what they share.
    pub idle_memory: usize,
    /// How long a worker that nobody uses stays.
    pub idle: Duration,
    /// Where packages are unpacked. Made at the first build.
    pub directory: PathBuf,
    /// The program and its arguments that start an embedded worker: this program, with its hidden command.
    pub embedded: Vec<std::ffi::OsString>,
    /// What one call may use.
    pub limits: Limits,
}

impl Settings {
    /// The defaults, with packages in `directory`.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            engine: Engine::Auto,
            search_path: std::ffi::OsString::new(),
            home: std::ffi::OsString::new(),
            registry: None,
            confinement: Confinement::default(),
            pool: 32,
            idle_memory: 1 << 30,
            idle: Duration::from_secs(300),
            directory,
            embedded: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// What one call may use. A call that uses more ends with an error that says so.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processor time, in whole seconds.
    pub cpu: Duration,
    /// Bytes of memory that a worker's JavaScript may hold.
    pub memory: usize,
    /// Bytes of console output that are kept; what comes after is dropped.
    pub console: usize,
    /// Bytes of everything that a call gives back.
    pub result: usize,
    /// Calls to other servers.
    pub calls: usize,
    /// Bytes of one answer of another server.
    pub answer: usize,
    /// Workers of one tenant at a time.
    pub workers: usize,
    /// How long a call waits for a free worker.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_secs(10),
            memory: 128 << 20,
            console: 256 << 10,
            result: 1 << 20,
            calls: 100,
            answer: 5 << 20,
            workers: 4,
            patience: Duration::from_secs(10),
        }
    }
}
