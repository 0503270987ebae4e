//! Cryptography for the embedded engine, by the server's own library. Names of digests are Node's.

use aws_lc_rs::{
    constant_time, digest, hmac,
    pbkdf2::{self, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512},
    rand::SystemRandom,
    rsa,
    signature::{
        self, ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED,
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_ASN1_SIGNING,
        ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair, UnparsedPublicKey,
    },
};
use md5::{Digest, Md5};
use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray};
use std::num::NonZeroU32;

use super::native::bytes;

/// Bytes of one derivation; its rounds are bounded by processor time alone.
const DERIVED: usize = 4096;

/// Adds the functions of this module to `native`.
pub(super) fn define<'js>(ctx: &Ctx<'js>, native: &Object<'js>) -> Result<()> {
    native.set(
        "hash",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, name: String, data: String| array(ctx, hash(&name, &bytes(&data))))?,
    )?;
    native.set(
        "hmac",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, name: String, key: String, data: String| {
            array(ctx, mac(&name, &bytes(&key), &bytes(&data)))
        })?,
    )?;
    native.set(
        "isEqual",
        Function::new(ctx.clone(), |one: String, other: String| {
            constant_time::verify_slices_are_equal(&bytes(&one), &bytes(&other)).is_ok()
        })?,
    )?;
    native.set(
        "sign",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, scheme: String, key: String, data: String| {
            array(ctx, sign(&scheme, &key, &bytes(&data)))
        })?,
    )?;
    native.set(
        "verify",
        Function::new(ctx.clone(), |scheme: String, key: String, data: String, signature: String| {
            verify(&scheme, &key, &bytes(&data), &bytes(&signature))
        })?,
    )?;
    native.set("keyType", Function::new(ctx.clone(), |key: String| Key::read(&key).map(|key| key.kind()))?)?;
    native.set("keyBits", Function::new(ctx.clone(), |key: String| Key::read(&key).and_then(|key| key.bits()))?)?;
    native.set("pbkdf2", Function::new(ctx.clone(), derive)?)
}

fn array(ctx: Ctx<'_>, made: Option<Vec<u8>>) -> Result<Option<TypedArray<'_, u8>>> {
    made.map(|made| TypedArray::new(ctx, made)).transpose()
}

fn hash(name: &str, data: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match name {
        "md5" => return Some(Md5::digest(data).to_vec()),
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha224" => &digest::SHA224,
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        "sha3-256" => &digest::SHA3_256,
        "sha3-512" => &digest::SHA3_512,
        _ => return None,
    };
    Some(digest::digest(algorithm, data).as_ref().to_vec())
}

fn mac(name: &str, key: &[u8], data: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match name {
        "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "sha224" => hmac::HMAC_SHA224,
        "sha256" => hmac::HMAC_SHA256,
        "sha384" => hmac::HMAC_SHA384,
        "sha512" => hmac::HMAC_SHA512,
        _ => return None,
    };
    Some(hmac::sign(&hmac::Key::new(algorithm, key), data).as_ref().to_vec())
}

#[expect(clippy::needless_pass_by_value, reason = "JavaScript's values arrive owned")]
fn derive(
    ctx: Ctx<'_>,
    name: String,
    password: String,
    salt: String,
    rounds: u32,
    length: usize,
) -> Result<Option<TypedArray<'_, u8>>> {
    let algorithm = match name.as_str() {
        "sha1" => PBKDF2_HMAC_SHA1,
        "sha256" => PBKDF2_HMAC_SHA256,
        "sha384" => PBKDF2_HMAC_SHA384,
        "sha512" => PBKDF2_HMAC_SHA512,
        _ => return Ok(None),
    };
    let rounds = NonZeroU32::new(rounds).filter(|_| length <= DERIVED);
    let rounds =
        rounds.ok_or_else(|| Exception::throw_range(&ctx, "The iterations or the length are out of range."))?;
    let mut derived = vec![0; length];
    pbkdf2::derive(algorithm, rounds, &bytes(&salt), &bytes(&password), &mut derived);
    TypedArray::new(ctx, derived).map(Some)
}

/// A key in PEM, by what it may do.
enum Key {
    RsaPrivate(RsaKeyPair),
    /// An elliptic curve's private key; the curve decides with which digest it is read.
    EcPrivate(Vec<u8>),
    /// A public key, of either kind.
    Public {
        der: Vec<u8>,
        is_rsa: bool,
    },
}

impl Key {
    fn read(text: &str) -> Option<Self> {
        let read = pem::parse(text).ok()?;
        let der = read.contents();
        match read.tag() {
            "RSA PRIVATE KEY" => RsaKeyPair::from_der(der).ok().map(Self::RsaPrivate),
            "PRIVATE KEY" => match RsaKeyPair::from_pkcs8(der) {
                Ok(pair) => Some(Self::RsaPrivate(pair)),
                Err(_) => ec_pair(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
                    .or_else(|| ec_pair(&ECDSA_P384_SHA384_ASN1_SIGNING, der))
                    .map(|_| Self::EcPrivate(der.to_vec())),
            },
            "EC PRIVATE KEY" => Some(Self::EcPrivate(der.to_vec())),
            "PUBLIC KEY" => {
                let is_rsa = rsa::PublicKey::from_der(der).is_ok();
                Some(Self::Public { der: der.to_vec(), is_rsa })
            }
            "RSA PUBLIC KEY" => Some(Self::Public { der: der.to_vec(), is_rsa: true }),
            "CERTIFICATE" => {
                let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
                let key = certificate.public_key();
                let is_rsa = matches!(key.parsed(), Ok(x509_parser::public_key::PublicKey::RSA(_)));
                Some(Self::Public { der: key.raw.to_vec(), is_rsa })
            }
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::RsaPrivate(_) | Self::Public { is_rsa: true, .. } => "rsa",
            Self::EcPrivate(_) | Self::Public { is_rsa: false, .. } => "ec",
        }
    }

    /// The length of an RSA key's modulus.
    fn bits(&self) -> Option<usize> {
        match self {
            Self::RsaPrivate(pair) => Some(pair.public_modulus_len() * 8),
            Self::Public { der, is_rsa: true } => Some(rsa::PublicKey::from_der(der).ok()?.modulus_len() * 8),
            _ => None,
        }
    }
}

fn ec_pair(algorithm: &'static signature::EcdsaSigningAlgorithm, der: &[u8]) -> Option<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(algorithm, der).or_else(|_| EcdsaKeyPair::from_private_key_der(algorithm, der)).ok()
}

/// Signs in the scheme, a digest's name with `-pss` or `-p1363` after it.
fn sign(scheme: &str, key: &str, data: &[u8]) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    match Key::read(key)? {
        Key::RsaPrivate(pair) => {
            let padding: &'static dyn signature::RsaEncoding = match scheme {
                "sha256" => &signature::RSA_PKCS1_SHA256,
                "sha384" => &signature::RSA_PKCS1_SHA384,
                "sha512" => &signature::RSA_PKCS1_SHA512,
                "sha256-pss" => &signature::RSA_PSS_SHA256,
                "sha384-pss" => &signature::RSA_PSS_SHA384,
                "sha512-pss" => &signature::RSA_PSS_SHA512,
                _ => return None,
            };
            let mut signed = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &random, data, &mut signed).ok()?;
            Some(signed)
        }
        Key::EcPrivate(der) => {
            let algorithm = match scheme {
                "sha256" => &ECDSA_P256_SHA256_ASN1_SIGNING,
                "sha256-p1363" => &ECDSA_P256_SHA256_FIXED_SIGNING,
                "sha384" => &ECDSA_P384_SHA384_ASN1_SIGNING,
                "sha384-p1363" => &ECDSA_P384_SHA384_FIXED_SIGNING,
                _ => return None,
            };
            Some(ec_pair(algorithm, &der)?.sign(&random, data).ok()?.as_ref().to_vec())
        }
        Key::Public { .. } => None,
    }
}

fn verify(scheme: &str, key: &str, data: &[u8], signed: &[u8]) -> bool {
    let Some(key) = Key::read(key) else { return false };
    let is_rsa = key.kind() == "rsa";
    let algorithm: &'static dyn signature::VerificationAlgorithm = match (is_rsa, scheme) {
        (true, "sha1") => &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        (true, "sha256") => &signature::RSA_PKCS1_2048_8192_SHA256,
        (true, "sha384") => &signature::RSA_PKCS1_2048_8192_SHA384,
        (true, "sha512") => &signature::RSA_PKCS1_2048_8192_SHA512,
        (true, "sha256-pss") => &signature::RSA_PSS_2048_8192_SHA256,
        (true, "sha384-pss") => &signature::RSA_PSS_2048_8192_SHA384,
        (true, "sha512-pss") => &signature::RSA_PSS_2048_8192_SHA512,
        (false, "sha256") => &ECDSA_P256_SHA256_ASN1,
        (false, "sha256-p1363") => &ECDSA_P256_SHA256_FIXED,
        (false, "sha384") => &ECDSA_P384_SHA384_ASN1,
        (false, "sha384-p1363") => &ECDSA_P384_SHA384_FIXED,
        _ => return false,
    };
    let public = match key {
        Key::Public { der, .. } => der,
        Key::RsaPrivate(pair) => pair.public_key().as_ref().to_vec(),
        Key::EcPrivate(der) => {
            let curve = if scheme.starts_with("sha384") {
                &ECDSA_P384_SHA384_ASN1_SIGNING
            } else {
                &ECDSA_P256_SHA256_ASN1_SIGNING
            };
            let Some(pair) = ec_pair(curve, &der) else { return false };
            pair.public_key().as_ref().to_vec()
        }
    };
    UnparsedPublicKey::new(algorithm, public).verify(data, signed).is_ok()
}
