//! Hooks: scripts of the older kind at one point each, and their secrets.

use extensibility::scripts::SECRETS;
use kernel::{Document, Record, Value};
use rest::{Answer, ApiError, ApiResult, Area, Call, Change, Kind, ListFilter, Resource, Sorted, Unique};
use serde_json::json;
use store::{Filter, Query, Snapshot, Tx};

use crate::Services;

/// What is served of `hooks`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("hooks")
        .collection("/hooks", Hooks)
        .read("GET /hooks/{id}/secrets", secrets)
        .write("POST /hooks/{id}/secrets", add_secrets)
        .write("PATCH /hooks/{id}/secrets", change_secrets)
        .write("DELETE /hooks/{id}/secrets", remove_secrets)
}

/// Hooks. A secret is sealed under [`SECRETS`] and its name.
pub(crate) static HOOK: Kind = Kind::of(&model::HOOK)
    .unique(&[Unique { field: "name", message: "Hook with the same name already exists.", code: None }])
    .missing("Error: Hook does not exist", Some("HookDoesNotExist"))
    .filters(&[("enabled", ListFilter::Equals("enabled")), ("triggerId", ListFilter::Equals("triggerId"))])
    .order(Sorted::Id);

/// What is shown in place of a secret.
const NOT_SHOWN: &str = "_VALUE_NOT_SHOWN_";

struct Hooks;

impl Resource for Hooks {
    fn kind(&self) -> &'static Kind {
        &HOOK
    }

    fn prepare(&self, _: &mut Tx, _: &Call, _: Option<&Record>, new: &mut Record) -> ApiResult {
        let name = slug(new.text("name").unwrap_or_default());
        new.document.insert("name".into(), name.into());
        new.document.entry("dependencies").or_insert_with(|| json!({}));
        new.document.entry("enabled").or_insert_with(|| false.into());
        Ok(())
    }

    /// One hook of a point is enabled: the latest.
    fn follow(&self, tx: &mut Tx, _: &Call, change: &Change<'_>) -> ApiResult {
        let (Change::Create { new } | Change::Update { new, .. }) = change else { return Ok(()) };
        if !new.is("enabled") {
            return Ok(());
        }
        let point = Filter::equals("triggerId", new.text("triggerId").unwrap_or_default());
        let others = tx.list(&HOOK, &Query::of(point.and(Filter::equals("enabled", true))))?.items;
        for mut other in others.into_iter().filter(|other| other.id != new.id) {
            other.document.insert("enabled".into(), false.into());
            tx.update(&HOOK, other)?;
        }
        Ok(())
    }
}

/// The name as the service keeps it: words and numbers joined by hyphens, as in `test-hook983` → `test-hook-983`.
fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len() + 4);
    let mut before = None;
    for character in name.chars() {
        let is_part = character.is_ascii_alphanumeric();
        let breaks = before.is_some_and(|before: char| {
            before.is_ascii_alphabetic() && character.is_ascii_digit()
                || before.is_ascii_digit() && character.is_ascii_alphabetic()
        });
        if (!is_part || breaks) && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if is_part {
            slug.push(character.to_ascii_lowercase());
        }
        before = Some(character);
    }
    slug.trim_end_matches('-').to_owned()
}

fn secrets(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let hook = rest::load(reader, &HOOK, call.path("id"))?;
    let names = hook.sealed.paths().filter_map(|path| path.strip_prefix(SECRETS));
    Ok(Answer::json(names.map(|name| (name.to_owned(), NOT_SHOWN.into())).collect::<Document>()))
}

fn add_secrets(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let taken = || ApiError::conflict("Secret with the same name already exists.");
    set_secrets(tx, call, |is_there| if is_there { Err(taken()) } else { Ok(()) })
}

fn change_secrets(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let missing = || ApiError::not_found("Secret does not exist.");
    set_secrets(tx, call, |is_there| if is_there { Ok(()) } else { Err(missing()) })
}

fn set_secrets(tx: &mut Tx, call: &Call, judge: impl Fn(bool) -> ApiResult) -> ApiResult<Answer> {
    let mut hook = rest::load(tx, &HOOK, call.path("id"))?;
    for (name, value) in call.document().into_owned() {
        let path = format!("{SECRETS}{name}");
        judge(hook.sealed.get(&path).is_some())?;
        hook.sealed.set(path, value);
    }
    update(tx, hook)?;
    Ok(Answer::json(Document::new()))
}

fn remove_secrets(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let mut hook = rest::load(tx, &HOOK, call.path("id"))?;
    for name in call.body().as_array().into_iter().flatten().filter_map(Value::as_str) {
        hook.sealed.take(&format!("{SECRETS}{name}"));
    }
    update(tx, hook)?;
    Ok(Answer::empty())
}

fn update(tx: &mut Tx, mut hook: Record) -> ApiResult {
    hook.updated = tx.now();
    tx.update(&HOOK, hook)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_name_is_kept_as_a_slug() {
        assert_eq!(slug("test-hook983"), "test-hook-983");
        assert_eq!(slug("pre-user-reg-hook"), "pre-user-reg-hook");
        assert_eq!(slug("My Hook 2b "), "my-hook-2-b");
    }
}
