//! Logins from pages of another origin: `/co/authenticate`, and the ticket that `/authorize` takes.

use std::{sync::Arc, time::Duration};

use http::Method;
use kernel::{Context, FixedClock, SystemRandom, Timestamp};
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    passwordless::{self, OTP},
    server::TestServer,
    site::{CONNECTION, EMAIL, PASSWORD, REALM, Site, code, error},
};

const ORIGIN: &str = "https://app.example.com";
const LOGIN: &str = "/co/authenticate";

impl Site {
    /// Lets scripts of the application's pages log users in.
    async fn allow_cross_origin(&self, more: Value) {
        let mut settings = json!({"cross_origin_authentication": true, "web_origins": [ORIGIN]});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.server.patch(&format!("/clients/{}", self.client), settings).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn credentials(&self, password: &str) -> Value {
        json!({
            "client_id": self.client, "credential_type": REALM, "realm": CONNECTION, "username": EMAIL,
            "password": password,
        })
    }

    async fn ticket(&self, browser: &mut Browser) -> Value {
        let answer = browser.call(LOGIN, ORIGIN, &self.credentials(PASSWORD)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN);
        assert_eq!(answer.headers["access-control-allow-credentials"], "true");
        answer.json()
    }

    fn with_ticket(&self, given: &Value) -> String {
        self.authorize(&format!("&login_ticket={}", given["login_ticket"].as_str().unwrap()))
    }
}

fn refused(page: &Page) -> (u16, String, String) {
    let told = page.json();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    (page.status, text("error"), text("error_description"))
}

const INVALID: &str = "The login ticket is invalid or has expired";

#[tokio::test]
async fn a_page_of_the_application_logs_its_user_in() {
    let site = Site::start().await;
    site.allow_cross_origin(json!({})).await;
    let mut browser = site.browser();
    let given = site.ticket(&mut browser).await;
    assert_eq!(given.as_object().unwrap().len(), 3, "{given}");
    let done = browser.visit(&site.with_ticket(&given)).await;
    let tokens = site.tokens(&code(&done)).await;
    assert!(tokens["id_token"].is_string());
    assert_eq!(site.profile().await["logins_count"], 1);
    // A session is there now, as after any other login; the ticket is used up.
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    assert_eq!(error(&browser.visit(&site.with_ticket(&given)).await), ("invalid_request".into(), INVALID.into()));
    assert_eq!(site.logged().await, ["ssa", "seacft", "s", "scoa"]);
    // Silently, for a popup or a frame.
    let given = site.ticket(&mut browser).await;
    let message = browser.visit(&format!("{}&prompt=none&response_mode=web_message", site.with_ticket(&given))).await;
    assert!(message.html.contains("authorization_response") && message.html.contains("\"code\""), "{}", message.html);
    site.end().await;
}

#[tokio::test]
async fn a_ticket_is_of_use_to_its_client_in_its_browser_for_two_minutes() {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_790_000_000)));
    let context = Context::new(clock.clone(), Arc::new(SystemRandom));
    let site = Site::on(TestServer::with(context).await).await;
    site.allow_cross_origin(json!({})).await;
    let mut browser = site.browser();
    let given = site.ticket(&mut browser).await;
    // Somebody else's browser is not logged in by it: it would be logged in as whoever sends the link.
    let mut victim = site.browser();
    let unverified = ("invalid_request".to_owned(), "Unable to configure verification page.".to_owned());
    assert_eq!(error(&victim.visit(&site.with_ticket(&given)).await), unverified);
    let with_verifier = format!("{}&co_verifier={}", site.with_ticket(&given), given["co_verifier"].as_str().unwrap());
    assert_eq!(error(&victim.visit(&with_verifier).await), unverified);
    let client = json!({
        "name": "Other", "app_type": "regular_web", "callbacks": ["https://app.example.com/callback"],
        "cross_origin_authentication": true, "grant_types": ["authorization_code"],
    });
    let other = site.server.post("/clients", client).await.body["client_id"].as_str().unwrap().to_owned();
    let of_other = site.with_ticket(&given).replace(&site.client, &other);
    assert_eq!(error(&browser.visit(&of_other).await).1, INVALID);
    clock.advance(Duration::from_secs(119));
    code(&browser.visit(&site.with_ticket(&given)).await);
    let late = site.ticket(&mut browser).await;
    clock.advance(Duration::from_secs(121));
    assert_eq!(error(&browser.visit(&site.with_ticket(&late)).await).1, INVALID);
    // What was switched off meanwhile is off.
    let given = site.ticket(&mut browser).await;
    site.allow_cross_origin(json!({"cross_origin_authentication": false})).await;
    assert_eq!(error(&browser.visit(&site.with_ticket(&given)).await).1, INVALID);
    site.end().await;
}

#[tokio::test]
async fn only_scripts_of_the_clients_own_origins_may_log_in() {
    let site = Site::start().await;
    site.allow_cross_origin(json!({
        "allowed_origins": ["https://www.example.com", "https://*.shop.example.com"], "web_origins": ["http://localhost:3000"],
    }))
    .await;
    let mut browser = site.browser();
    for origin in ["https://www.example.com", "https://a.shop.example.com", "http://localhost:3000", ORIGIN] {
        let answer = browser.call(LOGIN, origin, &site.credentials(PASSWORD)).await;
        assert_eq!((answer.status, answer.headers["access-control-allow-origin"].to_str().unwrap()), (200, origin));
    }
    for origin in ["null", "https://www.example.com.evil.com", "http://www.example.com", "https://www.example.com/"] {
        let answer = browser.call(LOGIN, origin, &site.credentials(PASSWORD)).await;
        assert_eq!((answer.status, answer.html.as_str()), (403, format!("Origin {origin} is not allowed.").as_str()));
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
    }
    let entry = &site.server.get("/logs?q=type:fco").await.body[0];
    assert_eq!(entry["details"]["webOrigins"], json!(["http://localhost:3000"]), "{entry}");
    assert_eq!(site.profile().await["logins_count"], 4);
    let asked = site.server.http.request(Method::OPTIONS, site.server.url(LOGIN)).header("origin", ORIGIN);
    let asked =
        asked.header("access-control-request-method", "POST").header("access-control-request-headers", "content-type");
    let leave = asked.send().await.unwrap();
    let header = |name: &str| leave.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((leave.status().as_u16(), header("access-control-allow-origin")), (204, ORIGIN.to_owned()));
    assert_eq!(
        (header("access-control-allow-credentials"), header("access-control-allow-headers")),
        ("true".into(), "content-type".into())
    );
    site.end().await;
}

#[tokio::test]
async fn a_cross_origin_login_is_refused_in_the_words_that_libraries_know() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let call = async |browser: &mut Browser, body: &Value| refused(&browser.call(LOGIN, ORIGIN, body).await);
    let told = |status, error: &str, text: &str| (status, error.to_owned(), text.to_owned());
    let right = site.credentials(PASSWORD);
    assert_eq!(call(&mut browser, &right).await, told(401, "unauthorized_client", "Cross origin login not allowed."));
    site.allow_cross_origin(json!({})).await;
    let but = |name: &str, value: Value| {
        let mut body = right.clone();
        body[name] = value;
        body
    };
    let only =
        "Invalid request body. All and only of client_id, credential_type, username, password, realm are required.";
    for (body, expected) in [
        (but("extra", json!("x")), told(400, "invalid_request", only)),
        (but("username", Value::Null), told(400, "invalid_request", only)),
        (
            but("credential_type", json!("x")),
            told(400, "unsupported_credential_type", "Unknown credential type parameter."),
        ),
        (but("realm", json!("nowhere")), told(400, "invalid_request", "Unknown realm nowhere.")),
        (but("password", json!("wrong")), told(403, "access_denied", "Wrong email or password.")),
    ] {
        assert_eq!(call(&mut browser, &body).await, expected, "{body}");
    }
    let path = crate::site::user_path(&site.user);
    site.server.patch(&path, json!({"blocked": true})).await;
    assert_eq!(call(&mut browser, &right).await, told(403, "blocked_user", "Blocked user"));
    site.server.patch(&path, json!({"blocked": false})).await;
    let limit =
        json!({"enabled": true, "max_attempts": 1, "shields": ["block"], "mode": "count_per_identifier_and_ip"});
    site.server.patch("/attack-protection/brute-force-protection", limit).await;
    call(&mut browser, &but("password", json!("wrong"))).await;
    let limited = call(&mut browser, &right).await;
    assert_eq!((limited.0, limited.1.as_str()), (429, "too_many_attempts"));
    let logged = site.logged().await;
    assert_eq!(logged.iter().filter(|kind| *kind == "fcoa").count(), 9, "{logged:?}");
    // Of the tenant's own directory, where no connection is named.
    let mut other = site.browser();
    let plain =
        json!({"client_id": site.client, "credential_type": "password", "username": EMAIL, "password": PASSWORD});
    assert_eq!(call(&mut other, &plain).await.1, "server_error");
    site.server.patch("/tenants/settings", json!({"default_directory": CONNECTION})).await;
    assert_eq!(call(&mut other, &plain).await.1, "too_many_attempts");
    site.end().await;
}

#[tokio::test]
async fn a_page_tells_for_browsers_that_keep_no_cookies_from_it_that_it_has_asked() {
    let site = Site::start().await;
    site.allow_cross_origin(json!({"cross_origin_loc": "https://app.example.com/verify"})).await;
    let mut elsewhere = site.browser();
    let given = site.ticket(&mut elsewhere).await;
    let verifier = given["co_verifier"].as_str().unwrap();
    // The browser refused the cookie that came with the ticket.
    let mut browser = site.browser();
    let page = browser.visit(&site.with_ticket(&given)).await;
    assert_eq!(page.status, 200);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-src https://app.example.com; frame-ancestors 'none'"), "{policy}");
    assert!(page.html.contains("https://app.example.com/verify") && !page.html.contains(verifier), "{}", page.html);
    let mut form = page;
    "/authorize".clone_into(&mut form.address);
    // A form of somebody else's, who has a ticket with its verifier: the victim's browser was shown no page of ours.
    let mut victim = site.browser();
    let unverified = ("invalid_request".to_owned(), "Unable to configure verification page.".to_owned());
    assert_eq!(error(&victim.submit(&form, &[("co_verifier", verifier)]).await), unverified);
    assert_eq!(error(&browser.submit(&form, &[("co_verifier", "-")]).await), unverified);
    assert_eq!(error(&browser.submit(&form, &[("co_verifier", verifier), ("co_state", "x")]).await), unverified);
    code(&browser.submit(&form, &[("co_verifier", verifier)]).await);
    // Another origin's page is not asked.
    site.allow_cross_origin(json!({"cross_origin_loc": "https://other.example.com/verify"})).await;
    let given = site.ticket(&mut elsewhere).await;
    assert_eq!(error(&site.browser().visit(&site.with_ticket(&given)).await), unverified);
    site.end().await;
}

#[tokio::test]
async fn a_page_of_the_application_logs_its_user_in_by_a_code() {
    let (site, _) = passwordless::site().await;
    site.allow_cross_origin(json!({})).await;
    site.passwordless("email", json!({})).await;
    let sent = site.code_for("new@example.com").await;
    let mut browser = site.browser();
    let body = |otp: &str| {
        json!({
            "client_id": site.client, "credential_type": OTP, "realm": "email", "username": "new@example.com", "otp": otp,
        })
    };
    let wrong = refused(&browser.call(LOGIN, ORIGIN, &body("000")).await);
    assert_eq!((wrong.0, wrong.1.as_str()), (403, "access_denied"), "{wrong:?}");
    let given = browser.call(LOGIN, ORIGIN, &body(&sent)).await;
    assert_eq!(given.status, 200, "{given:?}");
    code(&browser.visit(&site.with_ticket(&given.json())).await);
    site.end().await;
}
