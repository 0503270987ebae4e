//! Builds: the packages that an action or its modules depend on are resolved and unpacked, as a job.

use std::time::Duration;

use ::actions::{BuildError, Dependency};
use kernel::{Document, Record, Value, object};
use model::queues;
use rest::{ApiResult, Call, Task};
use serde_json::json;
use store::{Job, NewJob, Snapshot, Tx};

use super::{ACTION, dispatch::Dispatcher, scripts, versions::ACTION_VERSION};

/// A deployment waits so long for the build of its draft.
const PATIENCE: Duration = Duration::from_secs(20);
/// `type` of the job.
pub(super) const JOB: &str = "build";
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

/// Has a draft built once the transaction is committed, and the version with it that was deployed with the draft's making.
pub(super) fn enqueue(tx: &mut Tx, action: &str, version: Option<&str>) -> ApiResult {
    let payload = object(json!({"type": JOB, "action": action, "version": version}));
    tx.enqueue(NewJob::new(queues::SCRIPTS, payload))?;
    Ok(())
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

/// Builds a draft.
pub(super) async fn run(dispatcher: &Dispatcher, job: &Job) -> ApiResult {
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str).map(str::to_owned);
    let (action, version) = (text("action").unwrap_or_default(), text("version"));
    let (store, tenant) = (dispatcher.store(), &job.tenant);
    let wanted = action.clone();
    let draft = store.write(tenant, move |tx: &mut Tx| {
        let Some(mut action) = tx.get(&ACTION, &wanted)? else { return Ok::<_, rest::ApiError>(None) };
        let program = scripts::program(tx, &action, wanted.clone(), action.text("name").unwrap_or_default())?;
        action.document.insert("status".into(), "building".into());
        Ok(Some((tx.update(&ACTION, action)?, program)))
    });
    let draft = draft.await?;
    let built = match &draft {
        Some((_, program)) => Some(dispatcher.runtime().build(program).await),
        None => None,
    };
    let held = job.clone();
    let finish = move |tx: &mut Tx| {
        if let (Some((draft, _)), Some(outcome)) = (&draft, &built) {
            note(tx, &ACTION, &action, draft, outcome)?;
            if let Some(version) = &version {
                note(tx, &ACTION_VERSION, version, draft, outcome)?;
            }
        }
        tx.complete_job(&held)?;
        Ok(())
    };
    store.write(tenant, finish).await
}

/// Notes how a build went, unless what was built is not what is wanted any more.
fn note(
    tx: &mut Tx,
    kind: &rest::Kind,
    id: &str,
    draft: &Record,
    outcome: &Result<Vec<Dependency>, BuildError>,
) -> ApiResult {
    let Some(mut record) = tx.get(kind, id)?.filter(|record| has_same_packages(draft, record)) else {
        return Ok(());
    };
    record.document.shift_remove("errors");
    match outcome {
        Ok(exact) => {
            settle_versions(&mut record.document, exact);
            record.document.insert("status".into(), "built".into());
            if record.document.contains_key("number") {
                record.document.insert("built_at".into(), tx.now().with_nanos().into());
            }
        }
        Err(error) => {
            record.document.insert("status".into(), "failed".into());
            record.document.insert("errors".into(), json!([{"id": "build_failed", "msg": error.0}]));
        }
    }
    tx.update(kind, record)?;
    Ok(())
}

/// Puts the versions that were found in place of ranges and `latest`.
fn settle_versions(document: &mut Document, exact: &[Dependency]) {
    let entries = document.get_mut("dependencies").and_then(Value::as_array_mut).into_iter().flatten();
    for entry in entries.filter_map(Value::as_object_mut) {
        let found = exact.iter().find(|found| entry.get("name").is_some_and(|name| *name == found.name));
        if let Some(found) = found {
            entry.insert("version".into(), found.version.as_str().into());
        }
    }
}

fn has_same_input(one: &Record, other: &Record) -> bool {
    INPUT.iter().all(|name| one.document.get(*name) == other.document.get(*name))
}

/// As [`has_same_input`], for a version, which does not tell where its packages come from.
fn has_same_packages(one: &Record, other: &Record) -> bool {
    scripts::dependencies(&one.document) == scripts::dependencies(&other.document)
        && one.document.get("modules") == other.document.get("modules")
}
