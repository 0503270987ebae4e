//! Forgotten passwords, addresses that are verified, and blocks that end: by what stands in mails.

use serde_json::json;

use crate::{
    browser::{Browser, Page},
    site::{self, CONNECTION, EMAIL, PASSWORD, Site, code, code_in, error, path_of},
};

const NEW: &str = "New-Horse-8";

/// The page on which somebody with this identifier asks for another password, after it was sent.
pub(crate) async fn forgotten(site: &Site, browser: &mut Browser, email: &str) -> Page {
    forgotten_at(&site.authorize(""), browser, email).await
}

/// The same in a login that this request begins.
pub(crate) async fn forgotten_at(request: &str, browser: &mut Browser, email: &str) -> Page {
    let page = browser.visit(request).await;
    let state = page.parameter("state").unwrap();
    let page = browser.visit(&format!("/u/login/password-reset-start/{CONNECTION}?state={state}")).await;
    assert!(page.address.starts_with(&format!("/u/reset-password/request/{CONNECTION}?state=")), "{}", page.address);
    browser.submit(&page, &[("email", email), ("username", email), ("action", "default")]).await
}

pub(crate) fn twice(password: &str) -> [(&'static str, &str); 2] {
    [("password-reset", password), ("re-enter-password", password)]
}

/// Has the database send codes instead of links.
pub(crate) async fn use_codes(site: &Site) {
    let email = json!({
        "identifier": {"active": true}, "profile_required": true, "verification_method": "otp",
        "signup": {"status": "required", "verification": {"active": true}},
    });
    site.set_options(json!({"attributes": {"email": email}})).await;
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_the_link_in_a_mail() {
    let site = Site::start().await;
    site.take_mails().await;
    let mut standing = site.browser();
    code(&site.sign_in(&mut standing, EMAIL, PASSWORD).await);
    let mut browser = site.browser();
    let sent = forgotten(&site, &mut browser, EMAIL).await;
    assert!(sent.address.starts_with("/u/reset-password/email?state="), "{}", sent.address);
    let link = path_of(&site.mail(EMAIL, site::RESET).await);
    let page = browser.visit(&link).await;
    let page = browser.submit(&page, &[]).await;
    let done = browser.submit(&page, &twice(NEW)).await;
    assert_eq!((done.status, done.heading()), (200, "Password Changed!"));
    assert_eq!(error(&standing.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    assert_eq!(site.sign_in(&mut site.browser(), EMAIL, PASSWORD).await.status, 400);
    code(&site.sign_in(&mut site.browser(), EMAIL, NEW).await);
    assert_eq!(site.logged().await, ["s", "fp", "fsa", "scp", "scpr", "s"]);
    let again = browser.visit(&link).await;
    assert_eq!(browser.submit(&again, &[]).await.heading(), "Invalid Link");
    site.end().await;
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_a_code_where_the_database_says_so() {
    let site = Site::start().await;
    site.take_mails().await;
    use_codes(&site).await;
    let mut browser = site.browser();
    let page = forgotten(&site, &mut browser, EMAIL).await;
    assert!(page.address.starts_with("/u/email-identifier/challenge?state="), "{} {:?}", page.address, page.faults());
    let sent = code_in(&site.mail(EMAIL, site::CODE).await);
    let wrong = browser.submit(&page, &[("code", if sent == "000000" { "000001" } else { "000000" })]).await;
    assert_eq!((wrong.status, wrong.faults()), (400, vec!["code invalid-code".to_owned()]));
    let page = browser.submit(&wrong, &[("code", &sent)]).await;
    assert!(page.address.starts_with("/u/reset-password/change?state="), "{}", page.address);
    let done = browser.submit(&page, &twice(NEW)).await;
    assert_eq!((done.status, done.heading()), (200, "Password Changed!"));
    code(&site.sign_in(&mut site.browser(), EMAIL, NEW).await);
    // Who does not exist gets the same page, on which every code is wrong.
    let mut stranger = site.browser();
    let page = forgotten(&site, &mut stranger, "nobody@example.com").await;
    assert!(page.address.starts_with("/u/email-identifier/challenge?state="), "{}", page.address);
    let wrong = stranger.submit(&page, &[("code", &sent)]).await;
    assert_eq!((wrong.status, wrong.faults()), (400, vec!["code invalid-code".to_owned()]));
    site.end().await;
}

#[tokio::test]
async fn codes_are_guessed_a_few_times_in_however_many_logins() {
    let site = Site::start().await;
    site.take_mails().await;
    use_codes(&site).await;
    let mut seen = Vec::new();
    for email in [EMAIL, "nobody@example.com"] {
        let mut faults = Vec::new();
        for _ in 0..4 {
            let mut browser = site.browser();
            let mut page = forgotten(&site, &mut browser, email).await;
            for _ in 0..4 {
                // No code is all zeros twice as often as chance allows.
                page = browser.submit(&page, &[("code", "000000")]).await;
                faults.push((page.status, page.faults()));
            }
        }
        seen.push(faults);
    }
    assert_eq!(seen[0], seen[1]);
    let refused = (429, vec!["code too-many-failures".to_owned()]);
    assert!(seen[0].iter().take(3).all(|fault| *fault == (400, vec!["code invalid-code".to_owned()])), "{seen:?}");
    assert!(seen[0].iter().skip(10).all(|fault| *fault == refused), "{seen:?}");
    site.end().await;
}

#[tokio::test]
async fn nobody_learns_by_a_reset_who_has_an_account() {
    let site = Site::start().await;
    let mut seen = Vec::new();
    for email in [EMAIL, "nobody@example.com"] {
        let mut browser = site.browser();
        let page = forgotten(&site, &mut browser, email).await;
        let shown = page.html.replace(email, "").replace(&page.parameter("state").unwrap(), "");
        let nonce = |text: &str| text.split("nonce=").next().unwrap_or_default().len();
        let sent = json!({"client_id": site.client, "connection": CONNECTION, "email": email});
        let answer = site.send("/dbconnections/change_password", &sent).await;
        assert_eq!(answer.body, "We've just sent you an email to reset your password.");
        seen.push((page.status, nonce(&shown), answer.status));
    }
    assert_eq!(seen[0], seen[1]);
    site.end().await;
}

#[tokio::test]
async fn an_address_is_verified_by_the_link_in_the_mail_after_sign_up() {
    let site = Site::start().await;
    site.take_mails().await;
    let mut squatter = site.browser();
    code(&site.sign_up(&mut squatter, "new@example.com", PASSWORD).await);
    let link = path_of(&site.mail("new@example.com", site::VERIFY).await);
    let mut holder = site.browser();
    let page = holder.visit(&link).await;
    let done = holder.submit(&page, &[]).await;
    assert_eq!((done.status, done.heading()), (200, "Email Verified"));
    let found = site.server.get("/users-by-email?email=new%40example.com").await.body;
    assert_eq!(found[0]["email_verified"], true);
    // Whoever signed up with the address before its holder proved it is not signed in any more.
    assert_eq!(error(&squatter.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    let again = holder.submit(&page, &[]).await;
    assert_eq!((again.status, again.heading()), (400, "Invalid Link"));
    site.end().await;
}

#[tokio::test]
async fn an_address_is_verified_by_a_code_before_sign_up_where_the_database_says_so() {
    let site = Site::start().await;
    site.take_mails().await;
    use_codes(&site).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    let page = browser.submit(&page, &[("email", "new@example.com")]).await;
    assert!(page.address.starts_with("/u/email-identifier/challenge?state="), "{}", page.address);
    // Nobody goes around the code.
    let state = page.parameter("state").unwrap();
    let around = browser.visit(&format!("/u/signup/password?state={state}")).await;
    assert!(around.address.starts_with("/u/email-identifier/challenge?state="), "{}", around.address);
    let sent = code_in(&site.mail("new@example.com", site::CODE).await);
    let page = browser.submit(&page, &[("code", &sent)]).await;
    assert!(page.address.starts_with("/u/signup/password?state="), "{}", page.address);
    code(&browser.submit(&page, &[("password", PASSWORD)]).await);
    let found = site.server.get("/users-by-email?email=new%40example.com").await.body;
    assert_eq!(found[0]["email_verified"], true);
    site.end().await;
}

#[tokio::test]
async fn a_blocked_account_is_opened_by_the_link_in_the_mail() {
    let site = Site::start().await;
    site.take_mails().await;
    let mut browser = site.browser();
    let mut page = site.identify(&mut browser, EMAIL).await;
    for _ in 0..10 {
        page = browser.submit(&page, &[("password", "wrong")]).await;
        assert_eq!(page.faults(), ["password wrong-email-credentials"]);
    }
    let blocked = browser.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!((blocked.status, blocked.faults()), (400, vec!["prompt-alert user-blocked".to_owned()]));
    let blocks = site.server.get(&format!("/user-blocks/{}", site.user.replace('|', "%7C"))).await.body;
    assert_eq!(blocks["blocked_for"][0]["identifier"], EMAIL, "{blocks}");
    let link = path_of(&site.mail(EMAIL, site::UNBLOCK).await);
    let mut other = site.browser();
    let shown = other.visit(&link).await;
    assert_eq!((shown.status, shown.heading()), (200, "Unblock My Account"));
    let done = other.submit(&shown, &[]).await;
    assert_eq!((done.status, done.heading()), (200, "Account Unblocked"));
    let again = other.submit(&shown, &[]).await;
    assert_eq!((again.status, again.heading()), (400, "Invalid Link"));
    code(&browser.submit(&blocked, &[("password", PASSWORD)]).await);
    let logged = site.logged().await;
    assert_eq!(logged[..3], ["s", "ublkdu", "limit_wc"], "{logged:?}");
    site.end().await;
}

#[tokio::test]
async fn a_leaked_password_is_refused_where_the_tenant_says_so() {
    let site = Site::start().await;
    let leaked = "AUTH0-TEST-Horse-1";
    code(&site.sign_up(&mut site.browser(), "leaked@example.com", leaked).await);
    let shields = json!({
        "enabled": true, "shields": ["block"],
        "stage": {"pre-user-registration": {"shields": ["block"]}, "pre-change-password": {"shields": ["block"]}},
    });
    let set = site.server.patch("/attack-protection/breached-password-detection", shields).await;
    assert_eq!(set.status, 200, "{set:?}");
    let refused = site.sign_in(&mut site.browser(), "leaked@example.com", leaked).await;
    assert_eq!(refused.faults(), ["prompt-alert password-breached"]);
    let refused = site.sign_up(&mut site.browser(), "other@example.com", leaked).await;
    assert_eq!(refused.faults(), ["password password-breached"]);
    let link = site.server.post("/tickets/password-change", json!({"user_id": site.user})).await.body;
    let mut browser = site.browser();
    let page = browser.visit(&path_of(link["ticket"].as_str().unwrap())).await;
    let page = browser.submit(&page, &[]).await;
    let refused = browser.submit(&page, &twice(leaked)).await;
    assert_eq!(refused.faults(), ["password-reset password-breached-reset"]);
    assert_eq!(site.logged().await[..3], ["reset_pwd_leak", "signup_pwd_leak", "pwd_leak"]);
    site.end().await;
}
