//! SQLite: one writer thread that commits waiting transactions together, and readers that never wait for it.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use kernel::TenantId;
use rusqlite::{OpenFlags, config::DbConfig};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    StoreError, StoreResult, Tx, changes::Changes, connection::Connection, migrations, shared::Shared, tx::Work,
};

/// How many transactions are committed together at most.
const GROUP: usize = 128;
/// How many transactions have savepoints of their own after one has failed that had written something.
const CAREFUL: usize = 1_024;
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    /// None once the store is closed.
    tasks: Mutex<Option<mpsc::Sender<Task>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// None in memory, where the one connection does everything.
    readers: Option<Arc<Readers>>,
}

struct Readers {
    /// As many permits as there are connections.
    free: Semaphore,
    connections: Mutex<Vec<Connection>>,
}

struct Task {
    tenant: Option<TenantId>,
    work: Work,
    reply: oneshot::Sender<StoreResult>,
}

impl Sqlite {
    /// Opens the database, brings its schema up to date and starts the writer. Blocks.
    pub(crate) fn open(path: Option<&Path>, shared: Arc<Shared>) -> StoreResult<Self> {
        let lock = path.map(lock).transpose()?;
        path.map(keep_private).transpose()?;
        let connection = match path {
            Some(path) => open_file(path, "PRAGMA cache_size = -16000")?,
            None => configured(rusqlite::Connection::open_in_memory()?, "")?,
        };
        connection.batch("BEGIN IMMEDIATE")?;
        migrations::run(&connection)?;
        connection.batch("COMMIT")?;
        let readers = path.map(Readers::open).transpose()?.map(Arc::new);
        let (sender, tasks) = mpsc::channel();
        let connection = Some(connection.sole_writer());
        let writer = Writer { shared: Arc::clone(&shared), connection, careful: 0, _lock: lock };
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run(&tasks))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { shared, tasks: Mutex::new(Some(sender)), writer: Mutex::new(Some(writer)), readers })
    }

    pub(crate) async fn write(&self, tenant: Option<TenantId>, work: Work) -> StoreResult {
        let (reply, answer) = oneshot::channel();
        let sender = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sender.and_then(|sender| sender.send(Task { tenant, work, reply }).ok()).ok_or_else(closed)?;
        answer.await.map_err(|_| closed())?
    }

    pub(crate) async fn read(&self, tenant: Option<TenantId>, mut work: Work) -> StoreResult {
        let Some(readers) = &self.readers else { return self.write(tenant, work).await };
        let readers = Arc::clone(readers);
        let shared = Arc::clone(&self.shared);
        let permit = readers.free.acquire().await.map_err(|_| closed())?;
        // From here on the connection's way back does not depend on whether the caller waits.
        permit.forget();
        let blocking = tokio::task::spawn_blocking(move || {
            let connection = readers.take();
            let (connection, outcome) = read(connection, &shared, tenant.as_ref(), &mut work);
            readers.give_back(connection);
            outcome
        });
        blocking.await.map_err(|_| closed())?
    }

    /// Waits until everything accepted is committed and the files are closed.
    pub(crate) async fn close(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let joined = tokio::task::spawn_blocking(move || writer.join().is_ok()).await;
            if !matches!(joined, Ok(true)) {
                tracing::error!("the store's writer ended by a panic");
            }
        }
        if let Some(readers) = &self.readers {
            readers.free.close();
            readers.connections.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// Takes the file for this process alone: caches would be wrong if another one wrote to it.
fn lock(path: &Path) -> StoreResult<File> {
    let mut name = path.as_os_str().to_owned();
    name.push("-lock");
    let failed = |error: &dyn std::fmt::Display| StoreError::Unavailable(format!("{}: {error}", path.display()));
    let file = private(File::options().create(true).truncate(false).write(true)).open(PathBuf::from(name));
    let file = file.map_err(|error| failed(&error))?;
    for _ in 0..50 {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // A store that was just dropped may still be committing.
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(100)),
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
    }
    Err(failed(&"another process has this database open"))
}

/// Makes the database's files readable to their owner alone; those that are made later are as the database.
fn keep_private(path: &Path) -> StoreResult {
    let failed = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
    private(File::options().create(true).truncate(false).write(true)).open(path).map_err(failed)?;
    for suffix in ["", "-wal", "-shm", "-lock"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        restrict(Path::new(&name)).map_err(failed)?;
    }
    Ok(())
}

/// The options for a new file that only its owner may read.
#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

/// Takes a file, if it is there, from everybody but its owner.
#[cfg(unix)]
fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        }
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn open_file(path: &Path, pragmas: &str) -> StoreResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    configured(rusqlite::Connection::open_with_flags(path, flags)?, pragmas)
}

fn configured(connection: rusqlite::Connection, pragmas: &str) -> StoreResult<Connection> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(Duration::from_secs(10))?;
    // Plans do not depend on the values bound: else every new value has its statement compiled again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // FULL: a commit is on the disk before it is acknowledged. Pages of an index change again and again: moving them
    // from the log to the database less often (every 32 MB) writes them less often.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; \
         PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF;",
    )?;
    connection.execute_batch(pragmas)?;
    Ok(connection.into())
}

impl Readers {
    fn open(path: &Path) -> StoreResult<Self> {
        let count = std::thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8));
        let pragmas = "PRAGMA query_only = ON; PRAGMA cache_size = -4000";
        let connections = (0..count).map(|_| open_file(path, pragmas)).collect::<StoreResult<Vec<_>>>()?;
        Ok(Self { free: Semaphore::new(count), connections: Mutex::new(connections) })
    }

    /// A free connection; the caller holds a permit for it.
    fn take(&self) -> Option<Connection> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give_back(&self, connection: Option<Connection>) {
        if let Some(connection) = connection {
            self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        self.free.add_permits(1);
    }
}

/// Runs work on one consistent view.
fn read(
    connection: Option<Connection>,
    shared: &Arc<Shared>,
    tenant: Option<&TenantId>,
    work: &mut Work,
) -> (Option<Connection>, StoreResult) {
    let Some(connection) = connection else { return (None, Err(closed())) };
    if let Err(error) = connection.execute("BEGIN", &[]) {
        connection.take_failure();
        return (Some(connection), Err(error));
    }
    let mut tx = Tx::new(connection, Arc::clone(shared));
    let outcome = tx.run(tenant, work).map(drop);
    // Nothing was written; this only ends the view.
    if tx.connection.execute("COMMIT", &[]).is_err() {
        tx.connection.take_failure();
    }
    shared.names.keep(tx.snapshot.names.take());
    (Some(tx.snapshot.connection), outcome)
}

struct Writer {
    shared: Arc<Shared>,
    /// Out only while a transaction has it.
    connection: Option<Connection>,
    /// So many of the next transactions get a savepoint of their own.
    careful: usize,
    _lock: Option<File>,
}

/// What a transaction of the group has done, while it waits for the commit.
#[derive(Default)]
struct Done {
    changes: Changes,
    names: HashMap<Box<str>, i64>,
}

/// A transaction that failed after it had written something, without a savepoint to which that could be undone.
struct Spoilt;

impl Writer {
    /// Runs tasks until the last sender is gone.
    fn run(mut self, tasks: &mpsc::Receiver<Task>) {
        while let Ok(first) = tasks.recv() {
            let mut group = Vec::new();
            let mut begun = self.execute("BEGIN IMMEDIATE");
            let mut next = Some(first);
            while let Some(mut task) = next {
                let outcome = match &begun {
                    Ok(()) => self.perform(&mut task),
                    Err(error) => Ok(Err(error.clone())),
                };
                begun = begun.and_then(|()| self.still_open());
                let Ok(outcome) = outcome else {
                    begun = self.repeat(&mut group);
                    next = Some(task);
                    continue;
                };
                group.push((task, outcome));
                next = if group.len() < GROUP { tasks.try_recv().ok() } else { None };
            }
            let committed = begun.and_then(|()| self.settle()).and_then(|()| self.execute("COMMIT"));
            if committed.is_err() {
                self.undo();
            }
            for (task, outcome) in group {
                self.acknowledge(task, outcome, &committed);
            }
        }
    }

    /// Begins anew without the transaction that spoilt the group: what the others did is done again, each in a savepoint.
    fn repeat(&mut self, group: &mut [(Task, StoreResult<Done>)]) -> StoreResult {
        self.undo();
        self.careful = CAREFUL;
        self.execute("BEGIN IMMEDIATE")?;
        for (task, outcome) in group {
            *outcome = self.perform(task).unwrap_or_else(|Spoilt| Err(StoreError::Conflict));
            self.still_open()?;
        }
        Ok(())
    }

    fn still_open(&self) -> StoreResult {
        let given_up = || StoreError::Unavailable("the database has given the transaction up".to_owned());
        self.connection().is_in_transaction().then_some(()).ok_or_else(given_up)
    }

    fn undo(&mut self) {
        self.connection().pending().clear();
        // Fails when nothing is open any more, which is what is wanted.
        let _ = self.execute("ROLLBACK");
        // One of the group may have read keys that another made.
        self.shared.forget_tenants();
    }

    /// Runs one task in the open transaction. Most that fail have written nothing: only after one that had, the next ones have
    /// savepoints, for which SQLite would copy every page that they change.
    fn perform(&mut self, task: &mut Task) -> Result<StoreResult<Done>, Spoilt> {
        let is_careful = self.careful > 0;
        self.careful = self.careful.saturating_sub(1);
        if is_careful {
            // What others have pending is not to be undone with this one.
            if let Err(error) = self.settle().and_then(|()| self.execute("SAVEPOINT task")) {
                return Ok(Err(error));
            }
        }
        let connection = self.connection.take().expect("every transaction gives the connection back");
        let (mark, written) = (connection.pending().mark(), connection.written());
        let mut tx = Tx::new(connection, Arc::clone(&self.shared));
        let outcome = tx.run(task.tenant.as_ref(), &mut task.work);
        let Tx { snapshot, changes, .. } = tx;
        let names = snapshot.names.take();
        let connection = self.connection.insert(snapshot.connection);
        let is_kept = matches!(outcome, Ok(true));
        if !is_kept {
            let has_written = connection.written() != written;
            if has_written && !is_careful {
                return Err(Spoilt);
            }
            if has_written { connection.pending().clear() } else { connection.pending().forget_since(mark) }
        }
        let ended = match (is_careful, is_kept) {
            (false, _) => Ok(()),
            (true, true) => self.execute("RELEASE task"),
            (true, false) => self.execute("ROLLBACK TO task").and_then(|()| self.execute("RELEASE task")),
        };
        let done = if is_kept { Done { changes, names } } else { Done::default() };
        Ok(outcome.and(ended).map(|()| done))
    }

    fn acknowledge(&self, task: Task, outcome: StoreResult<Done>, committed: &StoreResult) {
        let outcome = match (outcome, committed) {
            (Ok(done), Ok(())) => {
                self.shared.names.keep(done.names);
                self.shared.publish(task.tenant.as_ref(), &done.changes);
                Ok(())
            }
            (outcome, committed) => committed.clone().and(outcome.map(drop)),
        };
        // Whoever asked may have gone; the write stands all the same.
        let _ = task.reply.send(outcome);
    }

    fn settle(&self) -> StoreResult {
        let outcome = self.connection().settle();
        self.connection().take_failure();
        outcome
    }

    fn execute(&self, sql: &str) -> StoreResult {
        let outcome = self.connection().execute(sql, &[]).map(drop);
        self.connection().take_failure();
        outcome
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("every transaction gives the connection back")
    }
}
