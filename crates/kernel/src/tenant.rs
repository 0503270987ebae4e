//! What a request is about before anything of it is read: the tenant that its host chose, and where it came from.
//!
//! The edge decides both once for each request and puts them into the request's extensions; every protocol takes
//! them from there.

use std::{fmt, net::IpAddr, sync::Arc};

use crate::TenantId;

/// A tenant with the names it is reached by. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Tenant(Arc<Names>);

#[derive(PartialEq, Eq)]
struct Names {
    id: TenantId,
    domain: String,
    host: String,
    issuer: String,
    canonical_issuer: String,
    management_audience: String,
}

impl Tenant {
    /// The tenant whose canonical domain is `domain`, such as `localhost:8080`, reached by that.
    pub fn new(id: TenantId, domain: &str) -> Self {
        Self::named(id, domain, domain)
    }

    /// The same tenant, reached by a custom domain. It has the port of the canonical domain: both are the same server's.
    pub fn reached_by(&self, custom_domain: &str) -> Self {
        let host = format!("{custom_domain}{}", port_of(&self.0.domain));
        Self::named(self.0.id.clone(), &self.0.domain, &host)
    }

    fn named(id: TenantId, domain: &str, host: &str) -> Self {
        Self(Arc::new(Names {
            id,
            domain: domain.to_owned(),
            host: host.to_owned(),
            issuer: format!("https://{host}/"),
            canonical_issuer: format!("https://{domain}/"),
            management_audience: format!("https://{domain}/api/v2/"),
        }))
    }

    /// The tenant's identifier.
    pub fn id(&self) -> &TenantId {
        &self.0.id
    }

    /// The canonical domain, with its port unless that is 443.
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// The domain that the request named: the canonical or a custom one, with its port unless that is 443.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// `iss` of the tokens that this request asks for: `https://{host}/`.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Whether tokens of this issuer are the tenant's: that of its canonical domain, or of the domain of the request.
    pub fn is_issuer(&self, issuer: &str) -> bool {
        issuer == self.0.canonical_issuer || issuer == self.0.issuer
    }

    /// The audience of the Management API: `https://{domain}/api/v2/`, whatever the request's host.
    pub fn management_audience(&self) -> &str {
        &self.0.management_audience
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("id", &self.0.id).field("host", &self.0.host).finish_non_exhaustive()
    }
}

/// Where a request came from: the client's own address, behind trusted proxies too, and whether it used https.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's address: what login, limits, access lists and logs go by.
    pub address: IpAddr,
    /// The address at the other end of the connection: the client's, or that of the proxy before the server.
    pub connecting: IpAddr,
    /// Whether the client reached the server, or the trusted proxy before it, by https.
    pub is_secure: bool,
    /// The client's country, where a trusted proxy tells it.
    pub country: Option<Country>,
}

/// A country by its two letters (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country([u8; 2]);

impl Country {
    /// The country with this code; what stands for an unknown one is none.
    pub fn parse(code: &str) -> Option<Self> {
        let letters: [u8; 2] = code.as_bytes().try_into().ok()?;
        let letters = letters.map(|letter| letter.to_ascii_uppercase());
        (letters.iter().all(u8::is_ascii_uppercase) && letters != *b"XX").then_some(Self(letters))
    }

    /// The code, in capital letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("letters of ASCII are text")
    }
}

/// The name of a host without its port, in lower case: `[::1]:80` is `::1`.
pub fn host_name(host: &str) -> String {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    // A name that ends with a dot is the same name, written in full.
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The port of a host with its colon; empty where there is none.
pub fn port_of(host: &str) -> &str {
    let after = host.rfind(']').map_or(0, |end| end + 1);
    host[after..].find(':').map_or("", |at| &host[after + at..])
}

/// Whether a name means this machine: `localhost` and names below it, and loopback addresses.
pub fn is_loopback_name(name: &str) -> bool {
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custom_domain_has_the_port_of_the_canonical_one() {
        let tenant = Tenant::new(TenantId::new("t"), "t.localhost:8080").reached_by("login.example.com");
        assert_eq!(tenant.issuer(), "https://login.example.com:8080/");
        assert_eq!(tenant.management_audience(), "https://t.localhost:8080/api/v2/");
        assert!(tenant.is_issuer("https://t.localhost:8080/") && tenant.is_issuer("https://login.example.com:8080/"));
        assert!(!tenant.is_issuer("https://login.example.com/"));
    }

    #[test]
    fn a_hosts_name_has_no_port() {
        for (host, name, port) in [
            ("Localhost:8080", "localhost", ":8080"),
            ("login.example.com.", "login.example.com", ""),
            ("[::1]:80", "::1", ":80"),
            ("[::1]", "::1", ""),
            ("", "", ""),
        ] {
            assert_eq!((host_name(host).as_str(), port_of(host)), (name, port), "{host}");
        }
    }

    #[test]
    fn loopback_is_told_by_name_and_address() {
        assert!(["localhost", "a.b.localhost", "127.0.0.9", "::1"].into_iter().all(is_loopback_name));
        assert!(!["example.com", "localhost.example.com", "10.0.0.1", ""].into_iter().any(is_loopback_name));
    }
}
