//! What was read for a request, kept for others like it as long as nothing has changed of what it was made of.

use std::sync::Arc;

use kernel::TenantId;
use model::{
    BRANDING, CLIENT, CONNECTION, CONNECTION_CLIENTS, PROMPT_SETTINGS, TENANT_SETTINGS, THEME, login::LoginRequest,
};
use store::{Derived, Kind, Snapshot, Store, StoreResult};

use super::{Setting, puzzles, read};
use crate::classic::settings::LoginPage;

/// The kinds of which settings are made, beside the relation of connections and clients.
const KINDS: [&Kind; 6] = [&TENANT_SETTINGS, &PROMPT_SETTINGS, &BRANDING, &THEME, &CLIENT, &CONNECTION];
/// What settings take in memory in all, in bytes.
const ALL: u64 = 16 << 20;
/// What one takes, beside pages that the tenant wrote.
const EACH: u64 = 8 << 10;

/// In which state of the store something was read.
type Epochs = ([u64; KINDS.len()], u64);

/// For whom: tenant, client, and the connection that the request names.
type Key = (TenantId, String, Option<String>);

type Kept = Derived<Key, Arc<Setting>, Epochs>;

/// The settings of a node.
pub(crate) struct Settings(Arc<Kept>);

/// Settings as they can be read by one transaction. Made before it begins.
pub(crate) struct Reading {
    kept: Arc<Kept>,
    epochs: Epochs,
}

fn weight(setting: &Arc<Setting>) -> u64 {
    let reset = setting.reset_page.as_ref().map_or(0, String::len);
    let classic =
        setting.classic.as_ref().map_or(0, |page| if let LoginPage::Own(html) = page { html.len() } else { 0 });
    EACH + (reset + classic + setting.brand.style.len()) as u64
}

impl Settings {
    pub(crate) fn new() -> Self {
        let count = usize::try_from(ALL / EACH).unwrap_or(usize::MAX);
        Self(Arc::new(Derived::weighing(count, ALL, weight)))
    }

    /// For one transaction that begins later than now.
    pub(crate) fn reading(&self, store: &Store, tenant: &TenantId) -> Reading {
        let of_kinds = KINDS.map(|kind| store.epoch(tenant, kind));
        let epochs = (of_kinds, store.epoch_of_relation(tenant, &CONNECTION_CLIENTS));
        Reading { kept: Arc::clone(&self.0), epochs }
    }
}

impl Reading {
    /// The settings for a request that comes from an address. Options that cannot be read are an error, never the lack of a rule.
    pub(crate) fn setting(&self, reader: &Snapshot, request: &LoginRequest, ip: &str) -> StoreResult<Setting> {
        // An organization has its own members, connections and looks, of which an epoch does not tell.
        if request.is_of_organization() {
            return puzzles(reader, ip, read(reader, request)?);
        }
        let key = (reader.tenant().clone(), request.client_id.clone(), request.connection.clone());
        if let Some(setting) = self.kept.get(&key, &self.epochs) {
            return puzzles(reader, ip, Setting::clone(&setting));
        }
        let setting = read(reader, request)?;
        // What strangers name and is not there is not worth a place.
        if !setting.world.client.id.is_empty() && (request.connection.is_none() || setting.world.has_connection()) {
            self.kept.keep(key, self.epochs, Arc::new(setting.clone()));
        }
        puzzles(reader, ip, setting)
    }
}
