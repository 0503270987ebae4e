//! The application with which a developer tries this tenant's login. It is made when it is first wanted, and is an application like any
//! other from then on: listed, changed and deleted as one.

use kernel::{Document, Record, Value, object, value_at};
use model::{CONNECTION, CONNECTION_CLIENTS};
use rest::ApiResult;
use serde_json::json;
use store::{Filter, Query, Tx};

use crate::clients::{CLIENT, complete};

/// By which the application is found again, in its metadata.
const MARK: &str = "client_metadata.made_for";
const MARKED: &str = "try_login";
/// What kind of application it is.
const APP_TYPE: &str = "spa";

/// The application, which may send users back to this address.
///
/// # Errors
/// When the store fails.
pub fn trial_client(tx: &mut Tx, callback: &str) -> ApiResult<Record> {
    let is_meant = |client: &Record| value_at(&client.document, MARK).and_then(Value::as_str) == Some(MARKED);
    let known = tx.list(&CLIENT, &Query::of(Filter::equals("app_type", APP_TYPE)))?.items.into_iter().find(is_meant);
    let Some(client) = known else { return make(tx, callback) };
    let has_callback = value_at(&client.document, "callbacks")
        .and_then(Value::as_array)
        .is_some_and(|callbacks| callbacks.iter().any(|known| known == callback));
    if has_callback {
        return Ok(client);
    }
    rest::upsert(tx, &CLIENT, &client.id, |client| {
        let callbacks = client.document.entry("callbacks").or_insert_with(|| Value::Array(Vec::new()));
        if let Some(callbacks) = callbacks.as_array_mut() {
            callbacks.push(callback.into());
        }
    })
}

fn make(tx: &mut Tx, callback: &str) -> ApiResult<Record> {
    let id = tx.context().id(kernel::id::Form::Alnum32);
    let document = object(json!({
        "client_id": id,
        "name": "Try login",
        "description": "Made by the tools for developers, to try this tenant's login.",
        "app_type": APP_TYPE,
        "is_first_party": true,
        "oidc_conformant": true,
        "callbacks": [callback],
        "jwt_configuration": {"secret_encoded": false, "alg": "RS256", "lifetime_in_seconds": 36_000},
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "none",
        "skip_non_verifiable_callback_uri_confirmation_prompt": true,
        "client_metadata": {"made_for": MARKED},
    }));
    let mut record = Record::new(id, document, tx.now());
    complete(tx, &mut record);
    let client = rest::insert(tx, &CLIENT, record)?;
    for connection in tx.list(&CONNECTION, &Query::default())?.items {
        tx.relate(&CONNECTION_CLIENTS, &connection.id, &client.id, Document::new())?;
    }
    Ok(client)
}
