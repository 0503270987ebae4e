//! The embedded engine's worker as a program of its own, for this crate's tests and benches; `aught` carries the same.

use std::process::ExitCode;

fn main() -> ExitCode {
    aught_actions::script_worker()
}
