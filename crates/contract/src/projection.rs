//! Projection: an answer without the properties that its closed schema does not know, the others in the schema's order.

use indexmap::IndexMap;
use serde_json::Value;

use crate::schema::{Additional, Schema, Schemas};

/// What is kept of a value.
#[derive(Debug)]
pub(crate) enum Projection {
    /// Everything.
    Keep,
    /// What the projection of a named schema keeps.
    Named(usize),
    /// The known members of an object, the projected items of an array.
    Parts(Box<Parts>),
}

#[derive(Debug)]
pub(crate) struct Parts {
    /// In the order in which answers hold them.
    members: IndexMap<String, Projection>,
    others: Option<Projection>,
    items: Projection,
}

/// Schemas merge so deep; what lies deeper is kept as it is. Only recursive unions could get there.
const DEEPEST_MERGE: usize = 16;

impl Projection {
    /// The projection of a schema, which may be a union: whatever one of its branches knows is kept.
    pub(crate) fn of(schemas: &Schemas, schema: &Schema) -> Projection {
        Self::of_all(schemas, &[schema], 0)
    }

    fn of_all(schemas: &Schemas, alternatives: &[&Schema], depth: usize) -> Projection {
        if let [schema] = alternatives
            && let Some(index) = schema.reference
            && depth > 0
        {
            return Projection::Named(index);
        }
        if depth == DEEPEST_MERGE {
            return Projection::Keep;
        }
        let known = alternatives.iter().map(|schema| Known::of(schemas, schema)).reduce(Known::or).unwrap_or_default();
        let others = match known.others {
            Others::Unstated | Others::Kept => Some(Projection::Keep),
            Others::Dropped => None,
            Others::Each(each) => Some(Self::of_all(schemas, &each, depth + 1)),
        };
        let others = if known.takes_objects { others } else { Some(Projection::Keep) };
        let items = if known.items.is_empty() || known.takes_any_items {
            Projection::Keep
        } else {
            Self::of_all(schemas, &known.items, depth + 1)
        };
        let members = known.members.into_iter();
        let members: IndexMap<_, _> =
            members.map(|(name, each)| (name.to_owned(), Self::of_all(schemas, &each, depth + 1))).collect();
        let keeps_all =
            matches!(others, Some(Projection::Keep)) && matches!(items, Projection::Keep) && members.is_empty();
        if keeps_all { Projection::Keep } else { Projection::Parts(Box::new(Parts { members, others, items })) }
    }

    /// Takes away what is not kept. Whatever happened to a record, what is inside of the answer stands in the schema's order.
    pub(crate) fn apply(&self, schemas: &Schemas, value: &mut Value) {
        match self {
            Projection::Keep => {}
            Projection::Named(index) => Self::named(schemas, *index).apply(schemas, value),
            Projection::Parts(parts) => match value {
                Value::Array(items) if !matches!(parts.items, Projection::Keep) => {
                    for item in items {
                        parts.items.apply(schemas, item);
                        parts.items.arrange(schemas, item);
                    }
                }
                Value::Object(object) => {
                    if parts.others.is_none() {
                        object.retain(|name, _| parts.members.contains_key(name));
                    }
                    for (name, member) in object {
                        if let Some(projection) = parts.members.get(name).or(parts.others.as_ref()) {
                            projection.apply(schemas, member);
                            projection.arrange(schemas, member);
                        }
                    }
                }
                _ => {}
            },
        }
    }

    /// Puts the members of an object, but not those of its members, in the schema's order; unknown ones follow as they are.
    pub(crate) fn arrange(&self, schemas: &Schemas, value: &mut Value) {
        match self {
            Projection::Keep => {}
            Projection::Named(index) => Self::named(schemas, *index).arrange(schemas, value),
            Projection::Parts(parts) => {
                let Some(object) = value.as_object_mut() else { return };
                let place = |name: &str| parts.members.get_index_of(name).unwrap_or(usize::MAX);
                if !object.keys().is_sorted_by_key(|name| place(name)) {
                    let mut members: Vec<_> = std::mem::take(object).into_iter().collect();
                    members.sort_by_key(|(name, _)| place(name));
                    object.extend(members);
                }
            }
        }
    }

    fn named(schemas: &Schemas, index: usize) -> &Projection {
        schemas.projection_at(index, |schema| Projection::of(schemas, schema))
    }
}

/// What one or several schemas know about the inside of a value.
#[derive(Default)]
struct Known<'a> {
    takes_objects: bool,
    members: IndexMap<&'a str, Vec<&'a Schema>>,
    others: Others<'a>,
    items: Vec<&'a Schema>,
    takes_any_items: bool,
}

#[derive(Default)]
enum Others<'a> {
    #[default]
    Unstated,
    Kept,
    Dropped,
    Each(Vec<&'a Schema>),
}

impl<'a> Known<'a> {
    fn of(schemas: &'a Schemas, schema: &'a Schema) -> Known<'a> {
        let mut known = Known {
            takes_objects: schema.types.is_any() || schema.types.has("object"),
            members: schema.properties.iter().map(|(name, each)| (name.as_str(), vec![each])).collect(),
            others: match &schema.additional {
                Additional::Unstated => Others::Unstated,
                Additional::Allowed => Others::Kept,
                Additional::Forbidden => Others::Dropped,
                Additional::Each(each) => Others::Each(vec![each]),
            },
            items: schema.items.iter().map(AsRef::as_ref).collect(),
            takes_any_items: schema.types.has("array") && schema.items.is_none(),
        };
        for part in schema.reference.map(|index| schemas.at(index)).into_iter().chain(&schema.all_of) {
            known = known.and(Known::of(schemas, part));
        }
        for branches in [&schema.any_of, &schema.one_of] {
            if let Some(union) = branches.iter().map(|branch| Known::of(schemas, branch)).reduce(Known::or) {
                known = known.and(union);
            }
        }
        known
    }

    /// Both hold. What the outer one (`self`) states about other members counts.
    fn and(mut self, inner: Known<'a>) -> Known<'a> {
        self.takes_objects &= inner.takes_objects;
        self.add(inner.members, inner.items);
        self.takes_any_items |= inner.takes_any_items;
        if matches!(self.others, Others::Unstated) {
            self.others = inner.others;
        }
        self
    }

    /// One of both holds.
    fn or(mut self, other: Known<'a>) -> Known<'a> {
        self.others = match (self.takes_objects, other.takes_objects) {
            (true, true) => match (self.others, other.others) {
                (Others::Dropped, others) | (others, Others::Dropped) => others,
                (Others::Each(mut one), Others::Each(two)) => {
                    one.extend(two);
                    Others::Each(one)
                }
                _ => Others::Kept,
            },
            (true, false) => self.others,
            (false, _) => other.others,
        };
        self.takes_objects |= other.takes_objects;
        self.takes_any_items |= other.takes_any_items;
        self.add(other.members, other.items);
        self
    }

    fn add(&mut self, members: IndexMap<&'a str, Vec<&'a Schema>>, items: Vec<&'a Schema>) {
        for (name, schemas) in members {
            self.members.entry(name).or_default().extend(schemas);
        }
        self.items.extend(items);
    }
}
