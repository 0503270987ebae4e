//! The workers of an installation: who gets one, who waits, which one ends.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use kernel::TenantId;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{Settings, worker::Worker};

/// Processor time that a worker may use while nobody uses it.
const IDLE_CPU: Duration = Duration::from_secs(1);

/// Warm workers, each of one version of one program, bounded in number and memory.
#[derive(Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Those that nobody uses, the last used one last.
    idle: Vec<Idle>,
    /// How many each tenant uses.
    busy: HashMap<TenantId, usize>,
}

struct Idle {
    tenant: TenantId,
    program: String,
    worker: Worker,
    since: Instant,
    /// What it had used of the processor when it was first looked at since it was given back.
    cpu: Option<Duration>,
}

impl State {
    fn busy_of(&self, tenant: &TenantId) -> usize {
        self.busy.get(tenant).copied().unwrap_or_default()
    }

    fn all(&self) -> usize {
        self.idle.len() + self.busy.values().sum::<usize>()
    }

    /// An idle worker of the program. One that has run another program's code is never taken.
    fn take_idle(&mut self, tenant: &TenantId, program: &str) -> Option<Worker> {
        loop {
            let position = self.idle.iter().rposition(|idle| idle.tenant == *tenant && idle.program == program)?;
            let mut worker = self.idle.remove(position).worker;
            if worker.is_alive() {
                return Some(worker);
            }
        }
    }
}

/// All workers were busy for too long.
#[derive(Debug)]
pub(crate) struct Exhausted;

/// The right to use one worker alone. Dropped without [`Lease::release`], the worker ends.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    tenant: TenantId,
    program: String,
    worker: Option<Worker>,
}

impl Pool {
    /// A warm worker of a program of a tenant, or the right to start one.
    pub(crate) async fn acquire(
        &self,
        tenant: &TenantId,
        program: &str,
        settings: &Settings,
        patience: Duration,
    ) -> Result<Lease<'_>, Exhausted> {
        let deadline = Instant::now() + patience;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(lease) = self.try_acquire(tenant, program, settings) {
                return Ok(lease);
            }
            timeout_at(deadline, changed).await.map_err(|_| Exhausted)?;
        }
    }

    /// A lease with an idle worker, or the right to start one.
    fn try_acquire(&self, tenant: &TenantId, program: &str, settings: &Settings) -> Option<Lease<'_>> {
        let mut state = self.lock();
        if state.busy_of(tenant) >= settings.limits.workers {
            return None;
        }
        let worker = state.take_idle(tenant, program);
        if worker.is_none() && state.all() >= settings.pool {
            if state.idle.is_empty() {
                return None;
            }
            state.idle.remove(0);
        }
        *state.busy.entry(tenant.clone()).or_default() += 1;
        Some(Lease { pool: self, tenant: tenant.clone(), program: program.to_owned(), worker })
    }

    /// Ends the workers that nobody has used for long, that do something although nobody uses them, and, the longest idle first, as
    /// many as it takes to keep their memory within its bound.
    pub(crate) fn watch(&self, settings: &Settings) {
        let mut state = self.lock();
        state.idle.retain_mut(|idle| {
            let used = idle.worker.processor_time();
            let is_quiet = used.saturating_sub(*idle.cpu.get_or_insert(used)) < IDLE_CPU;
            if !is_quiet {
                tracing::warn!(
                    tenant = idle.tenant.as_str(),
                    "a script worker is ended: it worked although nothing ran in it"
                );
            }
            is_quiet && idle.since.elapsed() < settings.idle && idle.worker.is_alive()
        });
        let mut held = 0;
        let mut kept = state.idle.len();
        for idle in state.idle.iter().rev() {
            held += idle.worker.memory();
            if held > settings.idle_memory {
                break;
            }
            kept -= 1;
        }
        state.idle.drain(..kept);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Lease<'_> {
    /// Whether a worker has to be started.
    pub(crate) fn is_empty(&self) -> bool {
        self.worker.is_none()
    }

    /// The worker, after it is put in if there was none.
    pub(crate) fn worker(&mut self) -> &mut Worker {
        self.worker.as_mut().expect("whoever got an empty lease has put a worker in")
    }

    /// Puts a worker in that has been started.
    pub(crate) fn put(&mut self, worker: Worker) {
        self.worker = Some(worker);
    }

    /// Keeps the worker for the next call.
    pub(crate) fn release(mut self) {
        if let Some(worker) = self.worker.take() {
            let (tenant, program) = (self.tenant.clone(), std::mem::take(&mut self.program));
            self.pool.lock().idle.push(Idle { tenant, program, worker, since: Instant::now(), cpu: None });
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if let Some(busy) = state.busy.get_mut(&self.tenant) {
            *busy -= 1;
            if *busy == 0 {
                state.busy.remove(&self.tenant);
            }
        }
        drop(state);
        self.pool.changed.notify_waiters();
    }
}
