//! Client authentication (RFC 6749 §2.3): secret by header or body, or an assertion signed with the client's key.

use std::sync::Arc;

use identity::{
    assertion::{self, Assertion, Credential},
    expiring,
};
use kernel::{Document, Record, Secret};
use model::{CREDENTIAL, USED_ASSERTIONS};
use store::{StoreError, Tx};
use subtle::ConstantTimeEq;

use crate::{
    OAuthError, Site,
    request::{Incoming, Origin, form_decoded},
    views::Client,
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that has shown who it is.
pub(crate) struct Authenticated {
    /// The client's record.
    pub(crate) record: Arc<Record>,
    /// What token requests read of it.
    pub(crate) client: Arc<Client>,
    /// Whether it proved it. A public client only says so.
    pub(crate) has_proven: bool,
}

impl Authenticated {
    /// Has a request come from the address that the client tells, where it is trusted to tell one.
    pub(crate) fn place(&self, origin: &mut Origin) {
        let is_trusted = self.client.is_token_endpoint_ip_header_trusted && self.has_proven;
        if let Some(address) = origin.forwarded_for.take().filter(|_| is_trusted) {
            origin.ip = address;
            // The proxy has told the country of the client, not that of its user.
            origin.country = None;
        }
    }
}

/// How a client means to prove who it is.
enum Proof<'r> {
    None,
    /// By a secret; from the header it may be form-encoded or not.
    Secret {
        secret: &'r str,
        is_encoded: bool,
    },
    Assertion(&'r str),
}

/// The client that a request names, before it has proven anything.
pub(crate) fn claimed(incoming: &Incoming) -> Option<String> {
    let assertion = || incoming.parameters.get("client_assertion").and_then(assertion::claimed_client);
    let basic = incoming.basic.as_ref().map(|basic| basic.client_id.clone());
    basic.or_else(|| incoming.parameters.get("client_id").map(str::to_owned)).or_else(assertion)
}

/// Authenticates the client of a request.
pub(crate) async fn authenticate(site: &Site, incoming: &Incoming) -> Result<Authenticated, OAuthError> {
    let proof = proof(incoming)?;
    let client_id = claimed(incoming).ok_or_else(|| OAuthError::missing("client_id"))?;
    let named = incoming.parameters.get("client_id");
    if named.is_some_and(|named| named != client_id) {
        return Err(OAuthError::unauthorized());
    }
    let record = site.client_named(&client_id).await?;
    let record = record.ok_or_else(OAuthError::unauthorized)?;
    let client = site.views.clients.of(site.tenant.id(), &record)?;
    let mut authenticated = Authenticated { record, client, has_proven: true };
    match proof {
        Proof::Assertion(assertion) => {
            let assertion = check_assertion(site, &authenticated.client, &client_id, assertion).await?;
            use_up(site, &authenticated.client, assertion).await?;
        }
        Proof::Secret { secret, is_encoded } => check_secret(&authenticated.client, secret, is_encoded)?,
        Proof::None if authenticated.client.token_endpoint_auth_method.as_deref() == Some("none") => {
            authenticated.has_proven = false;
        }
        Proof::None => return Err(OAuthError::unauthorized()),
    }
    Ok(authenticated)
}

/// The one proof in the request. RFC 6749 §2.3: a client must not use more than one method.
fn proof(incoming: &Incoming) -> Result<Proof<'_>, OAuthError> {
    let parameters = &incoming.parameters;
    let mut proofs = Vec::new();
    if let Some(assertion) = parameters.get("client_assertion") {
        if parameters.require("client_assertion_type")? != ASSERTION_TYPE {
            return Err(OAuthError::invalid_request("Unsupported client_assertion_type"));
        }
        proofs.push(Proof::Assertion(assertion));
    }
    if let Some(secret) = parameters.get("client_secret") {
        proofs.push(Proof::Secret { secret, is_encoded: false });
    }
    if let Some(basic) = incoming.basic.as_ref().filter(|basic| !basic.secret.reveal().is_empty()) {
        proofs.push(Proof::Secret { secret: basic.secret.reveal(), is_encoded: true });
    }
    let proof = proofs.pop().unwrap_or(Proof::None);
    if proofs.is_empty() {
        Ok(proof)
    } else {
        Err(OAuthError::invalid_request("Only one client authentication method may be used"))
    }
}

fn check_secret(client: &Client, secret: &str, is_encoded: bool) -> Result<(), OAuthError> {
    let known = client.secret.as_ref().filter(|_| !client.has_no_secret_method());
    let known = known.ok_or_else(OAuthError::unauthorized)?;
    let is_right = is_same(known, secret) || (is_encoded && is_same(known, &form_decoded(secret)));
    if is_right { Ok(()) } else { Err(OAuthError::unauthorized()) }
}

/// Compares in a time that depends on the lengths only.
fn is_same(known: &Secret, given: &str) -> bool {
    known.reveal().as_bytes().ct_eq(given.as_bytes()).into()
}

/// Remembers an assertion before anything is done for it: whatever becomes of the request, it does not work again.
async fn use_up(site: &Site, client: &Client, assertion: Assertion) -> Result<(), OAuthError> {
    let Assertion { id, expires } = assertion;
    let secret = format!("{} {id}", client.id);
    let remember =
        move |tx: &mut Tx| tx.put_single_use(USED_ASSERTIONS, &expiring::key(&secret), Document::new(), None, expires);
    match site.store.write(site.tenant.id(), remember).await {
        Ok(()) => Ok(()),
        Err(StoreError::Taken { .. }) => Err(OAuthError::client_authentication("client assertion was used before")),
        Err(error) => Err(error.into()),
    }
}

/// Checks an assertion, in which the client calls itself as the request does.
async fn check_assertion(
    site: &Site,
    client: &Client,
    client_id: &str,
    assertion: &str,
) -> Result<Assertion, OAuthError> {
    let ids = client.assertion_credentials().ok_or_else(OAuthError::unauthorized)?;
    let mut credentials: Vec<Credential> = Vec::new();
    for id in ids {
        if let Some(record) = site.store.cached(site.tenant.id(), &CREDENTIAL, id).await? {
            credentials.push(record.view()?);
        }
    }
    let issuer = site.tenant.issuer();
    let endpoint = format!("{issuer}oauth/token");
    let now = site.store.context().now();
    let verified = assertion::verify(assertion, client_id, &credentials, &[issuer, &endpoint], now);
    verified.map_err(OAuthError::client_authentication)
}
