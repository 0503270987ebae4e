//! Records that are of use until a certain time: opaque tokens, executions. Old ones go when new ones come.

use std::ops::Bound;

use kernel::{Document, Record, Timestamp};
use store::{Filter, Kind, Order, Paging, Query, StoreResult, Term, Tx};

use crate::discard::discard;

/// Expired records that one insertion sweeps away: more than it adds, so that none pile up.
const SWEPT: u64 = 4;
/// The field and index term by which they are found.
const EXPIRES: &str = "expires";

/// Stores a record until `expires`; `StoreError::Taken` when it is there already.
pub fn keep(tx: &mut Tx, kind: &Kind, mut record: Record, expires: Timestamp) -> StoreResult<()> {
    sweep(tx, kind)?;
    record.document.insert(EXPIRES.into(), expires.into());
    tx.insert(kind, record).map(drop)
}

/// Stores another version of a record that is kept, until `expires`.
pub fn replace(tx: &mut Tx, kind: &Kind, mut record: Record, expires: Timestamp) -> StoreResult<()> {
    record.document.insert(EXPIRES.into(), expires.into());
    tx.update(kind, record).map(drop)
}

/// Stores a document under the SHA-256 of `secret`, until `expires`; `StoreError::Taken` when it is there already.
pub fn keep_secret(tx: &mut Tx, kind: &Kind, secret: &str, document: Document, expires: Timestamp) -> StoreResult<()> {
    let record = Record::new(key(secret), document, tx.now());
    keep(tx, kind, record, expires)
}

fn sweep(tx: &mut Tx, kind: &Kind) -> StoreResult<()> {
    let now: Term = tx.now().into();
    let expired = Filter::Range { field: EXPIRES.into(), from: Bound::Unbounded, to: Bound::Excluded(now) };
    let paging = Paging::Offset { offset: 0, limit: SWEPT };
    let query = Query { filter: expired, order: Order::Id, paging, with_total: false };
    for record in tx.list(kind, &query)?.items {
        discard(tx, kind, &record.id)?;
    }
    Ok(())
}

/// The identifier under which something secret is kept: it does not give the secret away.
pub fn key(secret: &str) -> String {
    kernel::digest(secret)
}
