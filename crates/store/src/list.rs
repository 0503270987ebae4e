//! Lists of records: which of them, in each order, and how many.

use std::{cmp::Ordering, collections::HashMap};

use kernel::Record;

use crate::{
    Filter, Kind, Order, Page, Paging, Query, Snapshot, StoreError, StoreResult,
    connection::{Param, Row},
    index::{Columns, Search},
    query::{Position, to_cursor},
    snapshot::select_record,
    sql::{Node, Scope, Sql},
};

/// Up to so many records are sorted in memory rather than by walking the index of the whole field.
const SORTED_IN_MEMORY: u64 = 1000;

/// A record that a list has found, read only as far as it is asked for.
pub struct Listed<'r> {
    snapshot: &'r Snapshot,
    kind: &'r str,
    pub(crate) row: &'r Row<'r>,
}

impl Listed<'_> {
    /// What no other state of any record has: its place in the database, which no other record ever takes, and its
    /// version.
    pub fn state(&self) -> StoreResult<(i64, i64)> {
        Ok((self.row.int(0)?, self.row.int(2)?))
    }

    /// The whole record.
    pub fn record(&self) -> StoreResult<Record> {
        self.snapshot.record(self.kind, self.row)
    }
}

impl Snapshot {
    /// The records with these identifiers, in this order; those that do not exist are left out.
    pub fn get_all(&self, kind: &Kind, ids: &[String]) -> StoreResult<Vec<Record>> {
        if let [id] = ids {
            return Ok(self.get(kind, id)?.into_iter().collect());
        }
        let found = self.list(kind, &Query::of(Filter::Ids(ids.to_vec())))?.items;
        let mut found: HashMap<String, Record> = found.into_iter().map(|record| (record.id.clone(), record)).collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
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
        self.settle(number)?;
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
        self.settle(kind)?;
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

    fn pending(&self, kind: i64) -> i64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    pub(crate) fn scope(&self, kind: i64) -> Scope<'_> {
        Scope { connection: &self.connection, tenant: self.tenant_number(), kind }
    }
}

/// What becomes of each record that is found.
type Make<'q, T> = dyn Fn(&Listed<'_>) -> StoreResult<T> + 'q;

/// One question for a list.
struct List<'q, T> {
    snapshot: &'q Snapshot,
    kind: &'q str,
    number: i64,
    node: &'q Node<'q>,
    paging: &'q Paging,
    make: &'q Make<'q, T>,
}

type Found<T> = (Position, T);

impl<T> List<'_, T> {
    fn made(&self, row: &Row<'_>) -> StoreResult<T> {
        (self.make)(&Listed { snapshot: self.snapshot, kind: self.kind, row })
    }

    fn by_seq(&self, descending: bool) -> StoreResult<Vec<Found<T>>> {
        let after = match self.paging.position()? {
            None => None,
            Some(Position::Created(seq)) => Some(Param::from(seq)),
            Some(_) => return Err(StoreError::BadCursor),
        };
        self.by_column("r.seq", descending, after, |row| Ok(Position::Created(row.int(0)?)))
    }

    fn by_id(&self, descending: bool) -> StoreResult<Vec<Found<T>>> {
        let after = match self.paging.position()? {
            None => None,
            Some(Position::Id(id)) => Some(Param::from(id)),
            Some(_) => return Err(StoreError::BadCursor),
        };
        self.by_column("r.id", descending, after, |row| Ok(Position::Id(row.text(1)?.to_owned())))
    }

    fn by_column(
        &self,
        column: &str,
        descending: bool,
        after: Option<Param<'_>>,
        position: impl Fn(&Row<'_>) -> StoreResult<Position>,
    ) -> StoreResult<Vec<Found<T>>> {
        let mut sql = Sql::new(select_record!(" FROM records AS r WHERE "));
        self.write_members(&mut sql);
        if let Some(after) = after {
            sql.push(" AND ").push(column).push(if descending { " < " } else { " > " }).bind(after);
        }
        let (offset, limit) = self.paging.window();
        sql.push(" ORDER BY ").push(column).push(if descending { " DESC" } else { "" }).window(offset, limit);
        self.snapshot.connection.query(&sql.text, &sql.params, |row| Ok((position(row)?, self.made(row)?)))
    }

    /// Writes the condition that the filter means the record `r`.
    fn write_members<'a>(&'a self, sql: &mut Sql<'a>) {
        let scope = self.snapshot.scope(self.number);
        if self.node.is_selective() {
            sql.push("r.seq IN (");
            self.node.write_set(sql, &scope);
            sql.push(")");
        } else {
            sql.push("r.tenant = ").bind(scope.tenant).push(" AND r.kind = ").bind(scope.kind);
            if !matches!(self.node, Node::All) {
                sql.push(" AND ");
                self.node.write_condition(sql, &scope, "r.seq");
            }
        }
    }

    fn by_field(&self, field: &str, descending: bool) -> StoreResult<Vec<Found<T>>> {
        let after = match self.paging.position()? {
            Some(Position::Created(_) | Position::Id(_)) => return Err(StoreError::BadCursor),
            after => after,
        };
        let field = self.snapshot.number_of(field)?;
        if self.node.is_selective()
            && let Some(found) = self.few_by_field(field, descending, after.as_ref())?
        {
            return Ok(found);
        }
        let (offset, limit) = self.paging.window();
        let mut found = match (field, &after) {
            (None, _) | (_, Some(Position::Without(_))) => Vec::new(),
            (Some(field), after) => self.with_field(field, descending, after.as_ref(), offset, limit)?,
        };
        let so_far = u64::try_from(found.len()).expect("a length");
        if so_far < limit {
            let passed = match field {
                Some(field) if offset > 0 && found.is_empty() => self.count_with_field(field)?,
                Some(_) => offset,
                None => 0,
            };
            let offset = offset.saturating_sub(passed);
            found.extend(self.without_field(field, descending, after.as_ref(), offset, limit - so_far)?);
        }
        Ok(found)
    }

    /// The same, sorted in memory; none if there are too many.
    fn few_by_field(
        &self,
        field: Option<i64>,
        descending: bool,
        after: Option<&Position>,
    ) -> StoreResult<Option<Vec<Found<T>>>> {
        let connection = &self.snapshot.connection;
        let mut sql = Sql::new("SELECT r.seq, r.search FROM records AS r WHERE ");
        self.write_members(&mut sql);
        sql.window(0, SORTED_IN_MEMORY + 1);
        let rows = connection.query(&sql.text, &sql.params, |row| Ok((row.int(0)?, row.text(1)?.to_owned())))?;
        if rows.len() as u64 > SORTED_IN_MEMORY {
            return Ok(None);
        }
        let mut places = Vec::with_capacity(rows.len());
        for (seq, search) in rows {
            let search: Search = serde_json::from_str(&search)?;
            let bit = if descending { 2 } else { 1 };
            let term = search.terms.iter().find(|row| Some(row.0) == field && row.2 & bit != 0);
            places.push((term.map(|row| row.1.columns()), seq));
        }
        places.sort_by(|one, other| in_order(one, other, descending));
        if let Some(after) = after {
            let place = match after {
                Position::Field(class, number, text, seq) => {
                    let columns = Columns { class: *class, number: f64::from_bits(*number), text: text.clone() };
                    (Some(columns), *seq)
                }
                Position::Without(seq) => (None, *seq),
                Position::Created(_) | Position::Id(_) => return Err(StoreError::BadCursor),
            };
            places.retain(|other| in_order(&place, other, descending) == Ordering::Less);
        }
        let (offset, limit) = self.paging.window();
        let (offset, limit) =
            (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(limit).unwrap_or(usize::MAX));
        let places: Vec<_> = places.into_iter().skip(offset).take(limit).collect();
        let mut records = HashMap::with_capacity(places.len());
        let sql = select_record!(" FROM records AS r WHERE r.seq = $1");
        for (_, seq) in &places {
            let record = connection.only(sql, &[(*seq).into()], |row| self.made(row))?;
            records.insert(*seq, record);
        }
        let found = places.into_iter().filter_map(|(columns, seq)| {
            let record = records.remove(&seq)?;
            Some((position_of(columns, seq), record))
        });
        Ok(Some(found.collect()))
    }

    fn write_field_terms<'a>(&'a self, sql: &mut Sql<'a>, field: i64, descending: bool) {
        let scope = self.snapshot.scope(self.number);
        sql.push(" WHERE s.tenant = ").bind(scope.tenant).push(" AND s.kind = ").bind(scope.kind);
        sql.push(" AND s.field = ").bind(field);
        sql.push(if descending { " AND s.place >= 2" } else { " AND s.place IN (1, 3)" });
        if !matches!(self.node, Node::All) {
            sql.push(" AND ");
            // The sign keeps SQLite from walking the filter's records instead of the field in its order.
            self.node.write_condition(sql, &scope, "+s.seq");
        }
    }

    fn with_field(
        &self,
        field: i64,
        descending: bool,
        after: Option<&Position>,
        offset: u64,
        limit: u64,
    ) -> StoreResult<Vec<Found<T>>> {
        let mut sql =
            Sql::new(select_record!(", s.class, s.number, s.text FROM terms AS s JOIN records AS r ON r.seq = s.seq"));
        self.write_field_terms(&mut sql, field, descending);
        if let Some(Position::Field(class, number, text, seq)) = after {
            sql.push(" AND (s.class, s.number, s.text, s.seq) ").push(if descending { "< (" } else { "> (" });
            sql.bind(*class).push(", ").bind(Param::Real(f64::from_bits(*number))).push(", ");
            sql.bind(text).push(", ").bind(*seq).push(")");
        }
        let direction = if descending { " DESC" } else { "" };
        for (index, column) in ["class", "number", "text", "seq"].into_iter().enumerate() {
            sql.push(if index == 0 { " ORDER BY s." } else { ", s." }).push(column).push(direction);
        }
        sql.window(offset, limit);
        self.snapshot.connection.query(&sql.text, &sql.params, |row| {
            let columns = Columns { class: row.int(7)?, number: row.real(8)?, text: row.text(9)?.to_owned() };
            Ok((position_of(Some(columns), row.int(0)?), self.made(row)?))
        })
    }

    fn count_with_field(&self, field: i64) -> StoreResult<u64> {
        let mut sql = Sql::new("SELECT count(*) FROM terms AS s");
        self.write_field_terms(&mut sql, field, false);
        let count = self.snapshot.connection.only(&sql.text, &sql.params, |row| row.int(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn without_field(
        &self,
        field: Option<i64>,
        descending: bool,
        after: Option<&Position>,
        offset: u64,
        limit: u64,
    ) -> StoreResult<Vec<Found<T>>> {
        let mut sql = Sql::new(select_record!(" FROM records AS r WHERE "));
        self.write_members(&mut sql);
        if let Some(field) = field {
            let scope = self.snapshot.scope(self.number);
            sql.push(" AND r.seq NOT IN (SELECT seq FROM terms WHERE tenant = ").bind(scope.tenant);
            sql.push(" AND kind = ").bind(scope.kind).push(" AND field = ").bind(field).push(")");
        }
        if let Some(Position::Without(seq)) = after {
            sql.push(" AND r.seq").push(if descending { " < " } else { " > " }).bind(*seq);
        }
        sql.push(" ORDER BY r.seq").push(if descending { " DESC" } else { "" }).window(offset, limit);
        self.snapshot
            .connection
            .query(&sql.text, &sql.params, |row| Ok((Position::Without(row.int(0)?), self.made(row)?)))
    }
}

fn position_of(columns: Option<Columns>, seq: i64) -> Position {
    match columns {
        Some(columns) => Position::Field(columns.class, columns.number.to_bits(), columns.text, seq),
        None => Position::Without(seq),
    }
}

/// Those without a value come last in either direction.
fn in_order(one: &(Option<Columns>, i64), other: &(Option<Columns>, i64), descending: bool) -> Ordering {
    let turned = |order: Ordering| if descending { order.reverse() } else { order };
    match (&one.0, &other.0) {
        (Some(left), Some(right)) => turned(left.order(right).then(one.1.cmp(&other.1))),
        (None, None) => turned(one.1.cmp(&other.1)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    }
}
