//! The tenant log.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::header::LINK;
use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_walk_from_an_unknown_entry_names_it_as_it_was_sent() {
    let server = TestServer::start().await;
    let from = "%C2%8FS%F0%B1%B9%A0";
    let request = server.http.get(server.url(&format!("/api/v2/logs?from={from}&take=2")));
    let answer = request.bearer_auth(server.token_for("read:logs").await).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let next = answer.headers()[LINK].to_str().unwrap().to_owned();
    assert!(next.contains(&format!("from={from}&take=2>; rel=\"next\"")), "{next}");
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap(), json!([]));
    server.end().await;
}

#[tokio::test]
async fn strangers_cannot_fill_the_log_with_what_they_send() {
    let server = TestServer::start().await;
    let long = "x".repeat(30_000);
    let request = json!({"grant_type": "client_credentials", "client_id": long, "client_secret": long, "audience": long, "scope": long});
    let library = BASE64_URL_SAFE_NO_PAD.encode(json!({"name": "y".repeat(4_000)}).to_string());
    let sent = server.http.post(server.url("/oauth/token")).header("auth0-client", library).json(&request).send().await;
    assert!(sent.unwrap().status().is_client_error());
    let entries = server.get("/logs?q=type:feccft").await.body;
    let entry = &entries.as_array().unwrap()[0];
    assert_eq!(entry["type"], "feccft");
    let size = entry.to_string().len();
    assert!(size < 8_000, "{size} bytes");
    server.end().await;
}

#[tokio::test]
async fn an_entry_of_a_call_tells_all_scopes_of_its_token() {
    let server = TestServer::start().await;
    assert_eq!(server.post("/roles", json!({"name": "reader"})).await.status, 200);
    let entry = server.get("/logs?q=type:sapi").await.body[0].clone();
    let scopes = entry["details"]["request"]["auth"]["credentials"]["scopes"].as_array().unwrap().clone();
    assert!(scopes.len() > 100 && scopes.contains(&json!("create:roles")), "{entry}");
    server.end().await;
}

#[tokio::test]
async fn entries_of_calls_tell_which_library_made_them() {
    let server = TestServer::start().await;
    let library = json!({"name": "node-auth0", "version": "5.0.0", "env": {"node": "22.1.0"}});
    let call = server.http.post(server.url("/api/v2/roles")).bearer_auth(&server.token).json(&json!({"name": "clerk"}));
    let answer = call.header("auth0-client", BASE64_URL_SAFE_NO_PAD.encode(library.to_string())).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    server.post("/roles", json!({"name": "other"})).await;
    let logs = server.get("/logs?q=type:sapi&sort=date:1").await.body;
    assert_eq!((&logs[0]["auth0_client"], logs[1].get("auth0_client")), (&library, None));
    server.end().await;
}
