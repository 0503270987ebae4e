//! Directory provisioning of connections: which directory attributes become which of the profile, and which groups.

use kernel::{Document, Record, Value, id::Form, object};
use model::{SYNCHRONIZED_GROUPS, queues, views::Strategy};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, page_of};
use serde_json::json;
use store::{Job, NewJob, RelationOrder, RelationQuery, Side, Snapshot, Store, StoreError, Tx};

use super::{CONNECTION, attached, attachment, detach};

/// Configurations; the id is the connection's.
pub(crate) static DIRECTORY: Kind =
    Kind::of(&model::DIRECTORY_PROVISIONING).missing("Directory provisioning configuration not found", None);

/// Directory attributes that become others of the profile: directory, profile.
const RENAMED: &[(&str, &str)] = &[
    ("id", "app_metadata.external_id"),
    ("primaryEmail", "email"),
    ("primaryEmail", "primaryEmail"),
    ("name.fullName", "name"),
    ("name.givenName", "given_name"),
    ("name.familyName", "family_name"),
    ("isAdmin", "isAdmin"),
    ("isAdmin", "is_admin"),
    ("isDelegatedAdmin", "isDelegatedAdmin"),
    ("agreedToTerms", "agreedToTerms"),
    ("agreedToTerms", "tou_accepted"),
    ("suspended", "suspended"),
    ("suspended", "is_suspended"),
    ("suspended", "blocked"),
    ("suspensionReason", "suspensionReason"),
    ("archived", "archived"),
    ("ipWhitelisted", "ipWhitelisted"),
    ("ipWhitelisted", "is_ipWhitelisted"),
];

/// Directory attributes that keep their name.
const KEPT: &[&str] = &[
    "kind",
    "etag",
    "customerId",
    "orgUnitPath",
    "emails",
    "phones",
    "externalIds",
    "aliases",
    "addresses",
    "organizations",
    "nonEditableAliases",
    "relations",
    "languages",
    "posixAccounts",
    "notes",
    "websites",
    "locations",
    "keywords",
    "gender",
    "ims",
    "creationTime",
    "lastLoginTime",
    "changePasswordAtNextLogin",
    "isMailboxSetup",
    "includeInGlobalAddressList",
    "thumbnailPhotoUrl",
    "thumbnailPhotoEtag",
    "isEnrolledIn2Sv",
    "isEnforcedIn2Sv",
    "recoveryEmail",
    "recoveryPhone",
    "sshPublicKeys",
    "customSchemas",
];

/// Type of the jobs that synchronize.
pub(crate) const SYNCHRONIZATION: &str = "directory_synchronization";
/// Why a synchronization fails.
const UNREADABLE: &str = "The directory cannot be read: the connection's administrator setup is not complete.";

pub(super) fn claim(area: Area) -> Area {
    const BASE: &str = "/connections/{id}/directory-provisioning";
    area.read(&format!("GET {BASE}"), |reader, call| attached(reader, call, &DIRECTORY).map(Answer::json))
        .write(&format!("POST {BASE}"), create)
        .write(&format!("PATCH {BASE}"), update)
        .write(&format!("DELETE {BASE}"), |tx, call| {
            attachment(tx, call, &DIRECTORY)?;
            detach(tx, call, &DIRECTORY)
        })
        .read(&format!("GET {BASE}/default-mapping"), default_mapping)
        .write(&format!("POST {BASE}/synchronizations"), synchronize)
        .read(&format!("GET {BASE}/synchronized-groups"), groups)
        .write(&format!("PUT {BASE}/synchronized-groups"), |tx, call| change_groups(tx, call, Change::Replace))
        .write(&format!("POST {BASE}/synchronized-groups"), |tx, call| change_groups(tx, call, Change::Add))
        .write(&format!("DELETE {BASE}/synchronized-groups"), |tx, call| change_groups(tx, call, Change::Remove))
}

/// What provisioning needs of the directory cannot be switched off while it is on.
pub(super) fn check_options(tx: &Tx, old: Option<&Record>, new: &Record) -> ApiResult {
    let Some(old) = old.filter(|old| Strategy::of(old) == Some(Strategy::GoogleApps)) else { return Ok(()) };
    let Some(directory) = tx.get(&DIRECTORY, &old.id)? else { return Ok(()) };
    let is_on =
        |record: &Record, option: &str| record.document.get("options").is_some_and(|options| options[option] == true);
    let turns_off = |option: &str| is_on(old, option) && !is_on(new, option);
    if turns_off("api_enable_users") {
        return Err(ApiError::bad_request(
            "The Google Workspace Users API (options.api_enable_users) cannot be disabled for this connection when inbound directory provisioning is enabled.",
        ));
    }
    if turns_off("ext_groups") && directory.text("synchronize_groups") != Some("off") {
        return Err(ApiError::bad_request(
            "The Groups extended attribute (options.ext_groups) cannot be disabled for this connection when inbound directory provisioning for groups is enabled.",
        ));
    }
    Ok(())
}

fn create(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let connection = rest::load(tx, &CONNECTION, call.path("id"))?;
    if Strategy::of(&connection) != Some(Strategy::GoogleApps) {
        let text = "The connection strategy does not support inbound directory provisioning";
        return Err(ApiError::bad_request(text));
    }
    if tx.get(&DIRECTORY, &connection.id)?.is_some() {
        return Err(ApiError::conflict("Directory provisioning is already enabled on the specified connection"));
    }
    let mut document = object(json!({
        "connection_id": connection.id,
        "connection_name": connection.text("name"),
        "strategy": "google-apps",
        "mapping": mapping(),
        "synchronize_automatically": false,
        "created_at": tx.now(),
        "updated_at": tx.now(),
        "synchronize_groups": "off",
    }));
    document.extend(call.document().into_owned());
    let record = rest::insert(tx, &DIRECTORY, Record::new(connection.id, document, tx.now()))?;
    Ok(Answer::json(record.document))
}

fn update(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let known = attachment(tx, call, &DIRECTORY)?;
    let (now, sent) = (tx.now(), call.document().into_owned());
    let record = rest::upsert(tx, &DIRECTORY, &known.id, |record| {
        // An empty change takes the mapping back to the default.
        if sent.is_empty() {
            record.document.insert("mapping".into(), mapping());
        }
        record.document.extend(sent);
        record.document.insert("updated_at".into(), now.into());
    })?;
    Ok(Answer::json(record.document))
}

fn default_mapping(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    rest::load(reader, &CONNECTION, call.path("id"))?;
    Ok(Answer::json(json!({"mapping": mapping()})))
}

/// Asks for a synchronization, which a worker does.
fn synchronize(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let known = attachment(tx, call, &DIRECTORY)?;
    let synchronization = tx.context().id(Form::Uuid);
    let payload = json!({"type": SYNCHRONIZATION, "connection_id": known.id, "synchronization_id": synchronization});
    let id = Some(format!("{SYNCHRONIZATION}_{}", known.id));
    let begun = tx.enqueue(NewJob { id, ..NewJob::new(queues::MANAGEMENT, object(payload)) });
    begun.map_err(|error| match error {
        StoreError::Taken { .. } => {
            ApiError::conflict("A synchronization has already been requested or is in progress for the connection")
        }
        error => error.into(),
    })?;
    let answer = json!({"connection_id": known.id, "synchronization_id": synchronization, "status": "pending"});
    Ok(Answer::json(answer))
}

/// Ends a synchronization. The directory cannot be read: only the service's own application at Google is admitted by an
/// administrator's setup.
pub(crate) async fn run_synchronization(store: &Store, job: &Job) -> ApiResult {
    let held = job.clone();
    let work = move |tx: &mut Tx| {
        if !tx.complete_job(&held)? {
            return Ok(());
        }
        let text = |name: &str| held.payload.get(name).and_then(Value::as_str).unwrap_or_default();
        let Some(mut directory) = tx.get(&DIRECTORY, text("connection_id"))? else { return Ok(()) };
        let now = tx.now();
        let status = json!({
            "last_synchronization_at": now,
            "last_synchronization_status": "failed",
            "last_synchronization_error": UNREADABLE,
        });
        directory.document.extend(object(status));
        let details = json!({
            "synchronization_id": text("synchronization_id"),
            "created_at": held.created,
            "started_at": now,
            "scheduled": false,
        });
        let mut failed = object(details.clone());
        failed.insert("sync_status".into(), "failed".into());
        failed.insert("error".into(), json!({"message": UNREADABLE, "user_errors": []}));
        for (kind, details) in [("directory_sync_started", object(details)), ("directory_sync_failed", failed)] {
            let entry = json!({
                "date": now,
                "type": kind,
                "description": if kind == "directory_sync_failed" { UNREADABLE } else { "" },
                "connection": directory.text("connection_name"),
                "connection_id": directory.id,
                "details": details,
            });
            tx.append_log(object(entry))?;
        }
        tx.update(&DIRECTORY, directory)?;
        Ok(())
    };
    store.write(&job.tenant, work).await
}

fn groups(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let known = group_configuration(reader, call)?;
    let wanted =
        call.text("q").and_then(|q| q.strip_prefix("name:")).map(|name| name.trim_end_matches('*').to_lowercase());
    let query = RelationQuery { order: RelationOrder::Other, ..RelationQuery::default() };
    let mut items = Vec::new();
    for entry in reader.related(&SYNCHRONIZED_GROUPS, Side::Left(&known.id), &query)?.items {
        let name = entry.document.get("name").and_then(Value::as_str).unwrap_or_default().to_lowercase();
        if wanted.as_ref().is_none_or(|wanted| name.starts_with(wanted.as_str())) {
            let mut item = Document::from_iter([("id".to_owned(), entry.right.into())]);
            item.extend(entry.document);
            items.push(item);
        }
    }
    Ok(Answer::json(page_of(call, items)?))
}

/// What is done with the groups of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Replace,
    Add,
    Remove,
}

fn change_groups(tx: &mut Tx, call: &Call, change: Change) -> ApiResult<Answer> {
    let known = group_configuration(tx, call)?;
    if change == Change::Replace {
        tx.unrelate_all(&SYNCHRONIZED_GROUPS, Side::Left(&known.id))?;
    }
    for group in call.body().get("groups").and_then(Value::as_array).into_iter().flatten() {
        let mut group = group.as_object().cloned().unwrap_or_default();
        let id = group.shift_remove("id").and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
        if change == Change::Remove {
            tx.unrelate(&SYNCHRONIZED_GROUPS, &known.id, &id)?;
        } else {
            tx.relate(&SYNCHRONIZED_GROUPS, &known.id, &id, Document::new())?;
            tx.relate_update(&SYNCHRONIZED_GROUPS, &known.id, &id, group)?;
        }
    }
    Ok(Answer::empty())
}

fn group_configuration(reader: &Snapshot, call: &Call) -> ApiResult<Record> {
    let connection = rest::load(reader, &CONNECTION, call.path("id"))?;
    let missing = || ApiError::not_found("Connection directory provisioning configuration not found");
    reader.get(&DIRECTORY, &connection.id)?.ok_or_else(missing)
}

fn mapping() -> Value {
    let entry = |idp: &str, auth0: &str| json!({"idp": idp, "auth0": auth0});
    let renamed = RENAMED.iter().map(|(idp, auth0)| entry(idp, auth0));
    renamed.chain(KEPT.iter().map(|name| entry(name, name))).collect()
}
