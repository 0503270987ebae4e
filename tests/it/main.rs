//! Whole servers, asked as a client asks them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod connections;
mod keys;
mod listener;
mod logs;
mod refusals;
mod server;
mod users;
