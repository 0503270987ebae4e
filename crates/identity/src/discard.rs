//! The end of records that nothing names: what has expired, or was used up.

use kernel::Record;
use model::references;
use store::{Kind, StoreError, StoreResult, Tx};

/// Deletes a record of a kind that nothing names, and gives it as it was. What others name is deleted by [`crate::deletion`].
///
/// # Errors
/// Those of the store; also for a kind that others name.
pub fn discard(tx: &mut Tx, kind: &Kind, id: &str) -> StoreResult<Option<Record>> {
    if references::to(kind).next().is_some() {
        return Err(StoreError::Corrupt(format!("records of {} are named by others", kind.name)));
    }
    tx.delete(kind, id)
}
