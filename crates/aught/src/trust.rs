//! What a child process needs to trust the local authority: PEM bundles, and a trust store for the JVM.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use p12_keystore::{Certificate, KeyStore, KeyStoreEntry};
use rustls_pki_types::CertificateDer;

use crate::{Failure, config::variable};

/// A trust store holds no secret; its password only satisfies the file format. This one is the JVM's own default.
const PASSWORD: &str = "changeit";

/// Writes the trust files into `folder` and tells the variables that make programs read them.
pub(crate) fn variables(folder: &Path, authority: &str) -> Result<Vec<(&'static str, OsString)>, Failure> {
    let roots = rustls_native_certs::load_native_certs().certs;
    // Node adds these to its own roots; whatever the user wants it to trust besides, it still should.
    let node = variable("NODE_EXTRA_CA_CERTS").and_then(|path| std::fs::read_to_string(path).ok());
    let extra = format!("{authority}{}", node.unwrap_or_default());
    let mut bundle = extra.clone();
    for root in &roots {
        bundle.push_str(&pem::encode(&pem::Pem::new("CERTIFICATE", root.as_ref())).replace("\r\n", "\n"));
    }
    let extra = write(folder, "extra.pem", extra.as_bytes())?;
    let bundle = write(folder, "bundle.pem", bundle.as_bytes())?;
    let java = write(folder, "trust.p12", &trust_store(&roots, authority)?)?;
    Ok(vec![
        ("NODE_EXTRA_CA_CERTS", extra.into()),
        ("SSL_CERT_FILE", bundle.clone().into()),
        ("REQUESTS_CA_BUNDLE", bundle.clone().into()),
        ("CURL_CA_BUNDLE", bundle.into()),
        ("JAVA_TOOL_OPTIONS", java_options(&java)),
    ])
}

/// The JVM prints this variable on stderr at each start, and reads quotes in it where a path has spaces.
fn java_options(trust_store: &Path) -> OsString {
    let mut options = variable("JAVA_TOOL_OPTIONS").map_or_else(OsString::new, |mut own| {
        own.push(" ");
        own
    });
    options.push("\"-Djavax.net.ssl.trustStore=");
    options.push(trust_store);
    options.push(format!("\" -Djavax.net.ssl.trustStorePassword={PASSWORD} -Djavax.net.ssl.trustStoreType=PKCS12"));
    options
}

/// A PKCS#12 file in which each certificate carries the attribute by which Java takes it as trusted.
fn trust_store(roots: &[CertificateDer<'_>], authority: &str) -> Result<Vec<u8>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new("a trust store for the JVM", error);
    let mut store = KeyStore::new();
    let own = pem::parse(authority).map_err(|error| failed(&error))?;
    let local = Certificate::from_der(own.contents()).map_err(|error| failed(&error))?;
    store.add_entry("aught", KeyStoreEntry::Certificate(local));
    for (number, root) in roots.iter().enumerate() {
        // Roots that cannot be read are of no use to Java either.
        if let Ok(root) = Certificate::from_der(root) {
            store.add_entry(&format!("root{number}"), KeyStoreEntry::Certificate(root));
        }
    }
    // Many rounds would slow down each start of a JVM and protect nothing.
    let writer = store.writer(PASSWORD).encryption_iterations(1).mac_iterations(1);
    writer.write().map_err(|error| failed(&error))
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(|error| Failure::new(path.display(), error))?;
    Ok(path)
}
