//! Jobs: what must be done outside a transaction, recorded inside one. Workers of any node lease jobs; a job whose
//! worker vanishes is leased again when the lease has run out.

use std::{borrow::Cow, time::Duration};

use kernel::{Document, Sealed, TenantId, Timestamp, id::Form};
use tokio::sync::futures::Notified;

use crate::{Snapshot, Store, StoreError, StoreResult, Tx, connection::Row, index::indexed, store::Mode};

/// Under which name sealed payloads are encrypted.
const PLACE: &str = "job";

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its identifier; without one it gets `job_` and 16 letters or digits.
    pub id: Option<String>,
    /// Who does it: workers lease by queue.
    pub queue: Cow<'static, str>,
    /// What is to be done.
    pub payload: Document,
    /// The part of it that must not leak.
    pub sealed: Sealed,
    /// Not before this time; without one at once.
    pub run_at: Option<Timestamp>,
}

impl NewJob {
    /// A job to be done at once.
    pub fn new(queue: impl Into<Cow<'static, str>>, payload: Document) -> Self {
        Self { id: None, queue: queue.into(), payload, sealed: Sealed::new(), run_at: None }
    }
}

/// A job that was enqueued and is not completed.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The tenant for whom it is done.
    pub tenant: TenantId,
    /// Its identifier among the tenant's jobs.
    pub id: String,
    /// Who does it.
    pub queue: String,
    /// What is to be done.
    pub payload: Document,
    /// The part of it that must not leak.
    pub sealed: Sealed,
    /// How far it is, as the last worker told.
    pub progress: Document,
    /// How often it was leased.
    pub attempts: u64,
    /// What went wrong last.
    pub error: Option<String>,
    /// Whether it was given up.
    pub has_failed: bool,
    /// Not before this time.
    pub run_at: Timestamp,
    /// When it was enqueued.
    pub created: Timestamp,
    /// Which lease this is; a later one ends it.
    lease: i64,
}

/// How many jobs of a queue there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// The queue.
    pub queue: String,
    /// Whether these were given up; the others wait or are being done.
    pub have_failed: bool,
    /// How many.
    pub count: u64,
}

/// A select of the columns that [`Snapshot::job_of`] reads, and the texts given.
macro_rules! select_job {
    ($($text:literal),*) => {
        concat!(
            "SELECT t.name, j.id, n.name, j.payload, j.sealed, j.progress, j.attempts, j.error, j.has_failed, j.run_at, ",
            "j.created, j.lease FROM jobs AS j JOIN tenants AS t ON t.number = j.tenant JOIN names AS n ON n.number = j.queue",
            $($text),*
        )
    };
}

impl Snapshot {
    /// The job with this identifier, unless it is completed.
    pub fn job(&self, id: &str) -> StoreResult<Option<Job>> {
        let sql = select_job!(" WHERE j.tenant = $1 AND j.id = $2");
        self.connection.first(sql, &[self.number(), indexed(id).into()], |row| self.job_of(row))
    }

    fn job_of(&self, row: &Row<'_>) -> StoreResult<Job> {
        let id = row.text(1)?;
        Ok(Job {
            tenant: TenantId::new(row.text(0)?),
            queue: row.text(2)?.to_owned(),
            payload: serde_json::from_str(row.text(3)?)?,
            sealed: self.unseal(PLACE, id, row.bytes(4)?)?,
            progress: serde_json::from_str(row.text(5)?)?,
            attempts: u64::try_from(row.int(6)?).unwrap_or(0),
            error: row.optional_text(7)?.map(str::to_owned),
            has_failed: row.int(8)? != 0,
            run_at: Timestamp::from_micros(row.int(9)?),
            created: Timestamp::from_micros(row.int(10)?),
            lease: row.int(11)?,
            id: id.to_owned(),
        })
    }
}

impl Tx {
    /// Enqueues a job, to be done after this transaction is committed, and gives its identifier. `Taken` when the
    /// tenant has a job of this identifier.
    pub fn enqueue(&mut self, job: NewJob) -> StoreResult<String> {
        let NewJob { id, queue, payload, sealed, run_at } = job;
        let id = id.unwrap_or_else(|| self.context().id(Form::Alnum16("job_")));
        if id.contains('\0') {
            return Err(StoreError::Unstorable("identifier"));
        }
        let queue = self.intern(&queue)?;
        let sealed = self.seal(PLACE, &id, &sealed)?;
        let sql = "INSERT INTO jobs (tenant, id, queue, run_at, leased_until, lease, attempts, has_failed, created, \
                   payload, sealed, progress) VALUES ($1, $2, $3, $4, 0, 0, 0, 0, $5, $6, $7, '{}') \
                   ON CONFLICT (tenant, id) DO NOTHING";
        let params = [
            self.number(),
            (&id).into(),
            queue.into(),
            run_at.unwrap_or(self.now).micros().into(),
            self.now.micros().into(),
            serde_json::to_string(&payload)?.into(),
            sealed.as_deref().into(),
        ];
        if self.connection.execute(sql, &params)? == 0 {
            // PostgreSQL does not count the look of ON CONFLICT as a read: whoever ends the job meanwhile, for having found nothing to do
            // yet, would not be told that there is something now. This read has one of both transactions run again.
            let sql = "SELECT seq FROM jobs WHERE tenant = $1 AND id = $2";
            self.connection.first(sql, &[self.number(), (&id).into()], |row| row.int(0))?;
            return Err(StoreError::Taken { key: "id".to_owned() });
        }
        self.changes.has_jobs = true;
        Ok(id)
    }

    /// Ends a job that is done; `false` when the lease is not held any more, and the job is somebody else's. In the
    /// transaction of the job's effects this makes them happen once.
    pub fn complete_job(&mut self, job: &Job) -> StoreResult<bool> {
        let sql = "DELETE FROM jobs WHERE tenant = $1 AND id = $2 AND lease = $3";
        Ok(self.connection.execute(sql, &[self.number(), (&job.id).into(), job.lease.into()])? > 0)
    }

    /// Ends a job whoever holds it: what it was to do is done. `false` when there is none.
    pub fn cancel_job(&mut self, id: &str) -> StoreResult<bool> {
        let sql = "DELETE FROM jobs WHERE tenant = $1 AND id = $2";
        Ok(self.connection.execute(sql, &[self.number(), indexed(id).into()])? > 0)
    }

    /// Gives a job back, to be tried again at a later time; `false` when the lease is not held any more.
    pub fn retry_job(&mut self, job: &Job, run_at: Timestamp, error: &str) -> StoreResult<bool> {
        let sql = "UPDATE jobs SET leased_until = 0, lease = lease + 1, run_at = $1, error = $2 \
                   WHERE tenant = $3 AND id = $4 AND lease = $5";
        let params = [run_at.micros().into(), indexed(error).into(), self.number(), (&job.id).into(), job.lease.into()];
        self.changes.has_jobs = true;
        Ok(self.connection.execute(sql, &params)? > 0)
    }

    /// Gives a job up: it stays, with its error, but nobody leases it; `false` when the lease is not held any more.
    pub fn fail_job(&mut self, job: &Job, error: &str) -> StoreResult<bool> {
        let sql = "UPDATE jobs SET has_failed = 1, lease = lease + 1, error = $1 \
                   WHERE tenant = $2 AND id = $3 AND lease = $4";
        let params = [indexed(error).into(), self.number(), (&job.id).into(), job.lease.into()];
        Ok(self.connection.execute(sql, &params)? > 0)
    }

    /// Records how far a job is, and holds its lease for so long from now; `false` when it is not held any more.
    pub fn continue_job(&mut self, job: &Job, progress: &Document, lease: Duration) -> StoreResult<bool> {
        let until = self.now + lease;
        let sql = "UPDATE jobs SET leased_until = $1, progress = $2 WHERE tenant = $3 AND id = $4 AND lease = $5";
        let progress = serde_json::to_string(progress)?;
        let params = [until.micros().into(), progress.into(), self.number(), (&job.id).into(), job.lease.into()];
        Ok(self.connection.execute(sql, &params)? > 0)
    }
}

impl Store {
    /// Removes at most so many of the jobs, of all tenants, that were given up and enqueued before a time, and tells how many they were.
    pub async fn prune_jobs(&self, before: Timestamp, most: u32) -> StoreResult<u64> {
        self.transact(Mode::Write, None, move |tx: &mut Tx| {
            let sql =
                "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE has_failed = 1 AND created < $1 LIMIT $2)";
            tx.connection.execute(sql, &[before.micros().into(), i64::from(most).into()])
        })
        .await
    }

    /// Leases due jobs of a queue, of all tenants, those first that have waited longest. Nobody else gets them before
    /// the lease has run out.
    pub async fn lease_jobs(&self, queue: &str, most: u32, lease: Duration) -> StoreResult<Vec<Job>> {
        let queue = queue.to_owned();
        self.transact(Mode::Lease, None, move |tx: &mut Tx| {
            let Some(queue) = tx.number_of(&queue)? else { return Ok(Vec::new()) };
            let now = tx.now.micros();
            let sql = "SELECT seq FROM jobs WHERE queue = $1 AND has_failed = 0 AND run_at <= $2 AND leased_until <= $3 \
                       ORDER BY run_at, seq LIMIT $4";
            let sql = sql.to_owned() + tx.connection.skip_locked();
            let params = [queue.into(), now.into(), now.into(), i64::from(most).into()];
            let due = tx.connection.query(&sql, &params, |row| row.int(0))?;
            let mut jobs = Vec::with_capacity(due.len());
            for seq in due {
                let sql = "UPDATE jobs SET leased_until = $1, lease = lease + 1, attempts = attempts + 1 WHERE seq = $2";
                let until = tx.now + lease;
                tx.connection.later(sql, &[until.micros().into(), seq.into()])?;
                let sql = "SELECT t.name FROM jobs AS j JOIN tenants AS t ON t.number = j.tenant WHERE j.seq = $1";
                let tenant = tx.connection.only(sql, &[seq.into()], |row| Ok(TenantId::new(row.text(0)?)))?;
                tx.enter(&tenant)?;
                let sql = select_job!(" WHERE j.seq = $1");
                jobs.push(tx.connection.only(sql, &[seq.into()], |row| tx.job_of(row))?);
            }
            Ok(jobs)
        })
        .await
    }

    /// How many jobs there are, of all tenants, by queue and state.
    pub async fn jobs(&self) -> StoreResult<Vec<JobCount>> {
        self.transact(Mode::Read, None, |tx: &mut Tx| {
            let sql = "SELECT n.name, j.has_failed, COUNT(*) FROM jobs AS j JOIN names AS n ON n.number = j.queue \
                       GROUP BY n.name, j.has_failed ORDER BY n.name, j.has_failed";
            tx.connection.query(sql, &[], |row| {
                let (queue, have_failed) = (row.text(0)?.to_owned(), row.int(1)? != 0);
                Ok(JobCount { queue, have_failed, count: u64::try_from(row.int(2)?).unwrap_or(0) })
            })
        })
        .await
    }

    /// When the next job of a queue is due or its lease runs out; none when the queue is empty.
    pub async fn next_job_at(&self, queue: &str) -> StoreResult<Option<Timestamp>> {
        let queue = queue.to_owned();
        self.transact(Mode::Read, None, move |tx: &mut Tx| {
            let Some(queue) = tx.number_of(&queue)? else { return Ok(None) };
            let sql = "SELECT CASE WHEN run_at > leased_until THEN run_at ELSE leased_until END AS due FROM jobs \
                       WHERE queue = $1 AND has_failed = 0 ORDER BY due LIMIT 1";
            tx.connection.first(sql, &[queue.into()], |row| Ok(Timestamp::from_micros(row.int(0)?)))
        })
        .await
    }

    /// Wakes when a job is enqueued or given back, on this node or another. Made before [`Store::lease_jobs`] is
    /// asked and awaited after it, it misses nothing.
    pub fn jobs_enqueued(&self) -> Notified<'_> {
        self.shared().jobs.notified()
    }

    /// Holds the lease of a job for so long from now; `false` when it is not held any more.
    pub async fn hold_job(&self, job: &Job, lease: Duration) -> StoreResult<bool> {
        let held = job.clone();
        let work = move |tx: &mut Tx| {
            let sql = "UPDATE jobs SET leased_until = $1 WHERE tenant = $2 AND id = $3 AND lease = $4";
            let until = tx.now + lease;
            let params = [until.micros().into(), tx.number(), (&held.id).into(), held.lease.into()];
            Ok(tx.connection.execute(sql, &params)? > 0)
        };
        self.write(&job.tenant, work).await
    }

    /// As [`Tx::complete_job`], in a transaction of its own.
    pub async fn complete_job(&self, job: &Job) -> StoreResult<bool> {
        let done = job.clone();
        self.write(&job.tenant, move |tx| tx.complete_job(&done)).await
    }

    /// As [`Tx::retry_job`], in a transaction of its own.
    pub async fn retry_job(&self, job: &Job, run_at: Timestamp, error: &str) -> StoreResult<bool> {
        let (tried, error) = (job.clone(), error.to_owned());
        self.write(&job.tenant, move |tx| tx.retry_job(&tried, run_at, &error)).await
    }

    /// As [`Tx::fail_job`], in a transaction of its own.
    pub async fn fail_job(&self, job: &Job, error: &str) -> StoreResult<bool> {
        let (failed, error) = (job.clone(), error.to_owned());
        self.write(&job.tenant, move |tx| tx.fail_job(&failed, &error)).await
    }

    /// As [`Tx::continue_job`], in a transaction of its own.
    pub async fn continue_job(&self, job: &Job, progress: &Document, lease: Duration) -> StoreResult<bool> {
        let (held, progress) = (job.clone(), progress.clone());
        self.write(&job.tenant, move |tx| tx.continue_job(&held, &progress, lease)).await
    }
}
