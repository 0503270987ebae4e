//! aught, an identity platform that Auth0's clients can use unmodified: configuration, listeners, TLS and command line.
//!
//! This crate is the only one that reads the configuration, the environment and files. [`Server::start`] joins the
//! others to a running server; the command line and the tests both start servers through it.

mod access;
mod administration;
mod app;
mod certificates;
mod cli;
mod config;
mod connections;
mod control;
mod developer;
mod edge;
mod files;
mod flows;
mod forms;
mod forwarding;
mod health;
mod legacy;
mod listener;
mod pace;
mod pages;
mod registration;
mod run;
mod scripts;
mod server;
mod signals;
mod telemetry;
mod tenants;
mod trial;
mod trust;
mod usage;
mod vault;
mod wire;
mod within;

pub use certificates::TlsCertificate;
pub use cli::command_line;
pub use config::{ActionsConfinement, ActionsEngine, Config, InitialClient, Metrics, OutboundPrivate, State};
pub use connections::ConnectionLimits;
pub use delivery::{Endpoints, EventBridge, EventGrid, Partners};
pub use forwarding::TrustedProxies;
pub use outbound::Dns;
pub use server::{Running, Server};
pub use tenants::Fresh;

/// Why the program cannot start or go on, in words for the person who started it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    /// Words that say all.
    fn plain(text: String) -> Self {
        Self(text)
    }

    /// What was tried, and what went wrong.
    fn new(tried: impl std::fmt::Display, cause: impl std::fmt::Display) -> Self {
        Self(format!("{tried}: {cause}"))
    }
}
