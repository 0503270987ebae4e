//! Tidying up: what nobody can ask for any more goes.

use std::time::Duration;

use kernel::Timestamp;
use store::{Store, StoreResult, Tx};

/// Time between two rounds.
const PAUSE: Duration = Duration::from_secs(3600);
/// How many rows go in one transaction.
const AT_ONCE: u32 = 500;
/// How long events can be followed from: whoever was away for longer begins anew.
const EVENTS_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long jobs that were given up are kept, for whoever looks into why.
const FAILED_JOBS_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Tidies up for all tenants, again and again, until it is dropped: it asks one question for all of them, and works for those
/// alone that have something out of date. The tenant log is kept for so long; without a time, for ever.
pub async fn work(store: Store, log_retention: Option<Duration>) {
    loop {
        if let Err(error) = round(&store, log_retention).await {
            tracing::warn!(%error, "what is out of date could not be removed");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn round(store: &Store, log_retention: Option<Duration>) -> StoreResult<()> {
    // What nobody need be told of, until less than a batch is left.
    while store.sweep(AT_ONCE).await? >= AT_ONCE.into() {}
    for tenant in store.tenants_with_expired_sessions().await? {
        let most = usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        while store.write(&tenant, |tx| identity::sessions::end_expired(tx, AT_ONCE)).await? >= most {}
    }
    let now = store.context().now();
    let events_from = before(now, EVENTS_KEPT);
    for tenant in store.tenants_with_events_before(events_from).await? {
        while store.write(&tenant, move |tx: &mut Tx| tx.prune_events(events_from, AT_ONCE)).await? >= AT_ONCE.into() {}
    }
    while store.prune_jobs(before(now, FAILED_JOBS_KEPT), AT_ONCE).await? >= AT_ONCE.into() {}
    let Some(kept) = log_retention else { return Ok(()) };
    let logs_from = before(now, kept);
    for tenant in store.tenants_with_logs_before(logs_from).await? {
        while store.write(&tenant, move |tx: &mut Tx| tx.prune_logs(logs_from, AT_ONCE)).await? >= AT_ONCE.into() {}
    }
    while store.prune_log_parts(logs_from, AT_ONCE).await? >= AT_ONCE.into() {}
    Ok(())
}

fn before(now: Timestamp, kept: Duration) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_sub(i64::try_from(kept.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::{Context, Document, TenantId};
    use store::{Database, EventPosition, Options, RootKey};

    use super::*;

    #[tokio::test]
    async fn the_tenant_log_goes_after_its_time_and_sessions_after_theirs() {
        let clock = Arc::new(kernel::FixedClock::at(Timestamp::from_seconds(1_000_000)));
        let context = Context::new(clock.clone(), Arc::new(kernel::SeededRandom::new(1)));
        let root_key = RootKey::generate(&context);
        let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
        let tenant = TenantId::new("t");
        store.create_tenant(&tenant).await.unwrap();
        let fill = |tx: &mut Tx| {
            for _ in 0..1_200 {
                tx.append_log(Document::new())?;
            }
            let login = identity::sessions::Login {
                id: None,
                authenticated: tx.now(),
                user_id: "jane".to_owned(),
                connection: None,
                organization_id: None,
                methods: Vec::new(),
                agent: store::Agent::default(),
                is_persistent: None,
                expires: None,
                idle_expires: None,
            };
            identity::sessions::begin(tx, &identity::sessions::Lifetimes::default(), None, login).map(drop)
        };
        store.write(&tenant, fill).await.unwrap();
        let day = Duration::from_secs(86_400);
        let left = async || {
            round(&store, Some(30 * day)).await.unwrap();
            let expired = store.tenants_with_expired_sessions().await.unwrap().len();
            let count = |reader: &store::Snapshot| reader.count_logs(&store::Filter::All);
            (store.read(&tenant, count).await.unwrap(), expired)
        };
        clock.advance(29 * day);
        assert_eq!(left().await, (1_200, 0));
        store.write(&tenant, |tx: &mut Tx| tx.append_log(Document::new())).await.unwrap();
        clock.advance(2 * day);
        assert_eq!(left().await, (1, 0));
    }

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
            round(&store, None).await.unwrap();
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
