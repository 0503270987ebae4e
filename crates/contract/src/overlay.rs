//! The published file and the overlay as they are written, and how the one corrects the other.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

/// The published file; what is inside operations and schemas is read later.
#[derive(Deserialize)]
pub(crate) struct Published {
    #[serde(borrow)]
    paths: IndexMap<&'static str, IndexMap<&'static str, &'static RawValue>>,
    #[serde(borrow)]
    pub(crate) schemas: HashMap<&'static str, &'static RawValue>,
}

/// Our corrections: for each tag of the contract a list, so that edits of different resources do not meet.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Overlay {
    tags: BTreeMap<String, Vec<Correction>>,
}

/// Merge patches (RFC 7396) for operations and schemas, with the reason for them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Correction {
    /// What is wrong with the published contract.
    reason: String,
    /// Where that is known from.
    source: String,
    /// `PATCH /roles/{id}` → what changes in that operation; an unknown name adds an operation.
    #[serde(default)]
    operations: IndexMap<String, Value>,
    /// `Role`, or a place within it (`Role/properties/name`, `Role/oneOf/1`) → what changes there; an unknown name adds a schema.
    #[serde(default)]
    schemas: IndexMap<String, Value>,
    /// A path that operations begin with, and one of its parameters → what changes in the parameter's schema.
    #[serde(default)]
    path_parameters: IndexMap<String, IndexMap<String, Value>>,
    /// In which order answers hold the members of schemas, where that is not the published one.
    #[serde(default)]
    orders: Vec<MemberOrder>,
}

/// The order of what some schemas have in common; further members follow as published.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberOrder {
    schemas: Vec<String>,
    members: Vec<String>,
}

/// One operation as the file describes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationSource {
    pub(crate) operation_id: String,
    pub(crate) tag: String,
    pub(crate) sdk: String,
    pub(crate) scopes: Vec<Vec<String>>,
    #[serde(default)]
    pub(crate) other_scopes: Vec<String>,
    #[serde(default)]
    pub(crate) parameters: Vec<ParameterSource>,
    pub(crate) request_body: Option<RequestSource>,
    pub(crate) responses: IndexMap<String, IndexMap<String, MediaSource>>,
    /// Overlay only: the status that the real service answers.
    pub(crate) success: Option<u16>,
    /// Overlay only: the description in tenant log entries.
    pub(crate) title: Option<String>,
    /// Overlay only: what the parameters and schemas do not say about a list.
    #[serde(default)]
    pub(crate) paging: PagingSource,
}

#[derive(Deserialize)]
pub(crate) struct ParameterSource {
    pub(crate) name: String,
    #[serde(rename = "in")]
    pub(crate) location: Location,
    #[serde(default)]
    pub(crate) required: bool,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) schema: Box<RawValue>,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Location {
    Path,
    Query,
}

#[derive(Deserialize)]
pub(crate) struct RequestSource {
    pub(crate) content: IndexMap<String, MediaSource>,
}

#[derive(Deserialize)]
pub(crate) struct MediaSource {
    pub(crate) schema: Option<Box<RawValue>>,
}

/// The part of [`crate::Paging`] that the overlay can set.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PagingSource {
    pub(crate) offset: Option<bool>,
    pub(crate) totals: Option<bool>,
    pub(crate) checkpoint: Option<bool>,
    pub(crate) always_object: Option<bool>,
    pub(crate) omits_zeros: Option<bool>,
    pub(crate) empty_page_totals_zero: Option<bool>,
    pub(crate) envelope: Option<String>,
    pub(crate) default_size: Option<u64>,
    pub(crate) max_size: Option<u64>,
    pub(crate) envelope_order: Option<Vec<String>>,
    pub(crate) checkpoint_order: Option<Vec<String>>,
}

impl Overlay {
    /// Every operation with its corrections, as (method, path, description).
    pub(crate) fn operations(
        &self,
        published: &Published,
    ) -> serde_json::Result<Vec<(String, String, OperationSource)>> {
        let mut patches: IndexMap<&str, Vec<&Value>> = IndexMap::new();
        for (name, patch) in self.corrections().flat_map(|correction| &correction.operations) {
            patches.entry(name).or_default().push(patch);
        }
        let mut operations = Vec::new();
        for (path, methods) in &published.paths {
            for (method, raw) in methods {
                let method = method.to_uppercase();
                let mut source = match patches.shift_remove(format!("{method} {path}").as_str()) {
                    None => serde_json::from_str(raw.get())?,
                    Some(patches) => patched_operation(raw.get(), &patches)?,
                };
                self.patch_path_parameters(path, &mut source)?;
                operations.push((method, (*path).to_owned(), source));
            }
        }
        for (name, patches) in patches {
            let (method, path) = name.split_once(' ').unwrap_or(("", name));
            operations.push((method.to_owned(), path.to_owned(), patched_operation("null", &patches)?));
        }
        Ok(operations)
    }

    fn patch_path_parameters(&self, path: &str, operation: &mut OperationSource) -> serde_json::Result<()> {
        let begins =
            |beginning: &str| path.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let meant = self.corrections().flat_map(|correction| &correction.path_parameters);
        for (name, patch) in meant.filter(|(beginning, _)| begins(beginning)).flat_map(|(_, patches)| patches) {
            let is_meant =
                |parameter: &&mut ParameterSource| parameter.location == Location::Path && parameter.name == *name;
            for parameter in operation.parameters.iter_mut().filter(is_meant) {
                let mut schema = serde_json::from_str(parameter.schema.get())?;
                merge_patch(&mut schema, patch);
                parameter.schema = serde_json::value::to_raw_value(&schema)?;
            }
        }
        Ok(())
    }

    /// What the overlay changes in each schema, by its name.
    pub(crate) fn schema_patches(&self) -> HashMap<String, Vec<SchemaPatch>> {
        let mut patches: HashMap<String, Vec<SchemaPatch>> = HashMap::new();
        for (place, patch) in self.corrections().flat_map(|correction| &correction.schemas) {
            let (name, inside) = place.split_at(place.find('/').unwrap_or(place.len()));
            let patch = SchemaPatch::Merge { place: inside.to_owned(), patch: patch.clone() };
            patches.entry(name.to_owned()).or_default().push(patch);
        }
        for MemberOrder { schemas, members } in self.corrections().flat_map(|correction| &correction.orders) {
            for name in schemas {
                patches.entry(name.clone()).or_default().push(SchemaPatch::Order(members.clone()));
            }
        }
        patches
    }

    fn corrections(&self) -> impl Iterator<Item = &Correction> {
        self.tags.values().flatten().inspect(|correction| debug_assert!(correction.is_founded()))
    }
}

impl Correction {
    fn is_founded(&self) -> bool {
        !self.reason.is_empty() && !self.source.is_empty()
    }
}

/// A change of a schema.
#[derive(Debug)]
pub(crate) enum SchemaPatch {
    /// A merge patch at a place within: a JSON pointer, empty for the whole schema.
    Merge { place: String, patch: Value },
    /// Puts these members first, in this order.
    Order(Vec<String>),
}

impl SchemaPatch {
    /// Changes the schema.
    ///
    /// # Panics
    /// When the schema has no such place, which the test that parses every schema would notice.
    pub(crate) fn apply(&self, schema: &mut Value) {
        match self {
            Self::Merge { place, patch } => {
                let place = schema.pointer_mut(place).unwrap_or_else(|| panic!("overlay: no place {place}"));
                merge_patch(place, patch);
            }
            Self::Order(members) => {
                let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
                let properties = properties.unwrap_or_else(|| panic!("overlay: nothing to order by {members:?}"));
                let first: Vec<_> = members.iter().filter_map(|name| properties.shift_remove_entry(name)).collect();
                let others = std::mem::take(properties);
                properties.extend(first.into_iter().chain(others));
            }
        }
    }
}

/// What most corrections of operations say; they need not be merged into the whole description.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Details {
    scopes: Option<Vec<Vec<String>>>,
    other_scopes: Option<Vec<String>>,
    success: Option<u16>,
    title: Option<String>,
    paging: Option<PagingSource>,
}

impl Details {
    fn apply(self, operation: &mut OperationSource) {
        operation.success = self.success.or(operation.success);
        operation.title = self.title.or(operation.title.take());
        operation.scopes = self.scopes.unwrap_or_else(|| std::mem::take(&mut operation.scopes));
        operation.other_scopes = self.other_scopes.unwrap_or_else(|| std::mem::take(&mut operation.other_scopes));
        operation.paging = self.paging.unwrap_or_else(|| std::mem::take(&mut operation.paging));
    }
}

fn patched_operation(published: &str, patches: &[&Value]) -> serde_json::Result<OperationSource> {
    if let [patch] = patches
        && patch.as_object().is_some_and(|patch| !patch.values().any(Value::is_null))
        && let Ok(details) = Details::deserialize(*patch)
    {
        let mut operation = serde_json::from_str(published)?;
        details.apply(&mut operation);
        return Ok(operation);
    }
    let mut operation: Value = serde_json::from_str(published)?;
    for patch in patches {
        merge_patch(&mut operation, patch);
    }
    // Raw values can only be taken from text.
    serde_json::from_str(&operation.to_string())
}

/// RFC 7396: objects are merged, `null` removes, everything else replaces.
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let target = target.as_object_mut().expect("made an object above");
    for (key, value) in patch {
        if value.is_null() {
            target.shift_remove(key);
        } else {
            merge_patch(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_patch_merges_removes_and_replaces() {
        let mut target = json!({"a": {"b": 1, "c": [1, 2]}, "d": 1});
        merge_patch(&mut target, &json!({"a": {"b": null, "c": [3], "e": {"f": null, "g": 1}}}));
        assert_eq!(target, json!({"a": {"c": [3], "e": {"g": 1}}, "d": 1}));
    }

    #[test]
    fn members_are_put_in_order() {
        let mut schema = json!({"properties": {"a": {}, "b": {}, "c": {}, "d": {}}});
        SchemaPatch::Order(vec!["c".into(), "x".into(), "a".into()]).apply(&mut schema);
        assert_eq!(schema.to_string(), r#"{"properties":{"c":{},"a":{},"b":{},"d":{}}}"#);
    }
}
