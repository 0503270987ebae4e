//! The words all other crates use: documents, records, sealed values, time, randomness, identifiers.

mod context;
mod document;
pub mod id;
pub mod path;
mod record;
mod sealed;
mod tenant;
mod time;
pub mod user_agent;

pub use context::{Clock, Context, FixedClock, Random, SeededRandom, SystemClock, SystemRandom};
pub use document::{
    Document, change_texts, fill, fill_members, merge_deep, merge_first_level, object, remove_path, script_literal,
    value_at,
};
pub use record::{Record, TenantId, UnfitRecord};
pub use sealed::{MASK, Sealed, Secret, digest, mask, mask_at};
pub use tenant::{Country, Peer, Tenant, host_name, is_loopback_name, port_of};
pub use time::Timestamp;

/// JSON, as every record and message is made of.
pub use serde_json::Value;
