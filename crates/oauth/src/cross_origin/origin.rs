//! Which origins' scripts may log the users of a client in.

use url::Url;

use crate::{
    logout::urls::{Match, is_allowed as is_registered},
    views::Client,
};

/// Whether an `Origin` header names an origin that may: one of the client's allowed origins, of its web origins, or of its callbacks. A `*` as
/// the whole leftmost label stands for subdomains.
pub(super) fn is_allowed(origin: &str, client: &Client) -> bool {
    if !is_origin(origin) {
        return false;
    }
    let callbacks = client.callbacks.iter().filter_map(|uri| of(uri));
    let named = client.allowed_origins.iter().chain(&client.web_origins).cloned();
    let all: Vec<String> = named.chain(callbacks).collect();
    is_registered(origin, &all, Match::Exact)
}

/// Whether this is an origin of the web, as browsers write it.
pub(super) fn is_origin(origin: &str) -> bool {
    of_url(origin).is_some_and(|serialized| serialized == origin)
}

/// The origin of an address.
pub(super) fn of_url(address: &str) -> Option<String> {
    let origin = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// What of a registered address is its origin; it may begin with a star.
fn of(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    Some(format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_whole() {
        let mut client = Client::default();
        client.allowed_origins = vec!["https://app.example".to_owned(), "https://*.shop.example".to_owned()];
        client.web_origins = vec!["http://localhost:3000".to_owned()];
        client.callbacks = vec!["https://cb.example/login?x=1".to_owned(), "com.example.app://cb".to_owned()];
        for allowed in ["https://app.example", "https://a.shop.example", "http://localhost:3000", "https://cb.example"]
        {
            assert!(is_allowed(allowed, &client), "{allowed}");
        }
        for refused in [
            "null",
            "",
            "http://app.example",
            "https://app.example/",
            "https://app.example:8443",
            "https://app.example.evil.example",
            "https://shop.example",
            "https://evilshop.example",
            "https://user@app.example",
            "http://localhost:3001",
            "com.example.app://cb",
        ] {
            assert!(!is_allowed(refused, &client), "{refused}");
        }
    }
}
