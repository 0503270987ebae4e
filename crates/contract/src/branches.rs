//! `anyOf` and `oneOf`: which of several schemas a value is meant for.

use serde_json::{Map, Value};

use crate::{
    schema::{Schema, Schemas, Types},
    validation::{Violation, check as check_branch, shown},
};

/// Judges a value by several schemas, of which one has to fit. `oneOf` is not taken to mean "only one": in the contract
/// the branches of nullable unions overlap, and the service accepts such values.
///
/// When none fits, the branch that the value is meant for is judged alone, so that the message names the property.
pub(crate) fn check(
    schemas: &Schemas,
    schema: &Schema,
    branches: &[Schema],
    keyword: &str,
    value: &Value,
) -> Result<(), Violation> {
    let mut failed = Vec::with_capacity(branches.len());
    for branch in branches {
        match check_branch(schemas, branch, value) {
            Ok(()) => return Ok(()),
            Err(violation) => failed.push(Branch::new(schemas, branch, violation)),
        }
    }
    Err(meant(failed, value)
        .unwrap_or_else(|| Violation::new(schema, format!("Data does not match any schemas from '{keyword}'"))))
}

struct Branch<'a> {
    parts: Vec<&'a Schema>,
    violation: Violation,
}

impl<'a> Branch<'a> {
    fn new(schemas: &'a Schemas, branch: &'a Schema, violation: Violation) -> Branch<'a> {
        Branch { parts: schemas.parts(branch), violation }
    }

    fn types(&self) -> Types {
        self.parts.iter().map(|part| part.types).find(|types| !types.is_any()).unwrap_or_default()
    }

    /// The values that tell this branch from others: of each property with constants, what it may be.
    fn tags(&self) -> impl Iterator<Item = (&'a str, &'a [Value])> {
        self.parts
            .iter()
            .flat_map(|part| &part.properties)
            .filter_map(|(name, schema)| Some((name.as_str(), schema.allowed.as_deref()?)))
    }

    fn contradicts(&self, object: &Map<String, Value>) -> bool {
        self.tags().any(|(name, allowed)| object.get(name).is_some_and(|value| !allowed.contains(value)))
    }

    fn knows_all_of(&self, object: &Map<String, Value>) -> bool {
        object.keys().all(|name| self.parts.iter().any(|part| part.properties.contains_key(name)))
    }
}

/// What is wrong with the branch that the value is meant for, if that can be told.
fn meant(mut branches: Vec<Branch<'_>>, value: &Value) -> Option<Violation> {
    branches.retain(|branch| !branch.types().is_only_null());
    if branches.len() > 1 {
        branches.retain(|branch| branch.types().admit(value));
    }
    if let Value::Object(object) = value
        && branches.len() > 1
    {
        if branches.iter().all(|branch| branch.contradicts(object)) {
            return contradiction(&branches, object);
        }
        if let Some(name) = missing_tag(&branches, object) {
            return Some(Violation::new(branches[0].parts[0], format!("Missing required property: {name}")));
        }
        branches.retain(|branch| !branch.contradicts(object));
        if branches.len() > 1 {
            branches.retain(|branch| branch.knows_all_of(object));
        }
    }
    let only = branches.pop()?;
    branches.is_empty().then_some(only.violation)
}

/// The property by which the branches differ has a value that none of them has.
fn contradiction(branches: &[Branch<'_>], object: &Map<String, Value>) -> Option<Violation> {
    let (name, _) = branches[0].tags().find(|(name, _)| {
        object.get(*name).is_some_and(|value| {
            branches
                .iter()
                .all(|branch| branch.tags().any(|(other, allowed)| other == *name && !allowed.contains(value)))
        })
    })?;
    let schema = branches[0].parts.iter().find_map(|part| part.properties.get(name))?;
    Some(Violation::new(schema, format!("No enum match for: {}", shown(&object[name]))).in_property(name))
}

/// A property by which all branches differ, required by all, that the value lacks.
fn missing_tag<'a>(branches: &[Branch<'a>], object: &Map<String, Value>) -> Option<&'a str> {
    let (name, _) = branches[0].tags().find(|(name, _)| {
        !object.contains_key(*name)
            && branches.iter().all(|branch| {
                branch.tags().any(|(other, _)| other == *name)
                    && branch.parts.iter().any(|part| part.required.iter().any(|required| required == name))
            })
    })?;
    Some(name)
}
