//! A tenant's signing keys: their life (next, current, previous, revoked), and the parsed set that signs and checks.

mod set;

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use kernel::{Context, Document, Record, Timestamp, Value, id, object};
use model::SIGNING_KEY;
use serde_json::json;
use store::{Filter, Order, Paging, Query, Snapshot, StoreResult, Tx};

use crate::{Error, Result, certificate::CertifiedKey};

pub use set::{KeySet, Signing, SigningKey, SigningKeys};

/// 5,000 days, the life of a tenant's certificate.
const LIFETIME: Duration = Duration::from_secs(5_000 * 86_400);
/// The service goes on showing this many revoked keys.
const REVOKED_SHOWN: usize = 3;

/// A fresh key that is not stored yet. Making one is slow, so it happens outside of transactions.
pub struct NewKey(CertifiedKey);

impl NewKey {
    /// Makes a key for the tenant that lives at `domain`.
    pub fn generate(context: &Context, domain: &str) -> Self {
        // The name in a certificate has no port (RFC 5280, upper bound of 64 characters).
        let host = domain.split(':').next().unwrap_or(domain);
        let common_name: String = host.chars().take(64).collect();
        Self(CertifiedKey::generate(context, &common_name, LIFETIME))
    }

    fn record(&self, tx: &Tx, role: Role) -> Record {
        let kid = tx.context().text(id::BASE64URL, 21);
        let certificate = &self.0.certificate;
        let document = object(json!({
            "kid": kid,
            "cert": certificate.pem(),
            "pkcs7": certificate.pkcs7(),
            "current": false,
            "next": false,
            "previous": false,
            "fingerprint": certificate.fingerprint(),
            "thumbprint": certificate.thumbprint(),
            "revoked": false,
        }));
        let mut record = Record::new(kid, document, tx.now());
        record.sealed.set("private_key", STANDARD.encode(&*self.0.private_key));
        role.mark(&mut record.document, tx.now());
        record
    }
}

/// What a key that is not revoked is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Current,
    Next,
    Previous,
}

impl Role {
    fn of(record: &Record) -> Option<Self> {
        if record.is("revoked") {
            None
        } else if record.is("current") {
            Some(Self::Current)
        } else if record.is("next") {
            Some(Self::Next)
        } else {
            Some(Self::Previous)
        }
    }

    fn mark(self, document: &mut Document, now: Timestamp) {
        document.insert("current".into(), (self == Self::Current).into());
        document.insert("next".into(), (self == Self::Next).into());
        document.insert("previous".into(), (self == Self::Previous).into());
        match self {
            Self::Current => document.insert("current_since".into(), now.into()),
            Self::Previous => document.insert("current_until".into(), now.into()),
            Self::Next => None,
        };
    }
}

/// Makes and stores a new tenant's first key. It generates the key inside the transaction, which only a tenant that
/// nobody uses yet can afford. The next key follows later ([`SigningKeys::complete`]).
pub fn create_first(tx: &mut Tx, domain: &str) -> StoreResult<Record> {
    let key = NewKey::generate(tx.context(), domain);
    insert(tx, &key, Role::Current)
}

/// Stores a next key if there is none. A tenant without a current key is not the one that the key was made for: it has the name
/// of one that was deleted meanwhile, and gets keys of its own.
pub fn add_next(tx: &mut Tx, key: &NewKey) -> StoreResult<()> {
    if find(tx, Role::Current)?.is_some() && find(tx, Role::Next)?.is_none() {
        insert(tx, key, Role::Next)?;
    }
    Ok(())
}

/// Rotates: next becomes current, current becomes previous, `key` becomes next and is returned.
pub fn rotate(tx: &mut Tx, key: &NewKey) -> StoreResult<Record> {
    if promote_next(tx)?.is_some() {
        return insert(tx, key, Role::Next);
    }
    // A tenant whose next key was not made yet: the new key is it.
    retire_current(tx)?;
    insert(tx, key, Role::Current)
}

/// Revokes a key: tokens signed with it are refused from now on, and it leaves the key set. Revoking the current key
/// makes the next one current first, so that the tenant can always sign.
pub fn revoke(tx: &mut Tx, kid: &str) -> Result<Record> {
    let mut record = tx.get(&SIGNING_KEY, kid)?.ok_or(Error::UnknownSigningKey)?;
    if Role::of(&record) == Some(Role::Current) {
        promote_next(tx)?.ok_or(Error::NoNextSigningKey)?;
        record = tx.get(&SIGNING_KEY, kid)?.ok_or(Error::UnknownSigningKey)?;
    }
    if !record.is("revoked") {
        for flag in ["current", "next", "previous"] {
            record.document.insert(flag.into(), Value::Bool(false));
        }
        record.document.insert("revoked".into(), Value::Bool(true));
        record.document.insert("revoked_at".into(), tx.now().into());
        record = tx.update(&SIGNING_KEY, record)?;
    }
    Ok(record)
}

/// The keys as the service lists them: current, next, previous ones (latest first), the last three revoked ones.
pub fn list(reader: &Snapshot) -> StoreResult<Vec<Record>> {
    let mut records = all(reader)?;
    records.reverse();
    let revoked = records.extract_if(.., |record| record.is("revoked")).take(REVOKED_SHOWN).collect::<Vec<_>>();
    records.retain(|record| !record.is("revoked"));
    records.sort_by_key(|record| match Role::of(record) {
        Some(Role::Current) => 0,
        Some(Role::Next) => 1,
        _ => 2,
    });
    records.extend(revoked);
    Ok(records)
}

fn all(reader: &Snapshot) -> StoreResult<Vec<Record>> {
    let query = Query { filter: Filter::All, order: Order::Created, paging: Paging::All, with_total: false };
    Ok(reader.list(&SIGNING_KEY, &query)?.items)
}

fn find(reader: &Snapshot, role: Role) -> StoreResult<Option<Record>> {
    Ok(all(reader)?.into_iter().find(|record| Role::of(record) == Some(role)))
}

fn insert(tx: &mut Tx, key: &NewKey, role: Role) -> StoreResult<Record> {
    let record = key.record(tx, role);
    tx.insert(&SIGNING_KEY, record)
}

fn turn(tx: &mut Tx, mut record: Record, role: Role) -> StoreResult<Record> {
    role.mark(&mut record.document, tx.now());
    tx.update(&SIGNING_KEY, record)
}

/// Makes the next key the current one; `None` when there is no next key.
fn promote_next(tx: &mut Tx) -> StoreResult<Option<Record>> {
    let Some(next) = find(tx, Role::Next)? else { return Ok(None) };
    retire_current(tx)?;
    turn(tx, next, Role::Current).map(Some)
}

fn retire_current(tx: &mut Tx) -> StoreResult<()> {
    if let Some(current) = find(tx, Role::Current)? {
        turn(tx, current, Role::Previous)?;
    }
    Ok(())
}
