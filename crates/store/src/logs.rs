//! The tenant log: events in the order of their ingestion, found by the fields that log searches know.

mod bounds;
mod parts;

pub use self::parts::SharedScopes;
use std::{fmt::Write as _, ops::Bound};

use kernel::{Document, TenantId, Timestamp, Value};

use crate::{
    Field, Filter, Page, Snapshot, Store, StoreError, StoreResult, Term, Tx,
    connection::{Param, Row},
    index::indexed,
    log_id::id_of_time,
    sql::{Sql, texts_in_json, write_glob, write_prefix},
};

/// One entry of the tenant log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogEvent {
    /// 56 decimal digits that grow with every event of the tenant.
    pub log_id: String,
    /// The event as the API shows it, `_id` and `log_id` first.
    pub document: Document,
}

/// A question for log events. The filter knows the fields `log_id`, `date` (a number: seconds), `type`, `description`,
/// `connection`, `connection_id`, `organization_id`, `client_id`, `client_name`, `ip`, `hostname`, `user_id`,
/// `user_name`, `user_agent`, `strategy` and `strategy_type`; any other finds nothing.
#[derive(Clone, Debug, Default)]
pub struct LogQuery {
    /// Which events.
    pub filter: Filter,
    /// In which order; [`LogPaging::After`] has its own.
    pub order: LogOrder,
    /// Which of them.
    pub paging: LogPaging,
    /// Whether [`Page::total`] is wanted.
    pub with_total: bool,
}

/// The order of log events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogOrder {
    /// The latest ingested first.
    #[default]
    Newest,
    /// The latest ingested last.
    Oldest,
    /// By a field that filters know, then by log id in the same direction. Any other field: by log id alone.
    Field {
        /// The field.
        field: Field,
        /// Whether the greatest comes first.
        descending: bool,
    },
}

/// Which part of the log is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPaging {
    /// A page by its position.
    Offset {
        /// How many come before.
        offset: u64,
        /// How many at most.
        limit: u64,
    },
    /// Events with a greater log id, ascending. Whoever asks again with the last id seen misses none: where several
    /// writers commit out of order, the newest events appear here a moment later than elsewhere.
    After {
        /// The last id seen; none for the oldest events.
        log_id: Option<String>,
        /// How many at most.
        limit: u64,
    },
}

impl Default for LogPaging {
    fn default() -> Self {
        Self::Offset { offset: 0, limit: 50 }
    }
}

/// The searchable texts, each a column of the table.
const TEXTS: [&str; 14] = [
    "type",
    "description",
    "connection",
    "connection_id",
    "organization_id",
    "client_id",
    "client_name",
    "ip",
    "hostname",
    "user_id",
    "user_name",
    "user_agent",
    "strategy",
    "strategy_type",
];

/// A select of the columns that [`event`] reads, and the texts given.
macro_rules! select_event {
    ($($text:literal),*) => {
        concat!(
            "SELECT log_id, document, (SELECT text FROM log_parts WHERE seq = logs.part) FROM logs", $($text),*
        )
    };
}

impl Snapshot {
    /// The log event with this id.
    pub fn log(&self, log_id: &str) -> StoreResult<Option<LogEvent>> {
        let sql = select_event!(" WHERE tenant = $1 AND log_id = $2");
        self.connection.first(sql, &[self.number(), indexed(log_id).into()], event)
    }

    /// The log events that a query asks for.
    pub fn logs(&self, query: &LogQuery) -> StoreResult<Page<LogEvent>> {
        let total = query.with_total.then(|| self.count_logs(&query.filter)).transpose()?;
        let mut sql = Sql::new(select_event!());
        self.write_log_filter(&mut sql, &query.filter)?;
        match &query.paging {
            LogPaging::After { log_id, limit } => {
                if let Some(log_id) = log_id {
                    sql.push(" AND log_id > ").bind(indexed(log_id).into_owned());
                }
                sql.push(self.connection.below_horizon()).push(" ORDER BY log_id").window(0, *limit);
            }
            LogPaging::Offset { offset, limit } => {
                let (column, descending) = match &query.order {
                    LogOrder::Newest => (None, true),
                    LogOrder::Oldest => (None, false),
                    LogOrder::Field { field, descending } => (column(field), *descending),
                };
                let direction = if descending { " DESC" } else { "" };
                sql.push(" ORDER BY ");
                if let Some(column) = column.filter(|column| *column != "log_id") {
                    // The databases disagree on where NULL belongs.
                    sql.push(column).push(" IS NULL, ").push(column).push(direction).push(", ");
                }
                sql.push("log_id").push(direction).window(*offset, *limit);
            }
        }
        let items = self.connection.query(&sql.text, &sql.params, event)?;
        Ok(Page { items, total, next: None })
    }

    /// How many log events a filter means.
    pub fn count_logs(&self, filter: &Filter) -> StoreResult<u64> {
        let mut sql = Sql::new("SELECT count(*) FROM logs");
        self.write_log_filter(&mut sql, filter)?;
        let count = self.connection.only(&sql.text, &sql.params, |row| row.int(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn write_log_filter<'a>(&self, sql: &mut Sql<'a>, filter: &'a Filter) -> StoreResult {
        sql.push(" WHERE tenant = ").bind(self.number());
        if *filter != Filter::All {
            sql.push(" AND ");
            self.write_log_condition(sql, filter, 0)?;
        }
        if sql.params.len() > 1000 { Err(StoreError::TooComplex) } else { Ok(()) }
    }

    fn write_log_condition<'a>(&self, sql: &mut Sql<'a>, filter: &'a Filter, depth: usize) -> StoreResult {
        if depth > 60 {
            return Err(StoreError::TooComplex);
        }
        match filter {
            Filter::Ids(ids) => {
                let list = sql.parameter(texts_in_json(ids));
                sql.push("log_id IN (").push(&self.connection.each_text(&list)).push(")");
            }
            Filter::Exists(field) => {
                let Some(column) = column(field) else {
                    nothing(sql);
                    return Ok(());
                };
                sql.push("(").push(column).push(" IS NOT NULL)");
            }
            Filter::Equals(field, term) => {
                let Some(value) = value(field, term) else {
                    nothing(sql);
                    return Ok(());
                };
                let Some(column) = column(field) else {
                    nothing(sql);
                    return Ok(());
                };
                sql.push("(").push(column).push(" IS NOT NULL AND ").push(column).push(" = ").bind(value).push(")");
            }
            Filter::Prefix(field, prefix) => {
                let Some(column) = text_column(field) else {
                    nothing(sql);
                    return Ok(());
                };
                sql.push("(").push(column).push(" IS NOT NULL");
                write_prefix(sql, column, prefix);
                sql.push(")");
            }
            Filter::Glob(field, glob) => {
                let Some(column) = text_column(field) else {
                    nothing(sql);
                    return Ok(());
                };
                sql.push("(").push(column).push(" IS NOT NULL");
                write_glob(sql, &self.connection, column, glob);
                sql.push(")");
            }
            Filter::Range { field, from, to } => {
                let Some(column) = column(field) else {
                    nothing(sql);
                    return Ok(());
                };
                sql.push("(").push(column).push(" IS NOT NULL");
                for (bound, words) in [(from, [" >= ", " > "]), (to, [" <= ", " < "])] {
                    let (term, word) = match bound {
                        Bound::Included(term) => (term, words[0]),
                        Bound::Excluded(term) => (term, words[1]),
                        Bound::Unbounded => continue,
                    };
                    sql.push(" AND ");
                    match value(field, term) {
                        Some(value) => sql.push(column).push(word).bind(value),
                        None => sql.push("1 = 0"),
                    };
                }
                sql.push(")");
            }
            Filter::And(parts) if !parts.is_empty() => self.write_log_parts(sql, parts, " AND ", depth)?,
            Filter::Or(parts) if !parts.is_empty() => self.write_log_parts(sql, parts, " OR ", depth)?,
            Filter::Not(part) => {
                sql.push("NOT (");
                self.write_log_condition(sql, part, depth + 1)?;
                sql.push(")");
            }
            Filter::All | Filter::And(_) => {
                sql.push("1 = 1");
            }
            Filter::Nothing | Filter::Related { .. } | Filter::Or(_) => nothing(sql),
        }
        Ok(())
    }

    fn write_log_parts<'a>(&self, sql: &mut Sql<'a>, parts: &'a [Filter], word: &str, depth: usize) -> StoreResult {
        if parts.len() > 400 {
            return Err(StoreError::TooComplex);
        }
        for (index, part) in parts.iter().enumerate() {
            sql.push(if index == 0 { "(" } else { word });
            self.write_log_condition(sql, part, depth + 1)?;
        }
        sql.push(")");
        Ok(())
    }
}

impl Tx {
    /// Appends an event (without `_id` and `log_id`) to the tenant log and gives its id, which is greater than all
    /// before. `date` is the event's own; without one it is now.
    ///
    /// What is too long of it is cut: what strangers send must not fill the disk.
    pub fn append_log(&mut self, event: Document) -> StoreResult<String> {
        self.append_log_of(event, None)
    }

    /// As [`Tx::append_log`], for an event with null where it has its token's scopes, which are these.
    pub fn append_log_of(&mut self, mut event: Document, scopes: Option<&SharedScopes>) -> StoreResult<String> {
        bounds::cut(&mut event);
        let part = match scopes {
            Some(scopes) => Some(self.number_of_part(scopes)?),
            None => self.take_part(&mut event)?,
        };
        self.changes.has_logs = true;
        let tenant = self.known.as_ref().ok_or_else(|| StoreError::Corrupt("no tenant to log for".to_owned()))?;
        let now = self.context().now().micros();
        let time = tenant.next_log_time(now);
        let date = event.get("date").and_then(Value::as_str).and_then(|date| date.parse::<Timestamp>().ok());
        let texts = TEXTS.map(|column| event.get(column).and_then(Value::as_str).filter(|text| !text.is_empty()));
        let document = serde_json::to_string(&event)?;
        let date = date.map_or(now, Timestamp::micros);
        let mut id = id_of_time(time);
        let number = self.connection.next_log_number()?;
        if let Some(number) = number {
            write!(id, "{number:033}").expect("a String takes all");
        }
        let first = [self.number(), id.as_str().into(), date.into()];
        let texts = texts.into_iter().map(|text| text.map(indexed).into());
        let params: Vec<_> = first.into_iter().chain(texts).chain([part.into(), document.into()]).collect();
        let sql = insertion(self.connection.log_number(), self.connection.horizon());
        if number.is_some() {
            self.connection.execute(&sql, &params)?;
            return Ok(id);
        }
        self.connection.only(&(sql + " RETURNING log_id"), &params, |row| Ok(row.text(0)?.to_owned()))
    }

    /// Removes at most so many of the events ingested before a time, the oldest first, and tells how many they were.
    pub fn prune_logs(&mut self, before: Timestamp, most: u32) -> StoreResult<u64> {
        let sql = "DELETE FROM logs WHERE seq IN \
                   (SELECT seq FROM logs WHERE tenant = $1 AND log_id < $2 ORDER BY log_id LIMIT $3)";
        let params = [self.number(), id_of_time(before.micros()).into(), i64::from(most).into()];
        self.connection.execute(sql, &params)
    }
}

impl Store {
    /// The tenants with events that were ingested before a time.
    pub async fn tenants_with_logs_before(&self, time: Timestamp) -> StoreResult<Vec<TenantId>> {
        let has_older = "EXISTS (SELECT 1 FROM logs AS l WHERE l.tenant = t.number AND l.log_id < $1)";
        self.tenants_where(has_older, vec![id_of_time(time.micros()).into()]).await
    }

    /// Wakes when an event is appended to a log on this node. Made before the log is asked and awaited after it, it
    /// misses nothing.
    pub fn logs_appended(&self) -> tokio::sync::futures::Notified<'_> {
        self.shared().logs.notified()
    }
}

/// The statement that inserts an event; `number` and `horizon` are SQL, the first to be added to the id that is bound.
fn insertion(number: &str, horizon: &str) -> String {
    let columns = TEXTS.join(", ");
    let mut sql = format!("INSERT INTO logs (tenant, log_id, horizon, date, {columns}, part, document) VALUES ");
    write!(sql, "($1, $2{number}, {horizon}, $3").expect("a String takes all");
    for parameter in 4..TEXTS.len() + 6 {
        write!(sql, ", ${parameter}").expect("a String takes all");
    }
    sql + ")"
}

fn nothing(sql: &mut Sql<'_>) {
    sql.push("1 = 0");
}

/// The column of a field that log searches know.
fn column(field: &str) -> Option<&'static str> {
    match field {
        "date" => Some("date"),
        field => text_column(field),
    }
}

fn text_column(field: &str) -> Option<&'static str> {
    match field {
        "log_id" | "_id" => Some("log_id"),
        field => TEXTS.into_iter().find(|column| *column == field),
    }
}

/// A term as the field's column holds it; none if the column never holds such a one.
fn value<'a>(field: &str, term: &'a Term) -> Option<Param<'a>> {
    match (field, term) {
        #[expect(clippy::cast_possible_truncation, reason = "a cast saturates, as far bounds should")]
        ("date", Term::Number(seconds)) => Some(Param::Int((seconds * 1e6).round() as i64)),
        ("date", _) | (_, Term::Number(_) | Term::Bool(_)) => None,
        (_, Term::Text(text)) => Some(indexed(text).into()),
    }
}

fn event(row: &Row<'_>) -> StoreResult<LogEvent> {
    let log_id = row.text(0)?.to_owned();
    let mut document = Document::new();
    document.insert("_id".to_owned(), log_id.clone().into());
    document.insert("log_id".to_owned(), log_id.clone().into());
    let mut stored: Document = serde_json::from_str(row.text(1)?)?;
    if let (Some(part), Some(place)) = (row.optional_text(2)?, parts::place(&mut stored)) {
        *place = serde_json::from_str(part)?;
    }
    document.extend(stored);
    Ok(LogEvent { log_id, document })
}
