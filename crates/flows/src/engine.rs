//! The engine: runs the actions of a flow one after the other, and keeps what happened.

mod execution;
mod state;
mod waiting;

use std::time::Duration;

use identity::Result;
use kernel::{Document, Tenant, Timestamp, Value, id::Form};
use model::FLOW;
use serde_json::json;

use crate::{
    BoxFuture, Failure, Flows, Outcome, Run, Services,
    actions::{Action, Done},
    doing::Doing,
    expressions::Evaluator,
    params::Params,
    token_cache::Tokens,
    vouching::{Paid, Payment, Solved},
};
use state::State;

/// Actions of one run, those of branches included.
const STEPS: usize = 500;
/// How long a run may take between two waits.
const TIME: Duration = Duration::from_secs(50);
/// Bytes that the outputs of a run may have together.
const HELD: usize = 4 << 20;

/// Runs flows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) services: Services,
    pub(crate) tokens: Tokens,
}

/// How a run, or a part of it between two waits, ends.
#[derive(Debug)]
enum End {
    Completed { returned: Option<Document> },
    Said(String),
    Failed(Failure),
    Waits(Timestamp),
}

impl Engine {
    /// An engine of these services.
    pub fn new(services: Services) -> Self {
        Self { services, tokens: Tokens::default() }
    }

    async fn begin(&self, run: Run<'_>) -> Result<Outcome> {
        let id = run.flow_id.to_owned();
        let read = self.services.store.read(run.tenant.id(), move |reader| reader.get(&FLOW, &id));
        let Some(flow) = read.await? else { return Ok(Outcome::Failed) };
        let mut state = State::of(&run, &flow.revealed(), self.services.store.context());
        let end = self.until_end(run.tenant, &mut state).await;
        self.settle(run.tenant, state, end, None).await
    }

    /// Runs what is left until it ends or waits, within bounds.
    async fn until_end(&self, tenant: &Tenant, state: &mut State) -> End {
        let driven = tokio::time::timeout(TIME, self.drive(tenant, state)).await;
        driven.unwrap_or_else(|_| {
            End::Failed(Failure::new("FLOW_TIMEOUT", format!("The flow took longer than {} seconds.", TIME.as_secs())))
        })
    }

    async fn drive(&self, tenant: &Tenant, state: &mut State) -> End {
        while let Some(action) = state.pending.pop() {
            state.steps += 1;
            if state.steps > STEPS {
                return End::Failed(Failure::new("TOO_MANY_ACTIONS", format!("A flow runs at most {STEPS} actions.")));
            }
            match self.step(tenant, state, Action::read(&action)).await {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(failure) => return End::Failed(failure),
            }
        }
        End::Completed { returned: None }
    }

    /// Does one action. Its end is that of the run, where it is one.
    async fn step(
        &self,
        tenant: &Tenant,
        state: &mut State,
        action: Action,
    ) -> std::result::Result<Option<End>, Failure> {
        let started = self.services.store.context().now();
        let mut input = Value::Null;
        let done = self.attempt(tenant, state, &action, &mut input).await;
        let (mut end, mut failed) = (None, None);
        let output = match done {
            Ok(Done::Output(output)) => output,
            Ok(Done::Branch { taken, actions }) => {
                state.pending.extend(actions.into_iter().rev());
                json!({"result": taken})
            }
            Ok(Done::Vars(vars)) => {
                state.scope.vars.extend(vars);
                Value::Null
            }
            Ok(Done::Wait(duration)) => {
                end = (!duration.is_zero()).then(|| End::Waits(started + duration));
                Value::Null
            }
            Ok(Done::Say(message)) => {
                end = Some(End::Said(message));
                Value::Null
            }
            Ok(Done::Return(payload)) => {
                end = Some(End::Completed { returned: Some(payload) });
                Value::Null
            }
            Err(failure) => {
                let shown = failure.shown();
                failed = Some(failure);
                json!({"error": shown})
            }
        };
        state.learn(&action, &output);
        state.note(&action, (started, self.services.store.context().now()), &input, &output, failed.is_some());
        state.held += output.to_string().len();
        if state.held > HELD {
            return Err(Failure::new("PAYLOAD_TOO_LARGE", "The outputs of the flow's actions are too large together."));
        }
        if !output.is_null() {
            state.scope.actions.insert(action.id, output);
        }
        match failed {
            Some(failure) if !action.allow_failure => Err(failure),
            _ => Ok(end),
        }
    }

    /// Resolves the parameters of an action and does it. `input` becomes what an execution shows of them.
    async fn attempt(
        &self,
        tenant: &Tenant,
        state: &mut State,
        action: &Action,
        input: &mut Value,
    ) -> std::result::Result<Done, Failure> {
        let resolved = {
            let evaluator = Evaluator::new(&state.scope, self.services.store.context());
            let resolved = action.resolve(&evaluator);
            for text in evaluator.masked() {
                state.veil.hide(text);
            }
            resolved?
        };
        state.veil.learn_members(&resolved.params);
        *input = Value::Object(resolved.shown);
        if let Some((taken, actions)) = resolved.branch {
            return Ok(Done::Branch { taken, actions });
        }
        let mut doing = Doing {
            services: &self.services,
            tokens: &self.tokens,
            tenant,
            caller: &state.caller,
            veil: &mut state.veil,
        };
        doing.perform(action, Params(&resolved.params)).await
    }
}

impl Flows for Engine {
    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(self.begin(run))
    }

    fn outcome<'a>(&'a self, tenant: &'a Tenant, execution_id: &'a str) -> BoxFuture<'a, Result<Outcome>> {
        Box::pin(self.settled(tenant, execution_id))
    }

    fn solved(&self, solved: Solved) -> BoxFuture<'_, bool> {
        Box::pin(self.services.is_solved(solved))
    }

    fn pay(&self, payment: Payment) -> BoxFuture<'_, Paid> {
        Box::pin(self.services.paid(payment))
    }
}

/// Identifiers of executions.
const EXECUTION: Form = Form::Base58("aex_");

#[cfg(test)]
mod tests;
