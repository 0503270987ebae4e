//! The program from outside, as a process.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

mod cli;
mod connections;
mod crash;
mod crash_deletion;
mod kills;
mod mail;
mod many_tenants;
mod message_figures;
mod open_form;
mod outages;
mod program;
