//! What stands against guessing, flooding and programs at login and sign-up.

use std::{sync::Arc, time::Duration};

use kernel::{Context, FixedClock, SystemRandom, Timestamp};
use serde_json::{Value, json};

use crate::{
    server::TestServer,
    site::{CONNECTION, EMAIL, PASSWORD, REALM, Site, code},
};

const NOTIFIED: &str = "Your account has been blocked after multiple consecutive login attempts. We've sent you a notification via your \
                        preferred contact method with instructions on how to unblock it.";

async fn set(site: &Site, what: &str, body: Value) {
    let answer = site.server.patch(&format!("/attack-protection/{what}"), body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn too_many_failures_block_an_account_until_an_administrator_opens_it() {
    let site = Site::start().await;
    set(&site, "brute-force-protection", json!({"max_attempts": 3})).await;
    // Whoever does not exist is blocked alike.
    for identifier in [EMAIL, "nobody@example.com"] {
        for _ in 0..3 {
            let wrong = site.password(identifier, "wrong").await;
            assert_eq!((wrong.status, &wrong.body["error"]), (403, &json!("invalid_grant")), "{wrong:?}");
        }
        let blocked = site.password(identifier, PASSWORD).await;
        assert_eq!((blocked.status, &blocked.body["error"]), (429, &json!("too_many_attempts")));
        assert_eq!(blocked.body["error_description"], NOTIFIED);
    }
    let found = site.server.get("/user-blocks?identifier=jane%40example.com").await.body;
    assert_eq!(found["blocked_for"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(site.server.delete("/user-blocks?identifier=jane%40example.com").await.status, 204);
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    let logged = site.logged().await;
    let count = |kind: &str| logged.iter().filter(|known| *known == kind).count();
    assert_eq!((count("fp"), count("fu"), count("limit_wc"), count("sepft")), (3, 3, 2, 1), "{logged:?}");
    // A connection may stay out of it.
    site.set_options(json!({"brute_force_protection": false})).await;
    for _ in 0..4 {
        assert_eq!(site.password(EMAIL, "wrong").await.status, 403);
    }
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    site.end().await;
}

#[tokio::test]
async fn a_success_forgets_failures_and_a_lockout_counts_every_address() {
    let site = Site::start().await;
    set(&site, "brute-force-protection", json!({"max_attempts": 3, "mode": "count_per_identifier"})).await;
    for _ in 0..2 {
        for _ in 0..2 {
            assert_eq!(site.password(EMAIL, "wrong").await.status, 403);
        }
        assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    }
    for _ in 0..3 {
        site.password(EMAIL, "wrong").await;
    }
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 429);
    let found = site.server.get(&format!("/user-blocks/{}", site.user.replace('|', "%7C"))).await.body;
    assert_eq!(found["blocked_for"][0].get("ip"), None, "{found}");
    // Protection that is switched off opens the account.
    set(&site, "brute-force-protection", json!({"enabled": false})).await;
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    site.end().await;
}

#[tokio::test]
async fn an_address_that_fails_too_often_has_to_wait() {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_790_000_000)));
    let context = Context::new(clock.clone(), Arc::new(SystemRandom));
    let site = Site::on(TestServer::with(context).await).await;
    let stage = json!({"pre-login": {"max_attempts": 4, "rate": 864_000}});
    set(&site, "suspicious-ip-throttling", json!({ "stage": stage })).await;
    for number in 0..4 {
        assert_eq!(site.password(&format!("user{number}@example.com"), "wrong").await.status, 403, "{number}");
    }
    let refused = site.password(EMAIL, PASSWORD).await;
    assert_eq!((refused.status, &refused.body["error"]), (429, &json!("too_many_attempts")), "{refused:?}");
    let page = site.sign_in(&mut site.browser(), EMAIL, PASSWORD).await;
    assert_eq!(page.faults(), ["prompt-alert ip-blocked"]);
    assert_eq!(site.server.get("/anomaly/blocks/ips/127.0.0.1").await.status, 200);
    assert_eq!(site.server.delete("/anomaly/blocks/ips/127.0.0.1").await.status, 204);
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    for number in 0..4 {
        site.password(&format!("user{number}@example.com"), "wrong").await;
    }
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 429);
    clock.advance(Duration::from_secs(865));
    site.server.delete("/anomaly/blocks/ips/10.0.0.1").await;
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    assert!(site.logged().await.contains(&"limit_mu".to_owned()));
    site.end().await;
}

#[tokio::test]
async fn an_address_signs_up_a_few_users_at_once() {
    let site = Site::start().await;
    let stage = json!({"pre-user-registration": {"max_attempts": 2, "rate": 86_400_000}});
    set(&site, "suspicious-ip-throttling", json!({ "stage": stage })).await;
    for number in 0..2 {
        code(&site.sign_up(&mut site.browser(), &format!("new{number}@example.com"), PASSWORD).await);
    }
    let refused = site.sign_up(&mut site.browser(), "new3@example.com", PASSWORD).await;
    assert_eq!(refused.faults(), ["prompt-alert ip-signup-blocked"]);
    set(&site, "suspicious-ip-throttling", json!({"allowlist": ["127.0.0.0/8"]})).await;
    code(&site.sign_up(&mut site.browser(), "new3@example.com", PASSWORD).await);
    site.end().await;
}

#[tokio::test]
async fn a_user_logs_in_twenty_times_at_once_from_one_address() {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_790_000_000)));
    let context = Context::new(clock.clone(), Arc::new(SystemRandom));
    let site = Site::on(TestServer::with(context).await).await;
    for _ in 0..20 {
        assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    }
    let refused = site.password(EMAIL, PASSWORD).await;
    assert_eq!((refused.status, &refused.body["error"]), (429, &json!("too_many_requests")), "{refused:?}");
    let page = site.sign_in(&mut site.browser(), EMAIL, PASSWORD).await;
    assert_eq!(page.faults(), ["prompt-alert same-user-login"]);
    clock.advance(Duration::from_secs(6));
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    assert!(site.logged().await.contains(&"limit_sul".to_owned()));
    site.end().await;
}

#[tokio::test]
async fn an_application_tells_from_where_its_user_logs_in() {
    let site = Site::start().await;
    set(&site, "brute-force-protection", json!({"max_attempts": 1})).await;
    let log_in = async |password: &str| {
        let body = json!({
            "client_id": site.client, "client_secret": site.secret, "grant_type": REALM, "realm": CONNECTION,
            "username": EMAIL, "password": password,
        });
        let request = site.server.http.post(site.server.url("/oauth/token")).json(&body);
        request.header("auth0-forwarded-for", "203.0.113.9").send().await.unwrap().status().as_u16()
    };
    assert_eq!(log_in(PASSWORD).await, 200);
    assert_eq!(site.profile().await["last_ip"], "127.0.0.1");
    let trusted = json!({"is_token_endpoint_ip_header_trusted": true});
    site.server.patch(&format!("/clients/{}", site.client), trusted).await;
    assert_eq!(log_in(PASSWORD).await, 200);
    assert_eq!(site.profile().await["last_ip"], "203.0.113.9");
    assert_eq!((log_in("wrong").await, log_in(PASSWORD).await), (403, 429));
    // Only that address is blocked.
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    site.end().await;
}

#[tokio::test]
async fn a_puzzle_must_be_solved_where_the_tenant_wants_it() {
    let site = Site::start().await;
    set(&site, "bot-detection", json!({"challenge_password_policy": "always"})).await;
    let mut browser = site.browser();
    let page = site.identify(&mut browser, EMAIL).await;
    assert!(page.html.contains("ulp-captcha-container"));
    let refused = browser.submit(&page, &[("password", PASSWORD), ("captcha", "x")]).await;
    assert_eq!((refused.status, refused.faults()), (400, vec!["captcha invalid-captcha".to_owned()]));
    let question = refused.html.split("What is ").nth(1).unwrap().split('?').next().unwrap();
    let sum: u32 = question.split(" plus ").map(|term| term.parse::<u32>().unwrap()).sum();
    let jar = browser.jar.clone();
    let solved = [("password", "wrong"), ("captcha", &*sum.to_string())];
    let wrong = browser.submit(&refused, &solved).await;
    assert_eq!(wrong.faults(), ["password wrong-email-credentials"]);
    // The same puzzle is not solved again by going back to what the browser carried then.
    browser.jar = jar;
    let again = browser.submit(&refused, &[("password", PASSWORD), ("captcha", &*sum.to_string())]).await;
    assert_eq!(again.faults(), ["captcha invalid-captcha"]);
    // Where there is no page, there is no way.
    let grant = site.password(EMAIL, PASSWORD).await;
    assert_eq!((grant.status, &grant.body["error"]), (401, &json!("requires_verification")));
    set(&site, "bot-detection", json!({"challenge_password_policy": "when_risky", "bot_detection_level": "medium"}))
        .await;
    set(&site, "brute-force-protection", json!({"max_attempts": 100})).await;
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
    for _ in 0..2 {
        assert_eq!(site.password(EMAIL, "wrong").await.status, 403);
    }
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 401);
    site.end().await;
}
