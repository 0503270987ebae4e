//! Strict third parties: what they may ask for is little, and named here (reference: authentication-api §3).

use super::{AuthorizationError, AuthorizationRequest};
use crate::{profile, request::Parameters};

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
    if request.code_challenge.is_none() {
        return Err(AuthorizationError::missing("code_challenge"));
    }
    Ok(())
}

/// Who the user is, is not theirs to know: scopes of OpenID Connect fall away, and ID tokens with them.
pub(super) fn limit(request: &mut AuthorizationRequest) {
    request.scope.retain(|scope| scope == "offline_access" || !profile::is_standard_scope(scope));
}
