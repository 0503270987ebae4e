//! Signature algorithms of JWS (RFC 7518 §3) and the public keys that check them.

use aws_lc_rs::{
    digest, hmac,
    rsa::PublicEncryptingKey,
    signature::{self, UnparsedPublicKey, VerificationAlgorithm},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use kernel::{Secret, Timestamp};
use serde_json::json;
use x509_parser::{
    certificate::X509Certificate,
    parse_x509_certificate,
    pem::parse_x509_pem,
    prelude::FromDer,
    public_key::{PublicKey as Material, RSAPublicKey},
    x509::{RelativeDistinguishedName, SubjectPublicKeyInfo},
};

/// An algorithm that signs or checks a JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    const ALL: [Self; 7] = [Self::Hs256, Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Ps384, Self::Es256];

    /// The algorithm with this name, as headers and settings write it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The name in headers and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Es256 => "ES256",
        }
    }

    /// How an RSA key signs with this algorithm; `None` for the others.
    pub(crate) fn rsa_encoding(self) -> Option<&'static dyn signature::RsaEncoding> {
        match self {
            Self::Rs256 => Some(&signature::RSA_PKCS1_SHA256),
            Self::Rs384 => Some(&signature::RSA_PKCS1_SHA384),
            Self::Rs512 => Some(&signature::RSA_PKCS1_SHA512),
            Self::Ps256 => Some(&signature::RSA_PSS_SHA256),
            Self::Ps384 => Some(&signature::RSA_PSS_SHA384),
            Self::Hs256 | Self::Es256 => None,
        }
    }
}

/// The key that a secret in base64url stands for.
pub fn decoded(secret: &Secret) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(secret.reveal().trim_end_matches('=')).ok()
}

/// Signs with a shared secret (HS256).
pub fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

/// Checks an HS256 signature in constant time.
pub fn verify_hmac_sha256(secret: &[u8], message: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret), message, tag).is_ok()
}

/// A public key that checks signatures, with the certificate it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    numbers: Numbers,
    certificate: Option<Certificate>,
}

/// A certificate, whatever its key is good for: one that only names its holder may carry a key too short to trust.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq)]
enum Numbers {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// An uncompressed point on P-256.
    P256(Vec<u8>),
}

/// Why a text is no usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// The text is not a PEM block with a public key or a certificate.
    Unreadable,
    /// An RSA key shorter than 2048 bits or longer than 8192, or another kind of key.
    Unusable,
}

impl PublicKey {
    /// Reads a PEM block that holds a public key (`PUBLIC KEY`, `RSA PUBLIC KEY`) or a certificate.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (_, block) = parse_x509_pem(pem.trim_start().as_bytes()).map_err(|_| KeyError::Unreadable)?;
        match block.label.as_str() {
            "CERTIFICATE" => Self::from_certificate(&block.contents),
            "PUBLIC KEY" => {
                let (_, info) = SubjectPublicKeyInfo::from_der(&block.contents).map_err(|_| KeyError::Unreadable)?;
                Numbers::of(&info).map(|numbers| Self { numbers, certificate: None })
            }
            "RSA PUBLIC KEY" => {
                let (_, key) = RSAPublicKey::from_der(&block.contents).map_err(|_| KeyError::Unreadable)?;
                Numbers::of_rsa(&key).map(|numbers| Self { numbers, certificate: None })
            }
            _ => Err(KeyError::Unreadable),
        }
    }

    /// An RSA key by the members `n` and `e` of a JWK (RFC 7518 §6.3.1).
    pub fn from_rsa_members(n: &str, e: &str) -> Result<Self, KeyError> {
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::Unreadable);
        let (modulus, exponent) = (bytes(n)?, bytes(e)?);
        let key = RSAPublicKey { modulus: &modulus, exponent: &exponent };
        Numbers::of_rsa(&key).map(|numbers| Self { numbers, certificate: None })
    }

    /// An RSA key as a PEM block `RSA PUBLIC KEY` (RFC 8017 A.1.1); `None` when it is none.
    pub fn rsa_pem(&self) -> Option<String> {
        let Numbers::Rsa { modulus, exponent } = &self.numbers else { return None };
        let key = der(SEQUENCE, &[unsigned(modulus), unsigned(exponent)].concat());
        let text = STANDARD.encode(key);
        let lines: Vec<&str> = (0..text.len()).step_by(64).map(|from| &text[from..text.len().min(from + 64)]).collect();
        Some(format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", lines.join("\n")))
    }

    /// The key of a DER certificate.
    pub fn from_certificate(der: &[u8]) -> Result<Self, KeyError> {
        let (_, certificate) = parse_x509_certificate(der).map_err(|_| KeyError::Unreadable)?;
        let numbers = Numbers::of(certificate.public_key())?;
        Ok(Self { numbers, certificate: Some(Certificate { der: der.to_vec() }) })
    }

    /// Whether `signature` is this key's over `message`. A key of another kind than the algorithm's checks nothing.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (&self.numbers, algorithm) {
            (Numbers::Rsa { modulus, exponent }, _) => {
                let Some(parameters) = rsa_parameters(algorithm) else { return false };
                let key = signature::RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, message, signature).is_ok()
            }
            (Numbers::P256(point), Algorithm::Es256) => {
                let algorithm: &'static dyn VerificationAlgorithm = &signature::ECDSA_P256_SHA256_FIXED;
                UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
            }
            (Numbers::P256(_), _) => false,
        }
    }

    /// Whether the algorithm fits the kind of key.
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        match self.numbers {
            Numbers::Rsa { .. } => algorithm.rsa_encoding().is_some(),
            Numbers::P256(_) => algorithm == Algorithm::Es256,
        }
    }

    /// RFC 7638 thumbprint of the key: the `kid` of client credentials that are given none.
    pub fn thumbprint(&self) -> String {
        // The members stand in lexicographic order, without spaces, as the RFC demands.
        let canonical = match &self.numbers {
            Numbers::Rsa { modulus, exponent } => {
                json!({"e": URL_SAFE_NO_PAD.encode(exponent), "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus)})
            }
            Numbers::P256(point) => json!({
                "crv": "P-256",
                "kty": "EC",
                "x": URL_SAFE_NO_PAD.encode(&point[1..33]),
                "y": URL_SAFE_NO_PAD.encode(&point[33..]),
            }),
        };
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.to_string().as_bytes()))
    }

    /// `n` and `e` of an RSA key, as JWKS write them.
    pub fn rsa_members(&self) -> Option<(String, String)> {
        match &self.numbers {
            Numbers::Rsa { modulus, exponent } => {
                Some((URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent)))
            }
            Numbers::P256(_) => None,
        }
    }

    /// The key for encryption; `None` when it is no RSA key.
    pub(crate) fn encrypting(&self) -> Option<PublicEncryptingKey> {
        match &self.numbers {
            Numbers::Rsa { modulus, exponent } => {
                signature::RsaPublicKeyComponents { n: modulus, e: exponent }.try_into().ok()
            }
            Numbers::P256(_) => None,
        }
    }

    /// The certificate, when the key came in one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }
}

impl Certificate {
    /// Reads a PEM block that holds a certificate.
    ///
    /// # Errors
    /// When it holds none.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let (_, block) = parse_x509_pem(pem.trim_start().as_bytes()).map_err(|_| KeyError::Unreadable)?;
        parse_x509_certificate(&block.contents).map_err(|_| KeyError::Unreadable)?;
        Ok(Self { der: block.contents })
    }

    /// SHA-256 of the DER (`x5t#S256`).
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &self.der))
    }

    /// When it ends.
    pub fn not_after(&self) -> Timestamp {
        Timestamp::from_seconds(self.parsed().validity().not_after.timestamp())
    }

    /// When it ends, in whole seconds: certificates without an end name the last second of the year 9999.
    pub fn end(&self) -> String {
        let end = self.parsed().validity().not_after.to_datetime();
        let (date, time) = (end.date(), end.time());
        let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
    }

    /// The subject, one attribute a line in the certificate's order: `C=JP\nST=Tokyo\nCN=client`.
    pub fn subject_lines(&self) -> String {
        subject_lines(&self.parsed())
    }

    fn parsed(&self) -> X509Certificate<'_> {
        parse_x509_certificate(&self.der).expect("it was parsed when it was read").1
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", self.thumbprint())
    }
}

impl Numbers {
    fn of(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, KeyError> {
        match info.parsed().map_err(|_| KeyError::Unreadable)? {
            Material::RSA(key) => Self::of_rsa(&key),
            Material::EC(point) if point.data().len() == 65 && point.data()[0] == 4 => {
                Ok(Self::P256(point.data().to_vec()))
            }
            _ => Err(KeyError::Unusable),
        }
    }

    fn of_rsa(key: &RSAPublicKey<'_>) -> Result<Self, KeyError> {
        let modulus = without_leading_zeros(key.modulus);
        let exponent = without_leading_zeros(key.exponent);
        let is_usable = (256..=1024).contains(&modulus.len()) && !exponent.is_empty() && exponent.len() <= 4;
        if is_usable { Ok(Self::Rsa { modulus, exponent }) } else { Err(KeyError::Unusable) }
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static signature::RsaParameters> {
    match algorithm {
        Algorithm::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::Hs256 | Algorithm::Es256 => None,
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// A value with its tag and length in DER.
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let length = length.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
    let mut encoded = vec![tag];
    match value.len() {
        0..128 => encoded.push(length.last().copied().unwrap_or(0)),
        // The length of the length takes one byte, and four bits of it.
        _ => encoded.push(0x80 | u8::try_from(length.len()).unwrap_or(0)),
    }
    if value.len() >= 128 {
        encoded.extend(length);
    }
    encoded.extend(value);
    encoded
}

/// A positive number in DER: one whose first bit is set would be negative.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let value = if is_negative { [&[0], bytes].concat() } else { bytes.to_vec() };
    der(INTEGER, &value)
}

fn without_leading_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

fn subject_lines(certificate: &X509Certificate<'_>) -> String {
    let attributes = certificate.subject().iter().flat_map(RelativeDistinguishedName::iter);
    let lines = attributes.map(|attribute| {
        let oid = attribute.attr_type().to_id_string();
        let name = match oid.as_str() {
            "2.5.4.3" => "CN",
            "2.5.4.5" => "serialNumber",
            "2.5.4.6" => "C",
            "2.5.4.7" => "L",
            "2.5.4.8" => "ST",
            "2.5.4.9" => "street",
            "2.5.4.10" => "O",
            "2.5.4.11" => "OU",
            "1.2.840.113549.1.9.1" => "emailAddress",
            "0.9.2342.19200300.100.1.25" => "DC",
            "0.9.2342.19200300.100.1.1" => "UID",
            other => other,
        };
        format!("{name}={}", attribute.as_str().unwrap_or_default())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{certificate::CertifiedKey, jwt::Jwt, keys::SigningKey};
    use kernel::Context;
    use std::time::Duration;

    fn key() -> (SigningKey, PublicKey, CertifiedKey) {
        let key = CertifiedKey::generate(&Context::system(), "client.example.org", Duration::from_secs(86_400));
        let signing = SigningKey::from_pkcs8("the-key", &key.private_key).unwrap();
        (signing, PublicKey::from_pem(&key.certificate.pem()).unwrap(), key)
    }

    #[test]
    fn every_rsa_algorithm_checks_what_it_signed_and_nothing_else() {
        let (signing, public, _) = key();
        let algorithms = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256, Algorithm::Ps384];
        for algorithm in algorithms {
            let token = signing.sign(algorithm, "JWT", &json!({"sub": "x"})).unwrap();
            let jwt = Jwt::parse(&token).unwrap();
            for other in algorithms {
                assert_eq!(public.verify(other, jwt.signed, &jwt.signature), other == algorithm);
            }
            assert!(!public.verify(algorithm, b"something else", &jwt.signature));
        }
        assert!(signing.sign(Algorithm::Es256, "JWT", &json!({})).is_err());
    }

    #[test]
    fn a_certificate_brings_its_subject_and_end() {
        let (_, public, key) = key();
        let certificate = public.certificate().unwrap();
        assert_eq!(certificate.subject_lines(), "CN=client.example.org");
        assert!(certificate.not_after() > Timestamp::from_seconds(0));
        assert_eq!(certificate.thumbprint().len(), 43);
        assert!(Certificate::from_pem(&key.certificate.pem()).unwrap() == *certificate);
        assert_eq!(PublicKey::from_certificate(key.certificate.der()).unwrap().thumbprint(), public.thumbprint());
    }

    // The example key of RFC 7638 §3.1.
    const RFC_7638: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0vx7agoebGcQSuuPiLJX
ZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tS
oc/BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ/2W+5JsGY4Hc5n9yBXArwl93lqt
7/RN5w6Cf0h4QyQ5v+65YGjQR0/FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0
zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt+bFTWhAI4vMQFh6WeZu0f
M4lFd2NcRwr3XPksINHaQ+G/xBniIqbw0Ls1jF44+csFCur+kEgU8awapJzKnqDK
gwIDAQAB
-----END PUBLIC KEY-----
";

    #[test]
    fn the_thumbprint_is_that_of_the_standard() {
        let key = PublicKey::from_pem(RFC_7638).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert!(key.certificate().is_none());
    }

    #[test]
    fn a_key_is_the_same_in_every_form() {
        let key = PublicKey::from_pem(RFC_7638).unwrap();
        let (n, e) = key.rsa_members().unwrap();
        let of_members = PublicKey::from_rsa_members(&n, &e).unwrap();
        assert_eq!(of_members, key);
        assert_eq!(PublicKey::from_pem(&key.rsa_pem().unwrap()), Ok(key));
        assert_eq!(PublicKey::from_rsa_members("AQAB", &e), Err(KeyError::Unusable));
        assert_eq!(PublicKey::from_rsa_members("§", &e), Err(KeyError::Unreadable));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(PublicKey::from_pem("no key"), Err(KeyError::Unreadable));
        let private = RFC_7638.replace("PUBLIC KEY", "PRIVATE KEY");
        assert_eq!(PublicKey::from_pem(&private), Err(KeyError::Unreadable));
    }
}
