//! Multi-factor authentication: factors, providers, enrolments, policies.

mod settings;

use std::time::Duration;

use identity::{links, messages::Email, tickets};
use kernel::{Value, object};
use model::USER;
use rest::{Answer, ApiResult, Area, Call, Kind, upsert};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::{
    Services,
    actor::actor,
    users::{factors, user_not_found},
};

/// What is served of `guardian`.
pub(crate) fn area(_: &Services) -> Area {
    let area = Area::new("guardian")
        .read("GET /guardian/factors", factors)
        .write("PUT /guardian/factors/{name}", set_factor)
        .read("GET /guardian/policies", policies)
        .write("PUT /guardian/policies", set_policies)
        .write("POST /guardian/enrollments/ticket", ticket)
        .read("GET /guardian/enrollments/{id}", factors::enrollment)
        .write("DELETE /guardian/enrollments/{id}", factors::unenroll);
    settings::claim(area)
}

/// Whether factors are on (`factors`) and when they are asked for (`policies`).
pub(crate) static GUARDIAN: Kind = Kind::of(&model::GUARDIAN);

/// Factors in the order of the list. The factor `phone` is shown as `sms`.
const FACTORS: [&str; 8] =
    ["sms", "push-notification", "otp", "email", "duo", "webauthn-roaming", "webauthn-platform", "recovery-code"];

/// Seconds for which an enrolment ticket holds: five days.
const TICKET_SECONDS: u64 = 432_000;

fn factors(reader: &Snapshot, _: &Call) -> ApiResult<Answer> {
    let stored = reader.get(&GUARDIAN, "factors")?.map(|record| record.document).unwrap_or_default();
    let is_enabled = |name: &str| stored.get(name).cloned().unwrap_or(Value::Bool(false));
    let items = FACTORS.map(|name| object(json!({"name": name, "enabled": is_enabled(name), "trial_expired": false})));
    Ok(Answer::list(items.to_vec()))
}

fn set_factor(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let name = if call.path("name") == "phone" { "sms" } else { call.path("name") };
    let enabled = call.body().get("enabled").cloned().unwrap_or_default();
    upsert(tx, &GUARDIAN, "factors", |record| {
        record.document.insert(name.to_owned(), enabled.clone());
    })?;
    Ok(Answer::json(json!({"enabled": enabled})))
}

fn policies(reader: &Snapshot, _: &Call) -> ApiResult<Answer> {
    let stored = reader.get(&GUARDIAN, "policies")?;
    let policies = stored.and_then(|record| record.document.get("policies").cloned());
    Ok(Answer::json(policies.unwrap_or_else(|| json!([]))))
}

fn set_policies(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let policies = call.body().clone();
    upsert(tx, &GUARDIAN, "policies", |record| record.document = object(json!({"policies": policies})))?;
    Ok(Answer::json(policies))
}

/// `POST /guardian/enrollments/ticket`: a page where the user enrols; sent by mail when asked.
fn ticket(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let body = call.document();
    let user = tx.get(&USER, body.get("user_id").and_then(Value::as_str).unwrap_or_default())?;
    let user = user.ok_or_else(user_not_found)?;
    let domain = links::domain(tx, &actor(call))?;
    let mut details = body.clone().into_owned();
    details.insert("user_id".into(), user.id.as_str().into());
    let id = tickets::issue(tx, "guardian_enrollment", Duration::from_secs(TICKET_SECONDS), details)?;
    let url = format!("https://{domain}/mfa/enrollment?ticket={id}");
    if body.get("send_mail") == Some(&Value::Bool(true)) {
        let to = body.get("email").and_then(Value::as_str).or(user.text("email")).unwrap_or_default();
        let mail = Email {
            template: "enrollment_email",
            user: Some(&user.id),
            to,
            url: url.clone(),
            language: body.get("email_locale").and_then(Value::as_str),
            domain: &call.origin.domain,
            ..Email::default()
        };
        mail.enqueue(tx, None)?;
    }
    Ok(Answer::json(json!({"ticket_id": id, "ticket_url": url})))
}
