//! Logins by codes and links on the pages of universal login.

use std::time::Duration;

use serde_json::json;

use super::{ADDRESS, NUMBER, other, site};
use crate::{
    browser::{Browser, Page},
    site::{CALLBACK, Site, claims, code, error, path_of, user_path},
};

/// The page that follows the identifier at a connection.
async fn identify(site: &Site, browser: &mut Browser, more: &str, identifier: &str) -> Page {
    let page = browser.visit(&site.authorize(more)).await;
    assert!(page.address.starts_with("/u/login/identifier?state="), "{page:?}");
    browser.submit(&page, &[("username", identifier), ("action", "default")]).await
}

#[tokio::test]
async fn a_user_logs_in_by_the_code_of_a_mail() {
    let (site, clock) = site().await;
    site.passwordless("email", json!({})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&connection=email&login_hint=hint%40example.com")).await;
    assert!(page.html.contains("hint@example.com") && page.html.contains("Email address"), "{}", page.html);
    let bad = browser.submit(&page, &[("username", "nobody")]).await;
    assert_eq!((bad.status, bad.faults()), (400, vec!["username invalid-email-format".to_owned()]));
    let page = browser.submit(&page, &[("username", " New@Example.com"), ("action", "default")]).await;
    assert!(page.address.starts_with("/u/login/passwordless-email-challenge?state="), "{page:?}");
    assert_eq!(page.heading(), "Verify Your Identity");
    let first = site.sent_code(ADDRESS).await;
    let wrong = browser.submit(&page, &[("code", &other(&first)), ("action", "default")]).await;
    assert_eq!((wrong.status, wrong.faults()), (400, vec!["code invalid-verification-code".to_owned()]));
    let empty = browser.submit(&page, &[("code", "")]).await;
    assert_eq!((empty.status, empty.faults()), (400, vec!["code no-code".to_owned()]));
    let late = site.sent_code_after(&mut browser, &page).await;
    clock.advance(Duration::from_secs(181));
    let expired = browser.submit(&page, &[("code", &late)]).await;
    assert_eq!((expired.status, expired.faults()), (400, vec!["code code-expired".to_owned()]));
    // The way back leads to another address, and forward again.
    let back = browser.visit(&page.address.replace("passwordless-email-challenge", "identifier")).await;
    assert!(back.html.contains("new@example.com"), "{}", back.html);
    let page = browser.submit(&back, &[("username", ADDRESS)]).await;
    let sent = site.sent_code(ADDRESS).await;
    let done = browser.submit(&page, &[("code", &sent), ("action", "default")]).await;
    let claimed = claims(&site.tokens(&code(&done)).await["id_token"]);
    assert_eq!((&claimed["email"], &claimed["email_verified"]), (&json!(ADDRESS), &json!(true)));
    // The form sent again finds no login any more, and sends nobody to the application.
    let twice = browser.submit(&page, &[("code", &sent)]).await;
    assert_eq!((twice.status, twice.address.starts_with("/u/login/")), (400, true), "{twice:?}");
    // The session was made by this connection, and answers for it.
    assert!(browser.visit(&site.authorize("&connection=email&prompt=none")).await.address.starts_with(CALLBACK));
    let sessions = site.server.get(&format!("{}/sessions", user_path(claimed["sub"].as_str().unwrap()))).await.body;
    assert_eq!(sessions["sessions"][0]["authentication"]["methods"][0]["name"], "email");
    let logged = site.logged().await;
    assert_eq!(logged.iter().filter(|kind| *kind == "s").count(), 1, "{logged:?}");
    site.end().await;
}

impl Site {
    /// The code that is sent when another one is asked for.
    async fn sent_code_after(&self, browser: &mut Browser, page: &Page) -> String {
        let again = browser.submit(page, &[("action", "resend")]).await;
        assert_eq!((again.status, again.faults()), (200, vec![]), "{again:?}");
        self.sent_code(ADDRESS).await
    }
}

#[tokio::test]
async fn members_of_an_organization_come_by_codes_alone() {
    let (site, _) = site().await;
    let connection = site.passwordless("email", json!({})).await;
    let usage = json!({"organization_usage": "allow"});
    site.server.patch(&format!("/clients/{}", site.client), usage).await;
    let used = json!([{"connection_id": connection, "assign_membership_on_login": true}]);
    let made = site.server.post("/organizations", json!({"name": "acme", "enabled_connections": used})).await;
    let acme = made.body["id"].as_str().unwrap_or_else(|| panic!("{made:?}"));
    let mut browser = site.browser();
    let page = identify(&site, &mut browser, &format!("&organization={acme}"), ADDRESS).await;
    let done = browser.submit(&page, &[("code", &site.sent_code(ADDRESS).await)]).await;
    assert_eq!(claims(&site.tokens(&code(&done)).await["id_token"])["org_id"], json!(acme));
    site.end().await;
}

#[tokio::test]
async fn a_client_with_this_connection_alone_logs_in_by_the_code_of_a_text_message() {
    let (site, _) = site().await;
    site.passwordless("sms", json!({})).await;
    let enabled = json!([{"client_id": site.client, "status": false}]);
    site.server.patch(&format!("/connections/{}/clients", site.connection().await), enabled).await;
    let mut browser = site.browser();
    let page = identify(&site, &mut browser, "", "0170 1").await;
    assert_eq!((page.status, page.faults()), (400, vec!["username invalid-phone-number".to_owned()]));
    let page = identify(&site, &mut browser, "", "+49 151 12345678").await;
    assert!(page.address.starts_with("/u/login/passwordless-sms-challenge?state="), "{page:?}");
    let sent = site.sent_code(NUMBER).await;
    let done = browser.submit(&page, &[("code", &sent), ("action", "default")]).await;
    let claimed = claims(&site.tokens(&code(&done)).await["id_token"]);
    assert!(claimed["sub"].as_str().unwrap().starts_with("sms|"), "{claimed}");
    // Once more, as a user who is blocked meanwhile.
    site.server.patch(&user_path(claimed["sub"].as_str().unwrap()), json!({"blocked": true})).await;
    let mut browser = site.browser();
    let page = identify(&site, &mut browser, "", NUMBER).await;
    let sent = site.sent_code(NUMBER).await;
    let refused = browser.submit(&page, &[("code", &sent)]).await;
    assert_eq!(error(&refused), ("unauthorized".to_owned(), "user is blocked".to_owned()));
    site.end().await;
}

#[tokio::test]
async fn a_link_logs_in_where_it_was_asked_for() {
    let (site, _) = site().await;
    site.passwordless("email", json!({})).await;
    let mut browser = site.browser();
    let waiting = identify(&site, &mut browser, "&connection=email&send=link", ADDRESS).await;
    assert!(waiting.address.starts_with("/u/login/passwordless-email-link?state="), "{waiting:?}");
    assert_eq!((waiting.heading(), waiting.html.contains(ADDRESS)), ("Check Your Email", true));
    let first = path_of(site.message(ADDRESS).await["links"][0].as_str().unwrap());
    let again = browser.submit(&waiting, &[("action", "resend")]).await;
    assert_eq!((again.status, again.heading()), (200, "Check Your Email"));
    let link = path_of(site.message(ADDRESS).await["links"][0].as_str().unwrap());
    // Another browser has no such login.
    let mut elsewhere = site.browser();
    let refused = elsewhere.visit(&link).await;
    assert_eq!(refused.status, 400);
    assert!(refused.heading().contains("in the browser in which you began"), "{}", refused.heading());
    let form = [("action".to_owned(), "default".to_owned())];
    let path = format!("/u/login/passwordless-email-link?{}", link.split_once('?').unwrap().1);
    let refused = elsewhere.fetch(http::Method::POST, &path, Some(&form)).await;
    assert_eq!(refused.status, 400);
    // The one before is of no use any more.
    let old = browser.visit(&first).await;
    let old = browser.submit(&old, &[]).await;
    assert_eq!((old.status, old.heading()), (400, "Invalid Link"));
    let page = browser.visit(&link).await;
    assert!(page.html.contains("_form-redeem-ticket"), "{}", page.html);
    let done = browser.submit(&page, &[]).await;
    assert_eq!(claims(&site.tokens(&code(&done)).await["id_token"])["email"], ADDRESS);
    // The page that waited finds no login any more.
    let waiting = browser.visit(&waiting.address).await;
    assert_eq!((waiting.status, waiting.address.starts_with("/u/login/")), (400, true), "{waiting:?}");
    site.end().await;
}

#[tokio::test]
async fn a_link_logs_in_elsewhere_where_the_tenant_allows_it_and_its_reader_agrees() {
    let (site, _) = site().await;
    site.passwordless("email", json!({"authParams": {"send": "link"}})).await;
    let settings = json!({"universal_login": {"passwordless": {"allow_magiclink_verify_without_session": true}}});
    assert_eq!(site.server.patch("/tenants/settings", settings).await.status, 200);
    identify(&site, &mut site.browser(), "&connection=email", ADDRESS).await;
    let link = path_of(site.message(ADDRESS).await["links"][0].as_str().unwrap());
    let mut elsewhere = site.browser();
    let page = elsewhere.visit(&link).await;
    assert_eq!((page.status, page.heading()), (200, "Log In"));
    // No script sends this page.
    assert!(!page.html.contains("_form-redeem-ticket") && page.html.contains(ADDRESS), "{}", page.html);
    let done = elsewhere.submit(&page, &[("action", "default")]).await;
    assert_eq!(claims(&site.tokens(&code(&done)).await["id_token"])["email"], ADDRESS);
    site.end().await;
}

#[tokio::test]
async fn pages_tell_nobody_who_has_an_account() {
    let (site, _) = site().await;
    site.passwordless("email", json!({"disable_signup": true})).await;
    let known = json!({"connection": "email", "email": "known@example.com"});
    site.server.post("/users", known).await;
    let mut pages = Vec::new();
    for address in ["known@example.com", ADDRESS] {
        let mut browser = site.browser();
        let page = identify(&site, &mut browser, "&connection=email", address).await;
        let wrong = browser.submit(&page, &[("code", "000000")]).await;
        pages.push((page.status, page.heading().to_owned(), wrong.status, wrong.faults()));
    }
    assert_eq!(pages[0], pages[1]);
    // Whoever shows to hold the address has verified it.
    let sent = site.sent_code("known@example.com").await;
    assert_eq!(site.otp("email", "known@example.com", &sent).await.status, 200);
    assert_eq!(site.users_of("email").await[0]["email_verified"], true);
    site.end().await;
}

#[tokio::test]
async fn a_puzzle_comes_before_a_code_where_bot_detection_asks_for_it() {
    let (site, _) = site().await;
    site.passwordless("email", json!({})).await;
    site.server.patch("/attack-protection/bot-detection", json!({"challenge_passwordless_policy": "always"})).await;
    let mut browser = site.browser();
    let page = identify(&site, &mut browser, "&connection=email", ADDRESS).await;
    assert_eq!((page.status, page.faults()), (400, vec!["captcha invalid-captcha".to_owned()]), "{}", page.html);
    assert!(page.html.contains("captcha-question"), "{}", page.html);
    site.end().await;
}
