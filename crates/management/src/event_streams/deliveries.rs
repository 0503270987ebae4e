//! Deliveries of events to a stream: those that are not done, and doing them again (reference: streams §3).

use identity::events;
use kernel::{Document, Record, Timestamp, Value};
use rest::{Answer, ApiError, ApiResult, Area, Call, envelope, paging_of};
use store::{Filter, Order, Page, Query, Snapshot, Term, Tx};

use super::{EVENT_STREAM, samples};

pub(super) fn claim(area: Area) -> Area {
    area.read("GET /event-streams/{id}/deliveries", list)
        .read("GET /event-streams/{id}/deliveries/{event_id}", get)
        .write("POST /event-streams/{id}/redeliver", redeliver_all)
        .write("POST /event-streams/{id}/redeliver/{event_id}", redeliver)
        .write("POST /event-streams/{id}/test", test)
}

/// `GET /event-streams/{id}/deliveries`: those that are not done.
fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let stream = rest::load(reader, &EVENT_STREAM, call.path("id"))?;
    let listed = |name: &str| call.text(name).into_iter().flat_map(|text| text.split(',')).map(str::to_owned).collect();
    let wanted = Wanted {
        statuses: listed("statuses"),
        kinds: listed("event_types"),
        from: time(call.text("date_from"), "date_from")?,
        to: time(call.text("date_to"), "date_to")?,
    };
    let (paging, _) = paging_of(call);
    let query = Query { filter: wanted.filter(&stream.id), order: Order::Created, paging, with_total: false };
    let page = reader.list(&model::EVENT_DELIVERY, &query)?;
    let items = page.items.into_iter().map(|delivery| kept(delivery, call)).collect();
    Ok(Answer::json(envelope(call, Page { items, total: None, next: page.next })))
}

fn get(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    Ok(Answer::json(kept(named(reader, call)?, call)))
}

/// `POST /event-streams/{id}/redeliver`: all failed deliveries that the body means.
fn redeliver_all(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let stream = rest::load(tx, &EVENT_STREAM, call.path("id"))?;
    let body = call.document();
    let listed = |name: &str| {
        let items = body.get(name).and_then(Value::as_array).into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let wanted = Wanted {
        statuses: listed("statuses"),
        kinds: listed("event_types"),
        from: time(text("date_from"), "date_from")?,
        to: time(text("date_to"), "date_to")?,
    };
    for delivery in tx.list(&model::EVENT_DELIVERY, &Query::of(wanted.filter(&stream.id)))?.items {
        if delivery.text("status") == Some("failed") {
            again(tx, delivery)?;
        }
    }
    Ok(Answer::json(body.into_owned()))
}

/// `POST /event-streams/{id}/redeliver/{event_id}`.
fn redeliver(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let delivery = named(tx, call)?;
    match delivery.text("status") {
        Some("failed") => again(tx, delivery)?,
        // It will be tried again without being asked.
        Some("retrying") => {}
        _ => return Err(ApiError::conflict("One or more events is not in a state that allows redelivery.")),
    }
    Ok(Answer::json(Document::new()))
}

/// `POST /event-streams/{id}/test`: an event of the sort asked for, sent like all others.
fn test(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let stream = rest::load(tx, &EVENT_STREAM, call.path("id"))?;
    let body = call.document();
    let kind = body.get("event_type").and_then(Value::as_str).unwrap_or_default();
    let data = match body.get("data").and_then(Value::as_object) {
        Some(data) => data.clone(),
        None => samples::data(kind),
    };
    let mut event = events::event(tx, kind, data);
    event.insert("a0purpose".into(), "test".into());
    let delivery = events::deliver(tx, &stream.id, &event)?;
    Ok(Answer::json(shown(delivery, call)))
}

/// Which deliveries are meant.
struct Wanted {
    statuses: Vec<String>,
    kinds: Vec<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Wanted {
    fn filter(self, stream: &str) -> Filter {
        let mut filter = Filter::equals("event_stream_id", stream);
        if !self.statuses.is_empty() {
            filter = filter.and(Filter::any_of("status", self.statuses));
        }
        if !self.kinds.is_empty() {
            filter = filter.and(Filter::any_of("event_type", self.kinds));
        }
        #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^52")]
        let term = |time: Timestamp| Term::Number(time.seconds() as f64);
        let bound = |time: Option<Timestamp>| {
            time.map_or(std::ops::Bound::Unbounded, |time| std::ops::Bound::Included(term(time)))
        };
        if self.from.is_some() || self.to.is_some() {
            filter = filter.and(Filter::Range { field: "date".into(), from: bound(self.from), to: bound(self.to) });
        }
        filter
    }
}

fn time(text: Option<&str>, name: &str) -> ApiResult<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    // A day stands for its beginning.
    let parsed = text.parse().or_else(|_| format!("{text}T00:00:00Z").parse());
    parsed.map(Some).map_err(|_| {
        ApiError::invalid_query(format!(
            "Query validation error: 'Object didn't pass validation for format date-time: {text}' on property {name}."
        ))
    })
}

/// The delivery in the path, of the stream in the path.
fn named(reader: &Snapshot, call: &Call) -> ApiResult<Record> {
    let stream = rest::load(reader, &EVENT_STREAM, call.path("id"))?;
    let found = reader.get(&model::EVENT_DELIVERY, &events::delivery_id(&stream.id, call.path("event_id")))?;
    found.ok_or_else(|| ApiError::not_found("The event delivery does not exist."))
}

/// Has a failed delivery sent once more.
fn again(tx: &mut Tx, mut delivery: Record) -> ApiResult {
    delivery::events::attempted(&mut delivery, "retrying", serde_json::json!({"timestamp": tx.now()}));
    let delivery = tx.update(&model::EVENT_DELIVERY, delivery)?;
    Ok(events::enqueue(tx, delivery.text("event_stream_id").unwrap_or_default())?)
}

/// A delivery as it is listed: the service does not know the event's source there (recorded: get_event_deliveries).
fn kept(delivery: Record, call: &Call) -> Document {
    let mut shown = shown(delivery, call);
    if let Some(event) = shown.get_mut("event").and_then(Value::as_object_mut) {
        event.insert("source".into(), "urn:auth0:".into());
    }
    shown
}

fn shown(delivery: Record, call: &Call) -> Document {
    let mut shown = delivery.document;
    let stream = shown.get("event_stream_id").and_then(Value::as_str).map(str::to_owned);
    if let Some(event) = shown.get_mut("event").and_then(Value::as_object_mut) {
        let tenant = &call.caller.tenant;
        *event = events::envelope(std::mem::take(event), tenant, &call.origin.domain, stream.as_deref());
    }
    shown
}
