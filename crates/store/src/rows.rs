//! Pages of rows that are no records: sessions, refresh tokens.

use crate::{
    Page, Paging, Snapshot, StoreError, StoreResult,
    connection::Row,
    query::{Position, to_cursor},
    sql::Sql,
};

impl Snapshot {
    /// A page of rows in order of creation. `read` gives each row's `seq` too.
    pub(crate) fn page_by_seq<T>(
        &self,
        (select, table): (&str, &str),
        conditions: impl Fn(&mut Sql<'_>),
        paging: &Paging,
        with_total: bool,
        read: impl Fn(&Row<'_>) -> StoreResult<(i64, T)>,
    ) -> StoreResult<Page<T>> {
        let total = if with_total {
            let mut sql = Sql::new("SELECT count(*) FROM ");
            sql.push(table);
            conditions(&mut sql);
            let total = self.connection.only(&sql.text, &sql.params, |row| row.int(0))?;
            Some(u64::try_from(total).unwrap_or(0))
        } else {
            None
        };
        let mut sql = Sql::new(select);
        conditions(&mut sql);
        match paging.position()? {
            None => {}
            Some(Position::Created(seq)) => {
                sql.push(" AND seq > ").bind(seq);
            }
            Some(_) => return Err(StoreError::BadCursor),
        }
        let (offset, limit) = paging.window();
        sql.push(" ORDER BY seq").window(offset, limit);
        let mut rows = self.connection.query(&sql.text, &sql.params, read)?;
        let next = paging.cut(&mut rows, |(seq, _)| to_cursor(&Position::Created(*seq)));
        Ok(Page { items: rows.into_iter().map(|(_, row)| row).collect(), total, next })
    }
}
