//! `GET /user/ssodata`: whom a classic page greets, by the session of the browser that shows it. No script of another origin may read it.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::Request;
use kernel::Value;
use serde_json::json;

use crate::{OAuthError, Site, authorize::browser, error::not_stored, log, session};

/// Answers.
pub(crate) async fn ssodata(site: Site, request: Request<Body>) -> Response {
    let told = match browser::read(request).await {
        Ok((visit, _)) => told(&site, &visit.browser).await,
        Err(error) => Err(error.into()),
    };
    match told {
        Ok(told) => {
            let mut response = Json(told).into_response();
            not_stored(&mut response);
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn told(site: &Site, browser: &model::login::Browser) -> Result<Value, OAuthError> {
    let nobody = json!({"sso": false});
    let Some(session) = session::of(site, browser).await? else { return Ok(nobody) };
    let user = site.store.cached(site.tenant.id(), &model::USER, &session.user_id).await?;
    let name = session.details.connection.clone().unwrap_or_default();
    let connection = site.store.cached_by(site.tenant.id(), &model::CONNECTION, "name", &name).await?;
    let (Some(user), Some(connection)) = (user, connection) else { return Ok(nobody) };
    let clients: Vec<&str> = session.details.clients.iter().map(AsRef::as_ref).collect();
    Ok(json!({
        "sso": true,
        "lastUsedConnection": {"name": name, "strategy": connection.text("strategy")},
        "lastUsedUsername": user.text("email").map(str::to_owned).or_else(|| log::name_of(&user)),
        "lastUsedUserID": user.id,
        "lastUsedClientID": clients.last(),
        "sessionClients": clients,
    }))
}
