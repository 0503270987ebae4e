//! The dispatcher: finds what is bound to a trigger, runs it in order, and tells what it decided.

mod answers;
mod commands;
mod deferred;
mod events;
pub(crate) mod executions;
mod hooks;
mod login;
mod plan;
mod recorded;
mod returned;

use std::{sync::Arc, time::Duration};

use actions::{Invocation, Outcome, ProgramKind, Runtime};
use delivery::events::EventAction;
use identity::{
    credentials::Told,
    databases::{ScriptCall, ScriptError},
    triggers::{self, BoxFuture, Execution, Firing, Suspension, Trigger, Triggers, Verdict, WaitingAction},
};
use kernel::{Document, TenantId, Value, host_name};
use quick_cache::sync::Cache;
use store::{Snapshot, Store, StoreResult, Tx};
use tokio::time::Instant;

use answers::OfLogin;
use executions::Recorder;
use hooks::Registering;
use plan::{Plan, Step};

use crate::{rules::Pipeline, turns::Turns};

/// Wall time of all code at one trigger together.
const TIME: Duration = Duration::from_secs(20);
/// Plans that are kept: one for each trigger of each tenant.
const PLANS: usize = 1_000;

/// Fires the triggers of tenants. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher(Arc<Inner>);

struct Inner {
    store: Store,
    runtime: Runtime,
    plans: Cache<(TenantId, Trigger), Arc<Plan>>,
    rules: Cache<TenantId, Arc<Pipeline>>,
    turns: Turns,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dispatcher")
    }
}

impl Dispatcher {
    /// A dispatcher of what is bound in the store's tenants.
    pub fn new(store: Store, runtime: Runtime) -> Self {
        Self(Arc::new(Inner {
            store,
            runtime,
            plans: Cache::new(PLANS),
            rules: Cache::new(PLANS),
            turns: Turns::new(PLANS),
        }))
    }

    /// Where the tenants are.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What runs their code.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    pub(crate) fn rules(&self) -> &Cache<TenantId, Arc<Pipeline>> {
        &self.0.rules
    }

    /// What runs at a trigger, from memory unless anything has changed since.
    async fn plan(&self, tenant: &TenantId, trigger: Trigger) -> StoreResult<Arc<Plan>> {
        if let Some(plan) = self.known_plan(tenant, trigger) {
            return Ok(plan);
        }
        let epochs = plan::epochs(&self.0.store, tenant);
        let plan = self.0.store.read(tenant, move |reader| Plan::read(reader, trigger, epochs)).await?;
        let plan = Arc::new(plan);
        self.0.plans.insert((tenant.clone(), trigger), Arc::clone(&plan));
        Ok(plan)
    }

    fn known_plan(&self, tenant: &TenantId, trigger: Trigger) -> Option<Arc<Plan>> {
        let plan = self.0.plans.get(&(tenant.clone(), trigger))?;
        (plan.epochs == plan::epochs(&self.0.store, tenant)).then_some(plan)
    }

    /// The event of a firing.
    async fn event(&self, tenant: &TenantId, firing: &Firing<'_>) -> StoreResult<Document> {
        let custom_domain = match firing.request {
            Some(request) => {
                let name = host_name(&request.hostname);
                self.0.store.cached_by(tenant, &model::CUSTOM_DOMAIN, "domain", &name).await?
            }
            None => None,
        };
        Ok(events::build(tenant, firing, custom_domain.as_deref()))
    }

    /// Runs the deployed version of one action, which something else than the trigger's bindings names; `None` where there is no
    /// such action.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn run_action(
        &self,
        tenant: &TenantId,
        trigger: Trigger,
        action: &str,
        event: Document,
    ) -> StoreResult<Option<Verdict>> {
        let action = action.to_owned();
        let plan = self.0.store.read(tenant, move |reader| Plan::of_action(reader, trigger, &action)).await?;
        let Some(plan) = plan else { return Ok(None) };
        Ok(Some(self.run(trigger, &plan, Start::of(event, None, self.recorder(trigger))).await))
    }

    /// Delivers events to actions.
    pub fn event_action(&self) -> EventAction {
        let dispatcher = self.clone();
        Arc::new(move |tenant, action, message| {
            let dispatcher = dispatcher.clone();
            Box::pin(async move {
                dispatcher.deliver(&tenant, &action, message).await.unwrap_or_else(|error| {
                    tracing::warn!(%tenant, %error, "an event could not be handed to an action");
                    Err("The action could not be run.".to_owned())
                })
            })
        })
    }

    /// Runs an event stream's action. An action that throws has not taken the event; the text tells why.
    async fn deliver(&self, tenant: &TenantId, action: &str, message: Document) -> StoreResult<Result<(), String>> {
        let event = Document::from_iter([("message".to_owned(), message.into())]);
        let verdict = self.run_action(tenant, Trigger::EventStream, action, event).await?;
        let Some(verdict) = verdict else { return Ok(Err("The action is not deployed.".to_owned())) };
        let execution = verdict.execution;
        self.0.store.write(tenant, move |tx: &mut Tx| triggers::keep(tx, &execution)).await?;
        Ok(verdict.denied.map_or(Ok(()), |denial| Err(denial.reason)))
    }

    /// Takes notes of a new execution.
    fn recorder(&self, trigger: Trigger) -> Recorder {
        Recorder::new(trigger, self.0.store.context())
    }

    /// Runs the steps of a plan until one refuses, fails or waits for the user to come back.
    async fn run(&self, trigger: Trigger, plan: &Plan, start: Start<'_>) -> Verdict {
        let Start { mut event, registering, mut verdict, mut recorder, first, continuation, rules, .. } = start;
        let mut has_primary_user = start.has_primary_user || commands::has_primary_user(&verdict);
        let context = self.0.store.context();
        let deadline = Instant::now() + TIME;
        // Whom code may ask about is decided before any of it has had the event in its hands.
        let asked = if trigger == Trigger::PostLogin { OfLogin::shared(&self.0.store, &event) } else { None };
        let mut noted = context.has_outbox().then(Vec::new);
        for (place, step) in plan.steps.iter().enumerate().skip(first) {
            let is_hook = step.program.kind == ProgramKind::Hook;
            let argument =
                if is_hook { hooks::arguments(trigger, &event, registering.as_ref()) } else { event.clone().into() };
            let told = Told::of(&argument);
            let mut call = invocation(trigger, step, argument, deadline.saturating_duration_since(Instant::now()));
            if let Some(handler) = continuation.filter(|_| place == first) {
                handler.clone_into(&mut call.handler);
            }
            if let Some(noted) = &mut noted {
                recorded::note(noted, step, &call.handler, &call.event, &told);
            }
            if !rules.is_empty() {
                call.facts.insert("executed_rules".into(), rules.clone().into());
            }
            if has_primary_user {
                call.facts.insert("has_primary_user".into(), true.into());
            }
            call.services.clone_from(&asked);
            let started = context.now();
            let mut outcome = self.0.runtime.run(&step.program, call).await;
            executions::hide(&told, &mut outcome);
            recorder.note(step, &outcome, started, context.now());
            if is_hook {
                hooks::interpret(trigger, &outcome, &mut verdict, &mut event);
            } else {
                commands::interpret(trigger, &outcome, &mut verdict);
                if let Some(Value::Object(returned)) = &outcome.result {
                    returned::interpret(trigger, returned, &mut verdict);
                }
                commands::fail(&outcome, &mut verdict);
            }
            follow_event(outcome, &mut event, &mut verdict);
            has_primary_user |= commands::has_primary_user(&verdict);
            if verdict.denied.is_some() {
                break;
            }
            if let Some(sent) = commands::sent_away(trigger, &mut verdict) {
                let action = step.action().map(|id| WaitingAction { id: id.to_owned(), place });
                let (event, execution) = (login::changed(&event), Some(recorder.id().to_owned()));
                verdict.suspended = Some(Suspension { action, rules, event, execution, has_primary_user, ..sent });
                break;
            }
        }
        let told = noted.unwrap_or_default();
        verdict.execution = Some(Execution { told, ..recorder.finish(&verdict, context.now()) });
        verdict
    }
}

/// Where a run begins, and with what.
struct Start<'a> {
    event: Document,
    registering: Option<Registering<'a>>,
    /// What was decided before it.
    verdict: Verdict,
    recorder: Recorder,
    /// The first step that runs.
    first: usize,
    /// The function of the first step, where that is not the trigger's usual one.
    continuation: Option<&'static str>,
    /// Identifiers of the rules that ran before.
    rules: Vec<String>,
    /// Whether code that ran before has set the primary user.
    has_primary_user: bool,
}

impl<'a> Start<'a> {
    /// A run of everything.
    fn of(event: Document, registering: Option<Registering<'a>>, recorder: Recorder) -> Self {
        Self {
            event,
            registering,
            verdict: Verdict::default(),
            recorder,
            first: 0,
            continuation: None,
            rules: Vec::new(),
            has_primary_user: false,
        }
    }
}

fn invocation(trigger: Trigger, step: &Step, event: Value, time_left: Duration) -> Invocation {
    let handler = if step.program.kind == ProgramKind::Action { trigger.handler() } else { "" };
    let mut call = Invocation::new(trigger.name(), handler, event);
    call.version.clone_from(&step.version);
    call.time_left = time_left;
    if trigger == Trigger::CredentialsExchange {
        call.facts.insert("target_scopes".into(), true.into());
    }
    call
}

/// Later code sees the event as the `api` of earlier code left it.
fn follow_event(outcome: Outcome, event: &mut Document, verdict: &mut Verdict) {
    let Some(Value::Object(changed)) = outcome.event else { return };
    let chosen = changed.get("transaction").and_then(|transaction| transaction.get("target_scopes"));
    if let Some(scopes) = chosen.and_then(Value::as_array) {
        verdict.target_scopes = Some(scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    *event = changed;
}

impl Triggers for Dispatcher {
    fn listens<'a>(&'a self, tenant: &'a TenantId, trigger: Trigger) -> BoxFuture<'a, identity::Result<bool>> {
        Box::pin(async move {
            let has_rules = trigger == Trigger::PostLogin && self.has_rules(tenant).await?;
            Ok(has_rules || !self.plan(tenant, trigger).await?.steps.is_empty())
        })
    }

    fn fire<'a>(&'a self, tenant: &'a TenantId, firing: Firing<'a>) -> BoxFuture<'a, identity::Result<Verdict>> {
        Box::pin(async move {
            let plan = self.plan(tenant, firing.trigger).await?;
            if firing.trigger.continuation().is_some() {
                return Ok(self.go_on(tenant, &plan, &firing).await?);
            }
            if plan.steps.is_empty() {
                return Ok(Verdict::default());
            }
            let event = self.event(tenant, &firing).await?;
            let registering = Registering { user: firing.user, password: firing.password.as_ref() };
            let start = Start::of(event, Some(registering), self.recorder(firing.trigger));
            Ok(self.run(firing.trigger, &plan, start).await)
        })
    }

    fn fire_action<'a>(
        &'a self,
        tenant: &'a TenantId,
        action: &'a str,
        firing: Firing<'a>,
    ) -> BoxFuture<'a, identity::Result<Option<Verdict>>> {
        Box::pin(async move {
            let event = self.event(tenant, &firing).await?;
            Ok(self.run_action(tenant, firing.trigger, action, event).await?)
        })
    }

    fn run_script<'a>(
        &'a self,
        tenant: &'a TenantId,
        call: ScriptCall,
    ) -> BoxFuture<'a, identity::Result<Result<Value, ScriptError>>> {
        Box::pin(self.ask_script(tenant, call))
    }

    fn listens_within(&self, reader: &Snapshot, trigger: Trigger) -> identity::Result<bool> {
        if let Some(plan) = self.known_plan(reader.tenant(), trigger) {
            return Ok(!plan.steps.is_empty());
        }
        Ok(!Plan::read(reader, trigger, plan::epochs(&self.0.store, reader.tenant()))?.steps.is_empty())
    }

    fn defer(&self, tx: &mut Tx, firing: Firing<'_>) -> identity::Result {
        let host = firing.request.map(|request| host_name(&request.hostname));
        let custom_domain = host.map(|host| tx.find(&model::CUSTOM_DOMAIN, "domain", &host)).transpose()?.flatten();
        let event = events::build(tx.tenant(), &firing, custom_domain.as_ref());
        Ok(deferred::enqueue(tx, firing.trigger, &event)?)
    }
}
