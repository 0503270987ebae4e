//! A tenant's keys as they are stored, and how they are unwrapped.

use std::collections::HashMap;

use aws_lc_rs::hmac;

use crate::{
    RootKey, StoreError, StoreResult,
    connection::Connection,
    seal::{DataKeys, data_key_place, hash_key_place, root_key_place},
};

/// A tenant's key for hashes, as it is stored.
pub(crate) struct WrappedHashKey {
    pub(crate) wrapped: Vec<u8>,
    pub(crate) root: i64,
}

/// A tenant's key for hashes; none for a tenant that was created before there was one.
pub(crate) fn wrapped_hash_key(connection: &Connection, number: i64) -> StoreResult<Option<WrappedHashKey>> {
    let sql = "SELECT wrapped, root FROM hash_keys WHERE tenant = $1";
    connection.first(sql, &[number.into()], |row| {
        Ok(WrappedHashKey { wrapped: row.bytes(0)?.unwrap_or_default().to_vec(), root: row.int(1)? })
    })
}

/// The key under which what bearers present is hashed.
pub(crate) fn hash_key(connection: &Connection, root: &RootKey, tenant: &str, number: i64) -> StoreResult<hmac::Key> {
    let WrappedHashKey { wrapped, root: wrapping } =
        wrapped_hash_key(connection, number)?.ok_or_else(missing_hash_key)?;
    let key = if wrapping == 0 {
        root.unwrap(&hash_key_place(tenant), &wrapped)?
    } else {
        let roots = root_keys(connection, root, tenant, number)?;
        let found = roots.into_iter().find(|(known, _)| *known == wrapping);
        found.ok_or_else(|| missing_root(wrapping))?.1.unwrap(&hash_key_place(tenant), &wrapped)?
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*key))
}

/// The error of a tenant without a key for hashes.
pub(crate) fn missing_hash_key() -> StoreError {
    StoreError::Corrupt("the tenant has no key for hashes".to_owned())
}

/// The data keys of a tenant, unwrapped.
pub(crate) fn data_keys(connection: &Connection, root: &RootKey, tenant: &str, number: i64) -> StoreResult<DataKeys> {
    let roots: HashMap<i64, RootKey> = root_keys(connection, root, tenant, number)?.into_iter().collect();
    let sql = "SELECT version, wrapped, root FROM data_keys WHERE tenant = $1";
    let keys = connection.query(sql, &[number.into()], |row| {
        let (version, wrapping) = (row.int(0)?, row.int(2)?);
        let wrapping = if wrapping == 0 { Some(root) } else { roots.get(&wrapping) };
        let wrapping = wrapping.ok_or_else(|| missing_root(row.int(2).unwrap_or_default()))?;
        let place = data_key_place(tenant, version);
        Ok((version, wrapping.unwrap(&place, row.bytes(1)?.unwrap_or_default())?))
    })?;
    Ok(DataKeys::new(keys))
}

/// The root keys of a tenant that are not destroyed.
pub(crate) fn root_keys(
    connection: &Connection,
    root: &RootKey,
    tenant: &str,
    number: i64,
) -> StoreResult<Vec<(i64, RootKey)>> {
    let sql = "SELECT number, wrapped FROM root_keys WHERE tenant = $1 AND wrapped IS NOT NULL";
    connection.query(sql, &[number.into()], |row| {
        let number = row.int(0)?;
        let bytes = root.unwrap(&root_key_place(tenant, number), row.bytes(1)?.unwrap_or_default())?;
        Ok((number, RootKey::from_bytes(&*bytes).expect("a key has a key's length")))
    })
}

/// The error of a root key that is destroyed.
pub(crate) fn missing_root(number: i64) -> StoreError {
    StoreError::Corrupt(format!("the tenant's root key {number} is destroyed"))
}
