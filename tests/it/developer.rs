//! Tools for developers: logins without pages, and the start page.

use aught::{Config, Dns};
use kernel::Secret;
use serde_json::{Value, json};

use crate::server::TestServer;

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
