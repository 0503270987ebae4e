//! The tenant's events as a stream (reference: streams §4).

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use identity::events::{News, envelope, publish};
use kernel::{Document, TenantId, Timestamp};
use rest::{Answer, ApiError, ApiResult, Area, Call, Content, Task};
use serde_json::json;
use store::{EventPosition, Snapshot, Store, Tx};

use crate::Services;

/// What is served of `events`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("events").task("GET /events", subscribe)
}

/// Tells that something happened, and who did it.
pub(crate) fn tell(tx: &mut Tx, call: &Call, kind: &str, object: Document) -> ApiResult {
    let news = News { object, previous: None, context: context(call) };
    Ok(publish(tx, kind, news)?)
}

/// What events tell of the call that caused them.
pub(crate) fn context(call: &Call) -> Document {
    call.event_context()
}

/// Events that are read at once.
const AT_ONCE: u32 = 100;
/// Looks for events even when nobody tells of one.
const PATIENCE: Duration = Duration::from_secs(2);
/// Quiet looks after which a sign of life is sent.
const HEARTBEAT: u32 = 7;
/// Quiet looks and batches after which the connection is closed; clients resume where they were.
const LONGEST: u32 = 150;
/// How much earlier than it says an event may stand: transactions that began before others may end after them.
const SKEW: Duration = Duration::from_secs(300);

/// `GET /events`: what follows a position, and whatever happens from then on.
async fn subscribe(task: Task) -> ApiResult<Answer> {
    let position = task.read(beginning).await?;
    let follower = Follower {
        store: task.store.clone(),
        tenant: task.call.caller.tenant.clone(),
        domain: task.call.origin.domain.clone(),
        kinds: task.call.list("event_type").into_iter().map(str::to_owned).collect(),
        since: time(&task.call)?,
        position,
        quiet: 0,
        rounds: 0,
    };
    let opening = Bytes::from_static(b":connected\n\nretry: 2000\n\n");
    let events = stream::unfold(follower, |mut follower| async { Some((follower.next().await?, follower)) });
    let content = Content::Stream("text/event-stream", stream::once(async { opening }).chain(events).boxed());
    Ok(Answer { status: None, headers: vec![("cache-control", "no-cache".into())], content })
}

/// After which event the call begins.
fn beginning(reader: &Snapshot, call: &Call) -> ApiResult<EventPosition> {
    let resumed = call.origin.last_event_id.as_deref().or(call.text("from"));
    if call.text("from").is_some() && call.text("from_timestamp").is_some() {
        return Err(ApiError::invalid_query("The from and from_timestamp parameters exclude one another."));
    }
    if let Some(offset) = resumed {
        let text = BASE64_URL_SAFE_NO_PAD.decode(offset).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let position = text.as_deref().and_then(EventPosition::parse);
        return position.ok_or_else(|| ApiError::invalid_query("Invalid cursor format."));
    }
    let before =
        time(call)?.map(|since| Timestamp::from_micros(since.micros() - 1_000_000 * SKEW.as_secs().cast_signed()));
    Ok(reader.last_event(before)?)
}

fn time(call: &Call) -> ApiResult<Option<Timestamp>> {
    let Some(text) = call.text("from_timestamp") else { return Ok(None) };
    let malformed = |_| ApiError::invalid_query("The from_timestamp parameter is not a date and time (RFC 3339).");
    text.parse().map(Some).map_err(malformed)
}

/// One who follows the events.
struct Follower {
    store: Store,
    tenant: TenantId,
    domain: String,
    /// The types that are wanted; empty for all.
    kinds: Vec<String>,
    since: Option<Timestamp>,
    position: EventPosition,
    quiet: u32,
    rounds: u32,
}

impl Follower {
    /// The next bytes; none when the connection is to be closed.
    async fn next(&mut self) -> Option<Bytes> {
        while self.rounds < LONGEST {
            self.rounds += 1;
            let store = self.store.clone();
            let appended = store.events_appended();
            let position = self.position;
            let read = move |reader: &Snapshot| reader.events_after(position, AT_ONCE);
            let Ok(events) = self.store.read(&self.tenant, read).await else {
                return Some(self.give_up());
            };
            if let Some(last) = events.last() {
                self.position = last.position;
                let text = self.shown(events);
                if !text.is_empty() {
                    self.quiet = 0;
                    return Some(text.into());
                }
                continue;
            }
            // Whether a call or the time ended the wait makes no difference.
            let _ = tokio::time::timeout(PATIENCE, appended).await;
            self.quiet += 1;
            if self.quiet >= HEARTBEAT {
                self.quiet = 0;
                let offset = json!({"offset": offset(self.position)});
                return Some(format!(": heartbeat\n\nevent: offset-only\ndata: {offset}\n\n").into());
            }
        }
        None
    }

    fn shown(&self, events: Vec<store::Event>) -> String {
        let is_wanted = |event: &store::Event| {
            (self.kinds.is_empty() || self.kinds.contains(&event.kind))
                && self.since.is_none_or(|since| event.time >= since)
        };
        let block = |event: store::Event| {
            let offset = offset(event.position);
            let data = json!({"offset": offset, "event": envelope(event.document, &self.tenant, &self.domain, None)});
            format!("event: {}\nid: {offset}\ndata: {data}\n\n", event.kind)
        };
        events.into_iter().filter(is_wanted).map(block).collect()
    }

    /// Says that something failed, and closes.
    fn give_up(&mut self) -> Bytes {
        self.rounds = LONGEST;
        let error = json!({"error": {"code": "internal_error", "message": "The events cannot be read."}});
        format!("event: error\ndata: {error}\n\n").into()
    }
}

fn offset(position: EventPosition) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(position.to_text())
}
