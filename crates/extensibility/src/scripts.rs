//! What actions and modules have in common: secrets, dependencies, and the programs that they are to the runtime.

use actions::{Dependency, Module, Program, ProgramKind};
use kernel::{Document, Record, Sealed, Value};
use model::ACTION_MODULE_VERSION;
use store::{Snapshot, StoreResult};

/// Under what the values of secrets are sealed, those of hooks too.
pub const SECRETS: &str = "secrets.";

/// The program that a draft or version is to the runtime, under an identifier of this content.
///
/// # Errors
/// Those of the store.
pub fn program(reader: &Snapshot, content: &Record, id: String, name: &str) -> StoreResult<Program> {
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
///
/// # Errors
/// Those of the store.
pub fn modules(reader: &Snapshot, content: &Record) -> StoreResult<Vec<Module>> {
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
pub fn dependencies(content: &Document) -> Vec<Dependency> {
    let entries = content.get("dependencies").and_then(Value::as_array).into_iter().flatten();
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    entries.map(|entry| dependency(text(entry, "name"), text(entry, "version"))).collect()
}

/// A package.
pub fn dependency(name: impl Into<String>, version: impl Into<String>) -> Dependency {
    Dependency { name: name.into(), version: version.into() }
}

/// The secrets that are sealed under a prefix, revealed for the code that they are for.
pub fn secrets_under(sealed: &Sealed, prefix: &str) -> Document {
    let named = sealed.paths().filter_map(|path| Some((path.strip_prefix(prefix)?, sealed.get(path)?)));
    named.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}
