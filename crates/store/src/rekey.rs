//! Renewal of a tenant's data key: a new key encrypts from now on, and everything sealed before is encrypted anew.

use kernel::TenantId;

use crate::{
    Store, StoreError, StoreResult, Tx,
    seal::{Place, version_of},
    store::{Mode, add_data_key},
};

/// How many records are encrypted anew in one transaction.
const AT_ONCE: i64 = 200;

impl Store {
    /// Gives a tenant a new data key and encrypts all its sealed values with it. Reads and writes go on meanwhile; cut
    /// short, it leaves values under both keys, all of them readable, and can be repeated.
    pub async fn rekey_tenant(&self, tenant: &TenantId) -> StoreResult {
        let id = tenant.clone();
        let version = self
            .write(tenant, move |tx| {
                let sql = "SELECT max(version) FROM data_keys WHERE tenant = $1";
                let version = tx.connection.only(sql, &[tx.number()], |row| row.int(0))? + 1;
                add_data_key(tx, &id, tx.tenant_number(), version)?;
                tx.changes.has_new_keys = true;
                Ok::<_, StoreError>(version)
            })
            .await?;
        for (table, mut seq) in [("records", Some(0)), ("jobs", Some(0))] {
            while let Some(after) = seq {
                let batch = move |tx: &mut Tx| rekey_batch(tx, table, after, version);
                seq = self.transact(Mode::Write, Some(tenant.clone()), batch).await?;
            }
        }
        Ok(())
    }
}

/// Encrypts some rows anew and tells where to go on; none at the end.
fn rekey_batch(tx: &mut Tx, table: &str, after: i64, version: i64) -> StoreResult<Option<i64>> {
    let kind = match table {
        "records" => "(SELECT name FROM names WHERE number = r.kind)",
        _ => "'job'",
    };
    let sql = format!(
        "SELECT r.seq, {kind}, r.id, r.sealed FROM {table} AS r \
         WHERE r.tenant = $1 AND r.seq > $2 AND r.sealed IS NOT NULL ORDER BY r.seq LIMIT $3"
    );
    let rows = tx.connection.query(&sql, &[tx.number(), after.into(), AT_ONCE.into()], |row| {
        let (kind, id, bytes) = (row.text(1)?, row.text(2)?, row.bytes(3)?);
        let is_old = bytes.and_then(version_of).is_some_and(|(used, _)| used < version);
        let sealed = if is_old { Some(tx.unseal(kind, id, bytes)?) } else { None };
        Ok((row.int(0)?, kind.to_owned(), id.to_owned(), sealed))
    })?;
    let tenant = tx.tenant().clone();
    let mut known = tx.shared.tenant(&tx.connection, &tenant)?;
    if known.keys.newest() < version {
        // Remembered by a reader that had begun before the new key was made.
        tx.shared.forget_tenant(&tenant);
        known = tx.shared.tenant(&tx.connection, &tenant)?;
    }
    let keys = &known.keys;
    for (seq, kind, id, sealed) in &rows {
        let Some(sealed) = sealed else { continue };
        let bytes = keys.seal(tx.context(), &Place { tenant: tenant.as_str(), kind, id }, sealed)?;
        let sql = format!("UPDATE {table} SET sealed = $1 WHERE seq = $2");
        tx.connection.execute(&sql, &[bytes.as_deref().into(), (*seq).into()])?;
    }
    Ok(rows.last().map(|row| row.0))
}
