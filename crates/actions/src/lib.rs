//! The runtime for tenants' JavaScript: Actions, modules, rules and hooks, run in worker processes with limits.
//!
//! [`Runtime::run`] runs one [`Program`] once and tells what it asked for. This crate knows no tenant data and no API: triggers
//! are names to it, and what an Action's `api` does is handed back as [`Command`]s for the caller to carry out.

mod cache;
mod call;
mod confine;
mod embedded;
mod engine;
mod frame;
mod network;
mod packages;
mod pool;
mod prelude;
mod program;
mod runtime;
pub mod samples;
mod settings;
mod worker;

/// Whether the kernel can keep the server's files from workers.
pub fn can_confine() -> bool {
    confine::hides_files()
}

pub use call::{Command, ConsoleLine, Invocation, Outcome, ScriptError, Services, Stats};
pub use embedded::script_worker;
pub use network::Outbound;
pub use packages::BuildError;
pub use program::{Dependency, Module, Program, ProgramKind};
pub use runtime::Runtime;
pub use settings::{Confinement, Engine, Limits, Settings};
