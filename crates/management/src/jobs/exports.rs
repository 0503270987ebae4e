//! Exports of users: a compressed file behind a link that holds for a minute (reference: jobs and tickets §3).

use identity::discard;
use std::{borrow::Cow, io::Write, time::Duration};

use aws_lc_rs::constant_time;
use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use identity::{hash, signature::hmac_sha256, users};
use kernel::{Document, Record, Sealed, TenantId, Timestamp, Value, id::ALNUM, object};
use model::{CONNECTION, USER, USER_EXPORT};
use rest::{Answer, ApiError, ApiResult, Call};
use serde::Deserialize;
use serde_json::json;
use store::{Filter, Job, Paging, Query, Store, StoreError, Tx};

use super::{change, shown, standing};

/// How long a link holds.
const LINK_LIFETIME: Duration = Duration::from_secs(60);
/// Users that are read at once.
const PAGE: u64 = 500;
/// Fields that a CSV file may have.
const MOST_COLUMNS: usize = 30;
/// Fields of a file for which none are asked.
const FIELDS: &[&str] = &[
    "user_id",
    "email",
    "email_verified",
    "username",
    "phone_number",
    "given_name",
    "family_name",
    "name",
    "nickname",
    "picture",
    "blocked",
    "created_at",
    "updated_at",
    "last_login",
    "logins_count",
    "identities[0].connection",
];
/// Times that the service makes, which stand in CSV files as they are.
const DATES: &[&str] = &["created_at", "updated_at", "last_login", "last_password_reset"];

#[derive(Clone, Deserialize)]
struct Column {
    name: String,
    export_as: Option<String>,
}

/// What an export's job says.
#[derive(Deserialize)]
struct Asked {
    connection: Option<String>,
    format: Option<String>,
    limit: Option<u64>,
    fields: Option<Vec<Column>>,
}

/// `POST /jobs/users-exports`.
pub(super) fn begin(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let mut members = object(json!({"type": "users_export", "status": "pending"}));
    members.extend(call.document().into_owned());
    if let Some(id) = members.get("connection_id").and_then(Value::as_str) {
        let connection = tx.get(&CONNECTION, id)?;
        let connection = connection.ok_or_else(|| ApiError::bad_request("The connection does not exist."))?;
        members.insert("connection".into(), connection.text("name").into());
    }
    members.entry("format").or_insert_with(|| "json".into());
    let asked = Asked::deserialize(&members).map_err(|error| ApiError::invalid_body(error.to_string()))?;
    if asked.format.as_deref() == Some("csv") {
        let columns = asked.fields.unwrap_or_default();
        let is_whole = |column: &Column| matches!(column.name.as_str(), "app_metadata" | "user_metadata");
        if columns.len() > MOST_COLUMNS || columns.iter().any(is_whole) {
            return Err(ApiError::invalid_body(
                "A csv export has at most 30 fields, and no whole app_metadata or user_metadata.",
            ));
        }
    }
    let job = super::begin(tx, members, Sealed::new())?;
    Ok(Answer::json(shown(job)))
}

/// Writes the file.
pub(super) async fn run(store: &Store, job: &Job) -> Result<(), ApiError> {
    let id = job.id.clone();
    let record = store.read(&job.tenant, move |reader| standing(reader, &id)).await?;
    let Some(record) = record else { return store.complete_job(job).await.map(drop).map_err(Into::into) };
    let asked: Asked = record.view()?;
    let is_csv = asked.format.as_deref() == Some("csv");
    let columns = asked
        .fields
        .unwrap_or_else(|| FIELDS.iter().map(|name| Column { name: (*name).to_owned(), export_as: None }).collect());
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    if is_csv {
        let names = columns.iter().map(|column| quoted(&harmless(column.export_as.as_ref().unwrap_or(&column.name))));
        write(&mut file, &names.collect::<Vec<_>>().join(","))?;
    }
    let filter = match asked.connection {
        Some(connection) => Filter::equals("identities.connection", connection),
        None => Filter::All,
    };
    let mut left = asked.limit.unwrap_or(u64::MAX);
    let mut cursor = None;
    while left > 0 {
        let paging = Paging::After { cursor, limit: left.min(PAGE) };
        let query = Query::of(filter.clone()).page(paging);
        let page = store.read(&job.tenant, move |reader| reader.list(&USER, &query)).await?;
        left = left.saturating_sub(page.items.len() as u64);
        for user in &page.items {
            write(&mut file, &line(user, &columns, is_csv))?;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        store.continue_job(job, &Document::new(), super::worker::LEASE).await?;
    }
    let bytes = file.finish().map_err(ApiError::internal)?;
    let held = job.clone();
    let work = move |tx: &mut Tx| {
        let mut file = Record::new(held.id.as_str(), Document::new(), tx.now());
        file.sealed.set("content", BASE64_STANDARD.encode(&bytes));
        file.sealed.set("key", tx.context().text(ALNUM, 32));
        discard(tx, &USER_EXPORT, &held.id)?;
        tx.insert(&USER_EXPORT, file)?;
        change(tx, &held.id, object(json!({"status": "completed", "percentage_done": 100})))?;
        tx.complete_job(&held).map_err(StoreError::into)
    };
    store.write(&job.tenant, work).await.map(drop)
}

/// The link of a finished export, new each time it is asked for.
pub(super) fn location(reader: &store::Snapshot, call: &Call, job: &Record) -> ApiResult<Option<String>> {
    let Some(file) = reader.get(&USER_EXPORT, &job.id)? else { return Ok(None) };
    let name = format!("{}.{}.gz", reader.tenant(), job.text("format").unwrap_or("json"));
    let expires = (reader.now() + LINK_LIFETIME).seconds();
    let signature = signed(&file, &job.id, &name, expires);
    let path = format!("exports/{}/{name}?Expires={expires}&Signature={signature}", job.id);
    Ok(Some(format!("https://{}/{path}", call.origin.domain)))
}

/// The compressed file behind a link.
///
/// # Errors
/// 403 when the link is not ours or does not hold any more.
pub async fn download(
    store: &Store,
    tenant: &TenantId,
    job: &str,
    name: &str,
    expires: i64,
    signature: &str,
) -> ApiResult<Vec<u8>> {
    let (id, name, signature) = (job.to_owned(), name.to_owned(), signature.to_owned());
    let work = move |reader: &store::Snapshot| {
        let refused = || ApiError::forbidden("Access Denied");
        standing(reader, &id)?.ok_or_else(refused)?;
        let file = reader.get(&USER_EXPORT, &id)?.ok_or_else(refused)?;
        let expected = signed(&file, &id, &name, expires);
        let is_ours = constant_time::verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).is_ok();
        if !is_ours || Timestamp::from_seconds(expires) < reader.now() {
            return Err(refused());
        }
        BASE64_STANDARD.decode(file.sealed.text("content").unwrap_or_default()).map_err(ApiError::internal)
    };
    store.read(tenant, work).await
}

fn signed(file: &Record, job: &str, name: &str, expires: i64) -> String {
    let key = file.sealed.text("key").unwrap_or_default();
    hash::hex(&hmac_sha256(key.as_bytes(), format!("{job}/{name}/{expires}").as_bytes()))
}

fn write(file: &mut GzEncoder<Vec<u8>>, line: &str) -> ApiResult {
    writeln!(file, "{line}").map_err(ApiError::internal)
}

/// A user as a line of the file.
fn line(user: &Record, columns: &[Column], is_csv: bool) -> String {
    let mut profile = user.document.clone();
    profile.retain(|field, _| field != users::IDENTIFIERS && field != users::LINKED);
    let profile = Value::Object(profile);
    if is_csv {
        let cells = columns.iter().map(|column| cell(&column.name, at(&profile, &column.name)));
        return cells.collect::<Vec<_>>().join(",");
    }
    let member = |column: &Column| {
        let name = column.export_as.as_ref().unwrap_or(&column.name).clone();
        Some((name, at(&profile, &column.name)?.clone()))
    };
    Value::Object(columns.iter().filter_map(member).collect()).to_string()
}

/// The value at a path such as `identities[0].connection`.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    steps.into_iter().try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        value => value.get(step),
    })
}

/// Texts begin with a quotation mark of their own, so that no spreadsheet takes one for a formula.
fn cell(name: &str, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if DATES.contains(&name) && text.parse::<Timestamp>().is_ok() => text.clone(),
        Some(Value::String(text)) => quoted(&format!("'{text}")),
        Some(value @ (Value::Array(_) | Value::Object(_))) => quoted(&format!("'{value}")),
        Some(value) => value.to_string(),
    }
}

/// A name of a column as no spreadsheet takes it for a formula.
fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}").into() } else { text.into() }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_values_of_its_paths() {
        let document = object(json!({
            "email": "a\"b@x.com",
            "created_at": "2020-01-01T00:00:00.000Z",
            "logins_count": 3,
            "identities": [{"connection": "Users"}],
        }));
        let user = Record::new("auth0|a", document, Timestamp::EPOCH);
        let column = |name: &str| Column { name: name.to_owned(), export_as: None };
        let columns = ["email", "created_at", "logins_count", "identities[0].connection", "none"].map(column);
        assert_eq!(line(&user, &columns, true), "\"'a\"\"b@x.com\",2020-01-01T00:00:00.000Z,3,\"'Users\",");
        for name in ["=HYPERLINK(\"x\")", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(name), format!("'{name}"));
        }
        assert_eq!(harmless("email"), "email");
        let renamed = [Column { name: "identities[0].connection".into(), export_as: Some("from".into()) }];
        assert_eq!(line(&user, &renamed, false), r#"{"from":"Users"}"#);
    }
}
