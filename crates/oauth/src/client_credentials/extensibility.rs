//! What a tenant's code at the credentials exchange is told, and what its verdict means for the token.

use identity::{
    claims,
    triggers::{Firing, Trigger, Verdict},
};
use kernel::{Document, object};
use serde_json::json;

use super::{Organization, is_granted};
use crate::{
    OAuthError, Site,
    log::Subject,
    token::Exchange,
    views::{ClientGrant, ResourceServer},
};

/// Fires the trigger. A refusal of the code is the answer.
pub(super) async fn fire(
    exchange: &Exchange<'_>,
    server: &ResourceServer,
    scopes: &[String],
    organization: Option<&Organization>,
    subject: &mut Subject,
) -> Result<Verdict, OAuthError> {
    let Exchange { site, record, parameters, .. } = exchange;
    if !site.services.triggers.listens(site.tenant.id(), Trigger::CredentialsExchange).await? {
        return Ok(Verdict::default());
    }
    let request = exchange.told();
    let requested: Vec<&str> = parameters.get("scope").unwrap_or_default().split_whitespace().collect();
    let mut transaction = object(json!({ "requested_scopes": requested }));
    if let Some(id) = parameters.get("correlation_id") {
        transaction.insert("correlation_id".into(), id.into());
    }
    let own = object(json!({
        "accessToken": {"scope": scopes, "customClaims": {}},
        "resource_server": {"identifier": server.identifier},
        "transaction": transaction,
    }));
    let firing = Firing {
        client: Some(record),
        organization: organization.map(|organization| &*organization.record),
        request: Some(&request),
        own,
        ..Firing::new(Trigger::CredentialsExchange)
    };
    let mut verdict = site.services.triggers.fire(site.tenant.id(), firing).await?;
    subject.executions.extend(verdict.execution.take());
    match verdict.denied.take() {
        Some(denial) => Err(OAuthError::denied(denial)),
        None => Ok(verdict),
    }
}

/// Hooks may give any scopes; Actions choose among those that the client is granted.
pub(super) fn change_scopes(
    verdict: &Verdict,
    scopes: &mut Vec<String>,
    grant: Option<&ClientGrant>,
    server: &ResourceServer,
) {
    if let Some(given) = &verdict.scopes {
        scopes.clone_from(given);
    }
    if let Some(chosen) = &verdict.target_scopes {
        let granted = chosen.iter().filter(|scope| is_granted(scope, grant, server) || scopes.contains(scope));
        *scopes = granted.cloned().collect();
    }
}

/// Adds the custom claims.
pub(super) fn add_claims(
    site: &Site,
    verdict: Verdict,
    server: &ResourceServer,
    token: &mut Document,
) -> Result<(), OAuthError> {
    let is_own_api = server.identifier == site.tenant.management_audience();
    if claims::add(token, verdict.access_token, is_own_api) { Ok(()) } else { Err(OAuthError::too_many_claims()) }
}
