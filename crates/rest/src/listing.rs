//! Lists: paging, envelopes, sorting, chosen fields (reference: pagination and fields).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use kernel::{Document, Value, remove_path, value_at};
use store::{Order, Page, Paging};

use crate::{Answer, ApiError, ApiResult, Call, Sorted};

/// The page that a call asks for, and whether the total is wanted.
///
/// `take` or `from` chooses checkpoint paging where the operation has it, whatever else is sent; then no total is told.
pub fn paging_of(call: &Call) -> (Paging, bool) {
    let facts = &call.operation.paging;
    if is_checkpoint(call) {
        let limit = count(call, "take").unwrap_or(facts.default_size);
        return (Paging::After { cursor: call.text("from").map(str::to_owned), limit }, false);
    }
    if !facts.offset {
        return (Paging::All, false);
    }
    let limit = count(call, "per_page").unwrap_or(facts.default_size);
    let offset = count(call, "page").unwrap_or(0).saturating_mul(limit);
    (Paging::Offset { offset, limit }, wants_totals(call))
}

/// The list as this call wants it: a bare array, or an object around it with totals or with `next`.
pub fn envelope(call: &Call, page: Page<Document>) -> Value {
    let facts = &call.operation.paging;
    let is_walk = is_checkpoint(call);
    let length = page.items.len() as u64;
    let mut items = Some(Value::Array(page.items.into_iter().map(Value::Object).collect()));
    let key = match &facts.envelope {
        Some(key) if is_walk || wants_totals(call) => key,
        _ => return items.unwrap_or_default(),
    };
    let limit = count(call, "per_page").unwrap_or(facts.default_size);
    let number = count(call, "page").unwrap_or(0);
    let total = if length == 0 && facts.empty_page_totals_zero { 0 } else { page.total.unwrap_or(length) };
    let counter = |count: u64| (count > 0 || !facts.omits_zeros).then(|| Value::from(count));
    let mut answer = Document::new();
    for member in if is_walk { &facts.checkpoint_order } else { &facts.envelope_order } {
        let value = match member.as_str() {
            name if name == key => items.take(),
            "next" if is_walk => page.next.as_deref().map(Value::from),
            _ if is_walk => None,
            "start" => counter(number.saturating_mul(limit)),
            "limit" | "per_page" => counter(limit),
            "page" => counter(number),
            "total" => counter(total),
            "length" => counter(length),
            _ => None,
        };
        if let Some(value) = value {
            answer.insert(member.clone(), value);
        }
    }
    if let Some(items) = items {
        answer.insert(key.clone(), items);
    }
    answer.into()
}

/// A page of rows that are no records, as this call wants it: what `shown` makes of each, with the fields that it chooses.
pub fn rows<T>(call: &Call, page: Page<T>, shown: impl Fn(&T) -> Document) -> Answer {
    let chosen = |row: &T| {
        let mut shown = shown(row);
        select_fields(call, &mut shown);
        shown
    };
    let items = page.items.iter().map(chosen).collect();
    Answer::json(envelope(call, Page { items, total: page.total, next: page.next }))
}

/// The order that `sort=field:1` or `sort=field:-1` asks for, else `default`.
///
/// # Errors
/// 400 when `sort` has another form.
pub fn order_of(call: &Call, default: Sorted) -> ApiResult<Order> {
    let Some(sort) = call.text("sort").filter(|sort| !sort.is_empty()) else { return Ok(default.into()) };
    let malformed = || {
        ApiError::invalid_query(
            "Query validation error: 'String does not match pattern ^(([a-zA-Z0-9_\\.]+))\\:(1|-1)$' on property sort.",
        )
    };
    let (field, direction) = sort.rsplit_once(':').ok_or_else(malformed)?;
    let descending = match direction {
        "1" => false,
        "-1" => true,
        _ => return Err(malformed()),
    };
    Ok(match field {
        "created_at" if descending => Order::CreatedDescending,
        "created_at" => Order::Created,
        field => Order::Field { field: field.to_owned().into(), descending },
    })
}

/// Keeps (or, with `include_fields=false`, drops) the fields that the call names; dotted names reach into objects.
pub fn select_fields(call: &Call, shown: &mut Document) {
    let Some(fields) = call.text("fields").filter(|fields| !fields.is_empty()) else { return };
    let names = fields.split(',').map(str::trim);
    if call.flag("include_fields") == Some(false) {
        for name in names {
            remove_path(shown, name);
        }
        return;
    }
    let mut kept = Document::new();
    for name in names {
        if let Some(value) = value_at(shown, name) {
            keep(&mut kept, name, value.clone());
        }
    }
    *shown = kept;
}

fn keep(kept: &mut Document, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            kept.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = kept.entry(first).or_insert_with(|| Document::new().into());
            if let Some(inner) = inner.as_object_mut() {
                keep(inner, rest, value);
            }
        }
    }
}

fn is_checkpoint(call: &Call) -> bool {
    let facts = &call.operation.paging;
    let is_asked_for = ["take", "from", "q"].into_iter().any(|parameter| call.has(parameter));
    facts.checkpoint
        && if facts.offset { call.has("take") || call.has("from") } else { facts.always_object || is_asked_for }
}

fn wants_totals(call: &Call) -> bool {
    let facts = &call.operation.paging;
    facts.always_object || (facts.totals && call.flag("include_totals") == Some(true))
}

fn count(call: &Call, name: &str) -> Option<u64> {
    call.integer(name).and_then(|number| u64::try_from(number).ok())
}

/// A page of items that are few and at hand, as the call wants it: offset or checkpoint (the cursor is the position).
pub fn page_of(call: &Call, items: Vec<Document>) -> ApiResult<Value> {
    let total = items.len() as u64;
    let (paging, _) = paging_of(call);
    let (skip, limit, is_walk) = match paging {
        Paging::All => (0, total, false),
        Paging::Offset { offset, limit } => (offset, limit, false),
        Paging::After { cursor: None, limit } => (0, limit, true),
        Paging::After { cursor: Some(cursor), limit } => (position(&cursor)?, limit, true),
    };
    let end = skip.saturating_add(limit);
    let next = (is_walk && end < total).then(|| BASE64_URL_SAFE_NO_PAD.encode(format!("at:{end}")));
    let within = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut items: Vec<Document> = items.into_iter().skip(within(skip)).take(within(limit)).collect();
    for item in &mut items {
        select_fields(call, item);
    }
    Ok(envelope(call, Page { items, total: Some(total), next }))
}

fn position(cursor: &str) -> ApiResult<u64> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let position = text.as_deref().and_then(|text| text.strip_prefix("at:")).and_then(|text| text.parse().ok());
    position.ok_or_else(|| ApiError::invalid_query("Invalid pagination cursor"))
}
