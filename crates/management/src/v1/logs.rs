//! The tenant log as v1 shows it: pages in an envelope, searches without regard to letter case, walks.

use http::StatusCode;
use kernel::{Document, Value, object};
use rest::{Answer, ApiError, ApiResult};
use serde_json::json;
use store::{Filter, LogEvent, LogOrder, LogPaging, LogQuery, Snapshot};

use super::{
    Ask,
    search::{self, Clause},
    users,
};

/// The members of an entry, in the order in which they are shown.
const MEMBERS: &[&str] = &[
    "_id",
    "date",
    "type",
    "description",
    "connection",
    "client_id",
    "client_name",
    "ip",
    "user_id",
    "user_name",
    "user_agent",
    "details",
];
/// What entries can be sorted by.
const SORTABLE: &[&str] = &["date", "connection", "client_name", "user_name"];
/// Where free text is looked for.
const SEARCHED: &[&str] = &["client_name", "connection", "user_name"];

const DEFAULT_PAGE: u64 = 50;
const LONGEST_PAGE: u64 = 100;
const MOST_TAKEN: u64 = 200;
/// Entries that a search looks at in one go.
const LOOKED_AT: u64 = 1000;

fn shown(event: LogEvent) -> Document {
    let mut stored = event.document;
    let is_told = |value: &Value| !value.is_null();
    MEMBERS.iter().filter_map(|name| stored.shift_remove_entry(*name)).filter(|(_, value)| is_told(value)).collect()
}

pub(super) async fn get(ask: &Ask) -> ApiResult<Answer> {
    let id = ask.path("id").to_owned();
    let event = ask.read(move |reader| Ok(reader.log(&id)?)).await?;
    event.map(|event| Answer::json(shown(event))).ok_or_else(|| ApiError::not_found("Log not found."))
}

pub(super) async fn list(ask: &Ask) -> ApiResult<Answer> {
    if ask.text("from").is_some() || ask.text("take").is_some() {
        return walk(ask).await;
    }
    let wanted = Wanted::of(ask)?;
    let clauses = ask.text("search").map(search::clauses).transpose()?.unwrap_or_default();
    if let Some(unknown) = clauses.iter().find(|clause| columns(clause).is_none()) {
        let field = unknown.field.as_deref().unwrap_or_default();
        let text = format!("Query validation error: '{field} cannot be searched' on property search.");
        return Err(ApiError::invalid_query(text));
    }
    page(ask, Filter::All, clauses, wanted).await
}

pub(super) async fn of_user(ask: &Ask) -> ApiResult<Answer> {
    let id = ask.path("user_id");
    ask.get(&format!("{}?fields=user_id", users::path(id))).await?;
    page(ask, Filter::equals("user_id", id), Vec::new(), Wanted::of(ask)?).await
}

/// Which entries a call wants, and what of them.
struct Wanted {
    offset: u64,
    limit: u64,
    order: LogOrder,
    fields: Vec<String>,
    are_excluded: bool,
}

impl Wanted {
    fn of(ask: &Ask) -> ApiResult<Self> {
        let limit = ask.count("per_page")?.unwrap_or(DEFAULT_PAGE);
        if !(1..=LONGEST_PAGE).contains(&limit) {
            let text = format!(
                "Query validation error: 'Value {limit} is not between 1 and {LONGEST_PAGE}' on property per_page."
            );
            return Err(ApiError::invalid_query(text));
        }
        let are_excluded = match ask.text("exclude_fields") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                let text =
                    "Query validation error: 'Expected type boolean but found type string' on property exclude_fields.";
                return Err(ApiError::invalid_query(text));
            }
        };
        let fields = ask.text("fields").unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self {
            offset: ask.count("page")?.unwrap_or(0) * limit,
            limit,
            order: order(ask.text("sort"))?,
            fields: fields.map(str::to_owned).collect(),
            are_excluded,
        })
    }

    fn select(&self, entry: &mut Document) {
        if !self.fields.is_empty() {
            entry.retain(|name, _| self.fields.contains(name) != self.are_excluded);
        }
    }
}

fn order(sort: Option<&str>) -> ApiResult<LogOrder> {
    let Some(sort) = sort else { return Ok(LogOrder::Newest) };
    if let Some((field, direction @ ("1" | "-1"))) = sort.rsplit_once(':').filter(|(field, _)| SORTABLE.contains(field))
    {
        return Ok(LogOrder::Field { field: field.to_owned().into(), descending: direction == "-1" });
    }
    let fields = SORTABLE.join(", ");
    let text = format!("Query validation error: 'Expected one of {fields} with :1 or :-1' on property sort.");
    Err(ApiError::invalid_query(text))
}

async fn page(ask: &Ask, filter: Filter, clauses: Vec<Clause>, wanted: Wanted) -> ApiResult<Answer> {
    let Wanted { offset, limit, order, .. } = &wanted;
    let (offset, limit, order) = (*offset, *limit, order.clone());
    let work = move |reader: &Snapshot| {
        if clauses.is_empty() {
            return chunk(reader, &filter, &order, offset, limit);
        }
        matching(reader, &filter, &order, &clauses, offset, limit)
    };
    let mut logs: Vec<Document> = ask.read(work).await?.into_iter().map(shown).collect();
    for entry in &mut logs {
        wanted.select(entry);
    }
    let length = logs.len();
    Ok(Answer::json(object(json!({"start": offset, "length": length, "total": length, "limit": limit, "logs": logs}))))
}

fn chunk(reader: &Snapshot, filter: &Filter, order: &LogOrder, offset: u64, limit: u64) -> ApiResult<Vec<LogEvent>> {
    let paging = LogPaging::Offset { offset, limit };
    let query = LogQuery { filter: filter.clone(), order: order.clone(), paging, with_total: false };
    Ok(reader.logs(&query)?.items)
}

/// The entries that fit. The databases differ in what they know of letter case, so it is judged here.
fn matching(
    reader: &Snapshot,
    filter: &Filter,
    order: &LogOrder,
    clauses: &[Clause],
    offset: u64,
    limit: u64,
) -> ApiResult<Vec<LogEvent>> {
    let mut to_skip = offset;
    let mut found = Vec::new();
    for place in 0.. {
        let events = chunk(reader, filter, order, place * LOOKED_AT, LOOKED_AT)?;
        let is_last = (events.len() as u64) < LOOKED_AT;
        for event in events.into_iter().filter(|event| clauses.iter().all(|clause| fits(clause, event))) {
            if to_skip > 0 {
                to_skip -= 1;
                continue;
            }
            found.push(event);
            if found.len() as u64 == limit {
                return Ok(found);
            }
        }
        if is_last {
            break;
        }
    }
    Ok(found)
}

/// The members in which a clause looks; none for a field that it cannot name.
fn columns(clause: &Clause) -> Option<&'static [&'static str]> {
    Some(match clause.field.as_deref() {
        None => SEARCHED,
        Some("application" | "client_name") => &["client_name"],
        Some("connection") => &["connection"],
        Some("user" | "user_name") => &["user_name"],
        Some(_) => return None,
    })
}

fn fits(clause: &Clause, event: &LogEvent) -> bool {
    let wanted = clause.value.to_lowercase();
    let texts = columns(clause).unwrap_or_default().iter().filter_map(|name| event.document.get(*name)?.as_str());
    let mut texts = texts.map(str::to_lowercase);
    texts.any(|text| if clause.is_exact { text == wanted } else { text.starts_with(&wanted) })
}

/// The entries after a checkpoint, oldest first.
async fn walk(ask: &Ask) -> ApiResult<Answer> {
    let from = ask.text("from").map(str::to_owned);
    let limit = ask.count("take")?.unwrap_or(MOST_TAKEN).min(MOST_TAKEN);
    let paging = LogPaging::After { log_id: from, limit };
    let events = ask.read(move |reader| {
        let query = LogQuery { paging: paging.clone(), ..LogQuery::default() };
        Ok(reader.logs(&query)?.items)
    });
    let entries = events.await?.into_iter().map(shown).collect();
    Ok(Answer::list(entries).status(StatusCode::OK))
}
