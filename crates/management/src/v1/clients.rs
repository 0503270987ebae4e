//! Clients of v1: callbacks in one text, one signing key.

use http::{Method, StatusCode};
use kernel::{Document, Value};
use rest::{Answer, ApiResult};
use serde::Deserialize;
use serde_json::json;

use super::{Ask, answered, encoded, rename};
use crate::clients::signing;

fn shown(client: Value) -> Document {
    let client = rename(answered(client), "callbacks", "callbacks", |callbacks| {
        let texts: Vec<&str> = callbacks.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        texts.join(",").into()
    });
    rename(client, signing::KEYS, "signingKey", |keys| keys.get(0).cloned().unwrap_or_default())
}

/// `https://a, https://b` as version 2 takes it.
fn callbacks(text: &str) -> Value {
    text.split(',').map(str::trim).filter(|callback| !callback.is_empty()).collect()
}

pub(super) async fn list(ask: &Ask) -> ApiResult<Answer> {
    let clients = ask.all("/clients?include_totals=false").await?;
    Ok(Answer::list(clients.into_iter().map(shown).collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    callbacks: Option<String>,
}

pub(super) async fn create(ask: &Ask) -> ApiResult<Answer> {
    let new: New = ask.view()?;
    let mut body = json!({"name": new.name});
    if let Some(text) = new.callbacks {
        body["callbacks"] = callbacks(&text);
    }
    let client = ask.perform(Method::POST, "/clients", Some(body)).await?;
    Ok(Answer::json(shown(client)).status(StatusCode::CREATED))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: Option<String>,
    callbacks: Option<String>,
    #[serde(rename = "signingKey")]
    signing_key: Option<Document>,
}

pub(super) async fn update(ask: &Ask) -> ApiResult<Answer> {
    let change: Change = ask.view()?;
    let mut body = Document::new();
    if let Some(name) = change.name {
        body.insert("name".into(), name.into());
    }
    if let Some(text) = change.callbacks {
        body.insert("callbacks".into(), callbacks(&text));
    }
    let mut gathered = Document::new();
    if let Some(key) = change.signing_key {
        gathered.insert(signing::GATHERED.into(), signing::read(&key)?.into());
        // The key is no member of the body, which must not be empty; nothing is merged into what every client has.
        body.insert("jwt_configuration".into(), Document::new().into());
    }
    let target = format!("/clients/{}", encoded(ask.path("client_id")));
    let client = ask.perform_with(Method::PATCH, &target, Some(body.into()), ask.caller.clone(), gathered).await?;
    Ok(Answer::json(shown(client)))
}
