//! `/client/{id}.js`: what Lock asks of a client before it shows itself, and `/info-v1.js`: what it asks for clients of third parties. Everybody
//! may know both.

use kernel::{Document, Record, TenantId, Value, script_literal, value_at};
use model::views::{self, Strategy, View as _};
use serde_json::json;
use store::{Snapshot, Store, StoreResult};

/// The script that tells Lock of a client; `None` where there is none.
pub(super) async fn script(store: &Store, tenant: &TenantId, client_id: &str) -> StoreResult<Option<String>> {
    let id: String = client_id.chars().take(64).collect();
    let told = store.read(tenant, move |reader: &Snapshot| client(reader, &id)).await?;
    // What a name holds is text, also for browsers that read the script as a page.
    Ok(told.map(|told| format!("Auth0.setClient({});", script_literal(&told))))
}

fn client(reader: &Snapshot, id: &str) -> StoreResult<Option<Value>> {
    let Some(record) = reader.get(&model::CLIENT, id)? else { return Ok(None) };
    let client = views::Client::of(&record)?;
    if client.global {
        return Ok(None);
    }
    let mut strategies: Vec<(Strategy, Vec<Value>)> = Vec::new();
    for record in identity::connections::of_client(reader, id)? {
        let connection = views::Connection::of(&record)?;
        let strategy = connection.strategy;
        let told = if strategy.is_database() {
            database(&record, &connection)?
        } else if strategy.is_passwordless() {
            json!({"name": connection.name, "display_name": connection.shown_name()})
        } else {
            // Of a strategy that is not served yet.
            continue;
        };
        match strategies.iter_mut().find(|(known, _)| *known == strategy) {
            Some((_, connections)) => connections.push(told),
            None => strategies.push((strategy, vec![told])),
        }
    }
    let strategies: Vec<Value> = strategies
        .into_iter()
        .map(|(strategy, connections)| json!({"name": strategy.name(), "connections": connections}))
        .collect();
    Ok(Some(json!({
        "id": client.id,
        "tenant": reader.tenant().as_str(),
        "subscription": "enterprise",
        "allowed": client.web_origins,
        "callback": client.callbacks.first(),
        "strategies": strategies,
    })))
}

/// The script that tells Lock by which connections users of third parties sign in: those of the whole domain.
pub(super) async fn of_tenant(store: &Store, tenant: &TenantId) -> StoreResult<String> {
    let told = store.read(tenant, of_domain).await?;
    Ok(format!("Auth0.setTenant({});", script_literal(&told)))
}

fn of_domain(reader: &Snapshot) -> StoreResult<Value> {
    let mut databases = Vec::new();
    for record in identity::connections::of_domain(reader)? {
        let connection = views::Connection::of(&record)?;
        if !connection.strategy.is_database() {
            continue;
        }
        let realm = identity::users::Realm::of(&record)?;
        let (min, max) = realm.username_window();
        databases.push(json!({
            "name": connection.name,
            "strategy": connection.strategy.name(),
            "validation": {"username": {"min": min, "max": max}, "passwordPolicy": policy(&record)},
            "allowSignup": realm.allows_signup(),
            "allowForgot": realm.allows_reset(),
            "requiresUsername": connection.options.requires_username,
        }));
    }
    let directory = reader.singleton(&model::TENANT_SETTINGS)?;
    let directory = directory.and_then(|settings| settings.text("default_directory").map(str::to_owned));
    let directory = directory.filter(|name| databases.iter().any(|database| database["name"] == name.as_str()));
    Ok(json!({"connections": {"database": databases}, "defaultDirectory": directory}))
}

fn database(record: &Record, connection: &views::Connection) -> StoreResult<Value> {
    let realm = identity::users::Realm::of(record)?;
    let (min, max) = realm.username_window();
    let mut told = Document::new();
    let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
    tell("name", connection.name.as_str().into());
    tell("display_name", connection.shown_name().into());
    tell("passwordPolicy", policy(record));
    tell("password_complexity_options", json!({"min_length": realm.password_rules().min_length()}));
    tell("showSignup", realm.allows_signup().into());
    tell("showForgot", realm.allows_reset().into());
    tell("requires_username", connection.options.requires_username.into());
    tell("validation", json!({"username": {"min": min, "max": max}}));
    Ok(told.into())
}

/// The name of a connection's password policy; `null` where it has none.
pub(super) fn policy(record: &Record) -> Value {
    value_at(&record.document, "options.passwordPolicy").cloned().unwrap_or_default()
}
