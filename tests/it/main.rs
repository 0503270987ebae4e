//! Whole servers, asked as a client asks them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod actions;
mod applications;
mod bearers;
mod blacklists;
mod browser;
mod connections;
mod custom_domains;
mod event_streams;
mod imports;
mod keys;
mod listener;
mod lists;
mod log_streams;
mod login;
mod logs;
mod messages;
mod organizations;
mod refusals;
mod script;
mod secrets;
mod server;
mod settings;
mod successes;
mod tenant_settings;
mod tenants;
mod users;
mod v1;
mod walk;
