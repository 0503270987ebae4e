//! The program from outside, as a process.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod cli;
mod program;
