//! Records: what the store keeps, and the tenant they belong to.

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;

use crate::{Document, Sealed, Timestamp};

/// The tenant that a read, a write or a caller belongs to: its name, such as `dev-tenant`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The tenant with this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The tenant's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stored document that does not fit the view that a rule takes of it: a defect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {id}: {reason}")]
pub struct UnfitRecord {
    /// The record's identifier.
    pub id: String,
    /// Where it does not fit.
    pub reason: String,
}

/// A stored thing: one document with its secrets. Only the store makes records that exist; a record under
/// construction has version 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Identifier within its kind.
    pub id: String,
    /// Grows by one with each write; 0 before the first.
    pub version: u64,
    /// What is shown, apart from `sealed`. It contains the identifier and times where the API shows them.
    pub document: Document,
    /// What must not leak.
    pub sealed: Sealed,
    /// When the record was made.
    pub created: Timestamp,
    /// When it was last written.
    pub updated: Timestamp,
}

impl Record {
    /// A record that is not stored yet.
    pub fn new(id: impl Into<String>, document: Document, now: Timestamp) -> Self {
        Self { id: id.into(), version: 0, document, sealed: Sealed::new(), created: now, updated: now }
    }

    /// The record as a typed view of the few fields that a rule decides on.
    ///
    /// # Errors
    /// When the stored document does not fit the view, which validation rules out.
    pub fn view<T: DeserializeOwned>(&self) -> Result<T, UnfitRecord> {
        T::deserialize(&self.document).map_err(|error| UnfitRecord { id: self.id.clone(), reason: error.to_string() })
    }

    /// The document with everything that is sealed in its place, for code that uses it.
    pub fn revealed(&self) -> Document {
        let mut document = self.document.clone();
        self.sealed.reveal_all(&mut document);
        document
    }

    /// The text of a top-level field.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.document.get(field)?.as_str()
    }

    /// Whether a top-level field is `true`.
    pub fn is(&self, field: &str) -> bool {
        self.document.get(field) == Some(&true.into())
    }
}
