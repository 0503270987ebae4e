//! How questions become SQL.

use std::ops::Bound;

use crate::{
    Filter, OwnedSide, Snapshot, StoreError, StoreResult, Term,
    connection::{Connection, Param},
    index::{Columns, beginning, indexed},
};

/// SQL in the making: each value is bound where it stands.
#[derive(Default)]
pub(crate) struct Sql<'a> {
    pub(crate) text: String,
    pub(crate) params: Vec<Param<'a>>,
}

impl<'a> Sql<'a> {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), params: Vec::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(crate) fn bind(&mut self, param: impl Into<Param<'a>>) -> &mut Self {
        let parameter = self.parameter(param);
        self.push(&parameter)
    }

    /// Binds a value and gives its name.
    pub(crate) fn parameter(&mut self, param: impl Into<Param<'a>>) -> String {
        self.params.push(param.into());
        format!("${}", self.params.len())
    }

    /// ` LIMIT … OFFSET …`, as far as needed.
    pub(crate) fn window(&mut self, offset: u64, limit: u64) -> &mut Self {
        if limit != u64::MAX || offset > 0 {
            self.push(" LIMIT ").bind(clamped(limit));
        }
        if offset > 0 {
            self.push(" OFFSET ").bind(clamped(offset));
        }
        self
    }
}

fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A filter with its names looked up and the trivial parts gone.
#[derive(Debug)]
pub(crate) enum Node<'f> {
    All,
    Nothing,
    Ids(&'f [String]),
    Terms(i64, Test<'f>),
    Related(i64, &'f OwnedSide),
    And(Vec<Node<'f>>),
    Or(Vec<Node<'f>>),
    Not(Box<Node<'f>>),
}

/// What a term must be.
#[derive(Debug)]
pub(crate) enum Test<'f> {
    Any,
    Equals(Columns),
    OneOf(Vec<String>),
    Prefix(&'f str),
    Glob(&'f str),
    Range(Bound<Columns>, Bound<Columns>),
}

/// Beyond this a filter is refused: the databases would refuse it less clearly.
const MOST_NODES: usize = 400;
const DEEPEST: usize = 60;

impl<'f> Node<'f> {
    /// Looks up the filter's names; a name that no record ever used means nothing.
    pub(crate) fn of(snapshot: &Snapshot, filter: &'f Filter) -> StoreResult<Self> {
        let mut nodes = 0;
        Self::resolve(snapshot, filter, &mut nodes, 0)
    }

    fn resolve(snapshot: &Snapshot, filter: &'f Filter, nodes: &mut usize, depth: usize) -> StoreResult<Self> {
        *nodes += 1;
        if *nodes > MOST_NODES || depth > DEEPEST {
            return Err(StoreError::TooComplex);
        }
        let terms =
            |field: &str, test| Ok(snapshot.number_of(field)?.map_or(Self::Nothing, |field| Self::Terms(field, test)));
        match filter {
            Filter::All => Ok(Self::All),
            Filter::Nothing => Ok(Self::Nothing),
            Filter::Ids(ids) if ids.is_empty() => Ok(Self::Nothing),
            Filter::Ids(ids) => Ok(Self::Ids(ids)),
            Filter::Equals(field, term) => terms(field, Test::Equals(Columns::of(term))),
            Filter::Prefix(field, text) => terms(field, Test::Prefix(text)),
            Filter::Glob(field, glob) => terms(field, glob_test(glob)),
            Filter::Range { field, from, to } => {
                let (from, to) = (from.as_ref().map(Columns::of), to.as_ref().map(Columns::of));
                terms(field, if is_open(&from) && is_open(&to) { Test::Any } else { Test::Range(from, to) })
            }
            Filter::Exists(field) => terms(field, Test::Any),
            Filter::Related { relation, side } => {
                let relation = snapshot.number_of(relation)?;
                Ok(relation.map_or(Self::Nothing, |relation| Self::Related(relation, side)))
            }
            Filter::And(parts) => {
                let mut kept = Vec::new();
                for part in parts {
                    match Self::resolve(snapshot, part, nodes, depth + 1)? {
                        Self::All => {}
                        Self::Nothing => return Ok(Self::Nothing),
                        Self::And(inner) => kept.extend(inner),
                        part => kept.push(part),
                    }
                }
                Ok(if kept.len() > 1 { Self::And(kept) } else { kept.pop().unwrap_or(Self::All) })
            }
            Filter::Or(parts) => {
                if let Some((field, texts)) = texts_of_one_field(parts) {
                    return terms(field, Test::OneOf(texts));
                }
                let mut kept = Vec::new();
                for part in parts {
                    match Self::resolve(snapshot, part, nodes, depth + 1)? {
                        Self::All => return Ok(Self::All),
                        Self::Nothing => {}
                        Self::Or(inner) => kept.extend(inner),
                        part => kept.push(part),
                    }
                }
                Ok(if kept.len() > 1 { Self::Or(kept) } else { kept.pop().unwrap_or(Self::Nothing) })
            }
            Filter::Not(part) => Ok(match Self::resolve(snapshot, part, nodes, depth + 1)? {
                Self::All => Self::Nothing,
                Self::Nothing => Self::All,
                Self::Not(inner) => *inner,
                part => Self::Not(Box::new(part)),
            }),
        }
    }

    /// Whether the filter can be written as a select of its own, by which the records are then fetched.
    pub(crate) fn is_selective(&self) -> bool {
        match self {
            Self::All | Self::Nothing | Self::Not(_) => false,
            Self::Ids(_) | Self::Terms(..) | Self::Related(..) => true,
            Self::And(parts) => parts.iter().any(Self::is_selective),
            Self::Or(parts) => parts.iter().all(Self::is_selective),
        }
    }

    /// Whether few records are to be expected.
    fn is_narrow(&self) -> bool {
        match self {
            Self::Ids(_) | Self::Related(..) | Self::Terms(_, Test::Equals(_) | Test::OneOf(_)) => true,
            Self::Or(parts) => parts.iter().all(Self::is_narrow),
            _ => false,
        }
    }

    /// Writes the select of the `seq` of the records meant; a `seq` may come twice.
    pub(crate) fn write_set<'a>(&'a self, sql: &mut Sql<'a>, scope: &Scope<'_>) {
        match self {
            Self::All | Self::Nothing | Self::Not(_) => unreachable!("only selective filters are written as a select"),
            Self::Ids(ids) => {
                scope.write_records(sql);
                write_ids(sql, scope.connection, ids);
            }
            Self::Terms(field, test) => {
                sql.push("SELECT seq FROM terms WHERE tenant = ").bind(scope.tenant);
                sql.push(" AND kind = ").bind(scope.kind).push(" AND field = ").bind(*field);
                test.write(sql, scope.connection);
            }
            Self::Related(relation, side) => {
                let (wanted, given, id) = match side {
                    OwnedSide::Left(id) => ("right_id", "left_id", id),
                    OwnedSide::Right(id) => ("left_id", "right_id", id),
                };
                scope.write_records(sql);
                sql.push(" AND id IN (SELECT ").push(wanted).push(" FROM relations WHERE tenant = ").bind(scope.tenant);
                sql.push(" AND relation = ").bind(*relation).push(" AND ").push(given).push(" = ").bind(indexed(id));
                sql.push(")");
            }
            Self::And(parts) => {
                let driver = parts.iter().position(Self::is_narrow);
                let driver = driver.or_else(|| parts.iter().position(Self::is_selective));
                let driver = driver.expect("an AND is selective by one of its parts");
                sql.push("SELECT seq FROM (");
                parts[driver].write_set(sql, scope);
                sql.push(") AS driver");
                for (index, part) in parts.iter().enumerate().filter(|(index, _)| *index != driver) {
                    let is_first = index == usize::from(driver == 0);
                    sql.push(if is_first { " WHERE " } else { " AND " });
                    part.write_condition(sql, scope, "seq");
                }
            }
            Self::Or(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    sql.push(if index == 0 { "" } else { " UNION " });
                    part.write_set(sql, scope);
                }
            }
        }
    }

    /// Writes a condition on a column that holds a `seq` of the kind.
    pub(crate) fn write_condition<'a>(&'a self, sql: &mut Sql<'a>, scope: &Scope<'_>, column: &str) {
        match self {
            Self::All => {
                sql.push("1 = 1");
            }
            Self::Nothing => {
                sql.push("1 = 0");
            }
            Self::Not(part) => {
                sql.push("NOT (");
                part.write_condition(sql, scope, column);
                sql.push(")");
            }
            Self::And(parts) if !self.is_selective() => write_joined(sql, scope, column, parts, " AND "),
            Self::Or(parts) if !self.is_selective() => write_joined(sql, scope, column, parts, " OR "),
            _ => {
                sql.push(column).push(" IN (");
                self.write_set(sql, scope);
                sql.push(")");
            }
        }
    }
}

fn write_joined<'a>(sql: &mut Sql<'a>, scope: &Scope<'_>, column: &str, parts: &'a [Node<'a>], word: &str) {
    for (index, part) in parts.iter().enumerate() {
        sql.push(if index == 0 { "(" } else { word });
        part.write_condition(sql, scope, column);
    }
    sql.push(")");
}

/// ` AND id IN (…)` for any number of identifiers.
fn write_ids(sql: &mut Sql<'_>, connection: &Connection, ids: &[String]) {
    let list = sql.parameter(texts_in_json(ids));
    sql.push(" AND id IN (").push(&connection.each_text(&list)).push(")");
}

/// A JSON array of texts as the index holds them.
pub(crate) fn texts_in_json(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| indexed(text)).collect();
    serde_json::to_string(&texts).expect("texts serialise")
}

fn is_open<T>(bound: &Bound<T>) -> bool {
    matches!(bound, Bound::Unbounded)
}

/// `a*` is a prefix, `*` any text, `abc` the text itself.
fn glob_test(glob: &str) -> Test<'_> {
    match glob.find('*') {
        None => Test::Equals(Columns::of(&Term::from(glob))),
        Some(first) if glob[first..].bytes().all(|byte| byte == b'*') => Test::Prefix(&glob[..first]),
        Some(_) => Test::Glob(glob),
    }
}

/// The texts, if the filters are nothing but equality of one field with texts.
fn texts_of_one_field(parts: &[Filter]) -> Option<(&str, Vec<String>)> {
    let Filter::Equals(field, Term::Text(_)) = parts.first()? else { return None };
    let texts = parts.iter().map(|part| match part {
        Filter::Equals(other, Term::Text(text)) if other == field => Some(indexed(text).into_owned()),
        _ => None,
    });
    Some((field, texts.collect::<Option<_>>()?))
}

impl Test<'_> {
    /// Writes the conditions on the term's columns, each with ` AND ` before it.
    fn write<'a>(&'a self, sql: &mut Sql<'a>, connection: &Connection) {
        let text = |sql: &mut Sql<'a>| {
            sql.push(" AND class = ").bind(Columns::TEXT).push(" AND number = 0");
        };
        match self {
            Self::Any => {}
            Self::Equals(columns) => {
                sql.push(" AND class = ").bind(columns.class).push(" AND number = ").bind(Param::Real(columns.number));
                sql.push(" AND text = ").bind(&columns.text);
            }
            Self::OneOf(texts) => {
                text(sql);
                let list = sql.parameter(serde_json::to_string(texts).expect("texts serialise"));
                sql.push(" AND text IN (").push(&connection.each_text(&list)).push(")");
            }
            Self::Prefix(prefix) => {
                text(sql);
                write_prefix(sql, "text", prefix);
            }
            Self::Glob(glob) => {
                text(sql);
                write_glob(sql, connection, "text", glob);
            }
            Self::Range(from, to) => write_range(sql, from, to),
        }
    }
}

/// Writes that a column begins with a text, as a range that an index serves.
pub(crate) fn write_prefix(sql: &mut Sql<'_>, column: &str, prefix: &str) {
    // Beyond the length that is indexed only the beginning can be compared.
    let prefix = beginning(prefix, 500);
    let prefix = prefix.replace('\0', "\u{FFFD}");
    if prefix.is_empty() {
        return;
    }
    let end = successor(&prefix);
    sql.push(" AND ").push(column).push(" >= ").bind(prefix);
    if let Some(end) = end {
        sql.push(" AND ").push(column).push(" < ").bind(end);
    }
}

/// Writes that a column fits a pattern; its literal beginning narrows the search.
pub(crate) fn write_glob(sql: &mut Sql<'_>, connection: &Connection, column: &str, glob: &str) {
    let glob = glob.replace('\0', "\u{FFFD}");
    write_prefix(sql, column, glob.split('*').next().expect("split gives at least one part"));
    sql.push(" AND ").push(column).push(" ").push(connection.fits()).push(" ").bind(connection.pattern(&glob));
}

/// The least text that is greater than all texts with this prefix; none if there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

fn write_range<'a>(sql: &mut Sql<'a>, from: &'a Bound<Columns>, to: &'a Bound<Columns>) {
    let class = |bound: &Bound<Columns>| match bound {
        Bound::Included(columns) | Bound::Excluded(columns) => Some(columns.class),
        Bound::Unbounded => None,
    };
    let class_of_from = class(from);
    let class = class_of_from.or(class(to)).unwrap_or(Columns::TEXT);
    sql.push(" AND class = ").bind(class);
    for (bound, words) in [(from, [" >= ", " > "]), (to, [" <= ", " < "])] {
        let (columns, word) = match bound {
            Bound::Included(columns) => (columns, words[0]),
            Bound::Excluded(columns) => (columns, words[1]),
            Bound::Unbounded => continue,
        };
        if columns.class == Columns::TEXT {
            sql.push(" AND number = 0 AND text").push(word).bind(&columns.text);
        } else {
            sql.push(" AND number").push(word).bind(Param::Real(columns.number));
        }
        if columns.class != class {
            sql.push(" AND 1 = 0");
        }
    }
}

/// Whose records a filter is about.
pub(crate) struct Scope<'s> {
    pub(crate) connection: &'s Connection,
    pub(crate) tenant: i64,
    pub(crate) kind: i64,
}

impl Scope<'_> {
    fn write_records(&self, sql: &mut Sql<'_>) {
        sql.push("SELECT seq FROM records WHERE tenant = ").bind(self.tenant).push(" AND kind = ").bind(self.kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix_is_the_next_text_without_it() {
        assert_eq!(successor("ab").as_deref(), Some("ac"));
        assert_eq!(successor("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(successor("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(successor("\u{10FFFF}"), None);
    }
}
