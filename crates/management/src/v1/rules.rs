//! Rules of v1: addressed by name; `status` tells whether they run.

use http::{Method, StatusCode};
use kernel::{Document, Value};
use rest::{Answer, ApiError, ApiResult};
use serde::{Deserialize, Serialize};

use super::{Ask, answered, rename};
use crate::rules::RULE;

fn shown(rule: Value) -> Document {
    let mut rule = rename(answered(rule), "enabled", "status", |enabled| enabled);
    rule.shift_remove("stage");
    rule
}

pub(super) async fn list(ask: &Ask) -> ApiResult<Answer> {
    let rules = ask.all("/rules?include_totals=false").await?;
    Ok(Answer::list(rules.into_iter().map(shown).collect()))
}

/// A rule's members as v1 names them, and as version 2 takes them.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename(serialize = "enabled"), skip_serializing_if = "Option::is_none")]
    status: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<i64>,
    /// Clients send back what they got.
    #[serde(skip_serializing, rename = "id")]
    _id: Option<String>,
}

impl Rule {
    fn body(&self) -> ApiResult<Value> {
        serde_json::to_value(self).map_err(ApiError::internal)
    }
}

pub(super) async fn create(ask: &Ask) -> ApiResult<Answer> {
    let rule: Rule = ask.view()?;
    let created = ask.perform(Method::POST, "/rules", Some(rule.body()?)).await?;
    Ok(Answer::json(shown(created)).status(StatusCode::CREATED))
}

/// The path in version 2 of the rule that this path names.
async fn path(ask: &Ask) -> ApiResult<String> {
    let name = ask.path("rule").to_owned();
    let rule = ask.read(move |reader| Ok(reader.find(&RULE, "name", &name)?)).await?;
    rule.map(|rule| format!("/rules/{}", rule.id)).ok_or_else(|| RULE.not_found())
}

pub(super) async fn update(ask: &Ask) -> ApiResult<Answer> {
    let change: Rule = ask.view()?;
    let changed = ask.perform(Method::PATCH, &path(ask).await?, Some(change.body()?)).await?;
    Ok(Answer::json(shown(changed)))
}

pub(super) async fn delete(ask: &Ask) -> ApiResult<Answer> {
    ask.perform(Method::DELETE, &path(ask).await?, None).await?;
    Ok(Answer::no_content())
}
