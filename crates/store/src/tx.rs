//! Writing: what can be done in one transaction.

#![expect(clippy::needless_pass_by_value, reason = "what is stored is given away")]

use std::{
    ops::{Deref, DerefMut},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use kernel::{Document, Record, TenantId};

use crate::{
    Index, Kind, RelationKind, Side, Snapshot, StoreError, StoreResult,
    changes::Changes,
    connection::{Connection, Param},
    index::{Columns, Search, TermRow, indexed},
    news::News,
    seal::Place,
    shared::Shared,
};

/// A transaction on one tenant's data. It reads what it wrote; nobody else does before it is committed, which only
/// the store can do. A failed call has changed nothing.
pub struct Tx {
    pub(crate) snapshot: Snapshot,
    pub(crate) changes: Changes,
    /// Whether the keys known are the newest of the database.
    pub(crate) has_newest_key: bool,
}

/// What a transaction does: whether it is to be kept. Run again after a conflict.
pub(crate) type Work = Box<dyn FnMut(&mut Tx) -> bool + Send>;

impl Deref for Tx {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Snapshot {
        &mut self.snapshot
    }
}

impl Tx {
    pub(crate) fn new(connection: Connection, shared: Arc<Shared>) -> Self {
        Self { snapshot: Snapshot::new(connection, shared), changes: Changes::default(), has_newest_key: false }
    }

    /// Runs work in the open database transaction and tells whether it is to be kept. Whatever the answer, the
    /// connection is left without a failure of its own, and a panic of the work is an error.
    pub(crate) fn run(&mut self, tenant: Option<&TenantId>, work: &mut Work) -> StoreResult<bool> {
        if let Some(tenant) = tenant {
            let entered = self.enter(tenant);
            if let Some(failure) = self.connection.take_failure() {
                return Err(failure);
            }
            entered?;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| work(self))).map_err(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            StoreError::Panicked(text.unwrap_or_else(|| "without a text".to_owned()))
        });
        if let Some(failure) = self.connection.take_failure() {
            return Err(failure);
        }
        let is_kept = outcome?;
        if is_kept {
            let finished = self.finish();
            if let Some(failure) = self.connection.take_failure() {
                return Err(failure);
            }
            finished?;
        }
        Ok(is_kept)
    }

    /// Writes what is written once for the whole transaction.
    fn finish(&mut self) -> StoreResult {
        for (kind, amount) in std::mem::take(&mut self.snapshot.counts) {
            self.connection.pending().add_count(self.tenant_number(), kind, amount);
        }
        // SQLite's writer does so for all transactions that it commits together.
        if !self.connection.is_writer() || self.connection.pending().is_much() {
            self.connection.settle()?;
        }
        if let Some(postgres) = self.connection.as_postgres()
            && let Some(news) = News::text(&self.shared.node, &self.snapshot.tenant, &self.changes)
        {
            postgres.notify(news)?;
        }
        Ok(())
    }

    /// Adds a record, its sealed paths sealed. `Taken` when its identifier or one of its unique keys is there already.
    pub fn insert(&mut self, kind: &Kind, mut record: Record) -> StoreResult<Record> {
        kind.seal(&mut record);
        let index = kind.index(&record);
        self.insert_indexed(kind, record, &index)
    }

    pub(crate) fn insert_indexed(&mut self, kind: &Kind, record: Record, index: &Index) -> StoreResult<Record> {
        storable(&record.id, "identifier")?;
        let number = self.intern(kind.name)?;
        let search = self.search(index)?;
        let sealed = self.sealed(kind.name, &record)?;
        let document = serde_json::to_string(&record.document)?;
        let sql = "INSERT INTO records (tenant, kind, id, version, created, updated, document, sealed, search) \
                   VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8) ON CONFLICT (tenant, kind, id) DO NOTHING";
        let params = [
            self.number(),
            number.into(),
            indexed(&record.id).into(),
            record.created.micros().into(),
            record.updated.micros().into(),
            document.into(),
            sealed.as_deref().into(),
            search.to_text().into(),
        ];
        let seq = self.connection.insert(sql, &params)?;
        let seq = seq.ok_or_else(|| StoreError::Taken { key: "id".to_owned() })?;
        if let Err(taken) = self.insert_keys(number, seq, &search.keys.iter().collect::<Vec<_>>()) {
            self.connection.execute("DELETE FROM records WHERE seq = $1", &[seq.into()])?;
            return Err(taken);
        }
        self.insert_terms(number, seq, search.terms.into_iter());
        *self.snapshot.counts.entry(number).or_insert(0) += 1;
        self.changed(kind.name, &record.id);
        Ok(Record { version: 1, ..record })
    }

    /// Replaces a record that was read before, its sealed paths sealed: `Conflict` when it was changed or deleted
    /// since. The time of its creation stays.
    pub fn update(&mut self, kind: &Kind, mut record: Record) -> StoreResult<Record> {
        kind.seal(&mut record);
        let index = kind.index(&record);
        self.update_indexed(kind, record, &index)
    }

    /// Inserts a record that was not stored before, updates one that was.
    pub fn put(&mut self, kind: &Kind, record: Record) -> StoreResult<Record> {
        if record.version == 0 { self.insert(kind, record) } else { self.update(kind, record) }
    }

    pub(crate) fn update_indexed(&mut self, kind: &Kind, record: Record, index: &Index) -> StoreResult<Record> {
        let number = self.intern(kind.name)?;
        let sql = "SELECT seq, version, search, created FROM records WHERE tenant = $1 AND kind = $2 AND id = $3";
        let id = indexed(&record.id);
        let old = self.connection.first(sql, &[self.number(), number.into(), id.into()], |row| {
            Ok((row.int(0)?, row.int(1)?, row.text(2)?.to_owned(), row.int(3)?))
        })?;
        let (seq, version, old, created) = old.ok_or(StoreError::Conflict)?;
        if u64::try_from(version) != Ok(record.version) {
            return Err(StoreError::Conflict);
        }
        let new = self.search(index)?;
        let new_text = new.to_text();
        if old != new_text {
            let old: Search = serde_json::from_str(&old)?;
            self.insert_keys(number, seq, &new.keys.iter().filter(|key| !old.keys.contains(key)).collect::<Vec<_>>())?;
            self.delete_keys(number, old.keys.iter().filter(|key| !new.keys.contains(key)))?;
            self.delete_terms(number, seq, old.terms.iter().filter(|term| !new.terms.contains(term)))?;
            self.insert_terms(number, seq, new.terms.into_iter().filter(|term| !old.terms.contains(term)));
        }
        let sealed = self.sealed(kind.name, &record)?;
        let document = serde_json::to_string(&record.document)?;
        let sql = "UPDATE records SET version = version + 1, updated = $1, document = $2, sealed = $3, search = $4 \
                   WHERE seq = $5";
        let params = [self.now.micros().into(), document.into(), sealed.as_deref().into(), new_text.into(), seq.into()];
        self.connection.later(sql, &params)?;
        self.changed(kind.name, &record.id);
        let created = kernel::Timestamp::from_micros(created);
        Ok(Record { version: record.version + 1, created, updated: self.now, ..record })
    }

    /// Removes a record with its keys and terms, and returns it. Its relations are the caller's business.
    pub fn delete(&mut self, kind: &Kind, id: &str) -> StoreResult<Option<Record>> {
        let Some(number) = self.number_of(kind.name)? else { return Ok(None) };
        let sql = crate::snapshot::select_record!(
            ", r.search FROM records AS r WHERE r.tenant = $1 AND r.kind = $2 AND r.id = $3"
        );
        let found = self.connection.first(sql, &[self.number(), number.into(), indexed(id).into()], |row| {
            let search: Search = serde_json::from_str(row.text(7)?)?;
            Ok((row.int(0)?, search, self.record(kind.name, row)?))
        })?;
        let Some((seq, search, record)) = found else { return Ok(None) };
        self.connection.later("DELETE FROM records WHERE seq = $1", &[seq.into()])?;
        self.delete_keys(number, search.keys.iter())?;
        self.delete_terms(number, seq, search.terms.iter())?;
        *self.snapshot.counts.entry(number).or_insert(0) -= 1;
        self.changed(kind.name, id);
        Ok(Some(record))
    }

    /// Relates two identifiers; `false` when they are related already, and nothing changes.
    pub fn relate(
        &mut self,
        relation: &RelationKind,
        left: &str,
        right: &str,
        document: Document,
    ) -> StoreResult<bool> {
        storable(left, "identifier")?;
        storable(right, "identifier")?;
        let number = self.intern(relation.name)?;
        let sql = "INSERT INTO relations (tenant, relation, left_id, right_id, created, document) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, relation, left_id, right_id) DO NOTHING";
        let params = [
            self.number(),
            number.into(),
            indexed(left).into(),
            indexed(right).into(),
            self.now.micros().into(),
            serde_json::to_string(&document)?.into(),
        ];
        Ok(self.related_changed(relation, sql, &params)? > 0)
    }

    /// Replaces the document of a relation; `false` when there is no such relation.
    pub fn relate_update(
        &mut self,
        relation: &RelationKind,
        left: &str,
        right: &str,
        document: Document,
    ) -> StoreResult<bool> {
        let Some(number) = self.number_of(relation.name)? else { return Ok(false) };
        let sql = "UPDATE relations SET document = $1 \
                   WHERE tenant = $2 AND relation = $3 AND left_id = $4 AND right_id = $5";
        let document = serde_json::to_string(&document)?;
        let params = [document.into(), self.number(), number.into(), indexed(left).into(), indexed(right).into()];
        Ok(self.related_changed(relation, sql, &params)? > 0)
    }

    /// Ends a relation; `false` when there was none.
    pub fn unrelate(&mut self, relation: &RelationKind, left: &str, right: &str) -> StoreResult<bool> {
        let Some(number) = self.number_of(relation.name)? else { return Ok(false) };
        let sql = "DELETE FROM relations WHERE tenant = $1 AND relation = $2 AND left_id = $3 AND right_id = $4";
        let params = [self.number(), number.into(), indexed(left).into(), indexed(right).into()];
        Ok(self.related_changed(relation, sql, &params)? > 0)
    }

    /// Ends all relations of one identifier and tells how many there were.
    pub fn unrelate_all(&mut self, relation: &RelationKind, side: Side<'_>) -> StoreResult<u64> {
        let Some(number) = self.number_of(relation.name)? else { return Ok(0) };
        let (sql, id) = match side {
            Side::Left(id) => ("DELETE FROM relations WHERE tenant = $1 AND relation = $2 AND left_id = $3", id),
            Side::Right(id) => ("DELETE FROM relations WHERE tenant = $1 AND relation = $2 AND right_id = $3", id),
        };
        self.related_changed(relation, sql, &[self.number(), number.into(), indexed(id).into()])
    }

    /// Changes relations by a statement, notes that they have changed where they have, and tells how many.
    fn related_changed(&mut self, relation: &RelationKind, sql: &str, params: &[Param<'_>]) -> StoreResult<u64> {
        let count = self.connection.execute(sql, params)?;
        if count > 0 {
            self.changes.relations.insert(relation.name.into());
        }
        Ok(count)
    }

    /// The next number of a counter of the tenant: 1, 2, 3 … Concurrent transactions wait for one another here.
    pub fn next(&mut self, counter: &str) -> StoreResult<u64> {
        let counter = self.intern(counter)?;
        let sql = "INSERT INTO counters (tenant, name, value) VALUES ($1, $2, 1) \
                   ON CONFLICT (tenant, name) DO UPDATE SET value = counters.value + 1 RETURNING value";
        let value = self.connection.only(sql, &[self.number(), counter.into()], |row| row.int(0))?;
        Ok(u64::try_from(value).expect("a counter only grows"))
    }

    fn changed(&mut self, kind: &str, id: &str) {
        self.changes.records.insert((kind.into(), id.into()));
    }

    fn sealed(&mut self, kind: &str, record: &Record) -> StoreResult<Option<Vec<u8>>> {
        self.seal(kind, &record.id, &record.sealed)
    }

    /// Encrypts under the newest key that the database has: what is remembered may be older.
    pub(crate) fn seal(&mut self, kind: &str, id: &str, sealed: &kernel::Sealed) -> StoreResult<Option<Vec<u8>>> {
        if sealed.is_empty() {
            return Ok(None);
        }
        if !self.has_newest_key {
            self.find_newest_key()?;
        }
        self.known_keys()?.seal(self.context(), &Place { tenant: self.snapshot.tenant.as_str(), kind, id }, sealed)
    }

    fn search(&self, index: &Index) -> StoreResult<Search> {
        let mut keys = Vec::with_capacity(index.keys.len());
        for (name, value) in &index.keys {
            storable(value, name)?;
            keys.push((self.intern(name)?, indexed(value).into_owned()));
        }
        let mut terms = Vec::with_capacity(index.terms.len());
        for (field, term) in &index.terms {
            terms.push((self.intern(field)?, Columns::of(term)));
        }
        Ok(Search::of(keys, terms))
    }

    /// Takes the keys for a record, all or none.
    fn insert_keys(&self, kind: i64, seq: i64, keys: &[&(i64, String)]) -> StoreResult {
        let sql =
            "INSERT INTO keys (tenant, kind, name, value, seq) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        for (index, (name, value)) in keys.iter().copied().enumerate() {
            let params = [self.number(), kind.into(), (*name).into(), value.into(), seq.into()];
            if self.connection.execute(sql, &params)? == 0 {
                self.delete_keys(kind, keys[..index].iter().copied())?;
                return Err(StoreError::Taken { key: self.name_of(*name)? });
            }
        }
        Ok(())
    }

    fn delete_keys<'k>(&self, kind: i64, keys: impl Iterator<Item = &'k (i64, String)>) -> StoreResult {
        let sql = "DELETE FROM keys WHERE tenant = $1 AND kind = $2 AND name = $3 AND value = $4";
        for (name, value) in keys {
            self.connection.later(sql, &[self.number(), kind.into(), (*name).into(), value.into()])?;
        }
        Ok(())
    }

    /// Removes the keys and terms of a record of any tenant.
    pub(crate) fn delete_search_of(&self, tenant: i64, kind: i64, seq: i64, search: &Search) -> StoreResult {
        let sql = "DELETE FROM keys WHERE tenant = $1 AND kind = $2 AND name = $3 AND value = $4";
        for (name, value) in &search.keys {
            self.connection.execute(sql, &[tenant.into(), kind.into(), (*name).into(), value.into()])?;
        }
        let sql = "DELETE FROM terms WHERE tenant = $1 AND kind = $2 AND field = $3 AND class = $4 AND number = $5 \
                   AND text = $6 AND seq = $7";
        for TermRow(field, term, _) in &search.terms {
            let (class, number, text) = term.parts();
            let (number, text) = (Param::Real(number), text.into());
            let params = [tenant.into(), kind.into(), (*field).into(), class.into(), number, text, seq.into()];
            self.connection.execute(sql, &params)?;
        }
        Ok(())
    }

    fn insert_terms(&self, kind: i64, seq: i64, terms: impl Iterator<Item = TermRow>) {
        self.connection.pending().add_terms(self.tenant_number(), kind, seq, terms);
    }

    fn delete_terms<'t>(&self, kind: i64, seq: i64, terms: impl Iterator<Item = &'t TermRow>) -> StoreResult {
        self.settle(kind)?;
        let sql = "DELETE FROM terms WHERE tenant = $1 AND kind = $2 AND field = $3 AND class = $4 AND number = $5 \
                   AND text = $6 AND seq = $7";
        for TermRow(field, term, _) in terms {
            let (class, number, text) = term.parts();
            let (number, text) = (Param::Real(number), text.into());
            let params = [self.number(), kind.into(), (*field).into(), class.into(), number, text, seq.into()];
            self.connection.later(sql, &params)?;
        }
        Ok(())
    }

    /// The number of a name, made if it is new.
    pub(crate) fn intern(&self, name: &str) -> StoreResult<i64> {
        if let Some(number) = self.number_of(name)? {
            return Ok(number);
        }
        let sql = "INSERT INTO names (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET name = excluded.name \
                   RETURNING number";
        let number = self.connection.only(sql, &[indexed(name).into()], |row| row.int(0))?;
        self.connection.note_absence(name, false);
        self.names.borrow_mut().insert(name.into(), number);
        Ok(number)
    }

    fn name_of(&self, number: i64) -> StoreResult<String> {
        let sql = "SELECT name FROM names WHERE number = $1";
        self.connection.only(sql, &[number.into()], |row| Ok(row.text(0)?.to_owned()))
    }
}

/// Refuses an identifier or key that PostgreSQL cannot hold; a replacement could be somebody else's.
pub(crate) fn storable(text: &str, what: &'static str) -> StoreResult {
    if text.contains('\0') { Err(StoreError::Unstorable(what)) } else { Ok(()) }
}
