//! What all grants for users share: from the facts of a login to the token response.

use std::sync::Arc;

use kernel::{Document, Record};
use model::{
    USER,
    views::{User, View as _},
};

use crate::{
    OAuthError, Site, capabilities,
    facts::Facts,
    issue::{IdTokenParts, Subject},
    post_login::TokenChanges,
    rights::{self, RolesAt},
    token::Exchange,
    views::ResourceServer,
};

/// What is to be issued.
pub(crate) struct Issue {
    /// Granted scopes.
    pub(crate) scopes: Vec<String>,
    /// Whether the response tells them.
    pub(crate) shows_scopes: bool,
    pub(crate) nonce: Option<String>,
    pub(crate) facts: Facts,
    /// The grant, where access tokens tell it.
    pub(crate) gty: Option<&'static str>,
    /// What the tenant's code changes of the refresh token that is issued with the others.
    pub(crate) refresh_token: TokenChanges,
}

/// The response's members, in the service's order; a refresh token is added by whoever stores it.
pub(crate) async fn issue(
    exchange: &Exchange<'_>,
    issue: &Issue,
    user: &Record,
    api: Option<&ResourceServer>,
) -> Result<Document, OAuthError> {
    let Exchange { site, client, .. } = exchange;
    capabilities::admit(client, api)?;
    let organization = issue.facts.organization.as_ref();
    let at = RolesAt::of(organization.map(|organization| organization.id.as_str()));
    let permissions = site.permissions(&user.id, api, at.as_ref()).await?;
    let subject = Subject {
        user,
        client,
        api,
        scopes: &issue.scopes,
        permissions: &permissions,
        session_id: issue.facts.session_id.as_deref(),
        organization,
        gty: issue.gty,
        custom: &issue.facts.custom,
        actor: issue.facts.actor.as_ref(),
    };
    let token = site.access_token(&subject, false).await?;
    let mut body = Document::new();
    body.insert("access_token".into(), token.value.as_str().into());
    if issue.scopes.iter().any(|scope| scope == "openid") {
        let parts = IdTokenParts {
            nonce: issue.nonce.as_deref(),
            auth_time: issue.facts.auth_time(),
            amr: (!issue.facts.amr.is_empty()).then_some(&issue.facts.amr),
            access_token: Some(&token.value),
            ..IdTokenParts::default()
        };
        body.insert("id_token".into(), site.id_token(&subject, &parts).await?.into());
    }
    if issue.shows_scopes && !issue.scopes.is_empty() {
        body.insert("scope".into(), issue.scopes.join(" ").into());
    }
    body.insert("expires_in".into(), token.lifetime.into());
    body.insert("token_type".into(), "Bearer".into());
    Ok(body)
}

impl Site {
    /// The user that a grant is for, who must be there and not be blocked.
    pub(crate) async fn user_of_grant(&self, user_id: &str, missing: OAuthError) -> Result<Arc<Record>, OAuthError> {
        let user = self.store.cached(self.tenant.id(), &USER, user_id).await?.ok_or(missing)?;
        if User::of(&user)?.blocked { Err(OAuthError::blocked()) } else { Ok(user) }
    }

    /// What a user may do with an API that asks for permissions; nothing with others, which do not look at them.
    pub(crate) async fn permissions(
        &self,
        user_id: &str,
        api: Option<&ResourceServer>,
        at: Option<&RolesAt>,
    ) -> Result<Vec<String>, OAuthError> {
        let Some(api) = api.filter(|api| api.enforce_policies) else { return Ok(Vec::new()) };
        let (user_id, audience, at) = (user_id.to_owned(), api.identifier.clone(), at.cloned());
        let read = move |reader: &store::Snapshot| rights::permissions(reader, &user_id, &audience, at.as_ref());
        Ok(self.store.read(self.tenant.id(), read).await?)
    }
}
