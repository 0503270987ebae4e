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
                let source = match patches.shift_remove(format!("{method} {path}").as_str()) {
                    None => serde_json::from_str(raw.get())?,
                    Some(patches) => patched_operation(serde_json::from_str(raw.get())?, &patches)?,
                };
                operations.push((method, (*path).to_owned(), source));
            }
        }
        for (name, patches) in patches {
            let (method, path) = name.split_once(' ').unwrap_or(("", name));
            operations.push((method.to_owned(), path.to_owned(), patched_operation(Value::Null, &patches)?));
        }
        Ok(operations)
    }

    /// The schemas that the overlay changes or adds, complete.
    pub(crate) fn schemas(&self, published: &Published) -> serde_json::Result<HashMap<String, Value>> {
        let mut changed: HashMap<String, Value> = HashMap::new();
        for (place, patch) in self.corrections().flat_map(|correction| &correction.schemas) {
            let (name, inside) = place.split_at(place.find('/').unwrap_or(place.len()));
            if !changed.contains_key(name) {
                let original = published.schemas.get(name).map(|raw| serde_json::from_str(raw.get())).transpose()?;
                changed.insert(name.to_owned(), original.unwrap_or(Value::Null));
            }
            let schema = changed.get_mut(name).and_then(|schema| schema.pointer_mut(inside));
            let schema = schema.ok_or_else(|| serde::de::Error::custom(format!("overlay: no schema at {place}")))?;
            merge_patch(schema, patch);
        }
        Ok(changed)
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

fn patched_operation(mut operation: Value, patches: &[&Value]) -> serde_json::Result<OperationSource> {
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
}
