//! The few fields of records that token requests decide on, parsed once per version of a record.

use std::{ops::Deref, sync::Arc};

use identity::{jwe::Recipient, signature::PublicKey};
use kernel::{Record, TenantId, Timestamp, UnfitRecord};
use model::views::View as _;
use quick_cache::sync::Cache;

pub(crate) use model::views::{Client, ClientGrant, TenantSettings as Settings};

const KEPT: usize = 10_000;

/// Parsed views of the records that token requests read.
pub(crate) struct Views {
    pub(crate) clients: View<Client>,
    pub(crate) grants: View<ClientGrant>,
    pub(crate) resource_servers: View<ResourceServer>,
    pub(crate) settings: View<Settings>,
}

impl Default for Views {
    fn default() -> Self {
        Self { clients: View::new(), grants: View::new(), resource_servers: View::new(), settings: View::new() }
    }
}

/// Views of the records of one kind, by tenant and identifier.
pub(crate) struct View<T>(Cache<(TenantId, String), Arc<Parsed<T>>>);

struct Parsed<T> {
    version: u64,
    updated: Timestamp,
    view: Arc<T>,
}

impl<T: Kept> View<T> {
    fn new() -> Self {
        Self(Cache::new(KEPT))
    }

    /// The record's view.
    pub(crate) fn of(&self, tenant: &TenantId, record: &Record) -> Result<Arc<T>, UnfitRecord> {
        let key = (tenant.clone(), record.id.clone());
        let kept = self.0.get(&key);
        // A record that was deleted and made again may have the version of the old one, not its time.
        let is_same = |parsed: &Arc<Parsed<T>>| parsed.version == record.version && parsed.updated == record.updated;
        if let Some(parsed) = kept.filter(is_same) {
            return Ok(Arc::clone(&parsed.view));
        }
        let view = Arc::new(T::read(record)?);
        let parsed = Parsed { version: record.version, updated: record.updated, view: Arc::clone(&view) };
        self.0.insert(key, Arc::new(parsed));
        Ok(view)
    }
}

/// What is kept of a record.
pub(crate) trait Kept: Sized {
    fn read(record: &Record) -> Result<Self, UnfitRecord>;
}

impl<T: model::views::View> Kept for T {
    fn read(record: &Record) -> Result<Self, UnfitRecord> {
        Self::of(record)
    }
}

/// A resource server, its key parsed.
pub(crate) struct ResourceServer {
    server: model::views::ResourceServer,
    pub(crate) recipient: Option<Recipient>,
}

impl Deref for ResourceServer {
    type Target = model::views::ResourceServer;

    fn deref(&self) -> &Self::Target {
        &self.server
    }
}

impl Kept for ResourceServer {
    fn read(record: &Record) -> Result<Self, UnfitRecord> {
        let server = model::views::ResourceServer::of(record)?;
        let recipient = recipient(&server);
        Ok(Self { server, recipient })
    }
}

/// To whom tokens are encrypted; none where the key cannot be used, and no token is issued then.
fn recipient(server: &model::views::ResourceServer) -> Option<Recipient> {
    let (algorithm, kid) = server.encryption()?;
    let key = PublicKey::from_pem(server.encryption_pem.as_ref()?.reveal()).ok()?;
    let kid = kid.map_or_else(|| key.thumbprint(), str::to_owned);
    Some(Recipient { algorithm: algorithm.to_owned(), kid, key })
}
