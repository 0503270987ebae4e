//! Hears what other nodes changed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kernel::TenantId;

use super::Pool;
use crate::{
    StoreError, StoreResult,
    connection::{CHANNEL, PostgresConnection},
    news::News,
};

/// How long a node waits to hear itself.
const ECHO: Duration = Duration::from_secs(2);
/// The pause before a lost connection is tried again, and before one that hears nothing is.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSES_OF_THE_DEAF: u32 = 120;

/// The connection that hears, on a thread of its own.
pub(super) struct Listener {
    pub(super) pool: Arc<Pool>,
    pub(super) is_closed: Arc<AtomicBool>,
}

impl Listener {
    /// Connects, and has the caches used if what is told is heard.
    pub(super) fn connect(&self) -> StoreResult<PostgresConnection> {
        let address = &self.pool.address;
        let listening = PostgresConnection::open(&address.direct, &address.encryption, &Arc::default())?;
        listening.batch(&format!("LISTEN {CHANNEL}"))?;
        self.hear_oneself(&listening)?;
        // What was changed before the LISTEN is read anew.
        self.pool.shared.forget_tenants();
        self.pool.bypass_caches(false);
        Ok(listening)
    }

    /// Fails as `Corrupt` where nothing is heard: a pooler that shares sessions passes no notifications on.
    fn hear_oneself(&self, listening: &PostgresConnection) -> StoreResult {
        let word = format!("echo {}", self.pool.shared.node);
        let telling = self.pool.connect()?;
        telling.batch(&format!("NOTIFY {CHANNEL}, '{word}'"))?;
        while let Some(heard) = listening.hear(ECHO)? {
            if heard == word {
                return Ok(());
            }
        }
        Err(deaf())
    }

    pub(super) fn run(&self, first: Option<PostgresConnection>) {
        let mut connection = first;
        let mut pauses = if connection.is_some() { 0 } else { PAUSES_OF_THE_DEAF };
        while !self.is_closed.load(Ordering::SeqCst) {
            if let Some(listening) = &connection {
                if let Err(error) = self.hear(listening) {
                    tracing::warn!(%error, "the connection that hears of other nodes' writes is lost; caches are off");
                    self.pool.bypass_caches(true);
                    connection = None;
                }
            } else if pauses > 0 {
                pauses -= 1;
                std::thread::sleep(PAUSE);
            } else {
                match self.connect() {
                    Ok(new) => {
                        tracing::info!("other nodes' writes are heard of again; caches are on");
                        connection = Some(new);
                    }
                    Err(error) => pauses = if error == deaf() { PAUSES_OF_THE_DEAF } else { 1 },
                }
            }
        }
    }

    /// Listens until nothing came for a while, then makes sure that the connection still stands.
    fn hear(&self, listening: &PostgresConnection) -> StoreResult {
        while let Some(text) = listening.hear(Duration::from_millis(500))? {
            match serde_json::from_str::<News>(&text) {
                Ok(news) => self.take_in(&news),
                // Some node has just begun to listen.
                Err(_) if text.starts_with("echo ") => {}
                Err(error) => {
                    tracing::warn!(%error, "a notification that cannot be read");
                    self.pool.shared.caches.clear();
                    self.pool.shared.hosts.clear();
                }
            }
            if self.is_closed.load(Ordering::SeqCst) {
                return Ok(());
            }
        }
        listening.batch("")
    }

    fn take_in(&self, news: &News) {
        let shared = &self.pool.shared;
        // Of its own commits a node knows already, but for those whose answer it never got.
        if news.node == shared.node && !self.pool.is_in_doubt() {
            return;
        }
        let tenant = TenantId::new(&news.tenant);
        let mut changes = news.changes();
        for (kind, id) in &news.records {
            match id {
                Some(id) => {
                    changes.records.insert((kind.as_str().into(), id.as_str().into()));
                }
                None => shared.caches.clear(),
            }
        }
        shared.publish(Some(&tenant), &changes);
    }
}

/// What a connection is that hears nothing.
pub(super) fn deaf() -> StoreError {
    StoreError::Corrupt("what nodes tell one another is not heard".to_owned())
}
