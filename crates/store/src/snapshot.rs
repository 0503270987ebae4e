//! Reading: one consistent view of a tenant's data.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    sync::Arc,
};

use kernel::{Context, Record, Sealed, TenantId, Timestamp};

use crate::{
    Kind, StoreError, StoreResult,
    cache::Entry,
    connection::{Connection, Param, Row},
    index::{Search, indexed},
    seal::Place,
    shared::{Shared, Tenant},
    veil::{DELETION, Veil},
};

/// A consistent view of one tenant's data: what was committed when it was taken, and in a [`Tx`](crate::Tx) also what
/// was written in it.
pub struct Snapshot {
    pub(crate) connection: Connection,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tenant: TenantId,
    pub(crate) known: Option<Arc<Tenant>>,
    pub(crate) now: Timestamp,
    /// Numbers of names that this transaction saw or made; others may hear of them only when it is committed.
    pub(crate) names: RefCell<HashMap<Box<str>, i64>>,
    /// By how much the number of records of a kind has changed in this transaction; written at its end.
    pub(crate) counts: HashMap<i64, i64>,
    /// What is being deleted, once somebody has asked.
    pub(crate) veils: OnceCell<Arc<[Veil]>>,
    /// The epoch of deletions at the transaction's beginning; none once it has begun or ended one itself.
    pub(crate) deletions: Option<u64>,
    /// Whether what is being deleted is shown.
    pub(crate) sees_all: bool,
}

/// A select of the columns that [`Snapshot::record`] reads, and the texts given.
macro_rules! select_record {
    ($($text:literal),*) => {
        concat!("SELECT r.seq, r.id, r.version, r.created, r.updated, r.document, r.sealed", $($text),*)
    };
}
pub(crate) use select_record;

impl Snapshot {
    pub(crate) fn new(connection: Connection, shared: Arc<Shared>) -> Self {
        let now = shared.context.now();
        let (names, counts) = (RefCell::default(), HashMap::new());
        let tenant = TenantId::new("");
        Self {
            connection,
            shared,
            tenant,
            known: None,
            now,
            names,
            counts,
            veils: OnceCell::new(),
            deletions: None,
            sees_all: false,
        }
    }

    /// Turns to a tenant's data.
    pub(crate) fn enter(&mut self, tenant: &TenantId) -> StoreResult {
        // Before the first question fixes what the transaction sees: what is read is not older than that.
        self.deletions = Some(self.shared.caches.epoch(tenant, DELETION.name));
        self.known = Some(self.shared.tenant(&self.connection, tenant)?);
        self.veils.take();
        self.sees_all = false;
        self.tenant = tenant.clone();
        Ok(())
    }

    /// The tenant whose data this is.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Where time and randomness come from.
    pub fn context(&self) -> &Context {
        &self.shared.context
    }

    /// The time at which the transaction began; it stands still inside.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The record with this identifier.
    pub fn get(&self, kind: &Kind, id: &str) -> StoreResult<Option<Record>> {
        let Some(number) = self.number_of(kind.name)? else { return Ok(None) };
        let sql = select_record!(" FROM records AS r WHERE r.tenant = $1 AND r.kind = $2 AND r.id = $3");
        let params = [self.number(), number.into(), indexed(id).into()];
        let found = self.connection.first(sql, &params, |row| self.record(kind.name, row))?;
        self.unless_veiled(kind, found)
    }

    /// The one record of a kind of which there is one; none before the first write.
    pub fn singleton(&self, kind: &Kind) -> StoreResult<Option<Record>> {
        self.get(kind, kind.name)
    }

    /// The record with this unique key.
    pub fn find(&self, kind: &Kind, key: &str, value: &str) -> StoreResult<Option<Record>> {
        let found = self.find_covered(kind, key, value)?;
        self.unless_veiled(kind, found)
    }

    pub(crate) fn find_covered(&self, kind: &Kind, key: &str, value: &str) -> StoreResult<Option<Record>> {
        let (Some(kind_number), Some(key)) = (self.number_of(kind.name)?, self.number_of(key)?) else {
            return Ok(None);
        };
        let sql = select_record!(
            " FROM keys AS k JOIN records AS r ON r.seq = k.seq",
            " WHERE k.tenant = $1 AND k.kind = $2 AND k.name = $3 AND k.value = $4"
        );
        let params = [self.number(), kind_number.into(), key.into(), indexed(value).into()];
        self.connection.first(sql, &params, |row| self.record(kind.name, row))
    }

    /// A record for the cache, with the unique keys by which it may be found.
    pub(crate) fn entry(&self, kind: &Kind, id: &str) -> StoreResult<Option<Entry>> {
        let Some(number) = self.number_of(kind.name)? else { return Ok(None) };
        let sql = select_record!(", r.search FROM records AS r WHERE r.tenant = $1 AND r.kind = $2 AND r.id = $3");
        let found = self.connection.first(sql, &[self.number(), number.into(), indexed(id).into()], |row| {
            let search: Search = serde_json::from_str(row.text(7)?)?;
            Ok((self.record(kind.name, row)?, search.keys))
        })?;
        let Some((record, keys)) = found else { return Ok(None) };
        let record = self.unless_veiled(kind, Some(record))?;
        Ok(record.map(|record| Entry { record: Arc::new(record), keys: keys.into() }))
    }

    /// Reads the columns [`RECORD`].
    pub(crate) fn record(&self, kind: &str, row: &Row<'_>) -> StoreResult<Record> {
        let id = row.text(1)?;
        Ok(Record {
            version: u64::try_from(row.int(2)?).unwrap_or(0),
            created: Timestamp::from_micros(row.int(3)?),
            updated: Timestamp::from_micros(row.int(4)?),
            document: serde_json::from_str(row.text(5)?)?,
            sealed: self.unseal(kind, id, row.bytes(6)?)?,
            id: id.to_owned(),
        })
    }

    /// Decrypts sealed values.
    pub(crate) fn unseal(&self, kind: &str, id: &str, bytes: Option<&[u8]>) -> StoreResult<Sealed> {
        let Some(tenant) = self.known.as_ref().filter(|_| bytes.is_some()) else { return Ok(Sealed::new()) };
        let place = Place { tenant: self.tenant.as_str(), kind, id };
        if let Some(sealed) = tenant.keys.open(&place, bytes)? {
            return Ok(sealed);
        }
        // Another node made the tenant a new key.
        self.shared.forget_tenant(&self.tenant);
        let tenant = self.shared.tenant(&self.connection, &self.tenant)?;
        let no_key = || StoreError::Corrupt(format!("no data key for the sealed values of {kind} {id}"));
        tenant.keys.open(&place, bytes)?.ok_or_else(no_key)
    }

    /// The number of a kind, field, relation or other name; none if it was never used.
    pub(crate) fn number_of(&self, name: &str) -> StoreResult<Option<i64>> {
        if let Some(number) = self.shared.names.get(name) {
            return Ok(Some(number));
        }
        if let Some(number) = self.names.borrow().get(name) {
            return Ok(Some(*number));
        }
        if self.connection.is_absent(name) {
            return Ok(None);
        }
        let sql = "SELECT number FROM names WHERE name = $1";
        let number = self.connection.first(sql, &[indexed(name).into()], |row| row.int(0))?;
        match number {
            Some(number) => drop(self.names.borrow_mut().insert(name.into(), number)),
            None => self.connection.note_absence(name, true),
        }
        Ok(number)
    }

    /// Has what is pending of a kind written, before it is asked for or removed.
    pub(crate) fn settle(&self, kind: i64) -> StoreResult {
        if self.connection.pending().concerns(self.tenant_number(), kind) { self.connection.settle() } else { Ok(()) }
    }

    /// The tenant's number.
    pub(crate) fn number(&self) -> Param<'static> {
        self.tenant_number().into()
    }

    pub(crate) fn tenant_number(&self) -> i64 {
        self.known.as_ref().map_or(0, |tenant| tenant.number)
    }
}
