//! Encryption keys: the tenant's hierarchy as its owner sees and changes it (reference: keys §3).
//!
//! The store holds the keys; a record of each tells its part: a root key (`root` is its number in the store) wraps the
//! master key (`version`), which encrypts. Every change of the hierarchy ends with a new master key; what was encrypted
//! before is then encrypted anew, and the keys before are destroyed: at once while that is little, else by a job.

use std::time::Duration;

use kernel::{Document, Record, Value, id::Form, object};
use model::queues;
use rest::{Answer, ApiError, ApiResult, Area, BoxFuture, Call, Kind, Resource, Task, Times, page_of};
use serde_json::json;
use store::{Filter, Job, Master, NewJob, Order, Query, Resealing, Snapshot, Store, StoreResult, Tx};

use super::wrapping::{self, KeyPair};

/// The type of the job that encrypts anew.
pub(crate) const QUEUED: &str = "rekey";
/// How many steps of encrypting anew a call waits for.
const STEPS_AT_ONCE: usize = 20;
/// How long a job waits for the call that enqueued it, and keeps its lease between two steps.
const LEASE: Duration = Duration::from_secs(60);

const ENVIRONMENT_ROOT: &str = "environment-root-key";
const CUSTOMER_ROOT: &str = "customer-provided-root-key";
const MASTER: &str = "tenant-master-key";
const TENANT_KEY: &str = "tenant-encryption-key";

pub(super) fn claim(area: Area) -> Area {
    area.collection("/keys/encryption", EncryptionKeys)
        .except("GET /keys/encryption")
        .read("GET /keys/encryption", list)
        .except("DELETE /keys/encryption/{kid}")
        .task("DELETE /keys/encryption/{kid}", |task| changed(task, destroy))
        .task("POST /keys/encryption/rekey", |task| changed(task, |_, _| Ok(Answer::empty())))
        .task("POST /keys/encryption/{kid}", |task| changed(task, import))
        .task("POST /keys/encryption/{kid}/wrapping-key", wrapping_key)
}

static ENCRYPTION_KEY: Kind = Kind::of(&model::ENCRYPTION_KEY)
    .missing("The key does not exist.", None)
    .times(Times::Millis)
    .hidden(&["root", "version"])
    .nullable(&["parent_kid", "public_key"]);

struct EncryptionKeys;

impl Resource for EncryptionKeys {
    fn kind(&self) -> &'static Kind {
        &ENCRYPTION_KEY
    }

    /// A tenant encryption key is a pair; its public half is shown.
    fn gather<'a>(&'a self, _: &'a Store, call: &'a Call) -> Option<BoxFuture<'a, ApiResult<Document>>> {
        (call.body().get("type")? == TENANT_KEY).then(|| -> BoxFuture<'a, _> {
            Box::pin(async {
                let KeyPair { public_key, private_key } = KeyPair::generate().await?;
                Ok(object(json!({"public_key": public_key, "private_key": private_key.reveal()})))
            })
        })
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, _: Option<&Record>, new: &mut Record) -> ApiResult {
        let pair = &call.gathered;
        let (state, parent) = match pair.get("private_key") {
            None => ("pre-activation", Value::Null),
            Some(private) => {
                new.sealed.set("private_key", private.clone());
                ("active", active(tx, MASTER)?.map(|master| master.id).into())
            }
        };
        new.document.insert("state".into(), state.into());
        new.document.insert("parent_kid".into(), parent);
        new.document.insert("public_key".into(), pair.get("public_key").cloned().unwrap_or_default());
        Ok(())
    }

    fn check(&self, tx: &mut Tx, _: &Call, _: Option<&Record>, new: &Record) -> ApiResult {
        if new.text("type") == Some(CUSTOMER_ROOT) && !standing(tx, CUSTOMER_ROOT)?.is_empty() {
            return Err(ApiError::conflict("Encryption key has already been created."));
        }
        Ok(())
    }

    fn find(&self, reader: &Snapshot, kid: &str) -> ApiResult<Option<Record>> {
        named(reader, kid)
    }
}

/// `GET /keys/encryption`, the newest first.
fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let query = Query::default().order(Order::CreatedDescending);
    let keys = reader.list(&ENCRYPTION_KEY, &query)?.items;
    let shown = keys.iter().map(|key| rest::presented(reader, call, &EncryptionKeys, key));
    Ok(Answer::json(page_of(call, shown.collect::<ApiResult<_>>()?)?))
}

/// Tells of the keys that the store has; for a tenant of which nobody told yet.
pub(crate) fn ensure(tx: &mut Tx) -> ApiResult {
    if active(tx, MASTER)?.is_some() {
        return Ok(());
    }
    let Master { version, root } = tx.master_key()?;
    let root = if root == 0 { new_root(tx)? } else { tell_root(tx, root)? };
    tell_master(tx, version, &root.id)
}

/// `POST /keys/encryption/{kid}/wrapping-key`: a later pair takes the place of an earlier one.
async fn wrapping_key(task: Task) -> ApiResult<Answer> {
    task.read(|reader, call| awaiting_material(reader, call.path("kid"))).await?;
    let KeyPair { public_key, private_key } = KeyPair::generate().await?;
    task.write(move |tx, call| {
        let mut key = awaiting_material(tx, call.path("kid"))?;
        key.sealed.set("wrapping_key", private_key.reveal());
        tx.update(&ENCRYPTION_KEY, key)?;
        Ok(Answer::json(json!({"public_key": public_key, "algorithm": "CKM_RSA_AES_KEY_WRAP"})))
    })
    .await
}

/// The customer's root key that has no material yet.
fn awaiting_material(reader: &Snapshot, kid: &str) -> ApiResult<Record> {
    let key = named(reader, kid)?.filter(|key| key.text("type") == Some(CUSTOMER_ROOT)).ok_or_else(unsupported)?;
    if key.text("state") != Some("pre-activation") {
        return Err(ApiError::conflict(
            "Failed precondition. Create new encryption key without the key material first.",
        ));
    }
    Ok(key)
}

/// `POST /keys/encryption/{kid}`: the customer's key takes the place of the root key until now.
fn import(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let key = named(tx, call.path("kid"))?.ok_or_else(|| ApiError::bad_request("The key ID was not found."))?;
    let invalid = || ApiError::bad_request("Invalid input. Wrapped key material is invalid or unsupported key type.");
    if key.text("type") != Some(CUSTOMER_ROOT) {
        return Err(invalid());
    }
    let not_in_progress = || {
        ApiError::conflict(
            "Failed precondition. Key import not in progress or unable to find the wrapping key. Make sure you have \
             followed all the steps to import a key.",
        )
    };
    let private_key = key.sealed.text("wrapping_key").ok_or_else(not_in_progress)?;
    let wrapped = call.body().get("wrapped_key").and_then(Value::as_str).unwrap_or_default();
    let material = wrapping::unwrap(private_key, wrapped).ok_or_else(invalid)?;
    let root = tx.add_root_key(Some(material))?;
    let key = change(tx, &key.id, |key| {
        key.sealed.take("wrapping_key");
        key.document.insert("state".into(), "active".into());
        key.document.insert("root".into(), root.into());
    })?;
    hang_under(tx, &key)?;
    Ok(Answer::json(rest::presented(tx, call, &EncryptionKeys, &key)?))
}

/// `DELETE /keys/encryption/{kid}`: a root key of the environment takes the place of the customer's.
fn destroy(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let is_customers = |key: &Record| matches!(key.text("type"), Some(CUSTOMER_ROOT | TENANT_KEY));
    let key = named(tx, call.path("kid"))?.filter(is_customers).ok_or_else(unsupported)?;
    if key.text("type") == Some(CUSTOMER_ROOT) && key.text("state") == Some("active") {
        let root = new_root(tx)?;
        hang_under(tx, &root)?;
    } else if key.text("state") != Some("destroyed") {
        change(tx, &key.id, |key| {
            key.sealed = kernel::Sealed::new();
            key.document.insert("state".into(), "destroyed".into());
        })?;
    }
    Ok(Answer::empty())
}

/// Does what a call asks for, makes a new master key in the same transaction, and encrypts anew.
async fn changed(task: Task, work: fn(&mut Tx, &Call) -> ApiResult<Answer>) -> ApiResult<Answer> {
    let tenant = task.call.caller.tenant.clone();
    let answer = task
        .write(move |tx, call| {
            let answer = work(tx, call)?;
            renew(tx)?;
            Ok(answer)
        })
        .await?;
    // What is left when this fails or does not get to its end, the job does.
    let version = task.store.read(&tenant, Snapshot::master_key).await?.version;
    let mut from = Some(Resealing::default());
    for _ in 0..STEPS_AT_ONCE {
        let Some(at) = from else { break };
        from = task.store.write(&tenant, move |tx| step(tx, version, at)).await.unwrap_or(None);
    }
    Ok(answer)
}

/// Makes a new master key; the one before encrypts nothing from now on.
fn renew(tx: &mut Tx) -> ApiResult {
    let former = active(tx, MASTER)?.ok_or_else(|| ApiError::internal("the tenant has no master key"))?;
    let version = tx.renew_master_key()?;
    change(tx, &former.id, |key| {
        key.document.insert("state".into(), "deactivated".into());
    })?;
    let parent = former.text("parent_kid").unwrap_or_default();
    tell_master(tx, version, parent)?;
    let payload = object(json!({"type": QUEUED, "version": version}));
    let (id, run_at) = (Some(job_of(version)), Some(tx.now() + LEASE));
    tx.enqueue(NewJob { id, run_at, ..NewJob::new(queues::MANAGEMENT, payload) })?;
    Ok(())
}

fn job_of(version: i64) -> String {
    format!("rekey_{version}")
}

/// The job: encrypts anew, step by step, and notes how far it is.
pub(crate) async fn work(store: &Store, job: &Job) -> ApiResult {
    let version = job.payload.get("version").and_then(Value::as_i64).unwrap_or_default();
    let mut from = Some(Resealing::from_document(&job.progress));
    while let Some(at) = from {
        let held = job.clone();
        let work = move |tx: &mut Tx| {
            let next = step(tx, version, at)?;
            let Some(next) = next else { return Ok(None) };
            let is_held = tx.continue_job(&held, &next.to_document(), LEASE)?;
            Ok::<_, ApiError>(is_held.then_some(next))
        };
        from = store.write(&job.tenant, work).await?;
    }
    Ok(())
}

/// One step of encrypting anew; the last one destroys the keys that nothing needs any more.
fn step(tx: &mut Tx, version: i64, from: Resealing) -> ApiResult<Option<Resealing>> {
    if let Some(next) = tx.reseal(version, from)? {
        return Ok(Some(next));
    }
    tx.destroy_keys_before(version)?;
    let root = tx.master_key()?.root;
    let number = |key: &Record, name: &str| key.document.get(name).and_then(Value::as_i64);
    let mut superseded = standing(tx, MASTER)?;
    superseded.retain(|key| number(key, "version") < Some(version));
    for kind in [ENVIRONMENT_ROOT, CUSTOMER_ROOT] {
        superseded.extend(standing(tx, kind)?.into_iter().filter(|key| number(key, "root").is_some_and(|n| n != root)));
    }
    for key in superseded {
        change(tx, &key.id, |key| {
            key.document.insert("state".into(), "destroyed".into());
        })?;
    }
    tx.cancel_job(&job_of(version))?;
    Ok(None)
}

/// Has the master key wrapped by another root key; the one before waits for its end.
fn hang_under(tx: &mut Tx, root: &Record) -> ApiResult {
    let number = root.document.get("root").and_then(Value::as_i64).unwrap_or_default();
    tx.wrap_master_key(number)?;
    for kind in [ENVIRONMENT_ROOT, CUSTOMER_ROOT] {
        for former in standing(tx, kind)?.iter().filter(|key| key.id != root.id && key.text("state") == Some("active"))
        {
            change(tx, &former.id, |key| {
                key.document.insert("state".into(), "deactivated".into());
            })?;
        }
    }
    if let Some(master) = active(tx, MASTER)? {
        change(tx, &master.id, |master| {
            master.document.insert("parent_kid".into(), root.id.as_str().into());
        })?;
    }
    Ok(())
}

fn new_root(tx: &mut Tx) -> ApiResult<Record> {
    let root = tx.add_root_key(None)?;
    tell_root(tx, root)
}

fn tell_root(tx: &mut Tx, number: i64) -> ApiResult<Record> {
    tell(tx, json!({"type": ENVIRONMENT_ROOT, "parent_kid": null, "root": number}))
}

fn tell_master(tx: &mut Tx, version: i64, parent: &str) -> ApiResult {
    tell(tx, json!({"type": MASTER, "parent_kid": parent, "version": version})).map(drop)
}

/// Stores what is told of a new, active key.
fn tell(tx: &mut Tx, members: Value) -> ApiResult<Record> {
    let kid = tx.context().id(Form::Uuid);
    let now = tx.now();
    let mut document = object(json!({"kid": kid, "state": "active", "created_at": now, "updated_at": now}));
    document.extend(object(members));
    document.insert("public_key".into(), Value::Null);
    rest::insert(tx, &ENCRYPTION_KEY, Record::new(kid, document, now))
}

fn change(tx: &mut Tx, kid: &str, change: impl FnOnce(&mut Record)) -> ApiResult<Record> {
    let now = tx.now();
    rest::upsert(tx, &ENCRYPTION_KEY, kid, |key| {
        change(key);
        key.document.insert("updated_at".into(), now.into());
    })
}

/// The key with this id, which must look like one.
fn named(reader: &Snapshot, kid: &str) -> ApiResult<Option<Record>> {
    let is_uuid = kid.len() == 36
        && kid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !is_uuid {
        return Err(ApiError::bad_request("Invalid UUID format in uri."));
    }
    Ok(reader.get(&ENCRYPTION_KEY, kid)?)
}

fn unsupported() -> ApiError {
    ApiError::bad_request("Invalid key id or unsupported key type.")
}

fn active(reader: &Snapshot, kind: &str) -> StoreResult<Option<Record>> {
    let filter = Filter::equals("type", kind).and(Filter::equals("state", "active"));
    Ok(reader.list(&ENCRYPTION_KEY, &Query::of(filter))?.items.pop())
}

/// The keys of a type that are not destroyed.
fn standing(reader: &Snapshot, kind: &str) -> StoreResult<Vec<Record>> {
    let states = Filter::any_of("state", ["pre-activation", "active", "deactivated"]);
    let filter = Filter::equals("type", kind).and(states);
    Ok(reader.list(&ENCRYPTION_KEY, &Query::of(filter))?.items)
}
