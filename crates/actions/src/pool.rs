//! The workers of an installation: who gets one, who waits, which one ends.

use std::{collections::HashMap, io, sync::Mutex, time::Duration};

use kernel::TenantId;
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{Settings, engine::Launch, worker::Worker};

/// Warm workers, bounded in number.
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
    worker: Worker,
    since: Instant,
}

impl State {
    fn busy_of(&self, tenant: &TenantId) -> usize {
        self.busy.get(tenant).copied().unwrap_or_default()
    }

    fn all(&self) -> usize {
        self.idle.len() + self.busy.values().sum::<usize>()
    }

    /// An idle worker of the tenant, one that has loaded the program before all others.
    fn take_idle(&mut self, tenant: &TenantId, program: &str) -> Option<Worker> {
        self.idle.retain_mut(|idle| idle.worker.is_alive());
        let of_tenant = |idle: &Idle| idle.tenant == *tenant;
        let warm = self.idle.iter().rposition(|idle| of_tenant(idle) && idle.worker.has(program));
        let position = warm.or_else(|| self.idle.iter().rposition(of_tenant))?;
        Some(self.idle.remove(position).worker)
    }
}

/// Why there is no worker.
#[derive(Debug)]
pub(crate) enum NoWorker {
    /// All were busy for too long.
    Exhausted,
    /// The process could not be started.
    Failed(io::Error),
}

/// A worker that its holder uses alone. Dropped without [`Lease::release`], it ends.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    tenant: TenantId,
    worker: Option<Worker>,
}

impl Pool {
    /// A worker for a program of a tenant, a warm one if possible, or a new one started with `launch`.
    pub(crate) async fn acquire(
        &self,
        tenant: &TenantId,
        program: &str,
        launch: &Launch,
        settings: &Settings,
        patience: Duration,
    ) -> Result<Lease<'_>, NoWorker> {
        let deadline = Instant::now() + patience;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(mut lease) = self.try_acquire(tenant, program, settings) {
                if lease.worker.is_none() {
                    lease.worker = Some(Worker::start(launch, settings).await.map_err(NoWorker::Failed)?);
                }
                return Ok(lease);
            }
            timeout_at(deadline, changed).await.map_err(|_| NoWorker::Exhausted)?;
        }
    }

    /// A lease with an idle worker, or the right to start one.
    fn try_acquire(&self, tenant: &TenantId, program: &str, settings: &Settings) -> Option<Lease<'_>> {
        let mut state = self.lock();
        let worker = state.take_idle(tenant, program);
        if worker.is_none() {
            if state.busy_of(tenant) >= settings.limits.workers {
                return None;
            }
            if state.all() >= settings.pool {
                if state.idle.is_empty() {
                    return None;
                }
                state.idle.remove(0);
            }
        }
        *state.busy.entry(tenant.clone()).or_default() += 1;
        Some(Lease { pool: self, tenant: tenant.clone(), worker })
    }

    /// Ends the workers that nobody has used for so long.
    pub(crate) fn end_idle(&self, longest: Duration) {
        self.lock().idle.retain(|idle| idle.since.elapsed() < longest);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Lease<'_> {
    /// The worker.
    pub(crate) fn worker(&mut self) -> &mut Worker {
        self.worker.as_mut().expect("a lease is handed out with its worker")
    }

    /// Keeps the worker for the next call.
    pub(crate) fn release(mut self) {
        if let Some(worker) = self.worker.take() {
            let idle = Idle { tenant: self.tenant.clone(), worker, since: Instant::now() };
            self.pool.lock().idle.push(idle);
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
