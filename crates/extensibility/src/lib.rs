//! Where tenants' code takes part: what is bound to the triggers of flows, rules and hooks, the packages that it needs, and what
//! happened when it ran. The code itself is run by the crate `actions`.

pub mod bindings;
pub mod builds;
mod databases;
mod dispatcher;
mod rules;
pub mod scripts;
mod turns;
pub mod versions;

pub use dispatcher::{
    Dispatcher,
    executions::{console, described, stats},
};
pub use rules::{LOGIN, RuleRun};
