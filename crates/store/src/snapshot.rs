//! Reading: one consistent view of a tenant's data.

use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
    sync::Arc,
};

use kernel::{Context, Document, Record, Sealed, TenantId, Timestamp};

use crate::{
    Filter, Kind, Order, Page, Paging, Query, RelationKind, Side, StoreError, StoreResult,
    cache::Entry,
    connection::{Connection, Param, Row},
    index::{Search, indexed},
    list::{List, Listed},
    query::{Node, Position, Scope, Sql, to_cursor},
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

/// A connection between two records with a document of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Identifier on the left side.
    pub left: String,
    /// Identifier on the right side.
    pub right: String,
    /// What is known of the connection.
    pub document: Document,
    /// When it was made.
    pub created: Timestamp,
}

/// A question for a list of relations.
#[derive(Clone, Debug, Default)]
pub struct RelationQuery {
    /// In which order.
    pub order: RelationOrder,
    /// Which of them.
    pub paging: Paging,
    /// Whether [`Page::total`] is wanted.
    pub with_total: bool,
    /// Whether every page that shows anything has a [`Page::next`], so that a walk ends with an empty page and what is
    /// added later is found from where it ended.
    pub is_open_ended: bool,
}

/// The order of a list of relations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RelationOrder {
    /// As they were made.
    #[default]
    Created,
    /// The latest made first.
    CreatedDescending,
    /// By the identifier on the other side.
    Other,
    /// By the identifier on the other side, the greatest first.
    OtherDescending,
}

/// A select of the columns that [`Snapshot::record`] reads, and the texts given.
macro_rules! select_record {
    ($($text:literal),*) => {
        concat!("SELECT r.seq, r.id, r.version, r.created, r.updated, r.document, r.sealed", $($text),*)
    };
}
pub(crate) use select_record;

/// The columns that [`relation_of`] reads.
macro_rules! select_relation {
    ($($text:literal),*) => { concat!("SELECT seq, left_id, right_id, created, document FROM relations", $($text),*) };
}

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

    /// The records with these identifiers, in this order; those that do not exist are left out.
    pub fn get_all(&self, kind: &Kind, ids: &[String]) -> StoreResult<Vec<Record>> {
        if let [id] = ids {
            return Ok(self.get(kind, id)?.into_iter().collect());
        }
        let found = self.list(kind, &Query::of(Filter::Ids(ids.to_vec())))?.items;
        let mut found: HashMap<String, Record> = found.into_iter().map(|record| (record.id.clone(), record)).collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
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

    /// The records of a kind that a query asks for.
    pub fn list(&self, kind: &Kind, query: &Query) -> StoreResult<Page<Record>> {
        self.list_as(kind, query, |listed| self.record(kind.name, listed.row))
    }

    /// As [`Snapshot::list`], with what a function makes of each record.
    pub fn list_as<T>(
        &self,
        kind: &Kind,
        query: &Query,
        make: impl Fn(&Listed<'_>) -> StoreResult<T>,
    ) -> StoreResult<Page<T>> {
        match self.unveiled(kind, &query.filter)? {
            Some(filter) => self.list_covered(kind, &Query { filter, ..query.clone() }, make),
            None => self.list_covered(kind, query, make),
        }
    }

    pub(crate) fn list_covered<T>(
        &self,
        kind: &Kind,
        query: &Query,
        make: impl Fn(&Listed<'_>) -> StoreResult<T>,
    ) -> StoreResult<Page<T>> {
        let Some(number) = self.number_of(kind.name)? else {
            query.paging.position::<Position>()?;
            return Ok(Page::empty(query.with_total));
        };
        let node = Node::of(self, &query.filter)?;
        let total = query.with_total.then(|| self.count_of(number, &node)).transpose()?;
        let list = List { snapshot: self, kind: kind.name, number, node: &node, paging: &query.paging, make: &make };
        let mut rows = match &query.order {
            _ if matches!(node, Node::Nothing) => Vec::new(),
            Order::Created => list.by_seq(false)?,
            Order::CreatedDescending => list.by_seq(true)?,
            Order::Id => list.by_id(false)?,
            Order::IdDescending => list.by_id(true)?,
            Order::Field { field, descending } => list.by_field(field, *descending)?,
        };
        let next = query.paging.cut(&mut rows, |(position, _)| to_cursor(position));
        Ok(Page { items: rows.into_iter().map(|(_, item)| item).collect(), total, next })
    }

    /// How many records of a kind a filter means.
    pub fn count(&self, kind: &Kind, filter: &Filter) -> StoreResult<u64> {
        let Some(number) = self.number_of(kind.name)? else { return Ok(0) };
        let unveiled = self.unveiled(kind, filter)?;
        self.count_of(number, &Node::of(self, unveiled.as_ref().unwrap_or(filter))?)
    }

    fn count_of(&self, kind: i64, node: &Node<'_>) -> StoreResult<u64> {
        let mut sql = Sql::default();
        match node {
            Node::Nothing => return Ok(0),
            Node::All => {
                // A sum is a NUMERIC in PostgreSQL.
                sql.push("SELECT CAST(coalesce(sum(amount), 0) AS BIGINT) FROM counts WHERE tenant = ");
                sql.bind(self.number()).push(" AND kind = ").bind(kind);
            }
            node if node.is_selective() => {
                sql.push("SELECT count(DISTINCT seq) FROM (");
                node.write_set(&mut sql, &self.scope(kind));
                sql.push(") AS found");
            }
            node => {
                sql.push("SELECT count(*) FROM records AS r WHERE r.tenant = ").bind(self.number());
                sql.push(" AND r.kind = ").bind(kind).push(" AND ");
                node.write_condition(&mut sql, &self.scope(kind), "r.seq");
            }
        }
        let count = self.connection.only(&sql.text, &sql.params, |row| row.int(0))?;
        let pending = if matches!(node, Node::All) { self.pending(kind) } else { 0 };
        Ok(u64::try_from(count + pending).unwrap_or(0))
    }

    /// The relation between two identifiers.
    pub fn relation(&self, relation: &RelationKind, left: &str, right: &str) -> StoreResult<Option<Relation>> {
        let Some(relation) = self.number_of(relation.name)? else { return Ok(None) };
        let sql = select_relation!(" WHERE tenant = $1 AND relation = $2 AND left_id = $3 AND right_id = $4");
        let params = [self.number(), relation.into(), indexed(left).into(), indexed(right).into()];
        self.connection.first(sql, &params, |row| relation_of(row).map(|(_, relation)| relation))
    }

    /// The relations of one identifier.
    pub fn related(
        &self,
        relation: &RelationKind,
        side: Side<'_>,
        query: &RelationQuery,
    ) -> StoreResult<Page<Relation>> {
        let after = query.paging.position::<Position>()?;
        let Some(relation) = self.number_of(relation.name)? else { return Ok(Page::empty(query.with_total)) };
        let (given, other, id) = match side {
            Side::Left(id) => ("left_id", "right_id", id),
            Side::Right(id) => ("right_id", "left_id", id),
        };
        let conditions = |sql: &mut Sql<'_>| {
            sql.push(" WHERE tenant = ").bind(self.number()).push(" AND relation = ").bind(relation);
            sql.push(" AND ").push(given).push(" = ").bind(indexed(id).into_owned());
        };
        let total = if query.with_total {
            let mut sql = Sql::new("SELECT count(*) FROM relations");
            conditions(&mut sql);
            let total = self.connection.only(&sql.text, &sql.params, |row| row.int(0))?;
            Some(u64::try_from(total).unwrap_or(0))
        } else {
            None
        };
        let (by_other, descending) = match query.order {
            RelationOrder::Created => (false, false),
            RelationOrder::CreatedDescending => (false, true),
            RelationOrder::Other => (true, false),
            RelationOrder::OtherDescending => (true, true),
        };
        let (column, word, direction) = (
            if by_other { other } else { "seq" },
            if descending { " < " } else { " > " },
            if descending { " DESC" } else { "" },
        );
        let mut sql = Sql::new(select_relation!());
        conditions(&mut sql);
        match after {
            None => {}
            Some(Position::Created(seq)) if !by_other => {
                sql.push(" AND seq").push(word).bind(seq);
            }
            Some(Position::Id(id)) if by_other => {
                sql.push(" AND ").push(column).push(word).bind(id);
            }
            Some(_) => return Err(StoreError::BadCursor),
        }
        let (offset, limit) = query.paging.window();
        sql.push(" ORDER BY ").push(column).push(direction).window(offset, limit);
        let mut rows = self.connection.query(&sql.text, &sql.params, relation_of)?;
        let cursor = |(seq, row): &(i64, Relation)| {
            let other = if other == "left_id" { &row.left } else { &row.right };
            to_cursor(&if by_other { Position::Id(other.clone()) } else { Position::Created(*seq) })
        };
        let next = query.paging.cut(&mut rows, cursor);
        let next = next.or_else(|| rows.last().filter(|_| query.is_open_ended).map(cursor));
        Ok(Page { items: rows.into_iter().map(|(_, relation)| relation).collect(), total, next })
    }

    fn pending(&self, kind: i64) -> i64 {
        self.counts.get(&kind).copied().unwrap_or(0)
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

    /// The tenant's number.
    pub(crate) fn number(&self) -> Param<'static> {
        self.tenant_number().into()
    }

    pub(crate) fn tenant_number(&self) -> i64 {
        self.known.as_ref().map_or(0, |tenant| tenant.number)
    }

    pub(crate) fn scope(&self, kind: i64) -> Scope<'_> {
        Scope { connection: &self.connection, tenant: self.tenant_number(), kind }
    }
}

fn relation_of(row: &Row<'_>) -> StoreResult<(i64, Relation)> {
    let relation = Relation {
        left: row.text(1)?.to_owned(),
        right: row.text(2)?.to_owned(),
        created: Timestamp::from_micros(row.int(3)?),
        document: serde_json::from_str(row.text(4)?)?,
    };
    Ok((row.int(0)?, relation))
}
