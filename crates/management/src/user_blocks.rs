//! Blocks of brute-force protection: which identifiers of a user are blocked, and their end.

use identity::blocks;
use kernel::{Document, Record, Value};
use model::{BRUTE_FORCE_PROTECTION, USER};
use rest::{Answer, ApiResult, Area, Call};
use serde_json::json;
use store::Snapshot;

use crate::{Services, users::user_not_found};

/// What is served of `user-blocks`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("user-blocks")
        .read("GET /user-blocks", |reader, call| {
            let blocks = blocks::of_identifier(reader, call.text("identifier").unwrap_or_default())?;
            shown(reader, call, &blocks)
        })
        .write("DELETE /user-blocks", |tx, call| {
            let blocks = blocks::of_identifier(tx, call.text("identifier").unwrap_or_default())?;
            blocks::lift(tx, &blocks)?;
            Ok(Answer::empty())
        })
        .read("GET /user-blocks/{id}", |reader, call| {
            let blocks = blocks::of_user(reader, &user(reader, call)?)?;
            shown(reader, call, &blocks)
        })
        .write("DELETE /user-blocks/{id}", |tx, call| {
            let user = user(tx, call)?;
            blocks::lift_of(tx, &user)?;
            Ok(Answer::empty())
        })
}

/// The user in the path; this area has words of its own for a missing one.
fn user(reader: &Snapshot, call: &Call) -> ApiResult<Record> {
    let user = reader.get(&USER, call.path("id"))?;
    user.ok_or_else(user_not_found)
}

fn shown(reader: &Snapshot, call: &Call, blocks: &[Record]) -> ApiResult<Answer> {
    let minds_protection = call.flag("consider_brute_force_enablement") == Some(true);
    let is_hidden = minds_protection && !is_protected(reader)?;
    let entry = |block: &Record| {
        let kept = ["identifier", "ip", "connection"].into_iter();
        Value::Object(kept.filter_map(|field| Some((field.to_owned(), block.document.get(field)?.clone()))).collect())
    };
    let blocked_for: Vec<Value> = if is_hidden { Vec::new() } else { blocks.iter().map(entry).collect() };
    Ok(Answer::json(json!(Document::from_iter([("blocked_for".to_owned(), blocked_for.into())]))))
}

/// Whether brute-force protection is on, which it is until the tenant turns it off.
fn is_protected(reader: &Snapshot) -> ApiResult<bool> {
    let settings = reader.singleton(&BRUTE_FORCE_PROTECTION)?;
    Ok(settings.is_none_or(|settings| settings.is("enabled")))
}
