//! Flows, the connections in their vault, and what is known of their executions.

use kernel::{Document, Record, Value, id::HEX};
use rest::{ApiResult, Area, Call, Kind, ListFilter, Resource, Times};
use store::{Snapshot, Tx};

use crate::{Services, forms};

/// What is served of `flows`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("flows")
        .collection("/flows", Flows)
        .collection("/flows/vault/connections", VaultConnections)
        .collection("/flows/{flow_id}/executions", Executions)
}

/// Flows.
pub(crate) static FLOW: Kind = Kind::of(&model::FLOW)
    .revealed(model::FLOW_SECRETS)
    .missing("Flow not found", None)
    .times(Times::Millis)
    .filters(&[("synchronous", ListFilter::Equals("synchronous"))]);

/// Connections of the vault: credentials of other services that flows use.
pub(crate) static VAULT_CONNECTION: Kind = Kind::of(&model::FLOW_VAULT_CONNECTION)
    .missing("Vault connection not found", None)
    .forgiving()
    .times(Times::Millis);

/// Executions.
pub(crate) static FLOW_EXECUTION: Kind = Kind::of(&model::FLOW_EXECUTION)
    .under(&FLOW)
    .missing("Flow execution not found", None)
    .forgiving()
    .times(Times::Millis);

/// What lists show of a flow.
const LISTED: &[&str] = &["id", "name", "description", "synchronous", "created_at", "updated_at", "executed_at"];

struct Flows;

impl Resource for Flows {
    fn kind(&self) -> &'static Kind {
        &FLOW
    }

    fn present(&self, reader: &Snapshot, call: &Call, record: &Record, shown: &mut Document) -> ApiResult {
        drop_empty(shown);
        if let Some(times) = reader.get(&model::FLOW_TIMES, &record.id)? {
            shown.extend(times.document);
        }
        if is_list(call) {
            shown.retain(|name, _| LISTED.contains(&name.as_str()));
        }
        let hydrated = call.list("hydrate");
        if hydrated.is_empty() {
            return Ok(());
        }
        let users = forms::using(reader, &record.id)?;
        if hydrated.contains(&"form_count") {
            shown.insert("form_count".into(), users.len().into());
        }
        if hydrated.contains(&"forms") {
            shown.insert("forms".into(), users.into_iter().map(Value::Object).collect());
        }
        Ok(())
    }
}

struct Executions;

impl Resource for Executions {
    fn kind(&self) -> &'static Kind {
        &FLOW_EXECUTION
    }

    fn present(&self, _: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        if is_list(call) || !call.list("hydrate").contains(&"debug") {
            shown.shift_remove("debug");
        }
        Ok(())
    }
}

struct VaultConnections;

impl Resource for VaultConnections {
    fn kind(&self) -> &'static Kind {
        &VAULT_CONNECTION
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() || call.document().contains_key("setup") {
            new.document.insert("ready".into(), new.document.contains_key("setup").into());
            // It tells whether the set-up has changed, and nothing about it.
            new.document.insert("fingerprint".into(), tx.context().text(HEX, 32).into());
            if old.is_some() {
                new.document.insert("refreshed_at".into(), tx.now().into());
            }
        }
        Ok(())
    }

    fn present(&self, _: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        if is_list(call) {
            shown.shift_remove("environment");
        }
        Ok(())
    }
}

/// Whether a call lists, rather than reads one.
pub(crate) fn is_list(call: &Call) -> bool {
    call.operation.method == "GET" && !call.operation.path.ends_with('}')
}

/// Leaves out what holds nothing: the service shows neither empty parts nor nulls.
pub(crate) fn drop_empty(shown: &mut Document) {
    shown.retain(|_, value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => {
            members.retain(|_, value| !value.is_null());
            !members.is_empty()
        }
        _ => true,
    });
}
