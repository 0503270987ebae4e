//! Events as code was told them, for the developer who runs it again on one: kept for some days while the installation's developer tools
//! are on, sealed, and erased with their user.

use std::time::Duration;

use kernel::{Document, Record, Value, object, value_at};
use model::ACTION_EVENT;
use serde_json::json;
use store::{Filter, Order, Paging, Query, Snapshot, StoreResult, Tx};

use super::Execution;
use crate::{discard::discard, expiring};

/// How long an event is kept.
const KEPT: Duration = Duration::from_secs(3 * 86_400);
/// Executions of a tenant whose events are kept; the oldest go first.
const MOST: u64 = 500;
/// Events of one execution.
const MOST_OF_ONE: usize = 80;
/// Where the events stand, sealed.
const EVENTS: &str = "events";

/// Keeps what the code of an execution was told, after what it was told in earlier parts.
pub(super) fn keep(tx: &mut Tx, execution: &Execution) -> StoreResult {
    let expires = tx.now() + KEPT;
    if let Some(mut known) = tx.get(&ACTION_EVENT, &execution.id)? {
        let mut events = known.sealed.get(EVENTS).and_then(Value::as_array).cloned().unwrap_or_default();
        events.extend(execution.told.iter().cloned());
        events.truncate(MOST_OF_ONE);
        known.sealed.set(EVENTS, events);
        return expiring::replace(tx, &ACTION_EVENT, known, expires);
    }
    make_room(tx)?;
    let mut document = object(json!({"trigger": execution.document.get("trigger_id")}));
    let user = execution.told.iter().find_map(|told| told.get("user_id")?.as_str());
    document.extend(user.map(|user| ("user_id".to_owned(), user.into())));
    let mut record = Record::new(execution.id.as_str(), document, tx.now());
    record.sealed.set(EVENTS, execution.told.clone());
    expiring::keep(tx, &ACTION_EVENT, record, expires)
}

fn make_room(tx: &mut Tx) -> StoreResult {
    let excess = (tx.count(&ACTION_EVENT, &Filter::All)? + 1).saturating_sub(MOST);
    if excess == 0 {
        return Ok(());
    }
    let paging = Paging::Offset { offset: 0, limit: excess };
    let oldest = Query { filter: Filter::All, order: Order::Created, paging, with_total: false };
    for record in tx.list(&ACTION_EVENT, &oldest)?.items {
        discard(tx, &ACTION_EVENT, &record.id)?;
    }
    Ok(())
}

/// What the code of an execution was called with, which is named by its own identifier or by that of a log entry: the trigger, and for each
/// step its name, version of the trigger, handler and event. `None` where nothing is known of it.
///
/// # Errors
/// Those of the store.
pub fn find(reader: &Snapshot, id: &str) -> StoreResult<Option<Document>> {
    let entry = reader.log(id)?;
    let of_entry = entry.as_ref().and_then(|entry| {
        let named = value_at(&entry.document, "details.actions.executions").and_then(|ids| ids.get(0));
        named.or_else(|| value_at(&entry.document, "details.execution_id"))?.as_str()
    });
    let Some(record) = reader.get(&ACTION_EVENT, of_entry.unwrap_or(id))? else { return Ok(None) };
    let steps = record.sealed.get(EVENTS).cloned().unwrap_or_default();
    Ok(Some(object(json!({"trigger": record.text("trigger"), "steps": steps}))))
}
