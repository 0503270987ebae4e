//! Builds: the status of a draft, and the wait for its build.

use std::time::Duration;

use extensibility::scripts;
use kernel::Record;
use rest::{ApiResult, Call, Task};
use store::{Snapshot, Tx};

use super::ACTION;

/// A deployment waits so long for the build of its draft.
const PATIENCE: Duration = Duration::from_secs(20);
/// What a build depends on.
const INPUT: &[&str] = &["dependencies", "modules"];

/// The status of a new draft: without packages there is nothing to build. A draft with the packages of the old one is as
/// that one was.
pub(super) fn status(tx: &Tx, old: Option<&Record>, new: &Record) -> ApiResult<&'static str> {
    if scripts::modules(tx, new)?.iter().all(|module| module.dependencies.is_empty())
        && scripts::dependencies(&new.document).is_empty()
    {
        return Ok("built");
    }
    let is_same = old.is_some_and(|old| old.text("status") == Some("built") && has_same_input(old, new));
    Ok(if is_same { "built" } else { "pending" })
}

/// Waits while the draft named in the path is being built, but not for ever.
pub(super) async fn settled(task: &Task) -> ApiResult {
    let is_under_way = |reader: &Snapshot, call: &Call| {
        let action = reader.get(&ACTION, call.path("id"))?;
        Ok(action.is_some_and(|action| matches!(action.text("status"), Some("pending" | "building"))))
    };
    let wait = async {
        while task.read(is_under_way).await? {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or(Ok(()))
}

fn has_same_input(one: &Record, other: &Record) -> bool {
    INPUT.iter().all(|name| one.document.get(*name) == other.document.get(*name))
}
