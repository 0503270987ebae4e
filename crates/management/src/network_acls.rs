//! Network access control lists.

use kernel::{Document, Record, Value, id::BASE58};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Resource, Sorted, Times, Unique};
use serde_json::json;
use store::{Filter, Snapshot, Tx};

use crate::Services;

/// What is served of `network-acls`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("network-acls")
        .collection("/network-acls", NetworkAcls)
        .except("DELETE /network-acls/{id}")
        .write("DELETE /network-acls/{id}", delete)
}

/// Network ACLs, by priority.
pub(crate) static NETWORK_ACL: Kind = Kind::of(&model::NETWORK_ACL)
    .unique(&[Unique {
        field: "priority",
        message: "A Network ACL with this priority number has already been created.",
        code: None,
    }])
    .missing("NetworkACL with this ID was not found", None)
    .times(Times::Millis)
    .order(Sorted::By("priority"));

/// Priorities reach from 1 to this.
const MOST: u64 = 100;

struct NetworkAcls;

impl Resource for NetworkAcls {
    fn kind(&self) -> &'static Kind {
        &NETWORK_ACL
    }

    fn find(&self, reader: &Snapshot, id: &str) -> ApiResult<Option<Record>> {
        check_id(id)?;
        Ok(reader.get(&NETWORK_ACL, id)?)
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        let kept = old.and_then(|old| old.document.get("priority")).cloned();
        if !new.document.contains_key("priority") {
            let priority = match kept {
                Some(priority) => priority,
                None => free_priority(tx)?.into(),
            };
            new.document.insert("priority".into(), priority);
        }
        Ok(())
    }

    fn present(&self, reader: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        // Only a single read tells these; lists do not.
        if call.operation.method == "GET" && call.text("id").is_some() {
            shown.insert("tenant_id".into(), reader.tenant().as_str().into());
            shown.insert("deleted_at".into(), Value::Null);
        }
        Ok(())
    }
}

/// `DELETE /network-acls/{id}`: the service answers 200 and this body.
fn delete(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let found = NetworkAcls.find(tx, call.path("id"))?.ok_or_else(|| NETWORK_ACL.not_found())?;
    rest::delete(tx, call, &NetworkAcls, &found)?;
    Ok(Answer::json(json!({"code": 204, "object": ""})))
}

/// Older identifiers are UUIDs.
fn check_id(id: &str) -> ApiResult {
    let is_ours =
        id.strip_prefix("acl_").is_some_and(|tail| tail.len() == 22 && tail.bytes().all(|byte| BASE58.contains(&byte)));
    let is_uuid = id.len() == 36 && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if is_ours || is_uuid {
        return Ok(());
    }
    let text = "Network ACL id is not a valid ACL ID in the form 'acl_XXXXXXXXXXXXXXXXXXXXXX'";
    Err(ApiError::invalid_uri(text))
}

/// The lowest priority that no list has.
fn free_priority(tx: &Tx) -> ApiResult<u64> {
    for priority in 1..=MOST {
        #[expect(clippy::cast_precision_loss, reason = "priorities are small")]
        let taken = Filter::equals("priority", priority as f64);
        if tx.count(&NETWORK_ACL, &taken)? == 0 {
            return Ok(priority);
        }
    }
    Err(ApiError::conflict("A Network ACL with this priority number has already been created."))
}
