//! The words all other crates use: documents, records, sealed values, errors, time, randomness, identifiers.

mod context;
mod document;
mod error;
pub mod id;
mod record;
mod sealed;
mod time;
pub mod user_agent;

pub use context::{Clock, Context, FixedClock, Random, SeededRandom, SystemClock, SystemRandom};
pub use document::{Document, fill, fill_members, merge_deep, merge_first_level, object, remove_path, value_at};
pub use error::{ApiError, ApiResult};
pub use record::{Record, TenantId};
pub use sealed::{Sealed, Secret};
pub use time::Timestamp;

/// JSON, as every record and message is made of.
pub use serde_json::Value;
