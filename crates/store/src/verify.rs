//! The self-check: whether what the store keeps twice agrees, and whether everything can be read.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Sealed, TenantId};

use crate::{
    RefreshTokenDetails, RelationKind, SessionDetails, Snapshot, Store, StoreResult, Tx,
    index::{Columns, Search},
    single_use,
    snapshot::select_record,
    store::Mode,
};

/// Name, value and record of a unique key.
type Key = (i64, i64, String, i64);
/// Kind, field, class, bits of the number, text, record, place.
type TermKey = (i64, i64, i64, u64, String, i64, i64);

impl Store {
    /// Checks a tenant's data and describes what is wrong; nothing when it is sound.
    pub async fn verify(&self, tenant: &TenantId) -> StoreResult<Vec<String>> {
        self.transact(Mode::Read, Some(tenant.clone()), |tx: &mut Tx| verify(tx)).await
    }
}

impl Store {
    /// What is sealed in each of a tenant's records: for tests that look whether any of it leaks.
    pub async fn sealed(&self, tenant: &TenantId) -> StoreResult<Vec<Sealed>> {
        let read = |tx: &mut Tx| {
            let sql = select_record!(
                ", n.name FROM records AS r JOIN names AS n ON n.number = r.kind \
                 WHERE r.tenant = $1 AND r.sealed IS NOT NULL"
            );
            tx.connection.query(sql, &[tx.number()], |row| {
                let kind = row.text(7)?.to_owned();
                Ok(tx.record(&kind, row)?.sealed)
            })
        };
        self.transact(Mode::Read, Some(tenant.clone()), read).await
    }
}

impl Snapshot {
    /// The two sides of all relations of one kind: for the check that none leads to what is not there.
    pub fn related_pairs(&self, relation: &RelationKind) -> StoreResult<Vec<(String, String)>> {
        let Some(number) = self.number_of(relation.name)? else { return Ok(Vec::new()) };
        let sql = "SELECT left_id, right_id FROM relations WHERE tenant = $1 AND relation = $2";
        let pair = |row: &crate::connection::Row<'_>| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
        self.connection.query(sql, &[self.number(), number.into()], pair)
    }
}

fn verify(tx: &Tx) -> StoreResult<Vec<String>> {
    let mut wrong = Vec::new();
    let tenant = [tx.number()];
    let kinds = tx.connection.query(
        "SELECT number, name FROM names WHERE number IN (SELECT kind FROM records WHERE tenant = $1)",
        &tenant,
        |row| Ok((row.int(0)?, row.text(1)?.to_owned())),
    )?;
    let (mut keys, mut terms, mut counts) = (BTreeSet::<Key>::new(), BTreeSet::<TermKey>::new(), BTreeMap::new());
    for (number, kind) in kinds {
        let sql = select_record!(", r.search FROM records AS r WHERE r.tenant = $1 AND r.kind = $2");
        let rows = tx.connection.query(sql, &[tx.number(), number.into()], |row| {
            let id = row.text(1)?.to_owned();
            let search = serde_json::from_str::<Search>(row.text(7)?);
            Ok((row.int(0)?, id, tx.record(&kind, row).err(), search))
        })?;
        counts.insert(number, i64::try_from(rows.len()).unwrap_or(i64::MAX));
        for (seq, id, unreadable, search) in rows {
            if let Some(error) = unreadable {
                wrong.push(format!("{kind} {id}: {error}"));
            }
            let Ok(search) = search else {
                wrong.push(format!("{kind} {id}: its list of keys and terms cannot be read"));
                continue;
            };
            keys.extend(search.keys.into_iter().map(|(name, value)| (number, name, value, seq)));
            terms.extend(search.terms.into_iter().map(|row| {
                let Columns { class, number: value, text } = row.1.columns();
                (number, row.0, class, value.to_bits(), text, seq, row.2)
            }));
        }
    }
    let stored = tx.connection.query("SELECT kind, name, value, seq FROM keys WHERE tenant = $1", &tenant, |row| {
        Ok((row.int(0)?, row.int(1)?, row.text(2)?.to_owned(), row.int(3)?))
    })?;
    compare("unique key", &keys, &stored.into_iter().collect(), &mut wrong);
    let sql = "SELECT kind, field, class, number, text, seq, place FROM terms WHERE tenant = $1";
    let stored = tx.connection.query(sql, &tenant, |row| {
        let number = row.real(3)?.to_bits();
        Ok((row.int(0)?, row.int(1)?, row.int(2)?, number, row.text(4)?.to_owned(), row.int(5)?, row.int(6)?))
    })?;
    compare("term", &terms, &stored.into_iter().collect(), &mut wrong);
    let sql = "SELECT kind, CAST(sum(amount) AS BIGINT) FROM counts WHERE tenant = $1 GROUP BY kind";
    let stored = tx.connection.query(sql, &tenant, |row| Ok((row.int(0)?, row.int(1)?)))?;
    let stored: BTreeMap<i64, i64> = stored.into_iter().filter(|(_, amount)| *amount != 0).collect();
    if stored != counts {
        wrong.push(format!("the numbers of records by kind are {counts:?}, but {stored:?} is kept"));
    }
    let sql = "SELECT relation, left_id, right_id, document FROM relations WHERE tenant = $1";
    tx.connection.query(sql, &tenant, |row| {
        if serde_json::from_str::<kernel::Document>(row.text(3)?).is_err() {
            wrong.push(format!("the relation {} of {} and {} cannot be read", row.int(0)?, row.text(1)?, row.text(2)?));
        }
        Ok(())
    })?;
    verify_bearers(tx, &mut wrong)?;
    Ok(wrong)
}

/// Whether sessions, refresh tokens and things of single use can be read.
fn verify_bearers(tx: &Tx, wrong: &mut Vec<String>) -> StoreResult {
    for table in ["sessions", "refresh_tokens"] {
        let sql = format!("SELECT id, details FROM {table} WHERE tenant = $1");
        tx.connection.query(&sql, &[tx.number()], |row| {
            let details = row.text(1)?;
            let is_read = match table {
                "sessions" => serde_json::from_str::<SessionDetails>(details).is_ok(),
                _ => serde_json::from_str::<RefreshTokenDetails>(details).is_ok(),
            };
            if !is_read {
                wrong.push(format!("the details of {} in {table} cannot be read", row.text(0)?));
            }
            Ok(())
        })?;
    }
    tx.connection.query("SELECT id, sealed FROM single_use WHERE tenant = $1", &[tx.number()], |row| {
        if let Err(error) = tx.unseal(single_use::PLACE, row.text(0)?, row.bytes(1)?) {
            wrong.push(format!("single_use {}: {error}", row.text(0)?));
        }
        Ok(())
    })?;
    Ok(())
}

fn compare<T: Ord + std::fmt::Debug>(
    what: &str,
    expected: &BTreeSet<T>,
    stored: &BTreeSet<T>,
    wrong: &mut Vec<String>,
) {
    wrong.extend(expected.difference(stored).map(|row| format!("missing {what}: {row:?}")));
    wrong.extend(stored.difference(expected).map(|row| format!("dangling {what}: {row:?}")));
}
