//! Certificates for https with no set-up: a local authority, and a certificate of it for the domain.

use std::{net::IpAddr, sync::Arc, time::Duration};

use kernel::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use time::OffsetDateTime;
use tokio::sync::Mutex;
use tokio_rustls::TlsAcceptor;
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer, X509Certificate},
};

use crate::{Failure, State, files};

const DAY: Duration = Duration::from_secs(86_400);
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(3_650 * 86_400);
/// Some clients refuse certificates that are valid for more than 825 days, even of a local authority.
const SERVER_LIFETIME: Duration = Duration::from_secs(397 * 86_400);
/// A certificate this near to its end is made anew.
const RENEWAL: Duration = Duration::from_secs(30 * 86_400);

/// The https side of a server. Certificates are loaded or made when they are needed first, and renewed in time.
pub(crate) struct Certificates {
    state: State,
    host: String,
    current: Mutex<Option<Current>>,
}

#[derive(Clone)]
struct Current {
    acceptor: TlsAcceptor,
    authority: Arc<str>,
    renew_at: Timestamp,
}

impl Certificates {
    /// For the host of `domain`, kept in `state`.
    pub(crate) fn new(state: State, domain: &str) -> Self {
        let host =
            domain.parse().map_or_else(|_| domain.to_owned(), |domain: http::uri::Authority| domain.host().to_owned());
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Self { state, host, current: Mutex::new(None) }
    }

    /// What does the server's side of a handshake.
    pub(crate) async fn acceptor(&self) -> Result<TlsAcceptor, Failure> {
        Ok(self.current().await?.acceptor)
    }

    /// The certificate of the local authority, as PEM.
    pub(crate) async fn authority(&self) -> Result<Arc<str>, Failure> {
        Ok(self.current().await?.authority)
    }

    async fn current(&self) -> Result<Current, Failure> {
        let mut current = self.current.lock().await;
        // The clients judge certificates by their own clocks, so a tenant's clock has no say here.
        let now = Timestamp::of_system();
        if let Some(current) = current.as_ref().filter(|current| now < current.renew_at) {
            return Ok(current.clone());
        }
        let (state, host) = (self.state.clone(), self.host.clone());
        let load = move || load_or_make(&state, &host, now);
        let loaded =
            tokio::task::spawn_blocking(load).await.map_err(|error| Failure::new("the certificates", error))??;
        Ok(current.insert(loaded).clone())
    }
}

/// A certificate with its private key.
struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn load_or_make(state: &State, host: &str, now: Timestamp) -> Result<Current, Failure> {
    let authority = match load_authority(state, now)? {
        Some(authority) => authority,
        None => make_authority(state, now)?,
    };
    let server = match load_server(state, host, &authority, now)? {
        Some(server) => server,
        None => make_server(state, host, &authority, now)?,
    };
    let key = PrivateKeyDer::try_from(server.key.serialize_der())
        .map_err(|error| Failure::new("the key for https", error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the protocol's usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![server.certificate.clone()], key)
        .map_err(|error| Failure::new("the certificate for https", error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Current {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        authority: certificate_pem(&authority.certificate).into(),
        renew_at: end_of(&server.certificate).min(end_of(&authority.certificate)) - RENEWAL,
    })
}

/// The authority that is kept, unless it is missing or near its end.
fn load_authority(state: &State, now: Timestamp) -> Result<Option<Identity>, Failure> {
    let (Some(certificate_file), Some(key_file)) = (state.file("ca.pem"), state.file("ca.key")) else {
        return Ok(None);
    };
    let (Some(certificate), Some(key)) = (files::read(&certificate_file)?, files::read(&key_file)?) else {
        return Ok(None);
    };
    let identity = parse(&certificate, &key).map_err(|error| Failure::new(certificate_file.display(), error))?;
    Ok(identity.into_iter().find(|authority| now < end_of(&authority.certificate) - RENEWAL))
}

fn make_authority(state: &State, now: Timestamp) -> Result<Identity, Failure> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(|error| Failure::new("a key for the local authority", error))?;
    // Two authorities of one name but different keys confuse clients that trust both: the name tells them apart.
    let mark = key.public_key_raw()[1..5].iter().fold(0_u32, |mark, byte| mark << 8 | u32::from(*byte));
    params.distinguished_name = name(&format!("aught local authority {mark:08x}"));
    lasting(&mut params, now, AUTHORITY_LIFETIME);
    let certificate = params.self_signed(&key).map_err(|error| Failure::new("the local authority", error))?;
    let authority = Identity { certificate: certificate.der().clone(), key };
    if let (Some(certificate_file), Some(key_file)) = (state.file("ca.pem"), state.file("ca.key")) {
        files::write_private(&key_file, &authority.key.serialize_pem())?;
        files::write_public(&certificate_file, &certificate_pem(&authority.certificate))?;
    }
    Ok(authority)
}

/// The server's certificate that is kept, if this authority made it for this host and it lasts.
fn load_server(state: &State, host: &str, authority: &Identity, now: Timestamp) -> Result<Option<Identity>, Failure> {
    let Some(file) = state.file("tls.pem") else { return Ok(None) };
    let Some(text) = files::read(&file)? else { return Ok(None) };
    let server = parse(&text, &text).map_err(|error| Failure::new(file.display(), error))?;
    Ok(server.into_iter().find(|server| {
        is_made_by(&server.certificate, &authority.certificate)
            && names_host(&server.certificate, host)
            && now < end_of(&server.certificate) - RENEWAL
    }))
}

fn make_server(state: &State, host: &str, authority: &Identity, now: Timestamp) -> Result<Identity, Failure> {
    let failed = |error: rcgen::Error| Failure::new(format!("a certificate for {host}"), error);
    let mut names = vec![host.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if names[1..].contains(&names[0]) {
        names.remove(0);
    }
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = name(host);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    lasting(&mut params, now, SERVER_LIFETIME);
    let issuer = Issuer::from_ca_cert_der(&authority.certificate, &authority.key).map_err(failed)?;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, &issuer).map_err(failed)?.der().clone();
    if let Some(file) = state.file("tls.pem") {
        files::write_private(&file, &format!("{}{}", certificate_pem(&certificate), key.serialize_pem()))?;
    }
    Ok(Identity { certificate, key })
}

/// Reads a certificate and its key. A pair that does not belong together, as after a crash between the two writes, is none.
fn parse(certificate: &str, key: &str) -> Result<Option<Identity>, Failure> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())
        .map_err(|error| Failure::new("no readable certificate", error))?;
    let key = KeyPair::from_pem(&key[key.find("-----BEGIN PRIVATE KEY").unwrap_or_default()..])
        .map_err(|error| Failure::new("no readable private key", error))?;
    let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|error| Failure::new("no certificate", error))?;
    let belong_together = parsed.public_key().subject_public_key.data.as_ref() == key.public_key_raw();
    Ok(belong_together.then_some(Identity { certificate, key }))
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "aught");
    // X.520 allows 64 characters; the host stands in the alternative names anyway.
    name.push(DnType::CommonName, common_name.chars().take(64).collect::<String>());
    name
}

/// Valid from yesterday, so that a client whose clock is a little late accepts it too.
fn lasting(params: &mut CertificateParams, now: Timestamp, lifetime: Duration) {
    let date = |time: Timestamp| {
        OffsetDateTime::from_unix_timestamp(time.seconds()).expect("a clock shows years that certificates can name")
    };
    params.not_before = date(now - DAY);
    params.not_after = date(now + lifetime);
}

fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    pem::encode_config(
        &pem::Pem::new("CERTIFICATE", certificate.as_ref()),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    )
}

fn end_of(certificate: &CertificateDer<'_>) -> Timestamp {
    let parsed = X509Certificate::from_der(certificate);
    parsed.map_or(Timestamp::EPOCH, |(_, parsed)| Timestamp::from_seconds(parsed.validity().not_after.timestamp()))
}

fn is_made_by(certificate: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
    match (X509Certificate::from_der(certificate), X509Certificate::from_der(authority)) {
        (Ok((_, certificate)), Ok((_, authority))) => {
            certificate.verify_signature(Some(authority.public_key())).is_ok()
        }
        _ => false,
    }
}

fn names_host(certificate: &CertificateDer<'_>, host: &str) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return false };
    let address: Option<IpAddr> = host.parse().ok();
    names.value.general_names.iter().any(|name| match (name, address) {
        (GeneralName::DNSName(name), None) => *name == host,
        (GeneralName::IPAddress(bytes), Some(IpAddr::V4(address))) => *bytes == address.octets(),
        (GeneralName::IPAddress(bytes), Some(IpAddr::V6(address))) => *bytes == address.octets(),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::of_system()
    }

    fn server_file(state: &State) -> String {
        std::fs::read_to_string(state.file("tls.pem").unwrap()).unwrap()
    }

    #[test]
    fn certificates_are_kept_until_the_domain_changes_or_they_end() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::Beside(folder.path().join("aught.db"));
        let first = load_or_make(&state, "localhost", now()).unwrap();
        let file = server_file(&state);
        let again = load_or_make(&state, "localhost", now()).unwrap();
        assert_eq!(first.authority, again.authority);
        assert_eq!(file, server_file(&state));

        let elsewhere = load_or_make(&state, "login.example.com", now()).unwrap();
        assert_eq!(first.authority, elsewhere.authority, "clients go on trusting the authority");
        assert_ne!(file, server_file(&state));

        let file = server_file(&state);
        let later = load_or_make(&state, "login.example.com", now() + 370 * DAY).unwrap();
        assert_eq!(first.authority, later.authority);
        assert_ne!(file, server_file(&state));

        let much_later = load_or_make(&state, "login.example.com", now() + 3_640 * DAY).unwrap();
        assert_ne!(first.authority, much_later.authority);
    }

    #[test]
    fn a_lost_authority_is_replaced_with_what_it_signed() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::Folder(folder.path().join("state"));
        let first = load_or_make(&state, "localhost", now()).unwrap();
        std::fs::remove_file(state.file("ca.key").unwrap()).unwrap();
        let file = server_file(&state);
        let second = load_or_make(&state, "localhost", now()).unwrap();
        assert_ne!(first.authority, second.authority);
        assert_ne!(file, server_file(&state));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_private_keys() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let state = State::Folder(folder.path().to_owned());
        load_or_make(&state, "localhost", now()).unwrap();
        let mode = |name| state.file(name).unwrap().metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!([mode("ca.key"), mode("tls.pem"), mode("ca.pem")], [0o600, 0o600, 0o644]);
    }

    #[test]
    fn a_domain_may_be_an_address() {
        for host in ["127.0.0.1", "192.0.2.7", "::1"] {
            let folder = tempfile::tempdir().unwrap();
            let state = State::Folder(folder.path().to_owned());
            load_or_make(&state, host, now()).unwrap();
            let file = server_file(&state);
            load_or_make(&state, host, now()).unwrap();
            assert_eq!(file, server_file(&state), "{host}");
        }
    }
}
