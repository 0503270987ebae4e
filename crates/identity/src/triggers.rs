//! Triggers: the points of a flow at which a tenant's own code has a say, what it is told, and what it decided.
//!
//! Whoever serves a flow fires its triggers through the one [`Triggers`] interface and knows neither JavaScript nor how code is
//! bound.

mod recorded;
mod transaction;

use std::{fmt, time::Duration};

use kernel::{Country, Document, Record, Secret, TenantId, Value};
use model::login::FormAnswers;
use serde::{Deserialize, Serialize};
use store::{Snapshot, StoreResult, Tx};

use crate::{
    Result, expiring,
    refusals::{ScriptError, ScriptReason},
    scripts::ScriptCall,
};

pub use crate::refusals::Denial;
pub use recorded::find as recorded;
pub use transaction::{Began, Response};

/// The future of a trigger.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How long they are kept.
pub const EXECUTIONS_KEPT: Duration = Duration::from_secs(10 * 86_400);

/// A point at which tenants' code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// After a login, before tokens are made.
    PostLogin,
    /// Before a machine gets its token.
    CredentialsExchange,
    /// Before a user of a database or passwordless connection is made.
    PreUserRegistration,
    /// After such a user was made.
    PostUserRegistration,
    /// After a database user got another password.
    PostChangePassword,
    /// To deliver a message of multifactor authentication.
    SendPhoneMessage,
    /// After the first challenge of a password reset.
    PasswordResetPostChallenge,
    /// To deliver a message by telephone.
    CustomPhoneProvider,
    /// To deliver an e-mail.
    CustomEmailProvider,
    /// To tell whom a foreign token means.
    CustomTokenExchange,
    /// To deliver an event.
    EventStream,
    /// To verify a password against a hash of another system.
    PasswordHashMigration,
}

impl Trigger {
    /// All triggers with their names and the functions that Actions export for them.
    const ALL: [(Self, &'static str, &'static str); 12] = [
        (Self::PostLogin, "post-login", "onExecutePostLogin"),
        (Self::CredentialsExchange, "credentials-exchange", "onExecuteCredentialsExchange"),
        (Self::PreUserRegistration, "pre-user-registration", "onExecutePreUserRegistration"),
        (Self::PostUserRegistration, "post-user-registration", "onExecutePostUserRegistration"),
        (Self::PostChangePassword, "post-change-password", "onExecutePostChangePassword"),
        (Self::SendPhoneMessage, "send-phone-message", "onExecuteSendPhoneMessage"),
        (Self::PasswordResetPostChallenge, "password-reset-post-challenge", "onExecutePostChallenge"),
        (Self::CustomPhoneProvider, "custom-phone-provider", "onExecuteCustomPhoneProvider"),
        (Self::CustomEmailProvider, "custom-email-provider", "onExecuteCustomEmailProvider"),
        (Self::CustomTokenExchange, "custom-token-exchange", "onExecuteCustomTokenExchange"),
        (Self::EventStream, "event-stream", "onExecuteEventStream"),
        (Self::PasswordHashMigration, "password-hash-migration", "onExecutePasswordHashMigration"),
    ];

    fn facts(self) -> &'static (Self, &'static str, &'static str) {
        let found = Self::ALL.iter().find(|(trigger, ..)| *trigger == self);
        found.expect("the list holds all triggers")
    }

    /// The function that an Action exports for when the user comes back from where it sent them; none where flows cannot wait for that.
    pub fn continuation(self) -> Option<&'static str> {
        match self {
            Self::PostLogin => Some("onContinuePostLogin"),
            Self::PasswordResetPostChallenge => Some("onContinuePostChallenge"),
            _ => None,
        }
    }

    /// The name that the API knows it by; legacy hooks have the same names.
    pub fn name(self) -> &'static str {
        self.facts().1
    }

    /// The function that an Action exports for it.
    pub fn handler(self) -> &'static str {
        self.facts().2
    }

    /// The trigger with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(trigger, ..)| *trigger)
    }
}

/// The request that made a trigger fire: `event.request`.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Address of the caller.
    pub ip: String,
    /// HTTP method.
    pub method: String,
    /// Parameters of the body.
    pub body: Document,
    /// Parameters of the query.
    pub query: Document,
    /// Host that was asked.
    pub hostname: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// `Accept-Language`.
    pub language: Option<String>,
    /// The caller's country, where it is known.
    pub country: Option<Country>,
}

/// A trigger that fires, with what its code is told.
#[derive(Debug)]
pub struct Firing<'a> {
    /// Which.
    pub trigger: Trigger,
    /// The client that the flow is for.
    pub client: Option<&'a Record>,
    /// The connection of the user.
    pub connection: Option<&'a Record>,
    /// The organization that the flow is for.
    pub organization: Option<&'a Record>,
    /// The user; before a registration, the attributes that were asked for.
    pub user: Option<&'a Document>,
    /// The request.
    pub request: Option<&'a Request>,
    /// Members of the event that this trigger alone has, such as `accessToken`, `resource_server` and `transaction`.
    pub own: Document,
    /// The password of a user to be made: hooks read it, Actions do not.
    pub password: Option<Secret>,
    /// Where an earlier firing of the same flow stopped.
    pub resumed: Option<&'a Suspension>,
}

impl Firing<'_> {
    /// A trigger of which nothing is told yet.
    pub fn new(trigger: Trigger) -> Self {
        Self {
            trigger,
            client: None,
            connection: None,
            organization: None,
            user: None,
            request: None,
            own: Document::new(),
            password: None,
            resumed: None,
        }
    }
}

/// What the code at a trigger decided, all of it together.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Why the flow must not go on.
    pub denied: Option<Denial>,
    /// Claims for the access token. [`crate::claims`] tells which of them a token takes.
    pub access_token: Document,
    /// Claims for the ID token.
    pub id_token: Document,
    /// The scopes of the token, where a hook set them.
    pub scopes: Option<Vec<String>>,
    /// The scopes of the token, where an Action set them; those that are not granted have no effect.
    pub target_scopes: Option<Vec<String>>,
    /// Scopes to add and to remove, in order.
    pub scope_changes: Vec<ScopeChange>,
    /// Changes of the user's `user_metadata`; `null` removes.
    pub user_metadata: Document,
    /// Changes of the user's `app_metadata`; `null` removes.
    pub app_metadata: Document,
    /// Identifier for a user to be made, within the connection.
    pub user_id: Option<String>,
    /// What else the code asked for, which only the flow itself understands.
    pub effects: Vec<Effect>,
    /// The code waits for the user to come back from somewhere.
    pub suspended: Option<Suspension>,
    /// What happened, to be stored with [`keep`] by the transaction that the flow ends with.
    pub execution: Option<Execution>,
}

/// Code that waits for the user to come back: the flow sends them away, keeps this, and fires again with it. Nobody else may see or change
/// it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Suspension {
    /// Where the user is to be sent; the flow adds its `state`. Empty where a form is shown instead.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The form that the user is to be shown, with what it begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<FormAnswers>,
    /// The Action that waits; none where the rules do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<WaitingAction>,
    /// Identifiers of the rules that have run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// What code changed in the event, which later code sees too.
    #[serde(skip_serializing_if = "Document::is_empty")]
    pub event: Document,
    /// The execution that goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// Whether code has set the primary user, which it may once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_primary_user: bool,
}

/// Which of the Actions at a trigger waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingAction {
    /// Its identifier.
    pub id: String,
    /// Its place among the Actions of the trigger: it may be bound more than once.
    pub place: usize,
}

/// A change of the scopes of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeChange {
    /// One more.
    Add(String),
    /// One less.
    Remove(String),
}

/// An effect that the code asked for through its `api`.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Its path in the `api`: `redirect.sendUserTo`.
    pub name: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

/// One firing of a trigger, as it is kept.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Its identifier; log entries of the flow name it.
    pub id: String,
    /// What the API shows.
    pub document: Document,
    /// Log entries about code that failed.
    pub failures: Vec<Document>,
    /// What the code was called with, where developers may want to know; without credentials.
    pub told: Vec<Value>,
}

impl Execution {
    /// The execution as a document, from which [`Execution::from_document`] makes it again.
    pub fn to_document(&self) -> Document {
        let failures: Vec<Value> = self.failures.iter().cloned().map(Value::Object).collect();
        let members: [(&str, Value); 4] = [
            ("id", self.id.as_str().into()),
            ("document", self.document.clone().into()),
            ("failures", failures.into()),
            ("told", self.told.clone().into()),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Reads what [`Execution::to_document`] wrote.
    pub fn from_document(document: &Document) -> Option<Self> {
        let failures = document.get("failures")?.as_array()?;
        Some(Self {
            id: document.get("id")?.as_str()?.to_owned(),
            document: document.get("document")?.as_object()?.clone(),
            failures: failures.iter().filter_map(Value::as_object).cloned().collect(),
            told: document.get("told").and_then(Value::as_array).cloned().unwrap_or_default(),
        })
    }
}

/// Keeps what happened when triggers fired, in the transaction that their flow ends with. An execution that went on replaces what was
/// known of it.
pub fn keep<'e>(tx: &mut Tx, executions: impl IntoIterator<Item = &'e Execution>) -> StoreResult<()> {
    for execution in executions {
        let Execution { id, document, failures, told } = execution;
        if !told.is_empty() {
            recorded::keep(tx, execution)?;
        }
        let expires = tx.now() + EXECUTIONS_KEPT;
        if let Some(mut known) = tx.get(&model::ACTION_EXECUTION, id)? {
            known.document.clone_from(document);
            expiring::replace(tx, &model::ACTION_EXECUTION, known, expires)?;
        } else {
            let record = Record::new(id.as_str(), document.clone(), tx.now());
            expiring::keep(tx, &model::ACTION_EXECUTION, record, expires)?;
        }
        for failure in failures {
            tx.append_log(failure.clone())?;
        }
    }
    Ok(())
}

/// Fires triggers: finds the code that is bound, runs it and tells what it decided.
pub trait Triggers: Send + Sync {
    /// Whether any code is bound to the trigger.
    fn listens<'a>(&'a self, tenant: &'a TenantId, trigger: Trigger) -> BoxFuture<'a, Result<bool>>;

    /// Runs what is bound and waits for its verdict. Not within a transaction: code takes its time and reaches out.
    fn fire<'a>(&'a self, tenant: &'a TenantId, firing: Firing<'a>) -> BoxFuture<'a, Result<Verdict>>;

    /// Runs the deployed version of one Action, which something else than the trigger's bindings names. Nothing is decided where there is
    /// none.
    fn fire_action<'a>(
        &'a self,
        tenant: &'a TenantId,
        action: &'a str,
        firing: Firing<'a>,
    ) -> BoxFuture<'a, Result<Option<Verdict>>>;

    /// Runs a script of a custom database: what it passed to its callback after the error.
    fn run_script<'a>(
        &'a self,
        tenant: &'a TenantId,
        call: ScriptCall,
    ) -> BoxFuture<'a, Result<std::result::Result<Value, ScriptError>>>;

    /// As [`Triggers::listens`], within a transaction: asked before something is deferred.
    fn listens_within(&self, reader: &Snapshot, trigger: Trigger) -> Result<bool>;

    /// Has what is bound run once this transaction is committed. Nobody waits for its verdict.
    fn defer(&self, tx: &mut Tx, firing: Firing<'_>) -> Result;
}

/// Triggers to which nothing is bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTriggers;

impl Triggers for NoTriggers {
    fn listens<'a>(&'a self, _: &'a TenantId, _: Trigger) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Ok(false) })
    }

    fn fire<'a>(&'a self, _: &'a TenantId, _: Firing<'a>) -> BoxFuture<'a, Result<Verdict>> {
        Box::pin(async { Ok(Verdict::default()) })
    }

    fn fire_action<'a>(&'a self, _: &'a TenantId, _: &'a str, _: Firing<'a>) -> BoxFuture<'a, Result<Option<Verdict>>> {
        Box::pin(async { Ok(None) })
    }

    fn run_script<'a>(
        &'a self,
        _: &'a TenantId,
        call: ScriptCall,
    ) -> BoxFuture<'a, Result<std::result::Result<Value, ScriptError>>> {
        let reason = ScriptReason::Missing(call.script.title());
        Box::pin(async { Ok(Err(ScriptError { reason, console: Vec::new() })) })
    }

    fn listens_within(&self, _: &Snapshot, _: Trigger) -> Result<bool> {
        Ok(false)
    }

    fn defer(&self, _: &mut Tx, _: Firing<'_>) -> Result {
        Ok(())
    }
}

impl fmt::Debug for dyn Triggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Triggers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_is_found_by_its_name() {
        for (trigger, name, _) in Trigger::ALL {
            assert_eq!((Trigger::named(name), trigger.name()), (Some(trigger), name));
        }
        assert_eq!(Trigger::named("pre-login"), None);
    }
}
