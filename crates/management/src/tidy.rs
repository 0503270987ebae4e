//! Tidying up: what nobody can ask for any more goes.

use std::time::Duration;

use kernel::{TenantId, Timestamp};
use store::{Store, StoreResult, Tx};

/// Time between two rounds.
const PAUSE: Duration = Duration::from_secs(3600);
/// How long events can be followed from: whoever was away for longer begins anew.
const EVENTS_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long jobs that were given up are kept, for whoever looks into why.
const FAILED_JOBS_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Tidies up for all tenants, again and again, until it is dropped.
pub async fn work(store: Store) {
    loop {
        if let Err(error) = round(&store).await {
            tracing::warn!(%error, "what is out of date could not be removed");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn round(store: &Store) -> StoreResult<()> {
    for tenant in store.tenants().await? {
        tidy(store, &tenant).await?;
    }
    Ok(())
}

async fn tidy(store: &Store, tenant: &TenantId) -> StoreResult<()> {
    let work = |tx: &mut Tx| {
        tx.prune_events(before(tx.now(), EVENTS_KEPT))?;
        tx.prune_jobs(before(tx.now(), FAILED_JOBS_KEPT)).map(drop)
    };
    store.write(tenant, work).await
}

fn before(now: Timestamp, kept: Duration) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_sub(i64::try_from(kept.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::{Context, Document};
    use store::{Database, EventPosition, Options, RootKey};

    use super::*;

    #[tokio::test]
    async fn events_go_after_a_month() {
        let clock = Arc::new(kernel::FixedClock::at(Timestamp::from_seconds(1_000_000)));
        let context = Context::new(clock.clone(), Arc::new(kernel::SeededRandom::new(1)));
        let root_key = RootKey::generate(&context);
        let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        let append = |tx: &mut Tx| tx.append_event("user.created", &Document::new());
        let kept = async || {
            round(&store).await.unwrap();
            store.read(&tenant, |reader| reader.events_after(EventPosition::default(), 10)).await.unwrap().len()
        };
        store.write(&tenant, append).await.unwrap();
        clock.advance(Duration::from_secs(29 * 86_400));
        store.write(&tenant, append).await.unwrap();
        assert_eq!(kept().await, 2);
        clock.advance(Duration::from_secs(2 * 86_400));
        assert_eq!(kept().await, 1);
    }
}
