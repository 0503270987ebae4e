//! One connection to a database, and the few things in which the databases differ.

mod postgres;
mod words;

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::HashSet,
    fmt::{Display, Write as _},
};

pub(crate) use self::{
    postgres::{CHANNEL, LOCK, PostgresConnection, Sessions},
    words::Words,
};
use crate::{StoreError, StoreResult, pending::Pending};

/// A value bound to a statement.
#[derive(Clone, Debug)]
pub(crate) enum Param<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl Param<'_> {
    /// The same value, which borrows nothing.
    fn to_owned(&self) -> Param<'static> {
        match self {
            Self::Null => Param::Null,
            Self::Int(value) => Param::Int(*value),
            Self::Real(value) => Param::Real(*value),
            Self::Text(text) => Param::Text(Cow::Owned(text.clone().into_owned())),
            Self::Bytes(bytes) => Param::Bytes(Cow::Owned(bytes.clone().into_owned())),
        }
    }
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(Cow::Borrowed(value))
    }
}

impl From<String> for Param<'_> {
    fn from(value: String) -> Self {
        Self::Text(Cow::Owned(value))
    }
}

impl<'a> From<Cow<'a, str>> for Param<'a> {
    fn from(value: Cow<'a, str>) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(value))
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Param::Null => ValueRef::Null,
            Param::Int(value) => ValueRef::Integer(*value),
            Param::Real(value) => ValueRef::Real(*value),
            Param::Text(value) => ValueRef::Text(value.as_bytes()),
            Param::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// One row of an answer; columns count from 0.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> StoreResult<i64> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(corrupt),
            Self::Postgres(row) => row.try_get(column).map(|self::postgres::AnyInt(value)| value).map_err(corrupt),
        }
    }

    pub(crate) fn optional_int(&self, column: usize) -> StoreResult<Option<i64>> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(corrupt),
            Self::Postgres(row) => row
                .try_get(column)
                .map(|number: Option<self::postgres::AnyInt>| number.map(|self::postgres::AnyInt(value)| value))
                .map_err(corrupt),
        }
    }

    pub(crate) fn real(&self, column: usize) -> StoreResult<f64> {
        match self {
            Self::Sqlite(row) => row.get(column).map_err(corrupt),
            Self::Postgres(row) => row.try_get(column).map_err(corrupt),
        }
    }

    pub(crate) fn text(&self, column: usize) -> StoreResult<&str> {
        match self {
            Self::Sqlite(row) => row.get_ref(column).map_err(corrupt)?.as_str().map_err(corrupt),
            Self::Postgres(row) => row.try_get(column).map_err(corrupt),
        }
    }

    pub(crate) fn optional_text(&self, column: usize) -> StoreResult<Option<&str>> {
        match self {
            Self::Sqlite(row) => row.get_ref(column).map_err(corrupt)?.as_str_or_null().map_err(corrupt),
            Self::Postgres(row) => row.try_get(column).map_err(corrupt),
        }
    }

    pub(crate) fn bytes(&self, column: usize) -> StoreResult<Option<&[u8]>> {
        match self {
            Self::Sqlite(row) => row.get_ref(column).map_err(corrupt)?.as_bytes_or_null().map_err(corrupt),
            Self::Postgres(row) => row.try_get(column).map_err(corrupt),
        }
    }
}

fn corrupt(error: impl Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// A connection. It remembers the first failed statement: a transaction in which one failed is never committed,
/// whatever its closure made of the failure.
pub(crate) struct Connection {
    driver: Driver,
    failure: RefCell<Option<StoreError>>,
    /// Names that are not in the database, where nothing but this connection could add them.
    absent: Option<RefCell<HashSet<Box<str>>>>,
    /// What the open transaction has still to write.
    pending: Pending,
    /// The number of the newest log event, where nothing but this connection could add one.
    log_number: Cell<Option<i64>>,
}

enum Driver {
    Sqlite(rusqlite::Connection),
    Postgres(Box<PostgresConnection>),
}

impl From<Driver> for Connection {
    fn from(driver: Driver) -> Self {
        let (failure, log_number) = (RefCell::new(None), Cell::new(None));
        Self { driver, failure, absent: None, pending: Pending::default(), log_number }
    }
}

impl From<rusqlite::Connection> for Connection {
    fn from(connection: rusqlite::Connection) -> Self {
        Driver::Sqlite(connection).into()
    }
}

impl From<PostgresConnection> for Connection {
    fn from(connection: PostgresConnection) -> Self {
        Driver::Postgres(Box::new(connection)).into()
    }
}

impl Connection {
    /// The same connection, which alone writes to its database.
    pub(crate) fn sole_writer(self) -> Self {
        Self { absent: Some(RefCell::default()), ..self }
    }

    /// Whether this is the one connection that writes, for all writers.
    pub(crate) fn is_writer(&self) -> bool {
        self.absent.is_some()
    }

    /// What the open transaction has still to write.
    pub(crate) fn pending(&self) -> &Pending {
        &self.pending
    }

    /// How many rows were written on this connection, also in what was rolled back; of SQLite alone.
    pub(crate) fn written(&self) -> u64 {
        match &self.driver {
            Driver::Sqlite(connection) => connection.total_changes(),
            Driver::Postgres(_) => 0,
        }
    }

    /// Whether a transaction is open, as SQLite knows it: it ends one itself where the disk is full.
    pub(crate) fn is_in_transaction(&self) -> bool {
        match &self.driver {
            Driver::Sqlite(connection) => !connection.is_autocommit(),
            Driver::Postgres(_) => true,
        }
    }

    /// Whether a name is known not to be in the database.
    pub(crate) fn is_absent(&self, name: &str) -> bool {
        self.absent.as_ref().is_some_and(|absent| absent.borrow().contains(name))
    }

    /// Notes whether a name is in the database, as far as this connection alone decides it.
    pub(crate) fn note_absence(&self, name: &str, is_absent: bool) {
        /// Kinds and relations that programs ask for; names of metadata could be any number.
        const MOST: usize = 1_000;
        let Some(absent) = &self.absent else { return };
        let mut absent = absent.borrow_mut();
        if !is_absent {
            absent.remove(name);
        } else if absent.len() < MOST {
            absent.insert(name.into());
        }
    }

    /// Runs a statement and reads each row of its answer. Parameters are `$1`, `$2` … and occur first in that order
    /// (SQLite numbers them by their occurrence).
    pub(crate) fn query<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        mut read: impl FnMut(&Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let mut items = Vec::new();
        match &self.driver {
            Driver::Sqlite(connection) => {
                let mut run = || -> rusqlite::Result<StoreResult> {
                    let mut statement = prepared(connection, sql, params)?;
                    let mut rows = statement.raw_query();
                    while let Some(row) = rows.next()? {
                        match read(&Row::Sqlite(row)) {
                            Ok(item) => items.push(item),
                            Err(error) => return Ok(Err(error)),
                        }
                    }
                    Ok(Ok(()))
                };
                run().map_err(|error| self.failed(error.into(), sql))??;
            }
            Driver::Postgres(connection) => {
                let rows = connection.query(sql, params).map_err(|error| self.failed(error, sql))?;
                items.reserve(rows.len());
                for row in &rows {
                    items.push(read(&Row::Postgres(row))?);
                }
            }
        }
        Ok(items)
    }

    /// The first row of an answer, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        read: impl FnMut(&Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        Ok(self.query(sql, params, read)?.into_iter().next())
    }

    /// The one row of an answer that always has one.
    pub(crate) fn only<T>(
        &self,
        sql: &str,
        params: &[Param<'_>],
        read: impl FnMut(&Row<'_>) -> StoreResult<T>,
    ) -> StoreResult<T> {
        self.first(sql, params, read)?.ok_or_else(|| StoreError::Corrupt(format!("no row from: {sql}")))
    }

    /// Runs a statement and tells how many rows it changed.
    pub(crate) fn execute(&self, sql: &str, params: &[Param<'_>]) -> StoreResult<u64> {
        match &self.driver {
            Driver::Sqlite(connection) => prepared(connection, sql, params)
                .and_then(|mut statement| statement.raw_execute())
                .map(|changed| changed as u64)
                .map_err(|error| self.failed(error.into(), sql)),
            Driver::Postgres(connection) => connection.execute(sql, params).map_err(|error| self.failed(error, sql)),
        }
    }

    /// Runs a statement whose answer nobody needs. Where trips cost, it goes along with the next one: should it fail, that fails too, or the
    /// commit does.
    pub(crate) fn later(&self, sql: &str, params: &[Param<'_>]) -> StoreResult {
        match &self.driver {
            Driver::Sqlite(_) => self.execute(sql, params).map(drop),
            Driver::Postgres(connection) => {
                let params = params.iter().map(Param::to_owned).collect();
                connection.later(sql, params).map_err(|error| self.failed(error, sql))
            }
        }
    }

    /// Inserts one row and gives its `seq`; nothing where the statement left a conflict alone. SQLite opens a table in memory for
    /// every `RETURNING`.
    pub(crate) fn insert(&self, sql: &str, params: &[Param<'_>]) -> StoreResult<Option<i64>> {
        match &self.driver {
            Driver::Postgres(_) => self.first(&format!("{sql} RETURNING seq"), params, |row| row.int(0)),
            Driver::Sqlite(connection) => {
                let count = self.execute(sql, params)?;
                Ok((count > 0).then(|| connection.last_insert_rowid()))
            }
        }
    }

    /// Inserts rows of `columns` values each: `INSERT INTO … VALUES` is `head`, one round trip where trips cost.
    pub(crate) fn insert_rows(&self, head: &str, columns: usize, values: &[Param<'_>]) -> StoreResult {
        // More parameters than this a statement of PostgreSQL cannot have.
        const MOST: usize = 60_000;
        /// Rows of one statement of SQLite.
        const AT_ONCE: usize = 50;
        if values.is_empty() {
            return Ok(());
        }
        match &self.driver {
            Driver::Sqlite(connection) => {
                // Several rows share what it takes to begin and end a statement.
                let (many, one) = (insertion(head, columns, AT_ONCE), insertion(head, columns, 1));
                for rows in values.chunks(AT_ONCE * columns) {
                    let (sql, each) =
                        if rows.len() == AT_ONCE * columns { (&many, rows.len()) } else { (&one, columns) };
                    let run = || -> rusqlite::Result<()> {
                        let mut statement = connection.prepare_cached(sql)?;
                        for row in rows.chunks(each) {
                            bind(&mut statement, sql, row)?;
                            statement.raw_execute()?;
                        }
                        Ok(())
                    };
                    run().map_err(|error| self.failed(error.into(), sql))?;
                }
                Ok(())
            }
            Driver::Postgres(_) => {
                for rows in values.chunks(MOST / columns * columns) {
                    self.later(&insertion(head, columns, rows.len() / columns), rows)?;
                }
                Ok(())
            }
        }
    }

    /// Has the next statement begin a transaction, on PostgreSQL.
    pub(crate) fn begin(&self, words: &'static str) {
        if let Driver::Postgres(connection) = &self.driver {
            connection.begin(words);
        }
    }

    /// Commits what [`Connection::begin`] began, and leaves the connection as new.
    pub(crate) fn commit(&self) -> StoreResult {
        let outcome = match &self.driver {
            Driver::Sqlite(_) => Ok(()),
            Driver::Postgres(connection) => connection.commit().map_err(|error| self.failed(error, "COMMIT")),
        };
        self.take_failure();
        outcome
    }

    /// Takes back what [`Connection::begin`] began, or ends the view.
    pub(crate) fn end(&self) {
        if let Driver::Postgres(connection) = &self.driver {
            connection.end();
        }
    }

    /// Runs statements without parameters.
    pub(crate) fn batch(&self, sql: &str) -> StoreResult {
        match &self.driver {
            Driver::Sqlite(connection) => connection.execute_batch(sql).map_err(|error| self.failed(error.into(), sql)),
            Driver::Postgres(connection) => connection.batch(sql).map_err(|error| self.failed(error, sql)),
        }
    }

    /// Takes the failure that a statement left, so that the connection is as new.
    pub(crate) fn take_failure(&self) -> Option<StoreError> {
        self.failure.borrow_mut().take()
    }

    fn failed(&self, error: StoreError, sql: &str) -> StoreError {
        tracing::debug!(%error, sql, "a statement failed");
        self.failure.borrow_mut().get_or_insert_with(|| error.clone());
        error
    }

    /// Whether the connection is of no use any more.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.driver {
            Driver::Sqlite(_) => false,
            Driver::Postgres(connection) => connection.is_closed(),
        }
    }

    /// The words of this database's schema language.
    pub(crate) fn words(&self) -> &'static Words {
        match self.driver {
            Driver::Sqlite(_) => &words::SQLITE,
            Driver::Postgres(_) => &words::POSTGRES,
        }
    }

    /// The shard of the counts that only this connection writes.
    pub(crate) fn shard(&self) -> StoreResult<i64> {
        match &self.driver {
            Driver::Sqlite(_) => Ok(0),
            Driver::Postgres(connection) => connection.shard().map_err(|error| self.failed(error, "a shard's lock")),
        }
    }

    /// The condition that `column` fits the pattern given as the next parameter, made by [`Connection::pattern`].
    pub(crate) fn fits(&self) -> &'static str {
        match self.driver {
            Driver::Sqlite(_) => "GLOB",
            Driver::Postgres(_) => "LIKE",
        }
    }

    /// A pattern for [`Connection::fits`] of a text in which `*` stands for any characters and nothing else is special.
    pub(crate) fn pattern(&self, glob: &str) -> String {
        let mut pattern = String::with_capacity(glob.len() + 8);
        for character in glob.chars() {
            match (&self.driver, character) {
                (Driver::Sqlite(_), '?' | '[') => pattern.extend(['[', character, ']']),
                (Driver::Postgres(_), '*') => pattern.push('%'),
                (Driver::Postgres(_), '%' | '_' | '\\') => pattern.extend(['\\', character]),
                _ => pattern.push(character),
            }
        }
        pattern
    }

    /// A select of the texts in the JSON array given as this parameter.
    pub(crate) fn each_text(&self, parameter: &str) -> String {
        match self.driver {
            Driver::Sqlite(_) => format!("SELECT value FROM json_each({parameter})"),
            Driver::Postgres(_) => format!("SELECT jsonb_array_elements_text(CAST({parameter} AS TEXT)::jsonb)"),
        }
    }

    /// What adds the growing number at the end of a log id to an id that has none yet: 33 digits.
    pub(crate) fn log_number(&self) -> &'static str {
        match self.driver {
            Driver::Sqlite(_) => "",
            Driver::Postgres(_) => " || lpad(nextval(pg_get_serial_sequence('logs', 'seq'))::text, 33, '0')",
        }
    }

    /// The growing number at the end of the next log id, where this connection alone numbers them. What is rolled back leaves a gap.
    pub(crate) fn next_log_number(&self) -> StoreResult<Option<i64>> {
        if self.absent.is_none() {
            return Ok(None);
        }
        let newest = || self.only("SELECT coalesce(max(seq), 0) FROM logs", &[], |row| row.int(0));
        let number = self.log_number.get().map_or_else(newest, Ok)? + 1;
        self.log_number.set(Some(number));
        Ok(Some(number))
    }

    /// The running transaction's number, for [`Connection::below_horizon`].
    pub(crate) fn horizon(&self) -> &'static str {
        match self.driver {
            Driver::Sqlite(_) => "0",
            Driver::Postgres(_) => "pg_current_xact_id()::text::bigint",
        }
    }

    /// The condition that no log event with a smaller id can appear any more. One writer commits in order; many do not.
    pub(crate) fn below_horizon(&self) -> &'static str {
        match self.driver {
            Driver::Sqlite(_) => "",
            Driver::Postgres(_) => " AND horizon < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        }
    }

    /// What makes a select of jobs pass over those that another worker is just taking.
    pub(crate) fn skip_locked(&self) -> &'static str {
        match self.driver {
            Driver::Sqlite(_) => "",
            Driver::Postgres(_) => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// The PostgreSQL connection inside, for what only PostgreSQL has.
    pub(crate) fn as_postgres(&self) -> Option<&PostgresConnection> {
        match &self.driver {
            Driver::Sqlite(_) => None,
            Driver::Postgres(connection) => Some(connection),
        }
    }
}

fn prepared<'c>(
    connection: &'c rusqlite::Connection,
    sql: &str,
    params: &[Param<'_>],
) -> rusqlite::Result<rusqlite::CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, sql, params)?;
    Ok(statement)
}

fn bind(statement: &mut rusqlite::Statement<'_>, sql: &str, params: &[Param<'_>]) -> rusqlite::Result<()> {
    for (index, param) in params.iter().enumerate() {
        debug_assert_eq!(
            statement.parameter_name(index + 1),
            Some(format!("${}", index + 1).as_str()),
            "parameters occur in order in: {sql}"
        );
        statement.raw_bind_parameter(index + 1, param)?;
    }
    Ok(())
}

/// The statement that inserts so many rows.
fn insertion(head: &str, columns: usize, rows: usize) -> String {
    let mut sql = head.to_owned();
    for row in 0..rows {
        sql.push_str(if row == 0 { " (" } else { ", (" });
        for column in 1..=columns {
            let comma = if column == 1 { "" } else { ", " };
            write!(sql, "{comma}${}", row * columns + column).expect("a String takes all");
        }
        sql.push(')');
    }
    sql
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull | ErrorCode::CannotOpen) => {
                Self::Unavailable(error.to_string())
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error.to_string()),
        }
    }
}
