//! Certificates that the operator brings, in files that another program may renew.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use rustls::{crypto::CryptoProvider, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::names::names_host;
use crate::Failure;

/// Where one certificate is.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsCertificate {
    /// The PEM file of the certificate and those that vouch for it.
    pub chain: PathBuf,
    /// The PEM file of its private key; without one, that is in the first.
    pub key: Option<PathBuf>,
}

impl TlsCertificate {
    /// Reads `CHAIN` or `CHAIN,KEY`.
    pub(crate) fn parse(text: &str) -> Self {
        match text.split_once(',') {
            Some((chain, key)) => Self { chain: chain.into(), key: Some(key.into()) },
            None => Self { chain: text.into(), key: None },
        }
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.chain).chain(&self.key)
    }
}

/// The operator's certificates as they are in the files.
pub(super) struct Files {
    certificates: Vec<Arc<CertifiedKey>>,
    written: Vec<(PathBuf, Option<SystemTime>)>,
}

impl Files {
    /// Reads them all.
    pub(super) fn read(given: &[TlsCertificate], provider: &CryptoProvider) -> Result<Self, Failure> {
        // Before the contents: what is written in between is read again.
        let written = given.iter().flat_map(TlsCertificate::files).map(|path| (path.clone(), time_of(path))).collect();
        let certificates = given.iter().map(|given| one(given, provider)).collect::<Result<_, _>>()?;
        Ok(Self { certificates, written })
    }

    /// Whether the files are those that were read.
    pub(super) fn are_unchanged(&self) -> bool {
        self.written.iter().all(|(path, written)| time_of(path) == *written)
    }

    /// The certificates, and those that vouch for them.
    pub(super) fn chains(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.certificates.iter().flat_map(|known| &known.cert)
    }

    /// The certificate for a host.
    pub(super) fn find(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let is_for_host = |known: &&Arc<CertifiedKey>| known.end_entity_cert().is_ok_and(|own| names_host(own, host));
        self.certificates.iter().find(is_for_host).cloned()
    }
}

fn time_of(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn one(given: &TlsCertificate, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(given.chain.display(), error);
    let chain = CertificateDer::pem_file_iter(&given.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| failed(&error))?;
    if chain.is_empty() {
        return Err(failed(&"no certificate in it"));
    }
    let key = given.key.as_ref().unwrap_or(&given.chain);
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| Failure::new(key.display(), error))?;
    CertifiedKey::from_der(chain, key, provider).map(Arc::new).map_err(|error| failed(&error))
}
