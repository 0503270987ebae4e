//! What the API must know of a kind of record; most resources are nothing else.

use std::ops::Deref;

use kernel::Document;
use store::{Filter, Order, Term};

use crate::{ApiError, Call};

/// How a kind shows when it was made and changed, as `created_at` and `updated_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Not at all.
    Hidden,
    /// With milliseconds, as almost everywhere.
    Millis,
    /// With microseconds.
    Micros,
    /// With nanoseconds, trailing zeros trimmed.
    Nanos,
}

/// What the service says about a second record with the same value of a unique field.
#[derive(Clone, Copy, Debug)]
pub struct Unique {
    /// The field, or another unique key in the store.
    pub field: &'static str,
    /// Message of the 409.
    pub message: &'static str,
    /// `errorCode` of the 409.
    pub code: Option<&'static str>,
}

/// How a query parameter narrows a list.
#[derive(Clone, Copy, Debug)]
pub enum ListFilter {
    /// Equal to an indexed field of this name, whatever the parameter's type; a list parameter matches any of its values.
    Equals(&'static str),
    /// Equal to an indexed text field by any of the values between commas.
    AnyOf(&'static str),
    /// Contained in an indexed text field, which is indexed in lower case.
    Contains(&'static str),
}

/// The order of a list when the caller asks for none.
#[derive(Clone, Copy, Debug)]
pub enum Sorted {
    /// As made.
    Created,
    /// The latest first.
    CreatedDescending,
    /// By identifier.
    Id,
    /// By identifier, the greatest first.
    IdDescending,
    /// By an indexed field.
    By(&'static str),
}

impl From<Sorted> for Order {
    fn from(sorted: Sorted) -> Self {
        match sorted {
            Sorted::Created => Self::Created,
            Sorted::CreatedDescending => Self::CreatedDescending,
            Sorted::Id => Self::Id,
            Sorted::IdDescending => Self::IdDescending,
            Sorted::By(field) => Self::Field { field: field.into(), descending: false },
        }
    }
}

/// The facts of a kind that the API shows: those that the store has too, and its own. Built in `static`s by the `const`
/// methods below.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What the store knows.
    pub stored: &'static store::Kind,
    /// What is said when a unique field is taken.
    pub taken: &'static [Unique],
    /// Message and code of the 404.
    pub missing: (&'static str, Option<&'static str>),
    /// Whether DELETE of a missing record is answered as if it had been there.
    pub forgiving: bool,
    /// Fields that a PATCH merges one level deep; all others it replaces.
    pub merged: &'static [&'static str],
    /// Fields in which a `null` is kept; elsewhere it removes the field.
    pub nullable: &'static [&'static str],
    /// Sealed paths that every reader is shown.
    pub revealed: &'static [&'static str],
    /// Fields that are stored for us and never shown.
    pub hidden: &'static [&'static str],
    /// How times are shown.
    pub times: Times,
    /// Query parameters that narrow the list.
    pub filters: &'static [(&'static str, ListFilter)],
    /// Order of the list when none is asked.
    pub order: Sorted,
    /// For records that live under another: its kind.
    pub owner: Option<&'static Kind>,
    /// Whether what is shown depends on the record and the caller's scopes alone, so that answers can be cached.
    pub self_contained: bool,
}

impl Kind {
    /// A kind of the store, of which nothing is special: set the rest.
    pub const fn of(stored: &'static store::Kind) -> Self {
        Self {
            stored,
            taken: &[],
            missing: ("Not Found", None),
            forgiving: false,
            merged: &[],
            nullable: &[],
            revealed: &[],
            hidden: &[],
            times: Times::Hidden,
            filters: &[],
            order: Sorted::Created,
            owner: None,
            self_contained: false,
        }
    }

    /// Sets what is said when unique fields are taken.
    pub const fn unique(mut self, taken: &'static [Unique]) -> Self {
        self.taken = taken;
        self
    }

    /// Sets what the 404 says.
    pub const fn missing(mut self, message: &'static str, code: Option<&'static str>) -> Self {
        self.missing = (message, code);
        self
    }

    /// Makes DELETE of a missing record succeed.
    pub const fn forgiving(mut self) -> Self {
        self.forgiving = true;
        self
    }

    /// Sets the fields that a PATCH merges.
    pub const fn merged(mut self, fields: &'static [&'static str]) -> Self {
        self.merged = fields;
        self
    }

    /// Sets the fields that keep a `null`.
    pub const fn nullable(mut self, fields: &'static [&'static str]) -> Self {
        self.nullable = fields;
        self
    }

    /// Sets the sealed paths that are shown to every reader. They must be among the sealed ones.
    pub const fn revealed(mut self, paths: &'static [&'static str]) -> Self {
        self.revealed = paths;
        self
    }

    /// Sets the fields that are never shown.
    pub const fn hidden(mut self, fields: &'static [&'static str]) -> Self {
        self.hidden = fields;
        self
    }

    /// Shows `created_at` and `updated_at`.
    pub const fn times(mut self, times: Times) -> Self {
        self.times = times;
        self
    }

    /// Sets the query parameters that narrow the list.
    pub const fn filters(mut self, filters: &'static [(&'static str, ListFilter)]) -> Self {
        self.filters = filters;
        self
    }

    /// Sets the order of the list.
    pub const fn order(mut self, order: Sorted) -> Self {
        self.order = order;
        self
    }

    /// Names the kind under which this one lives: paths look like `/parents/{id}/children/{child_id}`.
    pub const fn under(mut self, owner: &'static Kind) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Says that answers depend on the record and the scopes alone.
    pub const fn self_contained(mut self) -> Self {
        self.self_contained = true;
        self
    }

    /// The 404 of this kind.
    pub fn not_found(&self) -> ApiError {
        let error = ApiError::not_found(self.missing.0);
        match self.missing.1 {
            Some(code) => error.code(code),
            None => error,
        }
    }

    /// For records that live under another: its kind, and the field that holds its identifier, which is never shown.
    pub fn parent(&self) -> Option<(&'static Kind, &'static str)> {
        Some((self.owner?, self.stored.parent?.1))
    }

    /// The filter that a call's query parameters ask for.
    pub fn filter(&self, call: &Call) -> Filter {
        let asked = self.filters.iter().filter(|(parameter, _)| call.has(parameter));
        let mut all: Vec<Filter> = asked.map(|(parameter, filter)| filter.of(call, parameter)).collect();
        if let Some((_, field)) = self.parent() {
            all.push(Filter::Equals(field.into(), Term::Text(call.path(parent_parameter(call)).to_owned())));
        }
        match all.len() {
            0 => Filter::All,
            1 => all.remove(0),
            _ => Filter::And(all),
        }
    }

    /// Drops what is stored only for us.
    pub(crate) fn hide(&self, shown: &mut Document) {
        for field in self.hidden.iter().copied().chain(self.stored.parent.map(|(_, field)| field)) {
            shown.shift_remove(field);
        }
    }
}

impl Deref for Kind {
    type Target = store::Kind;

    fn deref(&self) -> &store::Kind {
        self.stored
    }
}

impl ListFilter {
    fn of(self, call: &Call, parameter: &str) -> Filter {
        match self {
            Self::Contains(field) => {
                let text = call.text(parameter).unwrap_or_default().to_lowercase();
                Filter::Glob(field.into(), format!("*{text}*"))
            }
            Self::AnyOf(field) => {
                let values = call.text(parameter).unwrap_or_default().split(',').map(str::trim);
                Filter::any_of(field, values)
            }
            Self::Equals(field) => {
                if let Some(flag) = call.flag(parameter) {
                    return Filter::Equals(field.into(), Term::Bool(flag));
                }
                let values = call.list(parameter);
                let equals = |value: &str| Filter::Equals(field.into(), Term::Text(value.to_owned()));
                match values.as_slice() {
                    [] => equals(call.text(parameter).unwrap_or_default()),
                    [value] => equals(value),
                    values => Filter::Or(values.iter().map(|value| equals(value)).collect()),
                }
            }
        }
    }
}

/// The first parameter of a nested path: the parent's id.
pub(crate) fn parent_parameter(call: &Call) -> &'static str {
    path_parameters(&call.operation.path).next().expect("a nested path begins with its parent")
}

/// The last parameter of an item's path: the record's own id.
pub(crate) fn own_parameter(call: &Call) -> &'static str {
    path_parameters(&call.operation.path).last().expect("an item's path ends with its id")
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}
