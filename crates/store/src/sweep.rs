//! Sweeping: rows whose time is over go, a bounded number at once. To readers they are gone already.

use kernel::TenantId;

use crate::{Store, StoreResult, Tx, expiry::this_hour, store::Mode};

/// Tables whose rows nobody need be told of.
const TABLES: [&str; 3] = ["refresh_tokens", "tallies", "single_use"];

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
        let has_expired = "EXISTS (SELECT 1 FROM sessions AS s WHERE s.tenant = t.number AND s.sweep <= $1)";
        self.tenants_where(has_expired, vec![this_hour(self.context().now()).into()]).await
    }
}
