//! Consent: what users allow clients to do for them, kept as user grants (reference: sessions-and-login-rules §5).

use std::sync::Arc;

use kernel::{Record, TenantId, Value, id::Form, object};
use model::GRANT;
use serde_json::json;
use store::{Derived, Filter, Query, Snapshot, StoreError, StoreResult, Tx};

use crate::{
    Site,
    views::{Client, ResourceServer},
};

/// How many users' grants are remembered.
const REMEMBERED: usize = 10_000;

/// The organization of a grant.
const ORGANIZATION_ID: &str = "organization_id";

/// What a client wants to do for a user.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The organization in which: consent to one is none to another.
    pub(crate) organization: Option<String>,
    pub(crate) client_id: String,
    /// The API; for the user's profile alone, the tenant's own `userinfo`.
    pub(crate) audience: String,
    pub(crate) scopes: Vec<String>,
}

/// Whether the user must be asked, as long as nothing is granted yet: third parties always, a first party where the API says so.
pub(crate) fn is_needed(client: &Client, api: Option<&ResourceServer>) -> bool {
    if !client.is_first_party() {
        return true;
    }
    api.is_some_and(|api| !api.skip_consent_for_verifiable_first_party_clients.unwrap_or(false))
}

/// What users have granted, as far as logins have asked for it.
pub(crate) struct Consents(Derived<Key, Arc<[String]>>);

/// Tenant, user, client, audience and organization.
type Key = (TenantId, String, String, String, Option<String>);

impl Default for Consents {
    fn default() -> Self {
        Self(Derived::new(REMEMBERED))
    }
}

impl Site {
    /// Whether what is wanted was granted before.
    pub(crate) async fn is_granted(&self, user_id: &str, wanted: &Wanted) -> StoreResult<bool> {
        let granted = self.granted(user_id, wanted).await?;
        Ok(wanted.scopes.iter().filter(|scope| needs_grant(scope)).all(|scope| granted.contains(scope)))
    }

    /// Whether a grant is there that has all that is wanted.
    pub(crate) async fn has_grant(&self, user_id: &str, wanted: &Wanted) -> StoreResult<bool> {
        let granted = self.granted(user_id, wanted).await?;
        Ok(!granted.is_empty() && wanted.scopes.iter().all(|scope| granted.contains(scope)))
    }

    async fn granted(&self, user_id: &str, wanted: &Wanted) -> StoreResult<Arc<[String]>> {
        let Wanted { organization, client_id, audience, .. } = wanted;
        let key =
            (self.tenant.id().clone(), user_id.to_owned(), client_id.clone(), audience.clone(), organization.clone());
        let epoch = self.store.epoch(self.tenant.id(), &GRANT);
        if let Some(scopes) = self.consents.0.get(&key, &epoch) {
            return Ok(scopes);
        }
        let (user, asked) = (user_id.to_owned(), wanted.clone());
        let read =
            move |reader: &Snapshot| Ok::<_, StoreError>(find(reader, &user, &asked)?.map(|grant| scopes(&grant)));
        let scopes: Arc<[String]> = self.store.read(self.tenant.id(), read).await?.unwrap_or_default().into();
        self.consents.0.keep(key, epoch, Arc::clone(&scopes));
        Ok(scopes)
    }
}

/// Adds what is wanted to what the user granted to the client.
pub(crate) fn grant(tx: &mut Tx, user_id: &str, wanted: &Wanted) -> StoreResult {
    if let Some(mut grant) = find(tx, user_id, wanted)? {
        let mut all = scopes(&grant);
        let before = all.len();
        all.extend(wanted.scopes.iter().filter(|scope| !all.contains(scope)).cloned().collect::<Vec<_>>());
        if all.len() > before {
            grant.document.insert("scope".into(), all.into());
            tx.update(&GRANT, grant)?;
        }
    } else {
        let id = tx.context().id(Form::Hex24);
        let mut document = object(json!({
            "id": id,
            "clientID": wanted.client_id,
            "user_id": user_id,
            "audience": wanted.audience,
            "scope": wanted.scopes,
        }));
        if let Some(organization) = &wanted.organization {
            document.insert(ORGANIZATION_ID.into(), organization.as_str().into());
        }
        let record = Record::new(id, document, tx.now());
        tx.insert(&GRANT, record)?;
    }
    Ok(())
}

fn find(reader: &Snapshot, user_id: &str, wanted: &Wanted) -> StoreResult<Option<Record>> {
    let of_user = Filter::equals("user_id", user_id).and(Filter::equals("clientID", wanted.client_id.as_str()));
    let filter = of_user.and(Filter::equals("audience", wanted.audience.as_str()));
    let mut grants = reader.list(&GRANT, &Query::of(filter))?.items.into_iter();
    Ok(grants.find(|grant| grant.text(ORGANIZATION_ID) == wanted.organization.as_deref()))
}

fn scopes(grant: &Record) -> Vec<String> {
    let scopes = grant.document.get("scope").and_then(Value::as_array);
    scopes.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Who the user is, is what a login tells anyway.
fn needs_grant(scope: &str) -> bool {
    scope != "openid"
}
