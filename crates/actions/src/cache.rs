//! `api.cache`: small values that an Action keeps between its runs, one store for each tenant and trigger.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Mutex,
};

use kernel::TenantId;

use crate::frame::CacheEntry;

/// Bytes of keys and values that one store holds.
const SIZE: usize = (16 << 10) + 256;

type Entries = BTreeMap<String, CacheEntry>;

/// The stores of all tenants. The worker judges keys, values and expiry; here they are only kept.
#[derive(Default)]
pub(crate) struct Caches(Mutex<HashMap<(TenantId, String), Entries>>);

impl Caches {
    /// What a tenant's Actions of a trigger have kept.
    pub(crate) fn entries(&self, tenant: &TenantId, trigger: &str) -> Entries {
        let caches = self.0.lock().expect("no holder of this lock panics");
        caches.get(&(tenant.clone(), trigger.to_owned())).cloned().unwrap_or_default()
    }

    /// Takes over what a run changed. A change that would make the store too large is forgotten, as caches may.
    pub(crate) fn change(&self, tenant: &TenantId, trigger: &str, changes: BTreeMap<String, Option<CacheEntry>>) {
        if changes.is_empty() {
            return;
        }
        let mut caches = self.0.lock().expect("no holder of this lock panics");
        let entries = caches.entry((tenant.clone(), trigger.to_owned())).or_default();
        for (key, entry) in changes {
            match entry {
                Some(entry) if size(entries) + key.len() + entry.value.len() <= SIZE => entries.insert(key, entry),
                _ => entries.remove(&key),
            };
        }
    }
}

fn size(entries: &Entries) -> usize {
    entries.iter().map(|(key, entry)| key.len() + entry.value.len()).sum()
}
