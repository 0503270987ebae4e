//! Tools for developers: logins without pages, and the start page.

use aught::{Config, Dns};
use kernel::Secret;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    server::TestServer,
};

const SECRET: &str = "developer-secret-of-a-test";

async fn start() -> TestServer {
    let developer_secret = Some(Secret::new(SECRET));
    let config = Config { dns: Dns::Trusting, developer_secret, ..Config::in_memory() };
    let server = TestServer::of(config).await;
    let connection = "Username-Password-Authentication";
    let user = json!({"connection": connection, "email": "ann@example.com", "password": "Aught-1234!"});
    server.post("/users", user).await;
    server
}

async fn log_in(server: &TestServer, secret: &str, wish: Value) -> (u16, Value) {
    let request = server.http.post(server.url("/_aught/sessions")).header("x-aught-secret", secret).json(&wish);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// An application with a callback; its id.
async fn application(server: &TestServer, method: &str) -> String {
    let client = json!({
        "name": "App", "app_type": "regular_web", "token_endpoint_auth_method": method, "oidc_conformant": true,
        "callbacks": ["https://app.example.com/callback"], "grant_types": ["authorization_code", "refresh_token"],
    });
    server.post("/clients", client).await.body["client_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_is_logged_in_without_pages() {
    let server = start().await;
    for method in ["client_secret_post", "client_secret_basic", "none"] {
        let client = application(&server, method).await;
        let (status, answer) = log_in(&server, SECRET, json!({"email": "ann@example.com", "client_id": client})).await;
        assert_eq!(status, 201, "{answer}");
        assert_eq!(answer["tokens"]["token_type"], "Bearer", "{method}: {answer}");
        let token = answer["tokens"]["access_token"].as_str().unwrap();
        let profile = server.http.get(server.url("/userinfo")).bearer_auth(token).send().await.unwrap();
        let profile: Value = profile.json().await.unwrap();
        assert_eq!((&profile["sub"], &profile["email"]), (&answer["user_id"], &json!("ann@example.com")));
        let session = server.get(&format!("/sessions/{}", answer["session_id"].as_str().unwrap())).await;
        assert_eq!((session.status, &session.body["user_id"]), (200, &answer["user_id"]));
        assert_eq!(answer["cookies"][0]["domain"], "localhost");
    }
    server.end().await;
}

#[tokio::test]
async fn a_login_without_pages_needs_the_secret_and_a_user() {
    let server = start().await;
    let wish = || json!({"email": "ann@example.com"});
    assert_eq!(log_in(&server, "guess", wish()).await.0, 401);
    assert_eq!(log_in(&server, "", wish()).await.0, 401);
    assert_eq!(log_in(&server, SECRET, json!({"email": "bob@example.com"})).await.0, 404);
    assert_eq!(log_in(&server, SECRET, json!({})).await.0, 400);
    assert_eq!(log_in(&server, SECRET, json!({"email": "ann@example.com", "client_id": "nobody"})).await.0, 404);
    let (status, answer) = log_in(&server, SECRET, wish()).await;
    assert_eq!((status, &answer["tokens"]), (201, &Value::Null));
    let form = server.http.post(server.url("/_aught/sessions")).header("x-aught-secret", SECRET).body("x=y");
    assert_eq!(form.send().await.unwrap().status(), 415);
    server.end().await;
}

#[tokio::test]
async fn the_start_page_is_for_this_machine() {
    let server = start().await;
    let page = server.http.get(server.url("/")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains(&server.running.domain) && page.contains("/_aught/outbox"), "{page}");
    let request = server.http.get(server.url("/")).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(request.send().await.unwrap().status(), 404);
    server.end().await;
    let server = TestServer::start().await;
    assert_eq!(server.http.get(server.url("/")).send().await.unwrap().status(), 404);
    server.end().await;
}

/// Presses "Try login" on the start page; gives what the browser shows then.
async fn try_login(server: &TestServer, browser: &mut Browser, audience: &str) -> Page {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let request = http.post(server.url("/_aught/try")).header("origin", server.url("")).form(&[("audience", audience)]);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly") && cookie.contains("; Path=/_aught/try"), "{cookie}");
    let (name, rest) = cookie.split_once('=').unwrap();
    browser.jar.insert(name.to_owned(), rest.split(';').next().unwrap().to_owned());
    browser.visit(answer.headers()["location"].to_str().unwrap()).await
}

#[tokio::test]
async fn a_login_is_tried_and_its_tokens_are_explained() {
    let server = start().await;
    let api = json!({
        "identifier": "https://notes.example.com", "name": "Notes", "skip_consent_for_verifiable_first_party_clients": true,
    });
    assert_eq!(server.post("/resource-servers", api).await.status, 201);
    let start = server.http.get(server.url("/")).send().await.unwrap().text().await.unwrap();
    assert!(
        start.contains("action=\"/_aught/try?page=") && start.contains("<option>https://notes.example.com"),
        "{start}"
    );
    let mut browser = Browser::at(&server.url(""));
    let page = try_login(&server, &mut browser, "").await;
    let page = browser.submit(&page, &[("username", "ann@example.com")]).await;
    let shown = browser.submit(&page, &[("password", "Aught-1234!")]).await;
    assert!(shown.address.starts_with("/_aught/try/callback?"), "{} {:?}", shown.address, shown.faults());
    let all_hold = |page: &Page| (page.html.matches("<strong>yes<").count(), page.html.matches("<strong>no<").count());
    assert_eq!((shown.status, all_hold(&shown)), (200, (5, 0)), "{}", shown.html);
    assert!(shown.html.contains("Signed with RS256") && shown.html.contains("It is opaque"), "{}", shown.html);
    assert!(shown.html.contains("ann@example.com") && !browser.jar.contains_key("aught_try"));
    // With the session there are no more pages; a token for an API is explained, too.
    let shown = try_login(&server, &mut browser, "https://notes.example.com").await;
    assert_eq!((shown.status, all_hold(&shown)), (200, (5, 0)), "{}", shown.html);
    assert_eq!(shown.html.matches("Signed with RS256").count(), 2, "{}", shown.html);
    // The code is of use once, and to the browser alone that asked for it.
    let again = browser.visit(&shown.address).await;
    assert!(again.html.contains("belongs to no login"), "{}", again.html);
    let clients = server.get("/clients?fields=name,callbacks").await.body;
    let made = clients.as_array().unwrap().iter().filter(|client| client["name"] == "Try login");
    let callbacks: Vec<_> = made.map(|client| client["callbacks"].clone()).collect();
    assert_eq!(callbacks, [json!([server.url("/_aught/try/callback")])]);
    server.end().await;
}

#[tokio::test]
async fn a_tried_login_may_end_with_an_error_and_is_begun_on_our_page_alone() {
    let server = start().await;
    let mut browser = Browser::at(&server.url(""));
    let page = try_login(&server, &mut browser, "https://nowhere.example.com").await;
    assert!(page.html.contains("Nobody was logged in") && page.html.contains("Service not found"), "{}", page.html);
    let ask = || server.http.post(server.url("/_aught/try")).form(&[("audience", "")]);
    assert_eq!(ask().send().await.unwrap().status(), 415);
    assert_eq!(ask().header("origin", "https://evil.example.com").send().await.unwrap().status(), 403);
    let proxied = ask().header("origin", server.url("")).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(proxied.send().await.unwrap().status(), 401);
    assert_eq!(server.get("/clients?fields=name").await.body.to_string().matches("Try login").count(), 1);
    server.end().await;
}

#[tokio::test]
async fn the_tools_are_not_answered_where_tenants_show_pages_of_their_own() {
    let server = start().await;
    let domain = json!({"domain": "login.acme.localhost", "type": "auth0_managed_certs"});
    let made = server.post("/custom-domains", domain).await.body["custom_domain_id"].as_str().unwrap().to_owned();
    let ready = server.post(&format!("/custom-domains/{made}/verify"), json!({})).await;
    assert_eq!(ready.body["status"], "ready", "{ready:?}");
    for path in ["/_aught/outbox", "/"] {
        let here = server.http.get(server.url(path)).header("host", "localhost").send().await.unwrap();
        assert_eq!(
            (here.status().as_u16(), &here.headers()["cross-origin-opener-policy"]),
            (200, &"same-origin".parse().unwrap()),
            "{path}"
        );
        let there = server.http.get(server.url(path)).header("host", "login.acme.localhost").send().await.unwrap();
        assert_eq!(there.status(), 404, "{path}");
    }
    server.end().await;
}

#[tokio::test]
async fn pages_that_tenants_wrote_do_not_reach_the_tools() {
    let server = start().await;
    let start_page = server.http.get(server.url("/")).send().await.unwrap();
    assert_eq!(start_page.headers()["cross-origin-opener-policy"], "same-origin");
    let outbox = || server.http.get(server.url("/_aught/outbox"));
    // A browser says what it asks for: its user went there, or a script of a page did, of whatever path it claims to be.
    let opened = outbox().header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "navigate");
    let opened = opened.header("accept", "text/html").send().await.unwrap();
    assert_eq!(opened.status(), 200);
    assert_eq!(opened.headers()["cross-origin-opener-policy"], "same-origin");
    let page = opened.text().await.unwrap();
    let token = page.split("data-page=\"").nth(1).unwrap().split('"').next().unwrap();
    for mode in ["cors", "no-cors", "same-origin"] {
        let by_script = || {
            let request = outbox().header("sec-fetch-site", "same-origin").header("sec-fetch-mode", mode);
            request.header("referer", server.url("/_aught/outbox"))
        };
        assert_eq!(by_script().send().await.unwrap().status(), 403, "{mode}");
        assert_eq!(by_script().header("x-aught-page", "guess").send().await.unwrap().status(), 403, "{mode}");
        assert_eq!(by_script().header("x-aught-page", token).send().await.unwrap().status(), 200, "{mode}");
    }
    // What is in a frame of the same origin can be read by the page around it.
    let framed = outbox().header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "navigate");
    assert_eq!(framed.header("sec-fetch-dest", "iframe").send().await.unwrap().status(), 403);
    let form = |query: &str| {
        let request = server.http.post(server.url(&format!("/_aught/try{query}"))).header("origin", server.url(""));
        request.header("sec-fetch-site", "same-origin").header("sec-fetch-mode", "navigate").form(&[("audience", "")])
    };
    assert_eq!(form("").send().await.unwrap().status(), 403);
    let sent = form(&format!("?page={token}")).send().await.unwrap();
    assert!(sent.status() != 403, "{sent:?}");
    server.end().await;
}
