//! A tenant's hierarchy of keys: the installation's root key wraps the tenant's own, that one the data keys, which
//! encrypt. Data keys are renewed in steps, each a transaction; whatever cuts that short, everything stays readable.

use kernel::{Document, TenantId};
use serde::{Deserialize, Serialize};

use crate::{
    RootKey, Snapshot, Store, StoreError, StoreResult, Tx,
    keyring::{data_keys, missing_hash_key, missing_root, root_keys, wrapped_hash_key},
    seal::{DataKeys, data_key_place, hash_key_place, new_key, root_key_place, version_of},
    single_use,
    store::Mode,
};

/// How many records are encrypted anew in one transaction.
const AT_ONCE: i64 = 200;

/// The key that encrypts a tenant's sealed values now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Master {
    /// Its version; later keys have greater ones.
    pub version: i64,
    /// The number of the tenant's root key that wraps it; 0: the installation's root key does.
    pub root: i64,
}

/// How far a tenant's values are encrypted anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resealing {
    /// Which of [`TABLES`] it is at.
    table: usize,
    /// After which row.
    after: i64,
}

/// Where sealed values are, and the kind under which they are encrypted there.
const TABLES: [(&str, &str); 3] = [
    ("records", "(SELECT name FROM names WHERE number = r.kind)"),
    ("jobs", "'job'"),
    (single_use::PLACE, "'single_use'"),
];

impl Resealing {
    /// As a worker's note.
    pub fn to_document(self) -> Document {
        kernel::object(serde_json::json!({"table": self.table, "after": self.after}))
    }

    /// From a worker's note; from the start where there is none.
    pub fn from_document(note: &Document) -> Self {
        serde_json::from_value(note.clone().into()).unwrap_or_default()
    }
}

impl Snapshot {
    /// The key that encrypts now.
    pub fn master_key(&self) -> StoreResult<Master> {
        let sql = "SELECT version, root FROM data_keys WHERE tenant = $1 ORDER BY version DESC LIMIT 1";
        let row = |row: &crate::connection::Row<'_>| Ok(Master { version: row.int(0)?, root: row.int(1)? });
        self.connection.only(sql, &[self.number()], row)
    }

    fn root_key(&self, number: i64) -> StoreResult<RootKey> {
        if number == 0 {
            return Ok(self.shared.root_key.clone());
        }
        let keys = root_keys(&self.connection, &self.shared.root_key, self.tenant.as_str(), self.tenant_number())?;
        keys.into_iter().find(|(known, _)| *known == number).map(|(_, key)| key).ok_or_else(|| missing_root(number))
    }
}

impl Tx {
    /// Gives the tenant one more root key, which wraps nothing yet, and tells its number. Without a key, a new one.
    pub fn add_root_key(&mut self, key: Option<RootKey>) -> StoreResult<i64> {
        let key = key.unwrap_or_else(|| RootKey::generate(self.context()));
        insert_root_key(self, &self.tenant().clone(), self.tenant_number(), &key)
    }

    /// Has all data keys, and the key for hashes, wrapped by this root key of the tenant, and no other.
    pub fn wrap_master_key(&mut self, root: i64) -> StoreResult {
        let target = self.root_key(root)?;
        let tenant = self.tenant().clone();
        let sql = "SELECT version, wrapped, root FROM data_keys WHERE tenant = $1";
        let rows = self.connection.query(sql, &[self.number()], |row| {
            Ok((row.int(0)?, row.bytes(1)?.unwrap_or_default().to_vec(), row.int(2)?))
        })?;
        for (version, wrapped, former) in rows {
            let place = data_key_place(tenant.as_str(), version);
            let key = self.root_key(former)?.unwrap(&place, &wrapped)?;
            let wrapped = target.wrap(self.context(), &place, &key);
            let sql = "UPDATE data_keys SET wrapped = $1, root = $2 WHERE tenant = $3 AND version = $4";
            let params = [wrapped.as_slice().into(), root.into(), self.number(), version.into()];
            self.connection.execute(sql, &params)?;
        }
        let key = wrapped_hash_key(&self.connection, self.tenant_number())?.ok_or_else(missing_hash_key)?;
        let place = hash_key_place(tenant.as_str());
        let key = self.root_key(key.root)?.unwrap(&place, &key.wrapped)?;
        let wrapped = target.wrap(self.context(), &place, &key);
        let sql = "UPDATE hash_keys SET wrapped = $1, root = $2 WHERE tenant = $3";
        self.connection.execute(sql, &[wrapped.as_slice().into(), root.into(), self.number()])?;
        self.has_new_keys();
        Ok(())
    }

    /// Makes a new data key, which encrypts from now on, and gives its version. Values that are encrypted under
    /// earlier ones stay readable; [`Tx::reseal`] encrypts them anew.
    pub fn renew_master_key(&mut self) -> StoreResult<i64> {
        let Master { version, root } = self.master_key()?;
        let wrapping = self.root_key(root)?;
        insert_data_key(self, &self.tenant().clone(), self.tenant_number(), version + 1, (root, &wrapping))?;
        self.has_new_keys();
        Ok(version + 1)
    }

    /// Encrypts some values anew that are encrypted under keys before `version`, and tells where to go on; `None` at
    /// the end, when no value needs those keys any more.
    pub fn reseal(&mut self, version: i64, from: Resealing) -> StoreResult<Option<Resealing>> {
        let Some((table, kind)) = TABLES.get(from.table) else { return Ok(None) };
        let sql = format!(
            "SELECT r.seq, {kind}, r.id, r.sealed FROM {table} AS r \
             WHERE r.tenant = $1 AND r.seq > $2 AND r.sealed IS NOT NULL ORDER BY r.seq LIMIT $3"
        );
        let rows = self.connection.query(&sql, &[self.number(), from.after.into(), AT_ONCE.into()], |row| {
            let (kind, id, bytes) = (row.text(1)?, row.text(2)?, row.bytes(3)?);
            let is_old = bytes.and_then(version_of).is_some_and(|(used, _)| used < version);
            let sealed = if is_old { Some(self.unseal(kind, id, bytes)?) } else { None };
            Ok((row.int(0)?, kind.to_owned(), id.to_owned(), sealed))
        })?;
        for (seq, kind, id, sealed) in &rows {
            let Some(sealed) = sealed else { continue };
            let bytes = self.seal(kind, id, sealed)?;
            let sql = format!("UPDATE {table} SET sealed = $1 WHERE seq = $2");
            self.connection.execute(&sql, &[bytes.as_deref().into(), (*seq).into()])?;
        }
        let next = match rows.last() {
            Some((seq, ..)) => Resealing { after: *seq, ..from },
            None => Resealing { table: from.table + 1, after: 0 },
        };
        Ok((next.table < TABLES.len()).then_some(next))
    }

    /// Destroys the data keys before `version`, which no value may need any more, and the tenant's root keys that
    /// wrap none.
    pub fn destroy_keys_before(&mut self, version: i64) -> StoreResult {
        let sql = "DELETE FROM data_keys WHERE tenant = $1 AND version < $2";
        self.connection.execute(sql, &[self.number(), version.into()])?;
        let sql = "UPDATE root_keys SET wrapped = NULL \
                   WHERE tenant = $1 AND number NOT IN (SELECT root FROM data_keys WHERE tenant = $2) \
                   AND number NOT IN (SELECT root FROM hash_keys WHERE tenant = $3)";
        self.connection.execute(sql, &[self.number(), self.number(), self.number()])?;
        self.has_new_keys();
        Ok(())
    }

    fn has_new_keys(&mut self) {
        self.changes.has_new_keys = true;
        self.has_newest_key = false;
    }

    /// Reads the keys anew if the database has a newer one than is known. The reading takes part in the transaction,
    /// so that none that began before a renewal can go on encrypting under the key before. What is read here is not
    /// for others: it may not be committed yet.
    pub(crate) fn find_newest_key(&mut self) -> StoreResult {
        let newest = self.master_key()?.version;
        if self.known_keys()?.newest() != newest {
            let tenant = self.snapshot.tenant.clone();
            let known = self.shared.load_tenant(&self.connection, &tenant)?;
            self.snapshot.known = known.map(std::sync::Arc::new);
            // Others forget what they know, too.
            self.changes.has_new_keys = true;
        }
        self.has_newest_key = true;
        Ok(())
    }

    pub(crate) fn known_keys(&self) -> StoreResult<&DataKeys> {
        let known = self.known.as_ref().ok_or_else(|| StoreError::Corrupt("no tenant to seal for".to_owned()))?;
        Ok(&known.keys)
    }
}

/// Gives a new tenant its first keys.
pub(crate) fn create(tx: &Tx, tenant: &TenantId, number: i64) -> StoreResult {
    let key = RootKey::generate(tx.context());
    let root = insert_root_key(tx, tenant, number, &key)?;
    insert_data_key(tx, tenant, number, 1, (root, &key))?;
    insert_hash_key(tx, tenant, number, (root, &key))
}

/// Gives a key for hashes to tenants that were created before there was one.
pub(crate) async fn complete(store: &Store) -> StoreResult {
    let lacks_one = "NOT EXISTS (SELECT 1 FROM hash_keys AS h WHERE h.tenant = t.number)";
    for name in store.tenants_where(lacks_one, Vec::new()).await? {
        let create = move |tx: &mut Tx| {
            let sql = "SELECT number FROM tenants WHERE name = $1";
            let number = tx.connection.first(sql, &[name.as_str().into()], |row| row.int(0))?;
            let Some(number) = number else { return Ok(()) };
            // Another node may have been faster.
            if wrapped_hash_key(&tx.connection, number)?.is_some() {
                return Ok(());
            }
            // Nothing is stored under a root key that does not open what is there.
            data_keys(&tx.connection, &tx.shared.root_key, name.as_str(), number)?;
            insert_hash_key(tx, &name, number, (0, &tx.shared.root_key))
        };
        store.transact::<_, StoreError>(Mode::Write, None, create).await?;
    }
    Ok(())
}

fn insert_hash_key(tx: &Tx, tenant: &TenantId, number: i64, (root, wrapping): (i64, &RootKey)) -> StoreResult {
    let wrapped = wrapping.wrap(tx.context(), &hash_key_place(tenant.as_str()), &new_key(tx.context()));
    let sql = "INSERT INTO hash_keys (tenant, wrapped, created, root) VALUES ($1, $2, $3, $4)";
    let params = [number.into(), wrapped.as_slice().into(), tx.now().micros().into(), root.into()];
    tx.connection.execute(sql, &params).map(drop)
}

fn insert_root_key(tx: &Tx, tenant: &TenantId, tenant_number: i64, key: &RootKey) -> StoreResult<i64> {
    let sql = "SELECT coalesce(max(number), 0) + 1 FROM root_keys WHERE tenant = $1";
    let number = tx.connection.only(sql, &[tenant_number.into()], |row| row.int(0))?;
    let wrapped = tx.shared.root_key.wrap(tx.context(), &root_key_place(tenant.as_str(), number), key.bytes());
    let sql = "INSERT INTO root_keys (tenant, number, wrapped, created) VALUES ($1, $2, $3, $4)";
    let params = [tenant_number.into(), number.into(), wrapped.as_slice().into(), tx.now().micros().into()];
    tx.connection.execute(sql, &params)?;
    Ok(number)
}

fn insert_data_key(
    tx: &Tx,
    tenant: &TenantId,
    tenant_number: i64,
    version: i64,
    (root, wrapping): (i64, &RootKey),
) -> StoreResult {
    let key = new_key(tx.context());
    let wrapped = wrapping.wrap(tx.context(), &data_key_place(tenant.as_str(), version), &key);
    let sql = "INSERT INTO data_keys (tenant, version, wrapped, created, root) VALUES ($1, $2, $3, $4, $5)";
    let (wrapped, created) = (wrapped.as_slice().into(), tx.now().micros().into());
    tx.connection.execute(sql, &[tenant_number.into(), version.into(), wrapped, created, root.into()]).map(drop)
}
