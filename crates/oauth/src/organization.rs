//! Organizations as grants know them: which one a request means, whether its user belongs to it, and how tokens tell it
//! (reference: sessions-and-login-rules §4).

use std::sync::Arc;

use identity::organizations::{self, Standing};
use kernel::Record;
use model::ORGANIZATION;
use store::Snapshot;

use crate::{OAuthError, Site, error::shortened, facts::Facts, issue::Organization, views::Client};

impl Site {
    /// The organization that a request names: by its identifier or, where the tenant allows it, by its name.
    pub(crate) async fn organization_named(&self, named: &str) -> Result<Option<Arc<Record>>, OAuthError> {
        // No name begins like an identifier.
        if !named.starts_with("org_") && self.settings().await?.allow_organization_name_in_authentication_api {
            return Ok(self.store.cached_by(self.tenant.id(), &ORGANIZATION, "name", named).await?);
        }
        Ok(self.store.cached(self.tenant.id(), &ORGANIZATION, named).await?)
    }

    /// The organization that a request of a client for its user names, as far as the client may name one.
    pub(crate) async fn organization_for_users(
        &self,
        named: Option<&str>,
        client: &Client,
    ) -> Result<Option<Arc<Record>>, OAuthError> {
        let Some(named) = named else { return Ok(None) };
        if !client.allows_organizations() {
            return Err(OAuthError::invalid_request("parameter organization is not allowed for this client"));
        }
        let found = self.organization_named(named).await?;
        let is_open = |record: &Arc<Record>| client.is_first_party() || admits_third_parties(record);
        let found = found.filter(is_open);
        Ok(Some(found.ok_or_else(|| unknown(named))?))
    }

    /// How a user stands with an organization, who has signed in by a connection.
    pub(crate) async fn standing(
        &self,
        organization: &str,
        connection_id: &str,
        user_id: &str,
    ) -> Result<Standing, OAuthError> {
        let (organization, connection, user) = (organization.to_owned(), connection_id.to_owned(), user_id.to_owned());
        let read = move |reader: &Snapshot| organizations::standing(reader, &organization, &connection, &user);
        Ok(self.store.read(self.tenant.id(), read).await?)
    }

    /// How tokens tell an organization: with its name, where the tenant lets requests use it.
    pub(crate) async fn told_organization(&self, record: &Record) -> Result<Organization, OAuthError> {
        let is_named = self.settings().await?.allow_organization_name_in_authentication_api;
        Ok(Organization { id: record.id.clone(), name: record.text("name").filter(|_| is_named).map(str::to_owned) })
    }

    /// The organization that a login was for, as it is now; the user must belong to it still.
    ///
    /// # Errors
    /// `invalid_grant`, where the user does not, or the organization is gone.
    pub(crate) async fn organization_of_grant(
        &self,
        facts: &mut Facts,
        user_id: &str,
    ) -> Result<Option<Arc<Record>>, OAuthError> {
        let Some(former) = &facts.organization else { return Ok(None) };
        let (organization, user) = (former.id.clone(), user_id.to_owned());
        let read = move |reader: &Snapshot| organizations::is_member(reader, &organization, &user);
        let is_member = self.store.read(self.tenant.id(), read).await?;
        let record = self.store.cached(self.tenant.id(), &ORGANIZATION, &former.id).await?.filter(|_| is_member);
        let record = record.ok_or_else(|| OAuthError::invalid_grant(not_a_member(user_id, &former.id)))?;
        facts.organization = Some(self.told_organization(&record).await?);
        Ok(Some(record))
    }
}

/// Whether members of an organization may sign in to clients of third parties.
pub(crate) fn admits_third_parties(organization: &Record) -> bool {
    organization.text("third_party_client_access") == Some("allow")
}

/// `invalid_request`: there is no such organization for this client.
pub(crate) fn unknown(named: &str) -> OAuthError {
    OAuthError::invalid_request(format!("parameter organization is invalid: {}", shortened(named)))
}

/// What is told of a user who does not belong to the organization.
pub(crate) fn not_a_member(user_id: &str, organization: &str) -> String {
    format!("user {user_id} is not part of the {organization} organization")
}

/// `invalid_request`: members of the organization do not come by this connection.
pub(crate) fn not_by_connection() -> OAuthError {
    OAuthError::invalid_request("connection is not enabled for the organization")
}
