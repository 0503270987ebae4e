//! What a user and a client may do with an API together (reference: authentication-api §6, Granted scopes).

use std::{collections::BTreeSet, sync::Arc};

use identity::{organizations, verifier::grant_of};
use kernel::Record;
use model::permission_parts;
use store::{RelationQuery, Side, Snapshot, StoreResult};

use crate::{
    OAuthError, Site, profile,
    views::{Client, ResourceServer},
};

impl Site {
    /// The API that a request of a client for its users means: the one that it names, else the tenant's default; none for the user's
    /// profile alone.
    ///
    /// # Errors
    /// As [`Site::api_for_users`].
    pub(crate) async fn api_asked(
        &self,
        audience: Option<&str>,
        record: &Record,
        client: &Client,
    ) -> Result<Option<Arc<ResourceServer>>, OAuthError> {
        let settings = self.settings().await?;
        let default = settings.default_audience.as_deref().filter(|audience| !audience.is_empty());
        let userinfo = format!("{}userinfo", self.tenant.issuer());
        match audience.or(default).filter(|audience| *audience != userinfo) {
            Some(audience) => Ok(Some(self.api_for_users(audience, record, client).await?)),
            None => Ok(None),
        }
    }

    /// The API that a client wants to use for its users.
    ///
    /// # Errors
    /// `access_denied` where there is none, or none for users; `invalid_request` where the client needs a grant and has none.
    pub(crate) async fn api_for_users(
        &self,
        audience: &str,
        record: &Record,
        client: &Client,
    ) -> Result<Arc<ResourceServer>, OAuthError> {
        let found = self.store.cached_by(self.tenant.id(), &model::RESOURCE_SERVER, "identifier", audience).await?;
        let found = found.ok_or_else(|| OAuthError::access_denied(format!("Service not found: {audience}")))?;
        let api = self.views.resource_servers.of(self.tenant.id(), &found)?;
        let refusal = || {
            OAuthError::invalid_request(format!(
                "Client \"{}\" is not authorized to access resource server \"{audience}\".",
                record.id
            ))
        };
        let needs_grant = match api.user_policy() {
            "deny_all" => return Err(refusal()),
            "require_client_grant" => true,
            // Third parties need a grant for whatever they do for users.
            _ => !client.is_first_party(),
        };
        if needs_grant && grant_of(&self.store, self.tenant.id(), record, audience, "user").await?.is_none() {
            return Err(refusal());
        }
        Ok(api)
    }

    /// The scopes that a login gives, of those that were asked for. What the API does not know, the user may not do, or the client may not
    /// ask for falls away without a word.
    pub(crate) async fn granted_scopes(
        &self,
        asked: &[String],
        record: &Record,
        client: &Client,
        api: Option<&ResourceServer>,
        permissions: &[String],
    ) -> Result<Vec<String>, OAuthError> {
        let limit = match api {
            Some(api) if api.user_policy() == "require_client_grant" => {
                let grant = grant_of(&self.store, self.tenant.id(), record, &api.identifier, "user").await?;
                grant.map(|grant| self.views.grants.of(self.tenant.id(), &grant)).transpose()?
            }
            _ => None,
        };
        let is_granted = |scope: &str| {
            if scope == "offline_access" {
                return client.may_use("refresh_token") && api.is_none_or(|api| api.allow_offline_access);
            }
            if scope == profile::ONLINE {
                // Those of clients without a secret have to be bound to a key, which is not built.
                let is_public = client.token_endpoint_auth_method.as_deref() == Some("none");
                let is_allowed = api.is_some_and(|api| api.allow_online_access);
                return client.may_use("refresh_token") && is_allowed && !is_public;
            }
            if profile::is_standard_scope(scope) {
                return true;
            }
            let Some(api) = api else { return false };
            let is_limited = limit.as_ref().is_some_and(|grant| !grant.allow_all_scopes && !grant.has(scope));
            let is_permitted = !api.enforce_policies || permissions.iter().any(|held| held == scope);
            api.scope_values.contains(scope) && is_permitted && !is_limited
        };
        Ok(asked.iter().filter(|scope| is_granted(scope)).cloned().collect())
    }
}

/// The organization whose roles count beside those that a user has everywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct RolesAt {
    /// Its identifier.
    pub(crate) organization: String,
    /// Roles that the user gets there by the login itself.
    pub(crate) coming: Vec<String>,
}

impl RolesAt {
    /// The roles of an organization as they are.
    pub(crate) fn of(organization: Option<&str>) -> Option<Self> {
        Some(Self { organization: organization?.to_owned(), coming: Vec::new() })
    }
}

/// The roles of a user: those everywhere, and those in the organization; no others'.
fn roles(reader: &Snapshot, user_id: &str, at: Option<&RolesAt>) -> StoreResult<Vec<String>> {
    let mut roles = organizations::roles_of(reader, user_id, at.map(|at| at.organization.as_str()))?;
    for coming in at.into_iter().flat_map(|at| &at.coming) {
        if !roles.contains(coming) {
            roles.push(coming.clone());
        }
    }
    Ok(roles)
}

/// The names of a user's roles.
pub(crate) fn role_names(reader: &Snapshot, user_id: &str, at: Option<&RolesAt>) -> StoreResult<Vec<String>> {
    organizations::role_names(reader, &roles(reader, user_id, at)?)
}

/// What a user may do with an API, directly and by roles; within an organization also by the roles there.
pub(crate) fn permissions(
    reader: &Snapshot,
    user_id: &str,
    audience: &str,
    at: Option<&RolesAt>,
) -> StoreResult<Vec<String>> {
    let all = RelationQuery::default();
    let roles = roles(reader, user_id, at)?;
    let mut names = BTreeSet::new();
    let mut note = |key: &str| {
        let (name, of) = permission_parts(key);
        if of == audience {
            names.insert(name.to_owned());
        }
    };
    for direct in reader.related(&model::USER_PERMISSIONS, Side::Left(user_id), &all)?.items {
        note(&direct.right);
    }
    for role in roles {
        for given in reader.related(&model::ROLE_PERMISSIONS, Side::Left(&role), &all)?.items {
            note(&given.right);
        }
    }
    Ok(names.into_iter().collect())
}
