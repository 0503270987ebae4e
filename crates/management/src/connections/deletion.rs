//! The end of a connection: it is gone at once, its users follow, in the same transaction or, where they are many, by a job.

use std::time::Duration;

use kernel::{ApiError, ApiResult, Record, Timestamp, object};
use rest::{Answer, Call, Kind};
use serde_json::json;
use store::{Filter, Job, NewJob, Query, Side, Snapshot, Store, Tx};

use super::{CONNECTION, CONNECTION_CLIENTS, Connections, directory, keys, scim};
use crate::{jobs, organizations, users};

/// Type of the job that deletes the users that a transaction left.
pub(crate) const JOB: &str = "connection_deletion";

/// Users that one transaction deletes.
const BATCH: u64 = 200;
/// How long the answer to a deletion is repeated.
const REMEMBERED: Duration = Duration::from_secs(60);

/// A connection that was deleted lately, under its id. Its name is taken until the last user is gone.
pub(crate) static DELETED: Kind = Kind::new("deleted_connection").indexed(&["name", "is_done"]);

/// `DELETE /connections/{id}`: 202 and when it was deleted, for a while; 204 for one that is not there (any more).
pub(super) fn delete(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let id = call.path("id");
    let Some(connection) = tx.get(CONNECTION.name, id)? else {
        let lately = tx.get(DELETED.name, id)?.filter(|deleted| is_remembered(tx, deleted));
        return Ok(lately.map_or_else(Answer::no_content, |deleted| answer(&deleted)));
    };
    let name = connection.text("name").unwrap_or_default();
    let is_done = users::forget_connection(tx, name, BATCH)?;
    organizations::forget_connection(tx, id)?;
    keys::forget_connection(tx, id)?;
    scim::forget_connection(tx, id)?;
    directory::forget_connection(tx, id)?;
    tx.unrelate_all(CONNECTION_CLIENTS, Side::Left(id))?;
    rest::delete(tx, call, &Connections::READ, &connection)?;
    forget_finished(tx)?;
    let document = object(json!({"name": name, "deleted_at": tx.now(), "is_done": is_done}));
    let deleted = rest::insert(tx, &DELETED, Record::new(id, document, tx.now()))?;
    if !is_done {
        tx.enqueue(NewJob::new(jobs::QUEUE, object(json!({"type": JOB, "connection": id}))))?;
    }
    Ok(answer(&deleted))
}

/// Refuses a name whose last users are still being deleted.
pub(super) fn check_name(reader: &Snapshot, name: &str) -> ApiResult {
    let pending = Filter::equals("name", name).and(Filter::equals("is_done", false));
    if reader.count(DELETED.name, &pending)? == 0 {
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
    let Some(mut deleted) = tx.get(DELETED.name, id)? else {
        tx.complete_job(job)?;
        return Ok(true);
    };
    let is_done = users::forget_connection(tx, deleted.text("name").unwrap_or_default(), BATCH)?;
    if is_done {
        deleted.document.insert("is_done".into(), true.into());
        let index = DELETED.index(&deleted);
        tx.update(DELETED.name, deleted, index)?;
        tx.complete_job(job)?;
    } else if !tx.continue_job(job, &job.progress, jobs::LEASE)? {
        // Another worker has taken over.
        return Ok(true);
    }
    Ok(is_done)
}

fn is_remembered(reader: &Snapshot, deleted: &Record) -> bool {
    let is_done = deleted.document.get("is_done") == Some(&true.into());
    !is_done || deleted.created + REMEMBERED > reader.now()
}

/// Deletions whose answers are not repeated any more leave no trace.
fn forget_finished(tx: &mut Tx) -> ApiResult {
    let finished = tx.list(DELETED.name, &Query::of(Filter::equals("is_done", true)))?.items;
    let now = tx.now();
    for deleted in finished.iter().filter(|deleted| deleted.created + REMEMBERED <= now) {
        tx.delete(DELETED.name, &deleted.id)?;
    }
    Ok(())
}

fn answer(deleted: &Record) -> Answer {
    let deleted_at =
        deleted.text("deleted_at").and_then(|text| text.parse::<Timestamp>().ok()).unwrap_or(deleted.created);
    Answer::json(json!({"deleted_at": deleted_at}))
}
