//! PostgreSQL: a pool of connections, serialisable transactions that are repeated on conflict, and news of other
//! nodes' writes by LISTEN.

use std::{
    cell::RefCell,
    collections::HashMap,
    error::Error as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use ::postgres::{
    Client, Config, Statement,
    error::SqlState,
    fallible_iterator::FallibleIterator,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut},
};
use kernel::TenantId;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::{
    StoreError, StoreResult, Tx,
    connection::{Connection, Param},
    migrations,
    shared::Shared,
    store::publish,
    tls::Encryption,
    tx::{Changes, Work},
};

/// How many connections a node has at most, besides the listening one.
const CONNECTIONS: usize = 16;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 400;
/// How often a transaction is run before its conflicts with others are given up on.
const ATTEMPTS: u32 = 30;
/// Any number that nobody else uses in this database: the lock for migrations, and the space of the shards' locks.
const LOCK: i32 = 0x6175_6768;
const CHANNEL: &str = "aught";
/// A longer notification is refused by PostgreSQL.
const LONGEST_NEWS: usize = 7900;

type Driver = ::postgres::Error;

/// A connection with its prepared statements.
pub(crate) struct PostgresConnection {
    client: RefCell<Client>,
    statements: RefCell<HashMap<String, Statement>>,
    shard: i64,
}

impl PostgresConnection {
    fn open(config: &Config, encryption: &Encryption) -> StoreResult<Self> {
        let mut client = config.connect(encryption.clone())?;
        client.batch_execute(
            "SET idle_in_transaction_session_timeout = '60s'; SET statement_timeout = '60s'; SET lock_timeout = '20s'; \
             SET client_min_messages = warning",
        )?;
        // The lock lasts as long as the connection: no other one writes this shard meanwhile.
        let sql = "SELECT n FROM generate_series(0, 100000) AS n WHERE pg_try_advisory_lock($1, n) LIMIT 1";
        let shard: i32 = client.query_one(sql, &[&LOCK])?.try_get(0)?;
        Ok(Self { client: RefCell::new(client), statements: RefCell::default(), shard: shard.into() })
    }

    pub(crate) fn query(&self, sql: &str, params: &[Param<'_>]) -> StoreResult<Vec<::postgres::Row>> {
        let statement = self.prepared(sql)?;
        let params = params.iter().map(|param| param as &(dyn ToSql + Sync));
        Ok(self.client.borrow_mut().query_raw(&statement, params)?.collect()?)
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> StoreResult<u64> {
        let statement = self.prepared(sql)?;
        let params: Vec<_> = params.iter().map(|param| param as &(dyn ToSql + Sync)).collect();
        Ok(self.client.borrow_mut().execute(&statement, &params)?)
    }

    pub(crate) fn batch(&self, sql: &str) -> StoreResult {
        Ok(self.client.borrow_mut().batch_execute(sql)?)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.borrow().is_closed()
    }

    pub(crate) fn shard(&self) -> i64 {
        self.shard
    }

    fn prepared(&self, sql: &str) -> StoreResult<Statement> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.borrow_mut().prepare(sql)?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Tells the other nodes what the running transaction changes; they hear of it when it is committed.
    pub(crate) fn notify(&self, node: &str, tenant: &TenantId, changes: &Changes) -> StoreResult {
        let is_news = changes.has_jobs || changes.has_new_keys || changes.has_events || changes.has_hosts;
        if changes.records.is_empty() && !is_news {
            return Ok(());
        }
        let mut news = News {
            node: node.into(),
            tenant: tenant.as_str().into(),
            records: changes.records.iter().map(|(kind, id)| (kind.clone().into(), Some(id.clone().into()))).collect(),
            has_jobs: changes.has_jobs,
            has_events: changes.has_events,
            has_new_keys: changes.has_new_keys,
            has_hosts: changes.has_hosts,
            has_deleted_tenant: changes.has_deleted_tenant,
            has_veils: changes.has_veils,
        };
        let mut text = serde_json::to_string(&news).expect("texts serialise");
        if text.len() > LONGEST_NEWS {
            let mut kinds: Vec<_> = changes.records.iter().map(|(kind, _)| kind.clone()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            news.records = kinds.into_iter().map(|kind| (kind.into(), None)).collect();
            text = serde_json::to_string(&news).expect("texts serialise");
        }
        self.query("SELECT pg_notify($1, $2)", &[CHANNEL.into(), text.into()]).map(drop)
    }
}

/// What one node tells the others of a commit.
#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each tells of something else")]
struct News {
    node: String,
    tenant: String,
    /// Kind and identifier; no identifier: any of the kind.
    records: Vec<(String, Option<String>)>,
    has_jobs: bool,
    #[serde(default)]
    has_events: bool,
    has_new_keys: bool,
    #[serde(default)]
    has_hosts: bool,
    #[serde(default)]
    has_deleted_tenant: bool,
    #[serde(default)]
    has_veils: bool,
}

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
        if matches!(outcome, Ok(true)) && ended.is_ok() {
            self.shared.names.keep(snapshot.names.take());
            publish(&self.shared, tenant, &changes);
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
        let News { has_jobs, has_events, has_new_keys, has_hosts, has_deleted_tenant, has_veils, .. } = *news;
        let mut changes = Changes {
            has_jobs,
            has_events,
            has_new_keys,
            has_hosts,
            has_deleted_tenant,
            has_veils,
            ..Changes::default()
        };
        for (kind, id) in &news.records {
            match id {
                Some(id) => {
                    changes.records.insert((kind.as_str().into(), id.as_str().into()));
                }
                None => shared.caches.clear(),
            }
        }
        publish(shared, Some(&tenant), &changes);
    }
}

/// An integer of any width.
pub(crate) struct AnyInt(pub(crate) i64);

impl<'a> FromSql<'a> for AnyInt {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        match *ty {
            Type::INT2 => i16::from_sql(ty, raw).map(|value| Self(value.into())),
            Type::INT4 => i32::from_sql(ty, raw).map(|value| Self(value.into())),
            _ => i64::from_sql(ty, raw).map(Self),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8)
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) if *ty == Type::INT2 => i16::try_from(*value)?.to_sql(ty, out),
            Self::Int(value) if *ty == Type::INT4 => i32::try_from(*value)?.to_sql(ty, out),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Real(value) => value.to_sql(ty, out),
            Self::Text(value) => value.to_sql(ty, out),
            Self::Bytes(value) => (&**value).to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    ::postgres::types::to_sql_checked!();
}

impl From<Driver> for StoreError {
    fn from(error: Driver) -> Self {
        // The driver's own text says only that the database answered with an error.
        let text = error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
        match error.code() {
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => Self::Serialization,
            Some(
                &SqlState::ADMIN_SHUTDOWN
                | &SqlState::CRASH_SHUTDOWN
                | &SqlState::CANNOT_CONNECT_NOW
                | &SqlState::TOO_MANY_CONNECTIONS
                | &SqlState::DISK_FULL
                | &SqlState::QUERY_CANCELED
                | &SqlState::LOCK_NOT_AVAILABLE,
            )
            | None => Self::Unavailable(text),
            Some(_) => Self::Database(text),
        }
    }
}
