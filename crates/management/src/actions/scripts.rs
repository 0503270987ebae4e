//! What drafts of actions and modules have in common.

use extensibility::scripts::SECRETS;
use kernel::{Document, Record, Timestamp, Value};

/// Moves the values of secrets out of the document. One that is sent without a value keeps the stored one; the others
/// are gone with the list that named them.
pub(super) fn seal_secrets(old: Option<&Record>, new: &mut Record, now: Timestamp) {
    let Some(secrets) = new.document.get_mut("secrets").and_then(Value::as_array_mut) else { return };
    let stored = old.and_then(|old| old.document.get("secrets")).and_then(Value::as_array);
    if stored == Some(secrets) {
        if let Some(old) = old {
            new.sealed = old.sealed.clone();
        }
        return;
    }
    // Those that are there already keep their places; new ones follow.
    let place = |secret: &Value| stored?.iter().position(|other| other.get("name") == secret.get("name"));
    secrets.sort_by_key(|secret| place(secret).unwrap_or(usize::MAX));
    let mut sealed = kernel::Sealed::new();
    for secret in secrets.iter_mut().filter_map(Value::as_object_mut) {
        let path = format!("{SECRETS}{}", secret.get("name").and_then(Value::as_str).unwrap_or_default());
        let kept = old.and_then(|old| old.sealed.get(&path)).cloned();
        let given = secret.shift_remove("value").filter(|value| !value.is_null());
        let is_kept = given.is_none() && kept.is_some();
        sealed.set(path, given.or(kept).unwrap_or_else(|| "".into()));
        if !is_kept || !secret.contains_key("updated_at") {
            secret.insert("updated_at".into(), now.with_nanos().into());
        }
    }
    new.sealed = sealed;
}

/// Drops where dependencies came from: that is known until the build has fetched them.
pub(super) fn drop_registries(shown: &mut Document) {
    let dependencies = shown.get_mut("dependencies").and_then(Value::as_array_mut).into_iter().flatten();
    for dependency in dependencies.filter_map(Value::as_object_mut) {
        dependency.shift_remove("registry_url");
    }
}
