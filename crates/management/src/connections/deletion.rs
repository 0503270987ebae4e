//! The end of a connection: it is gone at once, its users follow, in the same transaction or, where they are many, by a job.

use identity::{Actor, users::deletion};
use kernel::{Record, object};
use model::{CONNECTION, CONNECTION_CLIENTS, queues};
use rest::{Answer, ApiError, ApiResult, Call, Kind};
use serde_json::json;
use store::{Filter, Job, NewJob, Side, Snapshot, Store, Tx};

use super::{Connections, directory, keys, scim};
use crate::{actor::actor, jobs, organizations};

/// Type of the job that deletes the users that a transaction left.
pub(crate) const JOB: &str = "connection_deletion";

/// Users that one transaction deletes.
const BATCH: u64 = 200;
/// A connection that is gone, under its id, as long as users of it are there. Its name is taken meanwhile.
pub(crate) static DELETED: Kind = Kind::of(&model::DELETED_CONNECTION);

/// `DELETE /connections/{id}`: 202 and when it was deleted, until its last user is gone; from then on 204.
pub(super) fn delete(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let id = call.path("id");
    let Some(connection) = tx.get(&CONNECTION, id)? else {
        let pending = tx.get(&DELETED, id)?;
        return Ok(pending.map_or_else(Answer::no_content, |deleted| answer(&deleted)));
    };
    let name = connection.text("name").unwrap_or_default();
    let is_done = deletion::of_connection(tx, &actor(call), name, BATCH)?;
    organizations::forget_connection(tx, id)?;
    keys::forget_connection(tx, id)?;
    scim::forget_connection(tx, id)?;
    directory::forget_connection(tx, id)?;
    tx.unrelate_all(&CONNECTION_CLIENTS, Side::Left(id))?;
    rest::delete(tx, call, &Connections::READ, &connection)?;
    let deleted = Record::new(id, object(json!({"name": name, "deleted_at": tx.now()})), tx.now());
    if !is_done {
        rest::insert(tx, &DELETED, deleted.clone())?;
        tx.enqueue(NewJob::new(queues::MANAGEMENT, object(json!({"type": JOB, "connection": id}))))?;
    }
    Ok(answer(&deleted))
}

/// Refuses a name whose last users are still being deleted.
pub(super) fn check_name(reader: &Snapshot, name: &str) -> ApiResult {
    if reader.count(&DELETED, &Filter::equals("name", name))? == 0 {
        return Ok(());
    }
    let text = "A connection with the same name is being deleted, try again later";
    Err(ApiError::conflict(text).code("connection_conflict"))
}

/// Deletes users of a deleted connection, batch by batch, until none is left.
pub(crate) async fn run(store: &Store, job: &Job) -> ApiResult {
    loop {
        let held = job.clone();
        let is_done = store.write(&job.tenant, move |tx| batch(tx, &held)).await?;
        if is_done {
            return Ok(());
        }
    }
}

fn batch(tx: &mut Tx, job: &Job) -> ApiResult<bool> {
    let id = job.payload.get("connection").and_then(kernel::Value::as_str).unwrap_or_default();
    let Some(deleted) = tx.get(&DELETED, id)? else {
        tx.complete_job(job)?;
        return Ok(true);
    };
    let name = deleted.text("name").unwrap_or_default();
    let is_done = deletion::of_connection(tx, &Actor::job(&job.tenant), name, BATCH)?;
    if is_done {
        tx.delete(&DELETED, id)?;
        tx.complete_job(job)?;
    } else if !tx.continue_job(job, &job.progress, jobs::LEASE)? {
        // Another worker has taken over.
        return Ok(true);
    }
    Ok(is_done)
}

fn answer(deleted: &Record) -> Answer {
    Answer::json(json!({"deleted_at": deleted.document.get("deleted_at")}))
}
