//! What happens after a change: jobs, and what is sent to others.

mod aws;
pub mod colors;
pub mod events;
pub mod liquid;
pub mod logout;
pub mod logs;
pub mod messages;
pub mod outbox;
mod partners;
pub mod runner;

pub use messages::{Endpoints, Messenger};
pub use outbox::Outbox;
pub use partners::{EventBridge, EventGrid, Partners};
pub use runner::{Failed, Queue};
