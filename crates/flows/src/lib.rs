//! Flows: sequences of actions that a form runs, with their expressions and conditions.

pub mod conditions;
pub mod expressions;
mod run;
mod scope;

pub use run::{BoxFuture, Caller, Flows, Outcome, Run};
pub use scope::Scope;
