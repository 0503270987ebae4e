//! Client grants: which client may have which scopes of which API.

use kernel::{Record, Value, id::Form, object};
use model::{
    CLIENT, ORGANIZATION, ORGANIZATION_GRANTS, RESOURCE_SERVER,
    views::{ClientGrant, View},
};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, ListFilter, Resource, Sorted, Unique};
use serde_json::json;
use store::{RelationQuery, Side, Snapshot, Tx};

use crate::{Services, organizations::summary};

/// What is served of `client-grants`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("client-grants")
        .collection("/client-grants", ClientGrants)
        .read("GET /client-grants/{id}/organizations", organizations)
}

/// Client grants. `grant` is the pair (and subject type) that may exist once.
pub(crate) static CLIENT_GRANT: Kind = Kind::of(&model::CLIENT_GRANT)
    .unique(&[Unique {
        field: "grant",
        message: "A resource server with the same identifier already exists.",
        code: None,
    }])
    .missing("The grant does not exist.", Some("inexistent_client_grant"))
    .forgiving()
    .hidden(&["grant"])
    .filters(&[
        ("audience", ListFilter::Equals("audience")),
        ("client_id", ListFilter::Equals("client_id")),
        ("allow_any_organization", ListFilter::Equals("allow_any_organization")),
        ("subject_type", ListFilter::Equals("subject_type")),
        ("default_for", ListFilter::Equals("default_for")),
    ])
    .order(Sorted::Id);

/// What the service lets a client do that configures identity providers on its behalf.
const EXPRESS_CONFIGURATION: &[&str] = &[
    "read:clients",
    "read:user_attribute_profiles",
    "read:connection_profiles",
    "read:organizations_summary",
    "read:connections",
    "create:connections",
    "update:connections",
    "read:connections_options",
    "update:connections_options",
    "read:organization_connections",
    "create:organization_connections",
    "update:organization_connections",
    "create:scim_config",
    "read:scim_token",
    "create:scim_token",
    "delete:scim_token",
];

struct ClientGrants;

impl Resource for ClientGrants {
    fn kind(&self) -> &'static Kind {
        &CLIENT_GRANT
    }

    fn prepare(&self, _: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() {
            new.document.entry("subject_type").or_insert_with(|| "client".into());
        }
        let grant = ClientGrant::of(new)?;
        // Who names scopes does not want all; who wants all names none.
        if grant.allow_all_scopes {
            if call.body().get("allow_all_scopes") == Some(&Value::Bool(true)) || old.is_none() {
                new.document.shift_remove("scope");
            } else {
                new.document.shift_remove("allow_all_scopes");
            }
        }
        let holder = grant.client_id.or(grant.default_for).unwrap_or_default();
        let subject = grant.subject_type.unwrap_or_default();
        new.document.insert("grant".into(), key(&holder, &grant.audience, &subject).into());
        Ok(())
    }

    fn check(&self, tx: &mut Tx, _: &Call, old: Option<&Record>, new: &Record) -> ApiResult {
        let grant = ClientGrant::of(new)?;
        if let Some(id) = &grant.client_id {
            let Some(client) = tx.get(&CLIENT, id)? else {
                return Err(ApiError::not_found("Client not found"));
            };
            if old.is_none() && client.text("app_type") == Some("express_configuration") {
                return Err(ApiError::bad_request("Client of type express_configuration cannot be used"));
            }
        }
        // The service does not compare scopes with those of the API.
        match tx.find(&RESOURCE_SERVER, "identifier", &grant.audience)? {
            Some(_) => Ok(()),
            None => Err(ApiError::not_found("Resource server not found")),
        }
    }

    fn missing(&self, call: &Call) -> ApiError {
        match call.operation.method.as_str() {
            "PATCH" => ApiError::not_found("The client grant does not exist."),
            _ => CLIENT_GRANT.not_found(),
        }
    }
}

/// The pair (and subject type) that may exist once.
fn key(holder: &str, audience: &str, subject: &str) -> String {
    format!("{holder} {audience} {subject}")
}

/// Gives a new client of type `express_configuration` what it is for.
pub(crate) fn grant_express_configuration(tx: &mut Tx, call: &Call, client: &str) -> ApiResult {
    let audience = call.origin.management_audience();
    let id = tx.context().id(Form::Alnum16("cgr_"));
    let document = object(json!({
        "id": id,
        "client_id": client,
        "audience": audience,
        "scope": EXPRESS_CONFIGURATION,
        "is_system": true,
        "subject_type": "client",
        "grant": key(client, &audience, "client"),
    }));
    rest::insert(tx, &CLIENT_GRANT, Record::new(id, document, tx.now())).map(drop)
}

/// `GET /client-grants/{id}/organizations`: those that admit the grant.
fn organizations(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let grant = rest::load(reader, &CLIENT_GRANT, call.path("id"))?;
    let entries = reader.related(&ORGANIZATION_GRANTS, Side::Right(&grant.id), &RelationQuery::default())?;
    let mut items = Vec::new();
    for entry in entries.items {
        items.extend(reader.get(&ORGANIZATION, &entry.left)?.map(|organization| summary(&organization)));
    }
    Ok(Answer::json(rest::page_of(call, items)?))
}
