//! What all transactions of one store share: context, keys, names, caches.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use kernel::{Context, TenantId};
use tokio::sync::Notify;

use crate::{
    RootKey, StoreError, StoreResult,
    cache::{Caches, Hosts, LogParts, Names},
    changes::Changes,
    connection::Connection,
    keyring,
    log_id::time_of_id,
    seal::DataKeys,
    veil::Veil,
};

/// Tenants of whom it is remembered what is being deleted.
const MOST_VEILED: usize = 20_000;

/// Shared by all transactions of one store.
pub(crate) struct Shared {
    pub(crate) context: Context,
    pub(crate) root_key: RootKey,
    pub(crate) names: Names,
    pub(crate) caches: Caches,
    pub(crate) hosts: Hosts,
    pub(crate) log_parts: LogParts,
    /// What is being deleted of tenants, and at which epoch of deletions.
    pub(crate) veils: quick_cache::sync::Cache<TenantId, (u64, Arc<[Veil]>)>,
    /// Told whenever a job may have become due.
    pub(crate) jobs: Notify,
    /// Told whenever this node has appended to a log.
    pub(crate) logs: Notify,
    /// Told whenever an event was stored.
    pub(crate) events: Notify,
    /// Tells this node's notifications from those of others.
    pub(crate) node: String,
    tenants: RwLock<HashMap<TenantId, Arc<Tenant>>>,
    /// Grows whenever something is forgotten of tenants: what was read before that is not remembered.
    forgotten: AtomicU64,
}

/// What is known of a tenant.
pub(crate) struct Tenant {
    pub(crate) number: i64,
    pub(crate) keys: DataKeys,
    /// What bearers present is hashed under it.
    pub(crate) hash_key: aws_lc_rs::hmac::Key,
    /// The time in the newest log id, in microseconds; `i64::MIN` before the first was looked up.
    pub(crate) log_time: AtomicI64,
}

impl Tenant {
    /// The time for the next log id: now, but never before an earlier one.
    pub(crate) fn next_log_time(&self, now: i64) -> i64 {
        self.log_time.fetch_max(now, Ordering::Relaxed).max(now)
    }
}

impl Shared {
    pub(crate) fn new(context: Context, root_key: RootKey) -> Self {
        let node = context.id(kernel::id::Form::Hex24);
        Self {
            context,
            root_key,
            names: Names::default(),
            caches: Caches::new(),
            hosts: Hosts::new(),
            log_parts: LogParts::default(),
            veils: quick_cache::sync::Cache::new(MOST_VEILED),
            jobs: Notify::new(),
            events: Notify::new(),
            logs: Notify::new(),
            node,
            tenants: RwLock::default(),
            forgotten: AtomicU64::new(0),
        }
    }

    /// The tenant, from memory or from the database.
    pub(crate) fn tenant(&self, connection: &Connection, id: &TenantId) -> StoreResult<Arc<Tenant>> {
        let known = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some(tenant) = known {
            return Ok(tenant);
        }
        let before = self.forgotten.load(Ordering::SeqCst);
        let unknown = || StoreError::UnknownTenant(id.clone());
        let tenant = Arc::new(self.load_tenant(connection, id)?.ok_or_else(unknown)?);
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        if self.forgotten.load(Ordering::SeqCst) != before {
            // The transaction may be older than what was to be forgotten, such as the end of a tenant of this name.
            return Ok(tenant);
        }
        Ok(Arc::clone(tenants.entry(id.clone()).or_insert(tenant)))
    }

    /// Forgets what is known of a tenant, so that its keys are read anew.
    pub(crate) fn forget_tenant(&self, id: &TenantId) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        tenants.remove(id);
    }

    /// Forgets all tenants.
    pub(crate) fn forget_tenants(&self) {
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        tenants.clear();
    }

    pub(crate) fn load_tenant(&self, connection: &Connection, id: &TenantId) -> StoreResult<Option<Tenant>> {
        let name = id.as_str();
        let number =
            connection.first("SELECT number FROM tenants WHERE name = $1", &[name.into()], |row| row.int(0))?;
        let Some(number) = number else { return Ok(None) };
        let keys = keyring::data_keys(connection, &self.root_key, name, number)?;
        let hash_key = keyring::hash_key(connection, &self.root_key, name, number)?;
        let sql = "SELECT max(log_id) FROM logs WHERE tenant = $1";
        let newest = connection
            .only(sql, &[number.into()], |row| Ok(row.optional_text(0)?.and_then(time_of_id).unwrap_or(i64::MIN)))?;
        Ok(Some(Tenant { number, keys, hash_key, log_time: AtomicI64::new(newest) }))
    }

    /// Lets everybody in this process know of a commit: caches first, so that nobody reads old after it is acknowledged.
    pub(crate) fn publish(&self, tenant: Option<&TenantId>, changes: &Changes) {
        if let Some(tenant) = tenant {
            let mut kinds: Vec<&str> = Vec::new();
            for (kind, id) in &changes.records {
                self.caches.invalidate(tenant, kind, id);
                if !kinds.contains(&&**kind) {
                    kinds.push(kind);
                }
            }
            for kind in kinds.into_iter().chain(changes.relations.iter().map(|relation| &**relation)) {
                self.caches.advance(tenant, kind);
            }
            if changes.has_new_keys {
                self.forget_tenant(tenant);
            }
        }
        if changes.has_veils {
            self.caches.clear();
        }
        if changes.has_deleted_tenant {
            self.caches.clear();
            self.forget_tenants();
        }
        if changes.has_hosts {
            self.hosts.clear();
        }
        self.log_parts.keep(&changes.log_parts);
        if changes.has_jobs {
            self.jobs.notify_waiters();
        }
        if changes.has_logs {
            self.logs.notify_waiters();
        }
        if changes.has_events {
            self.events.notify_waiters();
        }
    }
}
