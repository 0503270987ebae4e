//! The outbox: messages as they were sent, for the developer who waits for one. They are kept while the installation's developer
//! tools are on, sealed, for some days and up to a number.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use identity::{discard, expiring};
use kernel::{Document, Record, Timestamp, Value, object};
use model::OUTBOX_MESSAGE;
use serde_json::json;
use store::{Filter, Job, Order, Paging, Query, Snapshot, StoreResult, Tx};
use tokio::sync::watch;

/// How long a message is kept.
const KEPT: Duration = Duration::from_secs(7 * 86_400);
/// Messages that a tenant keeps; the oldest go first.
const MOST: u64 = 1000;
/// Messages that are shown at once.
const SHOWN: u64 = 100;
/// Where the message itself stands, sealed.
const CONTENT: &str = "content";

/// Tells those who wait that something has come. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outbox(Arc<watch::Sender<u64>>);

impl Default for Outbox {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Outbox {
    /// A message has come, for whichever tenant.
    pub(crate) fn announce(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Changes whenever something has come.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

/// Which messages are meant.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// To this address or number.
    pub to: Option<String>,
    /// `email` or `phone`.
    pub channel: Option<String>,
    /// Sent then or later.
    pub since: Option<Timestamp>,
}

/// The messages that are meant, the latest first.
pub fn list(reader: &Snapshot, wanted: &Wanted) -> StoreResult<Vec<Document>> {
    let mut filter = Filter::All;
    if let Some(to) = &wanted.to {
        filter = filter.and(Filter::equals("recipient", place(to)));
    }
    if let Some(channel) = &wanted.channel {
        filter = filter.and(Filter::equals("channel", channel.as_str()));
    }
    let paging = Paging::Offset { offset: 0, limit: SHOWN };
    let query = Query { filter, order: Order::CreatedDescending, paging, with_total: false };
    let found = reader.list(&OUTBOX_MESSAGE, &query)?.items;
    let is_meant = |message: &Record| wanted.since.is_none_or(|since| message.created >= since);
    Ok(found.iter().filter(|message| is_meant(message)).map(shown).collect())
}

/// One message.
pub fn get(reader: &Snapshot, id: &str) -> StoreResult<Option<Document>> {
    Ok(reader.get(&OUTBOX_MESSAGE, id)?.as_ref().map(shown))
}

/// Empties the outbox.
pub fn clear(tx: &mut Tx) -> StoreResult<()> {
    for message in tx.list(&OUTBOX_MESSAGE, &Query::default())?.items {
        discard(tx, &OUTBOX_MESSAGE, &message.id)?;
    }
    Ok(())
}

fn shown(message: &Record) -> Document {
    let mut shown = object(json!({"id": message.id}));
    shown.extend(message.document.clone());
    for hidden in ["recipient", "expires"] {
        shown.shift_remove(hidden);
    }
    if let Some(Value::Object(content)) = message.sealed.get(CONTENT) {
        shown.extend(content.clone());
    }
    shown
}

/// The index term of an address, which does not give it away.
fn place(to: &str) -> String {
    kernel::digest(&to.trim().to_lowercase())
}

/// Keeps a message after a try, or adds the try to what is kept.
pub(crate) fn keep(
    tx: &mut Tx,
    job: &Job,
    message: &Document,
    provider: &str,
    told: &str,
    status: &str,
) -> StoreResult<()> {
    let attempt = json!({"date": tx.now(), "provider": provider, "outcome": status, "answer": told});
    if let Some(mut kept) = tx.get(&OUTBOX_MESSAGE, &job.id)? {
        kept.document.insert("status".into(), status.into());
        if let Some(attempts) = kept.document.get_mut("attempts").and_then(Value::as_array_mut) {
            attempts.push(attempt);
        }
        return tx.update(&OUTBOX_MESSAGE, kept).map(drop);
    }
    make_room(tx)?;
    let text = |name: &str| job.payload.get(name).and_then(Value::as_str);
    let to = text("to").unwrap_or_default();
    let document = object(json!({
        "channel": text("channel"),
        "template": text("message_type"),
        "status": status,
        "created_at": tx.now(),
        "user_id": text("user_id"),
        "client_id": text("client_id"),
        "organization_id": text("organization_id"),
        "attempts": [attempt],
        "recipient": place(to),
    }));
    let mut content = object(json!({"to": to}));
    content.extend(message.clone());
    content.insert("links".into(), links(message, job.sealed.text("url")).into());
    content.insert("codes".into(), job.sealed.text("code").into_iter().collect::<Vec<_>>().into());
    let mut record = Record::new(job.id.as_str(), document, tx.now());
    record.sealed.set(CONTENT, Value::Object(content));
    let expires = tx.now() + KEPT;
    expiring::keep(tx, &OUTBOX_MESSAGE, record, expires)
}

fn make_room(tx: &mut Tx) -> StoreResult<()> {
    let excess = (tx.count(&OUTBOX_MESSAGE, &Filter::All)? + 1).saturating_sub(MOST);
    if excess == 0 {
        return Ok(());
    }
    let paging = Paging::Offset { offset: 0, limit: excess };
    let oldest = Query { filter: Filter::All, order: Order::Created, paging, with_total: false };
    for message in tx.list(&OUTBOX_MESSAGE, &oldest)?.items {
        discard(tx, &OUTBOX_MESSAGE, &message.id)?;
    }
    Ok(())
}

/// The addresses in a message, that of its own link first.
fn links(message: &Document, own: Option<&str>) -> Vec<String> {
    let html = message.get("html").and_then(Value::as_str).unwrap_or_default();
    let text = message.get("text").and_then(Value::as_str).unwrap_or_default();
    let in_html = html.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|first| matches!(first, '"' | '\''))?;
        rest[1..].split(quote).next().map(|link| crate::liquid::unescaped(link).into_owned())
    });
    let in_text = text.split_whitespace().filter(|word| word.starts_with("http")).map(str::to_owned);
    let mut seen = BTreeSet::new();
    let all = own.map(str::to_owned).into_iter().chain(in_html).chain(in_text);
    all.filter(|link| link.starts_with("http") && seen.insert(link.clone())).take(50).collect()
}
