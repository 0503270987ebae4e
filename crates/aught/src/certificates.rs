//! Certificates for https: those of the operator, and with no set-up a local authority and what it signs.

mod authority;
mod names;
mod operator;

use std::{fmt, sync::Arc, time::Duration};

use kernel::{Timestamp, host_name};
use quick_cache::sync::Cache;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::Mutex;

pub use self::operator::TlsCertificate;
use self::{
    authority::{Identity, RENEWAL, certificate_pem, end_of, may_sign_for},
    names::names_host,
    operator::Files,
};
use crate::{Failure, State, tenants::Tenants};

/// How many certificates for names of tenants are kept.
const KEPT: usize = 10_000;
/// How often the files of the operator are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// The https side of a server. Certificates are loaded or made when they are needed first, and renewed in time.
pub(crate) struct Certificates {
    state: State,
    host: String,
    given: Vec<TlsCertificate>,
    tenants: Tenants,
    current: Mutex<Option<Current>>,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    names: Arc<Names>,
    authority: Arc<str>,
    renew_at: Timestamp,
    files: Arc<Files>,
    looked: Timestamp,
}

impl Certificates {
    /// For the host of `domain` and the names of tenants, kept in `state`; the operator's come first.
    pub(crate) fn new(state: State, domain: &str, given: Vec<TlsCertificate>, tenants: Tenants) -> Self {
        Self { state, host: host_name(domain), given, tenants, current: Mutex::new(None) }
    }

    /// What does the server's side of a handshake with a client that asks for this name.
    pub(crate) async fn config(&self, server_name: Option<&str>) -> Result<Arc<ServerConfig>, Failure> {
        let Current { config, names, .. } = self.current().await?;
        if let Some(name) = server_name.map(host_name).filter(|name| names.may_make(name)) {
            let known = self.tenants.at(&name).await.map_err(|error| Failure::new("the tenant of a host", error))?;
            if known.is_some() {
                names.make(&name)?;
            }
        }
        Ok(config)
    }

    /// The certificate of the local authority, as PEM.
    pub(crate) async fn authority(&self) -> Result<Arc<str>, Failure> {
        Ok(self.current().await?.authority)
    }

    /// Whom clients of this server trust: the local authority, and whoever vouches for the operator's certificates.
    pub(crate) async fn roots(&self) -> Vec<CertificateDer<'static>> {
        match self.current().await {
            Ok(Current { names, files, .. }) => files.chains().chain([&names.authority.certificate]).cloned().collect(),
            Err(failure) => {
                tracing::error!(%failure, "the server does not trust itself");
                Vec::new()
            }
        }
    }

    async fn current(&self) -> Result<Current, Failure> {
        let mut current = self.current.lock().await;
        // The clients judge certificates by their own clocks, so a tenant's clock has no say here.
        let now = Timestamp::of_system();
        if let Some(current) = current.as_mut().filter(|current| now < current.renew_at) {
            let is_time_to_look = now >= current.looked + LOOK;
            if is_time_to_look && current.files.are_unchanged() {
                current.looked = now;
            }
            if now < current.looked + LOOK {
                return Ok(current.clone());
            }
        }
        let (state, host, given) = (self.state.clone(), self.host.clone(), self.given.clone());
        let load = move || load_or_make(&state, &host, &given, now);
        let loaded =
            tokio::task::spawn_blocking(load).await.map_err(|error| Failure::new("the certificates", error))??;
        Ok(current.insert(loaded).clone())
    }
}

fn load_or_make(state: &State, host: &str, given: &[TlsCertificate], now: Timestamp) -> Result<Current, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let authority = match authority::load(state, host, now)? {
        Some(authority) => authority,
        None => authority::make(state, host, now)?,
    };
    let server = match authority::load_server(state, host, &authority, now)? {
        Some(server) => server,
        None => authority::make_server(state, host, &authority, now)?,
    };
    let files = Arc::new(Files::read(given, &provider)?);
    let renew_at = end_of(&server.certificate).min(end_of(&authority.certificate)) - RENEWAL;
    let pem = certificate_pem(&authority.certificate).into();
    let own = certified(vec![server.certificate.clone()], &server, &provider)?;
    let names = Arc::new(Names {
        files: Arc::clone(&files),
        own,
        server,
        authority,
        made: Cache::new(KEPT),
        provider: Arc::clone(&provider),
    });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks the protocol's usual versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(&names) as _);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Current { config: Arc::new(config), names, authority: pem, renew_at, files, looked: now })
}

/// Which certificate a client is shown: by the name that it asks for.
struct Names {
    files: Arc<Files>,
    /// The server's own, shown to whoever asks for no name or an unknown one.
    own: Arc<CertifiedKey>,
    server: Identity,
    authority: Identity,
    made: Cache<String, Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
}

impl Names {
    /// Whether a name has no certificate yet and the local authority may give it one.
    fn may_make(&self, name: &str) -> bool {
        self.files.find(name).is_none()
            && !names_host(&self.server.certificate, name)
            && self.made.get(name).is_none()
            && may_sign_for(&self.authority.certificate, name)
    }

    fn make(&self, name: &str) -> Result<(), Failure> {
        let now = Timestamp::of_system();
        let signed = authority::sign(&self.authority, name, vec![name.to_owned()], &self.server.key, now);
        let certificate = signed.map_err(|error| Failure::new(format!("a certificate for {name}"), error))?;
        self.made.insert(name.to_owned(), certified(vec![certificate], &self.server, &self.provider)?);
        Ok(())
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(host_name);
        let named = name.and_then(|name| self.files.find(&name).or_else(|| self.made.get(&name)));
        Some(named.unwrap_or_else(|| Arc::clone(&self.own)))
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

fn certified(
    chain: Vec<rustls_pki_types::CertificateDer<'static>>,
    identity: &Identity,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, Failure> {
    let key = PrivateKeyDer::try_from(identity.key.serialize_der())
        .map_err(|error| Failure::new("the key for https", error))?;
    let certified = CertifiedKey::from_der(chain, key, provider);
    certified.map(Arc::new).map_err(|error| Failure::new("the certificate for https", error))
}

#[cfg(test)]
mod tests {
    use rustls::client::danger::ServerCertVerifier;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

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
        let first = load_or_make(&state, "localhost", &[], now()).unwrap();
        let file = server_file(&state);
        let again = load_or_make(&state, "localhost", &[], now()).unwrap();
        assert_eq!(first.authority, again.authority);
        assert_eq!(file, server_file(&state));

        let elsewhere = load_or_make(&state, "a.localhost", &[], now()).unwrap();
        assert_eq!(first.authority, elsewhere.authority, "clients go on trusting the authority");
        assert_ne!(file, server_file(&state));

        let file = server_file(&state);
        let later = load_or_make(&state, "a.localhost", &[], now() + 370 * DAY).unwrap();
        assert_eq!(first.authority, later.authority);
        assert_ne!(file, server_file(&state));

        let much_later = load_or_make(&state, "a.localhost", &[], now() + 3_640 * DAY).unwrap();
        assert_ne!(first.authority, much_later.authority);
    }

    #[test]
    fn a_lost_authority_is_replaced_with_what_it_signed() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::Folder(folder.path().join("state"));
        let first = load_or_make(&state, "localhost", &[], now()).unwrap();
        std::fs::remove_file(state.file("ca.key").unwrap()).unwrap();
        let file = server_file(&state);
        let second = load_or_make(&state, "localhost", &[], now()).unwrap();
        assert_ne!(first.authority, second.authority);
        assert_ne!(file, server_file(&state));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_private_keys() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let state = State::Folder(folder.path().to_owned());
        load_or_make(&state, "localhost", &[], now()).unwrap();
        let mode = |name| state.file(name).unwrap().metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!([mode("ca.key"), mode("tls.pem"), mode("ca.pem")], [0o600, 0o600, 0o644]);
    }

    #[test]
    fn a_domain_may_be_an_address() {
        for host in ["127.0.0.1", "192.0.2.7", "::1"] {
            let folder = tempfile::tempdir().unwrap();
            let state = State::Folder(folder.path().to_owned());
            load_or_make(&state, host, &[], now()).unwrap();
            let file = server_file(&state);
            load_or_make(&state, host, &[], now()).unwrap();
            assert_eq!(file, server_file(&state), "{host}");
        }
    }

    #[test]
    fn the_local_authority_signs_for_this_machine_and_the_installation_alone() {
        let authority = authority::make(&State::Memory, "login.example.com", now()).unwrap().certificate;
        for host in [
            "localhost",
            "a.localhost",
            "shop.test",
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "login.example.com",
            "a.login.example.com",
        ] {
            assert!(may_sign_for(&authority, host), "{host}");
        }
        for host in ["example.com", "evil-login.example.com", "www.bank.example", "10.0.0.1", "::2", "notlocalhost", ""]
        {
            assert!(!may_sign_for(&authority, host), "{host}");
        }
    }

    #[test]
    fn clients_refuse_what_the_local_authority_signs_for_others() {
        let identity = authority::make(&State::Memory, "localhost", now()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(identity.certificate.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let verifier = verifier.unwrap();
        let judged = |host: &str| {
            let certificate = authority::sign(&identity, host, vec![host.to_owned()], &identity.key, now()).unwrap();
            let name = host.to_owned().try_into().unwrap();
            let time =
                rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(now().seconds().unsigned_abs()));
            verifier.verify_server_cert(&certificate, &[], &name, &[], time).is_ok()
        };
        assert!(judged("localhost") && judged("a.localhost") && judged("127.0.0.1"));
        assert!(!judged("www.bank.example") && !judged("10.0.0.1"));
    }

    #[test]
    fn an_authority_from_before_it_was_confined_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::Folder(folder.path().to_owned());
        let first = load_or_make(&state, "localhost", &[], now()).unwrap();
        // A domain that it may not sign for, as one from before could.
        let second = load_or_make(&state, "login.example.com", &[], now()).unwrap();
        assert_ne!(first.authority, second.authority);
        let third = load_or_make(&state, "login.example.com", &[], now()).unwrap();
        assert_eq!(second.authority, third.authority);
    }

    #[test]
    fn the_operators_certificate_comes_before_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let identity = authority::make(&State::Memory, "login.example.com", now()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["*.login.example.com".to_owned()];
        let certificate = authority::sign(&identity, "login.example.com", names, &key, now()).unwrap();
        let file = folder.path().join("both.pem");
        std::fs::write(&file, format!("{}{}", key.serialize_pem(), certificate_pem(&certificate))).unwrap();
        let given = [TlsCertificate { chain: file, key: None }];
        let current = load_or_make(&State::Memory, "localhost", &given, now()).unwrap();
        assert!(current.names.files.find("a.login.example.com").is_some());
        assert!(current.names.files.find("login.example.com").is_none());
        assert!(current.names.files.find("a.b.login.example.com").is_none());
    }
}
