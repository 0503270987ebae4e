//! What every operation of the contract refuses, and that a refused request changes nothing.

use contract::{Contract, Operation};
use serde_json::{Value, json};

use crate::server::{Answer, TestServer};

/// The operation's path with an identifier in each place.
fn path_of(operation: &Operation) -> String {
    let step = |step: &str| if step.starts_with('{') { "unknown".to_owned() } else { step.to_owned() };
    format!("/api/v2{}", operation.path.split('/').map(step).collect::<Vec<_>>().join("/"))
}

/// Sends bytes as JSON with this `Authorization` header.
async fn send(server: &TestServer, operation: &Operation, authorization: Option<&str>, body: &'static str) -> Answer {
    let mut request = server.http.request(operation.method.clone(), server.url(&path_of(operation)));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    if !body.is_empty() {
        request = request.header("content-type", "application/json").body(body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    Answer { status, body: serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default() }
}

/// The changes that the tenant log tells of.
async fn changes(server: &TestServer) -> Value {
    server.get("/logs?q=type:sapi").await.body
}

#[tokio::test]
async fn no_operation_is_open_to_a_caller_without_a_good_token() {
    let server = TestServer::start().await;
    let good = server.token_for("read:stats").await;
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let forged: String = signature.chars().rev().collect();
    let tampered = format!("Bearer {signed}.{forged}");
    let other = TestServer::start().await;
    let foreign = format!("Bearer {}", other.token_for("read:stats").await);
    for operation in Contract::load().operations() {
        let missing = send(&server, operation, None, "").await;
        assert_eq!((missing.status, &missing.body["error"]), (401, &json!("Unauthorized")), "{}", operation.name());
        for token in [&tampered, &foreign] {
            let refused = send(&server, operation, Some(token), "").await;
            assert_eq!(refused.status, 401, "{}: {refused:?}", operation.name());
        }
        let opaque = send(&server, operation, Some("Bearer opaque"), "").await;
        assert_eq!((opaque.status, &opaque.body["errorCode"]), (400, &json!("Bearer")), "{}", operation.name());
    }
    assert_eq!(changes(&server).await, json!([]));
    other.end().await;
    server.end().await;
}

#[tokio::test]
async fn every_operation_needs_its_scope() {
    let server = TestServer::start().await;
    let reader = format!("Bearer {}", server.token_for("read:stats").await);
    let others = format!("Bearer {}", server.token_for("read:insights").await);
    for operation in Contract::load().operations() {
        let is_its_own = operation.scopes.iter().flatten().any(|scope| scope == "read:stats");
        let refused = send(&server, operation, Some(if is_its_own { &others } else { &reader }), "").await;
        let code = &refused.body["errorCode"];
        assert_eq!((refused.status, code), (403, &json!("insufficient_scope")), "{}: {refused:?}", operation.name());
        let message = refused.body["message"].as_str().unwrap();
        assert!(message.starts_with("Insufficient scope, expected a"), "{message}");
    }
    assert_eq!(changes(&server).await, json!([]));
    server.end().await;
}

#[tokio::test]
async fn no_body_makes_an_operation_fail_inside() {
    let server = TestServer::start().await;
    let token = format!("Bearer {}", server.token_for("").await);
    let bodies = ["{", "[]", "null", "\"text\"", "{\"surely_unknown\": 1}", "{\"name\": {\"deep\": [[]]}}"];
    for operation in Contract::load().operations() {
        if !operation.has_body() || operation.is_multipart() {
            continue;
        }
        let malformed = send(&server, operation, Some(&token), "{").await;
        // Some operations are for users only, who alone can have their scope.
        let is_for_users =
            operation.scopes.iter().all(|group| group.iter().all(|scope| scope.contains(":current_user")));
        assert_eq!(malformed.status, if is_for_users { 403 } else { 400 }, "{}: {malformed:?}", operation.name());
        for body in bodies {
            let answer = send(&server, operation, Some(&token), body).await;
            // 501 is the answer of what is not served yet.
            assert!(answer.status < 500 || answer.status == 501, "{} {body}: {answer:?}", operation.name());
        }
    }
    server.end().await;
}
