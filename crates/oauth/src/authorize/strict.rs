//! Strict third parties: what they may ask for is little, and named here (reference: authentication-api §3).

use model::RULE;
use store::{Filter, Paging, Query};

use super::{AuthorizationError, AuthorizationRequest};
use crate::{Site, profile, request::Parameters};

/// Parameters that they must not send.
const REFUSED: [&str; 7] =
    ["claims", "id_token_hint", "invitation", "login_ticket", "request", "request_uri", "screen_hint"];

/// Whether a strict third party may ask this.
pub(super) fn admit(parameters: &Parameters, request: &AuthorizationRequest) -> Result<(), AuthorizationError> {
    if let Some(name) = REFUSED.iter().find(|name| parameters.get(name).is_some()) {
        let text = format!("parameter {name} is not allowed for this client");
        return Err(AuthorizationError::invalid_request(text));
    }
    if request.response_type.issues_tokens() {
        let asked = parameters.get("response_type").unwrap_or_default();
        return Err(AuthorizationError::unsupported_response_type(asked));
    }
    match &request.code_challenge {
        None => Err(AuthorizationError::missing("code_challenge")),
        Some(challenge) if !challenge.is_hashed => {
            Err(AuthorizationError::invalid_request("code_challenge_method must be S256 for this client"))
        }
        Some(_) => Ok(()),
    }
}

/// Rules were written before there were strict third parties, and tell them apart from no others.
pub(super) async fn admit_rules(site: &Site) -> Result<(), AuthorizationError> {
    let enabled =
        Query { paging: Paging::Offset { offset: 0, limit: 1 }, ..Query::of(Filter::equals("enabled", true)) };
    let read = move |reader: &store::Snapshot| reader.list(&RULE, &enabled);
    if site.store.read(site.tenant.id(), read).await?.items.is_empty() {
        return Ok(());
    }
    let text = "The client cannot be used while rules are enabled";
    Err(AuthorizationError::new("unauthorized_client", text))
}

/// Who the user is, is not theirs to know: scopes of OpenID Connect fall away, and ID tokens with them.
pub(super) fn limit(request: &mut AuthorizationRequest) {
    request.scope.retain(|scope| scope == "offline_access" || !profile::is_standard_scope(scope));
}
