//! Where a browser may be sent after a logout (reference: authentication-api §5, Logout).

use url::Url;

/// How much of an address must be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// All of it (OpenID Connect RP-Initiated Logout §3.1).
    Exact,
    /// All but its query and fragment, as `/v2/logout` does it.
    WithoutQuery,
}

/// Whether `asked` is one of the registered addresses. A `*` as the whole leftmost label stands for subdomains.
pub(crate) fn is_allowed(asked: &str, registered: &[String], how: Match) -> bool {
    let Ok(url) = Url::parse(asked) else { return false };
    let is_sound = !asked.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '\\');
    if !is_sound || url.cannot_be_a_base() || !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    registered.iter().any(|registered| matches(&url, registered, how))
}

fn matches(asked: &Url, registered: &str, how: Match) -> bool {
    // A star is no letter of a host: while the two are compared another name stands for it.
    let (registered, is_wildcard) = match registered.split_once("://*.") {
        Some((scheme, rest)) => (format!("{scheme}://{rest}"), true),
        None => (registered.to_owned(), false),
    };
    let Ok(registered) = Url::parse(&registered) else { return false };
    let is_same_host = match (asked.host_str(), registered.host_str()) {
        (Some(asked), Some(domain)) if is_wildcard => {
            asked.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        }
        (asked, registered) => asked == registered,
    };
    let is_same_place = asked.scheme() == registered.scheme()
        && asked.port_or_known_default() == registered.port_or_known_default()
        && asked.path() == registered.path();
    let is_same_query = how == Match::WithoutQuery
        || (asked.query() == registered.query() && asked.fragment() == registered.fragment());
    is_same_host && is_same_place && is_same_query
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(asked: &str, registered: &str, how: Match) -> bool {
        is_allowed(asked, &[registered.to_owned()], how)
    }

    #[test]
    fn the_query_counts_for_relying_parties_only() {
        let registered = "https://app.example/out?from=x";
        assert!(allowed("https://app.example/out?from=x", registered, Match::Exact));
        assert!(!allowed("https://app.example/out?from=y", registered, Match::Exact));
        assert!(!allowed("https://app.example/out", registered, Match::Exact));
        assert!(allowed("https://app.example/out?from=y#z", registered, Match::WithoutQuery));
        assert!(allowed("https://app.example", "https://app.example/", Match::Exact));
    }

    #[test]
    fn nothing_else_is_a_registered_address() {
        for asked in [
            "https://app.example.evil/out",
            "https://evil.example/app.example/out",
            "https://app.example@evil.example/out",
            "https://evil@app.example/out",
            "https://app.example\\@evil.example/out",
            "//app.example/out",
            "http://app.example/out",
            "https://app.example:444/out",
            "javascript:alert(1)",
            "/out",
        ] {
            assert!(!allowed(asked, "https://app.example/out", Match::WithoutQuery), "{asked}");
        }
    }

    #[test]
    fn a_star_stands_for_subdomains() {
        let registered = "https://*.app.example/out";
        assert!(allowed("https://a.app.example/out", registered, Match::Exact));
        for asked in ["https://app.example/out", "https://evilapp.example/out", "https://a.app.example.evil/out"] {
            assert!(!allowed(asked, registered, Match::Exact), "{asked}");
        }
    }
}
