//! Facts about a kind of record; most resources are nothing else.

use std::borrow::Cow;

use kernel::{Document, Record, Value, id::Form, value_at};
use store::{Filter, Index, Order, Term};

use crate::{ApiError, Call};

/// Where identifiers of a kind come from.
#[derive(Clone, Copy, Debug)]
pub enum Id {
    /// The server makes them.
    Made(Form),
    /// The body or the path brings them in the kind's id field.
    Given,
}

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

/// A field whose value only one record of the kind may have, and what the service says about a second.
#[derive(Clone, Copy, Debug)]
pub struct Unique {
    /// The field (a dotted path); it names the key in the store too.
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

/// The facts of a kind. Built in `static`s by the `const` methods below.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Name in the store.
    pub name: &'static str,
    /// Field of the document that holds the identifier.
    pub id_field: &'static str,
    /// Where identifiers come from.
    pub id: Id,
    /// Unique fields.
    pub unique: &'static [Unique],
    /// Message and code of the 404.
    pub missing: (&'static str, Option<&'static str>),
    /// Whether DELETE of a missing record is answered as if it had been there.
    pub forgiving: bool,
    /// Fields that a PATCH merges one level deep; all others it replaces.
    pub merged: &'static [&'static str],
    /// Fields in which a `null` is kept; elsewhere it removes the field.
    pub nullable: &'static [&'static str],
    /// Dotted paths that are sealed.
    pub sealed: &'static [&'static str],
    /// Sealed paths that every reader is shown.
    pub revealed: &'static [&'static str],
    /// Fields that are stored for us and never shown.
    pub hidden: &'static [&'static str],
    /// How times are shown.
    pub times: Times,
    /// Dotted paths that are indexed, for filters and sorting.
    pub indexed: &'static [&'static str],
    /// Indexed paths whose text is folded to lower case.
    pub folded: &'static [&'static str],
    /// What is indexed beside that, where facts do not say it.
    pub further_index: Option<fn(&Record) -> Index>,
    /// Query parameters that narrow the list.
    pub filters: &'static [(&'static str, ListFilter)],
    /// Order of the list when none is asked.
    pub order: Sorted,
    /// For records that live under another: the field that holds the parent's id (hidden, indexed).
    pub parent: Option<(&'static Kind, &'static str)>,
    /// Whether what is shown depends on the record and the caller's scopes alone, so that answers can be cached.
    pub self_contained: bool,
}

impl Kind {
    /// A kind with `id` as its id field, made of 16 letters and digits after no prefix: set the rest.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            id_field: "id",
            id: Id::Made(Form::Hex24),
            unique: &[],
            missing: ("Not Found", None),
            forgiving: false,
            merged: &[],
            nullable: &[],
            sealed: &[],
            revealed: &[],
            hidden: &[],
            times: Times::Hidden,
            indexed: &[],
            folded: &[],
            further_index: None,
            filters: &[],
            order: Sorted::Created,
            parent: None,
            self_contained: false,
        }
    }

    /// Sets the id field and the form of made identifiers.
    pub const fn id(mut self, field: &'static str, form: Form) -> Self {
        self.id_field = field;
        self.id = Id::Made(form);
        self
    }

    /// Sets the id field whose value the caller gives.
    pub const fn id_given(mut self, field: &'static str) -> Self {
        self.id_field = field;
        self.id = Id::Given;
        self
    }

    /// Sets the unique fields.
    pub const fn unique(mut self, unique: &'static [Unique]) -> Self {
        self.unique = unique;
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

    /// Sets the sealed paths that only [`Resource::present`](crate::Resource::present) may show.
    pub const fn sealed(mut self, paths: &'static [&'static str]) -> Self {
        self.sealed = paths;
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

    /// Sets the indexed paths.
    pub const fn indexed(mut self, paths: &'static [&'static str]) -> Self {
        self.indexed = paths;
        self
    }

    /// Sets the indexed paths whose text is folded to lower case.
    pub const fn folded(mut self, paths: &'static [&'static str]) -> Self {
        self.folded = paths;
        self
    }

    /// Adds keys and terms that a function makes of the record alone.
    pub const fn indexed_by(mut self, index: fn(&Record) -> Index) -> Self {
        self.further_index = Some(index);
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

    /// Places the kind under another: paths look like `/parents/{id}/children/{child_id}`.
    pub const fn under(mut self, parent: &'static Kind, field: &'static str) -> Self {
        self.parent = Some((parent, field));
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

    /// Unique keys and search terms of a record.
    pub fn index(&self, record: &Record) -> Index {
        let keys = self.unique.iter().filter_map(|unique| {
            let value = value_at(&record.document, unique.field).or_else(|| record.sealed.get(unique.field))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (!value.is_null()).then_some((unique.field, text))
        });
        let parent = self.parent.map(|(_, field)| field);
        let paths = self.indexed.iter().copied().chain(parent);
        let terms = paths.flat_map(|path| {
            let is_folded = self.folded.contains(&path);
            let values = value_at(&record.document, path).map(terms_of).unwrap_or_default();
            values.into_iter().map(move |term| match term {
                Term::Text(text) if is_folded => (Cow::Borrowed(path), Term::Text(text.to_lowercase())),
                term => (Cow::Borrowed(path), term),
            })
        });
        let mut index = Index { keys: keys.collect(), terms: terms.collect() };
        if let Some(further) = self.further_index.map(|further| further(record)) {
            index.keys.extend(further.keys);
            index.terms.extend(further.terms);
        }
        index
    }

    /// The filter that a call's query parameters ask for.
    pub fn filter(&self, call: &Call) -> Filter {
        let asked = self.filters.iter().filter(|(parameter, _)| call.has(parameter));
        let mut all: Vec<Filter> = asked.map(|(parameter, filter)| filter.of(call, parameter)).collect();
        if let Some((_, field)) = self.parent {
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
        for field in self.hidden.iter().copied().chain(self.parent.map(|(_, field)| field)) {
            shown.shift_remove(field);
        }
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

/// The search terms of a value: scalars themselves, arrays by their items; objects and nulls have none.
pub fn terms_of(value: &Value) -> Vec<Term> {
    match value {
        Value::String(text) => vec![Term::Text(text.clone())],
        Value::Bool(flag) => vec![Term::Bool(*flag)],
        Value::Number(number) => number.as_f64().map(Term::Number).into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(terms_of).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}
