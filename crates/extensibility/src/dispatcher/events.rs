//! `event`: what the code at a trigger is told (reference: actions §3).

use identity::{
    credentials,
    triggers::{Firing, Request, Trigger},
};
use kernel::{Document, Record, TenantId, Value, object};
use serde_json::json;

/// Attributes of a user to be made.
const ASKED_FOR: &[&str] = &[
    "email",
    "username",
    "phone_number",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "user_metadata",
    "app_metadata",
];
/// What is told of a user with a new password.
const OF_PASSWORD: &[&str] =
    &["user_id", "email", "email_verified", "phone_number", "phone_verified", "username", "last_password_reset"];

/// What is not told to whoever delivers an e-mail.
const DATES: &[&str] = &["created_at", "updated_at", "last_login", "last_password_reset"];

/// The event of a firing, without the secrets that only the code itself sees.
pub(super) fn build(tenant: &TenantId, firing: &Firing<'_>, custom_domain: Option<&Record>) -> Document {
    let mut event = Document::new();
    let members = [
        ("client", firing.client.map(client)),
        ("connection", firing.connection.map(connection)),
        ("custom_domain", custom_domain.map(domain)),
        ("organization", firing.organization.map(organization)),
        ("request", firing.request.map(request)),
        ("tenant", Some(object(json!({ "id": tenant.as_str() })))),
        ("user", firing.user.map(|profile| user(firing.trigger, profile))),
    ];
    for (name, value) in members {
        if let Some(value) = value {
            event.insert(name.to_owned(), value.into());
        }
    }
    event.extend(firing.own.clone());
    narrow(firing.trigger, &mut event);
    event
}

/// Takes out what code that is only told of a change does not know of the request that led to it.
fn narrow(trigger: Trigger, event: &mut Document) {
    match trigger {
        Trigger::PostUserRegistration => {
            if let Some(request) = event.get_mut("request").and_then(Value::as_object_mut) {
                request.shift_remove("body");
            }
        }
        Trigger::PostChangePassword => {
            let flow = event.shift_remove("transaction");
            let id = flow.as_ref().and_then(|flow| flow.get("correlation_id"));
            event.extend(id.map(|id| ("transaction".to_owned(), json!({"correlation_id": id}))));
        }
        _ => {}
    }
}

fn domain(record: &Record) -> Document {
    object(json!({
        "domain": record.text("domain").unwrap_or_default(),
        "domain_metadata": or_empty(record, "domain_metadata"),
    }))
}

fn client(record: &Record) -> Document {
    let mut shown = object(json!({
        "client_id": record.id,
        "name": record.text("name").unwrap_or_default(),
        "metadata": or_empty(record, "client_metadata"),
    }));
    for field in ["external_client_id", "external_metadata_type"] {
        if let Some(value) = record.document.get(field) {
            shown.insert(field.to_owned(), value.clone());
        }
    }
    let policies = record.document.get("refresh_token").and_then(|settings| settings.get("policies"));
    if let Some(policies) = policies {
        shown.insert("refresh_token".into(), json!({ "policies": policies }));
    }
    shown
}

fn connection(record: &Record) -> Document {
    let mut shown = object(json!({
        "id": record.id,
        "name": record.text("name").unwrap_or_default(),
        "strategy": record.text("strategy").unwrap_or_default(),
    }));
    if let Some(metadata) = record.document.get("metadata") {
        shown.insert("metadata".into(), metadata.clone());
    }
    shown
}

fn organization(record: &Record) -> Document {
    object(json!({
        "id": record.id,
        "name": record.text("name").unwrap_or_default(),
        "display_name": record.text("display_name").unwrap_or_default(),
        "metadata": or_empty(record, "metadata"),
    }))
}

/// The request, without the credentials that came with it.
fn request(request: &Request) -> Document {
    let geoip: Document =
        request.country.iter().map(|country| ("countryCode".to_owned(), country.code().into())).collect();
    let mut shown = object(json!({
        "ip": request.ip,
        "method": request.method,
        "body": credentials::without(&request.body),
        "query": credentials::without(&request.query),
        "geoip": geoip,
        "hostname": request.hostname,
        "user_agent": request.user_agent,
    }));
    if let Some(language) = &request.language {
        shown.insert("language".into(), language.as_str().into());
    }
    shown
}

fn user(trigger: Trigger, profile: &Document) -> Document {
    let picked = |fields: &[&str]| -> Document {
        fields.iter().filter_map(|field| Some(((*field).to_owned(), profile.get(*field)?.clone()))).collect()
    };
    match trigger {
        Trigger::PreUserRegistration => picked(ASKED_FOR),
        Trigger::PostChangePassword => {
            let mut shown = picked(OF_PASSWORD);
            let id = profile.get("user_id").and_then(Value::as_str).unwrap_or_default();
            let local = id.split_once('|').map_or(id, |(_, local)| local);
            shown.insert("id".into(), local.into());
            shown
        }
        Trigger::CustomEmailProvider => {
            let mut shown = whole(profile, false);
            shown.retain(|field, _| !DATES.contains(&field.as_str()));
            shown
        }
        _ => whole(profile, trigger != Trigger::PostUserRegistration),
    }
}

/// All that is known of a user.
fn whole(profile: &Document, with_identities: bool) -> Document {
    let mut shown = model::user::shown(profile);
    let identities = shown.shift_remove("identities");
    for field in ["user_metadata", "app_metadata"] {
        shown.entry(field).or_insert_with(|| Document::new().into());
    }
    shown.entry("email_verified").or_insert_with(|| false.into());
    if with_identities {
        let identities = identities.as_ref().and_then(Value::as_array).into_iter().flatten();
        let identities: Value = identities.map(identity).collect();
        shown.insert("identities".into(), identities);
    }
    shown
}

/// Code knows the account's identifier by two names.
fn identity(account: &Value) -> Value {
    let mut account = account.clone();
    if let Some(members) = account.as_object_mut()
        && let Some(id) = members.get("user_id").cloned()
    {
        members.insert("userId".into(), id);
    }
    account
}

fn or_empty(record: &Record, field: &str) -> Value {
    record.document.get(field).cloned().unwrap_or_else(|| Document::new().into())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use kernel::Timestamp;

    use super::*;

    fn record(id: &str, document: Value) -> Record {
        Record::new(id, object(document), Timestamp::EPOCH)
    }

    #[test]
    fn a_credentials_exchange_tells_of_client_api_and_request() {
        let client = record("c1", json!({"name": "Job", "client_metadata": {"tier": "1"}, "jwt_configuration": {}}));
        let organization = record("org_1", json!({"name": "acme", "display_name": "Acme", "branding": {}}));
        let request = Request { ip: "::1".into(), method: "POST".into(), ..Request::default() };
        let own = object(json!({"resource_server": {"identifier": "https://api"}}));
        let firing = Firing {
            client: Some(&client),
            organization: Some(&organization),
            request: Some(&request),
            own,
            ..Firing::new(Trigger::CredentialsExchange)
        };
        let event = Value::from(build(&TenantId::new("t"), &firing, None));
        expect![[r#"{"client":{"client_id":"c1","name":"Job","metadata":{"tier":"1"}},"organization":{"id":"org_1","name":"acme","display_name":"Acme","metadata":{}},"request":{"ip":"::1","method":"POST","body":{},"query":{},"geoip":{},"hostname":"","user_agent":""},"tenant":{"id":"t"},"resource_server":{"identifier":"https://api"}}"#]]
        .assert_eq(&event.to_string());
    }

    #[test]
    fn each_trigger_tells_of_the_user_what_it_should() {
        let profile = object(json!({
            "user_id": "auth0|1", "email": "a@b.example", "password_hash": "never here", "last_password_reset": "2026",
            "identities": [{"provider": "auth0", "user_id": "1"}],
        }));
        let seen = |trigger| Value::from(user(trigger, &profile));
        assert_eq!(seen(Trigger::PreUserRegistration), json!({"email": "a@b.example"}));
        assert_eq!(
            seen(Trigger::PostChangePassword),
            json!({"user_id": "auth0|1", "email": "a@b.example", "last_password_reset": "2026", "id": "1"})
        );
        assert_eq!(seen(Trigger::PostUserRegistration).get("identities"), None);
        assert_eq!(seen(Trigger::PostLogin)["identities"][0]["userId"], "1");
        assert_eq!(seen(Trigger::PostLogin)["app_metadata"], json!({}));
    }
}
