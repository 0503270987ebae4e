//! Creating, updating and deleting users: what bodies and scopes allow, over the operations of `identity` (reference: update
//! semantics §1).

use identity::{
    Services as Identity, databases,
    users::{
        changes::{self, Change, NewPassword},
        deletion,
        registration::{self, NewUser},
    },
};
use kernel::{Document, Secret, Value};
use rest::{Answer, ApiError, ApiResult, Area, Call, Task};
use store::Tx;

use super::{USER, Users};
use crate::{Services, actor::actor};

/// What bodies say that is not part of a user.
const TRANSIENT: &[&str] =
    &["connection", "client_id", "password", "verify_email", "verify_phone_number", "verify_password"];
/// What an update may name; the contract's schema is open.
const KNOWN: &[&str] = &[
    "blocked",
    "email_verified",
    "email",
    "phone_number",
    "phone_verified",
    "user_metadata",
    "app_metadata",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "username",
];
/// Attributes that cannot be changed in one call, for which the service takes separate ways.
const APART: &[(&str, &str)] = &[
    ("password", "email"),
    ("password", "email_verified"),
    ("username", "email"),
    ("username", "email_verified"),
    ("username", "password"),
];

/// Claims the operations that write users.
pub(super) fn claim(area: Area, services: &Services) -> Area {
    let (of_creation, of_update, of_deletion) = (services.identity(), services.identity(), services.identity());
    area.except("POST /users")
        .except("PATCH /users/{id}")
        .except("DELETE /users/{id}")
        .task("POST /users", move |task| create(of_creation.clone(), task))
        .task("PATCH /users/{id}", move |task| update(of_update.clone(), task))
        .task("DELETE /users/{id}", move |task| delete(of_deletion.clone(), task))
}

async fn create(services: Identity, task: Task) -> ApiResult<Answer> {
    let actor = actor(&task.call);
    let body = task.call.document();
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut attributes = attributes(&body);
    attributes.shift_remove(USER.id_field);
    let new = NewUser {
        connection: text("connection").unwrap_or_default(),
        attributes,
        local_id: text(USER.id_field),
        password: text("password").map(Secret::new),
        verify_email: body.get("verify_email").and_then(Value::as_bool),
        client_id: text("client_id"),
        ..NewUser::default()
    };
    let prepared = registration::prepare(&services, &task.store, &actor, new).await?;
    let work = move |tx: &mut Tx, call: &Call| {
        let user = registration::apply(tx, &services, &actor, &prepared)?;
        Ok(Answer::json(rest::presented(tx, call, &Users, &user)?))
    };
    task.write(work).await
}

async fn update(services: Identity, task: Task) -> ApiResult<Answer> {
    task.read(|reader, call| rest::load(reader, &USER, call.path("id")).map(drop)).await?;
    let actor = actor(&task.call);
    let body = task.call.document().into_owned();
    refuse_fields(&task.call, &body)?;
    refuse_pairs(&body)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let password = match body.get("password") {
        Some(Value::String(password)) => NewPassword::Set(Secret::new(password.as_str())),
        Some(_) => NewPassword::Removed,
        None => NewPassword::Kept,
    };
    let change = Change {
        connection: text("connection"),
        attributes: attributes(&body),
        password,
        verify_email: body.get("verify_email").and_then(Value::as_bool),
        client_id: text("client_id"),
    };
    let prepared = changes::prepare(&services, &task.store, &actor, task.call.path("id"), change).await?;
    let work = move |tx: &mut Tx, call: &Call| {
        let user = changes::apply(tx, &services, &actor, &prepared)?;
        Ok(Answer::json(rest::presented(tx, call, &Users, &user)?))
    };
    task.write(work).await
}

/// A user who is not there is as good as deleted.
async fn delete(services: Identity, task: Task) -> ApiResult<Answer> {
    let user = task.read(|reader, call| Ok(reader.get(&USER, call.path("id"))?)).await?;
    if let Some(user) = user {
        databases::delete(&services, &task.store, &actor(&task.call), &user).await?;
    }
    let work = |tx: &mut Tx, call: &Call| {
        if let Some(user) = tx.get(&USER, call.path("id"))? {
            deletion::delete(tx, &actor(call), &user)?;
        }
        Ok(Answer::empty())
    };
    task.write(work).await
}

/// What a body says of the user.
fn attributes(body: &Document) -> Document {
    let mut attributes = body.clone();
    attributes.retain(|name, _| !TRANSIENT.contains(&name.as_str()));
    attributes
}

/// Refuses what the caller's scopes do not cover, and unknown fields.
fn refuse_fields(call: &Call, body: &Document) -> ApiResult {
    if let Some(unknown) =
        body.keys().find(|name| !KNOWN.contains(&name.as_str()) && !TRANSIENT.contains(&name.as_str()))
    {
        return Err(ApiError::invalid_body(format!(
            "Payload validation error: 'Additional properties not allowed: {unknown}'."
        )));
    }
    if call.allows("update:users") {
        return Ok(());
    }
    let own = call.caller.subject == call.path("id");
    let may = |field: &str| match field {
        "app_metadata" => call.allows("update:users_app_metadata"),
        "user_metadata" => own && call.allows("update:current_user_metadata"),
        _ => false,
    };
    if body.keys().all(|field| may(field)) {
        return Ok(());
    }
    Err(ApiError::forbidden("Insufficient scope, expected any of: update:users").code("insufficient_scope"))
}

fn refuse_pairs(body: &Document) -> ApiResult {
    match APART.iter().find(|(one, other)| body.contains_key(*one) && body.contains_key(*other)) {
        Some((one, other)) => Err(ApiError::invalid_body(format!("Cannot update {one} and {other} simultaneously."))),
        None => Ok(()),
    }
}
