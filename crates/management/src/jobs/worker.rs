//! The worker: takes jobs from the store and does them, whatever happens to the server meanwhile.

use std::time::Duration;

use delivery::{Failed, Queue, runner};
use identity::deletion;
use model::queues;
use store::{Job, Store};

use super::{exports, imports};
use crate::{connections, keys};

/// How long a worker may be silent before another takes its job.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
const QUEUE: Queue = Queue {
    name: queues::MANAGEMENT,
    at_once: 1,
    lease: LEASE,
    attempts: 5,
    pause: LEASE,
    given_up: Some(runner::given_up),
};

/// Works on the jobs of all tenants until it is dropped.
pub async fn work(store: Store) {
    runner::run(&store, &QUEUE, |job| done(&store, job)).await;
}

async fn done(store: &Store, job: Job) -> Result<(), Failed> {
    let job = &job;
    let outcome = match job.payload.get("type").and_then(kernel::Value::as_str) {
        Some("users_import") => imports::run(store, job).await,
        Some("users_export") => exports::run(store, job).await,
        Some(deletion::JOB) => deletion::go_on(store, job).await.map_err(Into::into),
        Some(connections::SYNCHRONIZATION) => connections::run_synchronization(store, job).await,
        Some(keys::REKEYING) => keys::rekey(store, job).await,
        _ => return Err(Failed::unknown(job)),
    };
    outcome.map_err(Failed::for_now)
}
