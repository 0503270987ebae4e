//! What actions and modules have in common: secrets, dependencies, and the programs that they are to the runtime.

use ::actions::{Dependency, Module, Program, ProgramKind};
use kernel::{Document, Record, Sealed, Timestamp, Value};
use model::ACTION_MODULE_VERSION;
use store::{Snapshot, StoreResult};

/// Under what the values of secrets are sealed.
pub(crate) const SECRETS: &str = "secrets.";

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

/// The program that a draft or version is to the runtime, under an identifier of this content.
pub(super) fn program(reader: &Snapshot, content: &Record, id: String, name: &str) -> StoreResult<Program> {
    Ok(Program {
        tenant: reader.tenant().clone(),
        id,
        name: name.to_owned(),
        kind: ProgramKind::Action,
        code: content.text("code").unwrap_or_default().to_owned(),
        modules: modules(reader, content)?,
        dependencies: dependencies(&content.document),
        secrets: secrets_under(&content.sealed, SECRETS),
        configuration: Document::new(),
    })
}

/// The modules of a draft or version, as they were pinned.
pub(super) fn modules(reader: &Snapshot, content: &Record) -> StoreResult<Vec<Module>> {
    let mut modules = Vec::new();
    for entry in content.document.get("modules").and_then(Value::as_array).into_iter().flatten() {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
        let Some(version) = reader.get(&ACTION_MODULE_VERSION, text("module_version_id"))? else { continue };
        modules.push(Module {
            name: text("module_name").to_owned(),
            code: version.text("code").unwrap_or_default().to_owned(),
            secrets: secrets_under(&version.sealed, SECRETS),
            dependencies: dependencies(&version.document),
        });
    }
    Ok(modules)
}

/// The packages that a draft or version names.
pub(super) fn dependencies(content: &Document) -> Vec<Dependency> {
    let entries = content.get("dependencies").and_then(Value::as_array).into_iter().flatten();
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    entries.map(|entry| dependency(text(entry, "name"), text(entry, "version"))).collect()
}

/// A package.
pub(super) fn dependency(name: impl Into<String>, version: impl Into<String>) -> Dependency {
    Dependency { name: name.into(), version: version.into() }
}

/// The secrets that are sealed under a prefix, revealed for the code that they are for.
pub(super) fn secrets_under(sealed: &Sealed, prefix: &str) -> Document {
    let named = sealed.paths().filter_map(|path| Some((path.strip_prefix(prefix)?, sealed.get(path)?)));
    named.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}
