//! What is special about a resource: hooks around the shapes, each with a default.

use kernel::{Document, Record};
use store::{Filter, Snapshot, Store, Tx};

use crate::{ApiError, ApiResult, BoxFuture, Call, Kind};

/// What happened to a record in this transaction.
#[derive(Debug)]
pub enum Change<'a> {
    /// It was made.
    Create {
        /// As stored.
        new: &'a Record,
    },
    /// It was changed or replaced.
    Update {
        /// As it was.
        old: &'a Record,
        /// As stored.
        new: &'a Record,
    },
    /// It is gone.
    Delete {
        /// As it was.
        old: &'a Record,
    },
}

/// A resource: facts and, where needed, rules. Hooks are plain synchronous functions inside the transaction of the
/// call; a transaction may be run again after a conflict, so they have no effect but through `tx`.
pub trait Resource: Send + Sync {
    /// The facts.
    fn kind(&self) -> &'static Kind;

    /// Fetches or computes, before the transaction and outside of it, what needs the network or much time (a hash, a
    /// key, a metadata document). The result is the call's `gathered`. `None` when there is nothing to do.
    fn gather<'a>(&'a self, _store: &'a Store, _call: &'a Call) -> Option<BoxFuture<'a, ApiResult<Document>>> {
        None
    }

    /// Completes the record before it is judged: defaults, derived fields, generated secrets. `old` is the stored
    /// record of an update. `new.document` holds the body's values in plain, merged over the stored ones; the kind's
    /// sealed paths are moved into `new.sealed` after [`Resource::check`].
    fn prepare(&self, _tx: &mut Tx, _call: &Call, _old: Option<&Record>, _new: &mut Record) -> ApiResult {
        Ok(())
    }

    /// Judges the completed record by rules that a schema cannot state. An error refuses the call; nothing is written.
    fn check(&self, _tx: &mut Tx, _call: &Call, _old: Option<&Record>, _new: &Record) -> ApiResult {
        Ok(())
    }

    /// Judges whether the record may be deleted, before anything is written. What holds it by a reference of the model is let go
    /// here where the caller may ask for that.
    fn check_deletion(&self, _tx: &mut Tx, _call: &Call, _old: &Record) -> ApiResult {
        Ok(())
    }

    /// Carries a change, which is written already, on to other records in the same transaction. What names a deleted record
    /// follows by the references of the model.
    fn follow(&self, _tx: &mut Tx, _call: &Call, _change: &Change<'_>) -> ApiResult {
        Ok(())
    }

    /// What this caller is shown: `shown` is the record's document, its revealed secrets in place and its hidden
    /// fields gone. Used for every answer that shows the record, lists too.
    fn present(&self, _reader: &Snapshot, _call: &Call, _record: &Record, _shown: &mut Document) -> ApiResult {
        Ok(())
    }

    /// Whether a caller may see the record; lists leave it out and single reads say that it is missing otherwise.
    fn admits(&self, _call: &Call, _record: &Record) -> bool {
        true
    }

    /// The record that a path names; by its id, unless the kind has other names too.
    fn find(&self, reader: &Snapshot, id: &str) -> ApiResult<Option<Record>> {
        Ok(reader.get(self.kind(), id)?)
    }

    /// The 404 of this call: the kind's, unless the text depends on what was tried.
    fn missing(&self, _call: &Call) -> ApiError {
        self.kind().not_found()
    }

    /// The records that a list is about; by default those that the kind's filters leave.
    ///
    /// # Errors
    /// 400 when a query parameter asks for what cannot be searched.
    fn filter(&self, _reader: &Snapshot, call: &Call) -> ApiResult<Filter> {
        Ok(self.kind().filter(call))
    }

    /// Fields that are shown beside those that a caller chooses.
    fn always_shown(&self) -> &'static [&'static str] {
        &[]
    }

    /// The document of a singleton that nobody has written yet; `None` makes it missing (404).
    fn fresh(&self, _call: &Call) -> Option<Document> {
        None
    }
}

impl Resource for &'static Kind {
    fn kind(&self) -> &'static Kind {
        self
    }
}
