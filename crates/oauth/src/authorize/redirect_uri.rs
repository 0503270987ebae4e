//! Which redirect URIs a client may ask for (reference: authentication-api §3; RFC 8252 §7.3 for loopback ports).

use std::net::Ipv4Addr;

use url::{Host, Url};

/// The longest redirect URI that is accepted, in bytes.
const LONGEST: usize = 2048;

/// Whether the client registered `asked`. Registered URIs are compared as text, so their query is part of the comparison; a `*` as the
/// whole leftmost label stands for one or more labels of a subdomain, and the ports of loopback URIs are free for native applications.
pub(crate) fn is_registered(asked: &str, registered: &[String], is_native: bool) -> bool {
    let is_sound = asked.len() <= LONGEST && !asked.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    is_sound && is_absolute(asked) && registered.iter().any(|uri| matches(asked, uri, is_native))
}

/// Whether a URI may be redirected to at all: absolute, without a fragment, and of no scheme that a browser runs as code.
fn is_absolute(uri: &str) -> bool {
    const CODE: [&str; 5] = ["javascript", "data", "vbscript", "blob", "about"];
    Url::parse(uri).is_ok_and(|url| url.fragment().is_none() && !CODE.contains(&url.scheme()))
}

/// Whether the URI leads to a host that only its owner can serve: not loopback, and not a scheme that any application can claim.
pub(crate) fn is_verifiable(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    matches!(url.scheme(), "http" | "https") && !is_loopback(&url)
}

fn matches(asked: &str, registered: &str, is_native: bool) -> bool {
    if asked == registered {
        return true;
    }
    if let Some((scheme, rest)) = registered.split_once("://*.") {
        return matches_subdomain(asked, scheme, rest);
    }
    let (Ok(asked), Ok(registered)) = (Url::parse(asked), Url::parse(registered)) else { return false };
    if is_native && is_loopback(&asked) && is_loopback(&registered) {
        return without_port(&asked) == without_port(&registered);
    }
    // A path of `/` and none are the same place.
    asked.path() == "/" && asked == registered
}

/// `scheme://*.rest`, where `rest` begins with the rest of the host.
fn matches_subdomain(asked: &str, scheme: &str, rest: &str) -> bool {
    let Some(after_scheme) = asked.strip_prefix(scheme).and_then(|asked| asked.strip_prefix("://")) else {
        return false;
    };
    let authority = &after_scheme[..after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len())];
    let tail = &after_scheme[authority.len()..];
    let domain = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let labels = authority.strip_suffix(domain).and_then(|labels| labels.strip_suffix('.'));
    tail == &rest[domain.len()..] && labels.is_some_and(|labels| labels.split('.').all(is_label))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn without_port(url: &Url) -> Option<Url> {
    let mut url = url.clone();
    url.set_port(None).ok()?;
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(asked: &str, registered: &str, is_native: bool) -> bool {
        is_registered(asked, &[registered.to_owned()], is_native)
    }

    #[test]
    fn a_registered_uri_is_compared_as_text() {
        assert!(registered("https://app.example/cb?x=1", "https://app.example/cb?x=1", false));
        assert!(registered("com.example.app://login/callback", "com.example.app://login/callback", true));
        assert!(registered("https://app.example/", "https://app.example", false));
        for asked in [
            "https://app.example/cb?x=2",
            "https://app.example/cb",
            "https://app.example/cb?x=1&y=2",
            "https://app.example/CB?x=1",
            "http://app.example/cb?x=1",
            "https://app.example:8443/cb?x=1",
            "https://user@app.example/cb?x=1",
            "https://app.example/cb?x=1#fragment",
            "https://app.example/cb/../cb?x=1",
            "//app.example/cb?x=1",
            "",
        ] {
            assert!(!registered(asked, "https://app.example/cb?x=1", false), "{asked}");
        }
    }

    #[test]
    fn a_star_stands_for_subdomains_only() {
        let pattern = "https://*.app.example/cb";
        assert!(registered("https://a.app.example/cb", pattern, false));
        assert!(registered("https://a.b.app.example/cb", pattern, false));
        for asked in [
            "https://app.example/cb",
            "https://.app.example/cb",
            "https://evil.example/.app.example/cb",
            "https://evil.example?.app.example/cb",
            "https://evil.example#.app.example/cb",
            "https://evil.example\\.app.example/cb",
            "https://a@evil.example:x.app.example/cb",
            "https://a.app.example:8443/cb",
            "https://a.app.example/cb/x",
            "https://a.app.example.evil/cb",
            "http://a.app.example/cb",
        ] {
            assert!(!registered(asked, pattern, false), "{asked}");
        }
    }

    #[test]
    fn loopback_ports_are_free_for_native_applications() {
        assert!(registered("http://127.0.0.1:51234/cb", "http://127.0.0.1/cb", true));
        assert!(registered("http://localhost:51234/cb", "http://localhost:3000/cb", true));
        assert!(!registered("http://localhost:51234/cb", "http://localhost:3000/cb", false));
        assert!(!registered("http://127.0.0.1:51234/other", "http://127.0.0.1/cb", true));
        assert!(!registered("http://127.0.0.1.evil.example/cb", "http://127.0.0.1/cb", true));
    }

    #[test]
    fn code_and_control_characters_are_refused_even_where_registered() {
        for uri in ["javascript:alert(1)", "data:text/html,x", "https://app.example/c\nb", "https://app.example/c b"] {
            assert!(!registered(uri, uri, false), "{uri}");
        }
    }

    #[test]
    fn only_web_hosts_can_be_verified() {
        assert!(is_verifiable("https://app.example/cb"));
        for uri in ["http://localhost:3000", "http://127.0.0.1/cb", "http://[::1]/cb", "com.example.app://cb"] {
            assert!(!is_verifiable(uri), "{uri}");
        }
    }
}
