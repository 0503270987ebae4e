//! Executions: what is kept of a run, and what the tenant's log tells of it.

use std::time::Duration;

use identity::{Result, expiring, log::Line};
use kernel::{Document, Record, Tenant, Timestamp, Value, host_name, object, user_agent};
use model::{FLOW, FLOW_EXECUTION, FLOW_TIMES, queues};
use serde_json::{from_value, json, to_value};
use store::{Job, NewJob, StoreResult, Tx};

use super::{End, Engine, state::State};
use crate::{Failure, Outcome};

/// How long executions are kept after their end.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// `executed_at` of a flow is no more exact than this: runs at once would wait for one another.
const EXACTNESS: Duration = Duration::from_secs(1);

impl Engine {
    /// Stores what became of a run, or of a part of it that a job went on with.
    pub(super) async fn settle(
        &self,
        tenant: &Tenant,
        mut state: State,
        end: End,
        job: Option<Job>,
    ) -> Result<Outcome> {
        let is_kept = state.has_waited || matches!(end, End::Waits(_));
        state.has_waited = is_kept;
        let outcome = match &end {
            End::Completed { returned } => {
                Outcome::Completed { vars: state.scope.vars.clone(), returned: returned.clone() }
            }
            End::Said(message) => Outcome::ErrorMessage { message: message.clone(), vars: state.scope.vars.clone() },
            End::Failed(_) => Outcome::Failed,
            End::Waits(_) => Outcome::Waiting { execution_id: state.execution_id.clone() },
        };
        let host = host_name(tenant.host());
        let told = outcome.clone();
        self.services
            .store
            .write(tenant.id(), move |tx: &mut Tx| {
                // Whoever has the job by now tells what happened.
                if let Some(job) = &job
                    && !tx.complete_job(job)?
                {
                    return Ok::<_, identity::Error>(());
                }
                keep(tx, &state, &end, is_kept.then_some(&told))?;
                match &end {
                    End::Waits(until) => wait(tx, &state, *until)?,
                    End::Failed(failure) => log(tx, &state, Some(failure), &host)?,
                    End::Completed { .. } | End::Said(_) => log(tx, &state, None, &host)?,
                }
                Ok(executed(tx, &state)?)
            })
            .await?;
        Ok(outcome)
    }

    /// What has become of an execution that waited.
    pub(super) async fn settled(&self, tenant: &Tenant, execution_id: &str) -> Result<Outcome> {
        let id = execution_id.to_owned();
        let read = self.services.store.read(tenant.id(), move |reader| reader.get(&FLOW_EXECUTION, &id));
        let Some(execution) = read.await? else { return Ok(Outcome::Failed) };
        Ok(execution.sealed.get("outcome").map_or(Outcome::Failed, |kept| read_outcome(kept, execution_id)))
    }
}

/// An outcome as it is kept.
fn kept(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Completed { vars, returned } => json!({"is": "completed", "vars": vars, "returned": returned}),
        Outcome::ErrorMessage { message, vars } => json!({"is": "message", "message": message, "vars": vars}),
        Outcome::Failed => json!({"is": "failed"}),
        Outcome::Waiting { .. } => json!({"is": "waiting"}),
    }
}

fn read_outcome(kept: &Value, execution_id: &str) -> Outcome {
    let document = |name: &str| kept[name].as_object().cloned();
    let vars = document("vars").unwrap_or_default();
    match kept["is"].as_str() {
        Some("completed") => Outcome::Completed { vars, returned: document("returned") },
        Some("message") => {
            Outcome::ErrorMessage { message: kept["message"].as_str().unwrap_or_default().to_owned(), vars }
        }
        Some("waiting") => Outcome::Waiting { execution_id: execution_id.to_owned() },
        _ => Outcome::Failed,
    }
}

/// The state that a record of an execution holds, where it waits.
pub(super) fn waiting_state(execution: &Record) -> Option<State> {
    from_value(execution.sealed.get("state")?.clone()).ok()
}

fn keep(tx: &mut Tx, state: &State, end: &End, outcome: Option<&Outcome>) -> StoreResult<()> {
    // A flow that was deleted meanwhile takes its executions along.
    if tx.get(&FLOW, &state.flow_id)?.is_none() {
        return Ok(());
    }
    let now = tx.now();
    let status = match end {
        End::Waits(_) => "RUNNING",
        End::Failed(_) => "FAILED",
        End::Completed { .. } | End::Said(_) => "COMPLETED",
    };
    let started = state.started.unwrap_or(now);
    let mut document = object(json!({
        "flow_id": state.flow_id,
        "id": state.execution_id,
        "trace_id": state.trace_id,
        "status": status,
        "created_at": started,
        "updated_at": now,
        "started_at": started,
    }));
    if let Some(journey) = &state.journey_id {
        document.insert("journey_id".into(), journey.as_str().into());
    }
    if !matches!(end, End::Waits(_)) {
        document.insert("ended_at".into(), now.into());
    }
    let mut debug = object(json!({"actions": state.trail}));
    let veil = &state.veil;
    match end {
        End::Failed(failure) => {
            debug.insert("error".into(), veil.over(&failure.shown()));
        }
        End::Said(message) => {
            debug.insert("error_message".into(), veil.over_text(message).into());
        }
        End::Waits(until) => {
            debug.insert("waits_until".into(), (*until).into());
        }
        End::Completed { returned: Some(returned) } => {
            debug.insert("returned".into(), veil.over(&returned.clone().into()));
        }
        End::Completed { .. } => {}
    }
    document.insert("debug".into(), debug.into());
    let known = tx.get(&FLOW_EXECUTION, &state.execution_id)?;
    let is_known = known.is_some();
    let mut record = known.unwrap_or_else(|| Record::new(state.execution_id.as_str(), Document::new(), now));
    record.document = document;
    record.sealed.take("state");
    if let End::Waits(_) = end {
        record.sealed.set("state", to_value(state)?);
    }
    if let Some(outcome) = outcome {
        record.sealed.set("outcome", kept(outcome));
    }
    let expires = match end {
        End::Waits(until) => *until + KEPT,
        _ => now + KEPT,
    };
    if is_known {
        expiring::replace(tx, &FLOW_EXECUTION, record, expires)
    } else {
        expiring::keep(tx, &FLOW_EXECUTION, record, expires)
    }
}

fn wait(tx: &mut Tx, state: &State, until: Timestamp) -> StoreResult<()> {
    let payload = object(json!({"execution_id": state.execution_id, "flow_id": state.flow_id}));
    tx.enqueue(NewJob { run_at: Some(until), ..NewJob::new(queues::FLOWS, payload) }).map(drop)
}

/// Writes the entry of a run into the tenant's log.
fn log(tx: &mut Tx, state: &State, failure: Option<&Failure>, host: &str) -> StoreResult<()> {
    let kind = if failure.is_some() { "flows_execution_failed" } else { "flows_execution_completed" };
    let veil = &state.veil;
    let message = failure.map(|failure| veil.over_text(&failure.message)).unwrap_or_default();
    let mut details = object(json!({"execution_id": state.execution_id, "flow_id": state.flow_id}));
    if let Some(failure) = failure {
        details.insert("error".into(), json!({"code": failure.code, "message": message}));
    }
    if let Some(transaction) = state.scope.context.get("transaction").and_then(|transaction| transaction.get("state")) {
        details.insert("state".into(), transaction.clone());
    }
    let caller = &state.caller;
    let line = Line {
        description: &message,
        organization_id: caller.organization_id.as_deref(),
        client_id: caller.client_id.as_deref(),
        user_id: caller.user_id.as_deref(),
        ip: Some(&caller.ip).filter(|ip| !ip.is_empty()).map(String::as_str),
        hostname: Some(host),
        user_agent: &user_agent::summary(&caller.user_agent),
        is_mobile: user_agent::is_mobile(&caller.user_agent),
        ..Line::of(kind)
    };
    let entry = line.to_document(details.into(), tx.now());
    tx.append_log(entry).map(drop)
}

/// Notes when a flow was run last.
fn executed(tx: &mut Tx, state: &State) -> StoreResult<()> {
    let now = tx.now();
    let document = object(json!({"executed_at": now}));
    match tx.get(&FLOW_TIMES, &state.flow_id)? {
        Some(known) if known.updated + EXACTNESS > now => Ok(()),
        Some(known) => tx.update(&FLOW_TIMES, Record { document, ..known }).map(drop),
        None if tx.get(&FLOW, &state.flow_id)?.is_none() => Ok(()),
        None => tx.insert(&FLOW_TIMES, Record::new(state.flow_id.as_str(), document, now)).map(drop),
    }
}

/// Ends a run that nobody goes on with.
pub(super) fn give_up(tx: &mut Tx, state: &State, failure: &Failure) -> StoreResult<()> {
    keep(tx, state, &End::Failed(failure.clone()), Some(&Outcome::Failed))?;
    log(tx, state, Some(failure), &host_name(&state.host))
}
