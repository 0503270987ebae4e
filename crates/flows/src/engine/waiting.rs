//! Flows that wait: a job goes on with each when its time has come, on whichever node.

use std::time::Duration;

use delivery::{Failed, Queue, runner};
use identity::Result;
use model::{FLOW_EXECUTION, queues};
use store::{Job, StoreResult, Tx};

use super::{Engine, execution};
use crate::Failure;

const QUEUE: Queue = Queue {
    name: queues::FLOWS,
    at_once: 16,
    lease: Duration::from_secs(15),
    attempts: 4,
    pause: Duration::from_secs(20),
    given_up: Some(given_up),
};

impl Engine {
    /// Goes on with flows of all tenants that waited, until it is dropped.
    pub async fn work(self) {
        let store = self.services.store.clone();
        runner::run(&store, &QUEUE, |job| {
            let engine = &self;
            async move { engine.go_on(job).await.map_err(Failed::for_now) }
        })
        .await;
    }

    async fn go_on(&self, job: Job) -> Result {
        let store = &self.services.store;
        let id = execution_of(&job);
        let execution = store.read(&job.tenant, move |reader| reader.get(&FLOW_EXECUTION, &id)).await?;
        let state = execution.as_ref().and_then(execution::waiting_state);
        let tenant = store.tenant(&job.tenant).await?;
        // An execution, or a flow with all of its executions, may be deleted while it waits.
        let (Some(mut state), Some(tenant)) = (state, tenant) else {
            store.complete_job(&job).await?;
            return Ok(());
        };
        let tenant = if state.host == tenant.host() {
            tenant
        } else {
            store.tenant_at(&state.host).await?.filter(|found| found.id() == tenant.id()).unwrap_or(tenant)
        };
        let end = self.until_end(&tenant, &mut state).await;
        self.settle(&tenant, state, end, Some(job)).await.map(drop)
    }
}

fn execution_of(job: &Job) -> String {
    job.payload.get("execution_id").and_then(|id| id.as_str()).unwrap_or_default().to_owned()
}

/// A flow that its workers never came to an end with has failed.
fn given_up(tx: &mut Tx, job: &Job) -> StoreResult<()> {
    let Some(record) = tx.get(&FLOW_EXECUTION, &execution_of(job))? else { return Ok(()) };
    let Some(state) = execution::waiting_state(&record) else { return Ok(()) };
    let failure = Failure::new("INTERNAL_ERROR", "The flow could not be gone on with.");
    execution::give_up(tx, &state, &failure)
}
