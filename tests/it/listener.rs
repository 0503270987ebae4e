//! The port, what answers on it whatever is asked, and its end.

use reqwest::{Certificate, Client, Version};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::TestServer;

#[tokio::test]
async fn metrics_tell_of_token_requests_and_of_jobs() {
    let server = TestServer::start().await;
    let job = |tx: &mut store::Tx| tx.enqueue(store::NewJob::new("nobody's", kernel::Document::new()));
    let tenant = server.running.store.tenants().await.unwrap().remove(0);
    server.running.store.write(&tenant, job).await.unwrap();
    let metrics = server.http.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("operation=\"/oauth/token\""), "{metrics}");
    assert!(metrics.contains("aught_jobs{queue=\"nobody's\",state=\"waiting\"} 1"), "{metrics}");
    server.end().await;
}

#[tokio::test]
async fn health_needs_no_token() {
    let server = TestServer::start().await;
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!(server.http.get(server.url(path)).send().await.unwrap().status(), 200, "{path}");
    }
    server.end().await;
}

#[tokio::test]
async fn one_port_answers_http_and_https_in_both_versions() {
    let server = TestServer::start().await;
    let authority = Certificate::from_pem(server.running.authority().await.unwrap().as_bytes()).unwrap();
    let trusting = || Client::builder().no_proxy().tls_certs_only([authority.clone()]);
    let domain = &server.running.domain;
    let version = async |client: Client, scheme: &str| {
        let answer = client.get(format!("{scheme}://{domain}/health/live")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.version()
    };
    assert_eq!(version(trusting().build().unwrap(), "https").await, Version::HTTP_2);
    assert_eq!(version(trusting().http1_only().build().unwrap(), "https").await, Version::HTTP_11);
    assert_eq!(version(trusting().build().unwrap(), "http").await, Version::HTTP_11);
    assert_eq!(version(trusting().http2_prior_knowledge().build().unwrap(), "http").await, Version::HTTP_2);
    server.end().await;
}

#[tokio::test]
async fn nobody_else_is_trusted_for_the_domain() {
    let (one, other) = (TestServer::start().await, TestServer::start().await);
    let authority = Certificate::from_pem(other.running.authority().await.unwrap().as_bytes()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap();
    let outcome = client.get(format!("https://{}/health/live", one.running.domain)).send().await;
    assert!(outcome.unwrap_err().is_connect());
}

#[tokio::test]
async fn an_unknown_path_is_told_in_the_services_form() {
    let server = TestServer::start().await;
    let answer = server.http.get(server.url("/nowhere")).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let expected = json!({"statusCode": 404, "error": "Not Found", "message": "Not Found"});
    assert_eq!(answer.json::<Value>().await.unwrap(), expected);
    server.end().await;
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused() {
    let server = TestServer::start().await;
    let long = json!({ "name": "x".repeat(1024 * 1024) });
    assert_eq!(server.post("/roles", long).await.status, 413);
    server.end().await;
}

#[tokio::test]
async fn a_request_keeps_the_id_it_brings() {
    let server = TestServer::start().await;
    let id = async |given: Option<&str>| {
        let request = server.http.get(server.url("/health/live"));
        let request = given.into_iter().fold(request, |request, id| request.header("x-request-id", id));
        request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id(Some("mine")).await, "mine");
    assert_ne!(id(None).await, id(None).await);
    assert_ne!(id(Some("not fit for a log line")).await, "not fit for a log line");
    server.end().await;
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered_before_the_end() {
    let server = TestServer::start().await;
    let mut connection = TcpStream::connect(server.running.addr).await.unwrap();
    let head = "POST /oauth/token HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    // The interim answer shows that the request is being worked on, and waits for its body.
    let mut interim = [0; 25];
    connection.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let addr = server.running.addr;
    let ended = tokio::spawn(server.end());
    while TcpStream::connect(addr).await.is_ok() {}
    connection.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    ended.await.unwrap();
}

#[tokio::test]
async fn a_role_lives_from_creation_to_deletion() {
    let server = TestServer::start().await;
    let created = server.post("/roles", json!({"name": "reader"})).await;
    let id = created.body["id"].as_str().unwrap_or_else(|| panic!("{created:?}")).to_owned();
    let path = format!("/roles/{id}");
    assert_eq!(server.patch(&path, json!({"description": "reads"})).await.body["description"], "reads");
    assert_eq!(server.get(&path).await.body["name"], "reader");
    assert!(server.delete(&path).await.status < 300);
    assert_eq!(server.get(&path).await.status, 404);
    server.end().await;
}
