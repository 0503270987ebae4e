//! The pages of universal login that no protocol begins, as a browser without script sees them.

use serde_json::{Value, json};

use crate::{browser::Browser, server::TestServer};

const CONNECTION: &str = "Username-Password-Authentication";
const EMAIL: &str = "jane@example.com";

async fn user(server: &TestServer) -> String {
    let user = json!({"connection": CONNECTION, "email": EMAIL, "password": "Correct-Horse-7", "verify_email": false});
    server.post("/users", user).await.body["user_id"].as_str().unwrap().to_owned()
}

/// A link of the Management API as a path.
fn path_of(link: &Value) -> String {
    let link = link.as_str().unwrap().trim_end_matches('#');
    link.split_once("://").unwrap().1.split_once('/').map(|(_, path)| format!("/{path}")).unwrap()
}

#[tokio::test]
async fn a_password_is_reset_by_a_link() {
    let server = TestServer::start().await;
    let user = user(&server).await;
    let link = server.post("/tickets/password-change", json!({"user_id": user})).await;
    let link = path_of(&link.body["ticket"]);
    let mut browser = Browser::at(&server.url(""));
    // Whatever only looks at links uses nothing up.
    for _ in 0..2 {
        let page = browser.visit(&link).await;
        assert_eq!((page.status, page.html.contains("_form-redeem-ticket")), (200, true));
    }
    let page = browser.visit(&link).await;
    let page = browser.submit(&page, &[]).await;
    assert!(page.address.starts_with("/u/reset-password/change?state="), "{}", page.address);
    let fields = |new: &'static str, again: &'static str| [("password-reset", new), ("re-enter-password", again)];
    let other = browser.submit(&page, &fields("New-Horse-8", "New-Horse-9")).await;
    assert_eq!((other.status, other.faults()), (400, vec!["re-enter-password password-mismatch".to_owned()]));
    let weak = browser.submit(&page, &fields("abc", "abc")).await;
    assert_eq!((weak.status, weak.faults()), (400, vec!["password-reset password-too-weak".to_owned()]));
    let done = browser.submit(&page, &fields("New-Horse-8", "New-Horse-8")).await;
    assert_eq!((done.status, done.heading()), (200, "Password Changed!"));
    // The link, and the page that it led to, have had their time.
    let again = browser.visit(&link).await;
    let again = browser.submit(&again, &[]).await;
    assert_eq!(again.heading(), "Invalid Link");
    let again = browser.submit(&page, &fields("Third-Horse-9", "Third-Horse-9")).await;
    assert_eq!(again.heading(), "Password Changed!");
    let user = server.get(&format!("/users/{user}")).await.body;
    assert!(user["last_password_reset"].is_string(), "{user}");
    server.end().await;
}

#[tokio::test]
async fn an_address_is_verified_by_a_link() {
    let server = TestServer::start().await;
    let user = user(&server).await;
    let ask = json!({"user_id": user});
    let link = path_of(&server.post("/tickets/email-verification", ask.clone()).await.body["ticket"]);
    let mut browser = Browser::at(&server.url(""));
    let page = browser.visit(&link).await;
    let done = browser.submit(&page, &[]).await;
    assert_eq!((done.status, done.heading()), (200, "Email Verified"));
    let now = server.get(&format!("/users/{user}")).await.body;
    assert_eq!(now["email_verified"], true);
    let again = browser.submit(&page, &[]).await;
    assert_eq!((again.status, again.heading()), (400, "Invalid Link"));
    let result = json!({"user_id": user, "result_url": "https://app.example.com/done", "includeEmailInRedirect": true});
    let link = path_of(&server.post("/tickets/email-verification", result).await.body["ticket"]);
    let page = browser.visit(&link).await;
    let done = browser.submit(&page, &[]).await;
    assert!(done.address.starts_with("https://app.example.com/done?"), "{}", done.address);
    assert_eq!(done.parameter("success").as_deref(), Some("true"));
    server.end().await;
}

#[tokio::test]
async fn a_login_that_is_not_there_leads_to_where_logins_begin() {
    let server = TestServer::start().await;
    let mut browser = Browser::at(&server.url(""));
    let unknown = format!("/u/login/identifier?state={}00", "x".repeat(32));
    for address in [unknown.as_str(), "/u/login?state=unknown", "/u/login", "/u/nothing?state=%00"] {
        let lost = browser.visit(address).await;
        assert_eq!((lost.status, lost.heading()), (400, "Oops!, something went wrong"), "{address}");
        let form = [("username".to_owned(), EMAIL.to_owned())];
        let lost = browser.fetch(http::Method::POST, address, Some(&form)).await;
        assert_eq!(lost.status, 400, "{address}");
    }
    assert!(browser.jar.is_empty());
    let start = "https://app.example.com/login";
    server.patch("/tenants/settings", json!({"default_redirection_uri": start})).await;
    let lost = browser.visit("/u/login?state=unknown").await;
    let issuer = format!("?iss=https%3A%2F%2F{}%2F", server.running.domain.replace(':', "%3A"));
    assert_eq!(lost.address, format!("{start}{issuer}"));
    server.end().await;
}

#[tokio::test]
async fn pages_are_neither_framed_nor_kept_nor_scripted_by_others() {
    let server = TestServer::start().await;
    let mut browser = Browser::at(&server.url(""));
    let page = browser.visit("/u/logout/complete").await;
    assert_eq!((page.status, page.heading()), (200, "You Are Logged Out"));
    let header =
        |name: &str| page.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let policy = header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "script-src 'self'", "form-action 'self' https:"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert_eq!((header("x-frame-options"), header("cache-control")), ("deny".into(), "no-store".into()));
    assert_eq!(header("referrer-policy"), "same-origin");
    assert!(header("x-robots-tag").contains("noindex"));
    let assets: Vec<&str> = page.html.split('"').filter(|part| part.starts_with("/u/assets/")).collect();
    assert_eq!(assets.len(), 2);
    let mut bytes = page.html.len();
    for asset in assets {
        let asset = browser.visit(asset).await;
        assert_eq!(asset.status, 200);
        assert!(asset.headers["cache-control"].to_str().unwrap().contains("immutable"));
        bytes += asset.html.len();
    }
    assert!(bytes < 30 * 1024, "{bytes}");
    server.end().await;
}
