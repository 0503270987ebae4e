//! Bindings: which actions run at a trigger, in their order.

use extensibility::{
    bindings::{Binding, of_trigger},
    versions::deployed,
};
use identity::triggers::Trigger;
use kernel::{Document, Record, Value, object};
use rest::{Answer, ApiError, ApiResult, Call, Kind, page_of};
use serde::Deserialize;
use serde_json::json;
use store::{Filter, Query, Snapshot, Tx};

use super::{ACTION, summary, versions};

/// The bindings of a trigger are one record, under the trigger's name: a flow reads it once.
pub(crate) static TRIGGER_BINDINGS: Kind = Kind::of(&model::TRIGGER_BINDINGS);

/// Most actions of a trigger.
const MOST_BINDINGS: usize = 20;

/// A binding as a body names it.
#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "ref")]
    target: Reference,
    display_name: Option<String>,
    #[serde(default)]
    secrets: Vec<Secret>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

#[derive(Deserialize)]
struct Secret {
    name: String,
    value: Option<String>,
}

pub(super) fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    Ok(Answer::json(page_of(call, shown(reader, call.path("triggerId"))?)?))
}

/// Replaces all bindings of a trigger; each gets a new identifier.
pub(super) fn replace(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let trigger = call.path("triggerId").to_owned();
    let wanted: Vec<Wanted> = match call.body().get("bindings") {
        Some(bindings) => Vec::deserialize(bindings).map_err(|error| ApiError::invalid_body(error.to_string()))?,
        None => Vec::new(),
    };
    if wanted.len() > MOST_BINDINGS {
        return Err(ApiError::bad_request("A trigger can have at most 20 actions."));
    }
    if Trigger::named(&trigger).is_none() && !wanted.is_empty() {
        let text =
            format!("Actions at {trigger} never run on this server: what they are told and may do is not published.");
        return Err(ApiError::bad_request(text));
    }
    let former = of_trigger(tx, &trigger)?;
    let now = tx.now().with_nanos();
    let mut sealed = kernel::Sealed::new();
    let mut bindings = Vec::new();
    for binding in wanted {
        let action = target(tx, &trigger, &binding.target, &former)?;
        let id = tx.context().id(kernel::id::Form::Uuid);
        for secret in binding.secrets {
            sealed.set(format!("{id}.{}", secret.name), secret.value.unwrap_or_default());
        }
        let name = binding.display_name.or_else(|| action.text("name").map(str::to_owned));
        bindings.push(json!({
            "id": id,
            "action_id": action.id,
            "display_name": name.unwrap_or_default(),
            "created_at": now,
        }));
    }
    rest::upsert(tx, &TRIGGER_BINDINGS, &trigger, |record| {
        record.document.insert("bindings".into(), bindings.clone().into());
        record.sealed = sealed;
    })?;
    let shown = shown(tx, &trigger)?;
    Ok(Answer::json(json!({ "bindings": shown })))
}

/// The action that a reference means: it must be deployed and made for the trigger.
fn target(reader: &Snapshot, trigger: &str, reference: &Reference, former: &[Binding]) -> ApiResult<Record> {
    let found = match reference.kind.as_str() {
        "action_id" => reader.get(&ACTION, &reference.value)?,
        "action_name" => {
            let named = Query::of(Filter::equals("name", reference.value.as_str()));
            let of_trigger = |action: &Record| is_for(action, trigger);
            reader.list(&ACTION, &named)?.items.into_iter().find(of_trigger)
        }
        _ => match former.iter().find(|binding| binding.id == reference.value) {
            Some(binding) => reader.get(&ACTION, &binding.action_id)?,
            None => None,
        },
    };
    let action = found.ok_or_else(|| ACTION.not_found())?;
    if !is_for(&action, trigger) {
        return Err(ApiError::bad_request("The action does not support this trigger."));
    }
    if !action.is("deployed") {
        return Err(ApiError::bad_request("The action is not deployed yet."));
    }
    Ok(action)
}

fn is_for(action: &Record, trigger: &str) -> bool {
    let triggers = action.document.get("trigger_ids").and_then(Value::as_array);
    triggers.is_some_and(|triggers| triggers.iter().any(|id| id == trigger))
}

fn shown(reader: &Snapshot, trigger: &str) -> ApiResult<Vec<Document>> {
    let mut items = Vec::new();
    for binding in of_trigger(reader, trigger)? {
        let Some(action) = reader.get(&ACTION, &binding.action_id)? else { continue };
        let mut entry = summary(&action);
        entry.shift_remove("all_changes_deployed");
        if let Some(version) = deployed(reader, &action)? {
            entry.insert("current_version".into(), versions::brief(&version).into());
            entry.insert("deployed_version".into(), versions::full(&version).into());
        }
        entry.insert("all_changes_deployed".into(), false.into());
        items.push(object(json!({
            "id": binding.id,
            "trigger_id": trigger,
            "action": entry,
            "created_at": binding.created_at,
            "updated_at": binding.created_at,
            "display_name": binding.display_name,
        })));
    }
    Ok(items)
}
