//! Encrypted access tokens: a signed token inside of a compact JWE (RFC 7516), for one API's eyes only.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rsa::{
        OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512, OaepAlgorithm, OaepPublicEncryptingKey,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::Context;
use serde_json::json;

use crate::signature::PublicKey;

/// The key to which tokens are encrypted.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// The API's public RSA key.
    pub key: PublicKey,
    /// `RSA-OAEP-256`, `RSA-OAEP-384` or `RSA-OAEP-512`.
    pub algorithm: String,
    /// What the header names as `kid`.
    pub kid: String,
}

impl Recipient {
    /// Encrypts a signed token; `None` when the key or its algorithm cannot.
    pub fn encrypt(&self, context: &Context, token: &str) -> Option<String> {
        let oaep: &'static OaepAlgorithm = match self.algorithm.as_str() {
            "RSA-OAEP-256" => &OAEP_SHA256_MGF1SHA256,
            "RSA-OAEP-384" => &OAEP_SHA384_MGF1SHA384,
            "RSA-OAEP-512" => &OAEP_SHA512_MGF1SHA512,
            _ => return None,
        };
        let content_key = context.bytes::<32>();
        let key = OaepPublicEncryptingKey::new(self.key.encrypting()?).ok()?;
        let mut wrapped = vec![0; key.ciphertext_size()];
        let wrapped = key.encrypt(oaep, &content_key, &mut wrapped, None).ok()?;

        let header = json!({"alg": self.algorithm, "enc": "A256GCM", "typ": "JWT", "cty": "JWT", "kid": self.kid});
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let nonce = context.bytes::<NONCE_LEN>();
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &content_key).ok()?);
        let mut text = token.as_bytes().to_vec();
        let seal = cipher.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header.as_bytes()),
            &mut text,
        );
        let tag = seal.ok()?;
        let parts = [&*wrapped, &nonce, &text, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
        Some(format!("{header}.{}", parts.join(".")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::CertifiedKey;
    use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
    use std::time::Duration;

    #[test]
    fn only_the_recipient_reads_the_token() {
        let context = Context::system();
        let key = CertifiedKey::generate(&context, "api", Duration::from_secs(86_400));
        let recipient = Recipient {
            key: PublicKey::from_pem(&key.certificate.pem()).unwrap(),
            algorithm: "RSA-OAEP-384".into(),
            kid: "k".into(),
        };
        let sealed = recipient.encrypt(&context, "a.b.c").unwrap();
        let parts: Vec<_> = sealed.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        assert_eq!(parts.len(), 5);
        let private = PrivateDecryptingKey::from_pkcs8(&key.private_key).unwrap();
        let private = OaepPrivateDecryptingKey::new(private).unwrap();
        let mut content_key = vec![0; private.min_output_size()];
        let content_key = private.decrypt(&OAEP_SHA384_MGF1SHA384, &parts[1], &mut content_key, None).unwrap();
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, content_key).unwrap());
        let mut text = [&parts[3][..], &parts[4]].concat();
        let nonce = Nonce::try_assume_unique_for_key(&parts[2]).unwrap();
        let header = sealed.split('.').next().unwrap();
        assert_eq!(cipher.open_in_place(nonce, Aad::from(header.as_bytes()), &mut text).unwrap(), b"a.b.c");
    }
}
