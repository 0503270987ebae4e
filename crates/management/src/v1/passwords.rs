//! Passwords of users, set at once or when a ticket is used.

use http::Method;
use identity::{
    tickets,
    users::changes::{self, Change},
};
use kernel::{Document, Secret, Value};
use rest::{Answer, ApiError, ApiResult};
use serde::Deserialize;
use serde_json::json;

use super::{Ask, users};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    password: String,
    #[serde(default)]
    verify: bool,
    connection: Option<String>,
    email: Option<String>,
}

/// `PUT /users/{user_id}/password`; the path may name an e-mail address in a connection.
pub(super) async fn change(ask: &Ask) -> ApiResult<Answer> {
    let NewPassword { password, verify, connection, email } = ask.view()?;
    let named = ask.path("user_id");
    if email.is_some_and(|email| named.contains('@') && !named.contains('|') && !email.eq_ignore_ascii_case(named)) {
        return Err(ApiError::invalid_body("The email in the body is another than the one in the path."));
    }
    let id = users::id(ask, connection.as_deref()).await?;
    let mut body = json!({"password": password, "verify_password": verify});
    if let Some(connection) = connection {
        body["connection"] = connection.into();
    }
    let user = ask.perform(Method::PATCH, &users::path(&id), Some(body)).await?;
    Ok(Answer::json(users::flat(user)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ticket {
    #[serde(rename = "newPassword")]
    password: String,
    #[serde(rename = "resultUrl")]
    result_url: Option<String>,
}

/// A ticket that sets a password chosen now, which is judged now and kept as its hash.
pub(super) async fn ticket(ask: &Ask) -> ApiResult<Answer> {
    let Ticket { password, result_url } = ask.view()?;
    let id = ask.path("user_id").to_owned();
    let shared = &ask.api.0;
    let actor = crate::actor::of(&ask.caller, &ask.origin, "POST", Value::Null);
    let (change, password) = (Change::default(), Secret::new(password));
    let hash = changes::admit(&shared.services, &shared.store, &actor, &id, &change, password).await?.to_text();
    let mut body = json!({"user_id": id});
    if let Some(url) = result_url {
        body["result_url"] = url.into();
    }
    let gathered = Document::from_iter([(tickets::PASSWORD_HASH.to_owned(), hash.into())]);
    let target = "/tickets/password-change";
    let ticket = ask.perform_with(Method::POST, target, Some(body), ask.caller.clone(), gathered).await?;
    Ok(Answer::json(ticket))
}
