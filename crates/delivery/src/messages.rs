//! Messages to users: e-mails, messages to telephones, and notifications to apps. They are written from the tenant's
//! templates and handed to its provider by a worker, again and again where that fails for a while (reference: templates
//! and messages).

mod email;
mod endpoints;
mod failure;
mod known;
pub mod phone;
mod push;
mod request;
mod variables;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use identity::{
    Result,
    messages::Route,
    triggers::{self, Execution, Firing, Triggers, Verdict},
};
use kernel::{Document, TenantId, Value, object};
use model::queues;
use outbound::Client;
use serde_json::json;
use store::{Job, Store, StoreResult, Tx};
use tokio::sync::Semaphore;

use crate::{
    liquid::Unreadable,
    outbox::{self, Outbox},
    runner::{self, Failed, Queue},
};

pub use endpoints::Endpoints;
pub(crate) use failure::{Failure, call};
pub(crate) use request::{basic, bearer};

/// How long after its sender's end another takes a message.
const LEASE: Duration = Duration::from_secs(15);
const QUEUE: Queue = Queue {
    name: queues::MESSAGES,
    at_once: 16,
    lease: LEASE,
    // A message's own tries end sooner; this is for what goes wrong here.
    attempts: 2 * ATTEMPTS,
    pause: Duration::from_secs(60),
    given_up: Some(runner::given_up),
};
/// Messages of one tenant that are sent at a time, so that a slow provider keeps no other tenant waiting.
const TENANT_AT_ONCE: usize = 8;
/// Tries of a message; the waits between them begin with five seconds, and each is four times the one before.
const ATTEMPTS: u64 = 6;

/// Why a message is not sent when nobody is there to send it.
const NO_PROVIDER: &str = "There is no provider for this kind of message.";

/// What sending needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Messenger {
    outbound: Client,
    triggers: Arc<dyn Triggers>,
    endpoints: Endpoints,
    smtp: Arc<email::Pool>,
    push: Arc<Push>,
    turns: Arc<Mutex<HashMap<TenantId, Arc<Semaphore>>>>,
    /// Takes what is sent, and what no provider delivers.
    outbox: Option<Outbox>,
}

/// What sending notifications to apps keeps from one to the next.
#[derive(Debug, Default)]
struct Push {
    apple: push::Identities,
    google: push::Tokens,
}

/// What came of a try, with what the tenant's code did meanwhile.
struct Attempt {
    /// What the provider answered, or why the message was not sent.
    outcome: std::result::Result<String, Failure>,
    execution: Option<Execution>,
    /// Who was to deliver it.
    provider: String,
    /// The message, where it could be written.
    message: Option<Document>,
}

impl Attempt {
    fn failed(reason: impl Into<String>) -> Self {
        Self::of(Failure::never(reason))
    }

    fn of(failure: Failure) -> Self {
        Self { outcome: Err(failure), execution: None, provider: String::new(), message: None }
    }

    /// A provider has answered.
    fn told(outcome: std::result::Result<String, Failure>, provider: &str, message: Document) -> Self {
        Self { outcome, execution: None, provider: provider.to_owned(), message: Some(message) }
    }

    /// The message is in the outbox, and goes nowhere else.
    fn kept(message: Document) -> Self {
        Self::told(Ok("kept in the outbox".to_owned()), "outbox", message)
    }
}

impl Messenger {
    /// Calls providers with `outbound`, and the code of tenants who deliver messages themselves through `triggers`.
    pub fn new(outbound: Client, triggers: Arc<dyn Triggers>, endpoints: Endpoints, outbox: Option<Outbox>) -> Self {
        Self {
            outbound,
            triggers,
            endpoints,
            smtp: Arc::default(),
            push: Arc::default(),
            turns: Arc::default(),
            outbox,
        }
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
        let turns = self.turns(&job.tenant);
        let _turn = turns.acquire().await;
        let attempt = match job.payload.get("channel").and_then(Value::as_str) {
            Some("phone") => phone::send(self, store, job).await?,
            Some("push") => push::send(self, store, job).await?,
            _ => email::send(self, store, job).await?,
        };
        let (held, attempt, has_outbox) = (job.clone(), Arc::new(attempt), self.outbox.is_some());
        let noted = Arc::clone(&attempt);
        let status = store.write(&job.tenant, move |tx: &mut Tx| note(tx, &held, &noted, has_outbox)).await?;
        count(job, &attempt, status);
        if let Some(outbox) = &self.outbox {
            outbox.announce();
        }
        Ok(())
    }

    fn turns(&self, tenant: &TenantId) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(TENANT_AT_ONCE))))
    }

    /// Has the tenant's own code deliver a message.
    async fn hand_over(&self, tenant: &TenantId, firing: Firing<'_>, message: Document) -> Result<Attempt> {
        let trigger = firing.trigger;
        let (provider, message) = ("custom".to_owned(), Some(message));
        if !self.triggers.listens(tenant, trigger).await? {
            let reason = format!("No Action is bound to the trigger {}.", trigger.name());
            return Ok(Attempt { outcome: Err(Failure::never(reason)), execution: None, provider, message });
        }
        let verdict = self.triggers.fire(tenant, firing).await?;
        Ok(Attempt { outcome: decided(&verdict), execution: verdict.execution, provider, message })
    }
}

/// What code that delivers a message decided: its last word counts, and code that fails is tried again.
fn decided(verdict: &Verdict) -> std::result::Result<String, Failure> {
    if let Some(denial) = &verdict.denied {
        return Err(Failure::for_now(denial.reason.clone()));
    }
    let word = verdict.effects.iter().rev().find(|effect| effect.name.starts_with("notification."));
    word.map_or_else(
        || Ok(String::new()),
        |word| {
            let reason = word.arguments.first().and_then(Value::as_str).unwrap_or_default();
            Err(if word.name == "notification.retry" { Failure::for_now(reason) } else { Failure::never(reason) })
        },
    )
}

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Sent,
    /// It will be tried again.
    Waiting,
    Failed,
    /// Somebody else has it by now.
    Lost,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Lost => "lost",
        }
    }
}

/// Completes a message that was sent or never will be, and has others tried again.
fn note(tx: &mut Tx, job: &Job, attempt: &Attempt, has_outbox: bool) -> Result<Status> {
    let status = match &attempt.outcome {
        Err(failure) if failure.may_pass && job.attempts < ATTEMPTS => {
            if !tx.retry_job(job, tx.now() + pause(job.attempts, failure), &failure.reason)? {
                return Ok(Status::Lost);
            }
            Status::Waiting
        }
        outcome => {
            // Whoever has the job now, if it took too long here, tells what happened.
            if !tx.complete_job(job)? {
                return Ok(Status::Lost);
            }
            let status = if outcome.is_ok() { "completed" } else { "failed" };
            runner::tell(tx, job, json!({ "status": status }))?;
            if let Some(entry) = entry(tx, job, outcome.as_ref().err())? {
                tx.append_log(entry)?;
            }
            if outcome.is_ok() { Status::Sent } else { Status::Failed }
        }
    };
    if has_outbox && let Some(message) = &attempt.message {
        let told = match &attempt.outcome {
            Ok(answer) => answer.as_str(),
            Err(failure) => &failure.reason,
        };
        outbox::keep(tx, job, message, &attempt.provider, told, status.name())?;
    }
    triggers::keep(tx, &attempt.execution)?;
    Ok(status)
}

/// How long the next try waits; a provider that says how long is heard.
fn pause(attempts: u64, failure: &Failure) -> Duration {
    let doubled = u32::try_from(2 * attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(12);
    Duration::from_secs(5 << doubled).max(failure.after.unwrap_or_default())
}

fn count(job: &Job, attempt: &Attempt, status: Status) {
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let provider = if attempt.provider.is_empty() { "none".to_owned() } else { attempt.provider.clone() };
    let labels = [("channel", text("channel")), ("provider", provider), ("outcome", status.name().to_owned())];
    metrics::counter!("aught_messages_total", &labels).increment(1);
}

/// The tenant log entry about what became of a message: each of a factor has one, others when they were not sent.
fn entry(tx: &Tx, job: &Job, failure: Option<&Failure>) -> StoreResult<Option<Document>> {
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str);
    let to = text("to").unwrap_or_default();
    let channel = text("channel").unwrap_or_default();
    let is_of_factor = channel == "push" || channel == "phone" && Route::of(&job.payload) == Route::Factor;
    let (code, details) = match (is_of_factor, failure) {
        (true, _) => of_factor(job, to, failure),
        (false, Some(failure)) => {
            let kind = if channel == "phone" { "notification_type" } else { "email_type" };
            ("fn", object(json!({"to": to, "error": failure.reason, kind: text("message_type")})))
        }
        (false, None) => return Ok(None),
    };
    let mut entry =
        object(json!({"date": tx.now(), "type": code, "description": format!("To: {to}"), "details": details}));
    for name in ["client_id", "user_id", "organization_id"] {
        if let Some(id) = text(name) {
            entry.insert(name.into(), id.into());
        }
    }
    if let Some(user) = text("user_id").map(|id| tx.get(&model::USER, id)).transpose()?.flatten() {
        entry.insert("user_name".into(), user.text("email").or(user.text("phone_number")).into());
    }
    Ok(Some(entry))
}

/// The type and the details of an entry about a message of a factor.
fn of_factor(job: &Job, to: &str, failure: Option<&Failure>) -> (&'static str, Document) {
    let is = |name: &str, value: &str| job.payload.get(name).and_then(Value::as_str) == Some(value);
    let (kind, sent, failed) = if is("channel", "push") {
        ("push", "gd_send_pn", "gd_send_pn_failure")
    } else if is("delivery_method", "voice") {
        ("voice", "gd_send_voice", "gd_send_voice_failure")
    } else {
        ("sms", "gd_send_sms", "gd_send_sms_failure")
    };
    let place = if kind == "push" { "id" } else { "phone_number" };
    let mut details = object(json!({"authenticator": {"type": kind, place: to}}));
    if let Some(failure) = failure {
        details.insert("provider_error".into(), json!({"message": failure.reason}));
    }
    (if failure.is_some() { failed } else { sent }, details)
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
