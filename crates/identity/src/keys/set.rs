//! The keys of a tenant, parsed once and kept until one of them changes.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::{rand::SystemRandom, signature::RsaKeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use kernel::{Record, Secret, TenantId};
use serde::Serialize;
use serde_json::{Value, json};
use store::Store;
use zeroize::Zeroizing;

use super::{NewKey, Role};
use crate::{
    Error, Result,
    certificate::Certificate,
    jwt::{self, Header},
    pool::Pool,
    signature::{Algorithm, PublicKey, decoded, hmac_sha256},
};

/// Signatures that may wait. At 600 µs each this is under three seconds of one core.
const WAITING: usize = 4096;

/// Signs tokens and knows the keys that check them, for all tenants. Cheap to clone.
#[derive(Clone)]
pub struct SigningKeys(Arc<Inner>);

struct Inner {
    store: Store,
    pool: Pool,
    sets: RwLock<HashMap<TenantId, Arc<KeySet>>>,
}

/// A tenant's keys that are not revoked, parsed.
pub struct KeySet {
    epoch: u64,
    current: Arc<SigningKey>,
    has_next: bool,
    keys: HashMap<String, PublicKey>,
    jwks: Bytes,
    jwks_without_alg: Bytes,
    certificate: Certificate,
}

/// A private key, parsed, with its name.
pub struct SigningKey {
    kid: String,
    pair: RsaKeyPair,
}

/// How a token is to be signed.
#[derive(Clone, Debug)]
pub enum Signing {
    /// With the tenant's current key.
    Key(Algorithm),
    /// HS256 with a secret shared with the audience.
    Shared(Secret),
    /// The same with a secret that is written in base64url.
    Encoded(Secret),
}

impl SigningKeys {
    /// Keys of the tenants in this store.
    pub fn new(store: Store) -> Self {
        let pool = Pool::of_cores("sign", WAITING);
        Self(Arc::new(Inner { store, pool, sets: RwLock::default() }))
    }

    /// The tenant's keys as of now.
    pub async fn of(&self, tenant: &TenantId) -> Result<Arc<KeySet>> {
        // Asked before the records are read: a change in between makes the set look old, never new.
        let epoch = self.0.store.epoch(tenant, &model::SIGNING_KEY);
        let kept = self.0.sets.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned();
        if let Some(set) = kept.filter(|set| set.epoch == epoch) {
            return Ok(set);
        }
        let records = self.0.store.read(tenant, super::list).await?;
        let set = self.0.pool.run(move || KeySet::parse(epoch, &records)).await??;
        let set = Arc::new(set);
        self.0.sets.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), Arc::clone(&set));
        Ok(set)
    }

    /// The tenant's keys, after making the next key where there is none yet.
    pub async fn complete(&self, tenant: &TenantId, domain: &str) -> Result<Arc<KeySet>> {
        let set = self.of(tenant).await?;
        if set.has_next {
            return Ok(set);
        }
        let key = Arc::new(self.generate(domain).await?);
        self.0.store.write(tenant, move |tx| super::add_next(tx, &key)).await?;
        self.of(tenant).await
    }

    /// Makes a key on the pool, for [`rotate`](super::rotate).
    pub async fn generate(&self, domain: &str) -> Result<NewKey> {
        let context = self.0.store.context().clone();
        let domain = domain.to_owned();
        Ok(self.0.pool.run(move || NewKey::generate(&context, &domain)).await?)
    }

    /// Signs a token of type `typ`.
    pub async fn sign<C>(&self, tenant: &TenantId, signing: Signing, typ: &'static str, claims: C) -> Result<String>
    where
        C: Serialize + Send + 'static,
    {
        match signing {
            Signing::Shared(secret) => sign_shared(secret.reveal().as_bytes(), typ, &claims),
            Signing::Encoded(secret) => {
                let key = decoded(&secret).ok_or_else(|| Error::failed("a secret is not base64url"))?;
                sign_shared(&key, typ, &claims)
            }
            Signing::Key(algorithm) => {
                let key = Arc::clone(&self.of(tenant).await?.current);
                self.0.pool.run(move || key.sign(algorithm, typ, &claims)).await?
            }
        }
    }
}

impl KeySet {
    fn parse(epoch: u64, records: &[Record]) -> Result<Self> {
        let mut current = None;
        let mut keys = HashMap::new();
        let mut published = Vec::new();
        let usable = records.iter().filter_map(|record| Role::of(record).map(|role| (role, record)));
        for (role, record) in usable.clone() {
            let unreadable = || Error::failed(format!("signing key {} is unreadable", record.id));
            let certificate = Certificate::from_pem(record.text("cert").unwrap_or_default()).ok_or_else(unreadable)?;
            let public = PublicKey::from_certificate(certificate.der()).map_err(|_| unreadable())?;
            published.push(jwk(&record.id, &certificate, &public).ok_or_else(unreadable)?);
            if role == Role::Current {
                let private = STANDARD.decode(record.sealed.text("private_key").unwrap_or_default());
                let private = Zeroizing::new(private.map_err(|_| unreadable())?);
                let key = SigningKey::from_pkcs8(&record.id, &private).ok_or_else(unreadable)?;
                current = Some((key, certificate));
            }
            keys.insert(record.id.clone(), public);
        }
        let (current, certificate) = current.ok_or_else(|| Error::failed("the tenant has no current signing key"))?;
        let jwks = Bytes::from(json!({ "keys": published }).to_string());
        for key in &mut published {
            key.as_object_mut().and_then(|members| members.shift_remove("alg"));
        }
        Ok(Self {
            epoch,
            current: Arc::new(current),
            has_next: usable.clone().any(|(role, _)| role == Role::Next),
            keys,
            jwks,
            jwks_without_alg: Bytes::from(json!({ "keys": published }).to_string()),
            certificate,
        })
    }

    /// The key with this `kid`, unless it is revoked.
    pub fn key(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.get(kid)
    }

    /// The JSON Web Key Set that is published. The tenant's flag `remove_alg_from_jwks` leaves `alg` out.
    pub fn jwks(&self, with_algorithm: bool) -> Bytes {
        if with_algorithm { self.jwks.clone() } else { self.jwks_without_alg.clone() }
    }

    /// The current key's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

impl SigningKey {
    /// Reads an RSA key in PKCS#8.
    pub fn from_pkcs8(kid: &str, der: &[u8]) -> Option<Self> {
        let pair = RsaKeyPair::from_pkcs8(der).ok()?;
        Some(Self { kid: kid.to_owned(), pair })
    }

    /// Signs a token of type `typ`. Takes most of a millisecond: servers use [`SigningKeys::sign`].
    pub fn sign(&self, algorithm: Algorithm, typ: &str, claims: &impl Serialize) -> Result<String> {
        let refused = |what: &str| Error::failed(format!("{} token: {what}", algorithm.name()));
        let encoding = algorithm.rsa_encoding().ok_or_else(|| refused("a tenant's keys are RSA keys"))?;
        let header = Header { alg: algorithm.name(), typ, kid: Some(&self.kid) };
        let input = jwt::signing_input(&header, claims).map_err(|error| refused(&error.to_string()))?;
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let signed = self.pair.sign(encoding, &SystemRandom::new(), input.as_bytes(), &mut signature);
        signed.map_err(|_| refused("the key does not sign"))?;
        Ok(jwt::finish(input, &signature))
    }
}

fn sign_shared(key: &[u8], typ: &str, claims: &impl Serialize) -> Result<String> {
    let header = Header { alg: Algorithm::Hs256.name(), typ, kid: None };
    let input = jwt::signing_input(&header, claims).map_err(Error::failed)?;
    let signature = hmac_sha256(key, input.as_bytes());
    Ok(jwt::finish(input, &signature))
}

/// A key as the set shows it, members in the service's order.
fn jwk(kid: &str, certificate: &Certificate, public: &PublicKey) -> Option<Value> {
    let (modulus, exponent) = public.rsa_members()?;
    Some(json!({
        "alg": "RS256",
        "kty": "RSA",
        "use": "sig",
        "n": modulus,
        "e": exponent,
        "kid": kid,
        "x5t": certificate.x5t(),
        "x5c": [certificate.x5c()],
    }))
}
