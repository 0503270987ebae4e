//! What can go wrong in the store.

use kernel::{TenantId, UnfitRecord};

/// What the store answers.
pub type StoreResult<T = ()> = Result<T, StoreError>;

/// A failure of the store. Every variant means that nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another record of the kind has this unique key (its name, or `id`) with the same value.
    #[error("the {key} is taken")]
    Taken {
        /// Name of the unique key, or `id`.
        key: String,
    },
    /// The record was changed or deleted since it was read. Conflicts between concurrent transactions are retried
    /// inside the store and do not come up to here.
    #[error("the record was changed in the meantime")]
    Conflict,
    /// Another transaction was in the way; the store runs the closure again.
    #[error("the transaction must be repeated")]
    Serialization,
    /// A cursor that this list did not give.
    #[error("not a cursor of this list")]
    BadCursor,
    /// A filter with more parts than the databases can take.
    #[error("the filter is too complex")]
    TooComplex,
    /// No such tenant.
    #[error("there is no tenant {0}")]
    UnknownTenant(TenantId),
    /// An identifier or key that cannot be stored: it contains the character U+0000.
    #[error("the {0} contains a character that cannot be stored")]
    Unstorable(&'static str),
    /// The database cannot be reached, is closed, or is too busy.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The root key does not open the data keys of this database.
    #[error("the root key does not belong to this database")]
    WrongRootKey,
    /// What is stored cannot be read: a changed file, or a defect.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// The database refused a statement.
    #[error("the database failed: {0}")]
    Database(String),
    /// The transaction's closure panicked.
    #[error("a transaction panicked: {0}")]
    Panicked(String),
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<UnfitRecord> for StoreError {
    fn from(error: UnfitRecord) -> Self {
        Self::Corrupt(error.to_string())
    }
}
