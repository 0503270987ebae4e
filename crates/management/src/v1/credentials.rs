//! Devices of users: their public keys and refresh tokens.

use http::{Method, StatusCode};
use kernel::Value;
use rest::{Answer, ApiError, ApiResult, Caller};
use serde::Deserialize;
use serde_json::json;

use super::{Ask, answered, encoded, rename, users};

pub(super) async fn list(ask: &Ask) -> ApiResult<Answer> {
    let devices = credentials(ask).await?;
    let shown = devices.into_iter().map(|device| rename(answered(device), "device_name", "device", |name| name));
    Ok(Answer::list(shown.collect()))
}

/// The device credentials of the user in the path, who exists.
async fn credentials(ask: &Ask) -> ApiResult<Vec<Value>> {
    let id = ask.path("user_id");
    ask.get(&format!("{}?fields=user_id", users::path(id))).await?;
    ask.all(&format!("/device-credentials?user_id={}", encoded(id))).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    device: String,
    public_key: String,
}

pub(super) async fn add_key(ask: &Ask) -> ApiResult<Answer> {
    let Key { device, public_key } = ask.view()?;
    let id = ask.path("user_id");
    ask.get(&format!("{}?fields=user_id", users::path(id))).await?;
    let body = json!({"device_name": device, "device_id": device, "type": "public_key", "value": public_key});
    // In version 2 a credential is its caller's own.
    let caller = Caller { subject: id.to_owned(), ..ask.caller.clone() };
    let added =
        ask.perform_with(Method::POST, "/device-credentials", Some(body), caller, kernel::Document::new()).await?;
    Ok(Answer::json(added).status(StatusCode::CREATED))
}

pub(super) async fn remove_key(ask: &Ask) -> ApiResult<Answer> {
    let device = ask
        .text("device")
        .ok_or_else(|| ApiError::invalid_query("Query validation error: 'Missing required property: device'."))?;
    let is_meant = |key: &Value| key["type"] == "public_key" && key["device_name"] == device;
    let key = credentials(ask).await?.into_iter().find(is_meant);
    let key = key.ok_or_else(|| ApiError::not_found("The device has no public key."))?;
    remove(ask, "/device-credentials", &key).await
}

pub(super) async fn revoke_token(ask: &Ask) -> ApiResult<Answer> {
    let token = ask.path("token");
    let is_meant = |item: &Value| item["id"] == token && item["type"] != "public_key";
    let token = credentials(ask).await?.into_iter().find(is_meant);
    let token = token.ok_or_else(|| ApiError::not_found("The refresh token does not exist."))?;
    remove(ask, "/device-credentials", &token).await
}

async fn remove(ask: &Ask, collection: &str, item: &Value) -> ApiResult<Answer> {
    let id = item["id"].as_str().unwrap_or_default();
    ask.perform(Method::DELETE, &format!("{collection}/{}", encoded(id)), None).await?;
    Ok(Answer::no_content())
}
