//! What proxies tell of the client behind them, taken from those alone that the operator trusts.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use kernel::{Country, Peer};

use crate::Failure;

const ADDRESSES: &str = "x-forwarded-for";
const HOST: &str = "x-forwarded-host";
const SCHEME: &str = "x-forwarded-proto";

/// The networks whose machines are proxies that tell the truth.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// The header in which they tell the client's country.
    country: Option<HeaderName>,
}

impl TrustedProxies {
    /// Reads addresses and networks (`10.0.0.0/8`).
    pub fn parse(texts: &[String]) -> Result<Self, Failure> {
        let parse = |text: &String| {
            let text = text.trim();
            let address = text.parse::<IpAddr>().map(IpNet::from);
            let network = address.or_else(|_| text.parse::<IpNet>());
            network.map_err(|_| Failure::new(format!("the trusted proxy {text:?}"), "expected an address or a network"))
        };
        let networks = texts.iter().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { networks, country: None })
    }

    /// The same, who tell the client's country in this header.
    pub fn telling_country(self, header: Option<&str>) -> Result<Self, Failure> {
        let parse = |name: &str| {
            let unfit =
                |_| Failure::new(format!("the header of the country {name:?}"), "expected the name of a header");
            name.parse::<HeaderName>().map_err(unfit)
        };
        Ok(Self { country: header.map(parse).transpose()?, ..self })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether this is one of them.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// The client of a request that the peer of the connection sent or passed on.
    pub(crate) fn client(&self, headers: &HeaderMap, peer: SocketAddr, is_tls: bool) -> Peer {
        let connecting = peer.ip().to_canonical();
        let direct = Peer { address: connecting, connecting, is_secure: is_tls, country: None };
        if !self.contains(direct.address) {
            return direct;
        }
        let is_secure = last(headers, SCHEME).map_or(is_tls, |scheme| scheme.eq_ignore_ascii_case("https"));
        let told = self.country.as_ref().and_then(|name| last(headers, name.as_str()));
        let country = told.and_then(Country::parse);
        Peer { address: self.first_stranger(headers, direct.address), connecting, is_secure, country }
    }

    /// The host that a trusted proxy was asked for, where the peer is one and tells it.
    pub(crate) fn host<'h>(&self, headers: &'h HeaderMap, peer: SocketAddr) -> Option<&'h str> {
        last(headers, HOST).filter(|_| self.contains(peer.ip()))
    }

    /// Each proxy adds the address that it was asked from at the end: the last one that is no trusted proxy's is the
    /// client's. What stands before it is hearsay.
    fn first_stranger(&self, headers: &HeaderMap, proxy: IpAddr) -> IpAddr {
        let lines = headers.get_all(ADDRESSES).iter().filter_map(|line| line.to_str().ok());
        let told: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let mut known = proxy;
        for text in told.into_iter().rev() {
            let Some(address) = address_of(text) else { break };
            known = address;
            if !self.contains(address) {
                break;
            }
        }
        known
    }
}

/// The last value of a header: what the nearest proxy wrote.
fn last<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

/// An address, with or without a port.
fn address_of(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    let address = address.or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse());
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, headers: &[(&'static str, &str)]) -> (String, bool) {
        let proxies: Vec<String> = proxies.iter().map(|text| (*text).to_owned()).collect();
        let proxies = TrustedProxies::parse(&proxies).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let peer = proxies.client(&map, SocketAddr::new(peer.parse().unwrap(), 1), false);
        (peer.address.to_string(), peer.is_secure)
    }

    #[test]
    fn only_trusted_proxies_tell_who_asks() {
        let told = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")];
        assert_eq!(client(&["10.0.0.0/8"], "10.1.2.3", &told), ("192.0.2.1".to_owned(), true));
        assert_eq!(client(&["10.0.0.0/8"], "::ffff:10.1.2.3", &told), ("192.0.2.1".to_owned(), true));
        assert_eq!(client(&["10.0.0.0/8"], "11.1.2.3", &told), ("11.1.2.3".to_owned(), false));
        assert_eq!(client(&[], "127.0.0.1", &told), ("127.0.0.1".to_owned(), false));
    }

    #[test]
    fn what_a_client_claims_of_itself_is_not_taken() {
        let proxies = ["10.0.0.1", "10.0.0.2"];
        let told = [("x-forwarded-for", "1.1.1.1, 192.0.2.1"), ("x-forwarded-for", "10.0.0.2")];
        assert_eq!(client(&proxies, "10.0.0.1", &told).0, "192.0.2.1");
        let nonsense = [("x-forwarded-for", "192.0.2.1, unknown")];
        assert_eq!(client(&proxies, "10.0.0.1", &nonsense).0, "10.0.0.1");
        let with_port = [("x-forwarded-for", "[2001:db8::1]:80")];
        assert_eq!(client(&proxies, "10.0.0.1", &with_port).0, "2001:db8::1");
        assert!(TrustedProxies::parse(&["everyone".to_owned()]).is_err());
    }

    #[test]
    fn a_country_is_what_a_trusted_proxy_says_in_its_header() {
        let country = |peer: &str, name: &'static str, value: &str| {
            let proxies = TrustedProxies::parse(&["10.0.0.1".to_owned()]).unwrap().telling_country(Some("X-Country"));
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())]);
            let peer = proxies.unwrap().client(&headers, SocketAddr::new(peer.parse().unwrap(), 1), false);
            peer.country.map(|country| country.code().to_owned())
        };
        assert_eq!(country("10.0.0.1", "x-country", "de").as_deref(), Some("DE"));
        for (peer, name, value) in [
            ("10.0.0.2", "x-country", "DE"),
            ("10.0.0.1", "cf-ipcountry", "DE"),
            ("10.0.0.1", "x-country", "XX"),
            ("10.0.0.1", "x-country", "T1"),
        ] {
            assert_eq!(country(peer, name, value), None, "{peer} {name} {value}");
        }
        assert!(TrustedProxies::default().telling_country(Some("no header")).is_err());
    }
}
