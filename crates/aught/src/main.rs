//! The `aught` program: everything it does stands in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    aught::command_line()
}
