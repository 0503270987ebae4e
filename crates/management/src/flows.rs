//! Flows, the connections in their vault, and what is known of their executions.

use ::flows::{Authorizations, Begun, Failure};
use kernel::{Document, Record, Value, id::HEX};
use rest::{ApiError, ApiResult, Area, BoxFuture, Call, Kind, ListFilter, Resource, Times};
use store::{Snapshot, Store, Tx};

use crate::{Services, forms};

/// What is served of `flows`.
pub(crate) fn area(services: &Services) -> Area {
    let authorizations = Authorizations::new(services.outbound.clone(), services.vendors.clone());
    Area::new("flows")
        .collection("/flows", Flows)
        .collection("/flows/vault/connections", VaultConnections { authorizations })
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

struct VaultConnections {
    /// Sets up what needs a service's permission.
    authorizations: Authorizations,
}

/// Members of `gathered`: a set-up that a service was asked about, and what came of it.
const SETUP: &str = "setup";
const ACCOUNT: &str = "account_name";
const IS_READY: &str = "ready";
const IS_EXCHANGED: &str = "exchanged";
/// Where whoever permits it goes; in `gathered` and, for who began it alone, in the answer.
const AUTHORIZATION_URL: &str = "authorization_url";
const BEGUN: &str = "begun";

impl Resource for VaultConnections {
    fn kind(&self) -> &'static Kind {
        &VAULT_CONNECTION
    }

    fn gather<'a>(&'a self, store: &'a Store, call: &'a Call) -> Option<BoxFuture<'a, ApiResult<Document>>> {
        let sent = call.body().get("setup")?.as_object()?;
        Some(Box::pin(async move {
            let mut gathered = Document::new();
            let stored = if call.has("id") {
                let id = call.path("id").to_owned();
                let record = store.read(&call.caller.tenant, move |reader| reader.get(VAULT_CONNECTION.stored, &id));
                let Some(record) = record.await? else { return Ok(gathered) };
                Some(record)
            } else {
                None
            };
            let of_body = || call.body()["app_id"].as_str();
            let app = stored.as_ref().map_or_else(of_body, |stored| stored.text("app_id")).unwrap_or_default();
            let old = stored.as_ref().and_then(|stored| stored.sealed.get("setup")).and_then(Value::as_object);
            let asked = self.authorizations.prepare(store.context(), app, &call.origin.domain, sent, old);
            if let Some(prepared) = asked.await.map_err(refused)? {
                gathered.insert(SETUP.into(), prepared.setup.into());
                gathered.insert(IS_READY.into(), prepared.is_ready.into());
                gathered.insert(IS_EXCHANGED.into(), prepared.is_exchanged.into());
                if let Some(account) = prepared.account {
                    gathered.insert(ACCOUNT.into(), account.into());
                }
                if let Some(begun) = prepared.begun {
                    gathered.insert(AUTHORIZATION_URL.into(), begun.url.as_str().into());
                    gathered.insert(BEGUN.into(), begun.to_value());
                }
            }
            Ok(gathered)
        }))
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_some() && !call.document().contains_key("setup") {
            return Ok(());
        }
        // It tells whether the set-up has changed, and nothing about it.
        let fingerprint = tx.context().text(HEX, 32);
        let gathered = &call.gathered;
        new.document.shift_remove(ACCOUNT);
        let is_set_up = new.document.contains_key("setup");
        new.document.insert("ready".into(), gathered.get(IS_READY).cloned().unwrap_or_else(|| is_set_up.into()));
        if let Some(setup) = gathered.get(SETUP) {
            new.document.insert("setup".into(), setup.clone());
            if let Some(account) = gathered.get(ACCOUNT) {
                new.document.insert(ACCOUNT.into(), account.clone());
            }
            if let Some(begun) = gathered.get(BEGUN).and_then(Begun::from_value) {
                begun.keep(tx, &new.id, &fingerprint)?;
            }
        }
        new.document.insert("fingerprint".into(), fingerprint.into());
        if old.is_some() || gathered.get(IS_EXCHANGED) == Some(&true.into()) {
            new.document.insert("refreshed_at".into(), tx.now().into());
        }
        Ok(())
    }

    fn present(&self, _: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        if is_list(call) {
            shown.shift_remove("environment");
        }
        if let Some(url) = call.gathered.get(AUTHORIZATION_URL) {
            shown.insert(AUTHORIZATION_URL.into(), url.clone());
        }
        Ok(())
    }
}

/// A set-up that a service does not take.
fn refused(failure: Failure) -> ApiError {
    match failure.code {
        "INTERNAL_ERROR" => ApiError::internal(failure.message),
        _ => ApiError::invalid_body(failure.message),
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
