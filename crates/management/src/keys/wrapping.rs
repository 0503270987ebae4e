//! Key material on its way in: CKM_RSA_AES_KEY_WRAP with OAEP over SHA-256 (reference: keys §3).

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    key_wrap::{AES_256, AesKek, KeyWrapPadded},
    rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use kernel::Secret;
use rest::{ApiError, ApiResult};
use store::RootKey;

/// An RSA key pair of 3072 bits: what it wraps, only its private part unwraps.
pub(super) struct KeyPair {
    /// SubjectPublicKeyInfo in PEM, with line feeds.
    pub(super) public_key: String,
    /// PKCS#8 in base64.
    pub(super) private_key: Secret,
}

impl KeyPair {
    /// Makes a pair where nothing waits for it.
    pub(super) async fn generate() -> ApiResult<Self> {
        let made = tokio::task::spawn_blocking(|| {
            let key = PrivateDecryptingKey::generate(KeySize::Rsa3072)?;
            let private: Pkcs8V1Der<'_> = key.as_der()?;
            let public: PublicKeyX509Der<'_> = key.public_key().as_der()?;
            Ok::<_, aws_lc_rs::error::Unspecified>(Self {
                public_key: pem(public.as_ref()),
                private_key: Secret::new(BASE64_STANDARD.encode(private.as_ref())),
            })
        });
        made.await.map_err(ApiError::internal)?.map_err(ApiError::internal)
    }
}

/// The root key within wrapped material; `None` when the material is anything else.
pub(super) fn unwrap(private_key: &str, wrapped: &str) -> Option<RootKey> {
    let wrapped = BASE64_STANDARD.decode(wrapped).ok()?;
    let private = PrivateDecryptingKey::from_pkcs8(&BASE64_STANDARD.decode(private_key).ok()?).ok()?;
    let private = OaepPrivateDecryptingKey::new(private).ok()?;
    let (for_rsa, for_aes) = wrapped.split_at_checked(private.key_size_bytes())?;
    let mut buffer = vec![0; private.min_output_size()];
    let temporary = private.decrypt(&OAEP_SHA256_MGF1SHA256, for_rsa, &mut buffer, None).ok()?;
    let mut key = vec![0; for_aes.len()];
    let key = AesKek::new(&AES_256, temporary).ok()?.unwrap_with_padding(for_aes, &mut key).ok()?;
    RootKey::from_bytes(key)
}

fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII"));
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};

    use super::*;

    fn wrap(public_key: &str, key: &[u8]) -> String {
        let der: String = public_key.lines().filter(|line| !line.starts_with('-')).collect();
        let public = PublicEncryptingKey::from_der(&BASE64_STANDARD.decode(der).unwrap()).unwrap();
        let public = OaepPublicEncryptingKey::new(public).unwrap();
        let temporary = [9; 32];
        let mut wrapped = vec![0; public.ciphertext_size()];
        public.encrypt(&OAEP_SHA256_MGF1SHA256, &temporary, &mut wrapped, None).unwrap();
        let mut buffer = [0; 64];
        wrapped
            .extend_from_slice(AesKek::new(&AES_256, &temporary).unwrap().wrap_with_padding(key, &mut buffer).unwrap());
        BASE64_STANDARD.encode(wrapped)
    }

    #[tokio::test]
    async fn only_a_key_of_32_bytes_wrapped_for_this_pair_is_taken() {
        let pair = KeyPair::generate().await.unwrap();
        let private = pair.private_key.reveal();
        assert_eq!(pair.public_key.len(), 625);
        let wrapped = wrap(&pair.public_key, &[7; 32]);
        assert_eq!(wrapped.len(), 568);
        assert!(unwrap(private, &wrapped).is_some());
        assert!(unwrap(private, &wrap(&pair.public_key, &[7; 16])).is_none());
        let other = KeyPair::generate().await.unwrap();
        assert!(unwrap(other.private_key.reveal(), &wrapped).is_none());
        for wrong in ["", "AAAA", "no base64!", &wrapped[..564]] {
            assert!(unwrap(private, wrong).is_none(), "{wrong}");
        }
    }
}
