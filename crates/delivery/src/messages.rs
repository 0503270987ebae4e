//! Messages to users: e-mails, and messages to telephones. They are written from the tenant's templates and handed to its
//! provider by a worker, again and again where that fails for a while (reference: templates and messages).

mod email;
pub mod phone;

use std::{sync::Arc, time::Duration};

use identity::{
    Result,
    triggers::{self, Execution, Firing, Trigger, Triggers, Verdict},
};
use kernel::{Document, Record, TenantId, Value, object};
use model::{BRANDING, JOB, TENANT_SETTINGS, queues};
use outbound::Client;
use serde_json::json;
use store::{Job, Snapshot, Store, StoreResult, Tx};

use crate::{
    liquid::Unreadable,
    runner::{self, Failed, Queue},
};

/// How long a sender may be silent before another takes its message: longer than code and calls may take.
const LEASE: Duration = Duration::from_secs(60);
const QUEUE: Queue = Queue {
    name: queues::MESSAGES,
    at_once: 8,
    lease: LEASE,
    // A message's own tries end sooner; this is for what goes wrong here.
    attempts: 2 * ATTEMPTS,
    pause: Duration::from_secs(60),
    given_up: Some(runner::given_up),
};
/// Tries of a message; the waits between them begin with five seconds and double.
const ATTEMPTS: u64 = 6;
/// Where Twilio answers.
const TWILIO: &str = "https://api.twilio.com";

/// What sending needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Messenger {
    outbound: Client,
    triggers: Arc<dyn Triggers>,
    twilio: Arc<str>,
}

/// Why a message was not sent.
#[derive(Debug)]
struct Failure {
    reason: String,
    /// Whether another try could end otherwise.
    may_pass: bool,
}

/// What came of a try, with what the tenant's code did meanwhile.
struct Attempt {
    outcome: std::result::Result<(), Failure>,
    execution: Option<Execution>,
}

impl Attempt {
    fn failed(reason: impl Into<String>) -> Self {
        Self { outcome: Err(Failure { reason: reason.into(), may_pass: false }), execution: None }
    }
}

impl Messenger {
    /// Calls providers with `outbound`, and the code of tenants who deliver messages themselves through `triggers`.
    pub fn new(outbound: Client, triggers: Arc<dyn Triggers>) -> Self {
        Self { outbound, triggers, twilio: TWILIO.into() }
    }

    /// Sends the messages of all tenants until it is dropped.
    pub async fn work(self, store: Store) {
        runner::run(&store, &QUEUE, |job| {
            let (messenger, store) = (&self, &store);
            async move { messenger.sent(store, &job).await.map_err(Failed::for_now) }
        })
        .await;
    }

    /// Tries once, and notes what came of it.
    async fn sent(&self, store: &Store, job: &Job) -> Result {
        let attempt = match job.payload.get("channel").and_then(Value::as_str) {
            Some("phone") => phone::send(self, store, job).await?,
            _ => email::send(self, store, job).await?,
        };
        let (held, attempt) = (job.clone(), Arc::new(attempt));
        store.write(&job.tenant, move |tx: &mut Tx| note(tx, &held, &attempt)).await
    }

    /// Has the tenant's own code deliver a message.
    async fn hand_over(&self, tenant: &TenantId, firing: Firing<'_>) -> Result<Attempt> {
        let trigger = firing.trigger;
        if !self.triggers.listens(tenant, trigger).await? {
            return Ok(Attempt::failed(format!("No Action is bound to the trigger {}.", trigger.name())));
        }
        let verdict = self.triggers.fire(tenant, firing).await?;
        Ok(Attempt { outcome: decided(&verdict), execution: verdict.execution })
    }
}

/// What code that delivers a message decided: its last word counts, and code that fails is tried again.
fn decided(verdict: &Verdict) -> std::result::Result<(), Failure> {
    if let Some(denial) = &verdict.denied {
        return Err(Failure { reason: denial.reason.clone(), may_pass: true });
    }
    let word = verdict.effects.iter().rev().find(|effect| effect.name.starts_with("notification."));
    word.map_or(Ok(()), |word| {
        let reason = word.arguments.first().and_then(Value::as_str).unwrap_or_default().to_owned();
        Err(Failure { reason, may_pass: word.name == "notification.retry" })
    })
}

/// Completes a message that was sent or never will be, and has others tried again.
fn note(tx: &mut Tx, job: &Job, attempt: &Attempt) -> Result {
    match &attempt.outcome {
        Err(failure) if failure.may_pass && job.attempts < ATTEMPTS => {
            let wait = Duration::from_secs(5 << job.attempts.saturating_sub(1));
            if !tx.retry_job(job, tx.now() + wait, &failure.reason)? {
                return Ok(());
            }
        }
        outcome => {
            // Whoever has the job now, if it took too long here, tells what happened.
            if !tx.complete_job(job)? {
                return Ok(());
            }
            let status = if outcome.is_ok() { "completed" } else { "failed" };
            tell(tx, &job.id, json!({ "status": status }))?;
            if let Err(failure) = outcome {
                tx.append_log(unsent(tx, job, &failure.reason)?)?;
            }
        }
    }
    Ok(triggers::keep(tx, &attempt.execution)?)
}

/// The tenant log entry about a message that was not sent.
fn unsent(tx: &Tx, job: &Job, reason: &str) -> StoreResult<Document> {
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str);
    let to = text("to").unwrap_or_default();
    let mut details = object(json!({"to": to, "error": reason}));
    let kind = if text("channel") == Some("phone") { "notification_type" } else { "email_type" };
    details.insert(kind.into(), text("message_type").into());
    let mut entry =
        object(json!({"date": tx.now(), "type": "fn", "description": format!("To: {to}"), "details": details}));
    for name in ["client_id", "user_id", "organization_id"] {
        if let Some(id) = text(name) {
            entry.insert(name.into(), id.into());
        }
    }
    if let Some(user) = text("user_id").map(|id| tx.get(&model::USER, id)).transpose()?.flatten() {
        entry.insert("user_name".into(), user.text("email").into());
    }
    Ok(entry)
}

/// Changes the job that callers see, if they can see one.
fn tell(tx: &mut Tx, id: &str, members: Value) -> StoreResult<()> {
    let Some(mut shown) = tx.get(&JOB, id)? else { return Ok(()) };
    shown.document.extend(object(members));
    tx.update(&JOB, shown).map(drop)
}

/// What every template may say of the tenant.
fn tenant(reader: &Snapshot) -> StoreResult<Document> {
    let settings = reader.singleton(&TENANT_SETTINGS)?.map(|record| record.document).unwrap_or_default();
    let branding = reader.singleton(&BRANDING)?;
    let name = reader.tenant().as_str();
    let mut known = object(json!({"tenant": name, "friendly_name": name, "locale": "en", "request_language": "en"}));
    for field in ["friendly_name", "support_email", "support_url"] {
        if let Some(value) = settings.get(field).filter(|value| value.as_str().is_some_and(|text| !text.is_empty())) {
            known.insert(field.to_owned(), value.clone());
        }
    }
    let logo = settings.get("picture_url").cloned();
    let logo = logo.or_else(|| branding.and_then(|branding| branding.document.get("logo_url").cloned()));
    if let Some(logo) = logo {
        known.insert("logo_url".into(), logo);
    }
    if let Some(home) = settings.get("default_redirection_uri") {
        known.insert("home_url".into(), home.clone());
    }
    Ok(known)
}

/// `event.tenant` of code that delivers messages.
fn tenant_of_event(known: &Document) -> Document {
    let fields = ["friendly_name", "home_url", "logo_url", "support_email", "support_url"];
    let mut shown = object(json!({"id": known.get("tenant")}));
    shown.extend(fields.iter().filter_map(|field| Some(((*field).to_owned(), known.get(*field)?.clone()))));
    shown
}

/// A firing that tells of a message, and of the tenant in full.
fn firing<'a>(trigger: Trigger, notification: Document, known: &Document) -> Firing<'a> {
    let mut own = object(json!({"tenant": tenant_of_event(known), "request": {}}));
    own.insert("notification".into(), notification.into());
    Firing { own, ..Firing::new(trigger) }
}

/// The provider, unless there is none or it is switched off.
fn usable(provider: Option<Record>, is_off: impl Fn(&Record) -> bool) -> std::result::Result<Record, Attempt> {
    match provider {
        None => Err(Attempt::failed("There is no provider for this kind of message.")),
        Some(provider) if is_off(&provider) => Err(Attempt::failed("The provider is disabled.")),
        Some(provider) => Ok(provider),
    }
}

/// Has work done that takes its time, such as rendering.
async fn off_the_async_threads<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, Unreadable> + Send + 'static,
) -> std::result::Result<T, Unreadable> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Unreadable::failed()))
}

/// A template that cannot be read is the tenant's to mend.
fn unreadable(error: &Unreadable) -> Attempt {
    Attempt::failed(error.to_string())
}

#[cfg(test)]
mod tests;
