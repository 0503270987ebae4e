//! PostgreSQL: a pool of connections, serialisable transactions that are repeated on conflict and when the connection is lost, and news of other
//! nodes' writes by LISTEN.

mod address;
mod listener;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use kernel::TenantId;
use tokio::sync::Semaphore;

use self::{
    address::Address,
    listener::{Listener, deaf},
};
use crate::{
    StoreError, StoreResult, Tx,
    connection::{Connection, LOCK, PostgresConnection, Sessions},
    migrations,
    shared::Shared,
    tx::Work,
};

/// How many connections a node has at most, besides the listening one.
const CONNECTIONS: usize = 16;
/// How often a transaction is run before its conflicts with others, or lost connections, are given up on.
const ATTEMPTS: u32 = 30;
/// For how many pauses a transaction waits for a server that is away, and how long each is.
const PAUSES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// How long a commit may still be done after its connection was lost, in microseconds: longer than the server lets anything last.
const DOUBT: i64 = 120_000_000;

pub(crate) struct Postgres {
    pool: Arc<Pool>,
    listener: Mutex<Option<JoinHandle<()>>>,
    is_closed: Arc<AtomicBool>,
}

struct Pool {
    address: Address,
    sessions: Arc<Sessions>,
    shared: Arc<Shared>,
    /// As many permits as connections may still be taken.
    free: Semaphore,
    idle: Mutex<Vec<Connection>>,
    /// Whether the server was away for longer than anybody waits.
    is_away: AtomicBool,
    /// Until when commits of unknown outcome may appear.
    in_doubt_until: AtomicI64,
}

/// What a transaction is.
#[derive(Clone, Copy)]
struct Mode {
    begin: &'static str,
    /// Whether it may leave anything.
    commits: bool,
}

impl Postgres {
    /// Whether the database has a tenant. Blocks.
    pub(crate) fn holds_data(url: &str) -> StoreResult<bool> {
        let Address { config, encryption, .. } = Address::parse(url)?;
        let connection = PostgresConnection::open(&config, &encryption, &Arc::default())?;
        Ok(connection.holds("SELECT to_regclass('tenants') IS NOT NULL")?
            && connection.holds("SELECT EXISTS (SELECT 1 FROM tenants)")?)
    }

    /// Connects, brings the schema up to date and starts to listen. Blocks.
    pub(crate) fn open(url: &str, shared: Arc<Shared>) -> StoreResult<Self> {
        let pool = Pool {
            address: Address::parse(url)?,
            sessions: Arc::default(),
            shared,
            free: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
            is_away: AtomicBool::new(false),
            in_doubt_until: AtomicI64::new(i64::MIN),
        };
        pool.migrate()?;
        let pool = Arc::new(pool);
        let is_closed = Arc::new(AtomicBool::new(false));
        let listener = Listener { pool: Arc::clone(&pool), is_closed: Arc::clone(&is_closed) };
        // Until the first LISTEN stands, nothing is kept in memory.
        pool.bypass_caches(true);
        let listening = match listener.connect() {
            Ok(listening) => Some(listening),
            Err(error) if error == deaf() => {
                tracing::warn!(
                    "a pooler is between the store and PostgreSQL, and what nodes tell one another is not heard: caches are off; \
                     name the server itself with direct=HOST:PORT in the database's address"
                );
                None
            }
            Err(error) => return Err(error),
        };
        let thread = std::thread::Builder::new().name("store-listener".to_owned());
        let thread = thread
            .spawn(move || listener.run(listening))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { pool, listener: Mutex::new(Some(thread)), is_closed })
    }

    pub(crate) async fn write(&self, tenant: Option<TenantId>, work: Work) -> StoreResult {
        self.run(tenant, work, Mode { begin: "BEGIN ISOLATION LEVEL SERIALIZABLE", commits: true }).await
    }

    pub(crate) async fn lease(&self, tenant: Option<TenantId>, work: Work) -> StoreResult {
        self.run(tenant, work, Mode { begin: "BEGIN ISOLATION LEVEL READ COMMITTED", commits: true }).await
    }

    pub(crate) async fn read(&self, tenant: Option<TenantId>, work: Work) -> StoreResult {
        self.run(tenant, work, Mode { begin: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", commits: false }).await
    }

    async fn run(&self, tenant: Option<TenantId>, mut work: Work, mode: Mode) -> StoreResult {
        let permit = self.pool.free.acquire().await.map_err(|_| closed())?;
        // From here on the permit's way back does not depend on whether the caller waits.
        permit.forget();
        let pool = Arc::clone(&self.pool);
        let blocking = tokio::task::spawn_blocking(move || {
            let outcome = pool.run(tenant.as_ref(), &mut work, mode);
            pool.free.add_permits(1);
            outcome
        });
        blocking.await.map_err(|_| closed())?
    }

    /// How often this node waited for an answer of the server.
    pub(crate) fn waits(&self) -> u64 {
        self.pool.sessions.waits()
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

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

impl Pool {
    fn connect(&self) -> StoreResult<PostgresConnection> {
        PostgresConnection::open(&self.address.config, &self.address.encryption, &self.sessions)
    }

    fn migrate(&self) -> StoreResult {
        let connection = Connection::from(self.connect()?);
        connection.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))?;
        migrations::run(&connection)?;
        connection.batch("COMMIT")?;
        self.give_back(connection);
        Ok(())
    }

    fn bypass_caches(&self, is_bypassed: bool) {
        self.shared.caches.bypass(is_bypassed);
        self.shared.hosts.bypass(is_bypassed);
    }

    /// An idle connection, or a new one. A server that is being started again is waited for; while it stays away, nobody waits.
    fn take(&self) -> StoreResult<Connection> {
        let mut pauses = 0;
        loop {
            while let Some(idle) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
                if !idle.is_closed() {
                    return Ok(idle);
                }
            }
            match self.connect() {
                Ok(new) => {
                    self.is_away.store(false, Ordering::Relaxed);
                    return Ok(new.into());
                }
                Err(StoreError::Unavailable(_)) if pauses < PAUSES && !self.is_away.load(Ordering::Relaxed) => {
                    pauses += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(error) => {
                    self.is_away.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    }

    fn give_back(&self, connection: Connection) {
        if !connection.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    /// Runs work in a transaction, again and again while others' transactions are in its way.
    fn run(&self, tenant: Option<&TenantId>, work: &mut Work, mode: Mode) -> StoreResult {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(tenant, work, mode) {
                Err(StoreError::Serialization) if attempt < ATTEMPTS => {
                    // Longer each time and different for each, so that the same ones do not meet again.
                    let chance = u64::from(self.shared.context.bytes::<1>()[0]);
                    std::thread::sleep(Duration::from_micros(chance * 8 * u64::from(attempt)));
                }
                Err(StoreError::Serialization) => {
                    let text = "too many transactions change the same data, or too many connections are lost";
                    return Err(StoreError::Unavailable(text.to_owned()));
                }
                outcome => return outcome,
            }
        }
    }

    /// Runs work in a transaction once. `Serialization` where nothing was written, and it may be run again.
    fn attempt(&self, tenant: Option<&TenantId>, work: &mut Work, mode: Mode) -> StoreResult {
        let connection = self.take()?;
        connection.begin(mode.begin);
        let mut tx = Tx::new(connection, Arc::clone(&self.shared));
        let outcome = tx.run(tenant, work);
        let Tx { snapshot, changes, .. } = tx;
        let connection = snapshot.connection;
        let is_kept = matches!(outcome, Ok(true));
        let outcome = match outcome {
            Ok(true) if mode.commits => {
                let committed = connection.commit();
                let is_in_doubt = committed.is_err() && connection.is_closed();
                if is_in_doubt {
                    self.in_doubt_until.fetch_max(self.shared.context.now().micros() + DOUBT, Ordering::SeqCst);
                }
                if committed.is_ok() || is_in_doubt {
                    self.shared.publish(tenant, &changes);
                }
                committed
            }
            // The connection was lost before anything could be committed.
            Err(StoreError::Unavailable(_)) if connection.is_closed() => Err(StoreError::Serialization),
            outcome => {
                connection.end();
                outcome.map(drop)
            }
        };
        connection.pending().clear();
        if is_kept && outcome.is_ok() {
            self.shared.names.keep(snapshot.names.take());
        }
        self.give_back(connection);
        outcome
    }

    /// Whether commits of this node may appear of which it does not know.
    fn is_in_doubt(&self) -> bool {
        self.shared.context.now().micros() < self.in_doubt_until.load(Ordering::SeqCst)
    }
}
