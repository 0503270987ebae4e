//! Encryption at rest: each tenant has data keys of its own, wrapped by a root key of its own, which the installation's
//! root key wraps.

use std::{collections::HashMap, fmt, sync::Arc};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::{Context, Sealed};
use zeroize::{Zeroize, Zeroizing};

use crate::{StoreError, StoreResult};

/// Length of all keys, in bytes.
const KEY: usize = 32;
/// First byte of everything encrypted, so that the form can change one day.
const FORM: u8 = 1;

/// The bytes of a key, wiped when dropped.
pub(crate) type KeyBytes = Zeroizing<[u8; KEY]>;

/// A root key, the installation's or a tenant's: it encrypts only other keys.
#[derive(Clone)]
pub struct RootKey(KeyBytes);

impl RootKey {
    /// A new root key.
    pub fn generate(context: &Context) -> Self {
        Self(Zeroizing::new(context.bytes()))
    }

    /// A key of these bytes; `None` when they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// The bytes, for whoever wraps this key.
    pub(crate) fn bytes(&self) -> &[u8; KEY] {
        &self.0
    }

    /// Reads 32 bytes written as hexadecimal digits or base64 (either alphabet).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut bytes = from_hex(text).or_else(|| {
            let standard = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
            STANDARD.decode(&*standard).or_else(|_| STANDARD.decode(format!("{}=", &*standard))).ok()
        })?;
        let key = Self::from_bytes(&bytes);
        bytes.zeroize();
        key
    }

    /// The key in base64, as [`RootKey::parse`] reads it.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(*self.0))
    }

    /// Encrypts a key for its place.
    pub(crate) fn wrap(&self, context: &Context, place: &str, key: &[u8; KEY]) -> Vec<u8> {
        encrypt(context, &cipher(&self.0), vec![FORM], place, key)
    }

    /// Decrypts what [`RootKey::wrap`] made for the same place.
    pub(crate) fn unwrap(&self, place: &str, wrapped: &[u8]) -> StoreResult<KeyBytes> {
        let [FORM, wrapped @ ..] = wrapped else { return Err(StoreError::WrongRootKey) };
        let plain = decrypt(&cipher(&self.0), place, wrapped);
        let key = plain.and_then(|plain| plain.as_slice().try_into().ok()).ok_or(StoreError::WrongRootKey)?;
        Ok(Zeroizing::new(key))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(…)")
    }
}

/// Where a data key is wrapped.
pub(crate) fn data_key_place(tenant: &str, version: i64) -> String {
    format!("data key\0{tenant}\0{version}")
}

/// Where a tenant's own root key is wrapped.
pub(crate) fn root_key_place(tenant: &str, number: i64) -> String {
    format!("root key\0{tenant}\0{number}")
}

/// Where a tenant's key for hashes is wrapped.
pub(crate) fn hash_key_place(tenant: &str) -> String {
    format!("hash key\0{tenant}")
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len() == 2 * KEY && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs = (0..text.len()).step_by(2);
    is_hex.then(|| pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("two hexadecimal digits")).collect())
}

/// A new key's bytes.
pub(crate) fn new_key(context: &Context) -> KeyBytes {
    Zeroizing::new(context.bytes())
}

/// A tenant's data keys, ready for use. The library wipes a key when it is dropped.
#[derive(Clone)]
pub(crate) struct DataKeys {
    keys: HashMap<i64, Arc<LessSafeKey>>,
    newest: i64,
}

impl DataKeys {
    pub(crate) fn new(keys: impl IntoIterator<Item = (i64, KeyBytes)>) -> Self {
        let keys: HashMap<_, _> = keys.into_iter().map(|(version, key)| (version, Arc::new(cipher(&key)))).collect();
        let newest = keys.keys().copied().max().unwrap_or(0);
        Self { keys, newest }
    }

    /// The version that encrypts.
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// Encrypts for a place; the bytes can be read back only there. Nothing for nothing.
    pub(crate) fn seal(&self, context: &Context, place: &Place<'_>, sealed: &Sealed) -> StoreResult<Option<Vec<u8>>> {
        if sealed.is_empty() {
            return Ok(None);
        }
        self.seal_bytes(context, place, &sealed.to_plaintext()).map(Some)
    }

    /// Encrypts bytes for a place.
    pub(crate) fn seal_bytes(&self, context: &Context, place: &Place<'_>, bytes: &[u8]) -> StoreResult<Vec<u8>> {
        let key =
            self.keys.get(&self.newest).ok_or_else(|| StoreError::Corrupt("the tenant has no data key".into()))?;
        let version = u32::try_from(self.newest).expect("data keys are few");
        let mut head = vec![FORM];
        head.extend(version.to_be_bytes());
        Ok(encrypt(context, key, head, &place.to_text(), bytes))
    }

    /// Decrypts what [`DataKeys::seal_bytes`] made for the same place; `None` for everything else.
    pub(crate) fn open_bytes(&self, place: &Place<'_>, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (version, rest) = version_of(bytes)?;
        decrypt(self.keys.get(&version)?, &place.to_text(), rest)
    }

    /// Decrypts what [`DataKeys::seal`] made for the same place. `None`: by a key that is not among these.
    pub(crate) fn open(&self, place: &Place<'_>, bytes: Option<&[u8]>) -> StoreResult<Option<Sealed>> {
        let Some(bytes) = bytes else { return Ok(Some(Sealed::new())) };
        let unreadable = || StoreError::Corrupt(format!("sealed values of {} {}", place.kind, place.id));
        let Some((version, rest)) = version_of(bytes) else { return Err(unreadable()) };
        let Some(key) = self.keys.get(&version) else { return Ok(None) };
        let plain = decrypt(key, &place.to_text(), rest).ok_or_else(unreadable)?;
        Sealed::from_plaintext(&plain).map(Some).map_err(|_| unreadable())
    }
}

/// The version of the key that encrypted, and what it encrypted.
pub(crate) fn version_of(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (&FORM, rest) = bytes.split_first()? else { return None };
    let (version, rest) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*version).into(), rest))
}

/// Where sealed values belong: moved elsewhere, they cannot be read.
pub(crate) struct Place<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) id: &'a str,
}

impl Place<'_> {
    fn to_text(&self) -> String {
        format!("{}\0{}\0{}", self.tenant, self.kind, self.id)
    }
}

fn cipher(key: &[u8; KEY]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the cipher's length"))
}

/// Appends nonce, ciphertext and tag to `head`.
fn encrypt(context: &Context, key: &LessSafeKey, head: Vec<u8>, place: &str, plain: &[u8]) -> Vec<u8> {
    let nonce = context.bytes::<NONCE_LEN>();
    let mut secret = plain.to_vec();
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut secret)
        .expect("a record is shorter than the cipher's limit");
    let mut bytes = head;
    bytes.extend(nonce);
    bytes.extend(secret);
    bytes.extend(tag.as_ref());
    bytes
}

fn decrypt(key: &LessSafeKey, place: &str, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, secret) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let mut plain = Zeroizing::new(secret.to_vec());
    let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place.as_bytes()), &mut plain);
    let length = opened.ok()?.len();
    plain.truncate(length);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_key_is_read_in_all_its_forms() {
        let key = RootKey::generate(&Context::system());
        let text = key.to_text();
        let hex = key.0.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"));
        let url = text.replace('+', "-").replace('/', "_");
        for form in [text.as_str(), &hex, &url, url.trim_end_matches('='), &format!(" {hex}\n")] {
            assert_eq!(RootKey::parse(form).map(|read| *read.0), Some(*key.0), "{form}");
        }
        for wrong in ["", "abc", &hex[1..], "ü"] {
            assert!(RootKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn carried_bytes_are_readable_only_in_their_place() {
        let context = Context::system();
        let keys = DataKeys::new([(1, new_key(&context))]);
        let place = Place { tenant: "a", kind: "login", id: "1" };
        let bytes = keys.seal_bytes(&context, &place, b"x").unwrap();
        assert_eq!(keys.open_bytes(&place, &bytes).unwrap().as_slice(), b"x");
        let others = [("b", "login", "1"), ("a", "logout", "1"), ("a", "login", "2")];
        for (tenant, kind, id) in others {
            assert!(keys.open_bytes(&Place { tenant, kind, id }, &bytes).is_none());
        }
        for wrong in [&[][..], b"\x01", &bytes[..bytes.len() - 1]] {
            assert!(keys.open_bytes(&place, wrong).is_none());
        }
    }

    #[test]
    fn sealed_values_are_readable_only_in_their_place() {
        let context = Context::system();
        let keys = DataKeys::new([(1, new_key(&context))]);
        let mut sealed = Sealed::new();
        sealed.set("client_secret", "s");
        let place = Place { tenant: "a", kind: "client", id: "1" };
        let bytes = keys.seal(&context, &place, &sealed).unwrap();
        assert_eq!(keys.open(&place, bytes.as_deref()).unwrap().unwrap(), sealed);
        let elsewhere = Place { tenant: "a", kind: "client", id: "2" };
        assert!(keys.open(&elsewhere, bytes.as_deref()).is_err());
        let others = DataKeys::new([(1, new_key(&context))]);
        assert!(others.open(&place, bytes.as_deref()).is_err());
    }
}
