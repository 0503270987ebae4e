//! Deleting a tenant: its keys at once, so that nothing of it can be read any more, then its rows in bounded batches.

use kernel::TenantId;

use crate::{Store, StoreResult, Tx, index::Search, store::Mode};

/// How the name of a tenant begins whose rows are still being deleted. No tenant that is made has such a name.
pub(crate) const DELETED: &str = "deleted:";
/// How many rows one transaction deletes.
const AT_ONCE: i64 = 500;
/// Tables whose rows are numbered.
const NUMBERED: &[&str] =
    &["relations", "logs", "log_parts", "events", "jobs", "sessions", "refresh_tokens", "single_use", "tallies"];
/// Tables with few rows for each tenant.
const SMALL: &[&str] = &["counts", "counters", "hosts", "data_keys", "hash_keys", "root_keys"];

impl Store {
    /// Deletes a tenant: `false` when there is none. With the answer its hosts lead nowhere and its data keys are
    /// destroyed, so that what is left of it is unreadable; the rows follow in batches. A call that is cut short is made
    /// up for by [`Store::finish_deletions`].
    pub async fn delete_tenant(&self, tenant: &TenantId) -> StoreResult<bool> {
        let name = tenant.clone();
        let found = self
            .transact(Mode::Write, None, move |tx: &mut Tx| {
                let sql = "SELECT number FROM tenants WHERE name = $1";
                let number = tx.connection.first(sql, &[name.as_str().into()], |row| row.int(0))?;
                let Some(number) = number else { return Ok(false) };
                for table in ["hosts", "data_keys", "hash_keys", "root_keys", "jobs"] {
                    tx.connection.execute(&format!("DELETE FROM {table} WHERE tenant = $1"), &[number.into()])?;
                }
                let sql = "UPDATE tenants SET name = $1 WHERE number = $2";
                tx.connection.execute(sql, &[format!("{DELETED}{number}").into(), number.into()])?;
                tx.changes.has_hosts = true;
                tx.changes.has_deleted_tenant = true;
                Ok::<_, crate::StoreError>(true)
            })
            .await?;
        if found {
            self.finish_deletions().await?;
        }
        Ok(found)
    }

    /// Deletes what is left of deleted tenants.
    pub async fn finish_deletions(&self) -> StoreResult {
        while self.transact(Mode::Write, None, delete_some).await? {}
        Ok(())
    }
}

/// Deletes some rows of a deleted tenant, or what stood for it; `false` when there is none any more.
fn delete_some(tx: &mut Tx) -> StoreResult<bool> {
    tx.connection.settle()?;
    // A range, which an index serves: what is asked at each start must not cost by tenant. `;` follows `:`.
    let sql = "SELECT number FROM tenants WHERE name > 'deleted:' AND name < 'deleted;' LIMIT 1";
    let Some(number) = tx.connection.first(sql, &[], |row| row.int(0))? else { return Ok(false) };
    let sql = "SELECT seq, kind, search FROM records WHERE tenant = $1 ORDER BY seq LIMIT $2";
    let records = tx.connection.query(sql, &[number.into(), AT_ONCE.into()], |row| {
        Ok((row.int(0)?, row.int(1)?, serde_json::from_str::<Search>(row.text(2)?)?))
    })?;
    for (seq, kind, search) in &records {
        tx.delete_search_of(number, *kind, *seq, search)?;
        tx.connection.execute("DELETE FROM records WHERE seq = $1", &[(*seq).into()])?;
    }
    if !records.is_empty() {
        return Ok(true);
    }
    for table in NUMBERED {
        let sql = format!(
            "DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} WHERE tenant = $1 ORDER BY seq LIMIT $2)"
        );
        if tx.connection.execute(&sql, &[number.into(), AT_ONCE.into()])? > 0 {
            return Ok(true);
        }
    }
    for table in SMALL {
        tx.connection.execute(&format!("DELETE FROM {table} WHERE tenant = $1"), &[number.into()])?;
    }
    tx.connection.execute("DELETE FROM tenants WHERE number = $1", &[number.into()])?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection::Connection, migrations};

    #[test]
    fn every_table_with_rows_of_tenants_is_emptied() {
        let connection = Connection::from(rusqlite::Connection::open_in_memory().unwrap());
        migrations::run(&connection).unwrap();
        let sql = "SELECT m.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c \
                   WHERE m.type = 'table' AND c.name = 'tenant'";
        let tables = connection.query(sql, &[], |row| Ok(row.text(0)?.to_owned())).unwrap();
        let known: Vec<&str> = [&["records", "keys", "terms"], NUMBERED, SMALL].concat();
        for table in &tables {
            assert!(known.contains(&table.as_str()), "rows of {table} outlive their tenant");
        }
        assert_eq!(tables.len(), known.len());
    }
}
