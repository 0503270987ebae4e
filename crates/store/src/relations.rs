//! Relations between records, as they are read.

use kernel::{Document, Timestamp};

use crate::{
    Page, Paging, RelationKind, Side, Snapshot, StoreError, StoreResult,
    connection::Row,
    index::indexed,
    query::{Position, to_cursor},
    sql::Sql,
};

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

/// The columns that [`relation_of`] reads.
macro_rules! select_relation {
    ($($text:literal),*) => { concat!("SELECT seq, left_id, right_id, created, document FROM relations", $($text),*) };
}

impl Snapshot {
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
