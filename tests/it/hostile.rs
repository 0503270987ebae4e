//! What strangers try at sign-in: planted sessions, cookies of elsewhere, look-alike addresses, injected lines, full disks.

use std::collections::BTreeSet;

use aught::{Config, Dns};
use aught_testing::PostgresDatabase;
use serde_json::json;
use store::Database;

use crate::{
    browser::Browser,
    server::TestServer,
    site::{CONNECTION, EMAIL, PASSWORD, RESET, Site, claims, code, error, path_of},
};

const MARK: &str = "Zyxmarker";

/// The cookies of a browser's session.
fn session(browser: &Browser) -> BTreeSet<(String, String)> {
    let own = browser.jar.iter().filter(|(name, _)| !name.starts_with("auth0_txn_"));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Signs in on the pages, whoever is signed in.
async fn sign_in_again(site: &Site, browser: &mut Browser) -> String {
    let page = browser.visit(&site.authorize("&prompt=login")).await;
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    code(&browser.submit(&page, &[("password", PASSWORD)]).await)
}

#[tokio::test]
async fn a_session_that_was_planted_does_not_become_the_users() {
    let site = Site::start().await;
    let mut stranger = site.browser();
    code(&site.sign_up(&mut stranger, "mallory@example.com", PASSWORD).await);
    let mut victim = site.browser();
    victim.jar.clone_from(&stranger.jar);
    sign_in_again(&site, &mut victim).await;
    assert!(session(&victim).is_disjoint(&session(&stranger)), "the planted cookie stays");
    let silent = stranger.visit(&site.authorize("&prompt=none")).await;
    if silent.parameter("code").is_some() {
        let tokens = site.tokens(&code(&silent)).await;
        assert_ne!(claims(&tokens["id_token"])["sub"], site.user.as_str());
    }
    let before = session(&victim);
    sign_in_again(&site, &mut victim).await;
    assert!(session(&victim).is_disjoint(&before), "a login gives the session a new secret");
    let mut late = site.browser();
    late.jar.extend(before);
    assert_eq!(error(&late.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    // What the server never gave is no session.
    for (name, _) in session(&victim) {
        late.jar.insert(name, "x".repeat(43));
    }
    assert_eq!(error(&late.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    site.end().await;
}

#[tokio::test]
async fn cookies_of_another_tenant_or_port_open_nothing() {
    let (here, there) = (Site::start().await, Site::start().await);
    let mut browser = here.browser();
    let page = here.identify(&mut browser, EMAIL).await;
    let mut elsewhere = there.browser();
    elsewhere.jar.clone_from(&browser.jar);
    let lost = elsewhere.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!((lost.status, lost.heading()), (400, "Oops!, something went wrong"));
    code(&browser.submit(&page, &[("password", PASSWORD)]).await);
    let mut own = there.browser();
    code(&there.sign_in(&mut own, EMAIL, PASSWORD).await);
    // Browsers send cookies of one port to the others of the host: they have names of their own.
    let names = |browser: &Browser| session(browser).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    assert!(names(&browser).is_disjoint(&names(&own)));
    let secret = session(&browser).into_iter().next().unwrap().1;
    for name in names(&own) {
        elsewhere.jar.insert(name, secret.clone());
    }
    assert_eq!(error(&elsewhere.visit(&there.authorize("&prompt=none")).await).0, "login_required");
    here.end().await;
    there.end().await;
}

#[tokio::test]
async fn addresses_that_look_alike_are_not_the_same() {
    let site = Site::start().await;
    // A Cyrillic letter for a Latin one.
    let alike = EMAIL.replacen('a', "\u{430}", 1);
    let refused = site.sign_in(&mut site.browser(), &alike, PASSWORD).await;
    assert_eq!((refused.status, refused.faults()), (400, vec!["password wrong-email-credentials".to_owned()]));
    assert_eq!(site.password(&alike, PASSWORD).await.status, 403);
    // The sign for Kelvin is a k when it is made small: nobody gets an account beside that of the k.
    let user =
        json!({"connection": CONNECTION, "email": "mike@example.com", "password": PASSWORD, "verify_email": false});
    assert_eq!(site.server.post("/users", user).await.status, 201);
    let ask = json!({
        "client_id": site.client, "connection": CONNECTION, "email": "mi\u{212a}e@example.com", "password": "Other-Horse-7",
    });
    assert_eq!(site.send("/dbconnections/signup", &ask).await.status, 400);
    assert_eq!(site.password("mi\u{212a}e@example.com", "Other-Horse-7").await.status, 403);
    site.end().await;
}

#[tokio::test]
async fn no_page_repeats_a_password() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = site.identify(&mut browser, EMAIL).await;
    let wrong = browser.submit(&page, &[("password", MARK)]).await;
    let signup = browser.visit(&site.authorize("&screen_hint=signup")).await;
    let signup = browser.submit(&signup, &[("email", "new@example.com"), ("password", MARK)]).await;
    let weak = browser.submit(&signup, &[("password", MARK)]).await;
    site.server.patch("/prompts", json!({"identifier_first": false})).await;
    let both = site.begin(&mut browser).await;
    let both = browser.submit(&both, &[("username", EMAIL), ("password", MARK)]).await;
    site.take_mails().await;
    let sent = json!({"client_id": site.client, "connection": CONNECTION, "email": EMAIL});
    site.send("/dbconnections/change_password", &sent).await;
    let link = path_of(&site.mail(EMAIL, RESET).await);
    let reset = browser.visit(&link).await;
    let reset = browser.submit(&reset, &[]).await;
    let differs = browser.submit(&reset, &[("password-reset", MARK), ("re-enter-password", "other")]).await;
    for page in [wrong, weak, both, differs] {
        assert_eq!(page.status, 400, "{}", page.address);
        assert!(!page.html.contains(MARK) && !page.address.contains(MARK), "{}", page.html);
    }
    site.end().await;
}

#[tokio::test]
async fn nothing_is_stored_for_whoever_has_not_signed_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenant.db");
    let database = if PostgresDatabase::create().is_some() { Database::Memory } else { Database::File(file.clone()) };
    let site = Site::on(TestServer::of(Config { database, dns: Dns::Trusting, ..Config::in_memory() }).await).await;
    let mut browser = site.browser();
    for hint in [format!("&login_hint={MARK}%40example.com&ext-a={MARK}"), format!("&screen_hint=signup&nonce={MARK}")]
    {
        let page = browser.visit(&site.authorize(&hint)).await;
        assert_eq!(page.status, 200, "{page:?}");
        let named = [("username", "zyxmarker@example.com"), ("email", "zyxmarker@example.com")];
        assert_eq!(browser.submit(&page, &named).await.status, 200);
    }
    assert_eq!(site.server.tables_with(&file, MARK), BTreeSet::new());
    site.end().await;
}

#[tokio::test]
async fn no_line_of_a_stranger_becomes_a_header() {
    let site = Site::start().await;
    let mut browser = site.browser();
    code(&site.sign_in(&mut browser, EMAIL, PASSWORD).await);
    let line = "a%0D%0AX-Injected%3A%201";
    for address in [
        site.authorize("&prompt=none").replace("state=xyz", &format!("state={line}")),
        site.authorize(&format!("&prompt=none&nonce={line}&ext-a={line}")),
        format!("/authorize?client_id={line}"),
        format!("/v2/logout?client_id={}&returnTo={line}", site.client),
        format!("/oidc/logout?post_logout_redirect_uri={line}&state={line}"),
        format!("/u/login?state={line}"),
    ] {
        let page = browser.visit(&address).await;
        assert!(page.status < 500, "{address}: {page:?}");
        assert!(page.headers.get("x-injected").is_none() && !page.address.contains('\n'), "{address}: {page:?}");
    }
    site.end().await;
}
