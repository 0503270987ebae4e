//! Opaque access tokens: what a client gets that asks for no API. They open the user's profile (`/userinfo`) alone. Nothing is
//! stored for them: they are encrypted under a key of the tenant, so nobody else can read or make one.

use kernel::{Document, Value};
use serde::{Deserialize, Serialize};

use crate::{OAuthError, Site, issue};

/// What the encryption is for; a value of another purpose cannot be read as a token.
const PURPOSE: &str = "access token";

/// What an opaque token stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Opaque {
    /// The user.
    #[serde(rename = "u")]
    pub(crate) user_id: String,
    /// The client that got it.
    #[serde(rename = "c")]
    pub(crate) client_id: String,
    /// Granted scopes, separated by blanks.
    #[serde(rename = "s")]
    pub(crate) scope: String,
    /// The organization that the user signed in to.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<issue::Organization>,
    /// When it ends, in seconds since 1970.
    #[serde(rename = "e")]
    pub(crate) expires: i64,
    /// Who acts for the user, where somebody does.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<Value>,
    /// Claims that the tenant's code set.
    #[serde(rename = "x", default, skip_serializing_if = "Document::is_empty")]
    pub(crate) claims: Document,
}

/// A token for the subject.
pub(crate) async fn seal(site: &Site, subject: &issue::Subject<'_>, lifetime: i64) -> Result<String, OAuthError> {
    let mut claims = subject.custom.id_token.clone();
    claims.extend(subject.custom.access_token.clone());
    let token = Opaque {
        user_id: subject.user.id.clone(),
        client_id: subject.client.id.clone(),
        scope: subject.scopes.join(" "),
        organization: subject.organization.cloned(),
        expires: site.store.context().now().seconds().saturating_add(lifetime),
        actor: subject.actor.cloned(),
        claims,
    };
    let envelope = site.store.read(site.tenant.id(), store::Snapshot::envelope).await?;
    let plain = serde_json::to_vec(&token).map_err(OAuthError::internal)?;
    Ok(envelope.close(PURPOSE, "", &plain)?)
}

/// What a standing token stands for; `None` for anything else.
pub(crate) async fn open(site: &Site, token: &str) -> Result<Option<Opaque>, OAuthError> {
    let presented = token.to_owned();
    let read = move |reader: &store::Snapshot| reader.open_envelope(PURPOSE, "", &presented);
    let plain = site.store.read(site.tenant.id(), read).await?;
    let opened = plain.and_then(|plain| serde_json::from_slice::<Opaque>(&plain).ok());
    let now = site.store.context().now().seconds();
    Ok(opened.filter(|token| token.expires > now))
}
