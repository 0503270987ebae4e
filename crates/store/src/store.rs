//! The store as everything else sees it.

use std::{
    convert::Infallible,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use kernel::{Context, Record, TenantId};

use crate::{
    Kind, RelationKind, RootKey, Snapshot, StoreError, StoreResult, Tx, cache::Entry, connection::Param, hierarchy,
    index::indexed, postgres::Postgres, shared::Shared, sqlite::Sqlite, tx::Work,
};

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In memory, gone with the process.
    Memory,
    /// In a file of SQLite, for one process.
    File(PathBuf),
    /// On a PostgreSQL server, for any number of nodes: its URL.
    Postgres(String),
}

impl Database {
    /// Whether something is kept there already, which an earlier root key protects. Blocks.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub fn holds_data(&self) -> StoreResult<bool> {
        match self {
            Self::Memory => Ok(false),
            Self::File(path) => Ok(std::fs::metadata(path).is_ok_and(|file| file.len() > 0)),
            Self::Postgres(url) => Postgres::holds_data(url),
        }
    }
}

impl FromStr for Database {
    type Err = Infallible;

    /// `memory:`, `postgres://…`, or a path.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text == "memory:" {
            Self::Memory
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(text.to_owned())
        } else {
            Self::File(text.into())
        })
    }
}

/// How a store is opened.
#[derive(Debug)]
pub struct Options {
    /// Where data is kept.
    pub database: Database,
    /// What opens the tenants' data keys.
    pub root_key: RootKey,
    /// Time and randomness.
    pub context: Context,
}

/// All data of an installation. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    backend: Backend,
}

enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(options: Options) -> StoreResult<Self> {
        let Options { database, root_key, context } = options;
        let shared = Arc::new(Shared::new(context, root_key));
        let for_backend = Arc::clone(&shared);
        let opened = tokio::task::spawn_blocking(move || match database {
            Database::Memory => Sqlite::open(None, for_backend).map(Backend::Sqlite),
            Database::File(path) => Sqlite::open(Some(&path), for_backend).map(Backend::Sqlite),
            Database::Postgres(url) => Postgres::open(&url, for_backend).map(Backend::Postgres),
        });
        let backend = opened.await.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        let store = Self(Arc::new(Inner { shared, backend }));
        hierarchy::complete(&store).await?;
        store.check_root_key().await?;
        Ok(store)
    }

    /// Where time and randomness come from.
    pub fn context(&self) -> &Context {
        &self.0.shared.context
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> StoreResult {
        self.transact(Mode::Read, None, |tx: &mut Tx| tx.connection.only("SELECT 1", &[], |row| row.int(0)).map(drop))
            .await
    }

    /// The names of all tenants.
    pub async fn tenants(&self) -> StoreResult<Vec<TenantId>> {
        self.transact(Mode::Read, None, |tx: &mut Tx| {
            let sql = "SELECT name FROM tenants WHERE name NOT LIKE 'deleted:%' ORDER BY number";
            tx.connection.query(sql, &[], |row| Ok(TenantId::new(row.text(0)?)))
        })
        .await
    }

    /// The tenants that have a record of this kind: few of many, for work that looks after one kind.
    pub async fn tenants_with(&self, kind: &'static str) -> StoreResult<Vec<TenantId>> {
        self.transact(Mode::Read, None, move |tx: &mut Tx| {
            let sql = "SELECT t.name FROM counts AS c JOIN names AS n ON n.number = c.kind \
                       JOIN tenants AS t ON t.number = c.tenant \
                       WHERE n.name = $1 AND t.name NOT LIKE 'deleted:%' GROUP BY t.name HAVING sum(c.amount) > 0";
            tx.connection.query(sql, &[kind.into()], |row| Ok(TenantId::new(row.text(0)?)))
        })
        .await
    }

    /// The tenants `t` for which a condition in SQL holds, in the order in which they were made.
    pub(crate) async fn tenants_where(
        &self,
        condition: &'static str,
        params: Vec<Param<'static>>,
    ) -> StoreResult<Vec<TenantId>> {
        self.transact(Mode::Read, None, move |tx: &mut Tx| {
            let sql = format!(
                "SELECT t.name FROM tenants AS t WHERE t.name NOT LIKE 'deleted:%' AND {condition} ORDER BY t.number"
            );
            tx.connection.query(&sql, &params, |row| Ok(TenantId::new(row.text(0)?)))
        })
        .await
    }

    /// Makes a tenant with keys of its own; `Taken` when there is one of this name.
    pub async fn create_tenant(&self, tenant: &TenantId) -> StoreResult {
        let tenant = tenant.clone();
        self.transact(Mode::Write, None, move |tx: &mut Tx| {
            let sql =
                "INSERT INTO tenants (name, created) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING number";
            let created = tx.now().micros();
            let number = tx.connection.first(sql, &[tenant.as_str().into(), created.into()], |row| row.int(0))?;
            let number = number.ok_or_else(|| StoreError::Taken { key: "tenant".to_owned() })?;
            hierarchy::create(tx, &tenant, number)
        })
        .await
    }

    /// Runs a closure on one consistent view of a tenant's data.
    pub async fn read<T, E>(
        &self,
        tenant: &TenantId,
        read: impl Fn(&Snapshot) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.transact(Mode::Read, Some(tenant.clone()), move |tx: &mut Tx| read(tx)).await
    }

    /// Runs a closure in a transaction on a tenant's data. When this answers `Ok`, what was written is durable; when
    /// it answers `Err`, nothing was written. The closure may run more than once and must have no outside effects. A
    /// caller that stops waiting does not stop the transaction.
    pub async fn write<T, E>(
        &self,
        tenant: &TenantId,
        write: impl Fn(&mut Tx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.transact(Mode::Write, Some(tenant.clone()), write).await
    }

    /// A record from memory, or from the database on first use. Never older than the last acknowledged write of this
    /// node; other nodes' writes are heard of within moments.
    pub async fn cached(&self, tenant: &TenantId, kind: &'static Kind, id: &str) -> StoreResult<Option<Arc<Record>>> {
        let caches = &self.0.shared.caches;
        if let Some(known) = caches.get(tenant, kind.name, id) {
            return Ok(known.record());
        }
        let entry = self.load(tenant, kind, id).await?;
        Ok(entry.map(|entry| entry.record))
    }

    /// As [`Store::cached`], for a kind of which there is one record.
    pub async fn cached_singleton(&self, tenant: &TenantId, kind: &'static Kind) -> StoreResult<Option<Arc<Record>>> {
        self.cached(tenant, kind, kind.name).await
    }

    /// As [`Store::cached`], if it is in memory now. The same `Arc` as before is the same state of the record.
    pub fn remembered(&self, tenant: &TenantId, kind: &Kind, id: &str) -> Option<Arc<Record>> {
        self.0.shared.caches.get(tenant, kind.name, id)?.record()
    }

    /// As [`Store::cached`], by a unique key.
    pub async fn cached_by(
        &self,
        tenant: &TenantId,
        kind: &'static Kind,
        key: &'static str,
        value: &str,
    ) -> StoreResult<Option<Arc<Record>>> {
        let Shared { caches, names, .. } = &*self.0.shared;
        let value = indexed(value);
        if let Some(key) = names.get(key)
            && let Some(entry) = caches.get_by(tenant, kind.name, key, &value)
        {
            return Ok(Some(entry.record));
        }
        let wanted = value.clone().into_owned();
        let found = self
            .read(tenant, move |snapshot| {
                let record = snapshot.find(kind, key, &wanted)?;
                Ok::<_, StoreError>(record.map(|record| (snapshot.number_of(key), record)))
            })
            .await?;
        let Some((number, record)) = found else { return Ok(None) };
        // Read again under a stamp, so that it can be kept; rare, as it is kept then.
        let entry = self.load(tenant, kind, &record.id).await?;
        if let (Some(entry), Some(number)) = (entry, number?)
            && entry.keys.iter().any(|(name, text)| *name == number && *text == value)
        {
            caches.keep_alias(tenant, kind.name, number, &value, &record.id);
            return Ok(Some(entry.record));
        }
        Ok(Some(Arc::new(record)))
    }

    async fn load(&self, tenant: &TenantId, kind: &'static Kind, id: &str) -> StoreResult<Option<Entry>> {
        let caches = &self.0.shared.caches;
        let stamp = caches.stamp(tenant, kind.name, id);
        let wanted = id.to_owned();
        let entry = self.read(tenant, move |snapshot| snapshot.entry(kind, &wanted)).await?;
        // Strangers cannot fill the memory with what is not there: of a kind of many records only those are kept that are.
        if entry.is_some() || id == kind.name {
            caches.keep(stamp, tenant, kind.name, id, entry.as_ref());
        }
        Ok(entry)
    }

    /// A number that grows whenever a commit touches a record of the kind: what was derived from such records is
    /// valid as long as the number taken before reading them is still the current one.
    pub fn epoch(&self, tenant: &TenantId, kind: &Kind) -> u64 {
        self.0.shared.caches.epoch(tenant, kind.name)
    }

    /// As [`Store::epoch`], for relations.
    pub fn epoch_of_relation(&self, tenant: &TenantId, relation: &RelationKind) -> u64 {
        self.0.shared.caches.epoch(tenant, relation.name)
    }

    /// How often this node has waited for an answer of a database on another machine: round trips. None where there is no such one.
    pub fn round_trips(&self) -> u64 {
        match &self.0.backend {
            Backend::Sqlite(_) => 0,
            Backend::Postgres(postgres) => postgres.waits(),
        }
    }

    /// Waits until everything accepted is committed, and closes the database. Later calls fail as unavailable.
    pub async fn close(&self) {
        match &self.0.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close().await,
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Runs a closure in a transaction, of a tenant or of the whole installation.
    pub(crate) async fn transact<T, E>(
        &self,
        mode: Mode,
        tenant: Option<TenantId>,
        run: impl Fn(&mut Tx) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let slot = Arc::new(Mutex::new(None));
        let filled = Arc::clone(&slot);
        let work: Work = Box::new(move |tx| {
            let outcome = run(tx);
            let is_kept = outcome.is_ok();
            *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            is_kept
        });
        match (&self.0.backend, mode) {
            (Backend::Sqlite(sqlite), Mode::Read) => sqlite.read(tenant, work).await?,
            (Backend::Sqlite(sqlite), Mode::Write | Mode::Lease) => sqlite.write(tenant, work).await?,
            (Backend::Postgres(postgres), Mode::Read) => postgres.read(tenant, work).await?,
            (Backend::Postgres(postgres), Mode::Write) => postgres.write(tenant, work).await?,
            (Backend::Postgres(postgres), Mode::Lease) => postgres.lease(tenant, work).await?,
        }
        let outcome = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.expect("a transaction that ended without an error has run its closure")
    }

    /// Tells at once, not at the first secret, that the root key is another one.
    async fn check_root_key(&self) -> StoreResult {
        let any = self.transact(Mode::Read, None, |tx: &mut Tx| {
            let sql = "SELECT name FROM tenants WHERE name NOT LIKE 'deleted:%' ORDER BY number LIMIT 1";
            tx.connection.first(sql, &[], |row| Ok(TenantId::new(row.text(0)?)))
        });
        let Some(tenant) = any.await? else { return Ok(()) };
        self.read(&tenant, |_| Ok(())).await
    }
}

/// Whether a transaction may write.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    Read,
    Write,
    /// Writes rows that others pass over while they are locked.
    Lease,
}
