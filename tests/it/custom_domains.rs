//! Custom domains: proven by their records, made the default, searched.

use std::{collections::HashMap, sync::Arc};

use aught::{Config, Dns};
use serde_json::{Value, json};

use crate::server::TestServer;

/// A server for which one name carries every record that could be asked for.
async fn server_with(records: &[(&str, &str)]) -> TestServer {
    let table: HashMap<String, String> =
        records.iter().map(|(name, record)| ((*name).to_owned(), (*record).to_owned())).collect();
    TestServer::of(Config { dns: Dns::Table(Arc::new(table)), ..Config::in_memory() }).await
}

async fn domain(server: &TestServer, name: &str, kind: &str) -> (String, Value) {
    let made = server.post("/custom-domains", json!({"domain": name, "type": kind})).await;
    assert_eq!(made.status, 201, "{made:?}");
    (format!("/custom-domains/{}", made.body["custom_domain_id"].as_str().unwrap()), made.body)
}

#[tokio::test]
async fn a_domain_without_its_record_stays_pending() {
    let server = server_with(&[("login.example.com", "elsewhere.example.com")]).await;
    let (path, _) = domain(&server, "login.example.com", "auth0_managed_certs").await;
    let verified = server.post(&format!("{path}/verify"), json!({})).await;
    assert_eq!((verified.status, &verified.body["status"]), (200, &json!("pending_verification")));
    assert_eq!(verified.body["verification"]["status"], "failed");
    assert!(verified.body["verification"]["error_msg"].as_str().unwrap().contains("CNAME record not found"));
    let untested = server.post(&format!("{path}/test"), json!({})).await;
    assert_eq!((untested.status, &untested.body["message"]), (409, &json!("The custom domain is not ready.")));
    let refused = server.patch("/custom-domains/default", json!({"domain": "login.example.com"})).await;
    assert_eq!(refused.status, 400);
    server.end().await;
}

#[tokio::test]
async fn a_proven_domain_is_ready_and_can_be_the_default() {
    let server = TestServer::of(Config { dns: Dns::Trusting, ..Config::in_memory() }).await;
    let (path, _) = domain(&server, "login.example.com", "auth0_managed_certs").await;
    let verified = server.post(&format!("{path}/verify"), json!({})).await;
    assert_eq!((verified.status, &verified.body["status"]), (200, &json!("ready")));
    assert_eq!(verified.body["verification"]["status"], "verified");
    let again = server.post(&format!("{path}/verify"), json!({})).await;
    assert_eq!((again.status, &again.body["message"]), (400, &json!("Custom domain already verified.")));
    let default = server.patch("/custom-domains/default", json!({"domain": "login.example.com"})).await;
    assert_eq!((default.status, &default.body["is_default"]), (200, &json!(true)));
    let (own, _) = domain(&server, "own.example.com", "self_managed_certs").await;
    let verified = server.post(&format!("{own}/verify"), json!({})).await.body;
    assert_eq!((&verified["status"], verified["cname_api_key"].as_str().unwrap().len()), (&json!("ready"), 64));
    let shown = server.get(&own).await.body;
    assert_eq!((shown.get("cname_api_key"), &shown["origin_domain_name"]), (None, &verified["origin_domain_name"]));
    let found = server.get("/custom-domains?take=10&q=domain:own*%20AND%20status:ready").await.body;
    assert_eq!(found["custom_domains"].as_array().unwrap().len(), 1);
    server.end().await;
}

#[tokio::test]
async fn links_bear_the_domain_that_the_header_or_the_default_chooses() {
    let server = TestServer::of(Config { dns: Dns::Trusting, ..Config::in_memory() }).await;
    let someone = |email: &str| {
        let connection = "Username-Password-Authentication";
        json!({"connection": connection, "email": email, "password": "Correct-Horse-7"})
    };
    let user = server.post("/users", someone("ann@example.com")).await.body["user_id"].clone();
    let link = async |header: Option<&str>| {
        let request = server.http.post(server.url("/api/v2/tickets/email-verification")).bearer_auth(&server.token);
        let request = request.json(&json!({"user_id": user}));
        let request = header.into_iter().fold(request, |request, name| request.header("auth0-custom-domain", name));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let told = answer.get("ticket").or(answer.get("message")).unwrap().as_str().unwrap().to_owned();
        told.split("/u/").next().unwrap().to_owned()
    };
    let unknown = "The custom domain does not exist for the tenant.";
    assert_eq!(link(None).await, format!("https://{}", server.running.domain));
    assert_eq!(link(Some("one.example.com")).await, unknown);
    assert_eq!(link(Some("a/b")).await, "The `auth0-custom-domain` HTTP header has an invalid format.");
    for name in ["one.example.com", "two.example.com"] {
        let (path, _) = domain(&server, name, "auth0_managed_certs").await;
        assert_eq!(link(Some(name)).await, unknown);
        server.post(&format!("{path}/verify"), json!({})).await;
        let port = server.running.addr.port();
        assert_eq!(link(Some(name)).await, format!("https://{name}:{port}"));
    }
    assert_eq!(link(None).await, "The tenant has multiple verified custom domains.");
    let refused = server.post("/users", someone("bob@example.com")).await;
    assert_eq!((refused.status, &refused.body["errorCode"]), (409, &json!("custom_domain_conflict")));
    server.patch("/custom-domains/default", json!({"domain": "two.example.com"})).await;
    assert_eq!(link(None).await, format!("https://two.example.com:{}", server.running.addr.port()));
    server.end().await;
}

#[tokio::test]
async fn a_custom_domain_is_there_once() {
    let server = TestServer::start().await;
    let body = json!({"domain": "login.example.com", "type": "auth0_managed_certs"});
    assert_eq!(server.post("/custom-domains", body.clone()).await.status, 201);
    let refused = server.post("/custom-domains", body).await;
    let text = "The specified custom domain already exists.";
    assert_eq!((refused.status, &refused.body["message"]), (409, &json!(text)));
    server.end().await;
}
