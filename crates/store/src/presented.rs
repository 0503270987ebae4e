//! What bearers present (cookies, refresh tokens, codes, tickets) is stored as keyed hashes alone: who reads the database can
//! neither present it nor try guesses.

use std::fmt;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::Secret;

use crate::{Snapshot, StoreError, StoreResult, connection::Param};

/// Bytes of a hash that are kept: half of its output, which RFC 2104 §5 names as enough.
const LENGTH: usize = 16;

/// The hash of something presented, under a key of the tenant. The same text presented for another purpose or to another
/// tenant has another hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyedHash([u8; LENGTH]);

impl KeyedHash {
    /// As text: 22 characters of the base64url alphabet.
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    pub(crate) fn of(tag: &hmac::Tag) -> Self {
        Self(tag.as_ref()[..LENGTH].try_into().expect("a tag is longer than what is kept of it"))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether these are the bytes of the hash. An attacker cannot choose what the hash begins with, so that the time
    /// taken tells nothing.
    pub(crate) fn is(&self, bytes: Option<&[u8]>) -> bool {
        bytes == Some(&self.0[..])
    }
}

impl<'a> From<&'a KeyedHash> for Param<'a> {
    fn from(hash: &'a KeyedHash) -> Self {
        hash.bytes().into()
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(…)")
    }
}

impl Snapshot {
    /// The hash under which something presented for a purpose is stored. It stays the same when the tenant's other keys are
    /// renewed.
    pub fn keyed_hash(&self, purpose: &str, presented: &str) -> StoreResult<KeyedHash> {
        let tag = self.tag(purpose, presented.as_bytes())?;
        Ok(KeyedHash::of(&tag))
    }

    /// The whole output of the tenant's keyed hash.
    pub(crate) fn tag(&self, purpose: &str, presented: &[u8]) -> StoreResult<hmac::Tag> {
        let known = self.known.as_ref().ok_or_else(|| StoreError::Corrupt("no tenant to hash for".to_owned()))?;
        let mut context = hmac::Context::with_key(&known.hash_key);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(presented);
        Ok(context.sign())
    }

    /// A text that nobody can guess: 43 characters of the base64url alphabet.
    pub(crate) fn new_secret(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.context().bytes::<32>()))
    }
}
