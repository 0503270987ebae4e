//! What is asked of the store: filters, orders, pages.

use std::ops::Bound;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Field, RelationKind, StoreError, StoreResult, Term};

/// Which records are meant.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Filter {
    /// Every record.
    #[default]
    All,
    /// No record.
    Nothing,
    /// Records with one of these identifiers.
    Ids(Vec<String>),
    /// Records with exactly this value in the field.
    Equals(Field, Term),
    /// Records with a text in the field that begins like this.
    Prefix(Field, String),
    /// Records with a text in the field that fits the pattern, in which `*` stands for any characters. A `*` at the
    /// end alone costs no more than [`Filter::Prefix`]; elsewhere all texts of the field are looked at.
    Glob(Field, String),
    /// Records with a value in the field between the bounds; the value is of the bounds' kind (number, text).
    Range {
        /// The field.
        field: Field,
        /// Lower bound.
        from: Bound<Term>,
        /// Upper bound.
        to: Bound<Term>,
    },
    /// Records with any value in the field.
    Exists(Field),
    /// Records whose identifier stands on the other side of a relation.
    Related {
        /// The relation's name.
        relation: &'static str,
        /// The side that is given; the records are on the other one.
        side: OwnedSide,
    },
    /// Records that all of these mean.
    And(Vec<Filter>),
    /// Records that any of these means.
    Or(Vec<Filter>),
    /// Records that this does not mean.
    Not(Box<Filter>),
}

impl Filter {
    /// Records with exactly this value in the field.
    pub fn equals(field: impl Into<Field>, term: impl Into<Term>) -> Self {
        Self::Equals(field.into(), term.into())
    }

    /// Records with any of these values in the field.
    pub fn any_of<T: Into<Term>>(field: impl Into<Field>, terms: impl IntoIterator<Item = T>) -> Self {
        let field = field.into();
        Self::Or(terms.into_iter().map(|term| Self::Equals(field.clone(), term.into())).collect())
    }

    /// Records related to the one given.
    pub fn related(relation: &RelationKind, side: Side<'_>) -> Self {
        Self::Related { relation: relation.name, side: side.into() }
    }

    /// Whether relations decide what it means, and not the records alone.
    pub fn has_relations(&self) -> bool {
        match self {
            Self::Related { .. } => true,
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::has_relations),
            Self::Not(part) => part.has_relations(),
            _ => false,
        }
    }

    /// Records that this does not mean.
    pub fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Records that both mean.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => one,
            (Self::And(mut all), one) => {
                all.push(one);
                Self::And(all)
            }
            (one, other) => Self::And(vec![one, other]),
        }
    }
}

/// The given side of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side<'a> {
    /// Everything with this left identifier.
    Left(&'a str),
    /// Everything with this right identifier.
    Right(&'a str),
}

/// A [`Side`] that owns its identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedSide {
    /// Everything with this left identifier.
    Left(String),
    /// Everything with this right identifier.
    Right(String),
}

impl From<Side<'_>> for OwnedSide {
    fn from(side: Side<'_>) -> Self {
        match side {
            Side::Left(id) => Self::Left(id.to_owned()),
            Side::Right(id) => Self::Right(id.to_owned()),
        }
    }
}

/// A question for a list of records.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which records.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// Which of them.
    pub paging: Paging,
    /// Whether [`Page::total`] is wanted.
    pub with_total: bool,
}

impl Query {
    /// All records that a filter means, in order of creation.
    pub fn of(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// The same in another order.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// One page of the same.
    pub fn page(mut self, paging: Paging) -> Self {
        self.paging = paging;
        self
    }

    /// The same with the total.
    pub fn with_total(mut self) -> Self {
        self.with_total = true;
        self
    }
}

/// The order of a list of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were inserted.
    #[default]
    Created,
    /// The latest inserted first.
    CreatedDescending,
    /// By identifier.
    Id,
    /// By identifier, the greatest first.
    IdDescending,
    /// By a field, then by creation. Of several values the least counts, descending the greatest. Records without the
    /// field come last.
    Field {
        /// The field.
        field: Field,
        /// Whether the greatest comes first.
        descending: bool,
    },
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Paging {
    /// Everything.
    #[default]
    All,
    /// A page by its position.
    Offset {
        /// How many come before.
        offset: u64,
        /// How many at most.
        limit: u64,
    },
    /// What follows a cursor: no row is seen twice or missed, whatever is written between the pages.
    After {
        /// [`Page::next`] of the page before; none for the first page.
        cursor: Option<String>,
        /// How many at most.
        limit: u64,
    },
}

impl Paging {
    /// How many rows to pass over, and how many to read: one more than wanted where a next page must be known of.
    pub(crate) fn window(&self) -> (u64, u64) {
        match *self {
            Self::All => (0, u64::MAX),
            Self::Offset { offset, limit } => (offset, limit),
            Self::After { limit, .. } => (0, limit.saturating_add(1)),
        }
    }

    /// Reads the cursor, if there is one.
    pub(crate) fn position<T: DeserializeOwned>(&self) -> StoreResult<Option<T>> {
        match self {
            Self::After { cursor: Some(cursor), .. } => from_cursor(cursor).map(Some),
            _ => Ok(None),
        }
    }

    /// Cuts off the row that only shows that there is a next page, and gives the cursor of the last row left.
    pub(crate) fn cut<T>(&self, items: &mut Vec<T>, cursor: impl Fn(&T) -> String) -> Option<String> {
        let Self::After { limit, .. } = self else { return None };
        let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        items.last().filter(|_| has_more).map(cursor)
    }
}

/// Writes a cursor: a position in a list, in a form that invites nobody to read it.
pub(crate) fn to_cursor(position: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).expect("positions serialise"))
}

/// Reads a cursor.
pub(crate) fn from_cursor<T: DeserializeOwned>(cursor: &str) -> StoreResult<T> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::BadCursor)?;
    serde_json::from_slice(&bytes).map_err(|_| StoreError::BadCursor)
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// How many there are on all pages, where it was asked for.
    pub total: Option<u64>,
    /// The cursor for what follows; none when nothing follows or the page was asked for by position.
    pub next: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn empty(with_total: bool) -> Self {
        Self { items: Vec::new(), total: with_total.then_some(0), next: None }
    }
}

/// Where a list of records was left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Position {
    #[serde(rename = "c")]
    Created(i64),
    #[serde(rename = "i")]
    Id(String),
    /// Class, bits of the number, text, seq.
    #[serde(rename = "f")]
    Field(i64, u64, String, i64),
    /// Past all that have the field.
    #[serde(rename = "w")]
    Without(i64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_elsewhere_is_refused() {
        let cursor = to_cursor(&Position::Created(7));
        assert_eq!(from_cursor::<Position>(&cursor), Ok(Position::Created(7)));
        for wrong in ["", "x", "eyJ6IjoxfQ", "\u{0}"] {
            assert_eq!(from_cursor::<Position>(wrong), Err(StoreError::BadCursor), "{wrong}");
        }
    }
}
