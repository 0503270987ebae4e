//! `anyOf` and `oneOf`: which of several schemas a value is meant for.

use serde_json::{Map, Value};

use crate::{
    schema::{Schema, Schemas, Types},
    validation::{Violation, check as check_branch, shown},
};

/// Judges a value by several schemas, of which one has to fit. `oneOf` is not taken to mean "only one": in the contract
/// the branches of nullable unions overlap, and the service accepts such values.
///
/// When none of `oneOf` fits, the branch that the value is meant for is judged alone, so that the message names the property;
/// for `anyOf` the service tells what is wrong by each branch that is of the value's type.
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
            Err(violation) => failed.push(Branch::new(schemas, branch, value, violation)),
        }
    }
    let unmet = || Violation::new(schema, format!("Data does not match any schemas from '{keyword}'"));
    of_its_type(&mut failed, value);
    if keyword == "anyOf" && failed.len() > 1 {
        return Err(Violation::of_branches(schema, failed.into_iter().map(|branch| branch.violation)));
    }
    Err(meant(failed, value).unwrap_or_else(unmet))
}

struct Branch<'a> {
    /// Whether a constant in it, at whatever depth, is another one in the value.
    is_contradicted: bool,
    parts: Vec<&'a Schema>,
    /// The values that tell this branch from others: of each property with constants, what it may be.
    tags: Vec<(&'a str, &'a [Value])>,
    violation: Violation,
}

impl<'a> Branch<'a> {
    fn new(schemas: &'a Schemas, branch: &'a Schema, value: &Value, violation: Violation) -> Branch<'a> {
        let parts = schemas.parts(branch);
        let tags = parts
            .iter()
            .flat_map(|part| &part.properties)
            .filter_map(|(name, schema)| Some((name.as_str(), constants(schemas, schema)?)))
            .collect();
        let is_contradicted = value.as_object().is_some_and(|object| contradicts(schemas, &parts, object));
        Branch { is_contradicted, parts, tags, violation }
    }

    fn types(&self) -> Types {
        self.parts.iter().map(|part| part.types).find(|types| !types.is_any()).unwrap_or_default()
    }

    fn knows_all_of(&self, object: &Map<String, Value>) -> bool {
        object.keys().all(|name| self.parts.iter().any(|part| part.properties.contains_key(name)))
    }
}

/// What a schema allows, if that is a list of constants.
fn constants<'a>(schemas: &'a Schemas, schema: &'a Schema) -> Option<&'a [Value]> {
    schemas.parts(schema).into_iter().find_map(|part| part.allowed.as_deref())
}

fn contradicts(schemas: &Schemas, parts: &[&Schema], object: &Map<String, Value>) -> bool {
    parts.iter().flat_map(|part| &part.properties).any(|(name, schema)| {
        match (object.get(name), constants(schemas, schema)) {
            (Some(value), Some(allowed)) => !allowed.contains(value),
            (Some(Value::Object(inner)), None) => contradicts(schemas, &schemas.parts(schema), inner),
            _ => false,
        }
    })
}

/// Leaves the branches that take values of this type; only one stays in any case.
fn of_its_type(branches: &mut Vec<Branch<'_>>, value: &Value) {
    branches.retain(|branch| !branch.types().is_only_null());
    if branches.len() > 1 {
        branches.retain(|branch| branch.types().admit(value));
    }
}

/// What is wrong with the branch that the value is meant for, if that can be told.
fn meant(mut branches: Vec<Branch<'_>>, value: &Value) -> Option<Violation> {
    if let Value::Object(object) = value
        && branches.len() > 1
    {
        if branches.iter().all(|branch| branch.is_contradicted) {
            return contradiction(branches, object);
        }
        if let Some(name) = missing_tag(&branches, object) {
            return Some(Violation::new(branches[0].parts[0], format!("Missing required property: {name}")));
        }
        branches.retain(|branch| !branch.is_contradicted);
        if branches.len() > 1 {
            branches.retain(|branch| branch.knows_all_of(object));
        }
    }
    let only = branches.pop()?;
    branches.is_empty().then_some(only.violation)
}

/// The property by which the branches differ has a value that none of them has.
fn contradiction(mut branches: Vec<Branch<'_>>, object: &Map<String, Value>) -> Option<Violation> {
    let refuses = |branch: &Branch<'_>, name: &str, value: &Value| {
        branch.tags.iter().any(|(other, allowed)| *other == name && !allowed.contains(value))
    };
    let refused_by_all = branches[0].tags.iter().find_map(|(name, _)| {
        let value = object.get(*name)?;
        branches.iter().all(|branch| refuses(branch, name, value)).then_some((*name, value))
    });
    let Some((name, value)) = refused_by_all else {
        // They contradict each in another place; the one that fails deepest is the closest.
        branches.sort_by_key(|branch| branch.violation.depth());
        return branches.pop().map(|branch| branch.violation);
    };
    let schema = branches[0].parts.iter().find_map(|part| part.properties.get(name))?;
    Some(Violation::new(schema, format!("No enum match for: {}", shown(value))).in_property(name))
}

/// A property by which all branches differ, required by all, that the value lacks.
fn missing_tag<'a>(branches: &[Branch<'a>], object: &Map<String, Value>) -> Option<&'a str> {
    let demands = |branch: &Branch<'_>, name: &str| {
        branch.tags.iter().any(|(other, _)| *other == name)
            && branch.parts.iter().any(|part| part.required.iter().any(|required| required == name))
    };
    let names = branches[0].tags.iter().map(|(name, _)| *name);
    names.filter(|name| !object.contains_key(*name)).find(|name| branches.iter().all(|branch| demands(branch, name)))
}
