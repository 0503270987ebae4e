//! Flows: sequences of actions that a form runs, with their expressions and conditions, and the vault of connections that vouch for
//! their requests.

mod actions;
mod asking;
pub mod conditions;
mod doing;
mod engine;
pub mod expressions;
mod failure;
pub mod journey;
mod outgoing;
mod own;
mod params;
mod run;
mod scope;
mod services;
mod site;
mod token_cache;
mod vault;
mod veil;
mod vendors;
mod vouching;

pub use engine::Engine;
pub use failure::Failure;
pub use own::OwnTenant;
pub use run::{BoxFuture, Caller, Flows, Outcome, Run};
pub use scope::Scope;
pub use services::Services;
pub use vault::{Authorizations, Begun, CALLBACK, Prepared, Returned};
pub use vouching::{Charge, Paid, Payment, Solved};
