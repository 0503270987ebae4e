//! Jobs: imports and exports of users, verification e-mails, and how far they are (reference: jobs and tickets §1–§4).

mod exports;
mod imports;
mod multipart;
mod worker;

use http::StatusCode;
use identity::{
    messages::Email,
    users::verification::{self, Wish},
};
use kernel::{Document, Record, Sealed, id::Form, object};
use model::{CONNECTION, ORGANIZATION, queues, views::Strategy};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind};
use serde::Deserialize;
use serde_json::json;
use store::{NewJob, Snapshot, Tx};

use crate::{Services, actor::actor, tickets::Account, users::USER};

pub use exports::download;
pub use worker::work;

/// What is served of `jobs`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("jobs")
        .read("GET /jobs/{id}", |reader, call| {
            let job = standing(reader, call.path("id"))?.ok_or_else(|| ApiError::not_found("Job not found."))?;
            let location = exports::location(reader, call, &job)?;
            let mut shown = shown(job);
            if let Some(location) = location {
                shown.insert("location".into(), location.into());
            }
            Ok(Answer::json(shown))
        })
        .read("GET /jobs/{id}/errors", errors)
        .write("POST /jobs/verification-email", verification_email)
        .write("POST /jobs/users-imports", imports::begin)
        .write("POST /jobs/users-exports", exports::begin)
}

/// Jobs as callers see them; the work itself is a job of the store.
pub(crate) static JOB: Kind = Kind::of(&model::JOB).hidden(&["errors"]);

/// The template of verification e-mails.
const TEMPLATE: &str = "verify_email";
/// Every trace of a job is gone after this time.
const RETENTION: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Stores a job and has it worked on.
fn begin(tx: &mut Tx, members: Document, sealed: Sealed) -> ApiResult<Record> {
    let job = announce(tx, members)?;
    let payload = object(json!({"type": job.text("type")}));
    tx.enqueue(NewJob { id: Some(job.id.clone()), sealed, ..NewJob::new(queues::MANAGEMENT, payload) })?;
    Ok(job)
}

/// Stores a job, as callers see it.
fn announce(tx: &mut Tx, members: Document) -> ApiResult<Record> {
    let id = tx.context().id(Form::Alnum16("job_"));
    let mut document = members;
    document.insert("created_at".into(), tx.now().into());
    document.insert("id".into(), id.as_str().into());
    rest::insert(tx, &JOB, Record::new(id, document, tx.now()))
}

/// Changes a job's record.
pub(crate) fn change(tx: &mut Tx, id: &str, members: Document) -> ApiResult {
    if let Some(mut job) = tx.get(&JOB, id)? {
        job.document.extend(members);
        tx.update(&JOB, job)?;
    }
    Ok(())
}

/// The job with this id, unless its time is over.
fn standing(reader: &Snapshot, id: &str) -> ApiResult<Option<Record>> {
    Ok(reader.get(&JOB, id)?.filter(|job| job.created + RETENTION > reader.now()))
}

fn shown(job: Record) -> Document {
    let mut shown = job.document;
    shown.shift_remove("errors");
    shown
}

/// `GET /jobs/{id}/errors`: the rows that failed, or the job when it failed as a whole, or nothing.
fn errors(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let job = standing(reader, call.path("id"))?.ok_or_else(|| ApiError::not_found("The job does not exist"))?;
    if job.text("status") == Some("failed") && job.document.contains_key("status_details") {
        return Ok(Answer::json(shown(job)));
    }
    match job.document.get("errors") {
        Some(errors) if errors.as_array().is_some_and(|rows| !rows.is_empty()) => Ok(Answer::json(errors.clone())),
        _ => Ok(Answer::empty().status(StatusCode::NO_CONTENT)),
    }
}

/// What a verification e-mail is asked for.
#[derive(Deserialize)]
struct Verification {
    user_id: String,
    client_id: Option<String>,
    identity: Option<Account>,
    organization_id: Option<String>,
}

fn verification_email(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let asked: Verification = call.view()?;
    let user = rest::load(tx, &USER, &asked.user_id)?;
    let Some(email) = user.text("email") else {
        return Err(ApiError::bad_request("User does not have an email address."));
    };
    let account = asked.identity.as_ref().map(|account| account.of(tx, &user)).transpose()?;
    if let Some(organization) = &asked.organization_id
        && tx.get(&ORGANIZATION, organization)?.is_none()
    {
        return Err(ApiError::bad_request("The organization does not exist"));
    }
    let members = object(json!({"type": "verification_email", "status": "pending"}));
    let job = announce(tx, members)?;
    let actor = actor(call);
    let (client_id, organization_id) = (asked.client_id.as_deref(), asked.organization_id.as_deref());
    let wish = Wish { wanted: None, client_id, organization_id };
    let url = verification::link(tx, &actor, &user, account.as_deref(), wish)?;
    log_request(tx, &job, &user, &asked)?;
    let mail = Email {
        template: TEMPLATE,
        user: Some(&user.id),
        to: email,
        client: client_id,
        organization: organization_id,
        url,
        domain: &call.origin.domain,
        asker: Some(&actor),
        ..Email::default()
    };
    mail.enqueue(tx, Some(&job.id))?;
    Ok(Answer::json(shown(job)))
}

/// The tenant log entry about a verification e-mail that was asked for.
fn log_request(tx: &mut Tx, job: &Record, user: &Record, asked: &Verification) -> ApiResult {
    let body = json!({
        "user_id": user.id,
        "client_id": asked.client_id,
        "email": user.text("email"),
        "to": user.text("email"),
        "template": TEMPLATE,
        "job_id": job.id,
        "tenant": tx.tenant().as_str(),
    });
    let entry = json!({
        "date": tx.now(),
        "type": "svr",
        "description": "",
        "client_id": asked.client_id,
        "user_id": user.id,
        "user_name": user.text("email"),
        "details": {"body": body},
    });
    tx.append_log(object(entry))?;
    Ok(())
}

/// The connection that a job is about, which must be a database.
fn database(reader: &Snapshot, id: &str) -> ApiResult<Record> {
    let connection = reader.get(&CONNECTION, id)?;
    let connection = connection.ok_or_else(|| ApiError::bad_request("The connection does not exist."))?;
    if Strategy::of(&connection) != Some(Strategy::Database) {
        return Err(ApiError::bad_request("Connection must be a database connection."));
    }
    Ok(connection)
}
