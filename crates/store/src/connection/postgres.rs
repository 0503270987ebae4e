//! A connection to PostgreSQL: its statements, sent together where one need not wait for another.

mod line;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    error::Error as _,
    future::{Future, poll_fn, ready},
    mem,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use tokio_postgres::{
    Client, Config, Row, SimpleQueryMessage, Statement,
    error::{Severity, SqlState},
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut},
};

use self::line::Line;
use super::Param;
use crate::{StoreError, StoreResult, tls::Encryption};

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 400;
/// Statements that are sent without waiting for the answer to the first.
const MOST_LATER: usize = 64;
/// Sessions behind a pooler of which a connection knows the shard.
const MOST_SHARDS: usize = 1000;
/// Any number that nobody else uses in this database: the lock for migrations, and the space of the shards' locks.
pub(crate) const LOCK: i32 = 0x6175_6768;
/// Where nodes tell one another of their commits.
pub(crate) const CHANNEL: &str = "aught";
/// How long the server lets a transaction or a statement last.
const LIMITS: &str = "SET {local}idle_in_transaction_session_timeout = '60s'; SET {local}statement_timeout = '60s'; \
                      SET {local}lock_timeout = '20s'; SET {local}client_min_messages = warning";

type Driver = tokio_postgres::Error;
/// A statement whose answer nobody waits for yet. It is sent when it is polled first.
type Later = Pin<Box<dyn Future<Output = Result<(), Driver>> + Send>>;

/// What the connections of a node have found out together, and counted.
#[derive(Default)]
pub(crate) struct Sessions {
    /// Whether a pooler gives each transaction another session. Then sessions keep nothing: no prepared statement, no setting.
    are_shared: AtomicBool,
    /// How often somebody waited for an answer.
    waits: AtomicU64,
}

impl Sessions {
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    fn are_shared(&self) -> bool {
        self.are_shared.load(Ordering::Relaxed)
    }
}

/// A connection with its prepared statements.
pub(crate) struct PostgresConnection {
    client: Arc<Client>,
    line: RefCell<Line>,
    sessions: Arc<Sessions>,
    statements: RefCell<HashMap<String, Statement>>,
    /// The session that the connection began with, and the one that the running transaction is in.
    first_session: i32,
    session: Arc<AtomicI32>,
    /// The words that begin the transaction, until its first statement is sent.
    opening: Cell<Option<&'static str>>,
    later: RefCell<Vec<Later>>,
    /// The shards of sessions.
    shards: RefCell<HashMap<i32, i64>>,
    is_lost: Cell<bool>,
}

impl PostgresConnection {
    pub(crate) fn open(config: &Config, encryption: &Encryption, sessions: &Arc<Sessions>) -> StoreResult<Self> {
        let (client, line) = Line::open(config, encryption)?;
        let mut connection = Self {
            client,
            line: RefCell::new(line),
            sessions: Arc::clone(sessions),
            statements: RefCell::default(),
            first_session: 0,
            session: Arc::default(),
            opening: Cell::new(None),
            later: RefCell::default(),
            shards: RefCell::default(),
            is_lost: Cell::new(false),
        };
        if !connection.sessions.are_shared() {
            connection.batch(&LIMITS.replace("{local}", ""))?;
        }
        connection.first_session = connection.number("SELECT pg_backend_pid()")?;
        Ok(connection)
    }

    /// Has the next statement begin a transaction: `BEGIN` with its isolation.
    pub(crate) fn begin(&self, words: &'static str) {
        self.opening.set(Some(words));
    }

    /// Commits what was begun. When this fails and the connection is closed, nobody knows whether the commit was done.
    pub(crate) fn commit(&self) -> StoreResult {
        if self.opening.take().is_some() {
            return Ok(());
        }
        self.answer(self.client.batch_execute("COMMIT"))
    }

    /// Ends a transaction of which nothing is to be kept. Nobody waits for that.
    pub(crate) fn end(&self) {
        if self.opening.take().is_some() || self.is_closed() {
            return;
        }
        let client = Arc::clone(&self.client);
        // Its failure shows in the next statement, too.
        let rollback: Later = Box::pin(async move { client.batch_execute("ROLLBACK").await.or(Ok(())) });
        let mut later = self.later.borrow_mut();
        *later = vec![rollback];
        self.line.borrow_mut().send(|context| later.retain_mut(|sent| sent.as_mut().poll(context).is_pending()));
    }

    pub(crate) fn query(&self, sql: &str, params: &[Param<'_>]) -> StoreResult<Vec<Row>> {
        // A select goes along with the beginning: it does no harm outside of a transaction, should that fail.
        self.open_if_due(sql.starts_with("SELECT"))?;
        if self.sessions.are_shared() {
            return self.answer(self.client.query_typed(sql, &typed(params)));
        }
        let statement = self.prepared(sql)?;
        self.settled(self.answer(self.client.query(&statement, &plain(params))))
    }

    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> StoreResult<u64> {
        self.open_if_due(false)?;
        if self.sessions.are_shared() {
            return self.answer(self.client.execute_typed(sql, &typed(params)));
        }
        let statement = self.prepared(sql)?;
        self.settled(self.answer(self.client.execute(&statement, &plain(params))))
    }

    /// Sends a statement together with the next one that is waited for, or with the commit. Its failure is theirs.
    pub(crate) fn later(&self, sql: &str, params: Vec<Param<'static>>) -> StoreResult {
        self.open_if_due(false)?;
        let client = Arc::clone(&self.client);
        let statement: Later = if self.sessions.are_shared() {
            let sql = sql.to_owned();
            Box::pin(async move { client.execute_typed(&sql, &typed(&params)).await.map(drop) })
        } else {
            let statement = self.prepared(sql)?;
            Box::pin(async move { client.execute(&statement, &plain(&params)).await.map(drop) })
        };
        self.later.borrow_mut().push(statement);
        if self.later.borrow().len() >= MOST_LATER { self.answer(ready(Ok(()))) } else { Ok(()) }
    }

    /// Runs statements without parameters.
    pub(crate) fn batch(&self, sql: &str) -> StoreResult {
        self.open_if_due(false)?;
        self.answer(self.client.batch_execute(sql))
    }

    /// A number that is the answer to a statement without parameters.
    fn number<T: std::str::FromStr>(&self, sql: &str) -> StoreResult<T> {
        let answer = self.answer(self.client.simple_query(sql))?;
        number_in(&answer).ok_or_else(|| StoreError::Corrupt(format!("no number from: {sql}")))
    }

    /// Whether a statement without parameters answers `t`.
    pub(crate) fn holds(&self, sql: &str) -> StoreResult<bool> {
        let answer = self.answer(self.client.simple_query(sql))?;
        Ok(answer.iter().any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.is_lost.get() || self.client.is_closed()
    }

    /// The shard of the counts that only the running transaction's session writes: no two sessions have the same. A lock says so, which lasts as
    /// long as the session.
    pub(crate) fn shard(&self) -> StoreResult<i64> {
        let session = self.session.load(Ordering::Relaxed);
        if let Some(shard) = self.shards.borrow().get(&session) {
            return Ok(*shard);
        }
        let sql = format!(
            "SELECT coalesce((SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 \
             AND classid = {LOCK} AND pid = pg_backend_pid() LIMIT 1), \
             (SELECT n FROM generate_series(0, 100000) AS n WHERE pg_try_advisory_lock({LOCK}, n) LIMIT 1))"
        );
        let shard = self.number(&sql)?;
        let mut shards = self.shards.borrow_mut();
        if shards.len() >= MOST_SHARDS {
            shards.clear();
        }
        shards.insert(session, shard);
        Ok(shard)
    }

    /// Tells the other nodes something; they hear of it when the running transaction is committed.
    pub(crate) fn notify(&self, text: String) -> StoreResult {
        self.later("SELECT pg_notify($1, $2)", vec![CHANNEL.into(), text.into()])
    }

    /// The next thing that was told; none when nothing is told for so long.
    pub(crate) fn hear(&self, patience: Duration) -> StoreResult<Option<String>> {
        Ok(self.line.borrow_mut().hear(patience)?)
    }

    /// Begins the transaction, if the next statement is its first; at once, or along with that.
    fn open_if_due(&self, along: bool) -> StoreResult {
        let Some(words) = self.opening.take() else { return Ok(()) };
        let are_shared = self.sessions.are_shared();
        let (client, session) = (Arc::clone(&self.client), Arc::clone(&self.session));
        // A pooler's session is in the state in which whoever had it last left it.
        let limits = if are_shared { LIMITS.replace("{local}", "LOCAL ") + "; " } else { String::new() };
        let sql_to_begin = format!("{words}; {limits}SELECT pg_backend_pid()");
        let begin: Later = Box::pin(async move {
            if let Some(number) = number_in(&client.simple_query(&sql_to_begin).await?) {
                session.store(number, Ordering::Relaxed);
            }
            Ok(())
        });
        self.later.borrow_mut().push(begin);
        if along {
            return Ok(());
        }
        let begun = self.answer(ready(Ok(())));
        if are_shared { begun } else { self.settled(begun) }
    }

    /// The answer to a prepared statement, unless it turns out to be from another session than that was prepared in.
    fn settled<T>(&self, answer: StoreResult<T>) -> StoreResult<T> {
        let session = self.session.load(Ordering::Relaxed);
        if session == self.first_session || session == 0 {
            return answer;
        }
        if !self.sessions.are_shared.swap(true, Ordering::Relaxed) {
            tracing::info!("a pooler is between the store and PostgreSQL: statements are not kept prepared");
        }
        // Dropped, they would end statements of this name in whichever session that reaches.
        mem::forget(mem::take(&mut *self.statements.borrow_mut()));
        Err(StoreError::Serialization)
    }

    fn prepared(&self, sql: &str) -> StoreResult<Statement> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.settled(self.answer(self.client.prepare(sql)))?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS {
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Waits for the answer to a statement, and to all that are to be sent before it. The first failure counts.
    fn answer<T>(&self, statement: impl Future<Output = Result<T, Driver>>) -> StoreResult<T> {
        let mut later = self.later.borrow_mut();
        let mut statement = pin!(statement);
        let (mut failure, mut answer) = (None, None);
        self.sessions.waits.fetch_add(1, Ordering::Relaxed);
        let waited = self.line.borrow_mut().wait(poll_fn(|context| {
            later.retain_mut(|sent| match sent.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(Ok(())) => false,
                Poll::Ready(Err(error)) => {
                    failure.get_or_insert(error);
                    false
                }
            });
            if answer.is_none()
                && let Poll::Ready(ready) = statement.as_mut().poll(context)
            {
                answer = Some(ready);
            }
            if later.is_empty() && answer.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending }
        }));
        later.clear();
        let outcome = match (failure, answer, waited) {
            (Some(error), ..) | (None, Some(Err(error)), _) | (None, _, Err(error)) => Err(error),
            (None, Some(Ok(answer)), Ok(())) => Ok(answer),
            (None, None, Ok(())) => unreachable!("the wait ends with an answer"),
        };
        outcome.map_err(|error| {
            if !ends_connection(&error) {
                return error.into();
            }
            self.is_lost.set(true);
            StoreError::Unavailable(text_of(&error))
        })
    }
}

/// Whether a failure means that the connection is of no use any more, for no fault of what was done on it.
fn ends_connection(error: &Driver) -> bool {
    match error.as_db_error() {
        Some(answer) => {
            let is_fatal = matches!(answer.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
            is_fatal && *answer.code() != SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        }
        None => error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>),
    }
}

/// The driver's own text says only that the database answered with an error.
fn text_of(error: &Driver) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn plain<'p>(params: &'p [Param<'_>]) -> Vec<&'p (dyn ToSql + Sync)> {
    params.iter().map(|param| param as _).collect()
}

/// Parameters with the types that they are sent as, where no prepared statement says which are wanted.
fn typed<'p>(params: &'p [Param<'_>]) -> Vec<(&'p (dyn ToSql + Sync), Type)> {
    let kind = |param: &Param<'_>| match param {
        Param::Null => Type::UNKNOWN,
        Param::Int(_) => Type::INT8,
        Param::Real(_) => Type::FLOAT8,
        Param::Text(_) => Type::TEXT,
        Param::Bytes(_) => Type::BYTEA,
    };
    params.iter().map(|param| (param as _, kind(param))).collect()
}

/// The number in the one row of an answer.
fn number_in<T: std::str::FromStr>(answer: &[SimpleQueryMessage]) -> Option<T> {
    answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    })
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

    tokio_postgres::types::to_sql_checked!();
}

impl From<Driver> for StoreError {
    fn from(error: Driver) -> Self {
        let text = text_of(&error);
        match error.code() {
            // The last two: behind a pooler, a session may have lost what was prepared in it, or have it from somebody else.
            Some(
                &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::INVALID_SQL_STATEMENT_NAME
                | &SqlState::DUPLICATE_PSTATEMENT,
            ) => Self::Serialization,
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
