//! By what a record is found: unique keys and search terms, and how they are kept.

use std::{borrow::Cow, cmp::Ordering};

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::Timestamp;
use serde::{Deserialize, Serialize};

/// The name of a field in an index: fixed (`email`) or the path of a metadata value.
pub type Field = Cow<'static, str>;

/// By what a record is found, besides its identifier. It is a function of the record alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    /// Name and value of each unique key: within a kind no two records share one.
    pub keys: Vec<(&'static str, String)>,
    /// Fields and values for searching and sorting; a field may have several values.
    pub terms: Vec<(Field, Term)>,
}

impl Index {
    /// An index that finds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The index with a further unique key.
    pub fn key(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.keys.push((name, value.into()));
        self
    }

    /// The index with a further term.
    pub fn term(mut self, field: impl Into<Field>, term: impl Into<Term>) -> Self {
        self.terms.push((field.into(), term.into()));
        self
    }
}

/// A searchable value. Whether letter case matters is decided by who makes the term, not here.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A text, compared and ordered by its bytes.
    Text(String),
    /// A number; times are seconds since 1970 with their fraction.
    Number(f64),
    /// A truth value.
    Bool(bool),
}

impl From<&str> for Term {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Term {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Term {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<Timestamp> for Term {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of our age fit 53 bits until the year 2255")]
    fn from(value: Timestamp) -> Self {
        Self::Number(value.micros() as f64 / 1e6)
    }
}

/// Texts longer than this are indexed by their beginning and a digest: the databases limit the size of index entries.
const LONGEST: usize = 600;

/// The form in which a text stands in an index. U+0000, which PostgreSQL cannot store, becomes U+FFFD.
pub(crate) fn indexed(text: &str) -> Cow<'_, str> {
    let short = if text.len() > LONGEST {
        let sum = digest::digest(&digest::SHA256, text.as_bytes());
        Cow::Owned(format!("{}\u{1}{}", beginning(text, LONGEST), URL_SAFE_NO_PAD.encode(sum)))
    } else {
        Cow::Borrowed(text)
    };
    if short.contains('\0') { Cow::Owned(short.replace('\0', "\u{FFFD}")) } else { short }
}

/// At most so many bytes of a text, in whole characters.
pub(crate) fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.expect("every text has a boundary at 0")]
}

/// A term as its columns hold it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Columns {
    pub(crate) class: i64,
    pub(crate) number: f64,
    pub(crate) text: String,
}

impl Columns {
    pub(crate) const BOOL: i64 = 0;
    pub(crate) const NUMBER: i64 = 1;
    pub(crate) const TEXT: i64 = 2;

    /// The columns of a term. There is one zero, and what is no number is ordered before all numbers.
    pub(crate) fn of(term: &Term) -> Self {
        let (class, number, text) = match term {
            Term::Bool(value) => (Self::BOOL, f64::from(u8::from(*value)), String::new()),
            Term::Number(value) if value.is_nan() => (Self::NUMBER, f64::MIN, String::new()),
            Term::Number(value) => (Self::NUMBER, value.clamp(f64::MIN, f64::MAX) + 0.0, String::new()),
            Term::Text(value) => (Self::TEXT, 0.0, indexed(value).into_owned()),
        };
        Self { class, number, text }
    }

    /// The order in which the databases sort terms.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let by_number = || self.number.total_cmp(&other.number);
        self.class.cmp(&other.class).then_with(by_number).then_with(|| self.text.cmp(&other.text))
    }
}

/// A row of the terms of one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TermRow(pub(crate) i64, pub(crate) Packed, pub(crate) i64);

/// A term in the `search` column: short, and exact for numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Packed {
    Text(String),
    Bool(bool),
    /// The bits of the number.
    Number(u64),
}

impl Packed {
    /// Class, number and text, as [`Columns`] has them.
    pub(crate) fn parts(&self) -> (i64, f64, &str) {
        match self {
            Self::Text(text) => (Columns::TEXT, 0.0, text),
            Self::Bool(value) => (Columns::BOOL, f64::from(u8::from(*value)), ""),
            Self::Number(bits) => (Columns::NUMBER, f64::from_bits(*bits), ""),
        }
    }

    pub(crate) fn columns(&self) -> Columns {
        match self {
            Self::Text(text) => Columns { class: Columns::TEXT, number: 0.0, text: text.clone() },
            Self::Bool(value) => Columns::of(&Term::Bool(*value)),
            Self::Number(bits) => Columns::of(&Term::Number(f64::from_bits(*bits))),
        }
    }
}

impl From<Columns> for Packed {
    fn from(columns: Columns) -> Self {
        match columns.class {
            Columns::TEXT => Self::Text(columns.text),
            Columns::BOOL => Self::Bool(columns.number > 0.5),
            _ => Self::Number(columns.number.to_bits()),
        }
    }
}

/// What a record has in the tables of keys and terms, as its `search` column repeats it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Search {
    #[serde(default, rename = "k", skip_serializing_if = "Vec::is_empty")]
    pub(crate) keys: Vec<(i64, String)>,
    #[serde(default, rename = "t", skip_serializing_if = "Vec::is_empty")]
    pub(crate) terms: Vec<TermRow>,
}

impl Search {
    /// Sorts, removes what is there twice, and marks the least and greatest value of each field.
    pub(crate) fn of(keys: Vec<(i64, String)>, terms: Vec<(i64, Columns)>) -> Self {
        let mut keys = keys;
        keys.sort_unstable();
        keys.dedup();
        let mut terms = terms;
        terms.sort_unstable_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.order(&other.1)));
        terms.dedup();
        let fields: Vec<i64> = terms.iter().map(|(field, _)| *field).collect();
        let place = |index: usize| {
            let is_first = index == 0 || fields[index - 1] != fields[index];
            let is_last = fields.get(index + 1) != Some(&fields[index]);
            i64::from(is_first) + 2 * i64::from(is_last)
        };
        let rows = terms.into_iter().enumerate();
        let terms = rows.map(|(index, (field, columns))| TermRow(field, columns.into(), place(index))).collect();
        Self { keys, terms }
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_column_gives_back_what_was_put_in() {
        let term = |field, term: Term| (field, Columns::of(&term));
        let search = Search::of(
            vec![(1, "x".into())],
            vec![
                term(7, 0.1.into()),
                term(7, "b".into()),
                term(7, "a".into()),
                term(8, true.into()),
                term(7, "a".into()),
            ],
        );
        let places: Vec<i64> = search.terms.iter().map(|row| row.2).collect();
        assert_eq!(places, [1, 0, 2, 3]);
        assert_eq!(serde_json::from_str::<Search>(&search.to_text()).unwrap(), search);
    }

    #[test]
    fn a_long_text_is_shortened_without_losing_its_identity() {
        let long = "ä".repeat(1000);
        assert!(indexed(&long).len() < 700);
        assert_ne!(indexed(&long), indexed(&format!("{long}x")));
    }
}
