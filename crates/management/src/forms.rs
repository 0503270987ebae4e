//! Forms that flows of login show.

use std::collections::HashSet;

use kernel::{Document, Record, Value, object};
use rest::{ApiResult, Area, Call, Kind, Resource, Times};
use serde_json::json;
use store::{Query, Snapshot};

use crate::{
    Services,
    flows::{drop_empty, is_list},
};

/// What is served of `forms`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("forms").collection("/forms", Forms)
}

/// Forms.
pub(crate) static FORM: Kind =
    Kind::of(&model::FORM).revealed(model::FORM_SECRETS).missing("Form not found", None).times(Times::Millis);

/// What lists show of a form.
const LISTED: &[&str] = &["id", "name", "description", "created_at", "updated_at", "embedded_at", "submitted_at"];

struct Forms;

impl Resource for Forms {
    fn kind(&self) -> &'static Kind {
        &FORM
    }

    fn present(&self, reader: &Snapshot, call: &Call, record: &Record, shown: &mut Document) -> ApiResult {
        if let Some(used) = reader.get(&model::FORM_TIMES, &record.id)? {
            shown.extend(used.document);
        }
        drop_empty(shown);
        if is_list(call) {
            shown.retain(|name, _| LISTED.contains(&name.as_str()));
        }
        let hydrated = call.list("hydrate");
        if hydrated.contains(&"flow_count") {
            shown.insert("flow_count".into(), flows_of(record).len().into());
        }
        if hydrated.contains(&"links") {
            let mut flows = Vec::new();
            for id in flows_of(record) {
                if let Some(flow) = reader.get(&model::FLOW, id)? {
                    flows.push(json!({"id": flow.id, "name": flow.text("name")}));
                }
            }
            shown.insert("links".into(), flows.into());
        }
        Ok(())
    }
}

/// The forms that use a flow, as the flow names them.
pub(crate) fn using(reader: &Snapshot, flow: &str) -> ApiResult<Vec<Document>> {
    let forms = reader.list(&FORM, &Query::default())?.items;
    let users = forms.iter().filter(|form| flows_of(form).contains(flow));
    Ok(users.map(|form| object(json!({"id": form.id, "name": form.text("name")}))).collect())
}

/// The flows that a form's nodes and ending name.
fn flows_of(form: &Record) -> HashSet<&str> {
    let nodes = form.document.get("nodes").and_then(Value::as_array).into_iter().flatten();
    let of_nodes = nodes.filter_map(|node| node.pointer("/config/flow_id")?.as_str());
    let of_ending = form.document.get("ending").and_then(|ending| ending.pointer("/after_submit/flow_id")?.as_str());
    of_nodes.chain(of_ending).collect()
}
