//! The tenant log: search, single entries, entries of a user (reference: logs).

use kernel::{Document, Value, object};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rest::{Answer, ApiError, ApiResult, Area, Call, envelope, paging_of, select_fields};
use serde_json::json;
use store::{Filter, LogEvent, LogOrder, LogPaging, LogQuery, Page, Paging, Snapshot};

use crate::{
    Services,
    search::{Language, Values, has_value},
};

/// What is served of `logs`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("logs").read("GET /logs", list).read("GET /logs/{id}", single)
}

const LANGUAGE: Language = Language {
    parameter: "q",
    bare: &["client_name", "connection", "description", "ip", "log_id", "type", "user_name"],
    values: |field| if field == "date" { Values::Date } else { Values::Text },
    exists: has_value,
};

/// Entries of one walk when the call does not say how many.
const DEFAULT_TAKE: u64 = 50;
const MOST_TAKEN: u64 = 100;

/// `GET /logs`: a search, or a walk from an entry on.
fn list(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    if call.has("from") || call.has("take") {
        return walk(reader, call);
    }
    let asked = call.text("q").or_else(|| call.text("search")).map(str::trim).filter(|query| !query.is_empty());
    let found = asked.map_or(Ok(Filter::All), |query| LANGUAGE.filter(query))?;
    page(reader, call, visible(call, found))
}

/// `GET /users/{id}/logs`. What the API did to a user is no entry of the user's own.
pub(crate) fn of_user(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let is = |kind: &'static str| Filter::equals("type", kind);
    let by_api = is("ss").and(Filter::Exists("hostname".into()).negated());
    let of_api = Filter::Or(vec![is("sapi"), is("mgmt_api_read"), is("sdu"), by_api]);
    page(reader, call, Filter::equals("user_id", call.path("id")).and(of_api.negated()))
}

fn page(reader: &Snapshot, call: &Call, filter: Filter) -> ApiResult<Answer> {
    let paging = match paging_of(call).0 {
        Paging::Offset { offset, limit } => LogPaging::Offset { offset, limit },
        _ => LogPaging::default(),
    };
    let order = match call.text("sort").and_then(|sort| sort.rsplit_once(':')) {
        Some((field, direction)) => LogOrder::Field { field: field.to_owned().into(), descending: direction == "-1" },
        None => LogOrder::Newest,
    };
    let found = reader.logs(&LogQuery { filter, order, paging, with_total: false })?;
    let items = found.items.into_iter().map(|event| {
        let mut entry = shown(event);
        select_fields(call, &mut entry);
        entry
    });
    // The service's total is that of the page.
    Ok(Answer::json(envelope(call, Page { items: items.collect(), total: None, next: None })))
}

fn walk(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let limit = call.integer("take").and_then(|take| u64::try_from(take).ok()).unwrap_or(DEFAULT_TAKE).min(MOST_TAKEN);
    let from = call.text("from").filter(|from| !from.is_empty());
    let paging = LogPaging::After { log_id: from.map(str::to_owned), limit };
    let query = LogQuery { filter: visible(call, Filter::All), paging, ..LogQuery::default() };
    let events = reader.logs(&query)?.items;
    let last = events.last().map(|event| event.log_id.clone()).or_else(|| from.map(str::to_owned));
    let answer = Answer::list(events.into_iter().map(shown).collect());
    Ok(match last {
        Some(last) => {
            // The starting point may be the caller's own text, which need not be fit for a header.
            let last = utf8_percent_encode(&last, NON_ALPHANUMERIC);
            let next = format!("<https://{}/api/v2/logs?from={last}&take={limit}>; rel=\"next\"", call.origin.domain);
            answer.header("link", next)
        }
        None => answer,
    })
}

fn single(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let event = reader.log(call.path("id"))?.filter(|event| {
        call.allows("read:logs")
            || event.document.get("user_id").and_then(Value::as_str).is_some_and(|id| !id.is_empty())
    });
    let event = event.ok_or_else(|| ApiError::not_found("Log not found."))?;
    Ok(Answer::json(shown(event)))
}

/// What the caller may see: `read:logs_users` shows entries that are about a user.
fn visible(call: &Call, filter: Filter) -> Filter {
    if call.allows("read:logs") { filter } else { filter.and(Filter::Exists("user_id".into())) }
}

/// An entry with all members of the service, in its order; those without a value are null.
fn shown(event: LogEvent) -> Document {
    let mut stored = event.document;
    let mut entry = object(json!({
        "_id": null,
        "log_id": null,
        "date": null,
        "type": null,
        "description": "",
        "connection": null,
        "connection_id": null,
        "organization_id": null,
        "organization_name": null,
        "client_id": null,
        "client_name": "",
        "ip": null,
        "hostname": null,
        "details": null,
        "user_id": null,
        "user_name": "",
        "user_agent": null,
        "audience": null,
        "scope": null,
        "strategy": null,
        "strategy_type": null,
        "isMobile": false,
        "location_info": null,
    }));
    for (name, value) in &mut entry {
        if let Some(known) = stored.shift_remove(name) {
            *value = known;
        }
    }
    entry.extend(stored);
    entry
}
