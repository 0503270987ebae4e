//! Verification of our own access tokens, cached until they end.

use std::sync::Arc;

use aws_lc_rs::digest;
use kernel::{Record, Tenant, TenantId, Value};
use model::{
    BLACKLISTED_TOKEN, CLIENT, CLIENT_GRANT, SIGNING_KEY,
    views::{ClientGrant, View as _},
};
use quick_cache::sync::Cache;
use store::{Kind, Store};

use crate::{Error, blacklist, jwt::Jwt, keys::SigningKeys, signature::Algorithm};

/// Tokens whose verification is remembered.
const REMEMBERED: usize = 50_000;
/// A change to a record of these kinds may end a token: its key, its client, its grant, its place on the
/// blacklist.
const DECIDING: [&Kind; 4] = [&SIGNING_KEY, &CLIENT, &CLIENT_GRANT, &BLACKLISTED_TOKEN];
/// What follows the client's id in the subject of a token that no user stands behind.
const MACHINE: &str = "@clients";

/// What a verified access token says.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The tenant that issued it.
    pub tenant: TenantId,
    /// `sub`.
    pub subject: String,
    /// `azp`, or `client_id` in the profile of RFC 9068.
    pub client_id: Option<String>,
    /// `jti`.
    pub token_id: Option<String>,
    /// The scopes that it holds and that its grant, where it rests on one, still gives.
    pub scopes: Vec<String>,
    /// Whether a user, not a machine, stands behind it.
    pub is_user: bool,
    /// `org_id`: the organization that it is for.
    pub organization: Option<String>,
    /// `org_name`.
    pub organization_name: Option<String>,
    /// `act`: who acts for the user.
    pub actor: Option<Value>,
}

/// Why a token is refused.
#[derive(Debug)]
pub enum TokenError {
    /// Not a token, of another issuer or for another audience, resting on a client or grant that is gone, or blacklisted.
    Invalid,
    /// Signed by nobody we know, or by a revoked key.
    BadSignature,
    /// Its time is over.
    Expired,
    /// It could not be judged.
    Failed(Error),
}

impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<store::StoreError> for TokenError {
    fn from(error: store::StoreError) -> Self {
        Self::Failed(error.into())
    }
}

/// Verifies access tokens by signature, issuer, audience and expiry, and remembers the outcome by the token's SHA-256
/// until the token expires. A change to a signing key, client or client grant makes it look again whether the token's
/// own key, client and grant still stand; the signature is not computed again.
///
/// `T` is what the server makes of a token once, such as its caller, and keeps with it.
pub struct Verifier<T> {
    store: Store,
    keys: SigningKeys,
    audience: Audience,
    view: fn(&AccessToken) -> T,
    remembered: Cache<(TenantId, [u8; 32]), Arc<Remembered<T>>>,
}

/// The audience that a tenant's tokens of this issuer must be for.
pub type Audience = fn(&Tenant, &str) -> String;

struct Remembered<T> {
    kid: String,
    issuer: String,
    token: AccessToken,
    expires: i64,
    epochs: [u64; 4],
    view: Arc<T>,
}

impl<T> Verifier<T> {
    /// A verifier of the tokens that tenants issue for one of their own APIs.
    pub fn new(store: Store, keys: SigningKeys, audience: Audience, view: fn(&AccessToken) -> T) -> Self {
        Self { store, keys, audience, view, remembered: Cache::new(REMEMBERED) }
    }

    /// Verifies a token that a request to this tenant brings.
    pub async fn verify(&self, tenant: &Tenant, token: &str) -> Result<Arc<T>, TokenError> {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        let digest: [u8; 32] = digest.as_ref().try_into().expect("SHA-256 gives 32 bytes");
        // By tenant too: what one knows of a token says nothing to another.
        let key = (tenant.id().clone(), digest);
        let epochs = self.epochs(tenant.id());
        let now = self.store.context().now().seconds();
        let signed = match self.remembered.get(&key) {
            Some(remembered) if remembered.expires <= now => {
                self.remembered.remove(&key);
                return Err(TokenError::Expired);
            }
            // The same token may come by another of the tenant's domains.
            Some(remembered) if !tenant.is_issuer(&remembered.issuer) => return Err(TokenError::Invalid),
            Some(remembered) if remembered.epochs == epochs => return Ok(Arc::clone(&remembered.view)),
            Some(remembered) => {
                let is_known = self.keys.of(tenant.id()).await?.key(&remembered.kid).is_some();
                if !is_known {
                    self.remembered.remove(&key);
                    return Err(TokenError::BadSignature);
                }
                let Remembered { kid, issuer, token, expires, .. } = &*remembered;
                Signed { kid: kid.clone(), issuer: issuer.clone(), token: token.clone(), expires: *expires }
            }
            None => self.check(tenant, token, now).await?,
        };
        let outcome = self.admit(tenant, &signed.token).await;
        let Ok(view) = outcome else {
            self.remembered.remove(&key);
            return outcome;
        };
        let Signed { kid, issuer, token, expires } = signed;
        let remembered = Remembered { kid, issuer, token, expires, epochs, view: Arc::clone(&view) };
        self.remembered.insert(key, Arc::new(remembered));
        Ok(view)
    }

    /// Everything that the token itself decides.
    async fn check(&self, tenant: &Tenant, token: &str, now: i64) -> Result<Signed, TokenError> {
        let jwt = Jwt::parse(token).ok_or(TokenError::Invalid)?;
        // A secret shared with an audience proves nothing here: only the tenant's own key pair does.
        let algorithm =
            jwt.algorithm.filter(|algorithm| *algorithm != Algorithm::Hs256).ok_or(TokenError::BadSignature)?;
        let keys = self.keys.of(tenant.id()).await?;
        let kid = jwt.kid.clone().ok_or(TokenError::BadSignature)?;
        let key = keys.key(&kid).ok_or(TokenError::BadSignature)?;
        if !key.verify(algorithm, jwt.signed, &jwt.signature) {
            return Err(TokenError::BadSignature);
        }
        let is_ours = |issuer: &&str| {
            let (audience, userinfo) = ((self.audience)(tenant, issuer), format!("{issuer}userinfo"));
            // A user's token is for one API and for the endpoint that tells the profile, both of this tenant.
            let beside = if audience == userinfo { jwt.audiences() } else { vec![userinfo.as_str()] };
            tenant.is_issuer(issuer) && jwt.is_for(&[&audience], &beside)
        };
        let issuer = jwt.text("iss").filter(is_ours);
        let (Some(subject), Some(expires), Some(issuer)) = (jwt.text("sub"), jwt.seconds("exp"), issuer) else {
            return Err(TokenError::Invalid);
        };
        if expires <= now {
            return Err(TokenError::Expired);
        }
        let scopes = jwt.text("scope").unwrap_or_default().split_ascii_whitespace();
        let token = AccessToken {
            tenant: tenant.id().clone(),
            subject: subject.to_owned(),
            client_id: jwt.text("azp").or_else(|| jwt.text("client_id")).map(str::to_owned),
            token_id: jwt.text("jti").map(str::to_owned),
            scopes: scopes.map(str::to_owned).collect(),
            is_user: !subject.ends_with(MACHINE),
            organization: jwt.text("org_id").map(str::to_owned),
            organization_name: jwt.text("org_name").map(str::to_owned),
            actor: jwt.claims.get("act").cloned(),
        };
        Ok(Signed { kid, issuer: issuer.to_owned(), token, expires })
    }

    /// Whether the token's client, and the grant that a machine's token rests on, still stand.
    async fn admit(&self, at: &Tenant, token: &AccessToken) -> Result<Arc<T>, TokenError> {
        let tenant = at.id();
        let client_id = token.client_id.as_deref().ok_or(TokenError::Invalid)?;
        if self.is_blacklisted(at, token, client_id).await? {
            return Err(TokenError::Invalid);
        }
        let client = self.store.cached(tenant, &CLIENT, client_id).await?.ok_or(TokenError::Invalid)?;
        if token.is_user {
            return Ok(Arc::new((self.view)(token)));
        }
        let grant = grant_of(&self.store, tenant, &client, at.management_audience(), "client").await?;
        let grant = grant.ok_or(TokenError::Invalid)?;
        let mut admitted = token.clone();
        let given = ClientGrant::of(&grant).map_err(Error::from)?;
        if !given.allow_all_scopes {
            admitted.scopes.retain(|scope| given.has(scope));
        }
        Ok(Arc::new((self.view)(&admitted)))
    }

    /// Whether the token is refused by its `jti`: at all, for this audience, or for its client.
    async fn is_blacklisted(&self, tenant: &Tenant, token: &AccessToken, client_id: &str) -> Result<bool, TokenError> {
        let Some(jti) = &token.token_id else { return Ok(false) };
        for audience in [None, Some(tenant.management_audience()), Some(client_id)] {
            let id = blacklist::id(audience, jti);
            if self.store.cached(tenant.id(), &BLACKLISTED_TOKEN, &id).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn epochs(&self, tenant: &TenantId) -> [u64; 4] {
        DECIDING.map(|kind| self.store.epoch(tenant, kind))
    }
}

struct Signed {
    kid: String,
    issuer: String,
    token: AccessToken,
    expires: i64,
}

/// The grant by which a client may use an API: its own, else the one for all third-party clients.
pub async fn grant_of(
    store: &Store,
    tenant: &TenantId,
    client: &Record,
    audience: &str,
    subject_type: &str,
) -> store::StoreResult<Option<Arc<Record>>> {
    let own = format!("{} {audience} {subject_type}", client.id);
    let grant = store.cached_by(tenant, &CLIENT_GRANT, "grant", &own).await?;
    let is_third_party = client.document.get("is_first_party") == Some(&false.into());
    if grant.is_some() || !is_third_party {
        return Ok(grant);
    }
    let shared = format!("third_party_clients {audience} {subject_type}");
    store.cached_by(tenant, &CLIENT_GRANT, "grant", &shared).await
}
