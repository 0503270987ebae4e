//! The end of a connection: it is gone at once, its users follow, in the same transaction or, where they are many, by a job.

use identity::deletion::{self, Deleted};
use kernel::{Value, object};
use model::CONNECTION;
use rest::{Answer, ApiError, ApiResult, Call};
use serde_json::json;
use store::{Snapshot, Tx};

use super::Connections;

/// `DELETE /connections/{id}`: 202 and when it was deleted, until its last user is gone; from then on 204.
pub(super) fn delete(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let id = call.path("id");
    let Some(connection) = tx.get(&CONNECTION, id)? else {
        let pending = deletion::pending(tx, &CONNECTION, id)?;
        return Ok(pending.map_or_else(Answer::no_content, |begun| answer(begun.document.get("deleted_at"))));
    };
    Ok(match rest::delete(tx, call, &Connections::READ, &connection)? {
        Some(Deleted::Begun(begun)) => answer(begun.document.get("deleted_at")),
        _ => answer(Some(&tx.now().into())),
    })
}

/// Refuses a name whose last users are still being deleted.
pub(super) fn check_name(reader: &Snapshot, name: &str) -> ApiResult {
    let holder = reader.holder(&CONNECTION, "name", name)?;
    let is_pending = match holder {
        Some(holder) => deletion::pending(reader, &CONNECTION, &holder.id)?.is_some(),
        None => false,
    };
    if !is_pending {
        return Ok(());
    }
    let text = "A connection with the same name is being deleted, try again later";
    Err(ApiError::conflict(text).code("connection_conflict"))
}

fn answer(deleted_at: Option<&Value>) -> Answer {
    Answer::json(object(json!({ "deleted_at": deleted_at })))
}
