//! PostgreSQL: a pool of connections, serialisable transactions that are repeated on conflict, and news of other
//! nodes' writes by LISTEN.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use ::postgres::{Client, Config, fallible_iterator::FallibleIterator};
use kernel::TenantId;
use tokio::sync::Semaphore;

use crate::{
    StoreError, StoreResult, Tx,
    connection::{CHANNEL, Connection, LOCK, PostgresConnection},
    migrations,
    news::News,
    shared::Shared,
    tls::Encryption,
    tx::Work,
};

/// How many connections a node has at most, besides the listening one.
const CONNECTIONS: usize = 16;
/// How often a transaction is run before its conflicts with others are given up on.
const ATTEMPTS: u32 = 30;

type Driver = ::postgres::Error;

pub(crate) struct Postgres {
    pool: Arc<Pool>,
    listener: Mutex<Option<JoinHandle<()>>>,
    is_closed: Arc<AtomicBool>,
}

struct Pool {
    config: Config,
    encryption: Encryption,
    shared: Arc<Shared>,
    /// As many permits as connections may still be taken.
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Postgres {
    /// Whether the database has a tenant. Blocks.
    pub(crate) fn holds_data(url: &str) -> StoreResult<bool> {
        let (config, encryption) = configuration(url)?;
        let mut client = config.connect(encryption)?;
        let has_table: bool = client.query_one("SELECT to_regclass('tenants') IS NOT NULL", &[])?.try_get(0)?;
        Ok(has_table && client.query_one("SELECT EXISTS (SELECT 1 FROM tenants)", &[])?.try_get(0)?)
    }

    /// Connects, brings the schema up to date and starts to listen. Blocks.
    pub(crate) fn open(url: &str, shared: Arc<Shared>) -> StoreResult<Self> {
        let (config, encryption) = configuration(url)?;
        let connection = Connection::from(PostgresConnection::open(&config, &encryption)?);
        connection.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))?;
        migrations::run(&connection)?;
        connection.batch("COMMIT")?;
        let pool =
            Pool { config, encryption, shared, free: Semaphore::new(CONNECTIONS), idle: Mutex::new(vec![connection]) };
        let pool = Arc::new(pool);
        let is_closed = Arc::new(AtomicBool::new(false));
        let listener = Listener { pool: Arc::clone(&pool), is_closed: Arc::clone(&is_closed) };
        // Until the first LISTEN stands, nothing is kept in memory.
        pool.shared.caches.bypass(true);
        pool.shared.hosts.bypass(true);
        let client = listener.connect()?;
        let thread = std::thread::Builder::new().name("store-listener".to_owned());
        let thread =
            thread.spawn(move || listener.run(client)).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { pool, listener: Mutex::new(Some(thread)), is_closed })
    }

    pub(crate) async fn write(&self, tenant: Option<TenantId>, work: Work) -> StoreResult {
        self.run(tenant, work, "BEGIN ISOLATION LEVEL SERIALIZABLE").await
    }

    pub(crate) async fn lease(&self, tenant: Option<TenantId>, work: Work) -> StoreResult {
        self.run(tenant, work, "BEGIN ISOLATION LEVEL READ COMMITTED").await
    }

    pub(crate) async fn read(&self, tenant: Option<TenantId>, work: Work) -> StoreResult {
        self.run(tenant, work, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    async fn run(&self, tenant: Option<TenantId>, mut work: Work, begin: &'static str) -> StoreResult {
        let permit = self.pool.free.acquire().await.map_err(|_| closed())?;
        // From here on the permit's way back does not depend on whether the caller waits.
        permit.forget();
        let pool = Arc::clone(&self.pool);
        let blocking = tokio::task::spawn_blocking(move || {
            let outcome = pool.run(tenant.as_ref(), &mut work, begin);
            pool.free.add_permits(1);
            outcome
        });
        blocking.await.map_err(|_| closed())?
    }

    pub(crate) async fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        // All connections are back when all permits can be had.
        let all = u32::try_from(CONNECTIONS).expect("connections are few");
        if let Ok(permits) = self.pool.free.acquire_many(all).await {
            permits.forget();
        }
        self.pool.free.close();
        let connections = std::mem::take(&mut *self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner));
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Closing a connection blocks.
        let _ = tokio::task::spawn_blocking(move || {
            drop(connections);
            listener.map(JoinHandle::join)
        })
        .await;
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }
}

fn configuration(url: &str) -> StoreResult<(Config, Encryption)> {
    let mut config: Config = url.parse()?;
    config.application_name("aught").keepalives_idle(Duration::from_secs(30));
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    let encryption = Encryption::of(&config)?;
    Ok((config, encryption))
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

impl Pool {
    fn take(&self) -> StoreResult<Connection> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.is_closed() => {}
                Some(connection) => return Ok(connection),
                None => return Ok(PostgresConnection::open(&self.config, &self.encryption)?.into()),
            }
        }
    }

    fn give_back(&self, connection: Connection) {
        if !connection.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    /// Runs work in a transaction, again and again while others' transactions are in its way.
    fn run(&self, tenant: Option<&TenantId>, work: &mut Work, begin: &str) -> StoreResult {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(tenant, work, begin) {
                Err(StoreError::Serialization) if attempt < ATTEMPTS => {
                    // Longer each time and different for each, so that the same ones do not meet again.
                    let chance = u64::from(self.shared.context.bytes::<1>()[0]);
                    std::thread::sleep(Duration::from_micros(chance * 8 * u64::from(attempt)));
                }
                Err(StoreError::Serialization) => {
                    return Err(StoreError::Unavailable("too many transactions change the same data".to_owned()));
                }
                outcome => return outcome,
            }
        }
    }

    fn attempt(&self, tenant: Option<&TenantId>, work: &mut Work, begin: &str) -> StoreResult {
        let connection = self.take()?;
        if let Err(error) = connection.batch(begin) {
            // An idle connection that the server closed; nothing has happened yet.
            return Err(if connection.is_closed() { StoreError::Serialization } else { error });
        }
        let mut tx = Tx::new(connection, Arc::clone(&self.shared));
        let outcome = tx.run(tenant, work);
        let Tx { snapshot, changes, .. } = tx;
        let connection = snapshot.connection;
        let ended = match &outcome {
            Ok(true) => connection.batch("COMMIT"),
            _ => connection.batch("ROLLBACK"),
        };
        connection.take_failure();
        connection.pending().clear();
        if matches!(outcome, Ok(true)) && ended.is_ok() {
            self.shared.names.keep(snapshot.names.take());
            self.shared.publish(tenant, &changes);
        }
        if ended.is_ok() {
            self.give_back(connection);
        }
        match outcome {
            Ok(true) => ended,
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Hears what other nodes changed.
struct Listener {
    pool: Arc<Pool>,
    is_closed: Arc<AtomicBool>,
}

impl Listener {
    fn connect(&self) -> StoreResult<Client> {
        let mut client = self.pool.config.connect(self.pool.encryption.clone())?;
        client.batch_execute(&format!("LISTEN {CHANNEL}"))?;
        // What was changed before the LISTEN is read anew.
        self.pool.shared.forget_tenants();
        self.pool.shared.caches.bypass(false);
        self.pool.shared.hosts.bypass(false);
        Ok(client)
    }

    fn run(&self, first: Client) {
        let mut client = Some(first);
        while !self.is_closed.load(Ordering::SeqCst) {
            if let Some(listening) = &mut client {
                if let Err(error) = self.hear(listening) {
                    tracing::warn!(%error, "the connection that hears of other nodes' writes is lost; caches are off");
                    self.pool.shared.caches.bypass(true);
                    self.pool.shared.hosts.bypass(true);
                    client = None;
                }
            } else {
                match self.connect() {
                    Ok(new) => {
                        tracing::info!("other nodes' writes are heard of again; caches are on");
                        client = Some(new);
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(250)),
                }
            }
        }
    }

    /// Listens until nothing came for a while, then makes sure that the connection still stands.
    fn hear(&self, client: &mut Client) -> Result<(), Driver> {
        {
            let mut notifications = client.notifications();
            let mut heard = notifications.timeout_iter(Duration::from_millis(500));
            while let Some(notification) = heard.next()? {
                match serde_json::from_str::<News>(notification.payload()) {
                    Ok(news) => self.take_in(&news),
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
        }
        client.simple_query("").map(drop)
    }

    fn take_in(&self, news: &News) {
        let shared = &self.pool.shared;
        if news.node == shared.node {
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
