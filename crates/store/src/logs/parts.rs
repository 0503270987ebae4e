//! Parts of events that stand in many of them: a token's scopes are told with every call that it makes, and stored once.

use aws_lc_rs::digest;
use kernel::{Document, Timestamp, Value};

use crate::{Store, StoreResult, Tx, connection::Param, store::Mode};

/// A shorter list stands in the event itself.
const SHORTEST: usize = 8;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// A longer part stands in the event itself, where it is cut.
const LONGEST: usize = 32 * 1_024;

/// A token's scopes as log events name them: written and hashed once, for all events of the token's calls.
#[derive(Clone, Debug)]
pub struct SharedScopes {
    text: String,
    digest: [u8; 32],
}

impl SharedScopes {
    /// Scopes that are stored once for many events; none where they are so few or so many that they stand in the event.
    pub fn of<'s>(scopes: impl Iterator<Item = &'s str>) -> Option<Self> {
        let scopes: Vec<&str> = scopes.collect();
        let text = serde_json::to_string(&scopes).expect("texts serialise");
        (scopes.len() >= SHORTEST && text.len() <= LONGEST).then(|| Self::written(text))
    }

    fn written(text: String) -> Self {
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        Self { text, digest: digest.as_ref().try_into().expect("the digest has 32 bytes") }
    }
}

/// Where an event has its token's scopes.
pub(super) fn place(event: &mut Document) -> Option<&mut Value> {
    event.get_mut("details")?.get_mut("request")?.get_mut("auth")?.get_mut("credentials")?.get_mut("scopes")
}

impl Tx {
    /// Takes a long list of scopes out of an event and gives the number under which it is stored.
    pub(super) fn take_part(&mut self, event: &mut Document) -> StoreResult<Option<i64>> {
        let is_long = |value: &&mut Value| value.as_array().is_some_and(|scopes| scopes.len() >= SHORTEST);
        let Some(place) = place(event).filter(is_long) else { return Ok(None) };
        let scopes = SharedScopes::written(place.take().to_string());
        self.number_of_part(&scopes).map(Some)
    }

    /// The number under which scopes are stored, from now on if they were not.
    pub(super) fn number_of_part(&mut self, scopes: &SharedScopes) -> StoreResult<i64> {
        let key = (self.tenant_number(), scopes.digest);
        let today = self.now.micros() / DAY;
        if let Some((number, day)) = self.shared.log_parts.get(&key)
            && day == today
        {
            return Ok(number);
        }
        let sql = "INSERT INTO log_parts (tenant, digest, used, text) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (tenant, digest) DO UPDATE SET used = excluded.used RETURNING seq";
        let params = [self.number(), Param::Bytes(scopes.digest[..].into()), today.into(), (&scopes.text).into()];
        let number = self.connection.only(sql, &params, |row| row.int(0))?;
        self.changes.log_parts.push((key, (number, today)));
        Ok(number)
    }
}

impl Store {
    /// Removes at most so many of the parts, of all tenants, that no event names any more once those ingested before a time are gone,
    /// and tells how many they were.
    pub async fn prune_log_parts(&self, before: Timestamp, most: u32) -> StoreResult<u64> {
        // A day more: what is in use is noted once a day.
        let day = before.micros() / DAY - 1;
        let prune = move |tx: &mut Tx| {
            let sql = "DELETE FROM log_parts WHERE seq IN (SELECT seq FROM log_parts WHERE used < $1 LIMIT $2)";
            tx.connection.execute(sql, &[day.into(), i64::from(most).into()])
        };
        self.transact(Mode::Write, None, prune).await
    }
}
