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
