//! Actions: tenants' scripts at the triggers of login and other flows; their versions, bindings and modules.
//!
//! Scripts are stored and bound here, and run by the crates `extensibility` and `actions`. One without packages takes no time to build: the answer
//! to a change still shows it as pending, every later read shows it built.

mod bindings;
mod builds;
mod modules;
mod scripts;
mod trial;
mod triggers;
pub(crate) mod versions;

use extensibility::versions::deployed;
use identity::{deletion, triggers::EXECUTIONS_KEPT};
use kernel::{Document, Record, Value};
use model::TRIGGER_BINDINGS;
use rest::{Answer, ApiError, ApiResult, Area, Call, Change, Kind, ListFilter, Resource, Times};
use serde_json::json;
use store::{Filter, Query, Snapshot, Tx};

use crate::Services;

/// What is served of `actions`.
pub(crate) fn area(services: &Services) -> Area {
    let dispatcher = services.dispatcher.clone();
    Area::new("actions")
        .collection("/actions/actions", Actions)
        .collection("/actions/actions/{actionId}/versions", versions::Versions)
        .task("POST /actions/actions/{id}/deploy", versions::deploy_draft)
        .write("POST /actions/actions/{actionId}/versions/{id}/deploy", versions::roll_back)
        .task("POST /actions/actions/{id}/test", move |task| trial::test(dispatcher.clone(), task))
        .read("GET /actions/triggers", triggers::list)
        .read("GET /actions/triggers/{triggerId}/bindings", bindings::list)
        .write("PATCH /actions/triggers/{triggerId}/bindings", bindings::replace)
        .collection("/actions/modules", modules::Modules)
        .collection("/actions/modules/{id}/versions", modules::Versions)
        .except("GET /actions/modules/{id}/versions")
        .read("GET /actions/modules/{id}/versions", modules::versions)
        .except("POST /actions/modules/{id}/versions")
        .write("POST /actions/modules/{id}/versions", modules::publish)
        .read("GET /actions/modules/{id}/actions", modules::users)
        .write("POST /actions/modules/{id}/rollback", modules::roll_back)
        .read("GET /actions/executions/{id}", execution)
}

/// Actions. `deployed_version_id` names the version that runs.
pub(crate) static ACTION: Kind = Kind::of(&model::ACTION)
    .missing("That action does not exist.", None)
    .times(Times::Nanos)
    .hidden(&["deployed_version_id", "trigger_ids", "deployed", "installed", "deploy"])
    .filters(&[
        ("actionName", ListFilter::Equals("name")),
        ("triggerId", ListFilter::Equals("trigger_ids")),
        ("deployed", ListFilter::Equals("deployed")),
        ("installed", ListFilter::Equals("installed")),
    ]);

/// What happened when the actions of a trigger ran.
pub(crate) static EXECUTION: Kind = Kind::of(&model::ACTION_EXECUTION).missing("The execution does not exist.", None);

/// Most actions of a tenant.
const MOST_ACTIONS: u64 = 100;
/// Most of what one action has.
const MOST_OF_EACH: [(&str, usize); 3] = [("secrets", 30), ("dependencies", 10), ("modules", 3)];
/// The longest code, in bytes.
const LONGEST_CODE: usize = 100_000;

struct Actions;

impl Resource for Actions {
    fn kind(&self) -> &'static Kind {
        &ACTION
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        let runtime = triggers::default_runtime(new.document.get("supported_triggers"));
        let defaults = [("dependencies", json!([])), ("runtime", json!(runtime)), ("secrets", json!([]))];
        for (name, value) in defaults {
            new.document.entry(name).or_insert(value);
        }
        scripts::seal_secrets(old, new, tx.now());
        modules::resolve(tx, new)?;
        let triggers = new.document.get("supported_triggers").and_then(Value::as_array).into_iter().flatten();
        let ids: Value = triggers.filter_map(|trigger| trigger.get("id")).cloned().collect();
        new.document.insert("trigger_ids".into(), ids);
        new.document.insert("installed".into(), false.into());
        new.document.entry("deployed").or_insert_with(|| false.into());
        let status = builds::status(tx, old, new)?;
        new.document.insert("status".into(), status.into());
        new.document.shift_remove("errors");
        new.document.insert("all_changes_deployed".into(), false.into());
        Ok(())
    }

    fn check(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        if old.is_none() && tx.count(&ACTION, &Filter::All)? >= MOST_ACTIONS {
            return Err(ApiError::bad_request("The tenant has reached its limit of actions."));
        }
        let moved = old.is_some_and(|old| old.document.get("trigger_ids") != new.document.get("trigger_ids"));
        if moved {
            return Err(ApiError::bad_request("The trigger of an action cannot be changed."));
        }
        for (name, most) in MOST_OF_EACH {
            if new.document.get(name).and_then(Value::as_array).map_or(0, Vec::len) > most {
                return Err(ApiError::bad_request(format!("An action can have at most {most} {name}.")));
            }
        }
        if new.text("code").map_or(0, str::len) > LONGEST_CODE {
            return Err(ApiError::bad_request(format!("The code of an action can have at most {LONGEST_CODE} bytes.")));
        }
        Ok(())
    }

    fn check_deletion(&self, tx: &mut Tx, call: &Call, old: &Record) -> ApiResult {
        if call.flag("force") == Some(true) {
            return Ok(deletion::release(tx, &ACTION, old, &TRIGGER_BINDINGS)?);
        }
        if deletion::is_held_by(tx, &ACTION, old, &TRIGGER_BINDINGS)? {
            return Err(ApiError::conflict("Unable to delete an action bound to a trigger."));
        }
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, _: &Call, change: &Change<'_>) -> ApiResult {
        match change {
            Change::Create { new } => {
                let version = if new.is("deploy") { Some(versions::release_draft(tx, (*new).clone())?) } else { None };
                if new.text("status") == Some("pending") {
                    let version = version.as_ref().map(|version| version.id.as_str());
                    extensibility::builds::enqueue(tx, &new.id, version)?;
                }
                Ok(())
            }
            Change::Update { new, .. } => {
                if new.text("status") == Some("pending") {
                    extensibility::builds::enqueue(tx, &new.id, None)?;
                }
                Ok(())
            }
            Change::Delete { .. } => Ok(()),
        }
    }

    fn present(&self, reader: &Snapshot, call: &Call, record: &Record, shown: &mut Document) -> ApiResult {
        let is_read = call.operation.method == "GET";
        if !is_read {
            shown.insert("status".into(), "pending".into());
        }
        // The record of a creation is older than its deployment.
        let stored = reader.get(&ACTION, &record.id)?;
        let stored = stored.as_ref().unwrap_or(record);
        let complete = stored.document.get("all_changes_deployed").cloned().unwrap_or_default();
        shown.shift_remove("all_changes_deployed");
        if let Some(version) = deployed(reader, stored)? {
            let (mut brief, mut full) = (versions::brief(&version), versions::full(&version));
            if call.operation.method == "POST" {
                // A deployment has only begun when its answer leaves.
                brief.shift_remove("build_time");
                brief.insert("status".into(), "PENDING".into());
                full.shift_remove("built_at");
                full.insert("status".into(), "pending".into());
            }
            shown.insert("current_version".into(), brief.into());
            shown.insert("deployed_version".into(), full.into());
            if is_read {
                scripts::drop_registries(shown);
            }
        }
        shown.insert("all_changes_deployed".into(), complete);
        Ok(())
    }
}

/// An action as its versions and bindings name it.
fn summary(action: &Record) -> Document {
    const SHOWN: &[&str] = &["id", "name", "supported_triggers", "created_at", "updated_at"];
    let member = |name: &&str| Some(((*name).to_owned(), action.document.get(*name)?.clone()));
    let mut summary: Document = SHOWN.iter().filter_map(member).collect();
    // The service says so here whatever is deployed.
    summary.insert("all_changes_deployed".into(), false.into());
    summary
}

/// All actions of the tenant: they are few.
fn all(reader: &Snapshot) -> ApiResult<Vec<Record>> {
    Ok(reader.list(&ACTION, &Query::default())?.items)
}

fn execution(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let mut execution = rest::load(reader, &EXECUTION, call.path("id"))?;
    if execution.created + EXECUTIONS_KEPT <= reader.now() {
        return Err(EXECUTION.not_found());
    }
    execution.document.shift_remove("expires");
    Ok(Answer::json(execution.document))
}
