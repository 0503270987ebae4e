//! SCIM configurations of connections, and the tokens that identity providers call with.

use identity::discard;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use kernel::{
    Document, Record, Value,
    id::{BASE64URL, Form},
    object,
};
use model::views::Strategy;
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind};
use serde_json::json;
use store::{Filter, Query, Snapshot, Tx};

use super::{CONNECTION, attached, attachment, detach};

/// Configurations; the id is the connection's.
pub(crate) static SCIM: Kind = Kind::of(&model::SCIM_CONFIGURATION).missing("Not Found", None);

/// Tokens; of the token itself only a hash is kept.
static SCIM_TOKEN: Kind = Kind::of(&model::SCIM_TOKEN);

/// Strategies whose providers speak SCIM.
const STRATEGIES: [Strategy; 4] = [Strategy::Okta, Strategy::Oidc, Strategy::Samlp, Strategy::Waad];

/// Tokens that a connection may have.
const MOST_TOKENS: usize = 2;

/// The default mapping: SCIM attribute, profile attribute.
const MAPPING: &[(&str, &str)] = &[
    ("userName", "preferred_username"),
    ("emails[primary eq true].value", "email"),
    ("externalId", "app_metadata.external_id"),
    ("active", "blocked"),
    ("displayName", "name"),
    ("name.givenName", "given_name"),
    ("name.familyName", "family_name"),
    ("name.middleName", "app_metadata.middle_name"),
    ("name.honorificPrefix", "app_metadata.honorific_prefix"),
    ("name.honorificSuffix", "app_metadata.honorific_suffix"),
    ("nickName", "nickname"),
    ("photos[type eq \"photo\"].value", "picture"),
    ("phoneNumbers[primary eq true].value", "app_metadata.primary_phone_number"),
    ("phoneNumbers[type eq \"mobile\"].value", "app_metadata.mobile_phone_number"),
    ("addresses[type eq \"work\"].streetAddress", "app_metadata.street_address"),
    ("addresses[type eq \"work\"].locality", "app_metadata.city"),
    ("addresses[type eq \"work\"].region", "app_metadata.state"),
    ("addresses[type eq \"work\"].postalCode", "app_metadata.postal_code"),
    ("addresses[type eq \"work\"].formatted", "app_metadata.postal_address"),
    ("addresses[type eq \"work\"].country", "app_metadata.country"),
    ("profileUrl", "app_metadata.profile_url"),
    ("userType", "app_metadata.user_type"),
    ("title", "app_metadata.title"),
    ("preferredLanguage", "app_metadata.language"),
    ("locale", "app_metadata.locale"),
    ("timezone", "app_metadata.timezone"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.employeeNumber", "app_metadata.employee_id"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.costCenter", "app_metadata.cost_center"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.organization", "app_metadata.organization"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.division", "app_metadata.division"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department", "app_metadata.department"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager", "app_metadata.manager"),
];

pub(super) fn claim(area: Area) -> Area {
    area.read("GET /connections/{id}/scim-configuration", |reader, call| {
        attached(reader, call, &SCIM).map(Answer::json)
    })
    .write("POST /connections/{id}/scim-configuration", create)
    .write("PATCH /connections/{id}/scim-configuration", update)
    .write("DELETE /connections/{id}/scim-configuration", |tx, call| detach(tx, call, &SCIM))
    .read("GET /connections/{id}/scim-configuration/default-mapping", default_mapping)
    .read("GET /connections/{id}/scim-configuration/tokens", tokens)
    .write("POST /connections/{id}/scim-configuration/tokens", create_token)
    .write("DELETE /connections/{id}/scim-configuration/tokens/{tokenId}", delete_token)
}

fn create(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let connection = rest::load(tx, &CONNECTION, call.path("id"))?;
    let options = connection.document.get("options");
    let strategy = Strategy::of(&connection).filter(|strategy| STRATEGIES.contains(strategy));
    let Some(strategy) = strategy else {
        let text = "This connection type does not support SCIM. Please see our documentation for the currently supported connection types: https://auth0.com/docs/authenticate/protocols/scim/configure-inbound-scim.";
        return Err(ApiError::not_found(text));
    };
    if options.is_some_and(|options| options["useCommonEndpoint"] == true) {
        let text = "SCIM cannot be enabled for this connection when the Azure AD common endpoint is used.";
        return Err(ApiError::bad_request(text));
    }
    if tx.get(&SCIM, &connection.id)?.is_some() {
        // The service's own spelling.
        return Err(ApiError::bad_request("SCIM configuration alreay exists for connection"));
    }
    let sent = call.document();
    let mapping = sent.get("mapping").cloned().unwrap_or_else(|| mapping("scim", "auth0"));
    let attribute = sent.get("user_id_attribute").cloned().unwrap_or_else(|| "externalId".into());
    let document = object(json!({
        "tenant_name": tx.tenant().as_str(),
        "connection_id": connection.id,
        "connection_name": connection.text("name"),
        "strategy": strategy.name(),
        "mapping": mapping,
        "updated_on": tx.now(),
        "created_at": tx.now(),
        "user_id_attribute": attribute,
    }));
    let record = rest::insert(tx, &SCIM, Record::new(connection.id, document, tx.now()))?;
    Ok(Answer::json(record.document))
}

fn update(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let known = attachment(tx, call, &SCIM)?;
    let now = tx.now();
    let record = rest::upsert(tx, &SCIM, &known.id, |record| {
        record.document.extend(call.document().into_owned());
        record.document.insert("updated_on".into(), now.into());
    })?;
    Ok(Answer::json(record.document))
}

fn default_mapping(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    rest::load(reader, &CONNECTION, call.path("id"))?;
    Ok(Answer::json(json!({"mapping": mapping("auth0", "scim")})))
}

fn tokens(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let configuration = attachment(reader, call, &SCIM)?;
    let shown = |token: Record| token.document.into_iter().filter(|(name, _)| name != "connection_id").collect();
    Ok(Answer::list(tokens_of(reader, &configuration.id)?.into_iter().map(shown).collect()))
}

/// The token is shown once, here; it holds for `token_lifetime` seconds, or until it is deleted.
fn create_token(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let configuration = attachment(tx, call, &SCIM)?;
    if tokens_of(tx, &configuration.id)?.len() >= MOST_TOKENS {
        return Err(ApiError::conflict("Maximum of 2 tokens already issued for this connection"));
    }
    let sent = call.document();
    let scopes = sent
        .get("scopes")
        .cloned()
        .unwrap_or_else(|| json!(["get:users", "post:users", "put:users", "patch:users", "delete:users"]));
    let seconds = sent.get("token_lifetime").and_then(Value::as_u64);
    let token = tx.context().text(BASE64URL, 64);
    let id = tx.context().id(Form::Base58("tok_"));
    let mut document = object(json!({
        "token_id": id,
        "connection_id": configuration.id,
        "scopes": scopes,
        "created_at": tx.now(),
    }));
    if let Some(seconds) = seconds {
        document.insert("valid_until".into(), (tx.now() + Duration::from_secs(seconds)).into());
    }
    let mut record = Record::new(&*id, document.clone(), tx.now());
    let hash = BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes()));
    record.sealed.set("hash", hash);
    rest::insert(tx, &SCIM_TOKEN, record)?;
    document.shift_remove("connection_id");
    document.insert("token".into(), token.into());
    Ok(Answer::json(document))
}

fn delete_token(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let configuration = attachment(tx, call, &SCIM)?;
    let token = rest::load(tx, &SCIM_TOKEN, call.path("tokenId"))?;
    if token.text("connection_id") != Some(&configuration.id) {
        return Err(SCIM_TOKEN.not_found());
    }
    discard(tx, &SCIM_TOKEN, &token.id)?;
    Ok(Answer::empty())
}

fn tokens_of(reader: &Snapshot, connection: &str) -> ApiResult<Vec<Record>> {
    Ok(reader.list(&SCIM_TOKEN, &Query::of(Filter::equals("connection_id", connection)))?.items)
}

/// The default mapping with the members of its entries in this order.
fn mapping(first: &str, second: &str) -> Value {
    let entry = |(scim, auth0): &(&str, &str)| {
        let of = |name: &str| if name == "scim" { *scim } else { *auth0 };
        let entry: Document = [first, second].iter().map(|name| ((*name).to_owned(), of(name).into())).collect();
        Value::Object(entry)
    };
    MAPPING.iter().map(entry).collect()
}
