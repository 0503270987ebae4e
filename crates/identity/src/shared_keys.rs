//! Keys that tenants share with others, for all algorithms of JWS (RFC 7518 §3): secrets, private and public keys as PEM.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{
        self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding, RsaKeyPair, UnparsedPublicKey,
        VerificationAlgorithm,
    },
};
use x509_parser::{parse_x509_certificate, pem::parse_x509_pem, prelude::FromDer, x509::SubjectPublicKeyInfo};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// To sign.
    Signing,
    /// To verify: a public key, or a private one whose public part is taken.
    Verifying,
}

/// A key and its algorithm. It prints as dots.
pub struct Key(Inner);

enum Inner {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Public(Vec<u8>, &'static dyn VerificationAlgorithm),
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// Reads the key of an algorithm (`RS256`): for HMAC the text itself, else a PEM block. `None` where it is none for it.
    pub fn read(algorithm: &str, material: &str, kind: KeyKind) -> Option<Self> {
        let hmac_of = |of| Some(Self(Inner::Hmac(Box::new(hmac::Key::new(of, material.as_bytes())))));
        match algorithm {
            "HS256" => return hmac_of(hmac::HMAC_SHA256),
            "HS384" => return hmac_of(hmac::HMAC_SHA384),
            "HS512" => return hmac_of(hmac::HMAC_SHA512),
            _ => {}
        }
        let (_, block) = parse_x509_pem(material.trim_start().as_bytes()).ok()?;
        let is_private = block.label.ends_with("PRIVATE KEY");
        match (kind, is_private) {
            (KeyKind::Signing, false) => None,
            (KeyKind::Signing, true) => Some(Self(private(algorithm, &block.contents)?)),
            (KeyKind::Verifying, true) => {
                let public = match private(algorithm, &block.contents)? {
                    Inner::Rsa(pair, _) => pair.public_key().as_ref().to_vec(),
                    Inner::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
                    Inner::Hmac(_) | Inner::Public(..) => return None,
                };
                Some(Self(Inner::Public(public, verification(algorithm)?)))
            }
            (KeyKind::Verifying, false) => {
                let public = match block.label.as_str() {
                    "CERTIFICATE" => {
                        let (_, certificate) = parse_x509_certificate(&block.contents).ok()?;
                        certificate.public_key().subject_public_key.data.to_vec()
                    }
                    "PUBLIC KEY" => {
                        let (_, info) = SubjectPublicKeyInfo::from_der(&block.contents).ok()?;
                        info.subject_public_key.data.to_vec()
                    }
                    "RSA PUBLIC KEY" => block.contents.clone(),
                    _ => return None,
                };
                Some(Self(Inner::Public(public, verification(algorithm)?)))
            }
        }
    }

    /// Signs; `None` with a key that only verifies.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.0 {
            Inner::Hmac(key) => Some(hmac::sign(key, message).as_ref().to_vec()),
            Inner::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).ok()?;
                Some(signature)
            }
            Inner::Ecdsa(pair) => Some(pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec()),
            Inner::Public(..) => None,
        }
    }

    /// Whether a signature is this key's. One that signs with a private key verifies nothing.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Inner::Hmac(key) => hmac::verify(key, message, signature).is_ok(),
            Inner::Public(key, algorithm) => UnparsedPublicKey::new(*algorithm, key).verify(message, signature).is_ok(),
            Inner::Rsa(..) | Inner::Ecdsa(_) => false,
        }
    }
}

fn private(algorithm: &str, der: &[u8]) -> Option<Inner> {
    let rsa: Option<&'static dyn RsaEncoding> = match algorithm {
        "RS256" => Some(&signature::RSA_PKCS1_SHA256),
        "RS384" => Some(&signature::RSA_PKCS1_SHA384),
        "RS512" => Some(&signature::RSA_PKCS1_SHA512),
        "PS256" => Some(&signature::RSA_PSS_SHA256),
        "PS384" => Some(&signature::RSA_PSS_SHA384),
        "PS512" => Some(&signature::RSA_PSS_SHA512),
        _ => None,
    };
    if let Some(encoding) = rsa {
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).ok()?;
        return Some(Inner::Rsa(pair, encoding));
    }
    let curve: &'static EcdsaSigningAlgorithm = match algorithm {
        "ES256" => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        "ES384" => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        "ES512" => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        _ => return None,
    };
    let pair = EcdsaKeyPair::from_pkcs8(curve, der).or_else(|_| EcdsaKeyPair::from_private_key_der(curve, der));
    pair.ok().map(Inner::Ecdsa)
}

fn verification(algorithm: &str) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
        "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
        "ES256" => &signature::ECDSA_P256_SHA256_FIXED,
        "ES384" => &signature::ECDSA_P384_SHA384_FIXED,
        "ES512" => &signature::ECDSA_P521_SHA512_FIXED,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{
        KeyPair as Made, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256,
        RsaKeySize,
    };

    use super::*;

    fn check(algorithm: &str, private: &str, public: &str) {
        let signing = Key::read(algorithm, private, KeyKind::Signing).unwrap();
        let signature = signing.sign(b"message").unwrap();
        for material in [private, public] {
            let verifying = Key::read(algorithm, material, KeyKind::Verifying).unwrap();
            assert!(verifying.verify(b"message", &signature), "{algorithm}");
            assert!(!verifying.verify(b"another", &signature), "{algorithm}");
        }
    }

    #[test]
    fn what_each_algorithm_signs_it_verifies() {
        for algorithm in ["HS256", "HS384", "HS512"] {
            check(algorithm, "a shared secret", "a shared secret");
        }
        let rsa = Made::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            check(algorithm, &rsa.serialize_pem(), &rsa.public_key_pem());
        }
        for (algorithm, of) in
            [("ES256", &PKCS_ECDSA_P256_SHA256), ("ES384", &PKCS_ECDSA_P384_SHA384), ("ES512", &PKCS_ECDSA_P521_SHA512)]
        {
            let pair = Made::generate_for(of).unwrap();
            check(algorithm, &pair.serialize_pem(), &pair.public_key_pem());
        }
        assert!(Key::read("RS256", &rsa.public_key_pem(), KeyKind::Signing).is_none());
        assert!(Key::read("ES256", &rsa.serialize_pem(), KeyKind::Signing).is_none());
        assert!(Key::read("none", "", KeyKind::Verifying).is_none());
    }
}
