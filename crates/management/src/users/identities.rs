//! Linking accounts to a user and taking them out again.

use identity::{
    Algorithm, SigningKeys,
    jwt::Jwt,
    users::{self, Identity, accounts},
};
use kernel::Value;
use model::CONNECTION;
use rest::{Answer, ApiError, ApiResult, Area, Call, Task};
use serde::Deserialize;
use store::Tx;

use super::{USER, user};
use crate::{Services, actor::actor};

/// Claims the operations on identities.
pub(super) fn claim(area: Area, services: &Services) -> Area {
    let keys = services.keys.clone();
    area.task("POST /users/{id}/identities", move |task| link(keys.clone(), task))
        .write("DELETE /users/{id}/identities/{provider}/{user_id}", unlink)
}

/// What a body says of the account that is to be linked.
#[derive(Deserialize)]
struct Wanted {
    provider: Option<String>,
    user_id: Option<Value>,
    link_with: Option<String>,
}

async fn link(keys: SigningKeys, task: Task) -> ApiResult<Answer> {
    let wanted: Wanted = task.call.view()?;
    let secondary = match (&wanted.link_with, &wanted.provider, &wanted.user_id) {
        (Some(token), None, None) => subject_of(&keys, &task, token).await?,
        (None, Some(provider), Some(id)) => {
            if !task.call.allows("update:users") {
                let error = ApiError::forbidden("Insufficient scope, expected any of: update:users");
                return Err(error.code("insufficient_scope"));
            }
            account_name(provider, id)
        }
        _ => {
            return Err(ApiError::invalid_body(
                "Payload validation error: 'Either link_with or provider and user_id must be sent'.",
            ));
        }
    };
    task.write(move |tx, call| join(tx, call, &secondary)).await
}

/// `auth0|abc`, whether or not the body's identifier has the provider in front.
fn account_name(provider: &str, id: &Value) -> String {
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let local = id.strip_prefix(provider).and_then(|rest| rest.strip_prefix('|')).unwrap_or(&id);
    format!("{provider}|{local}")
}

/// The user that an ID token is about, which the tenant must have given to the client that calls.
async fn subject_of(keys: &SigningKeys, task: &Task, token: &str) -> ApiResult<String> {
    let call = &task.call;
    let refused = |message: &'static str| ApiError::invalid_body(message);
    let jwt = Jwt::parse(token).ok_or_else(|| refused("Invalid token (link_with)."))?;
    if jwt.algorithm != Some(Algorithm::Rs256) {
        return Err(refused("JWT (link_with) must have an alg of RS256."));
    }
    let set = keys.of(&call.caller.tenant).await?;
    let key = jwt.kid.as_deref().and_then(|kid| set.key(kid));
    if !key.is_some_and(|key| key.verify(Algorithm::Rs256, jwt.signed, &jwt.signature)) {
        return Err(refused("Invalid token (link_with)."));
    }
    if jwt.text("iss") != Some(&call.origin.issuer()) {
        return Err(refused("JWT (link_with) must have the same issuer as the calling user."));
    }
    let now = task.store.context().now().seconds();
    if jwt.seconds("exp").is_none_or(|expires| expires <= now) {
        return Err(refused("Invalid token (link_with)."));
    }
    if !jwt.claims.contains_key("aud") {
        return Err(refused("JWT (link_with) contains an invalid aud claim."));
    }
    if !call.caller.client_id.as_deref().is_some_and(|client| jwt.is_for(&[client], &[])) {
        return Err(refused("JWT (link_with) must have an aud claim that matches that of the calling token's azp."));
    }
    match jwt.claims.get("sub") {
        None => Err(refused("JWT (link_with) must contains sub claim.")),
        Some(Value::String(subject)) if subject.contains('|') => Ok(subject.clone()),
        Some(_) => Err(refused("JWT (link_with) contains an invalid sub claim.")),
    }
}

fn join(tx: &mut Tx, call: &Call, secondary: &str) -> ApiResult<Answer> {
    let primary = user(tx, call)?;
    if secondary == primary.id {
        return Err(ApiError::invalid_body("Main identity and the new one are the same."));
    }
    let Some(account) = tx.get(&USER, secondary)? else {
        return Err(match tx.find(&USER, users::IDENTITY, secondary)? {
            Some(_) => ApiError::conflict("Specified identity already exists."),
            None if call.body().get("connection_id").is_none() => {
                ApiError::invalid_body("Linking to an inexistent identity requires a connection.")
            }
            None => ApiError::invalid_body("Linking to an inexistent identity is not allowed."),
        });
    };
    if let Some(id) = call.body().get("connection_id").and_then(Value::as_str) {
        let connection = tx.get(&CONNECTION, id)?;
        let connection =
            connection.ok_or_else(|| ApiError::invalid_body("The provider/connection is not configured."))?;
        let is_of = |identity: &Identity| connection.text("name") == Some(&identity.connection);
        if !users::identities(&account).first().is_some_and(is_of) {
            return Err(ApiError::invalid_body("Provided secondary account not found."));
        }
    }
    let primary = accounts::join(tx, &actor(call), &primary, &account)?;
    Ok(Answer::json(users::identities_with_profiles(&primary)))
}

fn unlink(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let primary = user(tx, call)?;
    let id = call.path("user_id");
    let name = account_name(call.path("provider"), &id.into());
    // The identifier may be given as `connection|id` where several databases are linked.
    let is_meant = |identity: &Identity| {
        identity.name() == name
            || id.split_once('|').is_some_and(|(connection, local)| {
                identity.connection == connection
                    && identity.name() == account_name(call.path("provider"), &local.into())
            })
    };
    let identities = users::identities(&primary);
    if identities.first().is_some_and(is_meant) {
        return Err(ApiError::invalid_body("Main identity cannot be removed."));
    }
    let Some(meant) = identities.into_iter().find(is_meant) else {
        return Err(ApiError::invalid_body("The user does not have the specified identity."));
    };
    let primary = accounts::separate(tx, &actor(call), &primary, &meant.name())?;
    Ok(Answer::json(users::identities_with_profiles(&primary)))
}
