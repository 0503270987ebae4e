//! Versions of actions: what was deployed, never changed again.

use identity::discard;
use kernel::{Document, Record, id::Form, object};
use rest::{Answer, ApiError, ApiResult, Call, Kind, Resource, Sorted, Task, Times};
use serde_json::json;
use store::{Filter, Order, Query, Snapshot, Tx};

use super::{ACTION, builds, scripts, summary};

/// Versions.
pub(crate) static ACTION_VERSION: Kind = Kind::of(&model::ACTION_VERSION)
    .under(&ACTION)
    .missing("The action version does not exist.", None)
    .times(Times::Nanos)
    .order(Sorted::CreatedDescending);

/// Most versions of an action; beyond, the oldest that is not deployed goes.
const MOST_VERSIONS: usize = 50;
/// What a version takes from the draft.
const CONTENT: &[&str] = &["code", "dependencies", "secrets", "runtime", "supported_triggers", "modules"];

pub(super) struct Versions;

impl Resource for Versions {
    fn kind(&self) -> &'static Kind {
        &ACTION_VERSION
    }

    fn present(&self, reader: &Snapshot, _: &Call, record: &Record, shown: &mut Document) -> ApiResult {
        if let Some(action) = reader.get(&ACTION, record.text("action_id").unwrap_or_default())? {
            shown.insert("action".into(), summary(&action).into());
        }
        Ok(())
    }
}

/// Deploys the draft; one that is being built, when it is.
pub(super) async fn deploy_draft(task: Task) -> ApiResult<Answer> {
    builds::settled(&task).await?;
    let work = |tx: &mut Tx, call: &Call| {
        let version = deploy(tx, call.path("id"))?;
        answer(tx, &version)
    };
    task.write(work).await
}

/// Makes a new version of an old one's content and deploys it.
pub(super) fn roll_back(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let mut action = rest::load(tx, &ACTION, call.path("actionId"))?;
    let old = rest::load(tx, &ACTION_VERSION, call.path("id"))?;
    if old.text("action_id") != Some(&action.id) {
        return Err(ACTION_VERSION.not_found());
    }
    if old.text("status") != Some("built") {
        return Err(ApiError::bad_request("The version must be built before it can be deployed."));
    }
    let rewrites_draft = call.body().get("update_draft") == Some(&true.into());
    if rewrites_draft {
        for name in CONTENT {
            if let Some(value) = old.document.get(*name) {
                action.document.insert((*name).to_owned(), value.clone());
            }
        }
        action.sealed = old.sealed.clone();
        action.document.insert("status".into(), "built".into());
        action.document.shift_remove("errors");
    }
    let is_draft = CONTENT.iter().all(|name| old.document.get(*name) == action.document.get(*name));
    let version = release(tx, action, &old, is_draft)?;
    answer(tx, &version)
}

/// Deploys the draft of the action with this id.
pub(super) fn deploy(tx: &mut Tx, action: &str) -> ApiResult<Record> {
    let action = rest::load(tx, &ACTION, action)?;
    if action.text("status") != Some("built") {
        return Err(ApiError::bad_request("The action must be built before it can be deployed."));
    }
    release_draft(tx, action)
}

/// Makes a version of a draft, built or not, and makes it the one that runs.
pub(super) fn release_draft(tx: &mut Tx, action: Record) -> ApiResult<Record> {
    let draft = action.clone();
    release(tx, action, &draft, true)
}

/// Appends a version with the content of `source` and makes it the one that runs.
fn release(tx: &mut Tx, mut action: Record, source: &Record, is_draft: bool) -> ApiResult<Record> {
    let mut versions = of_action(tx, &action.id)?;
    let number = versions.last().and_then(|last| last.document.get("number")?.as_u64()).unwrap_or(0) + 1;
    let status = source.text("status").unwrap_or("built");
    let is_built = status == "built";
    let now = tx.now().with_nanos();
    let id = tx.context().id(Form::Uuid);
    let mut document = object(json!({
        "id": id,
        "action_id": action.id,
        "deployed": true,
        "number": number,
        "built_at": now,
        "status": status,
        "created_at": now,
        "updated_at": now,
    }));
    if !is_built {
        document.shift_remove("built_at");
    }
    for name in CONTENT {
        if let Some(value) = source.document.get(*name) {
            document.insert((*name).to_owned(), value.clone());
        }
    }
    scripts::drop_registries(&mut document);
    let mut version = Record::new(id, document, tx.now());
    version.sealed = source.sealed.clone();
    let version = rest::insert(tx, &ACTION_VERSION, version)?;
    for mut former in versions.iter().filter(|former| former.is("deployed")).cloned() {
        former.document.insert("deployed".into(), false.into());
        tx.update(&ACTION_VERSION, former)?;
    }
    while versions.len() >= MOST_VERSIONS {
        discard(tx, &ACTION_VERSION, &versions.remove(0).id)?;
    }
    action.document.insert("deployed_version_id".into(), version.id.as_str().into());
    action.document.insert("deployed".into(), true.into());
    action.document.insert("all_changes_deployed".into(), is_draft.into());
    tx.update(&ACTION, action)?;
    Ok(version)
}

/// A version as `deployed_version` shows it.
pub(super) fn full(version: &Record) -> Document {
    let mut shown = version.document.clone();
    shown.shift_remove("action_id");
    shown
}

/// A version as `current_version` shows it.
pub(super) fn brief(version: &Record) -> Document {
    let part = |name: &str| version.document.get(name).cloned().unwrap_or_default();
    object(json!({
        "id": version.id,
        "code": part("code"),
        "runtime": part("runtime"),
        "status": "BUILT",
        "number": part("number"),
        "build_time": part("built_at"),
        "created_at": part("created_at"),
        "updated_at": part("updated_at"),
    }))
}

/// The answer to a deployment: it has only begun.
fn answer(reader: &Snapshot, version: &Record) -> ApiResult<Answer> {
    let mut shown = full(version);
    shown.insert("deployed".into(), false.into());
    shown.shift_remove("built_at");
    let action = rest::load(reader, &ACTION, version.text("action_id").unwrap_or_default())?;
    shown.insert("action".into(), summary(&action).into());
    Ok(Answer::json(shown))
}

/// The versions of an action, the oldest first.
fn of_action(reader: &Snapshot, action: &str) -> ApiResult<Vec<Record>> {
    let query = Query::of(Filter::equals("action_id", action)).order(Order::Created);
    Ok(reader.list(&ACTION_VERSION, &query)?.items)
}
