//! Modules: code that actions share, in published versions.

use http::StatusCode;
use identity::deletion::is_held_by;
use kernel::{Document, Record, Value, id::Form, object};
use rest::{Answer, ApiError, ApiResult, Call, Change, Kind, Resource, Sorted, Times, Unique, page_of};
use serde_json::json;
use store::{Filter, Order, Query, Snapshot, Tx};

use super::{all, scripts};

/// Modules: the draft, and the id of the latest version.
pub(crate) static MODULE: Kind = Kind::of(&model::ACTION_MODULE)
    .unique(&[Unique { field: "name", message: "An action module with the same name already exists.", code: None }])
    .missing("The action module does not exist.", None)
    .times(Times::Micros)
    .hidden(&["latest_version_id", "publish"]);

/// Versions of modules.
pub(crate) static MODULE_VERSION: Kind = Kind::of(&model::ACTION_MODULE_VERSION)
    .under(&MODULE)
    .missing("The action module version does not exist.", None)
    .order(Sorted::CreatedDescending);

const MOST_VERSIONS: u64 = 50;
const CONTENT: &[&str] = &["code", "dependencies", "secrets"];

pub(super) struct Modules;

impl Resource for Modules {
    fn kind(&self) -> &'static Kind {
        &MODULE
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        new.document.entry("dependencies").or_insert_with(|| json!([]));
        new.document.entry("secrets").or_insert_with(|| json!([]));
        scripts::seal_secrets(old, new, tx.now());
        // A change makes a draft that can be published, also when it says what was said before.
        new.document.insert("all_changes_published".into(), false.into());
        Ok(())
    }

    fn check_deletion(&self, tx: &mut Tx, _: &Call, old: &Record) -> ApiResult {
        if is_held_by(tx, &MODULE, old, &model::ACTION)? {
            let text = "The action module is used by actions and cannot be deleted.";
            return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, text));
        }
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, _: &Call, change: &Change<'_>) -> ApiResult {
        match change {
            Change::Create { new } if new.is("publish") => release(tx, (*new).clone()).map(drop),
            _ => Ok(()),
        }
    }

    fn present(&self, reader: &Snapshot, _: &Call, record: &Record, shown: &mut Document) -> ApiResult {
        // The record of a creation is older than its publication.
        let stored = reader.get(&MODULE, &record.id)?;
        let stored = stored.as_ref().unwrap_or(record);
        shown.insert("all_changes_published".into(), stored.is("all_changes_published").into());
        shown.insert("actions_using_module_total".into(), users_of(reader, &record.id)?.len().into());
        let latest = stored.text("latest_version_id").unwrap_or_default();
        if let Some(version) = reader.get(&MODULE_VERSION, latest)? {
            let part = |name: &str| version.document.get(name).cloned().unwrap_or_default();
            let latest = json!({
                "id": version.id,
                "version_number": part("version_number"),
                "code": part("code"),
                "dependencies": part("dependencies"),
                "secrets": part("secrets"),
            });
            shown.insert("latest_version".into(), latest);
        }
        Ok(())
    }
}

pub(super) struct Versions;

impl Resource for Versions {
    fn kind(&self) -> &'static Kind {
        &MODULE_VERSION
    }

    /// Unlike other parents, the module is part of what is shown.
    fn present(&self, _: &Snapshot, _: &Call, record: &Record, shown: &mut Document) -> ApiResult {
        shown.clone_from(&record.document);
        Ok(())
    }
}

/// The versions of a module.
pub(super) fn versions(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let module = rest::load(reader, &MODULE, call.path("id"))?;
    let versions = reader.list(&MODULE_VERSION, &of_module(&module.id).order(Order::CreatedDescending))?.items;
    Ok(Answer::json(page_of(call, versions.into_iter().map(|version| version.document).collect())?))
}

/// Publishes the draft.
pub(super) fn publish(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let module = rest::load(tx, &MODULE, call.path("id"))?;
    if module.is("all_changes_published") {
        return Err(ApiError::conflict("No draft version is available to publish."));
    }
    Ok(Answer::json(release(tx, module)?.document))
}

/// Copies a version into the draft.
pub(super) fn roll_back(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let old = rest::load(tx, &MODULE, call.path("id"))?;
    let id = call.body().get("module_version_id").and_then(Value::as_str).unwrap_or_default();
    let version = rest::load(tx, &MODULE_VERSION, id)?;
    if version.text("module_id") != Some(&old.id) {
        return Err(MODULE_VERSION.not_found());
    }
    if has_same_content(&old, &version) {
        return Err(ApiError::conflict("The action module's draft is this version already."));
    }
    let mut new = old.clone();
    for name in CONTENT {
        new.document.insert((*name).to_owned(), version.document.get(*name).cloned().unwrap_or_default());
    }
    new.sealed = version.sealed.clone();
    let is_latest = old.text("latest_version_id") == Some(&version.id);
    new.document.insert("all_changes_published".into(), is_latest.into());
    new.updated = tx.now();
    new.document.insert("updated_at".into(), tx.now().with_micros().into());
    let new = tx.update(&MODULE, new)?;
    Ok(Answer::json(rest::presented(tx, call, &Modules, &new)?))
}

fn has_same_content(one: &Record, other: &Record) -> bool {
    CONTENT.iter().all(|name| one.document.get(*name) == other.document.get(*name))
}

/// The actions that use a module.
pub(super) fn users(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let module = rest::load(reader, &MODULE, call.path("id"))?;
    Ok(Answer::json(page_of(call, users_of(reader, &module.id)?)?))
}

/// Completes the modules that an action names: they must exist.
pub(super) fn resolve(tx: &Tx, action: &mut Record) -> ApiResult {
    for entry in action.document.get_mut("modules").and_then(Value::as_array_mut).into_iter().flatten() {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let module = rest::load(tx, &MODULE, text("module_id"))?;
        let version = rest::load(tx, &MODULE_VERSION, text("module_version_id"))?;
        if version.text("module_id") != Some(&module.id) {
            return Err(MODULE_VERSION.not_found());
        }
        *entry = json!({
            "module_id": module.id,
            "module_version_id": version.id,
            "module_name": module.text("name"),
            "module_version_number": version.document.get("version_number"),
        });
    }
    Ok(())
}

fn release(tx: &mut Tx, mut module: Record) -> ApiResult<Record> {
    let of_module = of_module(&module.id);
    if tx.count(&MODULE_VERSION, &of_module.filter)? >= MOST_VERSIONS {
        let text = "The action module has reached its limit of versions.";
        return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, text));
    }
    let last = tx.list(&MODULE_VERSION, &of_module.order(Order::Created))?.items.pop();
    let number = last.and_then(|last| last.document.get("version_number")?.as_u64()).unwrap_or(0) + 1;
    let id = tx.context().id(Form::Uuid);
    let part = |name: &str| module.document.get(name).cloned().unwrap_or_default();
    let document = object(json!({
        "id": id,
        "module_id": module.id,
        "version_number": number,
        "code": part("code"),
        "secrets": part("secrets"),
        "dependencies": part("dependencies"),
        "created_at": tx.now().with_micros(),
    }));
    let mut version = Record::new(id, document, tx.now());
    version.sealed = module.sealed.clone();
    let version = rest::insert(tx, &MODULE_VERSION, version)?;
    module.document.insert("latest_version_id".into(), version.id.as_str().into());
    module.document.insert("all_changes_published".into(), true.into());
    tx.update(&MODULE, module)?;
    Ok(version)
}

fn users_of(reader: &Snapshot, module: &str) -> ApiResult<Vec<Document>> {
    let mut users = Vec::new();
    for action in all(reader)? {
        let entries = action.document.get("modules").and_then(Value::as_array).into_iter().flatten();
        for entry in entries.filter(|entry| entry.get("module_id").and_then(Value::as_str) == Some(module)) {
            users.push(object(json!({
                "action_id": action.id,
                "action_name": action.text("name"),
                "module_version_id": entry.get("module_version_id"),
                "module_version_number": entry.get("module_version_number"),
            })));
        }
    }
    Ok(users)
}

fn of_module(module: &str) -> Query {
    Query::of(Filter::equals("module_id", module))
}
