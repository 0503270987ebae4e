//! Versions of actions: what was deployed, never changed again.

use kernel::Record;
use model::ACTION_VERSION;
use store::{Snapshot, StoreResult};

/// The version of an action that runs.
///
/// # Errors
/// Those of the store.
pub fn deployed(reader: &Snapshot, action: &Record) -> StoreResult<Option<Record>> {
    match action.text("deployed_version_id") {
        Some(id) => reader.get(&ACTION_VERSION, id),
        None => Ok(None),
    }
}
