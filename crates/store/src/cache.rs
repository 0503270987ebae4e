//! Hot records in memory. An entry is gone before the write that changed its record is acknowledged.

mod hosts;
mod log_parts;
mod names;

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use kernel::{Record, TenantId};
use quick_cache::{Equivalent, sync::Cache};

pub(crate) use self::{
    hosts::{Hosts, Question},
    log_parts::{LogPart, LogParts},
    names::Names,
};

/// How many records are kept.
const RECORDS: usize = 20_000;
const STRIPES: usize = 256;

/// A record with its unique keys (numbers of their names, and values).
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) record: Arc<Record>,
    pub(crate) keys: Arc<[(i64, String)]>,
}

/// What is known of a record.
#[derive(Clone)]
pub(crate) enum Known {
    There(Entry),
    /// There is none.
    Absent,
}

impl Known {
    pub(crate) fn record(self) -> Option<Arc<Record>> {
        match self {
            Self::There(entry) => Some(entry.record),
            Self::Absent => None,
        }
    }
}

/// The caches of one node.
///
/// The race "read an old record, see it invalidated, keep it" is settled by stamps: a reader takes the stamp of the
/// key's stripe before it reads the database; an invalidation raises it after the commit; and only what was read
/// under the current stamp is kept.
pub(crate) struct Caches {
    /// Records, and singletons that are not there.
    records: Cache<Key, Known>,
    /// From a unique key to an identifier. Never invalidated: the entry found by it must still have the key.
    aliases: Cache<Alias, Arc<str>>,
    stripes: Box<[Mutex<u64>]>,
    hasher: RandomState,
    epochs: RwLock<HashMap<TenantId, HashMap<Box<str>, u64>>>,
    /// Added to every epoch.
    base: AtomicU64,
    is_bypassed: AtomicBool,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    kind: Box<str>,
    id: Box<str>,
}

#[derive(Hash)]
struct KeyRef<'a> {
    tenant: &'a TenantId,
    kind: &'a str,
    id: &'a str,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.id == *key.id && *self.kind == *key.kind && *self.tenant == key.tenant
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Alias {
    tenant: TenantId,
    kind: Box<str>,
    key: i64,
    value: Box<str>,
}

#[derive(Hash)]
struct AliasRef<'a> {
    tenant: &'a TenantId,
    kind: &'a str,
    key: i64,
    value: &'a str,
}

impl Equivalent<Alias> for AliasRef<'_> {
    fn equivalent(&self, alias: &Alias) -> bool {
        *self.value == *alias.value
            && self.key == alias.key
            && *self.kind == *alias.kind
            && *self.tenant == alias.tenant
    }
}

/// What the database's state was when a read began.
#[derive(Clone, Copy)]
pub(crate) struct Stamp(Option<u64>);

impl Caches {
    pub(crate) fn new() -> Self {
        Self {
            records: Cache::new(RECORDS),
            aliases: Cache::new(RECORDS),
            stripes: (0..STRIPES).map(|_| Mutex::new(0)).collect(),
            hasher: RandomState::new(),
            epochs: RwLock::default(),
            base: AtomicU64::new(0),
            is_bypassed: AtomicBool::new(false),
        }
    }

    /// What is known of a record, if anything is.
    pub(crate) fn get(&self, tenant: &TenantId, kind: &str, id: &str) -> Option<Known> {
        self.records.get(&KeyRef { tenant, kind, id })
    }

    /// The entry that has this unique key.
    pub(crate) fn get_by(&self, tenant: &TenantId, kind: &str, key: i64, value: &str) -> Option<Entry> {
        let id = self.aliases.get(&AliasRef { tenant, kind, key, value })?;
        let Known::There(entry) = self.get(tenant, kind, &id)? else { return None };
        entry.keys.iter().any(|(name, text)| *name == key && text == value).then_some(entry)
    }

    /// Taken before the database is read for a record whose identifier is known.
    pub(crate) fn stamp(&self, tenant: &TenantId, kind: &str, id: &str) -> Stamp {
        let stamp = *self.stripe(&KeyRef { tenant, kind, id });
        // Asked after the lock: whoever bypasses the caches raises all stamps afterwards.
        Stamp((!self.is_bypassed.load(Ordering::SeqCst)).then_some(stamp))
    }

    /// Keeps what was read since the stamp was taken, unless it may be old.
    pub(crate) fn keep(&self, stamp: Stamp, tenant: &TenantId, kind: &str, id: &str, entry: Option<&Entry>) {
        let current = self.stripe(&KeyRef { tenant, kind, id });
        if stamp.0 == Some(*current) {
            self.records.insert(
                Key { tenant: tenant.clone(), kind: kind.into(), id: id.into() },
                entry.cloned().map_or(Known::Absent, Known::There),
            );
        }
    }

    /// Remembers which record was found by a unique key.
    pub(crate) fn keep_alias(&self, tenant: &TenantId, kind: &str, key: i64, value: &str, id: &str) {
        let alias = Alias { tenant: tenant.clone(), kind: kind.into(), key, value: value.into() };
        self.aliases.insert(alias, id.into());
    }

    /// Drops a record that was written.
    pub(crate) fn invalidate(&self, tenant: &TenantId, kind: &str, id: &str) {
        let key = KeyRef { tenant, kind, id };
        let mut stamp = self.stripe(&key);
        *stamp += 1;
        self.records.remove(&key);
    }

    /// Raises the epoch of a kind.
    pub(crate) fn advance(&self, tenant: &TenantId, kind: &str) {
        let mut epochs = self.epochs.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(epoch) = epochs.get_mut(tenant).and_then(|kinds| kinds.get_mut(kind)) {
            *epoch += 1;
        } else {
            epochs.entry(tenant.clone()).or_default().insert(kind.into(), 1);
        }
    }

    pub(crate) fn epoch(&self, tenant: &TenantId, kind: &str) -> u64 {
        if self.is_bypassed.load(Ordering::SeqCst) {
            return self.base.fetch_add(1, Ordering::SeqCst) + 1;
        }
        let base = self.base.load(Ordering::SeqCst);
        let epochs = self.epochs.read().unwrap_or_else(PoisonError::into_inner);
        base + epochs.get(tenant).and_then(|kinds| kinds.get(kind)).copied().unwrap_or(0)
    }

    /// Drops everything and raises all epochs.
    pub(crate) fn clear(&self) {
        for stripe in &self.stripes {
            *stripe.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
        self.records.clear();
        self.base.fetch_add(1, Ordering::SeqCst);
    }

    /// Keeps nothing while other nodes' writes cannot be heard of.
    pub(crate) fn bypass(&self, is_bypassed: bool) {
        if is_bypassed {
            self.is_bypassed.store(true, Ordering::SeqCst);
            self.clear();
        } else {
            self.clear();
            self.is_bypassed.store(false, Ordering::SeqCst);
        }
    }

    fn stripe(&self, key: &KeyRef<'_>) -> MutexGuard<'_, u64> {
        let hash = self.hasher.hash_one(key);
        let index = usize::try_from(hash % STRIPES as u64).expect("stripes are few");
        self.stripes[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
