//! The page template of the universal login.

use kernel::{Document, Record};
use rest::{Answer, ApiError, ApiResult, Call, Kind, Resource};
use serde_json::Value;
use store::Tx;

/// Bytes that a template may have.
const MOST_BYTES: usize = 102_400;

/// What a page cannot do without.
const REQUIRED_TAGS: [&str; 2] = ["auth0:head", "auth0:widget"];

static TEMPLATE: Kind = Kind::of(&model::UNIVERSAL_LOGIN_TEMPLATE)
    .missing("Template does not exist.", Some("inexistent_templates_universal_login"))
    .forgiving();

pub(super) struct Template;

impl Resource for Template {
    fn kind(&self) -> &'static Kind {
        &TEMPLATE
    }
}

/// `PUT /branding/templates/universal-login`: the page as a JSON string, as `{template}` or as it is (`text/html`).
/// A new template answers 201 with an empty object, as does its replacement.
pub(super) fn put(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let page = match call.body() {
        Value::String(page) => page.clone(),
        Value::Object(body) => body.get("template").and_then(Value::as_str).unwrap_or_default().to_owned(),
        _ => String::from_utf8_lossy(&call.raw).into_owned(),
    };
    check(&page)?;
    let mut document = Document::new();
    document.insert("body".into(), page.into());
    match tx.singleton(&TEMPLATE)? {
        None => rest::insert(tx, &TEMPLATE, Record::new(TEMPLATE.name, document, tx.now()))?,
        Some(old) => rest::save(tx, call, &Template, &old, Record { document, ..old.clone() })?,
    };
    Ok(Answer::json(Document::new()))
}

fn check(page: &str) -> ApiResult {
    if page.len() > MOST_BYTES {
        return Err(ApiError::invalid_body(format!(
            "Payload content length greater than maximum allowed: {MOST_BYTES}."
        )));
    }
    if REQUIRED_TAGS.iter().any(|tag| !page.contains(tag)) {
        return Err(ApiError::invalid_body(
            "Payload content missing required Liquid tags (auth0:head and auth0:widget).",
        ));
    }
    Ok(())
}
