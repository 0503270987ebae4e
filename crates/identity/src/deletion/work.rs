//! The work of deleting what names a record, in one go or in batches.

use std::time::Duration;

use kernel::{Document, Record, Value, remove_path};
use model::{
    USER,
    references::{OF_RELATIONS, Place, REFERENCES, Reference, Rows, Rule, to},
};
use store::{Job, Kind, Paging, Query, Relation, RelationKind, RelationQuery, Side, Snapshot, Store, StoreResult, Tx};

use super::{
    effects,
    extent::{ACCOUNTS, few, held, named_in, page},
    remove,
};
use crate::{
    Result,
    sessions::{self, Ending},
    users::{changes, identities, realm_named, set_identifiers, unlink},
};

/// Type of the job that goes on with a deletion.
pub const JOB: &str = "deletion";
/// So much is deleted in one transaction of the job.
const BATCH: u64 = 200;
/// How long a worker may be silent before another takes over.
const LEASE: Duration = Duration::from_secs(60);

/// Deletes what a deletion has left, batch by batch.
pub async fn go_on(store: &Store, job: &Job) -> Result {
    loop {
        let held = job.clone();
        if store.write(&job.tenant, move |tx| batch(tx, &held)).await? {
            return Ok(());
        }
    }
}

pub(super) fn batch(tx: &mut Tx, job: &Job) -> Result<bool> {
    tx.see_all();
    let id = job.payload.get("deletion").and_then(Value::as_str).unwrap_or_default();
    let Some(deletion) = tx.get(&store::DELETION, id)? else {
        tx.complete_job(job)?;
        return Ok(true);
    };
    let named = |name: &str| deletion.text(name).unwrap_or_default();
    let context = deletion.document.get("context").and_then(Value::as_object).cloned().unwrap_or_default();
    let kind = model::kinds().find(|kind| kind.name == named("kind"));
    let target = kind.map(|kind| Ok::<_, store::StoreError>((kind, tx.get(kind, named("id"))?))).transpose()?;
    if let Some((kind, Some(record))) = target {
        let mut budget = BATCH;
        if !remove_some(tx, &context, kind, &record, &mut budget)? {
            // Another worker may have taken over.
            return Ok(!tx.continue_job(job, &job.progress, LEASE)?);
        }
        tx.delete(kind, &record.id)?;
    }
    tx.end_deletion(id)?;
    tx.complete_job(job)?;
    Ok(true)
}

/// Deletes, clears and ends what names a record until the budget is used up; whether nothing is left.
pub(super) fn remove_some(
    tx: &mut Tx,
    context: &Document,
    kind: &Kind,
    record: &Record,
    budget: &mut u64,
) -> Result<bool> {
    for reference in to(kind) {
        for name in reference.names(record) {
            if !follow(tx, context, reference, record, &name, budget)? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn follow(
    tx: &mut Tx,
    context: &Document,
    reference: &Reference,
    record: &Record,
    name: &str,
    budget: &mut u64,
) -> Result<bool> {
    match (reference.rule, reference.place) {
        (Rule::Restrict, _) => {}
        (Rule::Clear(path), _) => clear(tx, reference, record, path)?,
        (Rule::Cascade, Place::Field(kind, field)) => {
            let filter = || store::Filter::equals(field, name);
            return children(tx, budget, |tx, most| {
                let found = tx.list(kind, &page(filter(), most))?.items;
                for child in &found {
                    remove(tx, context, kind, child)?;
                }
                Ok(found.len())
            });
        }
        (Rule::Cascade, Place::Id(kind)) => {
            if let Some(child) = tx.get(kind, name)? {
                remove(tx, context, kind, &child)?;
            }
        }
        (Rule::Cascade, Place::FieldOfFew(kind, _) | Place::Items(kind, ..)) => {
            for child in few(tx, reference, name)? {
                remove(tx, context, kind, &child)?;
            }
        }
        (Rule::Cascade, Place::Left(relation)) => return end(tx, context, relation, Side::Left(name), budget),
        (Rule::Cascade, Place::Right(relation)) => return end(tx, context, relation, Side::Right(name), budget),
        (Rule::Cascade, Place::Accounts) => return accounts(tx, context, name, budget),
        (Rule::Cascade, Place::Rows(rows)) => return end_rows(tx, rows, name, budget),
    }
    Ok(true)
}

/// Has work done in portions until it finds nothing more, or the budget is used up.
fn children(tx: &mut Tx, budget: &mut u64, mut work: impl FnMut(&mut Tx, u64) -> Result<usize>) -> Result<bool> {
    loop {
        let most = (*budget).min(BATCH);
        if most == 0 {
            return Ok(false);
        }
        let done = u64::try_from(work(tx, most)?).unwrap_or(u64::MAX);
        *budget = budget.saturating_sub(done);
        if done < most {
            return Ok(true);
        }
    }
}

/// Ends relations, with what belongs to each.
fn end(tx: &mut Tx, context: &Document, relation: &RelationKind, side: Side<'_>, budget: &mut u64) -> Result<bool> {
    children(tx, budget, |tx, most| {
        let query = RelationQuery { paging: Paging::Offset { offset: 0, limit: most }, ..RelationQuery::default() };
        let found = tx.related(relation, side, &query)?.items;
        for entry in &found {
            end_one(tx, context, relation, entry)?;
        }
        Ok(found.len())
    })
}

fn end_one(tx: &mut Tx, context: &Document, relation: &RelationKind, entry: &Relation) -> Result {
    tx.unrelate(relation, &entry.left, &entry.right)?;
    for of in OF_RELATIONS.iter().filter(|of| of.ended.name == relation.name) {
        tx.unrelate_all(of.other, Side::Left(&(of.key)(&entry.left, &entry.right)))?;
    }
    effects::ended(tx, context, relation, entry)
}

/// Deletes the users of a connection; who has the main account elsewhere loses the one there.
fn accounts(tx: &mut Tx, context: &Document, connection: &str, budget: &mut u64) -> Result<bool> {
    children(tx, budget, |tx, most| {
        let found = tx.list(&USER, &page(store::Filter::equals(ACCOUNTS, connection), most))?.items;
        let count = found.len();
        for mut user in found {
            let identities = identities(&user);
            if identities.first().is_some_and(|main| main.connection == connection) {
                remove(tx, context, &USER, &user)?;
                continue;
            }
            for account in identities.iter().filter(|account| account.connection == connection) {
                unlink(&mut user, &account.name());
            }
            set_identifiers(&mut user, |connection| realm_named(tx, connection))?;
            changes::update(tx, user, context.clone())?;
        }
        Ok(count)
    })
}

fn end_rows(tx: &mut Tx, rows: Rows, name: &str, budget: &mut u64) -> Result<bool> {
    children(tx, budget, |tx, most| {
        let count = match rows {
            Rows::Sessions => {
                let paging = Paging::Offset { offset: 0, limit: most };
                let found = tx.sessions_of(name, &paging, false)?.items;
                for session in &found {
                    sessions::end(tx, session, Ending::AccountDeleted)?;
                }
                return Ok(found.len());
            }
            Rows::RefreshTokensOfUser | Rows::RefreshTokensOfClient => {
                tx.delete_some_refresh_tokens(held(rows, name), most)?
            }
            Rows::SingleUse => {
                tx.delete_single_use_of(name, None)?;
                0
            }
        };
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    })
}

/// Takes the name out of the records that have it: the field at `path`, or items of the array.
pub(super) fn clear(tx: &mut Tx, reference: &Reference, record: &Record, path: &str) -> Result {
    let (Place::Field(kind, _) | Place::FieldOfFew(kind, _) | Place::Items(kind, ..)) = reference.place else {
        return Ok(());
    };
    for name in reference.names(record) {
        for mut holder in few(tx, reference, &name)? {
            if let Place::Items(_, array, member) = reference.place {
                let items = holder.document.get_mut(array).and_then(Value::as_array_mut);
                if let Some(items) = items {
                    items.retain(|item| item.get(member).and_then(Value::as_str) != Some(&name));
                }
            } else {
                remove_path(&mut holder.document, path);
            }
            holder.updated = tx.now();
            tx.update(kind, holder)?;
        }
    }
    Ok(())
}

/// The references of a tenant's data that lead to what is not there, in words: the check of tests.
pub fn dangling(reader: &Snapshot) -> StoreResult<Vec<String>> {
    let mut wrong = Vec::new();
    for reference in REFERENCES.iter().filter(|reference| reference.is_sound) {
        let mut known = std::collections::HashSet::new();
        for target in reader.list(reference.target, &Query::default())?.items {
            known.extend(reference.names(&target));
        }
        let found: Vec<String> = match reference.place {
            Place::Field(kind, _) | Place::FieldOfFew(kind, _) | Place::Items(kind, ..) => {
                let holders = reader.list(kind, &Query::default())?.items;
                let named = holders.iter().flat_map(|holder| named_in(reference.place, holder));
                named.map(str::to_owned).collect()
            }
            Place::Id(kind) => {
                reader.list(kind, &Query::default())?.items.into_iter().map(|holder| holder.id).collect()
            }
            Place::Left(relation) => reader.related_pairs(relation)?.into_iter().map(|(left, _)| left).collect(),
            Place::Right(relation) => reader.related_pairs(relation)?.into_iter().map(|(_, right)| right).collect(),
            Place::Accounts | Place::Rows(_) => Vec::new(),
        };
        let lost = found.into_iter().filter(|name| !known.contains(name));
        wrong.extend(
            lost.map(|name| {
                format!("{:?} names {name}, a {} that is not there", reference.place, reference.target.name)
            }),
        );
    }
    Ok(wrong)
}
