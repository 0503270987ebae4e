//! A connection to PostgreSQL, with its prepared statements.

use std::{cell::RefCell, collections::HashMap, error::Error as _};

use ::postgres::{
    Client, Config, Statement,
    error::SqlState,
    fallible_iterator::FallibleIterator,
    types::{FromSql, IsNull, ToSql, Type, private::BytesMut},
};

use super::Param;
use crate::{StoreError, StoreResult, tls::Encryption};

/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 400;
/// Any number that nobody else uses in this database: the lock for migrations, and the space of the shards' locks.
pub(crate) const LOCK: i32 = 0x6175_6768;
/// Where nodes tell one another of their commits.
pub(crate) const CHANNEL: &str = "aught";

type Driver = ::postgres::Error;

/// A connection with its prepared statements.
pub(crate) struct PostgresConnection {
    client: RefCell<Client>,
    statements: RefCell<HashMap<String, Statement>>,
    shard: i64,
}

impl PostgresConnection {
    pub(crate) fn open(config: &Config, encryption: &Encryption) -> StoreResult<Self> {
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

    /// Tells the other nodes something; they hear of it when the running transaction is committed.
    pub(crate) fn notify(&self, text: String) -> StoreResult {
        self.query("SELECT pg_notify($1, $2)", &[CHANNEL.into(), text.into()]).map(drop)
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
