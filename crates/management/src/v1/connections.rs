//! Connections of v1: addressed by name; `status` tells whether any client may use them.

use http::{Method, StatusCode};
use kernel::{Document, Value, object};
use rest::{Answer, ApiError, ApiResult};
use serde::Deserialize;
use serde_json::json;

use super::{Ask, answered, encoded};
use crate::connections::CONNECTION;

/// What v1 does not know of a connection.
const UNKNOWN: &[&str] =
    &["enabled_clients", "is_domain_connection", "realms", "authentication", "connected_accounts", "metadata"];

fn shown(connection: Value) -> Document {
    let mut connection = answered(connection);
    let is_enabled = connection.get("enabled_clients").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    connection.retain(|name, _| !UNKNOWN.contains(&name.as_str()));
    connection.insert("status".into(), is_enabled.into());
    connection
}

pub(super) async fn list(ask: &Ask) -> ApiResult<Answer> {
    let connections = ask.all("/connections?include_totals=false").await?;
    Ok(Answer::list(connections.into_iter().map(shown).collect()))
}

/// The connection that the path names, as version 2 shows it.
async fn named(ask: &Ask) -> ApiResult<Value> {
    let found = ask.get(&format!("/connections?name={}", encoded(ask.path("connection")))).await?;
    found.get(0).cloned().ok_or_else(|| CONNECTION.not_found())
}

fn path(connection: &Value) -> String {
    format!("/connections/{}", connection["id"].as_str().unwrap_or_default())
}

pub(super) async fn get(ask: &Ask) -> ApiResult<Answer> {
    Ok(Answer::json(shown(named(ask).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    strategy: String,
    options: Option<Document>,
    status: Option<bool>,
}

pub(super) async fn create(ask: &Ask) -> ApiResult<Answer> {
    let New { name, strategy, options, status } = ask.view()?;
    // v1 writes some strategies with capitals, such as PingFederate.
    let mut body = json!({"name": name, "strategy": strategy.to_lowercase()});
    if let Some(options) = options {
        body["options"] = options.into();
    }
    body["enabled_clients"] = if status == Some(false) { json!([]) } else { every_client(ask).await? };
    let connection = ask.perform(Method::POST, "/connections", Some(body)).await?;
    Ok(Answer::json(shown(connection)).status(StatusCode::CREATED))
}

async fn every_client(ask: &Ask) -> ApiResult<Value> {
    let clients = ask.all("/clients?fields=client_id").await?;
    Ok(clients.into_iter().map(|client| client["client_id"].clone()).collect())
}

/// What is to change. Clients send back what they got; what cannot be changed must be as it is.
#[derive(Deserialize)]
struct Change {
    options: Option<Document>,
    status: Option<bool>,
    name: Option<String>,
    strategy: Option<String>,
}

pub(super) async fn update(ask: &Ask) -> ApiResult<Answer> {
    let Change { options, status, name, strategy } = ask.view()?;
    let connection = named(ask).await?;
    for (member, sent) in [("name", name), ("strategy", strategy.map(|strategy| strategy.to_lowercase()))] {
        if sent.is_some_and(|sent| connection[member] != sent) {
            return Err(ApiError::invalid_body(format!("The {member} of a connection cannot be changed.")));
        }
    }
    let mut body = Document::new();
    if let Some(options) = options {
        body.insert("options".into(), options.into());
    }
    let is_enabled = connection["enabled_clients"].as_array().is_some_and(|clients| !clients.is_empty());
    match status {
        Some(true) if !is_enabled => {
            body.insert("enabled_clients".into(), every_client(ask).await?);
        }
        Some(false) if is_enabled => body.extend(object(json!({"enabled_clients": []}))),
        _ => {}
    }
    if body.is_empty() {
        return Ok(Answer::json(shown(connection)));
    }
    let changed = ask.perform(Method::PATCH, &path(&connection), Some(body.into())).await?;
    Ok(Answer::json(shown(changed)))
}

pub(super) async fn delete(ask: &Ask) -> ApiResult<Answer> {
    let connection = named(ask).await?;
    ask.perform(Method::DELETE, &path(&connection), None).await?;
    Ok(Answer::no_content())
}
