//! What a new tenant has from the start (reference: fresh tenant).

use kernel::{Document, Record, Value, id::Form, object};
use model::CONNECTION_CLIENTS;
use rest::{ApiResult, Kind};
use serde_json::json;
use store::{Filter, Id, Query, Term, Tx};

use crate::{
    client_grants::CLIENT_GRANT,
    clients::{CLIENT, complete},
    connections::CONNECTION,
    keys,
    resource_servers::RESOURCE_SERVER,
};

/// Scopes of the Management API, in the service's order.
pub(crate) const SCOPES: &str = include_str!("management_scopes.txt");

/// What the new tenant is told about itself.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// Domain under which the tenant answers, such as `localhost:8080`.
    pub domain: String,
    /// Identifier of the first machine-to-machine client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// Writes what a new tenant has: the Management API, the global client, a first application, the default database
/// connection, and a machine-to-machine client that holds all management scopes. Signing keys are `identity`'s.
///
/// # Errors
/// When the tenant has these already.
pub fn provision(tx: &mut Tx, fresh: &Fresh) -> ApiResult {
    keys::ensure(tx)?;
    let audience = format!("https://{}/api/v2/", fresh.domain);
    let scopes: Vec<&str> = SCOPES.lines().collect();
    insert(
        tx,
        &RESOURCE_SERVER,
        json!({
            "name": "Auth0 Management API",
            "identifier": audience,
            "is_system": true,
            "allow_offline_access": false,
            "skip_consent_for_verifiable_first_party_clients": false,
            "token_lifetime": 86_400,
            "token_lifetime_for_web": 7_200,
            "signing_alg": "RS256",
            "subject_type_authorization": {"client": {"policy": "require_client_grant"}, "user": {"policy": "allow_all"}},
            "scopes": scopes.iter().map(|scope| json!({"value": scope, "description": in_words(scope)})).collect::<Vec<_>>(),
        }),
    )?;
    let machine = json!({
        "client_id": fresh.client_id,
        "client_secret": fresh.client_secret,
        "name": "API Explorer Application",
        "app_type": "non_interactive",
        "is_first_party": true,
        "oidc_conformant": true,
        "jwt_configuration": {"secret_encoded": false, "alg": "RS256", "lifetime_in_seconds": 36_000},
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let application = json!({
        "name": "Default App",
        "is_first_party": true,
        "oidc_conformant": true,
        "callbacks": [],
        "jwt_configuration": {"secret_encoded": false, "alg": "RS256", "lifetime_in_seconds": 36_000},
        "grant_types": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
    });
    let global = json!({
        "name": "All Applications",
        "global": true,
        "is_first_party": true,
        "oidc_conformant": true,
        "callbacks": [],
        "jwt_configuration": {"alg": "RS256"},
        "sso": false,
    });
    let mut clients = Vec::new();
    for client in [global, application, machine] {
        let mut document = object(client);
        let id = match document.get("client_id").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => tx.context().id(Form::Alnum32),
        };
        document.insert("client_id".into(), id.as_str().into());
        let mut record = Record::new(id, document, tx.now());
        complete(tx, &mut record);
        clients.push(rest::insert(tx, &CLIENT, record)?.id);
    }
    insert(
        tx,
        &CLIENT_GRANT,
        json!({
            "grant": format!("{} {audience} client", fresh.client_id),
            "client_id": fresh.client_id,
            "audience": audience,
            "scope": scopes,
            "subject_type": "client",
        }),
    )?;
    let connection = insert(
        tx,
        &CONNECTION,
        json!({
            "name": "Username-Password-Authentication",
            "strategy": "auth0",
            "is_domain_connection": false,
            "realms": ["Username-Password-Authentication"],
            "options": {
                "mfa": {"active": true, "return_enroll_settings": true},
                "passwordPolicy": "good",
                "passkey_options": {"challenge_ui": "both", "local_enrollment_enabled": true, "progressive_enrollment_enabled": true},
                "strategy_version": 2,
                "authentication_methods": {
                    "passkey": {"enabled": false},
                    "password": {"enabled": true, "api_behavior": "required", "signup_behavior": "allow"},
                    "email_otp": {"enabled": false},
                    "phone_otp": {"enabled": false},
                },
                "brute_force_protection": true,
                "disable_self_service_change_password": false,
            },
            "authentication": {"active": true},
            "connected_accounts": {"active": false},
        }),
    )?;
    for client in clients {
        tx.relate(&CONNECTION_CLIENTS, &connection.id, &client, Document::new())?;
    }
    Ok(())
}

/// Makes the Management API known by the tenant's present domain: its identifier, and the audience of its grants; and
/// its encryption keys to its owner.
///
/// # Errors
/// When the store fails, or another resource server has taken the identifier.
pub fn move_to(tx: &mut Tx, domain: &str) -> ApiResult {
    keys::ensure(tx)?;
    let audience = format!("https://{domain}/api/v2/");
    let is_management = |record: &Record| {
        record.is("is_system") && record.text("identifier").is_some_and(|identifier| identifier.ends_with("/api/v2/"))
    };
    let servers = tx.list(&RESOURCE_SERVER, &Query::default())?.items;
    let Some(server) = servers.into_iter().find(is_management) else { return Ok(()) };
    let before = server.text("identifier").unwrap_or_default().to_owned();
    if before == audience {
        return Ok(());
    }
    rest::upsert(tx, &RESOURCE_SERVER, &server.id, |server| {
        server.document.insert("identifier".into(), audience.as_str().into());
    })?;
    let grants = Filter::Equals("audience".into(), Term::Text(before));
    for grant in tx.list(&CLIENT_GRANT, &Query::of(grants))?.items {
        rest::upsert(tx, &CLIENT_GRANT, &grant.id, |grant| {
            let client = grant.text("client_id").unwrap_or_default();
            let subject = grant.text("subject_type").unwrap_or("client");
            let key = format!("{client} {audience} {subject}");
            grant.document.insert("grant".into(), key.into());
            grant.document.insert("audience".into(), audience.as_str().into());
        })?;
    }
    Ok(())
}

/// Stores one document of the new tenant under a made identifier, unless it brings its own.
fn insert(tx: &mut Tx, kind: &Kind, document: Value) -> ApiResult<Record> {
    let mut document = object(document);
    let id = match (document.get(kind.id_field).and_then(Value::as_str), kind.id) {
        (Some(id), _) => id.to_owned(),
        (None, Id::Made(form)) => tx.context().id(form),
        (None, Id::Given | Id::Single) => kind.name.to_owned(),
    };
    document.shift_insert(0, kind.id_field.to_owned(), id.as_str().into());
    rest::insert(tx, kind, Record::new(id, document, tx.now()))
}

/// `read:client_grants` as `Read Client Grants`.
fn in_words(scope: &str) -> String {
    let words = scope.split([':', '_']).map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect::<Vec<_>>().join(" ")
}
