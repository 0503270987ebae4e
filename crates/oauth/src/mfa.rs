//! Multi-factor authentication, as far as it is built: where a policy demands it, a login is refused rather than weaker than the tenant
//! believes (reference: mfa-and-authentication-methods §1).

use crate::{OAuthError, Site};

/// Demands a second factor at every login.
pub(crate) const ALWAYS: &str = "all-applications";
/// Demands one where a login in a browser looks unusual; every one does, as long as nobody tells them apart.
pub(crate) const UNUSUAL: &str = "confidence-score";

/// The class of authentication by which a request asks for a second factor.
const FACTORS: &str = "http://schemas.openid.net/pape/policies/2007/06/multi-factor";

/// Whether a request asks for a second factor.
pub(crate) fn is_asked_for(acr_values: &[String]) -> bool {
    acr_values.iter().any(|class| class == FACTORS)
}

impl Site {
    /// Whether the tenant has one of these policies. It has none where its Actions alone decide.
    pub(crate) async fn demands_factors(&self, policies: &[&str]) -> Result<bool, OAuthError> {
        if self.settings().await?.customize_mfa_in_postlogin_action == Some(true) {
            return Ok(false);
        }
        let stored = self.store.cached(self.tenant.id(), &model::GUARDIAN, "policies").await?;
        let set = stored.as_ref().and_then(|stored| stored.document.get("policies")?.as_array());
        Ok(set.is_some_and(|set| set.iter().any(|policy| policies.iter().any(|wanted| policy == wanted))))
    }
}

/// What an interactive login and a grant for a password are told.
pub(crate) const NOT_BUILT: &str = "Multifactor authentication required, which is not available on this server";

/// 403 `access_denied`.
pub(crate) fn not_built() -> OAuthError {
    OAuthError::access_denied(NOT_BUILT)
}
