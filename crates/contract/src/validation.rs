//! Validation: the first way in which a value breaks its schema, in the words of the service's own validator.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::{
    branches,
    parameters::refusal_text,
    schema::{Additional, Bounds, Schema, Schemas, type_name},
};

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) text: String,
    /// From the failing value outwards.
    steps: Vec<Step>,
    /// The description of the failing schema.
    pub(crate) description: Option<String>,
    /// Where no schema of several fits: what is wrong by each.
    inner: Vec<Violation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Property(String),
    Item(usize),
}

impl Violation {
    pub(crate) fn new(schema: &Schema, text: String) -> Violation {
        Violation { text, steps: Vec::new(), description: schema.description.clone(), inner: Vec::new() }
    }

    /// That no schema of several fits, and what is wrong by each.
    pub(crate) fn of_branches(schema: &Schema, branches: impl IntoIterator<Item = Violation>) -> Violation {
        let mut violation = Violation::new(schema, "None of the valid schemas were met".to_owned());
        for branch in branches {
            if !violation.inner.contains(&branch) {
                violation.inner.push(branch);
            }
        }
        violation
    }

    /// The whole message: `<what> validation error: '<text>' on property <place> (<description>).`, and the inner ones.
    pub(crate) fn message(&self, what: &str, place: &str, description: Option<&str>) -> String {
        let message = refusal_text(what, &self.text, place, description);
        if self.inner.is_empty() {
            return message;
        }
        let inner = self.inner.iter().map(|inner| inner.message(what, &inner.path(), inner.description.as_deref()));
        format!("{message} Inner errors: [ {} ].", inner.collect::<Vec<_>>().join(" (also) "))
    }

    /// Where the failing value stands, like `groups[0].email`; empty at the root.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.iter().rev() {
            match step {
                Step::Property(name) if path.is_empty() => path.push_str(name),
                Step::Property(name) => path.extend([".", name]),
                Step::Item(index) => write!(path, "[{index}]").expect("writing to a string cannot fail"),
            }
        }
        path
    }

    /// How deep in the value the failure lies.
    pub(crate) fn depth(&self) -> usize {
        self.steps.len()
    }

    pub(crate) fn in_property(mut self, name: &str) -> Violation {
        self.add_step(&Step::Property(name.to_owned()));
        self
    }

    fn in_item(mut self, index: usize) -> Violation {
        self.add_step(&Step::Item(index));
        self
    }

    fn add_step(&mut self, step: &Step) {
        self.steps.push(step.clone());
        for inner in &mut self.inner {
            inner.add_step(step);
        }
    }
}

/// A way in which a value breaks a schema, in parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Breach {
    /// What the service's validator calls it.
    pub code: &'static str,
    /// What is wrong.
    pub text: String,
    /// Where, like `groups[0].email`; empty for the whole value.
    pub path: String,
}

/// What the validator calls its texts, by how they begin.
const CODES: &[(&str, &str)] = &[
    ("Expected type", "INVALID_TYPE"),
    ("No enum match", "ENUM_MISMATCH"),
    ("String is too short", "MIN_LENGTH"),
    ("String is too long", "MAX_LENGTH"),
    ("String does not match", "PATTERN"),
    ("Object didn't pass", "INVALID_FORMAT"),
    ("Array is too short", "ARRAY_LENGTH_SHORT"),
    ("Array is too long", "ARRAY_LENGTH_LONG"),
    ("Array items are not", "ARRAY_UNIQUE"),
    ("Missing required property", "OBJECT_REQUIRED"),
    ("Additional properties", "OBJECT_ADDITIONAL_PROPERTIES"),
    ("Too few properties", "OBJECT_PROPERTIES_MINIMUM"),
    ("Too many properties", "OBJECT_PROPERTIES_MAXIMUM"),
    ("None of the valid", "ANY_OF_MISSING"),
    ("Data does not match", "ONE_OF_MISSING"),
];

impl From<Violation> for Breach {
    fn from(violation: Violation) -> Self {
        let text = &violation.text;
        let known = CODES.iter().find(|(beginning, _)| text.starts_with(beginning));
        // The others are numbers that are out of bounds.
        let code = known.map(|(_, code)| *code);
        let code = code.unwrap_or(if text.contains(" is less than ") { "MINIMUM" } else { "MAXIMUM" });
        Self { code, path: violation.path(), text: violation.text }
    }
}

/// Judges a value. The type comes first, then what an object lacks or has too much, then its members in the schema's order.
pub(crate) fn check(schemas: &Schemas, schema: &Schema, value: &Value) -> Result<(), Violation> {
    if schema.all_of.is_empty() && (schema.reference.is_none() || schema.properties.is_empty()) {
        return check_node(schemas, schema, value, Extras::Judged);
    }
    // Schemas that hold together know the union of their properties; each alone would refuse the others'.
    let parts = schemas.parts(schema);
    for part in &parts {
        check_own(schemas, part, value, Extras::Ignored)?;
    }
    if let Value::Object(object) = value {
        check_extras(schemas, schema, &parts, object)?;
    }
    Ok(())
}

/// Whether properties that a schema does not list are judged with it, or by whoever put schemas together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extras {
    Judged,
    Ignored,
}

fn check_node(schemas: &Schemas, schema: &Schema, value: &Value, extras: Extras) -> Result<(), Violation> {
    if let Some(index) = schema.reference {
        check(schemas, schemas.at(index), value).map_err(|mut violation| {
            if violation.depth() == 0 && schema.description.is_some() {
                violation.description.clone_from(&schema.description);
            }
            violation
        })?;
    }
    check_own(schemas, schema, value, extras)
}

/// Judges by what the schema says itself, without its `$ref` and `allOf`.
fn check_own(schemas: &Schemas, schema: &Schema, value: &Value, extras: Extras) -> Result<(), Violation> {
    let fail = |text| Err(Violation::new(schema, text));
    if !schema.types.admit(value) {
        return fail(format!("Expected type {} but found type {}", schema.types, type_name(value)));
    }
    if let Some(allowed) = &schema.allowed
        && !allowed.contains(value)
    {
        return fail(format!("No enum match for: {}", shown(value)));
    }
    match value {
        Value::String(text) => check_text(schema, text)?,
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            if let Some(minimum) = schema.minimum.filter(|&minimum| float < minimum) {
                return fail(format!("Value {number} is less than minimum {minimum}"));
            }
            if let Some(maximum) = schema.maximum.filter(|&maximum| float > maximum) {
                return fail(format!("Value {number} is greater than maximum {maximum}"));
            }
        }
        Value::Array(items) => check_items(schemas, schema, items)?,
        Value::Object(object) => check_object(schemas, schema, object, extras)?,
        Value::Null | Value::Bool(_) => {}
    }
    if !schema.any_of.is_empty() {
        branches::check(schemas, schema, &schema.any_of, "anyOf", value)?;
    }
    if !schema.one_of.is_empty() {
        branches::check(schemas, schema, &schema.one_of, "oneOf", value)?;
    }
    Ok(())
}

fn check_text(schema: &Schema, text: &str) -> Result<(), Violation> {
    let fail = |text| Err(Violation::new(schema, text));
    if !schema.length.are_open() {
        let count = text.chars().count() as u64;
        if let Some(least) = schema.length.least.filter(|&least| count < least) {
            return fail(format!("String is too short ({count} chars), minimum {least}"));
        }
        if let Some(most) = schema.length.most.filter(|&most| count > most) {
            return fail(format!("String is too long ({count} chars), maximum {most}"));
        }
    }
    if let Some(pattern) = schema.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
        return fail(format!("String does not match pattern {}", pattern.source));
    }
    if let Some(format) = schema.format.filter(|format| !format.accepts(text)) {
        return fail(format!("Object didn't pass validation for format {}: {text}", format.name));
    }
    Ok(())
}

fn check_items(schemas: &Schemas, schema: &Schema, items: &[Value]) -> Result<(), Violation> {
    let fail = |text| Err(Violation::new(schema, text));
    let count = items.len() as u64;
    if let Some(least) = schema.item_count.least.filter(|&least| count < least) {
        return fail(format!("Array is too short ({count}), minimum {least}"));
    }
    if let Some(most) = schema.item_count.most.filter(|&most| count > most) {
        return fail(format!("Array is too long ({count}), maximum {most}"));
    }
    if let Some(item) = &schema.items {
        for (index, value) in items.iter().enumerate() {
            check(schemas, item, value).map_err(|violation| violation.in_item(index))?;
        }
    }
    if schema.unique_items {
        for (index, value) in items.iter().enumerate() {
            if let Some(first) = items[..index].iter().position(|earlier| earlier == value) {
                return fail(format!("Array items are not unique (indexes {first} and {index})"));
            }
        }
    }
    if let Some(wanted) = &schema.contains
        && !items.iter().any(|value| check(schemas, wanted, value).is_ok())
    {
        let wanted = wanted.allowed.iter().flatten().map(shown).collect::<Vec<_>>().join(",");
        return fail(format!("Array does not contain the required item: {wanted}"));
    }
    Ok(())
}

fn check_object(
    schemas: &Schemas,
    schema: &Schema,
    object: &Map<String, Value>,
    extras: Extras,
) -> Result<(), Violation> {
    let fail = |text| Err(Violation::new(schema, text));
    if let Some(name) = schema.required.iter().find(|name| !object.contains_key(*name)) {
        return fail(format!("Missing required property: {name}"));
    }
    if extras == Extras::Judged && matches!(schema.additional, Additional::Forbidden) {
        forbid_extras(schema, object, |name| schema.properties.contains_key(name))?;
    }
    let Bounds { least, most } = schema.property_count;
    let count = object.len() as u64;
    if let Some(least) = least.filter(|&least| count < least) {
        return fail(format!("Too few properties defined ({count}), minimum {least}"));
    }
    if let Some(most) = most.filter(|&most| count > most) {
        return fail(format!("Too many properties defined ({count}), maximum {most}"));
    }
    for (name, member) in &schema.properties {
        if let Some(value) = object.get(name) {
            check(schemas, member, value).map_err(|violation| violation.in_property(name))?;
        }
    }
    if let (Extras::Judged, Additional::Each(each)) = (extras, &schema.additional) {
        for (name, value) in object.iter().filter(|(name, _)| !schema.properties.contains_key(*name)) {
            check(schemas, each, value).map_err(|violation| violation.in_property(name))?;
        }
    }
    Ok(())
}

/// Judges the properties that none of the schemas that hold together lists. What the outermost states counts.
fn check_extras(
    schemas: &Schemas,
    schema: &Schema,
    parts: &[&Schema],
    object: &Map<String, Value>,
) -> Result<(), Violation> {
    let is_known = |name: &str| parts.iter().any(|part| part.properties.contains_key(name));
    let deciding = parts.iter().find(|part| !matches!(part.additional, Additional::Unstated | Additional::Allowed));
    let deciding = if matches!(schema.additional, Additional::Unstated) { deciding.copied() } else { Some(schema) };
    match deciding.map(|deciding| &deciding.additional) {
        Some(Additional::Forbidden) => forbid_extras(schema, object, is_known),
        Some(Additional::Each(each)) => object
            .iter()
            .filter(|(name, _)| !is_known(name))
            .try_for_each(|(name, value)| check(schemas, each, value).map_err(|violation| violation.in_property(name))),
        _ => Ok(()),
    }
}

fn forbid_extras(
    schema: &Schema,
    object: &Map<String, Value>,
    is_known: impl Fn(&str) -> bool,
) -> Result<(), Violation> {
    let extras: Vec<_> = object.keys().map(String::as_str).filter(|name| !is_known(name)).collect();
    if extras.is_empty() {
        return Ok(());
    }
    Err(Violation::new(schema, format!("Additional properties not allowed: {}", extras.join(","))))
}

/// A value as messages show it: strings without quotes.
pub(crate) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Bounds {
    fn are_open(self) -> bool {
        self.least.is_none() && self.most.is_none()
    }
}
