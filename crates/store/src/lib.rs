//! The store: records, relations, log events and jobs of many tenants in transactions, on SQLite or PostgreSQL.
//!
//! A transaction is a plain synchronous closure on a [`Snapshot`] (reading) or a [`Tx`] (writing), run away from the
//! async threads by [`Store::read`] and [`Store::write`]. Only this crate knows which database is behind them.

mod cache;
#[cfg(test)]
mod conformance;
mod connection;
mod deletion;
mod envelope;
mod error;
mod events;
mod hierarchy;
mod hosts;
mod index;
mod jobs;
mod kind;
mod list;
mod logs;
mod migrations;
mod postgres;
mod query;
mod seal;
mod shared;
mod snapshot;
mod sqlite;
mod store;
mod tls;
mod tx;
mod verify;

pub use envelope::Envelope;
pub use error::{StoreError, StoreResult};
pub use events::{Event, EventPosition};
pub use hierarchy::{Master, Resealing};
pub use hosts::Domain;
pub use index::{Field, Index, Term};
pub use jobs::{Job, JobCount, NewJob};
pub use kind::{Id, Kind, RelationKind};
pub use list::Listed;
pub use logs::{LogEvent, LogOrder, LogPaging, LogQuery, log_id_at};
pub use query::{Filter, Order, OwnedSide, Page, Paging, Query, Side};
pub use seal::RootKey;
pub use snapshot::{Relation, RelationOrder, RelationQuery, Snapshot};
pub use store::{Database, Options, Store};
pub use tx::Tx;
