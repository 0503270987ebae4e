//! Which tenants hosts lead to, as it is remembered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use kernel::{Tenant, TenantId};
use quick_cache::sync::Cache;

/// How many answers are kept, unknown hosts among them.
const KEPT: usize = 20_000;

/// What is asked of the table.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    Host(Box<str>),
    Tenant(TenantId),
    Only,
}

/// What the table answered, as long as nothing of it changes.
pub(crate) struct Hosts {
    known: Cache<Question, Option<Tenant>>,
    /// Grows with each change: what was read before it may be old.
    changes: AtomicU64,
    is_bypassed: AtomicBool,
}

impl Hosts {
    pub(crate) fn new() -> Self {
        Self { known: Cache::new(KEPT), changes: AtomicU64::new(0), is_bypassed: AtomicBool::new(false) }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.known.clear();
    }

    /// Keeps nothing while other nodes' changes cannot be heard of.
    pub(crate) fn bypass(&self, is_bypassed: bool) {
        self.is_bypassed.store(is_bypassed, Ordering::SeqCst);
        self.clear();
    }

    /// What is remembered of an answer; none where it has to be looked up.
    #[expect(clippy::option_option, reason = "an answer may be that there is no tenant")]
    pub(crate) fn get(&self, question: &Question) -> Option<Option<Tenant>> {
        self.known.get(question)
    }

    /// What an answer is to be read under, to be kept.
    pub(crate) fn stamp(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Keeps an answer, unless something has changed since its stamp was taken.
    pub(crate) fn keep(&self, stamp: u64, question: &Question, answer: Option<Tenant>) {
        if self.is_bypassed.load(Ordering::SeqCst) || self.changes.load(Ordering::SeqCst) != stamp {
            return;
        }
        self.known.insert(question.clone(), answer);
        // A change that came while the answer was put in has cleared too early.
        if self.changes.load(Ordering::SeqCst) != stamp {
            self.known.remove(question);
        }
    }
}
