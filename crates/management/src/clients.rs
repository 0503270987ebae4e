//! Clients: the applications of a tenant, their secrets and credentials.

mod credentials;
mod defaults;
mod kind;
mod metadata;
mod search;
pub(crate) mod signing;

use identity::keys;
use kernel::{Document, Record, Value};
use model::{CONNECTION, CONNECTION_CLIENTS};
use rest::{Answer, ApiError, ApiResult, Area, Call, Change, Kind, Resource};
use serde_json::json;
use store::{Filter, Query, RelationQuery, Side, Snapshot, Tx};

use crate::{
    Services, client_grants, connection_profiles::CONNECTION_PROFILE, resource_servers, tenants,
    user_attribute_profiles::USER_ATTRIBUTE_PROFILE,
};

pub(crate) use defaults::complete;
pub(crate) use kind::CLIENT;
pub(crate) use metadata::{CREATED_BY, redirect_fault};

/// What is served of `clients`.
pub(crate) fn area(services: &Services) -> Area {
    let area = Area::new("clients")
        .collection("/clients", Clients)
        .collection("/clients/{client_id}/credentials", credentials::Credentials)
        .write("POST /clients/{id}/rotate-secret", rotate_secret)
        .read("GET /clients/{id}/connections", connections);
    metadata::claim(area, services)
}

/// The grant of devices without a browser (RFC 8628 §3.4), which public clients use.
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What every scope that admits a reader shows.
const SUMMARY: &[&str] = &["client_id", "app_type", "name", "description"];

/// What only the scopes for keys and credentials show, beside the secret.
const KEYS: &[&str] = &["encryption_key", "signing_keys", "client_authentication_methods", "signed_request_object"];

/// The answers that show a new secret to whoever asked for it.
const SHOWS_SECRET: &[&str] = &["post_clients", "post_rotate-secret"];

struct Clients;

impl Resource for Clients {
    fn kind(&self) -> &'static Kind {
        &CLIENT
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() {
            complete(tx, new);
            signing::inherit(tx, new)?;
        }
        defaults::complete_session_transfer(&mut new.document);
        signing::adopt(call, new);
        exclude_methods(call, new)?;
        credentials::adopt(tx, new)
    }

    fn check(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        check_scopes(call)?;
        check_profiles(tx, call)?;
        let grants = new.document.get("grant_types").and_then(Value::as_array);
        let is_public = new.text("token_endpoint_auth_method") == Some("none");
        let for_machines = grants.is_some_and(|grants| grants.contains(&"client_credentials".into()));
        if is_public && for_machines && (old.is_none() || call.body().get("grant_types").is_some()) {
            return Err(ApiError::invalid_body("Invalid grant types: client_credentials"));
        }
        let for_devices = grants.is_some_and(|grants| grants.contains(&DEVICE_CODE.into()));
        let touches = |name: &str| call.body().get(name).is_some();
        let is_asked = old.is_none() || touches("grant_types") || touches("token_endpoint_auth_method");
        if for_devices && !is_public && is_asked {
            return Err(ApiError::bad_request(format!(
                "Application must have Token Endpoint Authentication Method set to \"none\" when {DEVICE_CODE} is enabled"
            )));
        }
        let organization = new.document.get("default_organization").and_then(Value::as_object);
        let lacks = |name: &str| organization.is_some_and(|organization| !organization.contains_key(name));
        if lacks("organization_id") || lacks("flows") {
            let text = "default_organization requires both organization_id and flows";
            return Err(ApiError::invalid_body(text));
        }
        Ok(())
    }

    fn check_deletion(&self, _: &mut Tx, _: &Call, old: &Record) -> ApiResult {
        if old.is("global") {
            return Err(ApiError::bad_request("Global client cannot be deleted."));
        }
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, call: &Call, change: &Change<'_>) -> ApiResult {
        match change {
            Change::Create { new } => {
                if let Some(identifier) = new.text("resource_server_identifier") {
                    resource_servers::link_client(tx, identifier, &new.id)?;
                }
                if new.text("app_type") == Some("express_configuration") {
                    client_grants::grant_express_configuration(tx, call, &new.id)?;
                }
                enable_connections(tx, &new.id)
            }
            Change::Update { new, .. } => signing::spread(tx, call, new),
            Change::Delete { .. } => Ok(()),
        }
    }

    fn filter(&self, reader: &Snapshot, call: &Call) -> ApiResult<Filter> {
        let asked = CLIENT.filter(call);
        Ok(match call.text("q") {
            Some(query) => asked.and(search::by_grant(reader, query)?),
            None => asked,
        })
    }

    fn present(&self, reader: &Snapshot, call: &Call, client: &Record, shown: &mut Document) -> ApiResult {
        let may_see_secret = SHOWS_SECRET.contains(&call.operation.id.as_str())
            || call.allows("read:client_keys")
            || call.allows("read:client_credentials");
        // A secret is nothing to a client that authenticates otherwise; it is kept for the way back.
        if may_see_secret && !client.document.contains_key("client_authentication_methods") {
            client.sealed.reveal("client_secret", shown);
        }
        if may_see_secret || call.operation.method != "GET" {
            let has_own = client.document.contains_key(signing::KEYS);
            let current = if has_own { None } else { keys::list(reader)?.into_iter().find(|key| key.is("current")) };
            if let Some(key) = current {
                shown.insert(
                    "signing_keys".into(),
                    json!([{"cert": key.document["cert"], "pkcs7": key.document["pkcs7"]}]),
                );
            }
        } else {
            shown.retain(|name, _| !KEYS.contains(&name.as_str()));
        }
        if call.operation.method == "GET" && !call.allows("read:clients") && !call.allows("read:client_keys") {
            let may_see_keys = call.allows("read:client_credentials");
            let is_key = |name: &str| may_see_keys && (KEYS.contains(&name) || name == "client_secret");
            shown.retain(|name, _| SUMMARY.contains(&name.as_str()) || is_key(name));
        }
        if call.operation.id == "post_clients" {
            credentials::show_in_full(reader, shown)?;
        }
        Ok(())
    }
}

/// `POST /clients/{id}/rotate-secret`: the old secret ends at once.
fn rotate_secret(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let old = rest::load(tx, &CLIENT, call.path("id"))?;
    let secret = tx.context().client_secret();
    let client = rest::upsert(tx, &CLIENT, &old.id, |client| client.sealed.set("client_secret", secret))?;
    Ok(Answer::json(rest::presented(tx, call, &Clients, &client)?))
}

/// `GET /clients/{id}/connections`: those that are enabled for the client.
fn connections(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let client = rest::load(reader, &CLIENT, call.path("id"))?;
    let strategies = call.list("strategy");
    let enabled = reader.related(&CONNECTION_CLIENTS, Side::Right(&client.id), &RelationQuery::default())?;
    let mut items = Vec::new();
    for entry in enabled.items {
        let Some(connection) = reader.get(&CONNECTION, &entry.left)? else { continue };
        let strategy = connection.text("strategy").unwrap_or_default();
        if strategies.is_empty() || strategies.contains(&strategy) {
            items.push(crate::connections::presented(reader, call, &connection)?);
        }
    }
    Ok(Answer::json(rest::page_of(call, items)?))
}

/// A client authenticates by a method or by credentials: setting one takes the other away, both at once is an error.
fn exclude_methods(call: &Call, new: &mut Record) -> ApiResult {
    let sent = |name: &str| call.body().get(name).is_some_and(|value| !value.is_null());
    match (sent("client_authentication_methods"), sent("token_endpoint_auth_method")) {
        (true, true) => {
            Err(ApiError::invalid_body("Cannot set both client_authentication_methods and token_endpoint_auth_method"))
        }
        (true, false) => {
            new.document.shift_remove("token_endpoint_auth_method");
            Ok(())
        }
        (false, true) => {
            new.document.shift_remove("client_authentication_methods");
            Ok(())
        }
        (false, false) => Ok(()),
    }
}

/// Fields that need a scope of their own to be written.
fn check_scopes(call: &Call) -> ApiResult {
    let is_new = call.operation.method == "POST";
    let refuse = |scope: &str, field: &str| {
        let text = format!("Insufficient scope, expected any of: {scope} to write {field}");
        Err(ApiError::forbidden(text).code("insufficient_scope"))
    };
    for field in call.document().keys() {
        let needed: &[&str] = match (field.as_str(), is_new) {
            ("client_secret" | "signing_key", false) => &["update:client_keys"],
            ("client_authentication_methods" | "signed_request_object", false) => &["update:client_credentials"],
            ("client_authentication_methods" | "signed_request_object", true) => &["create:client_credentials"],
            ("token_vault_privileged_access", false) => &["update:client_token_vault_privileged_access"],
            (_, false) => &["update:clients"],
            (_, true) => continue,
        };
        if !needed.iter().any(|scope| call.allows(scope)) {
            return refuse(needed[0], field);
        }
    }
    Ok(())
}

/// The profiles by which organizations configure identity providers must be there.
fn check_profiles(tx: &mut Tx, call: &Call) -> ApiResult {
    let profiles = [
        ("connection_profile_id", &CONNECTION_PROFILE, "connection profile"),
        ("user_attribute_profile_id", &USER_ATTRIBUTE_PROFILE, "user attribute profile"),
    ];
    for configuration in ["my_organization_configuration", "express_configuration"] {
        for (field, kind, words) in profiles {
            let named = call.body().pointer(&format!("/{configuration}/{field}")).and_then(Value::as_str);
            if let Some(id) = named
                && tx.get(kind, id)?.is_none()
            {
                return Err(ApiError::invalid_body(format!("{configuration}: the {words} {id} does not exist")));
            }
        }
    }
    Ok(())
}

/// New clients get all connections where the tenant says so.
fn enable_connections(tx: &mut Tx, client: &str) -> ApiResult {
    if !tenants::flag(tx, "enable_client_connections")? {
        return Ok(());
    }
    for connection in tx.list(&CONNECTION, &Query::default())?.items {
        tx.relate(&CONNECTION_CLIENTS, &connection.id, client, Document::new())?;
    }
    Ok(())
}
