//! Builds: the packages that an action or its modules depend on are resolved and unpacked, as a job.

use actions::{BuildError, Dependency, Runtime};
use kernel::{Document, Record, Value, object};
use model::{ACTION, ACTION_VERSION, queues};
use serde_json::json;
use store::{Job, Kind, NewJob, Store, StoreError, StoreResult, Tx};

use crate::scripts;

/// `type` of the job.
pub(crate) const JOB: &str = "build";

/// Has a draft built once the transaction is committed, and the version with it that was deployed with the draft's making.
///
/// # Errors
/// Those of the store.
pub fn enqueue(tx: &mut Tx, action: &str, version: Option<&str>) -> StoreResult {
    let payload = object(json!({"type": JOB, "action": action, "version": version}));
    tx.enqueue(NewJob::new(queues::SCRIPTS, payload))?;
    Ok(())
}

/// Builds a draft.
pub(crate) async fn run(store: &Store, runtime: &Runtime, job: &Job) -> StoreResult {
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str).map(str::to_owned);
    let (action, version) = (text("action").unwrap_or_default(), text("version"));
    let tenant = &job.tenant;
    let wanted = action.clone();
    let draft = store.write(tenant, move |tx: &mut Tx| {
        let Some(mut action) = tx.get(&ACTION, &wanted)? else { return Ok::<_, StoreError>(None) };
        let program = scripts::program(tx, &action, wanted.clone(), action.text("name").unwrap_or_default())?;
        action.document.insert("status".into(), "building".into());
        Ok(Some((tx.update(&ACTION, action)?, program)))
    });
    let draft = draft.await?;
    let built = match &draft {
        Some((_, program)) => Some(runtime.build(program).await),
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
    kind: &Kind,
    id: &str,
    draft: &Record,
    outcome: &Result<Vec<Dependency>, BuildError>,
) -> StoreResult {
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

/// Whether two drafts or versions have the same packages; a version does not tell where they come from.
fn has_same_packages(one: &Record, other: &Record) -> bool {
    scripts::dependencies(&one.document) == scripts::dependencies(&other.document)
        && one.document.get("modules") == other.document.get("modules")
}
