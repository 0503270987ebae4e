//! ID tokens of ours that come back.

use std::sync::Arc;

use identity::{Algorithm, jwt::Jwt, signature};
use model::CLIENT;

use crate::{OAuthError, Site, views::Client};

/// What an ID token of this tenant's says, whether it has expired or not, and the client that it was issued to; `None` for anything else.
pub(crate) async fn genuine<'t>(site: &Site, token: &'t str) -> Result<Option<(Arc<Client>, Jwt<'t>)>, OAuthError> {
    let Some(jwt) = Jwt::parse(token) else { return Ok(None) };
    let Some(audience) = jwt.text("aud") else { return Ok(None) };
    let Some(record) = site.store.cached(site.tenant.id(), &CLIENT, audience).await? else { return Ok(None) };
    let client = site.views.clients.of(site.tenant.id(), &record)?;
    let is_genuine = match jwt.algorithm {
        Some(Algorithm::Hs256) => client.secret.as_ref().is_some_and(|secret| {
            let is_encoded = client.jwt_configuration.secret_encoded;
            let key = if is_encoded { signature::decoded(secret) } else { Some(secret.reveal().as_bytes().to_vec()) };
            key.is_some_and(|key| signature::verify_hmac_sha256(&key, jwt.signed, &jwt.signature))
        }),
        Some(algorithm) => {
            let keys = site.keys.of(site.tenant.id()).await?;
            let key = jwt.kid.as_deref().and_then(|kid| keys.key(kid));
            key.is_some_and(|key| key.verify(algorithm, jwt.signed, &jwt.signature))
        }
        None => false,
    };
    let is_ours = is_genuine && jwt.text("iss") == Some(site.tenant.issuer());
    Ok(is_ours.then_some((client, jwt)))
}
