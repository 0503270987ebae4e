//! From a user who has shown at the token endpoint itself who they are, to tokens: by a password, or by a code that was sent.

use std::sync::Arc;

use identity::{login::LoggedIn, triggers::Request};
use kernel::{Document, object};
use serde_json::json;
use store::Tx;

use crate::{
    OAuthError, capabilities,
    facts::Facts,
    log, mfa, post_login, refresh_token,
    token::{Exchange, Granted, Stored},
    user_grant::{self, Issue},
    views::ResourceServer,
};

/// What is granted where the request names no scope.
const DEFAULT_SCOPES: [&str; 5] = ["openid", "profile", "email", "address", "phone"];
/// Parameters that no code is told.
const SECRETS: [&str; 5] = ["password", "client_secret", "client_assertion", "otp", "auth_session"];

/// How the user has shown who they are.
pub(crate) struct Way {
    /// The name of the method.
    pub(crate) method: &'static str,
    /// What a tenant's code calls the flow.
    pub(crate) protocol: &'static str,
    /// The grant, where access tokens tell it.
    pub(crate) gty: Option<&'static str>,
}

/// The API that a request means, which must be there for the client before anything is verified.
pub(crate) async fn api(exchange: &Exchange<'_>) -> Result<Option<Arc<ResourceServer>>, OAuthError> {
    let Exchange { site, record, client, parameters, .. } = exchange;
    if parameters.get("organization").is_some() {
        return Err(OAuthError::invalid_request("parameter organization is not allowed for this client"));
    }
    let settings = site.settings().await?;
    let default = settings.default_audience.as_deref().filter(|audience| !audience.is_empty());
    let userinfo = format!("{}userinfo", site.tenant.issuer());
    let api = match parameters.get("audience").or(default).filter(|audience| *audience != userinfo) {
        Some(audience) => Some(site.api_for_users(audience, record, client).await?),
        None => None,
    };
    capabilities::admit(site, client, api.as_ref().map(|api| api.identifier.as_str())).await?;
    Ok(api)
}

/// The tokens of a user whose login was counted.
pub(crate) async fn tokens(
    exchange: Exchange<'_>,
    subject: &mut log::Subject,
    api: Option<Arc<ResourceServer>>,
    found: LoggedIn,
    way: Way,
) -> Result<Granted, OAuthError> {
    let LoggedIn { user, realm, .. } = found;
    let Exchange { site, record, client, parameters, origin } = &exchange;
    subject.user_id = Some(user.id.clone());
    subject.user_name = log::name_of(&user);
    subject.connection = Some([realm.name.clone(), realm.id.clone(), realm.strategy.to_string()]);
    if site.demands_factors(&[mfa::ALWAYS]).await? {
        return Err(mfa::not_built());
    }
    let permissions = match &api {
        Some(api) if api.enforce_policies => site.permissions(&user.id, &api.identifier, None).await?,
        _ => Vec::new(),
    };
    let asked: Option<Vec<String>> =
        parameters.get("scope").map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect());
    let names_scopes = asked.is_some();
    let asked = asked.unwrap_or_else(|| DEFAULT_SCOPES.map(str::to_owned).to_vec());
    let scopes = site.granted_scopes(&asked, record, client, api.as_deref(), &permissions).await?;
    let stored_connection = site.store.cached(site.tenant.id(), &model::CONNECTION, &realm.id).await?;
    let mut shown = parameters.all();
    shown.retain(|name, _| !SECRETS.contains(&name.as_str()));
    let now = site.store.context().now();
    let told = post_login::Told {
        record,
        connection: stored_connection.as_deref(),
        user: &user,
        api: api.as_deref(),
        session: None,
        refresh_token: None,
        methods: vec![json!({"name": way.method, "timestamp": now})],
        transaction: object(json!({
            "acr_values": [], "locale": "en", "protocol": way.protocol, "requested_scopes": asked, "ui_locales": [],
        })),
        request: Request {
            ip: origin.ip.clone(),
            method: "POST".to_owned(),
            body: shown,
            query: Document::new(),
            hostname: site.tenant.host().to_owned(),
            user_agent: origin.user_agent.clone(),
            language: origin.language.clone(),
        },
        resumed: None,
    };
    let mut decision = post_login::decide(site, told, &scopes).await?;
    subject.execution = decision.take_execution();
    if let Some(reason) = decision.denied.clone() {
        keep(&exchange, decision, &user.id).await?;
        return Err(OAuthError::access_denied(reason));
    }
    if decision.suspended.is_some() {
        keep(&exchange, decision, &user.id).await?;
        return Err(OAuthError::interaction_required());
    }
    let scopes = decision.changed(scopes);
    subject.audience = api.as_ref().map(|api| api.identifier.clone());
    subject.scope = Some(scopes.join(" "));
    let facts = Facts {
        authenticated: now.micros(),
        connection: realm.name.clone(),
        custom: decision.custom.clone(),
        ..Facts::default()
    };
    let issue = Issue { scopes, shows_scopes: true, nonce: None, facts, gty: way.gty };
    let mut body = user_grant::issue(&exchange, &issue, &user, api.as_ref()).await?;
    if !names_scopes {
        // Who did not ask for `openid` gets its claims from `/userinfo` alone.
        body.shift_remove("id_token");
    }
    let refresh_token = refresh_token::plan(&exchange, &issue, &user.id, api.as_deref())?;
    let user_id = user.id.clone();
    let storing = move |tx: &mut Tx| -> Result<Stored, OAuthError> {
        decision.apply(tx, &user_id)?;
        let member = refresh_token.as_ref().map(|plan| plan.apply(tx)).transpose()?;
        Ok(Stored::Members(member.unwrap_or_default()))
    };
    Ok(Granted { storing: Some(Box::new(storing)), ..Granted::of(body) })
}

/// Keeps what the tenant's code decided when it refused a login.
async fn keep(exchange: &Exchange<'_>, decision: post_login::Decision, user_id: &str) -> Result<(), OAuthError> {
    let (site, user_id) = (exchange.site, user_id.to_owned());
    Ok(site.store.write(site.tenant.id(), move |tx: &mut Tx| decision.apply(tx, &user_id)).await?)
}
