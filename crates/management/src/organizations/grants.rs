//! Client grants that an organization admits.

use kernel::{Document, Record, Value};
use model::ORGANIZATION_GRANTS;
use rest::{Answer, ApiError, ApiResult, Area, Call, page_of};
use store::{RelationQuery, Side, Snapshot, Tx};

use super::organization;
use crate::client_grants::CLIENT_GRANT;

/// Client grants that an organization may have.
const MOST_GRANTS: usize = 100;

pub(super) fn claim(area: Area) -> Area {
    area.read("GET /organizations/{id}/client-grants", list)
        .write("POST /organizations/{id}/client-grants", add)
        .write("DELETE /organizations/{id}/client-grants/{grant_id}", remove)
}

fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let organization = organization(reader, call)?;
    let ids = call.list("grant_ids");
    let mut items = Vec::new();
    for grant in grants(reader, &organization.id)? {
        let has = |parameter: &str| call.text(parameter).is_none_or(|wanted| grant.text(parameter) == Some(wanted));
        if has("audience") && has("client_id") && (ids.is_empty() || ids.contains(&grant.id.as_str())) {
            items.push(shown(grant));
        }
    }
    Ok(Answer::json(page_of(call, items)?))
}

fn add(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let organization = organization(tx, call)?;
    let id = call.body().get("grant_id").and_then(Value::as_str).unwrap_or_default();
    let grant = tx.get(&CLIENT_GRANT, id)?.ok_or_else(|| ApiError::not_found("The client grant does not exist."))?;
    if matches!(grant.text("organization_usage"), None | Some("deny")) {
        return Err(ApiError::bad_request("The client grant does not allow organizations."));
    }
    if grants(tx, &organization.id)?.len() >= MOST_GRANTS {
        return Err(ApiError::conflict(
            "Quota exceeded; cannot add more than 100 client grants to a single organization",
        ));
    }
    if !tx.relate(&ORGANIZATION_GRANTS, &organization.id, id, Document::new())? {
        return Err(ApiError::conflict("The client grant has already been added to this organization."));
    }
    let mut answer = shown(grant);
    answer.insert("grant_id".into(), id.into());
    Ok(Answer::json(answer))
}

fn remove(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let organization = organization(tx, call)?;
    if !tx.unrelate(&ORGANIZATION_GRANTS, &organization.id, call.path("grant_id"))? {
        return Err(ApiError::not_found("The client grant does not exist."));
    }
    Ok(Answer::empty())
}

fn grants(reader: &Snapshot, organization: &str) -> ApiResult<Vec<Record>> {
    let entries = reader.related(&ORGANIZATION_GRANTS, Side::Left(organization), &RelationQuery::default())?.items;
    let grants = entries.iter().map(|entry| reader.get(&CLIENT_GRANT, &entry.right));
    Ok(grants.filter_map(Result::transpose).collect::<Result<_, _>>()?)
}

fn shown(mut grant: Record) -> Document {
    for field in CLIENT_GRANT.hidden {
        grant.document.shift_remove(*field);
    }
    grant.document
}
