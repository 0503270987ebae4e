//! Signing keys of connections, by which the tenant authenticates to identity providers (`private_key_jwt`).

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use identity::{certificate::CertifiedKey, discard, signature::PublicKey};
use kernel::{Context, Document, Record, Value, object};
use model::views::Strategy;
use rest::{Answer, ApiError, ApiResult, Area, Kind, Task};
use serde_json::json;
use store::{Filter, Query, Snapshot, Tx};

use super::CONNECTION;

static CONNECTION_KEY: Kind = Kind::of(&model::CONNECTION_KEY);

/// A year, the life of a connection's certificate.
const LIFETIME: Duration = Duration::from_secs(365 * 86_400);

/// The uses of keys in the order of the list.
const USES: [&str; 3] = ["current", "previous", "next"];

pub(super) fn claim(area: Area) -> Area {
    area.task("GET /connections/{id}/keys", list)
        .task("POST /connections/{id}/keys", create)
        .task("POST /connections/{id}/keys/rotate", rotate)
}

/// The keys; they are made when they are first looked at.
async fn list(task: Task) -> ApiResult<Answer> {
    let (connection, known) = task.read(|reader, call| state(reader, call.path("id"))).await?;
    if !known.is_empty() {
        return Ok(shown(known));
    }
    if !uses_keys(&connection) {
        return Err(ApiError::bad_request("keys are not available for this connection"));
    }
    make_pair(&task, connection).await
}

async fn create(task: Task) -> ApiResult<Answer> {
    let (connection, known) = task.read(|reader, call| state(reader, call.path("id"))).await?;
    if !known.is_empty() {
        return Err(ApiError::conflict("Keys have already been created for this connection."));
    }
    if !uses_keys(&connection) {
        return Err(ApiError::bad_request("keys are not available for this connection"));
    }
    make_pair(&task, connection).await
}

/// `POST /connections/{id}/keys/rotate`: next becomes current, current previous; the answer is the new next.
async fn rotate(task: Task) -> ApiResult<Answer> {
    let (connection, known) = task.read(|reader, call| state(reader, call.path("id"))).await?;
    if !uses_keys(&connection) {
        return Err(ApiError::bad_request("Key rotation is not supported on this connection"));
    }
    if !authenticates_by_key(&connection) {
        return Err(ApiError::bad_request("Connection is not configured to use JWT Client Authentication"));
    }
    if known.is_empty() {
        make_pair(&task, connection.clone()).await?;
    }
    let new = generate(task.store.context(), &connection).await?;
    task.write(move |tx, _| {
        let known = keys(tx, &connection.id)?;
        let since = known.iter().find_map(|key| key.document.get("current_since").cloned());
        for mut key in known {
            let used_as = USES.iter().copied().find(|used_as| key.is(used_as));
            match used_as {
                Some("next") => {
                    key.document.shift_remove("next");
                    key.document.insert("current".into(), true.into());
                    key.document.insert("current_since".into(), since.clone().unwrap_or_else(|| tx.now().into()));
                }
                Some("current") => {
                    key.document.shift_remove("current");
                    key.document.shift_remove("current_since");
                    key.document.insert("previous".into(), true.into());
                }
                _ => {
                    discard(tx, &CONNECTION_KEY, &key.id)?;
                    continue;
                }
            }
            tx.update(&CONNECTION_KEY, key)?;
        }
        let mut next = new.clone();
        next.document.insert("next".into(), true.into());
        let stored = rest::insert(tx, &CONNECTION_KEY, next)?;
        Ok(Answer::json(without_owner(stored.document)))
    })
    .await
}

async fn make_pair(task: &Task, connection: Record) -> ApiResult<Answer> {
    let context = task.store.context();
    let (current, next) = (generate(context, &connection).await?, generate(context, &connection).await?);
    let tenant = task.call.caller.tenant.clone();
    let work = move |tx: &mut Tx| -> ApiResult<Vec<Record>> {
        // Somebody else may have made them meanwhile.
        let known = keys(tx, &connection.id)?;
        if !known.is_empty() {
            return Ok(known);
        }
        let (mut current, mut next) = (current.clone(), next.clone());
        current.document.insert("current".into(), true.into());
        current.document.insert("current_since".into(), connection.created.into());
        next.document.insert("next".into(), true.into());
        Ok(vec![rest::insert(tx, &CONNECTION_KEY, current)?, rest::insert(tx, &CONNECTION_KEY, next)?])
    };
    Ok(shown(task.store.write(&tenant, work).await?))
}

fn state(reader: &Snapshot, id: &str) -> ApiResult<(Record, Vec<Record>)> {
    let connection = rest::load(reader, &CONNECTION, id)?;
    let known = keys(reader, id)?;
    Ok((connection, known))
}

fn keys(reader: &Snapshot, connection: &str) -> ApiResult<Vec<Record>> {
    let of_connection = Filter::equals("connection_id", connection);
    Ok(reader.list(&CONNECTION_KEY, &Query::of(of_connection))?.items)
}

/// Whether connections of this strategy can authenticate with a key.
fn uses_keys(connection: &Record) -> bool {
    matches!(Strategy::of(connection), Some(Strategy::Oidc | Strategy::Okta))
}

/// Whether this connection is set to do so.
fn authenticates_by_key(connection: &Record) -> bool {
    let options = connection.document.get("options");
    options.is_some_and(|options| options["token_endpoint_auth_method"] == "private_key_jwt")
}

fn shown(mut keys: Vec<Record>) -> Answer {
    keys.sort_by_key(|key| USES.iter().position(|used_as| key.is(used_as)));
    Answer::list(keys.into_iter().map(|key| without_owner(key.document)).collect())
}

fn without_owner(mut document: Document) -> Document {
    document.shift_remove("connection_id");
    document
}

/// Makes a key where nothing waits for it.
async fn generate(context: &Context, connection: &Record) -> ApiResult<Record> {
    let name = connection.text("name").unwrap_or_default().to_owned();
    let (owner, context) = (connection.id.clone(), context.clone());
    let made = tokio::task::spawn_blocking(move || {
        let key = CertifiedKey::generate(&context, &name, LIFETIME);
        let pem = key.certificate.pem();
        let public =
            PublicKey::from_pem(&pem).map_err(|_| ApiError::internal("a certificate of our own is unreadable"))?;
        let kid = public.thumbprint();
        let document = object(json!({
            "kid": kid,
            "algorithm": "RS256",
            "key_use": "signing",
            "subject_dn": format!("/CN={name}"),
            "cert": pem,
            "fingerprint": key.certificate.fingerprint(),
            "thumbprint": key.certificate.thumbprint(),
            "pkcs": key.certificate.pkcs7(),
            "connection_id": owner,
        }));
        let mut record = Record::new(kid, document, context.now());
        record.sealed.set("private_key", Value::from(BASE64_STANDARD.encode(&*key.private_key)));
        Ok(record)
    });
    made.await.map_err(ApiError::internal)?
}
