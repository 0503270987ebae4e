//! `POST /oauth/revoke` (RFC 7009): a client gives a refresh token back.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode};
use identity::{refresh_tokens, sessions};
use store::{Held, Presented, StoreResult, Tx};

use crate::{
    OAuthError, Site,
    client::{self, Authenticated},
    error::not_stored,
    request::Incoming,
};

/// Answers a request.
pub(crate) async fn endpoint(site: Site, request: Request<Body>) -> Response {
    let mut response = match revoke(&site, request).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => error.into_response(),
    };
    not_stored(&mut response);
    response
}

async fn revoke(site: &Site, request: Request<Body>) -> Result<(), OAuthError> {
    let incoming = Incoming::read(request).await?;
    let Authenticated { client, .. } = client::authenticate(site, &incoming).await?;
    let token = incoming.parameters.require("token")?.to_owned();
    let revokes_grant = site.settings().await?.flags.revoke_refresh_token_grant;
    let client_id = client.id.clone();
    let work = move |tx: &mut Tx| -> StoreResult<bool> {
        let found = match tx.presented_refresh_token(&token)? {
            // What is unknown is as good as revoked (RFC 7009 §2.2).
            Presented::Unknown => return Ok(true),
            Presented::Current(found) | Presented::Previous(found, _) | Presented::Spent(found) => found,
        };
        if found.client_id != client_id {
            return Ok(false);
        }
        refresh_tokens::revoke(tx, &found.id)?;
        if let Some(id) = found.session_id.as_deref().filter(|_| found.is_online)
            && let Some(session) = tx.session(id)?
        {
            sessions::end(tx, &session, sessions::Ending::Revoked)?;
        }
        if revokes_grant {
            let held = Held { user_id: Some(&found.user_id), client_id: Some(&client_id), ..Held::default() };
            let of_grant = |other: &store::RefreshToken| {
                other.details.resource_servers.first().map(|access| &access.audience)
                    == found.details.resource_servers.first().map(|access| &access.audience)
            };
            refresh_tokens::revoke_all(tx, held, of_grant)?;
        }
        Ok(true)
    };
    let is_own = site.store.write(site.tenant.id(), work).await?;
    if is_own { Ok(()) } else { Err(OAuthError::invalid_request("The token was not issued to the client")) }
}
