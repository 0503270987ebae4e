//! Which claims a tenant's code may put into tokens (reference: authentication-api §6).

use kernel::{Document, Value};
use url::Url;

/// Names that tokens give a meaning of their own.
const RESTRICTED: &[&str] = &[
    "acr",
    "act",
    "active",
    "amr",
    "at_hash",
    "ath",
    "attest",
    "aud",
    "auth_time",
    "authorization_details",
    "azp",
    "c_hash",
    "client_id",
    "cnf",
    "cty",
    "dest",
    "entitlements",
    "events",
    "exp",
    "groups",
    "gty",
    "htm",
    "htu",
    "iat",
    "internalService",
    "iss",
    "jcard",
    "jku",
    "jti",
    "jwe",
    "jwk",
    "kid",
    "may_act",
    "mky",
    "nbf",
    "nonce",
    "object_id",
    "org_id",
    "org_name",
    "orig",
    "origid",
    "permissions",
    "roles",
    "rph",
    "s_hash",
    "scope",
    "sid",
    "sub",
    "sub_jwk",
    "toe",
    "txn",
    "typ",
    "uuid",
    "vot",
    "vtm",
    "x5t#S256",
];
/// Claims that describe a person (OpenID Connect Core §5.1).
const PROFILE: &[&str] = &[
    "address",
    "birthdate",
    "email",
    "email_verified",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "phone_number_verified",
    "picture",
    "preferred_username",
    "profile",
    "updated_at",
    "website",
    "zoneinfo",
];
/// Hosts whose names no claim may have.
const RESERVED_HOSTS: &[&str] = &["auth0.com", "webtask.io", "webtask.run"];
/// Bytes of the claims of one token.
const LARGEST: usize = 100 * 1024;

/// Puts claims into a token. Those with a restricted name are left out without a word, as are private ones of tokens for the
/// service's own APIs. `false` when they are more than a token may hold.
pub fn add(token: &mut Document, claims: Document, is_own_api: bool) -> bool {
    let admitted = claims.into_iter().filter(|(name, _)| admits(name, is_own_api));
    let size = |name: &str, value: &Value| name.len() + value.to_string().len();
    let mut total = 0;
    for (name, value) in admitted {
        total += size(&name, &value);
        token.insert(name, value);
    }
    total <= LARGEST
}

/// Whether a token takes a claim of this name.
pub fn admits(name: &str, is_own_api: bool) -> bool {
    if RESTRICTED.contains(&name) || name.starts_with("sip_") || name.is_empty() {
        return false;
    }
    if name.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("urn:auth0")) {
        return false;
    }
    match namespace(name) {
        Some(url) => {
            let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
            let is_of = |reserved: &&str| host == **reserved || host.ends_with(&format!(".{reserved}"));
            !RESERVED_HOSTS.iter().any(is_of)
        }
        None => !is_own_api || PROFILE.contains(&name),
    }
}

/// The address that a claim's name is, if it is one.
pub fn namespace(name: &str) -> Option<Url> {
    if !name.contains("://") {
        return None;
    }
    Url::parse(name).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restricted_names_are_left_out() {
        for name in [
            "iss",
            "gty",
            "scope",
            "sip_from",
            "x5t#S256",
            "https://x.auth0.com/a",
            "http://webtask.io/",
            "urn:auth0:a",
        ] {
            assert!(!admits(name, false), "{name}");
        }
        for name in ["tier", "https://example.com/tier", "https://notauth0.com/a", "urn:example:a", "email"] {
            assert!(admits(name, false), "{name}");
        }
    }

    #[test]
    fn own_apis_take_namespaced_and_profile_claims_only() {
        assert!(!admits("tier", true));
        assert!(admits("email", true));
        assert!(admits("https://example.com/tier", true));
    }

    #[test]
    fn a_token_holds_so_much() {
        let claims = |size: usize| Document::from_iter([("a".to_owned(), "x".repeat(size).into())]);
        assert!(add(&mut Document::new(), claims(1000), false));
        assert!(!add(&mut Document::new(), claims(LARGEST), false));
    }
}
