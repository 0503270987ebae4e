//! Tallies: what is counted for a while. Failed attempts, and how much of a limit is used up. Concurrent transactions count
//! one after another, on any number of nodes.

use std::time::Duration;

use kernel::Timestamp;

use crate::{
    Snapshot, StoreResult, Tx,
    connection::Row,
    expiry::hour_after,
    index::indexed,
    sql::{Sql, write_prefix},
};

/// How often something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How often.
    pub value: u64,
    /// When it was counted first.
    pub since: Timestamp,
    /// It is forgotten at this time.
    pub expires: Timestamp,
}

/// For how long a tally lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// From the first time that something is counted.
    FromFirst(Duration),
    /// From the last time that something is counted.
    FromLast(Duration),
}

/// How much may happen: so many times at once, and then once in each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How often at once.
    pub burst: u32,
    /// In which time one more becomes possible.
    pub interval: Duration,
}

/// Whether something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It may, and is counted; so often more at once.
    Granted {
        /// How often it may happen again at once.
        remaining: u32,
        /// When it may happen as often as at first.
        full: Timestamp,
    },
    /// It may not, and nothing changes.
    Refused {
        /// When it may.
        retry: Timestamp,
    },
}

impl Snapshot {
    /// How often something was counted; none when it was not, or is forgotten.
    pub fn tally(&self, name: &str, key: &str) -> StoreResult<Option<Tally>> {
        let Some(name) = self.number_of(name)? else { return Ok(None) };
        let sql =
            "SELECT value, since, expires FROM tallies WHERE tenant = $1 AND name = $2 AND key = $3 AND expires > $4";
        let params = [self.number(), name.into(), indexed(key).into(), self.now.micros().into()];
        self.connection.first(sql, &params, |row| tally(row, 0))
    }

    /// What was counted under keys that begin like this, in the order of the keys; at most so many.
    pub fn tallies(&self, name: &str, prefix: &str, most: u32) -> StoreResult<Vec<(String, Tally)>> {
        let Some(name) = self.number_of(name)? else { return Ok(Vec::new()) };
        let mut sql = Sql::new("SELECT key, value, since, expires FROM tallies WHERE tenant = ");
        sql.bind(self.number()).push(" AND name = ").bind(name).push(" AND expires > ").bind(self.now.micros());
        write_prefix(&mut sql, "key", prefix);
        sql.push(" ORDER BY key").window(0, most.into());
        self.connection.query(&sql.text, &sql.params, |row| Ok((row.text(0)?.to_owned(), tally(row, 1)?)))
    }
}

impl Tx {
    /// Counts something and tells how often it happened, this time included.
    pub fn count_up(&mut self, name: &str, key: &str, window: Window) -> StoreResult<Tally> {
        let now = self.now;
        let former = self.tally(name, key)?;
        let expires = match (window, former) {
            (Window::FromFirst(_), Some(former)) => former.expires,
            (Window::FromFirst(length) | Window::FromLast(length), _) => now + length,
        };
        let value = former.map_or(0, |former| former.value).saturating_add(1);
        let new = Tally { value, since: former.map_or(now, |former| former.since), expires };
        self.put_tally(name, key, new)?;
        Ok(new)
    }

    /// Asks whether something may happen once more, and counts it if so.
    pub fn take_permit(&mut self, name: &str, key: &str, rate: Rate) -> StoreResult<Permit> {
        let Rate { burst, interval } = rate;
        // A tally that expires when all is possible again: how far that is away tells how much is used up.
        let full = self.tally(name, key)?.map_or(self.now, |tally| tally.expires) + interval;
        let limit = self.now + interval.saturating_mul(burst);
        if full > limit {
            let early = Duration::from_micros(u64::try_from(full.micros() - limit.micros()).unwrap_or(0));
            return Ok(Permit::Refused { retry: self.now + early });
        }
        self.put_tally(name, key, Tally { value: 1, since: self.now, expires: full })?;
        let left = limit.micros().saturating_sub(full.micros());
        let remaining = left / i64::try_from(interval.as_micros().max(1)).unwrap_or(i64::MAX);
        Ok(Permit::Granted { remaining: u32::try_from(remaining).unwrap_or(u32::MAX), full })
    }

    /// Forgets what was counted under a key; `false` when nothing was.
    pub fn forget_tally(&mut self, name: &str, key: &str) -> StoreResult<bool> {
        let Some(name) = self.number_of(name)? else { return Ok(false) };
        let sql = "DELETE FROM tallies WHERE tenant = $1 AND name = $2 AND key = $3";
        Ok(self.connection.execute(sql, &[self.number(), name.into(), indexed(key).into()])? > 0)
    }

    /// Forgets what was counted under all keys that begin like this, and tells how many there were.
    pub fn forget_tallies(&mut self, name: &str, prefix: &str) -> StoreResult<u64> {
        let Some(name) = self.number_of(name)? else { return Ok(0) };
        let mut sql = Sql::new("DELETE FROM tallies WHERE tenant = ");
        sql.bind(self.number()).push(" AND name = ").bind(name);
        write_prefix(&mut sql, "key", prefix);
        self.connection.execute(&sql.text, &sql.params)
    }

    fn put_tally(&mut self, name: &str, key: &str, tally: Tally) -> StoreResult {
        let name = self.intern(name)?;
        let sql = "INSERT INTO tallies (tenant, name, key, value, since, expires, sweep) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, name, key) DO UPDATE SET \
                   value = excluded.value, since = excluded.since, expires = excluded.expires, sweep = excluded.sweep";
        let params = [
            self.number(),
            name.into(),
            indexed(key).into(),
            i64::try_from(tally.value).unwrap_or(i64::MAX).into(),
            tally.since.micros().into(),
            tally.expires.micros().into(),
            hour_after(tally.expires).into(),
        ];
        self.connection.execute(sql, &params).map(drop)
    }
}

fn tally(row: &Row<'_>, at: usize) -> StoreResult<Tally> {
    Ok(Tally {
        value: u64::try_from(row.int(at)?).unwrap_or(0),
        since: Timestamp::from_micros(row.int(at + 1)?),
        expires: Timestamp::from_micros(row.int(at + 2)?),
    })
}
