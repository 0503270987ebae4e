//! What happens after a change: jobs, and what is sent to others.

pub mod events;
pub mod logout;
pub mod logs;
pub mod runner;

pub use runner::{Failed, Queue};
