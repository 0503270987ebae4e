//! What is presented once: codes, login transactions, tickets, challenges. Stored under a keyed hash of what the bearer
//! presents, encrypted, until it is consumed or expires.

use std::fmt;

use kernel::{Document, Sealed, Timestamp};

use crate::{Snapshot, StoreError, StoreResult, Tx, expiry::hour_after, index::indexed};

/// Under which name payloads are encrypted.
pub(crate) const PLACE: &str = "single_use";
/// The one sealed value of a row.
const PAYLOAD: &str = "payload";

/// What something presented stands for. It prints without its payload, which may hold secrets.
#[derive(Clone, PartialEq)]
pub struct SingleUse {
    /// What was stored.
    pub payload: Document,
    /// The user it is about: it goes when the user does.
    pub user_id: Option<String>,
    /// When it was stored.
    pub created: Timestamp,
    /// It is of no use from this time on.
    pub expires: Timestamp,
}

impl fmt::Debug for SingleUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user_id, created, expires, .. } = self;
        write!(f, "SingleUse {{ user_id: {user_id:?}, created: {created}, expires: {expires}, .. }}")
    }
}

impl Snapshot {
    /// What something presented stands for, which stays as it is.
    pub fn peek_single_use(&self, kind: &str, presented: &str) -> StoreResult<Option<SingleUse>> {
        let Some(number) = self.number_of(kind)? else { return Ok(None) };
        let id = self.single_use_id(kind, presented)?;
        let sql = "SELECT user_id, created, expires, sealed FROM single_use \
                   WHERE tenant = $1 AND kind = $2 AND id = $3 AND expires > $4";
        let params = [self.number(), number.into(), (&id).into(), self.now.micros().into()];
        self.connection.first(sql, &params, |row| {
            let mut sealed = self.unseal(PLACE, &id, row.bytes(3)?)?;
            let payload = sealed.take(PAYLOAD).unwrap_or_default();
            Ok(SingleUse {
                payload: serde_json::from_value(payload)?,
                user_id: row.optional_text(0)?.map(str::to_owned),
                created: Timestamp::from_micros(row.int(1)?),
                expires: Timestamp::from_micros(row.int(2)?),
            })
        })
    }

    /// How many of a kind are about a user and neither consumed nor expired.
    pub fn count_single_use(&self, kind: &str, user_id: &str) -> StoreResult<u64> {
        let Some(kind) = self.number_of(kind)? else { return Ok(0) };
        let sql = "SELECT count(*) FROM single_use WHERE tenant = $1 AND user_id = $2 AND kind = $3 AND expires > $4";
        let params = [self.number(), indexed(user_id).into(), kind.into(), self.now.micros().into()];
        let count = self.connection.only(sql, &params, |row| row.int(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn single_use_id(&self, kind: &str, presented: &str) -> StoreResult<String> {
        Ok(self.keyed_hash(kind, presented)?.to_text())
    }
}

impl Tx {
    /// Stores what something presented stands for until it expires. `Taken` when it stands for something already.
    pub fn put_single_use(
        &mut self,
        kind: &str,
        presented: &str,
        payload: Document,
        user_id: Option<&str>,
        expires: Timestamp,
    ) -> StoreResult {
        let number = self.intern(kind)?;
        let id = self.single_use_id(kind, presented)?;
        let sealed = self.sealed_payload(&id, payload)?;
        // One that has expired, and is not swept yet, is not in the way.
        let sql = "INSERT INTO single_use (tenant, kind, id, user_id, created, expires, sweep, sealed) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, kind, id) DO UPDATE SET \
                   user_id = excluded.user_id, created = excluded.created, expires = excluded.expires, \
                   sweep = excluded.sweep, sealed = excluded.sealed WHERE single_use.expires <= excluded.created";
        let params = [
            self.number(),
            number.into(),
            (&id).into(),
            user_id.map(indexed).into(),
            self.now.micros().into(),
            expires.micros().into(),
            hour_after(expires).into(),
            sealed.as_deref().into(),
        ];
        if self.connection.execute(sql, &params)? == 0 {
            return Err(StoreError::Taken { key: "id".to_owned() });
        }
        Ok(())
    }

    /// Replaces what something presented stands for; `false` when it stands for nothing any more.
    pub fn update_single_use(&mut self, kind: &str, presented: &str, payload: Document) -> StoreResult<bool> {
        let Some(number) = self.number_of(kind)? else { return Ok(false) };
        let id = self.single_use_id(kind, presented)?;
        let sealed = self.sealed_payload(&id, payload)?;
        let sql = "UPDATE single_use SET sealed = $1 WHERE tenant = $2 AND kind = $3 AND id = $4 AND expires > $5";
        let params = [sealed.as_deref().into(), self.number(), number.into(), id.into(), self.now.micros().into()];
        Ok(self.connection.execute(sql, &params)? > 0)
    }

    /// Uses up what something presented stands for. Of any number of concurrent transactions one gets it.
    pub fn consume_single_use(&mut self, kind: &str, presented: &str) -> StoreResult<Option<SingleUse>> {
        let Some(found) = self.peek_single_use(kind, presented)? else { return Ok(None) };
        let number = self.intern(kind)?;
        let id = self.single_use_id(kind, presented)?;
        let sql = "DELETE FROM single_use WHERE tenant = $1 AND kind = $2 AND id = $3";
        let deleted = self.connection.execute(sql, &[self.number(), number.into(), id.into()])?;
        Ok((deleted > 0).then_some(found))
    }

    /// Removes what is about a user, of one kind or of all, and tells how many there were.
    pub fn delete_single_use_of(&mut self, user_id: &str, kind: Option<&str>) -> StoreResult<u64> {
        let user = indexed(user_id);
        let Some(kind) = kind else {
            let sql = "DELETE FROM single_use WHERE tenant = $1 AND user_id = $2";
            return self.connection.execute(sql, &[self.number(), user.into()]);
        };
        let Some(kind) = self.number_of(kind)? else { return Ok(0) };
        let sql = "DELETE FROM single_use WHERE tenant = $1 AND user_id = $2 AND kind = $3";
        self.connection.execute(sql, &[self.number(), user.into(), kind.into()])
    }

    /// Makes what is of one kind and about a user another user's, and tells how many there were.
    pub fn give_single_use(&mut self, kind: &str, from: &str, to: &str) -> StoreResult<u64> {
        let Some(kind) = self.number_of(kind)? else { return Ok(0) };
        let sql = "UPDATE single_use SET user_id = $1 WHERE tenant = $2 AND user_id = $3 AND kind = $4";
        self.connection.execute(sql, &[indexed(to).into(), self.number(), indexed(from).into(), kind.into()])
    }

    fn sealed_payload(&mut self, id: &str, payload: Document) -> StoreResult<Option<Vec<u8>>> {
        let mut sealed = Sealed::new();
        sealed.set(PAYLOAD, payload);
        self.seal(PLACE, id, &sealed)
    }
}
