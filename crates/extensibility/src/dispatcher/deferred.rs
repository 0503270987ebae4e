//! Code that nobody waits for: it runs as a job of the change that made its trigger fire, so that none is lost.

use std::time::Duration;

use delivery::{Failed, Queue, runner};
use identity::triggers::{self, Trigger};
use kernel::{Document, Value, object};
use model::queues;
use serde_json::json;
use store::{Job, NewJob, StoreResult, Tx};

use super::{Dispatcher, Start};
use crate::builds;

const QUEUE: Queue = Queue {
    name: queues::SCRIPTS,
    at_once: 4,
    // More than the packages of a build take.
    lease: Duration::from_secs(180),
    attempts: 5,
    pause: Duration::from_secs(60),
    given_up: None,
};

/// Has the code at a trigger run once the transaction is committed.
pub(super) fn enqueue(tx: &mut Tx, trigger: Trigger, event: &Document) -> StoreResult {
    let payload = object(json!({"type": "trigger", "trigger": trigger.name(), "event": event}));
    tx.enqueue(NewJob::new(queues::SCRIPTS, payload))?;
    Ok(())
}

impl Dispatcher {
    /// Works on deferred code and builds of all tenants until it is dropped.
    pub async fn work(self) {
        runner::run(self.store(), &QUEUE, |job| self.done(job)).await;
    }

    async fn done(&self, job: Job) -> Result<(), Failed> {
        let outcome = match job.payload.get("type").and_then(Value::as_str) {
            Some("trigger") => self.fire_deferred(&job).await,
            Some(builds::JOB) => builds::run(self.store(), self.runtime(), &job).await,
            _ => return Err(Failed::unknown(&job)),
        };
        outcome.map_err(Failed::for_now)
    }

    async fn fire_deferred(&self, job: &Job) -> StoreResult {
        let name = job.payload.get("trigger").and_then(Value::as_str).unwrap_or_default();
        let event = job.payload.get("event").and_then(Value::as_object).cloned();
        let mut execution = None;
        if let (Some(trigger), Some(event)) = (Trigger::named(name), event) {
            let plan = self.plan(&job.tenant, trigger).await?;
            if !plan.steps.is_empty() {
                execution = self.run(trigger, &plan, Start::of(event, None, self.recorder(trigger))).await.execution;
            }
        }
        let held = job.clone();
        let work = move |tx: &mut Tx| {
            // Whoever has the job now, if it took too long here, tells what happened.
            if tx.complete_job(&held)? {
                triggers::keep(tx, &execution)?;
            }
            Ok(())
        };
        self.store().write(&job.tenant, work).await
    }
}
