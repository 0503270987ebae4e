//! Events: what happens to users and organizations is told to those who follow the tenant's events, and delivered to
//! the event streams that subscribe to it (reference: streams §3).

use kernel::{Document, Record, TenantId, Value, id::Form, object};
use model::{EVENT_DELIVERY, EVENT_STREAM, LISTENS, queues};
use serde_json::json;
use store::{Filter, NewJob, Query, Snapshot, StoreError, StoreResult, Tx};

/// What an event tells.
#[derive(Debug, Default)]
pub struct News {
    /// The thing as it is now; one that is gone, as it was.
    pub object: Document,
    /// The thing as it was before a change.
    pub previous: Option<Document>,
    /// Who changed it, and how. The tenant is added.
    pub context: Document,
}

impl From<Value> for News {
    fn from(value: Value) -> Self {
        Self { object: object(value), ..Self::default() }
    }
}

/// Tells that something happened, in the transaction in which it does.
pub fn publish(tx: &mut Tx, kind: &str, news: News) -> StoreResult<()> {
    let mut data = Document::from_iter([("object".to_owned(), news.object.into())]);
    if let Some(previous) = news.previous {
        data.insert("previous_object".into(), previous.into());
    }
    let mut context = news.context;
    context.insert("tenant".into(), json!({"id": tx.tenant().as_str()}));
    data.insert("context".into(), context.into());
    let event = event(tx, kind, data);
    tx.append_event(kind, &event)?;
    let listening = tx.list(&EVENT_STREAM, &Query::of(Filter::equals(LISTENS, kind)))?;
    for stream in listening.items {
        deliver(tx, &stream.id, &event)?;
    }
    Ok(())
}

/// An event of now; what only its receiver's envelope says is missing.
pub fn event(reader: &Snapshot, kind: &str, data: Document) -> Document {
    let mut event = object(json!({
        "specversion": "1.0",
        "id": reader.context().id(Form::Base58("evt_")),
        "type": kind,
        "time": reader.now(),
    }));
    event.insert("data".into(), data.into());
    event
}

/// Has an event sent to a stream and gives the record of that.
pub fn deliver(tx: &mut Tx, stream: &str, event: &Document) -> StoreResult<Record> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let document = object(json!({
        "id": text("id"),
        "event_stream_id": stream,
        "event_type": text("type"),
        "status": "pending",
        "attempts": [],
        "event": event,
    }));
    let delivery = Record::new(delivery_id(stream, text("id")), document, tx.now());
    let delivery = tx.insert(&EVENT_DELIVERY, delivery)?;
    enqueue(tx, stream)?;
    Ok(delivery)
}

/// Has what a stream is to be told sent. There is one job for a stream, which sends one event after another: if there is one
/// already, it will find what is new.
pub fn enqueue(tx: &mut Tx, stream: &str) -> StoreResult<()> {
    let payload = object(json!({"stream": stream}));
    match tx.enqueue(NewJob { id: Some(job_id(stream)), ..NewJob::new(queues::EVENT_STREAMS, payload) }) {
        Ok(_) | Err(StoreError::Taken { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The identifier of the job that sends what a stream is to be told.
pub fn job_id(stream: &str) -> String {
    format!("events {stream}")
}

/// The id of the record of an event's delivery to a stream.
pub fn delivery_id(stream: &str, event: &str) -> String {
    format!("{stream} {event}")
}

/// An event in the envelope in which a receiver gets it. `domain` is the tenant's, `stream` the receiving one.
pub fn envelope(mut event: Document, tenant: &TenantId, domain: &str, stream: Option<&str>) -> Document {
    event.insert("source".into(), format!("urn:auth0:{domain}").into());
    event.insert("a0tenant".into(), tenant.as_str().into());
    if let Some(stream) = stream {
        event.insert("a0stream".into(), stream.into());
    }
    event
}

/// What events tell of a user.
pub fn user(user: &Record) -> Document {
    const FIELDS: [&str; 22] = [
        "user_id",
        "email",
        "email_verified",
        "username",
        "phone_number",
        "phone_verified",
        "created_at",
        "updated_at",
        "identities",
        "app_metadata",
        "user_metadata",
        "picture",
        "name",
        "nickname",
        "multifactor",
        "last_ip",
        "last_login",
        "logins_count",
        "blocked",
        "given_name",
        "family_name",
        "deleted_at",
    ];
    let known = |name: &&str| Some(((*name).to_owned(), user.document.get(*name)?.clone()));
    FIELDS.iter().filter_map(known).collect()
}

/// What events tell of an organization.
pub fn organization(organization: &Record) -> Document {
    let fields = ["id", "name", "display_name", "metadata", "branding"];
    let known = |name: &&str| Some(((*name).to_owned(), organization.document.get(*name)?.clone()));
    fields.iter().filter_map(known).collect()
}

/// Tells of a new user.
pub fn user_created(tx: &mut Tx, new: &Record, context: Document) -> StoreResult<()> {
    publish(tx, "user.created", News { object: user(new), previous: None, context })
}

/// Tells of a change of a user, unless it is only another login.
pub fn user_updated(tx: &mut Tx, old: &Record, new: &Record, context: Document) -> StoreResult<()> {
    const OF_LOGINS: [&str; 4] = ["updated_at", "last_ip", "last_login", "logins_count"];
    let (previous, object) = (user(old), user(new));
    let lasting = |user: &Document| {
        let mut user = user.clone();
        user.retain(|name, _| !OF_LOGINS.contains(&name.as_str()));
        user
    };
    if lasting(&previous) == lasting(&object) {
        return Ok(());
    }
    publish(tx, "user.updated", News { object, previous: Some(previous), context })
}

/// Tells that a user is gone.
pub fn user_deleted(tx: &mut Tx, old: &Record, context: Document) -> StoreResult<()> {
    let mut object = user(old);
    object.insert("deleted_at".into(), tx.now().into());
    publish(tx, "user.deleted", News { object, previous: None, context })
}
