//! What tenants' code has to say about new users and new passwords.

use identity::{
    triggers::{self, Execution, Firing, Request, Trigger, Triggers, Verdict},
    users,
};
use kernel::{Document, Record, Secret, Value, object};
use model::{CLIENT, CONNECTION};
use rest::{ApiError, ApiResult, Call};
use serde_json::json;
use store::{Store, Tx};

use super::changes;
use crate::{Dispatcher, logs};

/// Member of `gathered` that holds what the code decided.
const REGISTRATION: &str = "registration";

/// Asks the code at pre-user-registration, after everything else that could refuse the user. What it decided is gathered; what it
/// refuses is logged, and refused without telling why.
pub(super) async fn ask(
    dispatcher: &Dispatcher,
    store: &Store,
    call: &Call,
    password: Option<Secret>,
    gathered: &mut Document,
) -> ApiResult {
    let tenant = &call.caller.tenant;
    if !dispatcher.listens(tenant, Trigger::PreUserRegistration).await? {
        return Ok(());
    }
    let body = call.document().into_owned();
    let judged = body.clone();
    let realm = store.read(tenant, move |reader| changes::judge_creation(reader, &judged)).await?;
    let connection = store.cached(tenant, &CONNECTION, &realm.id).await?;
    let connection = connection.ok_or_else(|| ApiError::invalid_body("Connection does not exist."))?;
    let client = match body.get("client_id").and_then(Value::as_str) {
        Some(id) => store.cached(tenant, &CLIENT, id).await?,
        None => None,
    };
    let request = request(call);
    let firing = Firing {
        client: client.as_deref(),
        connection: Some(&connection),
        user: Some(&body),
        request: Some(&request),
        password,
        ..Firing::new(Trigger::PreUserRegistration)
    };
    let verdict = dispatcher.fire(tenant, firing).await?;
    if verdict.denied.is_none() {
        gathered.insert(REGISTRATION.into(), decided(&verdict).into());
        return Ok(());
    }
    refuse(store, call, &connection, verdict).await?;
    Err(ApiError::bad_request("Sandbox error.").code("auth0_idp_error"))
}

fn decided(verdict: &Verdict) -> Document {
    object(json!({
        "user_metadata": verdict.user_metadata,
        "app_metadata": verdict.app_metadata,
        "user_id": verdict.user_id,
        "execution": verdict.execution.as_ref().map(Execution::to_document),
    }))
}

/// Logs a refusal. The call has a transaction of its own only if it goes on.
async fn refuse(store: &Store, call: &Call, connection: &Record, verdict: Verdict) -> ApiResult {
    let entry = logs::refused_registration(call, connection, &verdict, store.context().now());
    let work = move |tx: &mut Tx| {
        triggers::keep(tx, &verdict.execution)?;
        tx.append_log(entry.clone())?;
        Ok(())
    };
    store.write(&call.caller.tenant, work).await
}

/// Merges what the code decided into a new user, and gives the identifier that it chose.
pub(super) fn given(call: &Call, user: &mut Document) -> Option<String> {
    let decided = call.gathered.get(REGISTRATION)?;
    for field in ["user_metadata", "app_metadata"] {
        let changes = decided.get(field).and_then(Value::as_object).filter(|changes| !changes.is_empty());
        let Some(changes) = changes else { continue };
        let place = user.entry(field).or_insert_with(|| Document::new().into());
        let Some(metadata) = place.as_object_mut() else { continue };
        for (name, value) in changes {
            if value.is_null() {
                metadata.shift_remove(name);
            } else {
                metadata.insert(name.clone(), value.clone());
            }
        }
    }
    let is_asked_for = call.body().get("user_id").is_some();
    decided.get("user_id").and_then(Value::as_str).filter(|_| !is_asked_for).map(str::to_owned)
}

/// What happened when code ran before the transaction of the call.
pub(crate) fn execution(call: &Call) -> Option<Execution> {
    Execution::from_document(call.gathered.get(REGISTRATION)?.get("execution")?.as_object()?)
}

/// Tells the code of something that has happened to a database user.
pub(super) fn tell(dispatcher: &Dispatcher, tx: &mut Tx, call: &Call, trigger: Trigger, user: &Record) -> ApiResult {
    if !dispatcher.listens_within(tx, trigger)? {
        return Ok(());
    }
    let named = users::identities(user).into_iter().next().map(|main| main.connection);
    let connection = tx.find(&CONNECTION, "name", &named.unwrap_or_default())?;
    let request = request(call);
    let firing = Firing {
        connection: connection.as_ref(),
        user: Some(&user.document),
        request: Some(&request),
        ..Firing::new(trigger)
    };
    Ok(dispatcher.defer(tx, firing)?)
}

/// The request, without its body: it holds the password.
fn request(call: &Call) -> Request {
    Request {
        ip: call.origin.ip.clone(),
        method: call.operation.method.to_string(),
        hostname: call.origin.domain.clone(),
        user_agent: call.origin.user_agent.clone(),
        ..Request::default()
    }
}
