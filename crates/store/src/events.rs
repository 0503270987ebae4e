//! Events: what happened to a tenant's users and organizations, in an order that whoever follows them can resume.

use kernel::{Document, TenantId, Timestamp};

use crate::{Snapshot, Store, StoreResult, Tx, connection::Row};

/// One event as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Where it stands.
    pub position: EventPosition,
    /// Its type, such as `user.created`.
    pub kind: String,
    /// When it was stored.
    pub time: Timestamp,
    /// The event itself.
    pub document: Document,
}

/// A place among a tenant's events. What comes after it stays after it: no event appears before one that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventPosition {
    /// The writing transaction, where several write at once.
    horizon: i64,
    seq: i64,
}

impl EventPosition {
    /// As text of digits and a dot.
    pub fn to_text(self) -> String {
        format!("{}.{}", self.horizon, self.seq)
    }

    /// Reads what [`EventPosition::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (horizon, seq) = text.split_once('.')?;
        Some(Self { horizon: horizon.parse().ok()?, seq: seq.parse().ok()? })
    }
}

impl Snapshot {
    /// The events after a position, the earliest first. The newest appear a moment late where several writers commit
    /// out of order.
    pub fn events_after(&self, position: EventPosition, limit: u32) -> StoreResult<Vec<Event>> {
        let sql = format!(
            "SELECT horizon, seq, type, time, document FROM events WHERE tenant = $1 \
             AND (horizon > $2 OR (horizon = $3 AND seq > $4)){} ORDER BY horizon, seq LIMIT $5",
            self.connection.below_horizon()
        );
        let EventPosition { horizon, seq } = position;
        let params = [self.number(), horizon.into(), horizon.into(), seq.into(), i64::from(limit).into()];
        self.connection.query(&sql, &params, event)
    }

    /// The position of the last event before a time; without a time, of the last one.
    pub fn last_event(&self, before: Option<Timestamp>) -> StoreResult<EventPosition> {
        let sql = format!(
            "SELECT horizon, seq FROM events WHERE tenant = $1 AND time < $2{} ORDER BY horizon DESC, seq DESC LIMIT 1",
            self.connection.below_horizon()
        );
        let before = before.map_or(i64::MAX, Timestamp::micros);
        let found = self.connection.first(&sql, &[self.number(), before.into()], position)?;
        Ok(found.unwrap_or_default())
    }
}

impl Tx {
    /// Stores an event after all others.
    pub fn append_event(&mut self, kind: &str, document: &Document) -> StoreResult {
        let sql = format!(
            "INSERT INTO events (tenant, horizon, time, type, document) VALUES ($1, {}, $2, $3, $4)",
            self.connection.horizon()
        );
        let document = serde_json::to_string(document)?;
        let params = [self.number(), self.now.micros().into(), kind.into(), document.into()];
        self.connection.later(&sql, &params)?;
        self.changes.has_events = true;
        Ok(())
    }

    /// Removes at most so many of the events stored before a time, the oldest first, and tells how many they were.
    pub fn prune_events(&mut self, before: Timestamp, most: u32) -> StoreResult<u64> {
        let sql = "DELETE FROM events WHERE seq IN \
                   (SELECT seq FROM events WHERE tenant = $1 AND time < $2 ORDER BY horizon, seq LIMIT $3)";
        self.connection.execute(sql, &[self.number(), before.micros().into(), i64::from(most).into()])
    }
}

impl Store {
    /// The tenants whose oldest event was stored before a time.
    pub async fn tenants_with_events_before(&self, time: Timestamp) -> StoreResult<Vec<TenantId>> {
        let is_older =
            "(SELECT e.time FROM events AS e WHERE e.tenant = t.number ORDER BY e.horizon, e.seq LIMIT 1) < $1";
        self.tenants_where(is_older, vec![time.micros().into()]).await
    }

    /// Wakes when an event is stored, on this node or another. Made before [`Snapshot::events_after`] is asked and
    /// awaited after it, it misses nothing.
    pub fn events_appended(&self) -> tokio::sync::futures::Notified<'_> {
        self.shared().events.notified()
    }
}

fn event(row: &Row<'_>) -> StoreResult<Event> {
    Ok(Event {
        position: position(row)?,
        kind: row.text(2)?.to_owned(),
        time: Timestamp::from_micros(row.int(3)?),
        document: serde_json::from_str(row.text(4)?)?,
    })
}

fn position(row: &Row<'_>) -> StoreResult<EventPosition> {
    Ok(EventPosition { horizon: row.int(0)?, seq: row.int(1)? })
}
