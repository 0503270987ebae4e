//! Whole servers, asked as a client asks them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod actions;
mod app;
mod applications;
mod authorize;
mod bearers;
mod blacklists;
mod browser;
mod connections;
mod custom_domains;
mod effects;
mod event_streams;
mod imports;
mod keys;
mod listener;
mod lists;
mod log_streams;
mod login;
mod logout;
mod logs;
mod machines;
mod messages;
mod organizations;
mod refusals;
mod returning;
mod script;
mod secrets;
mod server;
mod settings;
mod successes;
mod tenant_settings;
mod tenants;
mod tokens;
mod users;
mod v1;
mod walk;
