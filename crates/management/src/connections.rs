//! Connections: where users come from.

mod configuration;
mod deletion;
mod directory;
mod federation;
mod keys;
mod rules;
mod scim;
mod scopes;
mod strategies;

use kernel::{Document, Record, Value, id::ALNUM};
use model::{CONNECTION_CLIENTS, USER, views::Strategy};
use rest::{
    Answer, ApiError, ApiResult, Area, BoxFuture, Call, Change, Kind, ListFilter, Resource, Sorted, Task, Unique,
};
use serde_json::json;
use store::{Filter, Query, RelationOrder, RelationQuery, Side, Snapshot, Store, Tx};

use crate::{Services, clients::CLIENT};

pub(crate) use directory::{DIRECTORY, SYNCHRONIZATION, run_synchronization};
pub(crate) use scim::SCIM;
pub(crate) use strategies::ENTERPRISE;

/// What is served of `connections`.
pub(crate) fn area(services: &Services) -> Area {
    let identity = services.identity();
    let area = Area::new("connections")
        .collection("/connections", Connections { outbound: Some(services.outbound.clone()) })
        .except("DELETE /connections/{id}")
        .write("DELETE /connections/{id}", deletion::delete)
        .read("GET /connections/{id}/status", status)
        .read("GET /connections/{id}/clients", clients)
        .write("PATCH /connections/{id}/clients", set_clients)
        .task("DELETE /connections/{id}/users", move |task| delete_user(identity.clone(), task));
    directory::claim(scim::claim(keys::claim(area)))
}

/// Connections. Their secrets stand in the options, and readers of the options see them.
pub(crate) static CONNECTION: Kind = Kind::of(&model::CONNECTION)
    .unique(&[Unique {
        field: "name",
        message: "A connection with the same name already exists",
        code: Some("connection_conflict"),
    }])
    .missing("The connection does not exist", Some("inexistent_connection"))
    .merged(&["metadata"])
    .revealed(model::CONNECTION_SECRETS)
    .filters(&[("name", ListFilter::Equals("name")), ("strategy", ListFilter::Equals("strategy"))])
    .order(Sorted::By("name"));

/// What a chosen field always comes with.
const ALWAYS_SHOWN: &[&str] = &["id", "is_domain_connection", "authentication", "connected_accounts"];

/// What a connection is shown as wherever it appears.
pub(crate) fn presented(reader: &Snapshot, call: &Call, connection: &Record) -> ApiResult<Document> {
    rest::presented(reader, call, &Connections::READ, connection)
}

struct Connections {
    /// Fetches what providers tell of themselves; what only shows connections has none.
    outbound: Option<outbound::Client>,
}

impl Connections {
    const READ: Self = Self { outbound: None };
}

/// The member of `gathered` that holds the provider's description.
const DESCRIPTION: &str = "description";

impl Resource for Connections {
    fn kind(&self) -> &'static Kind {
        &CONNECTION
    }

    fn gather<'a>(&'a self, store: &'a Store, call: &'a Call) -> Option<BoxFuture<'a, ApiResult<Document>>> {
        let options = call.body().get("options")?.as_object()?;
        let client = self.outbound.as_ref()?;
        Some(Box::pin(async move {
            let mut gathered = Document::new();
            let strategy = strategy(store, call).await?;
            if let Some(address) = federation::address(&strategy, options)
                && let Some(description) = federation::fetch(client, &address).await
            {
                gathered.insert(DESCRIPTION.into(), description.into());
            }
            Ok(gathered)
        }))
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
            let description = call.gathered.get(DESCRIPTION).and_then(Value::as_str);
            strategies::complete(&strategy, before, &mut options, &call.origin.domain, description);
            new.document.insert("options".into(), options.into());
            configuration::adopt(tx, old, new);
        }
        Ok(())
    }

    fn check(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        for client in sent_clients(call) {
            rest::load(tx, &CLIENT, client)?;
        }
        rules::check(tx, old, new)?;
        strategies::check(call, new.text("strategy").unwrap_or_default(), old.map(|old| &old.document), &new.document)?;
        directory::check_options(tx, old, new)
    }

    fn follow(&self, tx: &mut Tx, call: &Call, change: &Change<'_>) -> ApiResult {
        let (Change::Create { new } | Change::Update { new, .. }) = change else { return Ok(()) };
        if call.body().get("enabled_clients").is_some() {
            tx.unrelate_all(&CONNECTION_CLIENTS, Side::Left(&new.id))?;
            for client in sent_clients(call) {
                tx.relate(&CONNECTION_CLIENTS, &new.id, client, Document::new())?;
            }
        }
        Ok(())
    }

    fn present(&self, reader: &Snapshot, call: &Call, connection: &Record, shown: &mut Document) -> ApiResult {
        let clients = enabled_clients(reader, &connection.id)?;
        shown.insert("enabled_clients".into(), clients.into_iter().map(Value::from).collect());
        configuration::hide(connection, shown);
        if call.operation.method == "GET"
            && let Some(options) = shown.get_mut("options").and_then(Value::as_object_mut)
        {
            // These two are told by the answer to a write only, when they are null.
            options
                .retain(|name, value| !value.is_null() || !["authorizationURL", "tokenURL"].contains(&name.as_str()));
        }
        if call.operation.method != "POST"
            && let Some(options) = shown.get_mut("options")
        {
            order_by_length(options);
        }
        Ok(())
    }

    fn always_shown(&self) -> &'static [&'static str] {
        ALWAYS_SHOWN
    }
}

/// Shorter keys first, then alphabetically, at every depth: how the service reads options back from its database.
fn order_by_length(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<(String, Value)> = std::mem::take(members).into_iter().collect();
            sorted.sort_by(|(one, _), (other, _)| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
            for (_, member) in &mut sorted {
                order_by_length(member);
            }
            members.extend(sorted);
        }
        Value::Array(items) => items.iter_mut().for_each(order_by_length),
        _ => {}
    }
}

/// The strategy of the connection that a call makes or changes.
async fn strategy(store: &Store, call: &Call) -> ApiResult<String> {
    if let Some(sent) = call.body().get("strategy").and_then(Value::as_str) {
        return Ok(sent.to_owned());
    }
    let id = call.path("id").to_owned();
    let find = move |reader: &Snapshot| reader.get(&CONNECTION, &id);
    let connection = store.read(&call.caller.tenant, find).await?;
    Ok(connection.and_then(|connection| connection.text("strategy").map(str::to_owned)).unwrap_or_default())
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
    let entries = reader.related(&CONNECTION_CLIENTS, Side::Left(connection), &query)?;
    Ok(entries.items.into_iter().map(|entry| entry.right).collect())
}

/// What of this kind is attached to the connection of the call, under the connection's id.
fn attachment(reader: &Snapshot, call: &Call, kind: &Kind) -> ApiResult<Record> {
    let connection = rest::load(reader, &CONNECTION, call.path("id"))?;
    rest::load(reader, kind, &connection.id)
}

fn attached(reader: &Snapshot, call: &Call, kind: &Kind) -> ApiResult<Document> {
    Ok(attachment(reader, call, kind)?.document)
}

/// Everything of this kind that is attached to any connection.
pub(crate) fn all_attached(reader: &Snapshot, call: &Call, kind: &Kind) -> ApiResult<Answer> {
    let stored = reader.list(kind, &Query::default())?.items;
    Ok(Answer::json(rest::page_of(call, stored.into_iter().map(|record| record.document).collect())?))
}

/// Takes away what is attached to the connection of the call.
fn detach(tx: &mut Tx, call: &Call, kind: &Kind) -> ApiResult<Answer> {
    let connection = rest::load(tx, &CONNECTION, call.path("id"))?;
    identity::deletion::delete(tx, &call.event_context(), kind.stored, &connection.id)?;
    Ok(Answer::empty())
}

/// `GET /connections/{id}/status`: whether a connector of the directory is online; none can be.
fn status(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let connection = reader.get(&CONNECTION, call.path("id"))?;
    let connection = connection.ok_or_else(|| ApiError::not_found("Connection not found."))?;
    match Strategy::of(&connection) {
        Some(Strategy::Ad) => Err(ApiError::not_found("not connected to any node")),
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
            tx.relate(&CONNECTION_CLIENTS, &connection.id, &client.id, Document::new())?;
        } else {
            tx.unrelate(&CONNECTION_CLIENTS, &connection.id, &client.id)?;
        }
    }
    Ok(Answer::empty())
}

/// `DELETE /connections/{id}/users?email=…`: one user of a database, by the exact address.
async fn delete_user(services: identity::Services, task: Task) -> ApiResult<Answer> {
    let actor = crate::actor::actor(&task.call);
    for user in task.read(addressees).await? {
        identity::databases::delete(&services, &task.store, &actor, &user).await?;
    }
    let work = |tx: &mut Tx, call: &Call| {
        for user in addressees(tx, call)? {
            identity::deletion::delete(tx, &call.event_context(), &USER, &user.id)?;
        }
        Ok(Answer::empty())
    };
    task.write(work).await
}

/// The users of a database with the address of the call.
fn addressees(reader: &Snapshot, call: &Call) -> ApiResult<Vec<Record>> {
    let connection = reader.get(&CONNECTION, call.path("id"))?;
    let connection = connection.ok_or_else(|| ApiError::bad_request("The connection does not exist"))?;
    if Strategy::of(&connection) != Some(Strategy::Database) {
        return Err(ApiError::bad_request("Connection must be a database connection"));
    }
    let of_connection = Filter::equals("identities.connection", connection.text("name").unwrap_or_default());
    let with_address = Filter::equals("email", call.text("email").unwrap_or_default().to_lowercase());
    Ok(reader.list(&USER, &Query::of(of_connection.and(with_address)))?.items)
}
