//! Tokens of connections, kept in memory.

use std::sync::Arc;

use kernel::{Secret, TenantId, Timestamp};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

/// Connections whose tokens are kept.
const MOST: usize = 10_000;
/// Tokens by connection. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Tokens(Arc<Cache<Key, Slot>>);

/// A tenant, a connection, and which set-up of it.
type Key = (TenantId, String, String);
/// A token, fetched by one at a time.
pub(crate) type Slot = Arc<Mutex<Option<Token>>>;

/// A token, and until when it is used.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) secret: Secret,
    pub(crate) until: Timestamp,
}

impl Default for Tokens {
    fn default() -> Self {
        Self(Arc::new(Cache::new(MOST)))
    }
}

impl Tokens {
    /// The place of the token of a tenant's connection with this set-up.
    pub(crate) fn slot(&self, tenant: &TenantId, connection: &str, fingerprint: &str) -> Slot {
        let key = key(tenant, connection, fingerprint);
        let Ok(slot) = self.0.get_or_insert_with(&key, || Ok::<_, std::convert::Infallible>(Slot::default()));
        slot
    }

    /// Forgets the token of a tenant's connection with this set-up.
    pub(crate) fn forget(&self, tenant: &TenantId, connection: &str, fingerprint: &str) {
        self.0.remove(&key(tenant, connection, fingerprint));
    }
}

fn key(tenant: &TenantId, connection: &str, fingerprint: &str) -> Key {
    (tenant.clone(), connection.to_owned(), fingerprint.to_owned())
}
