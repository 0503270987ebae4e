//! Clients that are associated with an organization.

use kernel::{Document, Record, Value, object};
use model::ORGANIZATION_CLIENTS;
use rest::{Answer, ApiError, ApiResult, Area, Call, page_of};
use serde_json::json;
use store::{Relation, RelationOrder, RelationQuery, Side, Snapshot, Tx};

use super::organization;
use crate::clients::CLIENT;

/// What an entry shows of its client.
const SHOWN: &[&str] = &["name", "is_first_party", "app_type", "logo_uri", "grant_types", "organization_usage"];

pub(super) fn claim(area: Area) -> Area {
    area.read("GET /organizations/{id}/clients", list)
        .write("POST /organizations/{id}/clients", add)
        .write("DELETE /organizations/{id}/clients", remove)
        .read("GET /organizations/{id}/clients/{client_id}", get)
        .write("PATCH /organizations/{id}/clients/{client_id}", change)
}

fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let organization = organization(reader, call)?;
    let query = RelationQuery { order: RelationOrder::Other, ..RelationQuery::default() };
    let mut items = Vec::new();
    for entry in reader.related(&ORGANIZATION_CLIENTS, Side::Left(&organization.id), &query)?.items {
        items.extend(shown(reader, &entry)?);
    }
    Ok(Answer::json(page_of(call, items)?))
}

fn add(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let organization = organization(tx, call)?;
    let mut added = Vec::new();
    for item in call.body().get("clients").and_then(Value::as_array).into_iter().flatten() {
        let mut settings = item.as_object().cloned().unwrap_or_default();
        let id = settings.shift_remove("client_id").and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
        rest::load(tx, &CLIENT, &id)?;
        settings.entry("use_for_member_access").or_insert_with(|| false.into());
        tx.relate(&ORGANIZATION_CLIENTS, &organization.id, &id, Document::new())?;
        tx.relate_update(&ORGANIZATION_CLIENTS, &organization.id, &id, settings)?;
        added.extend(shown(tx, &entry(tx, &organization, &id)?)?);
    }
    Ok(Answer::list(added))
}

fn remove(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let organization = organization(tx, call)?;
    for id in call.body().get("clients").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        tx.unrelate(&ORGANIZATION_CLIENTS, &organization.id, id)?;
    }
    Ok(Answer::empty())
}

fn get(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let organization = organization(reader, call)?;
    let entry = entry(reader, &organization, call.path("client_id"))?;
    Ok(Answer::json(shown(reader, &entry)?.ok_or_else(|| CLIENT.not_found())?))
}

fn change(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let organization = organization(tx, call)?;
    let mut entry = entry(tx, &organization, call.path("client_id"))?;
    kernel::merge_first_level(&mut entry.document, call.document().into_owned());
    tx.relate_update(&ORGANIZATION_CLIENTS, &entry.left, &entry.right, entry.document.clone())?;
    Ok(Answer::json(shown(tx, &entry)?.ok_or_else(|| CLIENT.not_found())?))
}

fn entry(reader: &Snapshot, organization: &Record, client: &str) -> ApiResult<Relation> {
    let found = reader.relation(&ORGANIZATION_CLIENTS, &organization.id, client)?;
    found.ok_or_else(|| ApiError::not_found("No client found by that id"))
}

fn shown(reader: &Snapshot, entry: &Relation) -> ApiResult<Option<Document>> {
    let Some(client) = reader.get(&CLIENT, &entry.right)? else { return Ok(None) };
    let present = |name: &&str| Some(((*name).to_owned(), client.document.get(*name)?.clone()));
    let mut shown = object(json!({"client_id": entry.right}));
    shown.extend(entry.document.clone());
    shown.insert("client".into(), SHOWN.iter().filter_map(present).collect::<Document>().into());
    Ok(Some(shown))
}
