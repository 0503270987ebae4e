//! Workers: they take due jobs of a queue from the store and do them, whatever happens to the server meanwhile.

use std::time::Duration;

use futures::future::join_all;
use store::{Job, Store, StoreResult};

/// Looks at the queue even when nobody calls.
const PATIENCE: Duration = Duration::from_secs(15);

/// Works on the jobs of all tenants until it is dropped, `most` of them at a time.
pub(crate) async fn run<F, R>(store: &Store, queue: &str, most: u32, lease: Duration, work: F)
where
    F: Fn(Job) -> R,
    R: Future<Output = ()>,
{
    loop {
        let enqueued = store.jobs_enqueued();
        match store.lease_jobs(queue, most, lease).await {
            Ok(jobs) if !jobs.is_empty() => {
                join_all(jobs.into_iter().map(&work)).await;
                continue;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(queue, %error, "jobs cannot be leased"),
        }
        let wait = until_next(store, queue).await.unwrap_or(PATIENCE);
        // Whether a call or the time ended the wait makes no difference.
        let _ = tokio::time::timeout(wait, enqueued).await;
    }
}

async fn until_next(store: &Store, queue: &str) -> StoreResult<Duration> {
    let next = store.next_job_at(queue).await?;
    let micros = next.map_or(i64::MAX, |at| at.micros() - store.context().now().micros());
    Ok(Duration::from_micros(micros.max(0).unsigned_abs()).min(PATIENCE))
}
