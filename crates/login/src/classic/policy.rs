//! What a page that a tenant wrote may load and reach: the origins that it names in itself, and of ours the endpoints for login pages alone.

use crate::named::Named;

/// What scripts of the page may call of ours.
const CALLED: [&str; 11] = [
    "/usernamepassword/",
    "/dbconnections/",
    "/passwordless/",
    "/co/authenticate",
    "/user/ssodata",
    "/oauth/token",
    "/userinfo",
    "/authorize",
    "/lo/reset",
    "/v2/logout",
    "/.well-known/",
];
/// What the page may include as scripts of ours.
const INCLUDED: [&str; 3] = ["/client/", "/info-v1.js", "/js/lock/"];
/// What its forms may be sent to.
const POSTED: [&str; 6] =
    ["/login/callback", "/usernamepassword/login", "/passwordless/", "/lo/reset", "/authorize", "/u/login/"];

/// The policy of a page. `own` is the tenant's origin as the browser reached it, `target` the source of where the login leads in the end.
pub(super) fn policy(html: &str, own: &str, target: Option<&str>, allows_frames: bool) -> String {
    let mut named = Named::default();
    named.take(html);
    named.all.remove(own);
    let ours = |paths: &[&str]| paths.iter().flat_map(|path| [" ", own, path]).collect::<String>();
    let theirs: String = named.all.iter().flat_map(|origin| [" ", origin.as_str()]).collect();
    let frames = if allows_frames { "" } else { "; frame-ancestors 'none'" };
    let target = target.map(|source| format!(" {source}")).unwrap_or_default();
    format!(
        "default-src 'none'; base-uri 'none'; object-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'{scripts}{theirs}; \
         style-src 'unsafe-inline'{theirs}; img-src data: blob:{theirs}; font-src data:{theirs}; media-src data:{theirs}; \
         connect-src{called}{theirs}; frame-src {own}/authorize{theirs}; manifest-src{theirs}; \
         form-action{posted} https:{target}{theirs}{frames}",
        scripts = ours(&INCLUDED),
        called = ours(&CALLED),
        posted = ours(&POSTED),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_ours_a_page_may_reach_the_endpoints_for_login_pages_alone() {
        let html =
            "<script src=\"https://cdn.example.com/lock.js\"></script><a href=\"https://t.example/_aught/outbox\">";
        let policy = policy(html, "https://t.example", Some("http://localhost:3000"), false);
        let connect = policy.split("; ").find(|directive| directive.starts_with("connect-src")).unwrap();
        assert!(connect.contains("https://t.example/usernamepassword/"), "{connect}");
        assert!(!policy.contains("'self'") && !policy.contains("https://t.example "), "{policy}");
        assert!(
            policy.ends_with("https: http://localhost:3000 https://cdn.example.com; frame-ancestors 'none'"),
            "{policy}"
        );
    }
}
