//! Imports of users (reference: jobs and tickets §2).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use contract::{Breach, Contract};
use http::StatusCode;
use identity::{
    Actor, PasswordHash,
    password::imported::is_affordable,
    users::{
        self, Identifier, Realm,
        registration::{self, Imported},
    },
};
use kernel::{Document, Record, Sealed, Value, object};
use model::{CONNECTION, CONNECTION_CLIENTS};
use rest::{Answer, ApiError, ApiResult, Call};
use serde_json::json;
use store::{Filter, Job, Query, Snapshot, Store, Tx};

use super::{JOB, change, database, multipart, shown, worker::LEASE};
use crate::users::USER;

/// Longest body.
const LONGEST: usize = 512_000;
/// Imports of a tenant at the same time.
const MOST_ACTIVE: usize = 2;
/// Users that are written in one transaction.
const BATCH: usize = 500;

/// What an upsert changes of a user who is there.
const CHANGED: &[&str] = &[
    "email_verified",
    "phone_verified",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "app_metadata",
    "user_metadata",
];
/// Names that an application's metadata cannot hold.
const RESERVED: &[&str] = &[
    "__tenant",
    "_id",
    "blocked",
    "clientID",
    "created_at",
    "email_verified",
    "email",
    "globalClientID",
    "global_client_id",
    "identities",
    "lastIP",
    "lastLogin",
    "loginsCount",
    "metadata",
    "multifactor_last_modified",
    "multifactor",
    "updated_at",
    "user_id",
];
/// The schema of a user in the file.
const SCHEMA: &str = "ImportedUser";

/// `POST /jobs/users-imports`.
pub(super) fn begin(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    if call.raw.len() > LONGEST {
        let text = format!("Payload content length greater than maximum allowed: {LONGEST}.");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let malformed = || ApiError::invalid_body("Payload validation error: 'Invalid multipart payload format'.");
    let content_type = call.content_type.as_deref().unwrap_or_default();
    let parts = multipart::parts(content_type, &call.raw).ok_or_else(malformed)?;
    let part = |name: &str| parts.iter().find(|(other, _)| other == name).map(|(_, content)| *content);
    let text = |name: &str| part(name).and_then(|content| std::str::from_utf8(content).ok()).map(str::trim);
    let missing = |name: &str| {
        ApiError::invalid_body(format!(
            "Must provide '{name}' {}as multipart part.",
            if name == "users" { "file " } else { "" }
        ))
    };
    let users = part("users").ok_or_else(|| missing("users"))?;
    if users.trim_ascii().is_empty() {
        return Err(ApiError::invalid_body("Users file must not be empty."));
    }
    let id = text("connection_id").ok_or_else(|| missing("connection_id"))?;
    let is_id = id
        .strip_prefix("con_")
        .is_some_and(|tail| tail.len() == 16 && tail.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !is_id {
        return Err(ApiError::invalid_body(
            "Payload validation error: 'String does not match pattern ^con_[A-Za-z0-9]{16}$' on property connection_id.",
        ));
    }
    let connection = database(tx, id)?;
    let is_set = |option: &str| connection.document.get("options").is_some_and(|options| options[option] == true);
    if is_set("enabledDatabaseCustomization") && !is_set("import_mode") {
        return Err(ApiError::bad_request("Custom Database Connections without import mode are not allowed."));
    }
    let clients = tx.related(&CONNECTION_CLIENTS, store::Side::Left(id), &store::RelationQuery::default())?;
    if clients.items.is_empty() {
        return Err(ApiError::bad_request("Connection must be enabled."));
    }
    refuse_third(tx)?;
    let mut members = object(json!({
        "status": "pending",
        "type": "users_import",
        "connection_id": id,
        "connection": connection.text("name"),
        "upsert": text("upsert") == Some("true"),
    }));
    if let Some(external) = text("external_id") {
        members.insert("external_id".into(), external.into());
    }
    members.insert("send_completion_email".into(), (text("send_completion_email") != Some("false")).into());
    let mut sealed = Sealed::new();
    sealed.set("users", String::from_utf8_lossy(users).into_owned());
    let job = super::begin(tx, members, sealed)?;
    Ok(Answer::json(shown(job)))
}

fn refuse_third(tx: &mut Tx) -> ApiResult {
    let active = Filter::equals("type", "users_import").and(Filter::any_of("status", ["pending", "processing"]));
    if tx.list(&JOB, &Query::of(active))?.items.len() < MOST_ACTIVE {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "There are 2 active import users jobs, please wait until some of them are finished and try again",
    ))
}

/// A file that is being imported.
struct Import {
    /// The job, without the file.
    job: Job,
    rows: Vec<Value>,
    /// The rows that are the same user as an earlier one, by the field that tells.
    doubles: HashMap<usize, &'static str>,
}

/// Imports batch after batch; each one records how far it came, so that a restart goes on from there.
pub(super) async fn run(store: &Store, job: &Job) -> Result<(), ApiError> {
    let mut job = job.clone();
    let sealed = std::mem::take(&mut job.sealed);
    let Ok(rows) = serde_json::from_str::<Vec<Value>>(sealed.text("users").unwrap_or_default()) else {
        let reason = "Failed to parse users file JSON when importing users. Make sure it is valid JSON.";
        let tenant = job.tenant.clone();
        return store.write(&tenant, move |tx| fail(tx, &job, reason)).await;
    };
    let (tenant, id) = (job.tenant.clone(), job.id.clone());
    let realm = store.read(&tenant, move |reader| realm_of(reader, &id)).await?;
    let doubles = realm.map(|realm| doubles(&realm, &rows)).unwrap_or_default();
    let mut at = job.progress.get("at").and_then(Value::as_u64).map_or(0, |at| usize::try_from(at).unwrap_or(0));
    let import = Arc::new(Import { job, rows, doubles });
    loop {
        let batched = Arc::clone(&import);
        let is_done = store.write(&tenant, move |tx| batch(tx, &batched, at)).await?;
        at += BATCH;
        if is_done {
            return Ok(());
        }
    }
}

/// The realm of a job's connection, as long as both are there.
fn realm_of(reader: &Snapshot, job: &str) -> ApiResult<Option<Realm>> {
    let Some(job) = reader.get(&JOB, job)? else { return Ok(None) };
    let connection = reader.get(&CONNECTION, job.text("connection_id").unwrap_or_default())?;
    Ok(connection.map(|connection| Realm::of(&connection)).transpose()?)
}

fn doubles(realm: &Realm, rows: &[Value]) -> HashMap<usize, &'static str> {
    let mut seen = HashSet::new();
    let mut found = HashMap::new();
    for (place, row) in rows.iter().enumerate() {
        for (field, identifier) in identifiers(realm, row) {
            if !seen.insert(identifier) {
                found.entry(place).or_insert(field);
            }
        }
    }
    found
}

fn fail(tx: &mut Tx, job: &Job, reason: &str) -> ApiResult {
    change(tx, &job.id, object(json!({"status": "failed", "status_details": reason})))?;
    tx.complete_job(job)?;
    Ok(())
}

/// Imports the users from one place of the file on; `true` when they were the last.
fn batch(tx: &mut Tx, import: &Import, at: usize) -> ApiResult<bool> {
    let Import { job: held, rows, doubles } = import;
    let Some(job) = tx.get(&JOB, &held.id)? else { return Ok(true) };
    let Some(realm) = realm_of(tx, &held.id)? else {
        fail(tx, held, "The connection does not exist.")?;
        return Ok(true);
    };
    let count = |name: &str| job.document.get("summary").and_then(|summary| summary.get(name)?.as_u64()).unwrap_or(0);
    let (mut failed, mut updated, mut inserted) = (count("failed"), count("updated"), count("inserted"));
    let mut errors = job.document.get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    for (place, row) in rows.iter().enumerate().skip(at).take(BATCH) {
        let outcome = match doubles.get(&place) {
            Some(field) => Err(double(field)),
            None => import_row(tx, &realm, row, job.is("upsert")),
        };
        match outcome {
            Ok(true) => inserted += 1,
            Ok(false) => updated += 1,
            Err(Refusal::Row(code, message, path)) => {
                failed += 1;
                let mut error = object(json!({"code": code, "message": message}));
                if let Some(path) = path {
                    error.insert("path".into(), path.into());
                }
                errors.push(json!({"user": masked(row), "errors": [error]}));
            }
            Err(Refusal::Failed(error)) => return Err(error),
        }
    }
    let next = at + BATCH;
    let is_done = next >= rows.len();
    let percent = if is_done { 100 } else { next * 100 / rows.len() };
    let members = object(json!({
        "status": if is_done { "completed" } else { "processing" },
        "percentage_done": percent,
        "errors": errors,
        "summary": {"failed": failed, "updated": updated, "inserted": inserted, "total": failed + updated + inserted},
    }));
    change(tx, &held.id, members)?;
    if is_done {
        tx.complete_job(held)?;
    } else {
        tx.continue_job(held, &object(json!({"at": next})), LEASE)?;
    }
    Ok(is_done)
}

/// Why a row is not imported.
enum Refusal {
    /// By its own fault: code, message, path.
    Row(&'static str, String, Option<String>),
    /// By ours.
    Failed(ApiError),
}

impl<E: Into<ApiError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// What makes two rows the same user, and the field that holds it.
fn identifiers(realm: &Realm, row: &Value) -> Vec<(&'static str, String)> {
    let Some(row) = row.as_object() else { return Vec::new() };
    let id = row.get("user_id").and_then(Value::as_str).map(|id| ("user_id", format!("id {id}")));
    let of_field = |identifier: Identifier| {
        let only = Document::from_iter([row
            .get_key_value(identifier.field())
            .map(|(name, value)| (name.clone(), value.clone()))?]);
        Some((identifier.field(), realm.keys(&only).pop()?))
    };
    Identifier::ALL.into_iter().filter_map(of_field).chain(id).collect()
}

/// Imports one user; `true` when the user is new.
fn import_row(tx: &mut Tx, realm: &Realm, row: &Value, is_upsert: bool) -> Result<bool, Refusal> {
    let row = judge(realm, row)?;
    let mut taken = None;
    for identifier in Identifier::ALL.into_iter().filter(|identifier| realm.is_active(*identifier)) {
        if let Some(value) = row.get(identifier.field()).and_then(Value::as_str)
            && let Some(user) = users::find(tx, realm, identifier, value)?
        {
            taken = Some((identifier.field(), user));
            break;
        }
    }
    match taken {
        Some(("email", user)) if is_upsert => {
            overwrite(tx, user, row)?;
            return Ok(false);
        }
        Some((field, _)) => return Err(existing(field, is_upsert)),
        None => {}
    }
    let given_id = row.get("user_id").and_then(Value::as_str);
    if let Some(id) = given_id
        && tx.get(&USER, &format!("auth0|{id}"))?.is_some()
    {
        return Err(existing("user_id", is_upsert));
    }
    let mut profile = row.clone();
    for field in ["user_id", "password_hash", "custom_password_hash", "mfa_factors"] {
        profile.shift_remove(field);
    }
    let actor = Actor::job(tx.tenant());
    let user = registration::create(tx, &actor, realm, profile, given_id.map(str::to_owned), credential(row))?;
    if let Some(factors) = row.get("mfa_factors").and_then(Value::as_array) {
        crate::users::enroll(tx, &user.id, factors)?;
    }
    Ok(true)
}

fn overwrite(tx: &mut Tx, mut user: Record, row: &Document) -> Result<(), Refusal> {
    let brings_hash = row.contains_key("password_hash") || row.contains_key("custom_password_hash");
    let has_hash = users::password(&user, &user.id).is_some() || users::imported_password(&user, &user.id).is_some();
    if brings_hash && has_hash {
        let text = "The user has a password hash, which an upsert does not replace";
        return Err(Refusal::Row("CONFLICT", text.to_owned(), None));
    }
    for (field, value) in row.iter().filter(|(field, _)| CHANGED.contains(&field.as_str())) {
        user.document.insert(field.clone(), value.clone());
    }
    user.document.insert("updated_at".into(), tx.now().into());
    if let Some(credential) = credential(row).filter(|_| brings_hash) {
        registration::keep_credential(&mut user, credential);
    }
    users::update(tx, user, Document::new())?;
    Ok(())
}

/// The given hash: bcrypt as our own, others until the first login with them.
fn credential(row: &Document) -> Option<Imported> {
    let custom = row.get("custom_password_hash");
    let of_bcrypt = custom.filter(|custom| custom["algorithm"] == "bcrypt" && custom.get("salt").is_none());
    let text = row.get("password_hash").or_else(|| of_bcrypt.and_then(|custom| custom["hash"].get("value")));
    let own = text.and_then(Value::as_str).and_then(PasswordHash::parse).map(Imported::Own);
    own.or_else(|| custom.cloned().map(Imported::Foreign))
}

/// Judges the fields of a row.
fn judge<'r>(realm: &Realm, row: &'r Value) -> Result<&'r Document, Refusal> {
    if let Some(Breach { code, text, path }) = Contract::load().breach(SCHEMA, row) {
        // The service tells this one by a name of its own.
        return Err(invalid(code, if path == "password_hash" { "passwordHash" } else { &path }, &text));
    }
    let row = row.as_object().expect("the schema takes objects only");
    if realm.keys(row).is_empty() {
        return Err(if realm.requires(Identifier::Email) {
            invalid("OBJECT_REQUIRED", "", "Missing required property: email")
        } else {
            invalid("ANY_OF_MISSING", "", "Data does not match any schemas from 'anyOf'")
        });
    }
    if row.contains_key("custom_password_hash") && row.contains_key("password_hash") {
        return Err(invalid("NOT_PASSED", "custom_password_hash", "Data matches schema from 'not'"));
    }
    let custom = row.get("custom_password_hash").and_then(Value::as_object);
    if !custom.is_none_or(is_affordable) {
        let text = "The cost of checking this hash is too high";
        return Err(invalid("PATTERN", "custom_password_hash.hash.value", text));
    }
    let app_metadata = row.get("app_metadata").and_then(Value::as_object);
    if app_metadata.is_some_and(|metadata| metadata.keys().any(|name| RESERVED.contains(&name.as_str()))) {
        return Err(invalid("NOT_PASSED", "app_metadata", "Data matches schema from 'not'"));
    }
    if row.contains_key("username") && !realm.has(Identifier::Username) {
        let text = "Cannot set username for connection without requires_username.";
        return Err(Refusal::Row("NOT_PASSED", text.to_owned(), Some("username".to_owned())));
    }
    Ok(row)
}

fn invalid(code: &'static str, path: &str, text: &str) -> Refusal {
    if path.is_empty() {
        return Refusal::Row(code, text.to_owned(), None);
    }
    Refusal::Row(code, format!("Error in {path} property - {text}"), Some(path.to_owned()))
}

/// Another user has what identifies this one.
fn existing(field: &str, is_upsert: bool) -> Refusal {
    let text = if is_upsert {
        format!("Another user has this {field}")
    } else {
        "The user already exist and upsert parameter is false".to_owned()
    };
    Refusal::Row("DUPLICATED_USER", text, None)
}

/// An earlier row of the file has what identifies this one.
fn double(field: &str) -> Refusal {
    Refusal::Row("DUPLICATED_USER", format!("A user with this {field} was already provided."), None)
}

/// What error lists do not show of a row.
const SECRETS: &[&str] = &[
    "password_hash",
    "custom_password_hash.hash.value",
    "custom_password_hash.hash.key.value",
    "custom_password_hash.salt.value",
    "custom_password_hash.password.value",
    "mfa_factors.*.totp.secret",
];

/// The row as error lists show it.
fn masked(row: &Value) -> Value {
    let mut row = row.clone();
    for secret in SECRETS {
        kernel::mask_at(&mut row, secret);
    }
    row
}
