//! Veils: what is being deleted in many steps is gone for every reader from the first step on, while its identifier and unique
//! keys stay taken.

use kernel::Record;
use serde::{Deserialize, Serialize};

use crate::{Filter, Kind, Term};

/// A deletion that is under way. Its document names what is deleted; `veils` lists what nobody is shown meanwhile.
pub static DELETION: Kind = Kind::new("deletion").id_given("");

/// What a veil covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covered {
    /// The record with this identifier.
    Id(String),
    /// Records, or rows of a table, with this value in an indexed field.
    Field(String, String),
    /// Those of them that have no other value in the field.
    Only(String, String),
}

/// Something of a kind, or of a table, that is being deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Veil {
    /// Name of the kind or table.
    pub of: String,
    /// What of it.
    pub covered: Covered,
}

impl Covered {
    /// What it means, as a filter.
    pub(crate) fn filter(&self) -> Filter {
        match self {
            Self::Id(id) => Filter::Ids(vec![id.clone()]),
            Self::Field(field, value) => Filter::equals(field.clone(), value.as_str()),
            Self::Only(field, value) => {
                use std::ops::Bound::{Excluded, Unbounded};
                let bound = || Excluded(Term::Text(value.clone()));
                let others = Filter::Or(vec![
                    Filter::Range { field: field.clone().into(), from: Unbounded, to: bound() },
                    Filter::Range { field: field.clone().into(), from: bound(), to: Unbounded },
                ]);
                self.as_field().filter().and(others.negated())
            }
        }
    }

    fn as_field(&self) -> Self {
        match self {
            Self::Only(field, value) => Self::Field(field.clone(), value.clone()),
            other => other.clone(),
        }
    }

    /// Whether it means a record.
    pub(crate) fn covers(&self, kind: &Kind, record: &Record) -> bool {
        let texts = |wanted: &str| -> Vec<String> {
            let terms = kind.index(record).terms.into_iter().filter(|(field, _)| field == wanted);
            let text = |(_, term)| if let Term::Text(text) = term { Some(text) } else { None };
            terms.filter_map(text).collect()
        };
        match self {
            Self::Id(id) => record.id == *id,
            Self::Field(field, value) => texts(field).contains(value),
            Self::Only(field, value) => {
                let texts = texts(field);
                !texts.is_empty() && texts.iter().all(|text| text == value)
            }
        }
    }
}
