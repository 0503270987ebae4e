//! The port, what answers on it whatever is asked, and its end.

use std::net::SocketAddr;

use aught::{Config, ConnectionLimits, Metrics, TrustedProxies};
use reqwest::{Certificate, Client, Version, header::HOST};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
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
    let head = "POST /oauth/token HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
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

/// What is answered to these bytes on a connection of its own.
async fn answered(addr: SocketAddr, from: &str, bytes: &[u8]) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut connection = socket.connect(addr).await.unwrap();
    connection.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is closed with bytes unread ends by a reset.
    let _ = connection.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn many_slow_clients_do_not_shut_others_out() {
    let connections = ConnectionLimits { total: 64, of_one_address: Some(16) };
    let server = TestServer::of(Config { connections, ..Config::in_memory() }).await;
    let addr = server.running.addr;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut connection = TcpStream::connect(addr).await.unwrap();
        // One that was closed at once cannot be written to.
        let _ = connection.write_all(b"GET /he").await;
        slow.push(connection);
    }
    let request = b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = answered(addr, "127.0.0.2", request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    // With all connections taken, health can still be asked for, and nothing else.
    for host in 3..8 {
        for _ in 0..16 {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(format!("127.0.0.{host}:0").parse().unwrap()).unwrap();
            let mut connection = socket.connect(addr).await.unwrap();
            let _ = connection.write_all(b"GET /he").await;
            slow.push(connection);
        }
    }
    let health = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = answered(addr, "127.0.0.9", health).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = answered(addr, "127.0.0.9", request).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    drop(slow);
    server.end().await;
}

#[tokio::test]
async fn a_request_names_one_host_and_ends_its_lines_as_it_should() {
    let server = TestServer::start().await;
    let path = "/.well-known/jwks.json";
    let head = |lines: &str| format!("GET {path} HTTP/1.1\r\nconnection: close\r\n{lines}\r\n");
    for (request, status) in [
        (head("host: localhost\r\n"), "200"),
        (head(""), "400"),
        (head("host: localhost\r\nhost: localhost\r\n"), "400"),
        (head("host: user@localhost\r\n"), "400"),
        (head("host: localhost/x\r\n"), "400"),
        (head("host: localhost\n"), "400"),
        (format!("GET {path} HTTP/1.1\nhost: localhost\r\n\r\n"), "400"),
        (format!("GET http://localhost{path} HTTP/1.1\r\nhost: other.example\r\nconnection: close\r\n\r\n"), "400"),
    ] {
        let answer = answered(server.running.addr, "127.0.0.1", request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request:?}: {answer}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_header_is_as_long_as_is_told() {
    let server = TestServer::start().await;
    let prior = Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for client in [&server.http, &prior] {
        let status = async |length: usize, fields: usize| {
            let mut request = client.get(server.url("/health/live")).header("x-long", "x".repeat(length));
            for field in 0..fields {
                request = request.header(format!("x-{field}"), "y");
            }
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(status(60 * 1024, 0).await, 200);
        assert_eq!(status(66 * 1024, 0).await, 431);
        assert_eq!(status(0, 90).await, 200);
        assert_eq!(status(0, 101).await, 431);
    }
    server.end().await;
}

#[tokio::test]
async fn metrics_are_answered_where_the_operator_says() {
    let server = TestServer::of(Config { metrics: Metrics::Nowhere, ..Config::in_memory() }).await;
    assert_eq!(server.http.get(server.url("/metrics")).send().await.unwrap().status(), 404);
    assert_eq!(server.http.get(server.url("/health/live")).send().await.unwrap().status(), 200);
    server.end().await;
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let server = TestServer::of(Config { metrics: Metrics::At(place.clone()), ..Config::in_memory() }).await;
    assert_eq!(server.http.get(server.url("/metrics")).send().await.unwrap().status(), 404);
    assert_eq!(server.http.get(format!("http://{place}/metrics")).send().await.unwrap().status(), 200);
    server.end().await;
}

#[tokio::test]
async fn forwarding_headers_count_where_a_trusted_proxy_sends_them() {
    for (proxies, ip, status) in [(vec!["127.0.0.0/8".to_owned()], "192.0.2.7", 404), (Vec::new(), "127.0.0.1", 200)] {
        let trusted_proxies = TrustedProxies::parse(&proxies).unwrap();
        let server = TestServer::of(Config { trusted_proxies, ..Config::in_memory() }).await;
        let told = |path: &str| server.http.get(server.url(path)).header("x-forwarded-for", "1.1.1.1, 192.0.2.7");
        let forwarded = told("/.well-known/jwks.json").header("x-forwarded-host", "elsewhere.example");
        assert_eq!(forwarded.send().await.unwrap().status(), status);
        let created = server.http.post(server.url("/api/v2/roles")).bearer_auth(&server.token);
        let created = created.header("x-forwarded-for", "1.1.1.1, 192.0.2.7").json(&json!({"name": "r"}));
        assert_eq!(created.send().await.unwrap().status(), 200);
        let logs = server.get("/logs?per_page=1&sort=date:-1").await;
        assert_eq!(logs.body[0]["ip"], ip, "{:?}", logs.body);
        server.end().await;
    }
}

#[tokio::test]
async fn a_connection_is_for_the_host_that_it_was_encrypted_for() {
    let server = TestServer::start().await;
    let (acme, _) = server.running.create_tenant("acme", None).await.unwrap();
    let authority = Certificate::from_pem(server.running.authority().await.unwrap().as_bytes()).unwrap();
    let client = Client::builder().no_proxy().tls_certs_only([authority]).http1_only();
    let client = client.resolve("acme.localhost", server.running.addr).build().unwrap();
    let path = "/.well-known/jwks.json";
    let direct = client.get(format!("https://{acme}{path}")).send().await.unwrap();
    assert_eq!(direct.status(), 200);
    let other = client.get(format!("https://{}{path}", server.running.domain)).header(HOST, acme).send().await.unwrap();
    assert_eq!(other.status(), 421);
    server.end().await;
}
