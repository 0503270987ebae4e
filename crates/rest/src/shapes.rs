//! The shapes of operations: list, create, get, update, replace, delete, and the same for a single record.
//!
//! Each shape is one short function that shows its order: load, merge, the resource's hooks, store, present.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use identity::deletion::{self, Deleted};
use kernel::{Document, Record, Timestamp, Value};
use store::{Id, Page, Query, Snapshot, StoreError, Tx};

use crate::{
    Answer, ApiError, ApiResult, Call, Change, Kind, Resource, Times,
    area::Handler,
    kept::{Item, Kept},
    kind::{own_parameter, parent_parameter},
    listing::{envelope, order_of, paging_of, select_fields},
};

type Shared = Arc<dyn Resource>;

pub(crate) fn creator(resource: &Shared) -> Handler {
    let work = Arc::clone(resource);
    writer(resource, move |tx, call| {
        let record = create(tx, call, &*work, call.document().into_owned())?;
        shown(tx, call, &*work, &record)
    })
}

pub(crate) fn updater(resource: &Shared) -> Handler {
    let work = Arc::clone(resource);
    writer(resource, move |tx, call| {
        let old = load_own(tx, call, &*work)?;
        let new = patched(work.kind(), &old, call.document().into_owned());
        let record = save(tx, call, &*work, &old, new)?;
        shown_changed(tx, call, &*work, &record)
    })
}

pub(crate) fn replacer(resource: &Shared) -> Handler {
    let work = Arc::clone(resource);
    writer(resource, move |tx, call| {
        let kind = work.kind();
        let mut body = call.document().into_owned();
        let id = call.path(own_parameter(call));
        match (tx.get(kind, id)?, kind.id) {
            (Some(old), _) => {
                let new = replaced(kind, &old, body);
                let record = save(tx, call, &*work, &old, new)?;
                shown_changed(tx, call, &*work, &record)
            }
            (None, Id::Given) => {
                body.insert(kind.id_field.into(), id.into());
                let record = create(tx, call, &*work, body)?;
                shown(tx, call, &*work, &record)
            }
            (None, Id::Made(_) | Id::Single) => Err(kind.not_found()),
        }
    })
}

pub(crate) fn deleter(resource: &Shared) -> Handler {
    let work = Arc::clone(resource);
    writer(resource, move |tx, call| {
        match load_own(tx, call, &*work) {
            Ok(old) => drop(delete(tx, call, &*work, &old)?),
            Err(error) if error.status == StatusCode::NOT_FOUND && work.kind().forgiving => {}
            Err(error) => return Err(error),
        }
        Ok(gone(call))
    })
}

pub(crate) fn single_getter(resource: &Shared) -> Handler {
    let resource = Arc::clone(resource);
    Handler::Read(Arc::new(move |reader, call| {
        let record = single(reader, call, &*resource)?.ok_or_else(|| resource.kind().not_found())?;
        shown(reader, call, &*resource, &record)
    }))
}

pub(crate) fn single_updater(resource: &Shared) -> Handler {
    let work = Arc::clone(resource);
    writer(resource, move |tx, call| {
        let old = single(tx, call, &*work)?.ok_or_else(|| work.kind().not_found())?;
        let new = patched(work.kind(), &old, call.document().into_owned());
        let record = save(tx, call, &*work, &old, new)?;
        shown_changed(tx, call, &*work, &record)
    })
}

pub(crate) fn single_replacer(resource: &Shared) -> Handler {
    let work = Arc::clone(resource);
    writer(resource, move |tx, call| {
        let body = call.document().into_owned();
        if let Some(old) = single(tx, call, &*work)? {
            let new = replaced(work.kind(), &old, body);
            let record = save(tx, call, &*work, &old, new)?;
            shown_changed(tx, call, &*work, &record)
        } else {
            let record = create(tx, call, &*work, body)?;
            shown(tx, call, &*work, &record)
        }
    })
}

pub(crate) fn single_creator(resource: &Shared) -> Handler {
    let work = Arc::clone(resource);
    writer(resource, move |tx, call| {
        let record = create(tx, call, &*work, call.document().into_owned())?;
        shown(tx, call, &*work, &record)
    })
}

pub(crate) fn single_deleter(resource: &Shared) -> Handler {
    let work = Arc::clone(resource);
    writer(resource, move |tx, call| {
        match tx.singleton(work.kind())? {
            Some(old) => drop(delete(tx, call, &*work, &old)?),
            None if work.kind().forgiving => {}
            None => return Err(work.kind().not_found()),
        }
        Ok(gone(call))
    })
}

fn writer(resource: &Shared, work: impl Fn(&mut Tx, &Call) -> ApiResult<Answer> + Send + Sync + 'static) -> Handler {
    Handler::Write(Some(Arc::clone(resource)), Arc::new(work))
}

/// What the store is asked for a list.
fn query(reader: &Snapshot, call: &Call, resource: &dyn Resource) -> ApiResult<Query> {
    let kind = resource.kind();
    if let Some(parent) = kind.owner {
        load(reader, parent, call.path(parent_parameter(call)))?;
    }
    let (paging, with_total) = paging_of(call);
    let order = order_of(call, kind.order)?;
    Ok(Query { filter: resource.filter(reader, call)?, order, paging, with_total })
}

/// A list of records.
pub(crate) fn list(reader: &Snapshot, call: &Call, resource: &dyn Resource) -> ApiResult<Answer> {
    let page = reader.list(resource.kind(), &query(reader, call, resource)?)?;
    let mut items = Vec::with_capacity(page.items.len());
    for record in page.items.iter().filter(|record| resource.admits(call, record)) {
        let mut shown = presented(reader, call, resource, record)?;
        select(call, resource, &mut shown);
        items.push(shown);
    }
    Ok(Answer::json(envelope(call, Page { items, total: page.total, next: page.next })))
}

/// The same list as bytes to send, and whether it stays the same as long as no record of the kind changes. What is kept of a
/// record's state is sent again; the rest is kept from now on.
pub(crate) fn list_kept(
    reader: &Snapshot,
    call: &Call,
    resource: &dyn Resource,
    kept: &Kept,
) -> ApiResult<(Bytes, bool)> {
    let query = query(reader, call, resource)?;
    let is_lasting = resource.kind().owner.is_none() && !query.filter.has_relations();
    let page = reader.list_as(resource.kind(), &query, |listed| {
        let item = Item::of(call.operation, &call.caller.scopes, listed.state()?);
        Ok(match kept.item(&item) {
            Some(bytes) => (item, Ok(bytes)),
            None => (item, Err(listed.record()?)),
        })
    })?;
    let (mut documents, mut sources) = (Vec::new(), Vec::new());
    for (item, source) in page.items {
        let record = source.as_ref().err();
        if record.is_none_or(|record| resource.admits(call, record)) {
            // What is kept needs no document but a place.
            documents.push(record.map_or_else(|| Ok(Document::new()), |new| presented(reader, call, resource, new))?);
            sources.push((item, source.ok()));
        }
    }
    let answer = envelope(call, Page { items: documents, total: page.total, next: page.next });
    Ok((written(call.operation.project(answer), sources, kept).into(), is_lasting))
}

/// An envelope as bytes, in whose one array what is kept takes its places.
fn written(answer: Value, sources: Vec<(Item, Option<Bytes>)>, kept: &Kept) -> Vec<u8> {
    let mut bytes = Vec::new();
    match answer {
        Value::Object(members) => {
            let mut sources = Some(sources);
            for (index, (name, value)) in members.into_iter().enumerate() {
                bytes.push(if index == 0 { b'{' } else { b',' });
                bytes.extend(Value::from(name).to_string().into_bytes());
                bytes.push(b':');
                match (value, sources.take()) {
                    (Value::Array(items), Some(sources)) => write_items(&mut bytes, items, sources, kept),
                    (value, untaken) => {
                        bytes.extend(value.to_string().into_bytes());
                        sources = untaken;
                    }
                }
            }
            bytes.push(b'}');
        }
        Value::Array(items) => write_items(&mut bytes, items, sources, kept),
        other => bytes.extend(other.to_string().into_bytes()),
    }
    bytes
}

fn write_items(bytes: &mut Vec<u8>, items: Vec<Value>, sources: Vec<(Item, Option<Bytes>)>, kept: &Kept) {
    bytes.push(b'[');
    for (index, (value, (item, source))) in items.into_iter().zip(sources).enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        let text = source.unwrap_or_else(|| {
            let text = Bytes::from(value.to_string());
            kept.keep_item(item, text.clone());
            text
        });
        bytes.extend_from_slice(&text);
    }
    bytes.push(b']');
}

/// One record by the id in the path.
pub(crate) fn get(reader: &Snapshot, call: &Call, resource: &dyn Resource) -> ApiResult<(Record, Answer)> {
    let record = load_own(reader, call, resource)?;
    let answer = shown(reader, call, resource, &record)?;
    Ok((record, answer))
}

/// The record with this id, or the kind's 404.
pub fn load(reader: &Snapshot, kind: &Kind, id: &str) -> ApiResult<Record> {
    reader.get(kind, id)?.ok_or_else(|| kind.not_found())
}

/// Makes a record of a body: identifier, times, hooks, secrets, index, store.
///
/// # Errors
/// What the hooks refuse, and 409 when a unique field is taken.
pub fn create(tx: &mut Tx, call: &Call, resource: &dyn Resource, mut body: Document) -> ApiResult<Record> {
    let kind = resource.kind();
    let given = body.shift_remove(kind.id_field).and_then(|id| id.as_str().map(str::to_owned));
    let id = match kind.id {
        Id::Made(form) => given.unwrap_or_else(|| tx.context().id(form)),
        Id::Given => given.ok_or_else(|| ApiError::internal(format!("a {} without an identifier", kind.name)))?,
        Id::Single => kind.name.to_owned(),
    };
    let mut document = Document::new();
    if !kind.id_field.is_empty() {
        document.insert(kind.id_field.into(), id.as_str().into());
    }
    if let Some((parent, field)) = kind.parent() {
        let parent = load(tx, parent, call.path(parent_parameter(call)))?;
        document.insert(field.into(), parent.id.into());
    }
    document
        .extend(body.into_iter().filter(|(name, value)| !value.is_null() || kind.nullable.contains(&name.as_str())));
    let mut new = Record::new(id, document, tx.now());
    stamp(kind.times, &mut new, tx.now(), true);
    resource.prepare(tx, call, None, &mut new)?;
    resource.check(tx, call, None, &new)?;
    let new = insert(tx, kind, new)?;
    resource.follow(tx, call, &Change::Create { new: &new })?;
    Ok(new)
}

/// Stores a new record without hooks.
///
/// # Errors
/// 409 when a unique field or the id is taken.
pub fn insert(tx: &mut Tx, kind: &Kind, record: Record) -> ApiResult<Record> {
    tx.insert(kind, record).map_err(|error| unique_error(kind, error))
}

/// Stores a changed record: hooks, secrets, index, `updated_at`.
///
/// # Errors
/// What the hooks refuse, and 409 when a unique field is taken.
pub fn save(tx: &mut Tx, call: &Call, resource: &dyn Resource, old: &Record, mut new: Record) -> ApiResult<Record> {
    let kind = resource.kind();
    new.updated = tx.now();
    stamp(kind.times, &mut new, tx.now(), false);
    resource.prepare(tx, call, Some(old), &mut new)?;
    resource.check(tx, call, Some(old), &new)?;
    // A singleton that nobody has written yet is stored with its first change.
    let new = tx.put(kind, new).map_err(|error| unique_error(kind, error))?;
    resource.follow(tx, call, &Change::Update { old, new: &new })?;
    Ok(new)
}

/// Deletes a record with all that names it, and lets the resource carry that on.
///
/// # Errors
/// What the resource refuses.
pub fn delete(tx: &mut Tx, call: &Call, resource: &dyn Resource, old: &Record) -> ApiResult<Option<Deleted>> {
    resource.check_deletion(tx, call, old)?;
    let deleted = deletion::delete(tx, &call.event_context(), resource.kind().stored, &old.id)?;
    resource.follow(tx, call, &Change::Delete { old })?;
    Ok(deleted)
}

/// What the caller is shown of a record.
pub fn presented(reader: &Snapshot, call: &Call, resource: &dyn Resource, record: &Record) -> ApiResult<Document> {
    let kind = resource.kind();
    let mut shown = record.document.clone();
    for path in kind.revealed {
        record.sealed.reveal(path, &mut shown);
    }
    kind.hide(&mut shown);
    resource.present(reader, call, record, &mut shown)?;
    Ok(shown)
}

/// The 409 in the service's words for a unique field that is taken; other errors as they are.
pub fn unique_error(kind: &Kind, error: StoreError) -> ApiError {
    let StoreError::Taken { key } = &error else { return error.into() };
    match kind.taken.iter().find(|unique| unique.field == key) {
        Some(unique) => {
            let conflict = ApiError::conflict(unique.message);
            unique.code.map_or(conflict.clone(), |code| conflict.code(code))
        }
        None => error.into(),
    }
}

fn shown(reader: &Snapshot, call: &Call, resource: &dyn Resource, record: &Record) -> ApiResult<Answer> {
    let mut shown = presented(reader, call, resource, record)?;
    select(call, resource, &mut shown);
    Ok(Answer::json(shown))
}

/// What the caller is shown of a record that was there before: no secret, unless the caller could also read the record.
fn shown_changed(reader: &Snapshot, call: &Call, resource: &dyn Resource, record: &Record) -> ApiResult<Answer> {
    let mut shown = presented(reader, call, resource, record)?;
    if !call.may_read() {
        for path in record.sealed.paths() {
            kernel::remove_path(&mut shown, path);
        }
    }
    select(call, resource, &mut shown);
    Ok(Answer::json(shown))
}

/// Keeps the fields that the call chooses, and those that always come with them.
fn select(call: &Call, resource: &dyn Resource, shown: &mut Document) {
    let always = resource.always_shown().iter().filter_map(|name| shown.get_key_value(*name));
    let always: Document = always.map(|(name, value)| (name.clone(), value.clone())).collect();
    select_fields(call, shown);
    for (name, value) in always {
        shown.entry(name).or_insert(value);
    }
}

/// The record that the path names, of the parent that the path names.
fn load_own(reader: &Snapshot, call: &Call, resource: &dyn Resource) -> ApiResult<Record> {
    let kind = resource.kind();
    let parent = match kind.parent() {
        Some((parent, field)) => Some((field, load(reader, parent, call.path(parent_parameter(call)))?.id)),
        None => None,
    };
    let record = resource.find(reader, call.path(own_parameter(call)))?;
    let is_own = |record: &Record| parent.as_ref().is_none_or(|(field, id)| record.text(field) == Some(id));
    record.filter(|record| is_own(record) && resource.admits(call, record)).ok_or_else(|| resource.missing(call))
}

fn single(reader: &Snapshot, call: &Call, resource: &dyn Resource) -> ApiResult<Option<Record>> {
    let kind = resource.kind();
    let stored = reader.singleton(kind)?;
    Ok(stored.or_else(|| resource.fresh(call).map(|document| Record::new(kind.name, document, reader.now()))))
}

/// The stored record with a PATCH merged in: fields replace, `null` removes, merged fields are merged one level deep.
fn patched(kind: &Kind, old: &Record, body: Document) -> Record {
    let mut new = old.clone();
    for (name, value) in body {
        forget_sealed(&mut new, &name);
        let is_kept_null = kind.nullable.contains(&name.as_str());
        match value {
            Value::Null if !is_kept_null => {
                new.document.shift_remove(&name);
            }
            Value::Object(change) if kind.merged.contains(&name.as_str()) => {
                let target = new.document.entry(name).or_insert_with(|| Document::new().into());
                if !target.is_object() {
                    *target = Document::new().into();
                }
                kernel::merge_first_level(target.as_object_mut().expect("made an object above"), change);
            }
            value => {
                new.document.insert(name, value);
            }
        }
    }
    new
}

/// The record with a PUT in place of what the caller may write: identifier, parent, hidden fields and times stay.
fn replaced(kind: &Kind, old: &Record, body: Document) -> Record {
    let mut new = old.clone();
    let parent = kind.stored.parent.map(|(_, field)| field);
    let is_ours = |name: &str| {
        name == kind.id_field
            || kind.hidden.contains(&name)
            || parent == Some(name)
            || (kind.times != Times::Hidden && name == "created_at")
    };
    new.document.retain(|name, _| is_ours(name));
    new.sealed = kernel::Sealed::new();
    let kept = body.into_iter().filter(|(name, value)| !value.is_null() || kind.nullable.contains(&name.as_str()));
    new.document.extend(kept.filter(|(name, _)| !is_ours(name)));
    new
}

/// A field that is replaced takes its sealed parts with it.
fn forget_sealed(record: &mut Record, field: &str) {
    let inside = |path: &str| path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let stale: Vec<String> = record.sealed.paths().filter(|path| inside(path)).map(str::to_owned).collect();
    for path in stale {
        record.sealed.take(&path);
    }
}

fn stamp(times: Times, record: &mut Record, now: Timestamp, is_new: bool) {
    let text = match times {
        Times::Hidden => return,
        Times::Millis => now.to_string(),
        Times::Micros => now.with_micros(),
        Times::Nanos => now.with_nanos(),
    };
    if is_new {
        record.document.insert("created_at".into(), text.as_str().into());
    }
    record.document.insert("updated_at".into(), text.into());
}

/// The answer to a deletion: nothing, or an empty object where the contract says 200.
fn gone(call: &Call) -> Answer {
    if call.operation.success == 200 { Answer::json(Document::new()) } else { Answer::empty() }
}

/// Writes a record without hooks, whether or not it is there: `change` completes the stored or a new, empty document.
/// For settings that live under an id of their own making (a prompt and a language, a factor's provider).
///
/// # Errors
/// 409 when a unique field is taken.
pub fn upsert(tx: &mut Tx, kind: &Kind, id: &str, change: impl FnOnce(&mut Record)) -> ApiResult<Record> {
    let stored = tx.get(kind, id)?;
    let mut record = stored.unwrap_or_else(|| Record::new(id, Document::new(), tx.now()));
    change(&mut record);
    record.updated = tx.now();
    tx.put(kind, record).map_err(|error| unique_error(kind, error))
}
