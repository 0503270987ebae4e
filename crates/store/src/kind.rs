//! What the store must know of records and relations of one sort. The facts themselves stand in `model`.

use std::borrow::Cow;

use kernel::{Record, Timestamp, Value, id::Form, value_at};

use crate::{Index, Term};

/// Where identifiers of a kind come from.
#[derive(Clone, Copy, Debug)]
pub enum Id {
    /// The server makes them.
    Made(Form),
    /// Whoever makes the record brings them; they stand in the kind's id field, where it has one.
    Given,
    /// There is one record of the kind, and its identifier is the kind's name.
    Single,
}

/// The facts of a kind of records. Built in `static`s by the `const` methods below.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Field of the document that holds the identifier; empty where none does.
    pub id_field: &'static str,
    /// Where identifiers come from.
    pub id: Id,
    /// Fields (dotted paths) whose value only one record of the kind may have; each names its key too.
    pub unique: &'static [&'static str],
    /// Dotted paths that are sealed.
    pub sealed: &'static [&'static str],
    /// Dotted paths that are indexed, for filters and sorting.
    pub indexed: &'static [&'static str],
    /// Indexed paths whose text is folded to lower case.
    pub folded: &'static [&'static str],
    /// Indexed paths whose text is a point in time.
    pub dates: &'static [&'static str],
    /// What is indexed beside that, where facts do not say it: a pure function of the record.
    pub further_index: Option<fn(&Record) -> Index>,
    /// For records that live under another: its kind, and the field that holds its identifier, which is indexed.
    pub parent: Option<(&'static Kind, &'static str)>,
}

impl Kind {
    /// A kind with `id` as its id field, made of 24 hexadecimal digits: set the rest.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            id_field: "id",
            id: Id::Made(Form::Hex24),
            unique: &[],
            sealed: &[],
            indexed: &[],
            folded: &[],
            dates: &[],
            further_index: None,
            parent: None,
        }
    }

    /// A kind of which a tenant has one record.
    pub const fn single(name: &'static str) -> Self {
        let mut kind = Self::new(name);
        kind.id_field = "";
        kind.id = Id::Single;
        kind
    }

    /// Sets the id field and the form of made identifiers.
    pub const fn id(mut self, field: &'static str, form: Form) -> Self {
        self.id_field = field;
        self.id = Id::Made(form);
        self
    }

    /// Sets the id field whose value is given; empty where the document does not hold it.
    pub const fn id_given(mut self, field: &'static str) -> Self {
        self.id_field = field;
        self.id = Id::Given;
        self
    }

    /// Sets the unique fields.
    pub const fn unique(mut self, fields: &'static [&'static str]) -> Self {
        self.unique = fields;
        self
    }

    /// Sets the sealed paths.
    pub const fn sealed(mut self, paths: &'static [&'static str]) -> Self {
        self.sealed = paths;
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

    /// Sets the indexed paths whose text is a point in time.
    pub const fn dates(mut self, paths: &'static [&'static str]) -> Self {
        self.dates = paths;
        self
    }

    /// Adds keys and terms that a function makes of the record alone.
    pub const fn indexed_by(mut self, index: fn(&Record) -> Index) -> Self {
        self.further_index = Some(index);
        self
    }

    /// Places the kind under another.
    pub const fn under(mut self, parent: &'static Kind, field: &'static str) -> Self {
        self.parent = Some((parent, field));
        self
    }

    /// Unique keys and search terms of a record.
    pub fn index(&self, record: &Record) -> Index {
        let keys = self.unique.iter().filter_map(|field| {
            let value = value_at(&record.document, field).or_else(|| record.sealed.get(field))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            (!value.is_null()).then_some((*field, text))
        });
        let parent = self.parent.map(|(_, field)| field);
        let paths = self.indexed.iter().copied().chain(parent);
        let terms = paths.flat_map(|path| {
            let values = value_at(&record.document, path).map(terms_of).unwrap_or_default();
            values.into_iter().filter_map(move |term| Some((Cow::Borrowed(path), self.term(path, term)?)))
        });
        let mut index = Index { keys: keys.collect(), terms: terms.collect() };
        if let Some(further) = self.further_index.map(|further| further(record)) {
            index.keys.extend(further.keys);
            index.terms.extend(further.terms);
        }
        index
    }

    fn term(&self, path: &str, term: Term) -> Option<Term> {
        Some(match term {
            Term::Text(text) if self.folded.contains(&path) => Term::Text(text.to_lowercase()),
            Term::Text(text) if self.dates.contains(&path) => text.parse::<Timestamp>().ok()?.into(),
            term => term,
        })
    }

    /// Moves what stands at the sealed paths out of the document.
    pub(crate) fn seal(&self, record: &mut Record) {
        for path in self.sealed {
            record.sealed.seal(path, &mut record.document);
        }
    }
}

/// The facts of a sort of relations between records. Built in `static`s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelationKind {
    /// Its name.
    pub name: &'static str,
}

impl RelationKind {
    /// Relations of this name.
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }
}

/// The search terms of a value: scalars themselves, arrays by their items; objects and nulls have none.
fn terms_of(value: &Value) -> Vec<Term> {
    match value {
        Value::String(text) => vec![Term::Text(text.clone())],
        Value::Bool(flag) => vec![Term::Bool(*flag)],
        Value::Number(number) => number.as_f64().map(Term::Number).into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(terms_of).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}
