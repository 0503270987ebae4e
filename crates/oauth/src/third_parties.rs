//! What strict third parties may use of the endpoints beside `/authorize` (reference: authentication-api §3).

use crate::{OAuthError, views::Client};

/// Grants that they may use.
const GRANTS: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

/// Refuses an endpoint to strict third parties.
pub(crate) fn admit_endpoint(client: &Client, what: &str) -> Result<(), OAuthError> {
    if client.is_strict() {
        return Err(OAuthError::unauthorized_client(format!("{what} are not allowed for this client")));
    }
    Ok(())
}

/// Refuses a grant to strict third parties, whatever their settings say.
pub(crate) fn admit_grant(client: &Client, grant: &str) -> Result<(), OAuthError> {
    if client.is_strict() && !GRANTS.contains(&grant) {
        return Err(OAuthError::grant_not_allowed(grant));
    }
    Ok(())
}
