//! By which connections users sign in to a client: those that are enabled for it. Clients of third parties have those of the whole domain, too;
//! strict ones have these alone (reference: federation §1).

use kernel::Record;
use model::{
    CLIENT, CONNECTION, CONNECTION_CLIENTS,
    views::{Client, View as _},
};
use store::{Filter, Query, RelationQuery, Side, Snapshot, StoreResult};

/// The flag of a connection of the whole domain.
const OF_DOMAIN: &str = "is_domain_connection";

/// Whether users sign in to a client by a connection.
pub fn is_used(reader: &Snapshot, connection: &Record, client_id: &str) -> StoreResult<bool> {
    let is_enabled = reader.relation(&CONNECTION_CLIENTS, &connection.id, client_id)?.is_some();
    let is_of_domain = connection.is(OF_DOMAIN);
    if is_enabled == is_of_domain {
        return Ok(is_enabled);
    }
    let client = reader.get(&CLIENT, client_id)?.map(|client| Client::of(&client)).transpose()?.unwrap_or_default();
    Ok(if client.is_strict() { is_of_domain } else { is_enabled || !client.is_first_party() })
}

/// The connections by which users sign in to a client.
pub fn of_client(reader: &Snapshot, client_id: &str) -> StoreResult<Vec<Record>> {
    let Some(client) = reader.get(&CLIENT, client_id)? else { return Ok(Vec::new()) };
    let client = Client::of(&client)?;
    let mut found = Vec::new();
    if !client.is_strict() {
        let enabled = reader.related(&CONNECTION_CLIENTS, Side::Right(client_id), &RelationQuery::default())?.items;
        let ids: Vec<String> = enabled.into_iter().map(|relation| relation.left).collect();
        found = reader.get_all(&CONNECTION, &ids)?;
    }
    if client.is_strict() || !client.is_first_party() {
        for connection in of_domain(reader)? {
            if found.iter().all(|known| known.id != connection.id) {
                found.push(connection);
            }
        }
    }
    Ok(found)
}

/// The connections of the whole domain.
pub fn of_domain(reader: &Snapshot) -> StoreResult<Vec<Record>> {
    Ok(reader.list(&CONNECTION, &Query::of(Filter::equals(OF_DOMAIN, true)))?.items)
}
