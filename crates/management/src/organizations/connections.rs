//! Connections that an organization uses: `/connections` (all, with their state) and `/enabled_connections` (the
//! enabled ones, in the older form).

use kernel::{Document, Record, Value, object};
use model::{
    ORGANIZATION_CONNECTIONS,
    views::{Connection, Strategy, View as _},
};
use rest::{Answer, ApiError, ApiResult, Area, Call, page_of};
use serde_json::json;
use store::{Relation, RelationQuery, Side, Snapshot, Tx};

use super::{ORGANIZATION, organization};
use crate::{connections::CONNECTION, events::tell};

/// The two forms in which an entry is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Of `/connections`.
    Full,
    /// Of `/enabled_connections`.
    Older,
}

/// Claims both families of operations.
pub(super) fn claim(area: Area) -> Area {
    area.read("GET /organizations/{id}/connections", |reader, call| list(reader, call, Form::Full))
        .read("GET /organizations/{id}/enabled_connections", |reader, call| list(reader, call, Form::Older))
        .write("POST /organizations/{id}/connections", |tx, call| add(tx, call, Form::Full))
        .write("POST /organizations/{id}/enabled_connections", |tx, call| add(tx, call, Form::Older))
        .read("GET /organizations/{id}/connections/{connection_id}", |reader, call| get(reader, call, Form::Full))
        .read("GET /organizations/{id}/enabled_connections/{connectionId}", |reader, call| {
            get(reader, call, Form::Older)
        })
        .write("PATCH /organizations/{id}/connections/{connection_id}", |tx, call| change(tx, call, Form::Full))
        .write("PATCH /organizations/{id}/enabled_connections/{connectionId}", |tx, call| change(tx, call, Form::Older))
        .write("DELETE /organizations/{id}/connections/{connection_id}", |tx, call| remove(tx, call, Form::Full))
        .write("DELETE /organizations/{id}/enabled_connections/{connectionId}", |tx, call| {
            remove(tx, call, Form::Older)
        })
}

/// Enables the connections that `POST /organizations` brings.
pub(super) fn enable_at_creation(tx: &mut Tx, call: &Call, organization: &Record) -> ApiResult {
    for settings in call.body().get("enabled_connections").and_then(Value::as_array).into_iter().flatten() {
        let settings = settings.as_object().cloned().unwrap_or_default();
        relate(tx, call, organization, settings, true)?;
    }
    Ok(())
}

/// The enabled connections of an organization, in the older form.
pub(super) fn enabled(reader: &Snapshot, organization: &str) -> ApiResult<Vec<Value>> {
    let entries = entries(reader, organization)?.into_iter().filter(is_enabled);
    entries
        .map(|entry| Ok(shown(reader, &entry, Form::Older)?.map(Value::from)))
        .filter_map(ApiResult::transpose)
        .collect()
}

fn list(reader: &Snapshot, call: &Call, form: Form) -> ApiResult<Answer> {
    let organization = organization(reader, call)?;
    let wanted = if form == Form::Older { Some(true) } else { call.flag("is_enabled") };
    let mut items = Vec::new();
    for entry in entries(reader, &organization.id)? {
        if wanted.is_none_or(|wanted| wanted == is_enabled(&entry)) {
            items.extend(shown(reader, &entry, form)?);
        }
    }
    Ok(Answer::json(page_of(call, items)?))
}

fn add(tx: &mut Tx, call: &Call, form: Form) -> ApiResult<Answer> {
    let organization = organization(tx, call)?;
    let entry = relate(tx, call, &organization, call.document().into_owned(), form == Form::Older)?;
    Ok(Answer::json(shown(tx, &entry, form)?.unwrap_or_default()))
}

fn get(reader: &Snapshot, call: &Call, form: Form) -> ApiResult<Answer> {
    let entry = named(reader, call, form)?.ok_or_else(missing)?;
    Ok(Answer::json(shown(reader, &entry, form)?.ok_or_else(missing)?))
}

fn change(tx: &mut Tx, call: &Call, form: Form) -> ApiResult<Answer> {
    let mut entry = named(tx, call, form)?.ok_or_else(missing)?;
    kernel::merge_first_level(&mut entry.document, call.document().into_owned());
    check_signup(&rest::load(tx, &CONNECTION, &entry.right)?, &entry.document)?;
    tx.relate_update(&ORGANIZATION_CONNECTIONS, &entry.left, &entry.right, entry.document.clone())?;
    tell_of(tx, call, "organization.connection.updated", &entry)?;
    Ok(Answer::json(shown(tx, &entry, form)?.ok_or_else(missing)?))
}

fn remove(tx: &mut Tx, call: &Call, form: Form) -> ApiResult<Answer> {
    if let Some(entry) = named(tx, call, form)? {
        tx.unrelate(&ORGANIZATION_CONNECTIONS, &entry.left, &entry.right)?;
        tell_of(tx, call, "organization.connection.removed", &Relation { document: Document::new(), ..entry })?;
    }
    Ok(Answer::empty())
}

/// Relates a connection to an organization with the settings that were sent, completed.
fn relate(tx: &mut Tx, call: &Call, organization: &Record, settings: Document, is_older: bool) -> ApiResult<Relation> {
    let id = settings.get("connection_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let connection = rest::load(tx, &CONNECTION, &id)?;
    let mut document = object(json!({
        "assign_membership_on_login": false,
        "show_as_button": true,
        "is_enabled": is_older,
        "organization_access_level": "none",
    }));
    if Strategy::of(&connection) == Some(Strategy::Database) {
        document.insert("is_signup_enabled".into(), false.into());
    }
    document.extend(settings.into_iter().filter(|(name, value)| name != "connection_id" && !value.is_null()));
    check_signup(&connection, &document)?;
    if !tx.relate(&ORGANIZATION_CONNECTIONS, &organization.id, &id, document)? {
        return Err(ApiError::conflict("The organization connection already exists."));
    }
    let entry = tx.relation(&ORGANIZATION_CONNECTIONS, &organization.id, &id)?.ok_or_else(missing)?;
    tell_of(tx, call, "organization.connection.added", &entry)?;
    Ok(entry)
}

/// Who signs up through an organization must become its member, and only databases take sign-ups.
fn check_signup(connection: &Record, settings: &Document) -> ApiResult {
    let is_set = |name: &str| settings.get(name) == Some(&true.into());
    let may_sign_up = Strategy::of(connection) == Some(Strategy::Database) && is_set("assign_membership_on_login");
    if is_set("is_signup_enabled") && !may_sign_up {
        let text = "Only database connections with assign_membership_on_login = true support is_signup_enabled = true.";
        return Err(ApiError::bad_request(text));
    }
    Ok(())
}

/// Tells how an organization now uses a connection.
fn tell_of(tx: &mut Tx, call: &Call, kind: &str, entry: &Relation) -> ApiResult {
    let organization = super::named(&rest::load(tx, &ORGANIZATION, &entry.left)?);
    let mut told = object(json!({"organization": organization, "connection": {"id": entry.right}}));
    told.extend(entry.document.clone());
    tell(tx, call, kind, told)
}

fn named(reader: &Snapshot, call: &Call, form: Form) -> ApiResult<Option<Relation>> {
    let organization = organization(reader, call)?;
    let connection = call.path(if form == Form::Full { "connection_id" } else { "connectionId" });
    let entry = reader.relation(&ORGANIZATION_CONNECTIONS, &organization.id, connection)?;
    Ok(entry.filter(|entry| form == Form::Full || is_enabled(entry)))
}

fn entries(reader: &Snapshot, organization: &str) -> ApiResult<Vec<Relation>> {
    Ok(reader.related(&ORGANIZATION_CONNECTIONS, Side::Left(organization), &RelationQuery::default())?.items)
}

fn is_enabled(entry: &Relation) -> bool {
    entry.document.get("is_enabled") == Some(&true.into())
}

fn shown(reader: &Snapshot, entry: &Relation, form: Form) -> ApiResult<Option<Document>> {
    let Some(connection) = reader.get(&CONNECTION, &entry.right)? else { return Ok(None) };
    let connection = Connection::of(&connection)?;
    let mut shown = object(json!({"connection_id": entry.right}));
    shown.extend(entry.document.clone());
    if form == Form::Older {
        shown.retain(|name, _| {
            !["is_enabled", "organization_access_level", "organization_connection_name"].contains(&name.as_str())
        });
    }
    shown.insert("connection".into(), json!({"name": connection.name, "strategy": connection.strategy.name()}));
    Ok(Some(shown))
}

fn missing() -> ApiError {
    ApiError::not_found("No connection found by that id")
}

/// Whether the organization uses the connection now.
pub(super) fn is_enabled_for(reader: &Snapshot, organization: &str, connection: &str) -> ApiResult<bool> {
    Ok(reader.relation(&ORGANIZATION_CONNECTIONS, organization, connection)?.as_ref().is_some_and(is_enabled))
}
