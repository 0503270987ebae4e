//! E-mail templates of v1: `disabled` instead of `enabled`.

use http::{Method, StatusCode};
use kernel::{Document, Value};
use rest::{Answer, ApiError, ApiResult};

use super::{Ask, answered, encoded, rename};

/// The templates that v1 knows.
const NAMES: &[&str] = &["verify_email", "welcome_email", "reset_email", "blocked_account"];

fn shown(template: Value) -> Document {
    rename(answered(template), "enabled", "disabled", negated)
}

fn negated(flag: Value) -> Value {
    flag.as_bool().map_or(flag, |flag| (!flag).into())
}

/// The body as version 2 takes it: a template is enabled and in Liquid unless the body says otherwise.
fn body(ask: &Ask) -> ApiResult<Document> {
    let sent = ask.document()?;
    if sent.contains_key("enabled") {
        return Err(ApiError::invalid_body("Payload validation error: 'Additional properties not allowed: enabled'."));
    }
    let mut body = rename(sent, "disabled", "enabled", negated);
    kernel::fill(&mut body, "enabled", true);
    kernel::fill(&mut body, "syntax", "liquid");
    Ok(body)
}

pub(super) async fn get(ask: &Ask) -> ApiResult<Answer> {
    Ok(Answer::json(shown(ask.get(&path(ask)?).await?)))
}

/// The template's path in version 2.
fn path(ask: &Ask) -> ApiResult<String> {
    let name = ask.path("template");
    if NAMES.contains(&name) { Ok(format!("/email-templates/{}", encoded(name))) } else { Err(unknown()) }
}

fn unknown() -> ApiError {
    ApiError::not_found("Template not found.")
}

pub(super) async fn create(ask: &Ask) -> ApiResult<Answer> {
    let body = body(ask)?;
    let named = body.get("template").and_then(Value::as_str);
    if named.is_some_and(|name| !NAMES.contains(&name)) {
        let text = format!("Payload validation error: 'Expected one of {}' on property template.", NAMES.join(", "));
        return Err(ApiError::invalid_body(text));
    }
    let template = ask.perform(Method::POST, "/email-templates", Some(body.into())).await?;
    Ok(Answer::json(shown(template)).status(StatusCode::CREATED))
}

pub(super) async fn replace(ask: &Ask) -> ApiResult<Answer> {
    let path = path(ask)?;
    let mut body = body(ask)?;
    body.insert("template".into(), ask.path("template").into());
    Ok(Answer::json(shown(ask.perform(Method::PUT, &path, Some(body.into())).await?)))
}
