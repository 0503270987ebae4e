//! How often lists have applied: counted in memory, and told in the tenant's log after each ten minutes (`acls_summary`).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use identity::log::Line;
use kernel::{TenantId, Timestamp, Value};
use serde_json::json;
use store::{Store, StoreError, Tx};
use tokio::sync::Notify;

/// Seconds that a summary is about.
const WINDOW: i64 = 600;
/// How often it is looked whether a window has ended, where no request tells it.
const LOOK: Duration = Duration::from_secs(30);
/// Lists of one tenant that are counted between two summaries; each change of a list is another one.
const MOST: usize = 500;

/// How often one list was asked, and has applied.
#[derive(Debug)]
pub(super) struct Count {
    id: String,
    description: String,
    priority: f64,
    action: &'static str,
    requests: AtomicU64,
    matches: AtomicU64,
}

impl Count {
    pub(super) fn new(id: &str, description: String, priority: f64, action: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            description,
            priority,
            action,
            requests: AtomicU64::new(0),
            matches: AtomicU64::new(0),
        }
    }

    /// A request in the list's scope.
    pub(super) fn note(&self, applies: bool) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if applies {
            self.matches.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What is told of it, if it has applied; it begins anew.
    fn take(&self) -> Option<Value> {
        let (requests, matches) = (self.requests.swap(0, Ordering::Relaxed), self.matches.swap(0, Ordering::Relaxed));
        #[expect(clippy::cast_possible_truncation, reason = "priorities reach from 1 to 100")]
        let priority = self.priority as i64;
        (matches > 0).then(|| {
            json!({
                "acl_id": self.id,
                "description": self.description,
                "priority": priority,
                "action": self.action,
                "match": {"success": matches},
                "total_request_count": {"successes": requests},
            })
        })
    }
}

/// A stretch of ten minutes, in numbers of those since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window(i64);

impl Window {
    fn of(now: Timestamp) -> Self {
        Self(now.seconds().div_euclid(WINDOW))
    }

    fn start(self) -> Timestamp {
        Timestamp::from_seconds(self.0 * WINDOW)
    }
}

/// What is counted for all tenants.
#[derive(Default)]
pub(super) struct Counts {
    of_tenants: Mutex<HashMap<TenantId, Vec<Arc<Count>>>>,
    /// The window in which something was counted and not told yet; none at 0.
    open: AtomicI64,
    ended: Notify,
}

impl Counts {
    /// Has these told of with their tenant's next summary.
    pub(super) fn follow<'c>(&self, tenant: &TenantId, counts: impl Iterator<Item = &'c Arc<Count>>) {
        let mut of_tenants = self.of_tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let known = of_tenants.entry(tenant.clone()).or_default();
        known.extend(counts.cloned());
        let excess = known.len().saturating_sub(MOST);
        known.drain(..excess);
    }

    /// Something has been counted.
    pub(super) fn note(&self, now: Timestamp) {
        let Window(now) = Window::of(now);
        if self.open.load(Ordering::Relaxed) == now {
            return;
        }
        if self.open.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            self.ended.notify_one();
        }
    }

    /// Until a window may have ended.
    pub(super) async fn wait(&self) {
        let _ = tokio::time::timeout(LOOK, self.ended.notified()).await;
    }

    /// The window that is to be told of, if it is over.
    pub(super) fn ended(&self, now: Timestamp) -> Option<Window> {
        self.current().filter(|window| *window != Window::of(now))
    }

    /// The window in which something was counted, if anything was.
    pub(super) fn current(&self) -> Option<Window> {
        let open = self.open.load(Ordering::Relaxed);
        (open != 0).then_some(Window(open))
    }

    /// Writes the summaries of a window, and begins anew.
    pub(super) async fn write(&self, store: &Store, window: Window) {
        self.open.store(0, Ordering::Relaxed);
        let (from, to) = (window.start(), Window(window.0 + 1).start());
        for (tenant, stats) in self.take() {
            let details = json!({"start_time": from, "end_time": to, "stats": stats});
            let append = move |tx: &mut Tx| {
                tx.append_log(Line::of("acls_summary").to_document(details.clone(), tx.now()))?;
                Ok::<_, StoreError>(())
            };
            if let Err(error) = store.write(&tenant, append).await {
                tracing::warn!(%tenant, %error, "a summary of network ACLs could not be written");
            }
        }
    }

    /// What is told of each tenant; counts that belong to no list any more are forgotten.
    fn take(&self) -> Vec<(TenantId, Vec<Value>)> {
        let mut of_tenants = self.of_tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Vec::new();
        of_tenants.retain(|tenant, counts| {
            let stats: Vec<Value> = counts.iter().filter_map(|count| count.take()).collect();
            if !stats.is_empty() {
                told.push((tenant.clone(), stats));
            }
            counts.retain(|count| Arc::strong_count(count) > 1);
            !counts.is_empty()
        });
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_have_applied_are_told_of_once() {
        let (counts, tenant) = (Counts::default(), TenantId::new("t"));
        let kept = Arc::new(Count::new("acl_1", "d".to_owned(), 3.0, "block"));
        let gone = Arc::new(Count::new("acl_2", "d".to_owned(), 4.0, "log"));
        counts.follow(&tenant, [&kept, &gone].into_iter());
        kept.note(true);
        kept.note(false);
        gone.note(false);
        drop(gone);
        let stats = json!([{
            "acl_id": "acl_1", "description": "d", "priority": 3, "action": "block", "match": {"success": 1},
            "total_request_count": {"successes": 2},
        }]);
        assert_eq!(counts.take(), [(tenant, stats.as_array().unwrap().clone())]);
        assert_eq!(counts.take(), []);
        drop(kept);
        counts.take();
        assert!(counts.of_tenants.lock().unwrap().is_empty());
    }

    #[test]
    fn a_window_ends_after_ten_minutes() {
        let counts = Counts::default();
        let at = |seconds: i64| Timestamp::from_seconds(6_000 + seconds);
        assert_eq!(counts.ended(at(0)), None);
        counts.note(at(1));
        assert_eq!((counts.ended(at(599)), counts.ended(at(600))), (None, Some(Window(10))));
        assert_eq!(Window(10).start(), at(0));
    }
}
