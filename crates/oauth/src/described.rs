//! Clients that are known by the address of a document in which they describe themselves (draft-ietf-oauth-client-id-metadata-document): the
//! address is their `client_id`. Tokens and logs name them by the identifier that they have here.

use std::sync::Arc;

use kernel::{Record, Tenant, Timestamp};
use model::CLIENT;
use quick_cache::sync::Cache;
use rest::BoxFuture;
use store::{Filter, Query, Snapshot};

use crate::{OAuthError, Site, authorize::AuthorizationError, error::shortened};

/// Longest address.
const LONGEST: usize = 120;
/// How many addresses are remembered.
const KEPT: usize = 10_000;
/// Seconds for which a document that was read is not asked for again.
const FRESH: i64 = 3_600;
/// Seconds for which one that could not be used is not.
const REFUSED: i64 = 60;
/// Who made a client: an administrator, who also brings it up to date.
const BY_ADMINISTRATOR: &str = "admin";

/// Reads documents and makes clients of them.
pub trait DocumentReader: Send + Sync {
    /// Makes the client that a document describes, or brings it up to date. Otherwise why not, in words for whoever uses the application.
    fn read<'a>(&'a self, tenant: &'a Tenant, address: &'a str, ip: &'a str) -> BoxFuture<'a, Result<(), String>>;
}

/// What became of the documents that were asked for.
pub(crate) struct DescribedClients {
    reader: Arc<dyn DocumentReader>,
    seen: Cache<String, (Timestamp, Option<Arc<str>>)>,
}

impl DescribedClients {
    pub(crate) fn new(reader: Arc<dyn DocumentReader>) -> Self {
        Self { reader, seen: Cache::new(KEPT) }
    }
}

/// Whether a `client_id` has the form of an address.
fn is_address(client_id: &str) -> bool {
    client_id.starts_with("https://")
}

impl Site {
    /// The client of a request: by its identifier or, where the tenant knows clients by their documents, by the address of its own.
    pub(crate) async fn client_named(&self, named: &str) -> Result<Option<Arc<Record>>, OAuthError> {
        if !is_address(named) {
            return Ok(self.store.cached(self.tenant.id(), &CLIENT, named).await?);
        }
        if named.len() > LONGEST || !self.settings().await?.client_id_metadata_document_supported {
            return Ok(None);
        }
        let query = Query::of(Filter::equals("external_client_id", named));
        let find = move |reader: &Snapshot| reader.list(&CLIENT, &query);
        let found = self.store.read(self.tenant.id(), find).await?.items;
        let found = found.into_iter().find(|client| client.text("external_metadata_type") == Some("cimd"));
        match found {
            Some(client) => Ok(self.store.cached(self.tenant.id(), &CLIENT, &client.id).await?),
            None => Ok(None),
        }
    }

    /// The identifier of the client that an authorization request names. Its document is read where it is not known, or not lately; not where
    /// an administrator has registered it.
    ///
    /// # Errors
    /// `invalid_request`: nobody knows it, and its document says nothing of use.
    pub(crate) async fn client_of_request(&self, named: &str, ip: &str) -> Result<Option<String>, AuthorizationError> {
        if !is_address(named) {
            return Ok(None);
        }
        if named.len() > LONGEST || !self.settings().await?.client_id_metadata_document_supported {
            return Err(AuthorizationError::unknown_client(named));
        }
        let known = self.client_named(named).await?;
        let is_managed = |client: &Arc<Record>| client.text("external_metadata_created_by") == Some(BY_ADMINISTRATOR);
        if let Some(client) = known.as_ref().filter(|client| is_managed(client)) {
            return Ok(Some(client.id.clone()));
        }
        let key = format!("{} {named}", self.tenant.id());
        let now = self.store.context().now();
        let seen = self.described.seen.get(&key).filter(|(at, refusal)| {
            let fresh = if refusal.is_some() { REFUSED } else { FRESH };
            now.seconds().saturating_sub(at.seconds()) < fresh
        });
        let refused = |reason: &str| {
            let text = format!("The client {} cannot be used: {reason}", shortened(named));
            Err(AuthorizationError::invalid_request(text))
        };
        let client = match (seen, known) {
            (Some((_, Some(reason))), _) => return refused(&reason),
            (Some((_, None)), Some(known)) => Some(known),
            _ => {
                let read = self.described.reader.read(&self.tenant, named, ip).await;
                let refusal: Option<Arc<str>> = read.err().map(Arc::from);
                self.described.seen.insert(key, (now, refusal.clone()));
                if let Some(reason) = refusal {
                    return refused(&reason);
                }
                self.client_named(named).await?
            }
        };
        Ok(Some(client.ok_or_else(|| AuthorizationError::unknown_client(named))?.id.clone()))
    }
}
