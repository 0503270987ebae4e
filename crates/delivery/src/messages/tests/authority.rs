//! An authority of a test's own, and who trusts it.

use std::sync::Arc;

use outbound::Client;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;

/// An authority of a test's own.
pub(in crate::messages) struct Authority {
    pub(in crate::messages) certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(in crate::messages) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for a name, and its key.
    pub(in crate::messages) fn signed(&self, name: &str) -> (CertificateDer<'static>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().clone(), key.serialize_der())
    }

    /// A client for an operator who trusts this authority beside the system's.
    pub(in crate::messages) fn client(&self) -> Client {
        let certificate = self.certificate.clone();
        Client::new(true).trusting(Arc::new(move || {
            let trusted = vec![certificate.clone()];
            Box::pin(async move { trusted })
        }))
    }
}
