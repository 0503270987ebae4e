//! The store: records, relations, log events and jobs of many tenants in transactions, on SQLite or PostgreSQL.
//!
//! A transaction is a plain synchronous closure on a [`Snapshot`] (reading) or a [`Tx`] (writing), run away from the
//! async threads by [`Store::read`] and [`Store::write`]. Only this crate knows which database is behind them.

mod cache;
mod changes;
#[cfg(test)]
mod conformance;
mod connection;
mod covering;
mod deletion;
mod derived;
mod device;
mod envelope;
mod error;
mod events;
mod expiry;
mod hierarchy;
mod hosts;
mod index;
mod jobs;
mod keyring;
mod kind;
mod list;
mod log_id;
mod logs;
mod migrations;
mod news;
mod pending;
mod postgres;
mod presented;
mod query;
mod refresh_tokens;
mod relations;
mod rows;
mod seal;
mod sessions;
mod shared;
mod single_use;
mod snapshot;
mod sql;
mod sqlite;
mod store;
mod sweep;
mod tallies;
mod tls;
mod tx;
mod veil;
mod verify;

pub use derived::Derived;
pub use device::{Agent, Device};
pub use envelope::Envelope;
pub use error::{StoreError, StoreResult};
pub use events::{Event, EventPosition};
pub use hierarchy::{Master, Resealing};
pub use hosts::Domain;
pub use index::{Field, Index, Term};
pub use jobs::{Job, JobCount, NewJob};
pub use kind::{Id, Kind, RelationKind};
pub use list::Listed;
pub use log_id::log_id_at;
pub use logs::{LogEvent, LogOrder, LogPaging, LogQuery, SharedScopes};
pub use presented::KeyedHash;
pub use query::{Filter, Order, OwnedSide, Page, Paging, Query, Side};
pub use refresh_tokens::{Access, Exchange, Held, Presented, RefreshToken, RefreshTokenDetails};
pub use relations::{Relation, RelationOrder, RelationQuery};
pub use seal::RootKey;
pub use sessions::{AuthenticationMethod, Session, SessionDetails};
pub use single_use::SingleUse;
pub use snapshot::Snapshot;
pub use store::{Database, Options, Store};
pub use tallies::{Permit, Rate, Tally, Window};
pub use tx::Tx;
pub use veil::{Covered, DELETION, Veil};
