//! The runner of jobs: it takes due jobs of a queue from the store, of all tenants, and has them done, whatever happens
//! to the server meanwhile.

use std::{convert::Infallible, fmt::Display, panic::AssertUnwindSafe, pin::pin, time::Duration};

use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use http::StatusCode;
use kernel::{Value, object};
use model::JOB;
use serde_json::json;
use store::{Job, Store, StoreResult, Tx};

/// Looks at the queue even when nobody calls.
const PATIENCE: Duration = Duration::from_secs(15);

/// How the jobs of a queue are done.
#[derive(Clone, Copy, Debug)]
pub struct Queue {
    /// Its name.
    pub name: &'static str,
    /// How many jobs are done at a time.
    pub at_once: u32,
    /// How long after the end of its worker a job is given to another.
    pub lease: Duration,
    /// How often a job is begun before it is given up. A beginning counts even if the server does not outlive it.
    pub attempts: u64,
    /// The wait before a job is tried again that failed in a way that its work does not handle itself.
    pub pause: Duration,
    /// What is written when a job is given up, beside the job itself.
    pub given_up: Option<fn(&mut Tx, &Job) -> StoreResult<()>>,
}

/// Why a job was not done.
#[derive(Debug)]
pub enum Failed {
    /// Another try may do it.
    ForNow(String),
    /// It cannot be done.
    ForEver(String),
}

/// Whether an answer means that another try may end otherwise.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY)
}

impl Failed {
    /// An error that another time may not be there.
    pub fn for_now(error: impl Display) -> Self {
        Self::ForNow(error.to_string())
    }

    /// Nobody knows how to do jobs of this kind.
    pub fn unknown(job: &Job) -> Self {
        let kind = job.payload.get("type").and_then(|kind| kind.as_str()).unwrap_or("no type");
        Self::ForEver(format!("jobs of {kind} are not known"))
    }
}

/// Works on the jobs of all tenants until it is dropped. Whoever does a job completes it in the transaction of its
/// effects; one that failed, also by a panic, is tried again later or given up here.
pub async fn run<F, R>(store: &Store, queue: &Queue, work: F)
where
    F: Fn(Job) -> R,
    R: Future<Output = Result<(), Failed>>,
{
    let most = usize::try_from(queue.at_once).unwrap_or(usize::MAX);
    let mut running = FuturesUnordered::new();
    loop {
        let enqueued = store.jobs_enqueued();
        let room = most - running.len();
        let mut is_more_due = false;
        if room > 0 {
            let leased = store.lease_jobs(queue.name, u32::try_from(room).unwrap_or(u32::MAX), queue.lease);
            match beside(&mut running, leased).await {
                Ok(jobs) => {
                    is_more_due = jobs.len() == room;
                    running.extend(jobs.into_iter().map(|job| done(store, queue, job, &work)));
                }
                Err(error) => tracing::warn!(queue = queue.name, %error, "jobs cannot be leased"),
            }
        }
        if running.len() == most || is_more_due {
            running.next().await;
            continue;
        }
        let wait = beside(&mut running, until_next(store, queue.name)).await.unwrap_or(PATIENCE);
        tokio::select! {
            _ = running.next(), if !running.is_empty() => {}
            // Whether a call or the time ended the wait makes no difference.
            _ = tokio::time::timeout(wait, enqueued) => {}
        }
    }
}

/// Has one job done. Nothing that happens in it reaches the others.
async fn done<F, R>(store: &Store, queue: &Queue, job: Job, work: &F)
where
    F: Fn(Job) -> R,
    R: Future<Output = Result<(), Failed>>,
{
    let outcome = if job.attempts > queue.attempts {
        Err(Failed::ForEver(format!("it was begun {} times and never came to an end", queue.attempts)))
    } else {
        let held = job.clone();
        let work = AssertUnwindSafe(async { work(held).await }).catch_unwind();
        tokio::select! {
            outcome = work => outcome.unwrap_or_else(|_| Err(Failed::for_now("it panicked"))),
            never = held_meanwhile(store, queue, &job) => match never {},
        }
    };
    let Err(failed) = outcome else { return };
    let (reason, is_over) = match failed {
        Failed::ForNow(reason) => (reason, job.attempts >= queue.attempts),
        Failed::ForEver(reason) => (reason, true),
    };
    tracing::warn!(queue = queue.name, job = job.id, reason, is_given_up = is_over, "a job failed");
    let (held, pause, given_up) = (job.clone(), queue.pause, queue.given_up);
    let settled = store.write(&job.tenant, move |tx: &mut Tx| {
        if !is_over {
            let later = tx.now() + pause;
            return tx.retry_job(&held, later, &reason).map(drop);
        }
        if tx.fail_job(&held, &reason)?
            && let Some(given_up) = given_up
        {
            given_up(tx, &held)?;
        }
        Ok(())
    });
    if let Err::<(), store::StoreError>(error) = settled.await {
        tracing::warn!(queue = queue.name, job = job.id, %error, "a job could not be given back");
    }
}

/// Holds the lease of a job that is being done: short leases end soon after their worker, and long work keeps its own.
async fn held_meanwhile(store: &Store, queue: &Queue, job: &Job) -> Infallible {
    loop {
        tokio::time::sleep(queue.lease / 3).await;
        // Whoever has lost the job learns that when it is done.
        if let Err(error) = store.hold_job(job, queue.lease).await {
            tracing::warn!(queue = queue.name, job = job.id, %error, "a lease could not be held");
        }
    }
}

/// Tells callers that a job was given up, where they can see it.
pub fn given_up(tx: &mut Tx, job: &Job) -> StoreResult<()> {
    tell(tx, job, json!({"status": "failed", "status_details": "The job could not be completed."}))
}

/// Tells callers of a job, where they can see it.
pub(crate) fn tell(tx: &mut Tx, job: &Job, members: Value) -> StoreResult<()> {
    let Some(mut shown) = tx.get(&JOB, &job.id)? else { return Ok(()) };
    shown.document.extend(object(members));
    tx.update(&JOB, shown).map(drop)
}

/// Waits for an answer while the jobs go on: one that stood still with a connection of the store in hand would be waited for by
/// whoever needs a connection, this answer too.
async fn beside<T>(running: &mut FuturesUnordered<impl Future<Output = ()>>, asked: impl Future<Output = T>) -> T {
    let mut asked = pin!(asked);
    loop {
        tokio::select! {
            answer = &mut asked => return answer,
            Some(()) = running.next(), if !running.is_empty() => {}
        }
    }
}

async fn until_next(store: &Store, queue: &str) -> StoreResult<Duration> {
    let next = store.next_job_at(queue).await?;
    let micros = next.map_or(i64::MAX, |at| at.micros() - store.context().now().micros());
    Ok(Duration::from_micros(micros.max(0).unsigned_abs()).min(PATIENCE))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use kernel::{Context, TenantId};
    use store::{Database, JobCount, NewJob, Options, RootKey, StoreError};

    use super::*;

    static GIVEN_UP: AtomicU64 = AtomicU64::new(0);
    const QUEUE: Queue = Queue {
        name: "test",
        at_once: 2,
        lease: Duration::from_secs(60),
        attempts: 3,
        pause: Duration::ZERO,
        given_up: Some(|_, _| {
            GIVEN_UP.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }),
    };

    #[tokio::test]
    async fn a_job_that_cannot_be_done_is_given_up_and_harms_no_other() {
        let context = Context::system();
        let root_key = RootKey::generate(&context);
        let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        let enqueue = |tx: &mut Tx| {
            for kind in ["panics", "unknown", "good"] {
                tx.enqueue(NewJob::new(QUEUE.name, object(json!({"type": kind}))))?;
            }
            Ok::<_, StoreError>(())
        };
        store.write(&tenant, enqueue).await.unwrap();
        let tries = AtomicU64::new(0);
        let runner = run(&store, &QUEUE, |job| {
            let (store, tries) = (&store, &tries);
            async move {
                match job.payload["type"].as_str() {
                    Some("panics") => {
                        tries.fetch_add(1, Ordering::Relaxed);
                        panic!("as it does");
                    }
                    Some("good") => store.complete_job(&job).await.map(drop).map_err(Failed::for_now),
                    _ => Err(Failed::unknown(&job)),
                }
            }
        });
        let given_up = vec![JobCount { queue: QUEUE.name.into(), have_failed: true, count: 2 }];
        let settled = async {
            while store.jobs().await.unwrap() != given_up {
                tokio::task::yield_now().await;
            }
        };
        let work = async {
            tokio::select! { () = runner => {}, () = settled => {} }
        };
        tokio::time::timeout(Duration::from_secs(30), work).await.unwrap();
        assert_eq!((tries.load(Ordering::Relaxed), GIVEN_UP.load(Ordering::Relaxed)), (QUEUE.attempts, 2));
    }

    #[tokio::test]
    async fn jobs_that_read_do_not_stand_in_the_way_of_one_another() {
        const MANY: Queue = Queue { at_once: 16, ..QUEUE };
        let folder = tempfile::tempdir().unwrap();
        let context = Context::system();
        let root_key = RootKey::generate(&context);
        let database = Database::File(folder.path().join("aught.db"));
        let store = Store::open(Options { database, root_key, context }).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        let done = AtomicU64::new(0);
        let runner = run(&store, &MANY, |job| {
            let (store, done) = (&store, &done);
            async move {
                for _ in 0..5 {
                    store.jobs().await.map_err(Failed::for_now)?;
                }
                done.fetch_add(1, Ordering::Relaxed);
                store.complete_job(&job).await.map(drop).map_err(Failed::for_now)
            }
        });
        // One after the other, so that the runner looks for more while some are being done.
        let enqueued = async {
            for _ in 0..100 {
                let enqueue = |tx: &mut Tx| tx.enqueue(NewJob::new(MANY.name, object(json!({})))).map(drop);
                store.write::<(), StoreError>(&tenant, enqueue).await.unwrap();
            }
            while done.load(Ordering::Relaxed) < 100 {
                tokio::task::yield_now().await;
            }
        };
        let work = async {
            tokio::select! { () = runner => {}, () = enqueued => {} }
        };
        tokio::time::timeout(Duration::from_secs(60), work).await.unwrap();
    }
}
