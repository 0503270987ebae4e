//! Signing in through `/authorize`, as a browser without script sees it.

use std::{sync::Arc, time::Duration};

use http::Method;
use kernel::{Context, FixedClock, SystemRandom, Timestamp};
use serde_json::json;

use crate::{
    actions::{bind, deployed},
    server::TestServer,
    site::{CONNECTION, EMAIL, PASSWORD, Site, claims, code, error, user_path},
};

#[tokio::test]
async fn a_user_signs_in_with_an_address_and_a_password() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    assert!(page.address.starts_with("/u/login/identifier?state="), "{}", page.address);
    assert_eq!(page.heading(), "Welcome");
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    assert!(page.html.contains(&format!("<span class=\"ulp-authenticator-selector-text\">{EMAIL}</span>")));
    let wrong = browser.submit(&page, &[("password", "wrong"), ("action", "default")]).await;
    assert_eq!((wrong.status, wrong.faults()), (400, vec!["password wrong-email-credentials".to_owned()]));
    assert!(!wrong.html.contains("value=\"wrong\""));
    let done = browser.submit(&wrong, &[("password", PASSWORD), ("action", "default")]).await;
    code(&done);
    let user = site.profile().await;
    assert_eq!(user["logins_count"], 1, "{user}");
    site.end().await;
}

#[tokio::test]
async fn one_page_asks_for_both_where_the_tenant_wants_it() {
    let site = Site::start().await;
    site.server.patch("/prompts", json!({"identifier_first": false})).await;
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    assert!(page.address.starts_with("/u/login?state="), "{}", page.address);
    let empty = browser.submit(&page, &[]).await;
    assert_eq!(
        (empty.status, empty.faults()),
        (400, vec!["username no-email".to_owned(), "password no-password".to_owned()])
    );
    let done = browser.submit(&page, &[("username", "JANE@example.com "), ("password", PASSWORD)]).await;
    code(&done);
    site.end().await;
}

#[tokio::test]
async fn somebody_signs_up_and_is_signed_in() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&screen_hint=signup&login_hint=new%40example.com")).await;
    assert!(page.address.starts_with("/u/signup/identifier?state="), "{}", page.address);
    assert!(page.html.contains("value=\"new@example.com\""));
    let page = browser.submit(&page, &[("email", "new@example.com")]).await;
    assert!(page.address.starts_with("/u/signup/password?state="), "{}", page.address);
    let weak = browser.submit(&page, &[("password", "abc")]).await;
    assert_eq!((weak.status, weak.faults()), (400, vec!["password password-too-weak".to_owned()]));
    let done = browser.submit(&page, &[("password", PASSWORD)]).await;
    code(&done);
    let found = site.server.get("/users-by-email?email=new%40example.com").await.body;
    assert_eq!((&found[0]["logins_count"], &found[0]["email_verified"]), (&json!(1), &json!(false)), "{found}");
    let mut other = site.browser();
    let page = other.visit(&site.authorize("&screen_hint=signup")).await;
    let page = other.submit(&page, &[("email", EMAIL)]).await;
    // Strangers learn who has an account only where the tenant says so.
    let refused = other.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!((refused.status, refused.faults()), (400, vec!["prompt-alert auth0-users-validation".to_owned()]));
    site.server.patch("/tenants/settings", json!({"flags": {"enable_public_signup_user_exists_error": true}})).await;
    let taken = other.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!((taken.status, taken.faults()), (400, vec!["email email-in-use".to_owned()]));
    site.end().await;
}

#[tokio::test]
async fn a_database_may_admit_nobody_new() {
    let site = Site::start().await;
    site.set_options(json!({"disable_signup": true})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    assert!(page.address.starts_with("/u/login/identifier"), "{}", page.address);
    assert!(!page.html.contains("/u/signup"));
    let state = page.parameter("state").unwrap();
    let refused = browser.visit(&format!("/u/signup/identifier?state={state}")).await;
    assert!(refused.address.starts_with("/u/login/identifier"), "{}", refused.address);
    site.end().await;
}

#[tokio::test]
async fn a_state_belongs_to_the_browser_that_began() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    let mut thief = site.browser();
    for address in [page.address.as_str(), "/u/login?state=unknown", "/u/login/identifier", "/u/nothing?state=%00"] {
        let lost = thief.visit(address).await;
        assert_eq!((lost.status, lost.heading()), (400, "Oops!, something went wrong"), "{address}");
        let lost = thief.fetch(Method::POST, address, Some(&[("username".into(), EMAIL.into())])).await;
        assert_eq!(lost.status, 400, "{address}");
    }
    // Two that differ: nobody can tell which login is meant.
    let mut both = page;
    both.address.push('0');
    assert_eq!(browser.send(&both, &[("username", EMAIL)]).await.status, 400);
    let start = "https://app.example.com/login";
    site.server.patch("/tenants/settings", json!({"default_redirection_uri": start})).await;
    let lost = thief.visit("/u/login?state=unknown").await;
    let issuer = format!("?iss=https%3A%2F%2F{}%2F", site.server.running.domain.replace(':', "%3A"));
    assert_eq!(lost.address, format!("{start}{issuer}"));
    site.end().await;
}

#[tokio::test]
async fn two_tabs_do_not_disturb_one_another() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let one = site.identify(&mut browser, EMAIL).await;
    let two = site.identify(&mut browser, "other@example.com").await;
    assert_ne!(one.parameter("state"), two.parameter("state"));
    code(&browser.submit(&one, &[("password", PASSWORD)]).await);
    let wrong = browser.submit(&two, &[("password", PASSWORD)]).await;
    assert_eq!((wrong.status, wrong.html.contains("other@example.com")), (400, true));
    site.end().await;
}

#[tokio::test]
async fn a_form_that_is_sent_twice_signs_in_once() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = site.identify(&mut browser, EMAIL).await;
    let fields = [("password", PASSWORD)];
    let first = browser.send(&page, &fields).await;
    let second = browser.send(&page, &fields).await;
    assert_eq!((first.status, first.location()), (302, second.location()));
    let done = browser.visit(&first.location()).await;
    code(&done);
    // The back button, after the end.
    assert!(!browser.jar.keys().any(|name| name.starts_with("auth0_txn_")), "{:?}", browser.jar);
    let back = browser.visit(&page.address).await;
    assert!(back.status == 400 && back.html.contains("You may have pressed the back button"), "{back:?}");
    let client = format!("/clients/{}", site.client);
    site.server.patch(&client, json!({"initiate_login_uri": "https://app.example.com/start"})).await;
    let back = browser.visit(&page.address).await;
    assert!(back.address.starts_with("https://app.example.com/start?iss="), "{}", back.address);
    let user = site.profile().await;
    assert_eq!(user["logins_count"], 1, "{user}");
    site.end().await;
}

#[tokio::test]
async fn a_login_ends_after_an_hour() {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_790_000_000)));
    let context = Context::new(clock.clone(), Arc::new(SystemRandom));
    let site = Site::on(TestServer::with(context).await).await;
    let mut browser = site.browser();
    let page = site.identify(&mut browser, EMAIL).await;
    clock.advance(Duration::from_secs(3_599));
    assert_eq!(browser.send(&page, &[("password", "wrong")]).await.status, 400);
    clock.advance(Duration::from_secs(2));
    let lost = browser.submit(&page, &[("password", PASSWORD)]).await;
    assert_eq!((lost.status, lost.heading()), (400, "Oops!, something went wrong"));
    site.end().await;
}

#[tokio::test]
async fn hostile_input_gets_a_page() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let hint = "&login_hint=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E&ui_locales=%0d%0aX%3A1";
    let page = browser.visit(&site.authorize(hint)).await;
    assert_eq!(page.status, 200);
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    for identifier in ["a\u{0}@b.co", "a\r\nBcc: x@y.zz", "\u{202e}@b.co", "<b>@c.de", "' OR 1=1 --", "%00"] {
        let page = browser.submit(&page, &[("username", identifier)]).await;
        assert!([200, 400].contains(&page.status), "{identifier:?}: {page:?}");
        if page.status == 200 {
            let page = browser.submit(&page, &[("password", "\u{0}\u{7}")]).await;
            assert_eq!(page.status, 400, "{identifier:?}");
        }
    }
    let page = site.identify(&mut browser, EMAIL).await;
    let long = "x".repeat(100 * 1024);
    let refused = browser.submit(&page, &[("password", &long)]).await;
    assert_eq!((refused.status, refused.faults()), (400, vec!["password wrong-email-credentials".to_owned()]));
    let longer = "x".repeat(400 * 1024);
    assert_eq!(browser.submit(&page, &[("password", &longer)]).await.status, 413);
    // A password is for the user who was named, whatever the form says.
    let other = browser.submit(&page, &[("username", "other@example.com"), ("password", PASSWORD)]).await;
    code(&other);
    site.end().await;
}

#[tokio::test]
async fn pages_say_what_the_tenant_wrote() {
    let site = Site::start().await;
    let texts = json!({"login-id": {"title": "Hello at ${companyName}", "description": "<b>Go</b>"}});
    site.put("/prompts/login-id/custom-text/en", texts).await;
    site.server.patch("/tenants/settings", json!({"friendly_name": "Acme & Co"})).await;
    site.server.patch("/branding", json!({"colors": {"primary": "#ffd700", "page_background": "#123456"}})).await;
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    assert_eq!(page.heading(), "Hello at Acme &#38; Co");
    assert!(page.html.contains("&#60;b&#62;Go&#60;/b&#62;"));
    assert!(page.html.contains("--primary-color:#ffd700;--button-font-color:#000000"));
    site.end().await;
}

#[tokio::test]
async fn whoever_is_signed_in_is_not_asked_again() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let first = site.tokens(&code(&site.sign_in(&mut browser, EMAIL, PASSWORD).await)).await;
    let first = claims(&first["id_token"]);
    assert_eq!((&first["email"], &first["auth_time"]), (&json!(EMAIL), &json!(null)));
    let again = site.tokens(&code(&browser.visit(&site.authorize("")).await)).await;
    assert_eq!(claims(&again["id_token"])["sid"], first["sid"]);
    code(&browser.visit(&site.authorize("&screen_hint=signup")).await);
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    // A login that is asked for is one, and the session is the same with a new secret.
    let before = browser.jar.clone();
    let page = browser.visit(&site.authorize("&prompt=login")).await;
    assert!(page.address.starts_with("/u/login/identifier"), "{}", page.address);
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    let done = site.tokens(&code(&browser.submit(&page, &[("password", PASSWORD)]).await)).await;
    let done = claims(&done["id_token"]);
    assert_eq!(done["sid"], first["sid"]);
    assert!(done["auth_time"].is_i64(), "{done}");
    let mut thief = site.browser();
    thief.jar = before;
    assert_eq!(error(&thief.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    let user = site.profile().await;
    assert_eq!(user["logins_count"], 2, "{user}");
    site.end().await;
}

#[tokio::test]
async fn a_silent_request_shows_no_page() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let refused = browser.visit(&site.authorize("&prompt=none")).await;
    assert_eq!(error(&refused), ("login_required".to_owned(), "Login required".to_owned()));
    code(&site.sign_in(&mut browser, EMAIL, PASSWORD).await);
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    let logged = site.logged().await;
    assert_eq!(logged, ["ssa", "s", "fsa"], "{logged:?}");
    site.end().await;
}

#[tokio::test]
async fn a_third_party_needs_the_users_consent_once() {
    let site = Site::start().await;
    let third = json!({"is_first_party": false});
    let answer = site.server.patch(&format!("/clients/{}", site.client), third).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let connection = site.connection().await;
    site.server.patch(&format!("/connections/{connection}"), json!({"is_domain_connection": true})).await;
    let mut browser = site.browser();
    let page = site.sign_in(&mut browser, EMAIL, PASSWORD).await;
    assert!(page.address.starts_with("/u/consent?state="), "{}", page.address);
    let declined = browser.submit(&page, &[("action", "deny")]).await;
    assert_eq!(error(&declined), ("access_denied".to_owned(), "User did not authorize the request".to_owned()));
    // Whoever declines is not signed in.
    assert_eq!(error(&browser.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    let page = site.sign_in(&mut browser, EMAIL, PASSWORD).await;
    code(&browser.submit(&page, &[("action", "accept")]).await);
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    let more = browser.visit(&site.authorize("&prompt=none&scope=openid%20profile%20email%20phone")).await;
    assert_eq!(error(&more), ("consent_required".to_owned(), "Consent required".to_owned()));
    let asked = browser.visit(&site.authorize("&prompt=consent")).await;
    assert!(asked.address.starts_with("/u/consent?state="), "{}", asked.address);
    site.end().await;
}

#[tokio::test]
async fn a_logout_ends_the_session() {
    let site = Site::start().await;
    let mut browser = site.browser();
    code(&site.sign_in(&mut browser, EMAIL, PASSWORD).await);
    let jar = browser.jar.clone();
    let bye = browser
        .visit(&format!("/v2/logout?client_id={}&returnTo=https%3A%2F%2Fapp.example.com%2Fbye", site.client))
        .await;
    assert_eq!(bye.address, "https://app.example.com/bye");
    assert!(browser.jar.keys().all(|name| name.starts_with("auth0_txn_")), "{:?}", browser.jar);
    browser.jar = jar;
    assert_eq!(error(&browser.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    let foreign =
        browser.visit(&format!("/v2/logout?client_id={}&returnTo=https%3A%2F%2Fevil.example", site.client)).await;
    assert_eq!(foreign.status, 400, "{foreign:?}");
    site.end().await;
}

#[tokio::test]
async fn a_blocked_user_is_told_so_after_the_right_password() {
    let site = Site::start().await;
    let mut standing = site.browser();
    code(&site.sign_in(&mut standing, EMAIL, PASSWORD).await);
    site.server.patch(&user_path(&site.user), json!({"blocked": true})).await;
    let mut browser = site.browser();
    let wrong = site.sign_in(&mut browser, EMAIL, "wrong").await;
    assert_eq!(wrong.faults(), ["password wrong-email-credentials"]);
    let refused = browser.submit(&wrong, &[("password", PASSWORD)]).await;
    assert_eq!(error(&refused), ("unauthorized".to_owned(), "user is blocked".to_owned()));
    assert_eq!(site.profile().await["logins_count"], 2);
    // The session of before is over, too.
    assert_eq!(error(&standing.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    assert_eq!(site.logged().await[..3], ["fsa", "f", "fp"]);
    site.end().await;
}

#[tokio::test]
async fn a_session_ends_with_the_password_the_address_and_the_user() {
    let site = Site::start().await;
    let path = user_path(&site.user);
    let mut password = PASSWORD;
    let mut email = EMAIL;
    for change in [
        json!({"password": "Other-Horse-8", "connection": CONNECTION}),
        json!({"email": "jane@example.org", "email_verified": true, "verify_email": false, "connection": CONNECTION}),
    ] {
        let mut browser = site.browser();
        code(&site.sign_in(&mut browser, email, password).await);
        let answer = site.server.patch(&path, change.clone()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        if change.get("password").is_some() {
            password = "Other-Horse-8";
        } else {
            email = "jane@example.org";
        }
        assert_eq!(error(&browser.visit(&site.authorize("&prompt=none")).await).0, "login_required", "{change}");
    }
    let mut browser = site.browser();
    code(&site.sign_in(&mut browser, email, password).await);
    assert_eq!(site.server.delete(&path).await.status, 204);
    assert_eq!(error(&browser.visit(&site.authorize("&prompt=none")).await).0, "login_required");
    let refused = site.sign_in(&mut browser, email, password).await;
    assert_eq!(refused.faults(), ["password wrong-email-credentials"]);
    site.end().await;
}

#[tokio::test]
async fn nobody_else_can_send_a_form_of_a_login() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = site.identify(&mut browser, EMAIL).await;
    // Another site knows neither the cookie nor the state.
    let mut stranger = site.browser();
    let refused = stranger.send(&page, &[("password", PASSWORD)]).await;
    assert_eq!((refused.status, refused.heading()), (400, "Oops!, something went wrong"));
    // Its own login does not become the user's.
    let own = site.identify(&mut stranger, EMAIL).await;
    let crossed = browser.send(&own, &[("password", PASSWORD)]).await;
    assert_eq!(crossed.status, 400);
    code(&browser.submit(&page, &[("password", PASSWORD)]).await);
    site.end().await;
}

#[tokio::test]
async fn names_are_shown_as_texts() {
    let site = Site::start().await;
    let name = "<script>alert(1)</script>\u{202e}\r\nX-Injected: 1";
    let answer = site.server.patch(&format!("/clients/{}", site.client), json!({"name": name})).await;
    if answer.status != 200 {
        let shorter =
            site.server.patch(&format!("/clients/{}", site.client), json!({"name": "a script: alert(1)"})).await;
        assert_eq!(shorter.status, 200, "{answer:?} {shorter:?}");
    }
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    assert!(page.headers.get("x-injected").is_none());
    let user = json!({"name": "<img src=x onerror=alert(1)>", "nickname": "\u{0007}bell"});
    site.server.patch(&user_path(&site.user), user).await;
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    code(&browser.submit(&page, &[("password", PASSWORD)]).await);
    let asked = browser.visit("/oidc/logout").await;
    assert!(!asked.html.contains("<img src=x"), "{}", asked.html);
    site.end().await;
}

#[tokio::test]
async fn a_user_is_known_by_name_or_number_where_the_database_says_so() {
    let site = Site::start().await;
    let active = json!({"identifier": {"active": true}, "signup": {"status": "optional"}, "profile_required": false});
    let mut email = active.clone();
    email["verification_method"] = "link".into();
    site.set_options(json!({"attributes": {"email": email, "phone_number": active, "username": active}})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    let page = browser.submit(&page, &[("username", "bob"), ("phone_number", "+491701234567")]).await;
    assert!(page.address.starts_with("/u/signup/password"), "{} {:?}", page.address, page.faults());
    code(&browser.submit(&page, &[("password", PASSWORD)]).await);
    for identifier in ["bob", "BOB", "+491701234567"] {
        code(&site.sign_in(&mut site.browser(), identifier, PASSWORD).await);
    }
    let wrong = site.sign_in(&mut site.browser(), "bob", "wrong").await;
    assert_eq!(wrong.faults(), ["password wrong-email-phone-username-credentials"]);
    site.end().await;
}

#[tokio::test]
async fn a_policy_that_demands_factors_refuses_logins() {
    let site = Site::start().await;
    let mut browser = site.browser();
    code(&site.sign_in(&mut browser, EMAIL, PASSWORD).await);
    let set = site.put("/guardian/policies", json!(["all-applications"])).await;
    assert_eq!(set.status, 200, "{set:?}");
    let silent = browser.visit(&site.authorize("&prompt=none")).await;
    assert_eq!(error(&silent), ("login_required".to_owned(), "Multifactor authentication required".to_owned()));
    let refused = site.sign_in(&mut site.browser(), EMAIL, PASSWORD).await;
    assert_eq!(error(&refused).0, "access_denied");
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 403);
    // Where Actions alone decide, policies do not.
    site.server.patch("/tenants/settings", json!({"customize_mfa_in_postlogin_action": true})).await;
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    site.server.patch("/tenants/settings", json!({"customize_mfa_in_postlogin_action": false})).await;
    let factors = "http%3A%2F%2Fschemas.openid.net%2Fpape%2Fpolicies%2F2007%2F06%2Fmulti-factor";
    let cancel = "exports.onExecutePostLogin = async (event, api) => api.multifactor.enable('none');";
    let action = deployed(&site.server, "Cancel", ("post-login", "v3"), cancel).await;
    bind(&site.server, "post-login", &[&action]).await;
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    bind(&site.server, "post-login", &[]).await;
    site.put("/guardian/policies", json!([])).await;
    let asked = browser.visit(&site.authorize(&format!("&prompt=none&acr_values={factors}"))).await;
    assert_eq!(error(&asked).0, "login_required");
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    site.end().await;
}
