//! Whose turn it is: how many scripts of one connection run at a time.

use std::{sync::Arc, time::Duration};

use kernel::TenantId;
use quick_cache::sync::Cache;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// Scripts of one connection that run at a time: half of what a tenant may run, so that a database that hangs leaves the other half.
const AT_ONCE: usize = 2;
/// How long a call waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The turns of all connections.
pub(crate) struct Turns(Cache<(TenantId, String), Arc<Semaphore>>);

impl Turns {
    /// For this many connections at a time.
    pub(crate) fn new(connections: usize) -> Self {
        Self(Cache::new(connections))
    }

    /// Waits for a turn, which lasts until the permit is dropped; `None` where that takes too long.
    pub(crate) async fn take(&self, tenant: &TenantId, connection: &str) -> Option<OwnedSemaphorePermit> {
        let key = (tenant.clone(), connection.to_owned());
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(Semaphore::new(AT_ONCE)));
        let Ok(turns) = self.0.get_or_insert_with(&key, fresh);
        timeout(PATIENCE, turns.acquire_owned()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_hangs_holds_no_other() {
        let (turns, tenant) = (Turns::new(10), TenantId::new("tenant"));
        let _one = turns.take(&tenant, "con_1").await.unwrap();
        let other = turns.take(&tenant, "con_1").await.unwrap();
        assert!(turns.take(&tenant, "con_1").await.is_none());
        assert!(turns.take(&tenant, "con_2").await.is_some());
        assert!(turns.take(&TenantId::new("other"), "con_1").await.is_some());
        drop(other);
        assert!(turns.take(&tenant, "con_1").await.is_some());
    }
}
