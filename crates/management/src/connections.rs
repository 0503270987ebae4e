//! Connections: where users come from.

mod directory;
mod keys;
mod scim;
mod strategies;

use kernel::{
    ApiError, ApiResult, Document, Record, Value,
    id::{ALNUM, Form},
};
use rest::{Answer, Area, Call, Change, Kind, ListFilter, Resource, Sorted, Unique};
use serde_json::json;
use store::{Filter, Query, RelationOrder, RelationQuery, Side, Snapshot, Tx};

use crate::{
    Services,
    clients::CLIENT,
    organizations,
    users::{self, USER},
};

pub(crate) use directory::configurations as directory_configurations;
pub(crate) use scim::configurations as scim_configurations;

/// What is served of `connections`.
pub(crate) fn area(_: &Services) -> Area {
    let area = Area::new("connections")
        .collection("/connections", Connections)
        .except("DELETE /connections/{id}")
        .write("DELETE /connections/{id}", delete)
        .read("GET /connections/{id}/status", status)
        .read("GET /connections/{id}/clients", clients)
        .write("PATCH /connections/{id}/clients", set_clients)
        .write("DELETE /connections/{id}/users", delete_user);
    directory::claim(scim::claim(keys::claim(area)))
}

/// Connections. Their secrets stand in the options, and readers of the options see them.
pub(crate) static CONNECTION: Kind = Kind::new("connection")
    .id("id", Form::Alnum16("con_"))
    .unique(&[Unique {
        field: "name",
        message: "A connection with the same name already exists",
        code: Some("connection_conflict"),
    }])
    .missing("The connection does not exist", Some("inexistent_connection"))
    .merged(&["metadata"])
    .sealed(SECRETS)
    .revealed(SECRETS)
    .indexed(&["name", "strategy"])
    .filters(&[("name", ListFilter::Equals("name")), ("strategy", ListFilter::Equals("strategy"))])
    .order(Sorted::By("name"));

const SECRETS: &[&str] = &[
    "options.client_secret",
    "options.app_secret",
    "options.twilio_token",
    "options.consumer_secret",
    "options.gateway_authentication.secret",
    "options.signing_key",
    "options.decryptionKey",
    "options.configuration",
];

/// Relation connection → client: for whom a connection is enabled.
pub(crate) const CONNECTION_CLIENTS: &str = "connection_clients";

/// What a chosen field always comes with.
const ALWAYS_SHOWN: &[&str] = &["id", "is_domain_connection", "authentication", "connected_accounts"];

/// What a connection is shown as wherever it appears.
pub(crate) fn presented(reader: &Snapshot, call: &Call, connection: &Record) -> ApiResult<Document> {
    rest::presented(reader, call, &Connections, connection)
}

struct Connections;

impl Resource for Connections {
    fn kind(&self) -> &'static Kind {
        &CONNECTION
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        // Clients are a relation, not a part of the record.
        new.document.shift_remove("enabled_clients");
        let strategy = new.text("strategy").unwrap_or_default().to_owned();
        if old.is_none() {
            complete(tx, call, &strategy, &mut new.document);
        }
        if old.is_none() || call.body().get("options").is_some() {
            let before = old.and_then(|old| old.document.get("options")).and_then(Value::as_object);
            let sent = new.document.shift_remove("options");
            let mut options = sent.and_then(|options| options.as_object().cloned()).unwrap_or_default();
            strategies::complete(&strategy, before, &mut options, &call.origin.domain);
            new.document.insert("options".into(), options.into());
        }
        Ok(())
    }

    fn check(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        let strategy = new.text("strategy").unwrap_or_default();
        let wants_cross_app =
            new.document.get("cross_app_access_requesting_app").is_some_and(|app| app["active"] == true);
        if wants_cross_app && !matches!(strategy, "oidc" | "okta" | "google-oauth2" | "waad" | "samlp") {
            let text = "Cross App Access Requesting App is not supported for this connection.";
            return Err(ApiError::bad_request(text).code("operation_not_supported"));
        }
        for client in sent_clients(call) {
            rest::load(tx, &CLIENT, client)?;
        }
        strategies::check(strategy, old.map(|old| &old.document), &new.document)?;
        directory::check_options(tx, old, new)
    }

    fn follow(&self, tx: &mut Tx, call: &Call, change: &Change<'_>) -> ApiResult {
        let (Change::Create { new } | Change::Update { new, .. }) = change else { return Ok(()) };
        if call.body().get("enabled_clients").is_some() {
            tx.unrelate_all(CONNECTION_CLIENTS, Side::Left(&new.id))?;
            for client in sent_clients(call) {
                tx.relate(CONNECTION_CLIENTS, &new.id, client, Document::new())?;
            }
        }
        Ok(())
    }

    fn present(&self, reader: &Snapshot, call: &Call, connection: &Record, shown: &mut Document) -> ApiResult {
        let clients = enabled_clients(reader, &connection.id)?;
        shown.insert("enabled_clients".into(), clients.into_iter().map(Value::from).collect());
        if call.operation.method == "GET"
            && let Some(options) = shown.get_mut("options").and_then(Value::as_object_mut)
        {
            // These two are told by the answer to a write only, when they are null.
            options
                .retain(|name, value| !value.is_null() || !["authorizationURL", "tokenURL"].contains(&name.as_str()));
        }
        Ok(())
    }

    fn always_shown(&self) -> &'static [&'static str] {
        ALWAYS_SHOWN
    }
}

/// What every connection has from the start.
fn complete(tx: &Tx, call: &Call, strategy: &str, document: &mut Document) {
    let name = document.get("name").cloned().unwrap_or_default();
    let mut fill = |member: &str, value: Value| kernel::fill(document, member, value);
    fill("is_domain_connection", false.into());
    fill("realms", json!([name]));
    fill("authentication", json!({"active": true}));
    fill("connected_accounts", json!({"active": false}));
    if strategies::is_enterprise(strategy) {
        fill("show_as_button", false.into());
    }
    if matches!(strategy, "oidc" | "okta" | "waad") {
        fill("display_name", name);
    }
    let ticket = tx.context().text(ALNUM, 32);
    let (issuer, tenant) = (call.origin.issuer(), tx.tenant());
    match strategy {
        "ad" | "adfs" | "pingfederate" | "samlp" => {
            fill("provisioning_ticket_url", format!("{issuer}p/{strategy}/{ticket}").into());
        }
        "waad" | "google-apps" => {
            fill("provisioning_ticket_url", format!("{issuer}{tenant}/p/{strategy}/{ticket}").into());
        }
        _ => {}
    }
}

fn sent_clients(call: &Call) -> impl Iterator<Item = &str> {
    call.body().get("enabled_clients").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The clients of a connection, by their identifiers.
fn enabled_clients(reader: &Snapshot, connection: &str) -> ApiResult<Vec<String>> {
    let query = RelationQuery { order: RelationOrder::Other, ..RelationQuery::default() };
    let entries = reader.related(CONNECTION_CLIENTS, Side::Left(connection), &query)?;
    Ok(entries.items.into_iter().map(|entry| entry.right).collect())
}

/// `DELETE /connections/{id}`: 202 and when it was deleted; 204 for one that is not there.
fn delete(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let id = call.path("id");
    let Some(connection) = tx.get(CONNECTION.name, id)? else {
        return Ok(Answer::no_content());
    };
    users::forget_connection(tx, connection.text("name").unwrap_or_default())?;
    organizations::forget_connection(tx, id)?;
    keys::forget_connection(tx, id)?;
    scim::forget_connection(tx, id)?;
    directory::forget_connection(tx, id)?;
    tx.unrelate_all(CONNECTION_CLIENTS, Side::Left(id))?;
    rest::delete(tx, call, &Connections, &connection)?;
    Ok(Answer::json(json!({"deleted_at": tx.now()})))
}

/// `GET /connections/{id}/status`: whether a connector of the directory is online; none can be.
fn status(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let connection = reader.get(CONNECTION.name, call.path("id"))?;
    let connection = connection.ok_or_else(|| ApiError::not_found("Connection not found."))?;
    match connection.text("strategy") {
        Some("ad") => Err(ApiError::not_found("not connected to any node")),
        _ => Ok(Answer::empty()),
    }
}

fn clients(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let connection = rest::load(reader, &CONNECTION, call.path("id"))?;
    let item = |client: String| Document::from_iter([("client_id".to_owned(), client.into())]);
    let items = enabled_clients(reader, &connection.id)?.into_iter().map(item).collect();
    Ok(Answer::json(rest::page_of(call, items)?))
}

/// `PATCH /connections/{id}/clients`: an array of `{client_id, status}`; clients that are not named stay as they are.
fn set_clients(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let connection = rest::load(tx, &CONNECTION, call.path("id"))?;
    for item in call.body().as_array().into_iter().flatten() {
        let client = rest::load(tx, &CLIENT, item["client_id"].as_str().unwrap_or_default())?;
        if item["status"] == true {
            tx.relate(CONNECTION_CLIENTS, &connection.id, &client.id, Document::new())?;
        } else {
            tx.unrelate(CONNECTION_CLIENTS, &connection.id, &client.id)?;
        }
    }
    Ok(Answer::empty())
}

/// `DELETE /connections/{id}/users?email=…`: one user of a database, by the exact address.
fn delete_user(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let connection = tx.get(CONNECTION.name, call.path("id"))?;
    let connection = connection.ok_or_else(|| ApiError::bad_request("The connection does not exist"))?;
    if connection.text("strategy") != Some("auth0") {
        return Err(ApiError::bad_request("Connection must be a database connection"));
    }
    let of_connection = Filter::equals("identities.connection", connection.text("name").unwrap_or_default());
    let with_address = Filter::equals("email", call.text("email").unwrap_or_default().to_lowercase());
    for user in tx.list(USER.name, &Query::of(of_connection.and(with_address)))?.items {
        users::forget(tx, &user)?;
    }
    Ok(Answer::empty())
}
