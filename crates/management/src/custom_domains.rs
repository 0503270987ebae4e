//! Custom domains and their verification.

mod verification;

use kernel::{Record, Value, id::Form};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Resource, Times, Unique};
use serde_json::json;
use store::{Filter, Query, Snapshot, Tx};

use crate::{
    Services,
    search::{Language, Values, has_value},
};

/// What is served of `custom-domains`.
pub(crate) fn area(services: &Services) -> Area {
    let area = Area::new("custom-domains")
        .collection("/custom-domains", CustomDomains)
        .read("GET /custom-domains/default", default)
        .write("PATCH /custom-domains/default", set_default);
    verification::claim(area, services)
}

/// Custom domains.
pub(crate) static CUSTOM_DOMAIN: Kind = Kind::of(&model::CUSTOM_DOMAIN)
    .unique(&[Unique { field: "domain", message: "The specified custom domain already exists.", code: None }])
    .missing("Custom domain not found.", None)
    .forgiving()
    .merged(&["domain_metadata"])
    .nullable(&["custom_client_ip_header"])
    .times(Times::Hidden);

/// What `q` searches.
const LANGUAGE: Language = Language {
    parameter: "q",
    bare: &["domain"],
    values: |field| match field {
        "is_default" | "primary" => Values::Bool,
        _ => Values::Text,
    },
    exists: has_value,
};

struct CustomDomains;

impl Resource for CustomDomains {
    fn kind(&self) -> &'static Kind {
        &CUSTOM_DOMAIN
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() {
            complete(tx, call, new)?;
        }
        Ok(())
    }

    fn check(&self, _: &mut Tx, call: &Call, _: Option<&Record>, new: &Record) -> ApiResult {
        let is_managed = new.text("type") == Some("auth0_managed_certs");
        let sends = |name: &str| call.body().get(name).is_some_and(|value| !value.is_null());
        if !is_managed && sends("tls_policy") {
            return Err(ApiError::bad_request("The 'tls_policy' cannot be set on self_managed domains"));
        }
        if is_managed && sends("custom_client_ip_header") {
            return Err(ApiError::bad_request("The 'custom_client_ip_header' cannot be set on auth0_managed domains"));
        }
        let domain = new.text("domain").unwrap_or_default();
        let party = new.text("relying_party_identifier");
        if party.is_some_and(|party| party != domain && !domain.ends_with(&format!(".{party}"))) {
            let text = "The 'relying_party_identifier' must be equal to or a registrable domain suffix of the domain.";
            return Err(ApiError::bad_request(text));
        }
        Ok(())
    }

    fn filter(&self, _: &Snapshot, call: &Call) -> ApiResult<Filter> {
        call.text("q").map_or(Ok(Filter::All), |query| LANGUAGE.filter(query))
    }
}

fn complete(tx: &mut Tx, call: &Call, domain: &mut Record) -> ApiResult {
    let has_primary = tx.list(&CUSTOM_DOMAIN, &Query::default())?.items.iter().any(|domain| domain.is("primary"));
    let is_managed = domain.text("type") == Some("auth0_managed_certs");
    let name = domain.text("domain").unwrap_or_default().to_owned();
    let method = if is_managed {
        let record = verification::origin_of(tx.tenant().as_str(), &domain.id, &call.origin.domain);
        json!({"name": "CNAME", "record": record, "domain": name})
    } else {
        json!({"name": "TXT", "record": tx.context().id(Form::Uuid), "domain": format!("_cf-custom-hostname.{name}")})
    };
    let created = domain.created;
    let document = &mut domain.document;
    document.shift_remove("verification_method");
    document.insert("primary".into(), (!has_primary).into());
    document.insert("is_default".into(), false.into());
    document.insert("status".into(), "pending_verification".into());
    document.insert("verification".into(), json!({"methods": [method]}));
    if is_managed {
        document.entry("tls_policy").or_insert_with(|| "recommended".into());
    } else {
        document.entry("custom_client_ip_header").or_insert(Value::Null);
    }
    document.insert("created_at".into(), created.into());
    Ok(())
}

/// `GET /custom-domains/default`: the default domain in full, or the canonical one by name.
fn default(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let found = reader.list(&CUSTOM_DOMAIN, &Query::of(Filter::equals("is_default", true)))?.items.pop();
    match found {
        Some(domain) => Ok(Answer::json(rest::presented(reader, call, &CustomDomains, &domain)?)),
        None => Ok(Answer::json(json!({"domain": call.origin.domain}))),
    }
}

/// `PATCH /custom-domains/default`: by name; the canonical name takes the default away from custom domains.
fn set_default(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let name = call.body().get("domain").and_then(Value::as_str).unwrap_or_default();
    let chosen = if name == call.origin.domain {
        None
    } else {
        Some(tx.find(&CUSTOM_DOMAIN, "domain", name)?.ok_or_else(|| CUSTOM_DOMAIN.not_found())?)
    };
    if chosen.as_ref().is_some_and(|domain| domain.text("status") != Some("ready")) {
        return Err(ApiError::invalid_body("The domain must be verified before it can be set as default."));
    }
    for domain in tx.list(&CUSTOM_DOMAIN, &Query::default())?.items {
        let is_default = chosen.as_ref().is_some_and(|chosen| chosen.id == domain.id);
        if domain.is("is_default") != is_default {
            rest::upsert(tx, &CUSTOM_DOMAIN, &domain.id, |domain| {
                domain.document.insert("is_default".into(), is_default.into());
            })?;
        }
    }
    default(tx, call)
}
