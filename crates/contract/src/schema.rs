//! Schemas: the part of JSON Schema that the contract uses, parsed when first needed.

use std::{borrow::Cow, collections::HashMap, sync::OnceLock};

use indexmap::IndexMap;
use serde_json::{Value, value::RawValue};

use crate::{
    formats::{self, Format},
    overlay::{Overlay, Published, SchemaPatch},
    pattern::Pattern,
    projection::Projection,
};

/// The named schemas of a contract.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    named: Vec<Named>,
    by_name: HashMap<Cow<'static, str>, usize>,
}

#[derive(Debug)]
struct Named {
    /// As published; nothing where the overlay adds the schema.
    source: Option<&'static RawValue>,
    patches: Vec<SchemaPatch>,
    schema: OnceLock<Box<Schema>>,
    projection: OnceLock<Box<Projection>>,
}

/// One schema node. Only what is stated restricts; `default` is an example in this contract and is not read.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    /// `$ref`: the index of a named schema, which must hold as well.
    pub(crate) reference: Option<usize>,
    pub(crate) types: Types,
    pub(crate) description: Option<String>,
    /// `enum`, or `const` as a list of one.
    pub(crate) allowed: Option<Vec<Value>>,
    pub(crate) length: Bounds,
    pub(crate) pattern: Option<Pattern>,
    pub(crate) format: Option<Format>,
    pub(crate) minimum: Option<f64>,
    pub(crate) maximum: Option<f64>,
    pub(crate) items: Option<Box<Schema>>,
    pub(crate) item_count: Bounds,
    pub(crate) unique_items: bool,
    pub(crate) contains: Option<Box<Schema>>,
    pub(crate) properties: IndexMap<String, Schema>,
    pub(crate) additional: Additional,
    pub(crate) required: Vec<String>,
    pub(crate) property_count: Bounds,
    pub(crate) all_of: Vec<Schema>,
    pub(crate) any_of: Vec<Schema>,
    pub(crate) one_of: Vec<Schema>,
}

/// An inclusive range of a length or count.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) least: Option<u64>,
    pub(crate) most: Option<u64>,
}

/// `additionalProperties`.
#[derive(Debug, Default)]
pub(crate) enum Additional {
    /// Not stated: allowed, unless a schema beside it in an `allOf` forbids them.
    #[default]
    Unstated,
    Allowed,
    Forbidden,
    Each(Box<Schema>),
}

/// A set of JSON types; empty means any.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(u8);

const TYPE_NAMES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];

impl Types {
    fn parse(value: &Value) -> Types {
        let one = |name: &Value| TYPE_NAMES.iter().position(|known| name == known).map_or(0, |bit| 1 << bit);
        match value {
            Value::Array(names) => Types(names.iter().map(one).fold(0, |all, bit| all | bit)),
            name => Types(one(name)),
        }
    }

    pub(crate) fn is_any(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, name: &str) -> bool {
        TYPE_NAMES.iter().position(|known| *known == name).is_some_and(|bit| self.0 & (1 << bit) != 0)
    }

    /// Whether a value of this type may stand here; every integer is a number too.
    pub(crate) fn admit(self, value: &Value) -> bool {
        let name = type_name(value);
        self.is_any() || self.has(name) || (name == "integer" && self.has("number"))
    }

    /// Whether nothing but `null` may stand here.
    pub(crate) fn is_only_null(self) -> bool {
        self.to_string() == "null"
    }
}

impl std::fmt::Display for Types {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = TYPE_NAMES.into_iter().filter(|name| self.has(name)).collect();
        f.write_str(&names.join(","))
    }
}

/// The type of a value as JSON Schema sees it: a number without a fraction is an integer.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|float| float.fract() != 0.0) => {
            "number"
        }
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Named {
    /// The schema with its corrections, as a document.
    fn written(&self) -> Value {
        let published = self.source.map(|raw| serde_json::from_str(raw.get()).expect("a raw value is valid JSON"));
        let mut schema = published.unwrap_or_default();
        for patch in &self.patches {
            patch.apply(&mut schema);
        }
        schema
    }
}

impl Schemas {
    /// The published schemas with the overlay's changes.
    pub(crate) fn new(published: &Published, overlay: &Overlay) -> Schemas {
        let mut patches = overlay.schema_patches();
        let mut schemas = Schemas::default();
        schemas.named.reserve(published.schemas.len());
        schemas.by_name.reserve(published.schemas.len());
        for (&name, &raw) in &published.schemas {
            let patches = if patches.is_empty() { Vec::new() } else { patches.remove(name).unwrap_or_default() };
            schemas.add(Cow::Borrowed(name), Some(raw), patches);
        }
        for (name, patches) in patches {
            schemas.add(Cow::Owned(name), None, patches);
        }
        schemas
    }

    fn add(&mut self, name: Cow<'static, str>, source: Option<&'static RawValue>, patches: Vec<SchemaPatch>) {
        self.by_name.insert(name, self.named.len());
        self.named.push(Named { source, patches, schema: OnceLock::new(), projection: OnceLock::new() });
    }

    /// The named schema of an index, parsed on the first call.
    pub(crate) fn at(&self, index: usize) -> &Schema {
        let named = &self.named[index];
        named.schema.get_or_init(|| Box::new(self.parse(&named.written())))
    }

    /// The schema of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Schema> {
        self.by_name.get(name).map(|&index| self.at(index))
    }

    #[cfg(test)]
    pub(crate) fn parse_all(&self) {
        for index in 0..self.named.len() {
            let _ = self.at(index);
        }
    }

    /// The projection of a named schema, made on the first call by `make`.
    pub(crate) fn projection_at(&self, index: usize, make: impl FnOnce(&Schema) -> Projection) -> &Projection {
        self.named[index].projection.get_or_init(|| Box::new(make(self.at(index))))
    }

    /// Parses a schema that stands in an operation.
    pub(crate) fn parse_raw(&self, raw: &RawValue) -> Schema {
        self.parse(&serde_json::from_str(raw.get()).expect("a raw value is valid JSON"))
    }

    /// Parses a schema node. Whatever is not understood does not restrict; a test looks for such keywords.
    pub(crate) fn parse(&self, value: &Value) -> Schema {
        let mut schema = Schema::default();
        let Some(object) = value.as_object() else { return schema };
        let list = |value: &Value| value.as_array().into_iter().flatten().map(|each| self.parse(each)).collect();
        for (keyword, value) in object {
            match keyword.as_str() {
                "$ref" => schema.reference = value.as_str().and_then(|reference| self.resolve(reference)),
                "type" => schema.types = Types::parse(value),
                "description" => schema.description = value.as_str().map(str::to_owned),
                "const" => schema.allowed = Some(vec![value.clone()]),
                "enum" => schema.allowed = value.as_array().cloned(),
                "minLength" => schema.length.least = value.as_u64(),
                "maxLength" => schema.length.most = value.as_u64(),
                "pattern" => schema.pattern = value.as_str().map(Pattern::new),
                "format" => schema.format = value.as_str().and_then(formats::named),
                "minimum" => schema.minimum = value.as_f64(),
                "maximum" => schema.maximum = value.as_f64(),
                "items" => schema.items = Some(Box::new(self.parse(value))),
                "minItems" => schema.item_count.least = value.as_u64(),
                "maxItems" => schema.item_count.most = value.as_u64(),
                "uniqueItems" => schema.unique_items = value == &Value::Bool(true),
                "contains" => schema.contains = Some(Box::new(self.parse(value))),
                "properties" => {
                    let members = value.as_object().into_iter().flatten();
                    schema.properties = members.map(|(name, each)| (name.clone(), self.parse(each))).collect();
                }
                "additionalProperties" => {
                    schema.additional = match value {
                        Value::Bool(true) => Additional::Allowed,
                        Value::Bool(false) => Additional::Forbidden,
                        each => Additional::Each(Box::new(self.parse(each))),
                    };
                }
                "required" => {
                    let names = value.as_array().into_iter().flatten();
                    schema.required = names.filter_map(Value::as_str).map(str::to_owned).collect();
                }
                "minProperties" => schema.property_count.least = value.as_u64(),
                "maxProperties" => schema.property_count.most = value.as_u64(),
                "allOf" => schema.all_of = list(value),
                "anyOf" => schema.any_of = list(value),
                "oneOf" => schema.one_of = list(value),
                _ => {}
            }
        }
        schema
    }

    fn resolve(&self, reference: &str) -> Option<usize> {
        self.by_name.get(reference.strip_prefix("#/components/schemas/")?).copied()
    }

    /// The schema itself and all that must hold with it: what it refers to and what its `allOf` lists.
    pub(crate) fn parts<'a>(&'a self, schema: &'a Schema) -> Vec<&'a Schema> {
        let mut parts = vec![schema];
        let mut next = 0;
        while next < parts.len() {
            let part = parts[next];
            parts.extend(part.reference.map(|index| self.at(index)));
            parts.extend(&part.all_of);
            next += 1;
        }
        parts
    }
}
