//! The worker: takes jobs from the store and does them, whatever happens to the server meanwhile.

use std::time::Duration;

use kernel::object;
use model::queues;
use serde_json::json;
use store::{Job, Store};

use super::{change, exports, imports};
use crate::{connections, keys, worker};

/// How long a worker may be silent before another takes its job.
pub(crate) const LEASE: Duration = Duration::from_secs(60);
/// Tries of a job before it is given up.
const MOST_ATTEMPTS: u64 = 5;

/// Works on the jobs of all tenants until it is dropped.
pub async fn work(store: Store) {
    worker::run(&store, queues::MANAGEMENT, 1, LEASE, |job| done(&store, job)).await;
}

async fn done(store: &Store, job: Job) {
    let job = &job;
    let outcome = match job.payload.get("type").and_then(kernel::Value::as_str) {
        Some("users_import") => imports::run(store, job).await,
        Some("users_export") => exports::run(store, job).await,
        Some(connections::DELETION_JOB) => connections::go_on_deleting(store, job).await,
        Some(connections::SYNCHRONIZATION) => connections::run_synchronization(store, job).await,
        Some(keys::REKEYING) => keys::rekey(store, job).await,
        _ => Ok(()),
    };
    settle(store, job, outcome).await;
}

/// Gives a job back that failed, to be tried again later, or gives it up.
pub(crate) async fn settle(store: &Store, job: &Job, outcome: Result<(), rest::ApiError>) {
    let Err(error) = outcome else { return };
    tracing::warn!(job = job.id, %error, "a job failed");
    let given_up = job.attempts >= MOST_ATTEMPTS;
    let id = job.id.clone();
    let held = job.clone();
    let reason = error.to_string();
    let outcome = store.write(&job.tenant, move |tx| {
        if given_up {
            change(tx, &id, object(json!({"status": "failed", "status_details": "The job could not be completed."})))?;
            tx.fail_job(&held, &reason)?;
        } else {
            let later = tx.now() + LEASE;
            tx.retry_job(&held, later, &reason)?;
        }
        Ok::<_, rest::ApiError>(())
    });
    if let Err(error) = outcome.await {
        tracing::warn!(job = job.id, %error, "a job could not be given back");
    }
}
