//! Sweeping: rows whose time is over go, a bounded number at once. To readers they are gone already.

use kernel::{TenantId, Timestamp};

use crate::{Store, StoreResult, Tx, store::Mode};

/// Microseconds of an hour: rows are found by the hour, so that pushing an expiry on rarely changes an index.
const HOUR: i64 = 3_600_000_000;
/// The hour of what never expires.
const NEVER: i64 = i32::MAX as i64;

/// Tables whose rows nobody need be told of.
const TABLES: [&str; 3] = ["refresh_tokens", "tallies", "single_use"];

/// The first hour that begins at or after a time.
pub(crate) fn hour_after(time: Timestamp) -> i64 {
    (time.micros().saturating_add(HOUR - 1) / HOUR).min(NEVER)
}

/// The hour that a time is in.
pub(crate) fn this_hour(now: Timestamp) -> i64 {
    now.micros() / HOUR
}

impl Store {
    /// Removes expired refresh tokens, tallies and things of single use, of all tenants: at most so many of each. Tells how
    /// many of the most numerous there were.
    pub async fn sweep(&self, most: u32) -> StoreResult<u64> {
        self.transact(Mode::Lease, None, move |tx: &mut Tx| {
            let mut greatest = 0;
            for table in TABLES {
                let sql = format!(
                    "DELETE FROM {table} WHERE seq IN (SELECT seq FROM {table} WHERE sweep <= $1 ORDER BY sweep LIMIT $2)"
                );
                let params = [this_hour(tx.now).into(), i64::from(most).into()];
                greatest = tx.connection.execute(&sql, &params)?.max(greatest);
            }
            Ok(greatest)
        })
        .await
    }

    /// The tenants with sessions for [`Tx::take_expired_sessions`].
    pub async fn tenants_with_expired_sessions(&self) -> StoreResult<Vec<TenantId>> {
        self.transact(Mode::Read, None, |tx: &mut Tx| {
            let sql = "SELECT t.name FROM tenants AS t WHERE EXISTS \
                       (SELECT 1 FROM sessions AS s WHERE s.tenant = t.number AND s.sweep <= $1) ORDER BY t.number";
            tx.connection.query(sql, &[this_hour(tx.now).into()], |row| Ok(TenantId::new(row.text(0)?)))
        })
        .await
    }
}
