//! Whose certificates are trusted: the system's authorities, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and the
//! installation's own.

use std::{future::Future, pin::Pin, sync::Arc};

use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Tells the certificates of authorities that are trusted beside the system's.
pub type Roots = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Vec<CertificateDer<'static>>> + Send>> + Send + Sync>;

/// A certificate, the ones that vouch for it, and its key in PKCS#8.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) chain: Arc<[Vec<u8>]>,
    pub(crate) key: Arc<[u8]>,
}

/// How the other side is verified, and what it is shown, for http/1.1 and http/2.
pub(crate) async fn config(own: Option<&Roots>, identity: Option<&Identity>) -> Result<ClientConfig, String> {
    let own = match own {
        Some(own) => own().await,
        None => Vec::new(),
    };
    let load = move || {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "trusted certificates of the system cannot be read");
        }
        let mut roots = RootCertStore::empty();
        // Systems keep some that are no X.509 certificates by today's rules.
        roots.add_parsable_certificates(found.certs);
        roots.add_parsable_certificates(own);
        roots
    };
    let roots = tokio::task::spawn_blocking(load).await.map_err(|error| error.to_string())?;
    let verified = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(Identity { chain, key }) => {
            let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
            let key = PrivatePkcs8KeyDer::from(key.to_vec());
            verified.with_client_auth_cert(chain, key.into()).map_err(|error| error.to_string())?
        }
        None => verified.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
