//! Deletion: the one way to delete a record, with what the references of `model` say of everything that names it.
//!
//! What is named by few goes at once. What is named by many is gone for every reader at once too, with its unique keys still
//! taken; a job deletes the rest in batches, and goes on where it was after a crash.

mod effects;
mod extent;
#[cfg(test)]
mod tests;
mod work;

use kernel::{Document, Record, object};
use model::references::{self, Place, Reference, Rule};
use serde_json::json;
use store::{Kind, NewJob, Snapshot, StoreResult, Tx};

pub use work::{JOB, dangling, go_on};

use crate::{Error, Result};

/// So many records, relations and rows that name a record are deleted with it in one transaction.
pub const MOST_AT_ONCE: u64 = 1_000;

/// How far a deletion is.
#[derive(Clone, Debug)]
pub enum Deleted {
    /// Nothing is left.
    Whole,
    /// The record is gone for all readers; a job deletes the rest. The record of the deletion tells since when.
    Begun(Box<Record>),
}

/// Deletes a record as its references say; `None` when there is none. `context` is what events tell of the request.
///
/// # Errors
/// [`Error::Held`] when something holds the record; nothing is written.
pub fn delete(tx: &mut Tx, context: &Document, kind: &'static Kind, id: &str) -> Result<Option<Deleted>> {
    let Some(record) = tx.get(kind, id)? else { return Ok(None) };
    refuse_held(tx, kind, &record)?;
    if extent::is_small(tx, kind, &record)? {
        remove(tx, context, kind, &record)?;
        return Ok(Some(Deleted::Whole));
    }
    let pending = pending_id(kind, id);
    let document = object(json!({"kind": kind.name, "id": id, "deleted_at": tx.now(), "context": context}));
    let deletion = tx.begin_deletion(&pending, document, &extent::veils(kind, &record))?;
    effects::gone(tx, context, kind, &record)?;
    let payload = object(json!({"type": JOB, "deletion": pending}));
    tx.enqueue(NewJob::new(model::queues::MANAGEMENT, payload))?;
    Ok(Some(Deleted::Begun(Box::new(deletion))))
}

/// As [`delete`], in this transaction, however much there is: for what must be free again at once.
///
/// # Errors
/// [`Error::Held`] when something holds the record; nothing is written.
pub fn delete_at_once(tx: &mut Tx, context: &Document, kind: &'static Kind, record: &Record) -> Result {
    refuse_held(tx, kind, record)?;
    remove(tx, context, kind, record)
}

/// Whether records of `holder` name the record, so that it cannot be deleted.
pub fn is_held_by(reader: &Snapshot, kind: &Kind, record: &Record, holder: &Kind) -> Result<bool> {
    for reference in restricting(kind).filter(|reference| holder_of(reference).name == holder.name) {
        if extent::is_named(reader, reference, record)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has the records of `holder` let go of the record, so that it can be deleted.
pub fn release(tx: &mut Tx, kind: &Kind, record: &Record, holder: &Kind) -> Result {
    for reference in restricting(kind).filter(|reference| holder_of(reference).name == holder.name) {
        work::clear(tx, reference, record, "")?;
    }
    Ok(())
}

/// The deletion of a record that is under way.
pub fn pending(reader: &Snapshot, kind: &Kind, id: &str) -> StoreResult<Option<Record>> {
    reader.get(&store::DELETION, &pending_id(kind, id))
}

fn pending_id(kind: &Kind, id: &str) -> String {
    format!("{} {id}", kind.name)
}

fn restricting(kind: &Kind) -> impl Iterator<Item = &'static Reference> {
    references::to(kind).filter(|reference| reference.rule == Rule::Restrict)
}

/// The kind whose records hold others: only such places restrict.
fn holder_of(reference: &Reference) -> &'static Kind {
    match reference.place {
        Place::Field(kind, _) | Place::FieldOfFew(kind, _) | Place::Items(kind, ..) | Place::Id(kind) => kind,
        Place::Left(_) | Place::Right(_) | Place::Accounts | Place::Rows(_) => reference.target,
    }
}

fn refuse_held(tx: &Tx, kind: &Kind, record: &Record) -> Result {
    for reference in restricting(kind) {
        if extent::is_named(tx, reference, record)? {
            return Err(Error::Held(holder_of(reference).name));
        }
    }
    Ok(())
}

/// Removes a record with all that names it.
fn remove(tx: &mut Tx, context: &Document, kind: &'static Kind, record: &Record) -> Result {
    let mut budget = u64::MAX;
    work::remove_some(tx, context, kind, record, &mut budget)?;
    tx.delete(kind, &record.id)?;
    effects::gone(tx, context, kind, record)
}
