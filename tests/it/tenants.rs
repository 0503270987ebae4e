//! Several tenants on one server, told apart by the request's host.

use aught::{Config, Dns, Fresh};
use http::Method;
use reqwest::{Response, header::HOST};
use serde_json::{Value, json};

use crate::server::TestServer;

/// A tenant beside the first one, and a token of its first client.
struct Other {
    domain: String,
    fresh: Fresh,
    token: String,
}

impl Other {
    async fn of(server: &TestServer, name: &str) -> Self {
        let (domain, fresh) = server.running.create_tenant(name, None).await.unwrap();
        let mut other = Self { domain, fresh, token: String::new() };
        let answer = other.ask_for_token(server, &other.domain).await;
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).clone_into(&mut other.token);
        other
    }

    /// Asks a host for a token of this tenant's Management API.
    async fn ask_for_token(&self, server: &TestServer, host: &str) -> Value {
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": self.fresh.client_id,
            "client_secret": self.fresh.client_secret.reveal(),
            "audience": format!("https://{}/api/v2/", self.domain),
        });
        let request = server.http.post(server.url("/oauth/token")).header(HOST, host).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    }
}

/// Asks the Management API of a host.
async fn manage(server: &TestServer, host: &str, token: &str, method: Method, path: &str, body: Value) -> Response {
    let request = server.http.request(method, server.url(&format!("/api/v2{path}"))).header(HOST, host);
    request.bearer_auth(token).json(&body).send().await.unwrap()
}

async fn get(server: &TestServer, host: &str, path: &str) -> Response {
    server.http.get(server.url(path)).header(HOST, host).send().await.unwrap()
}

#[tokio::test]
async fn a_new_tenant_answers_below_the_installations_domain_at_once() {
    let server = TestServer::start().await;
    let acme = Other::of(&server, "acme").await;
    assert_eq!(acme.domain, format!("acme.{}", server.running.domain));
    let metadata: Value = get(&server, &acme.domain, "/.well-known/openid-configuration").await.json().await.unwrap();
    assert_eq!(metadata["issuer"], format!("https://{}/", acme.domain));
    let created = manage(&server, &acme.domain, &acme.token, Method::POST, "/roles", json!({"name": "r"})).await;
    assert_eq!(created.status(), 200);
    server.end().await;
}

#[tokio::test]
async fn nothing_of_one_tenant_is_seen_or_accepted_by_another() {
    let server = TestServer::start().await;
    let first = server.running.domain.clone();
    let acme = Other::of(&server, "acme").await;

    let role = manage(&server, &acme.domain, &acme.token, Method::POST, "/roles", json!({"name": "theirs"})).await;
    let role: Value = role.json().await.unwrap();
    let path = format!("/roles/{}", role["id"].as_str().unwrap());
    // Twice, so that the second answer could come from memory.
    for _ in 0..2 {
        assert_eq!(manage(&server, &acme.domain, &acme.token, Method::GET, &path, json!({})).await.status(), 200);
        assert_eq!(manage(&server, &first, &server.token, Method::GET, &path, json!({})).await.status(), 404);
        let roles = manage(&server, &first, &server.token, Method::GET, "/roles", json!({})).await;
        assert_eq!(roles.json::<Value>().await.unwrap(), json!([]));
    }

    // Tokens count where they were issued, also when they are known from there.
    for (host, token) in [(&first, &acme.token), (&acme.domain, &server.token)] {
        for _ in 0..2 {
            let refused = manage(&server, host, token, Method::GET, "/roles", json!({})).await;
            assert_eq!(refused.status(), 401, "{host}");
        }
    }

    // A client is known to its own tenant alone.
    let refused = acme.ask_for_token(&server, &first).await;
    assert_eq!(refused["error"], "access_denied", "{refused}");

    // Keys, and what the metadata says, are each tenant's own.
    let jwks = async |host: &str| get(&server, host, "/.well-known/jwks.json").await.json::<Value>().await.unwrap();
    assert_ne!(jwks(&first).await["keys"][0]["kid"], jwks(&acme.domain).await["keys"][0]["kid"]);
    let flags = json!({"flags": {"remove_alg_from_jwks": true}});
    let changed = manage(&server, &acme.domain, &acme.token, Method::PATCH, "/tenants/settings", flags).await;
    assert_eq!(changed.status(), 200);
    assert_eq!(jwks(&first).await["keys"][0]["alg"], "RS256");

    // What happened to one stands in its own log only.
    let logs = async |host: &str, token: &str| {
        manage(&server, host, token, Method::GET, "/logs", json!({})).await.text().await.unwrap()
    };
    assert!(logs(&acme.domain, &acme.token).await.contains("theirs"));
    let own = logs(&first, &server.token).await;
    assert!(!own.contains("theirs"), "{own}");
    server.end().await;
}

#[tokio::test]
async fn an_export_is_given_to_the_tenant_that_made_it_alone() {
    let server = TestServer::start().await;
    let acme = Other::of(&server, "acme").await;
    let job = manage(&server, &acme.domain, &acme.token, Method::POST, "/jobs/users-exports", json!({})).await;
    let job: Value = job.json().await.unwrap();
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    let location = loop {
        let job = manage(&server, &acme.domain, &acme.token, Method::GET, &path, json!({})).await;
        let job: Value = job.json().await.unwrap();
        if let Some(location) = job["location"].as_str() {
            break location.to_owned();
        }
        assert_ne!(job["status"], "failed", "{job}");
        tokio::task::yield_now().await;
    };
    let path = location.strip_prefix(&format!("https://{}", acme.domain)).unwrap_or_else(|| panic!("{location}"));
    assert_eq!(get(&server, &acme.domain, path).await.status(), 200);
    assert_eq!(get(&server, &server.running.domain, path).await.status(), 403);
    assert_eq!(
        manage(&server, &server.running.domain, &server.token, Method::GET, "/jobs", json!({})).await.status(),
        404
    );
    server.end().await;
}

#[tokio::test]
async fn a_host_that_no_tenant_has_is_told_so() {
    let server = TestServer::start().await;
    let path = "/.well-known/openid-configuration";
    // One tenant answers for every name of this machine.
    for host in ["localhost", "anything.localhost:9", "127.0.0.1", "[::1]:80"] {
        assert_eq!(get(&server, host, path).await.status(), 200, "{host}");
    }
    let unknown = get(&server, "login.example.com", path).await;
    assert_eq!(unknown.status(), 404);
    let told = unknown.json::<Value>().await.unwrap();
    assert_eq!(told["message"], "No tenant of this server answers for the host \"login.example.com\".", "{told}");
    // Of several, none is guessed.
    Other::of(&server, "acme").await;
    assert_eq!(get(&server, "anything.localhost:9", path).await.status(), 404);
    assert_eq!(get(&server, "127.0.0.1", path).await.status(), 404);
    assert_eq!(get(&server, "LOCALHOST.", path).await.status(), 200);
    // Health is the installation's, whatever the host.
    assert_eq!(get(&server, "login.example.com", "/health/ready").await.status(), 200);
    server.end().await;
}

#[tokio::test]
async fn a_verified_custom_domain_leads_to_its_tenant_until_it_is_deleted() {
    let server = TestServer::of(Config { dns: Dns::Trusting, ..Config::in_memory() }).await;
    let acme = Other::of(&server, "acme").await;
    let path = "/.well-known/openid-configuration";
    let domain = json!({"domain": "login.acme.example", "type": "auth0_managed_certs"});
    let ask = async |method, path: &str, body| {
        let answer = manage(&server, &acme.domain, &acme.token, method, path, body).await;
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };
    let (status, made) = ask(Method::POST, "/custom-domains", domain.clone()).await;
    assert_eq!(status, 201, "{made}");
    let id = made["custom_domain_id"].as_str().unwrap();
    assert_eq!(get(&server, "login.acme.example", path).await.status(), 404, "nothing is proven yet");
    assert_eq!(ask(Method::POST, &format!("/custom-domains/{id}/verify"), json!({})).await.0, 200);

    let metadata: Value = get(&server, "login.acme.example", path).await.json().await.unwrap();
    let port = server.running.addr.port();
    assert_eq!(metadata["issuer"], format!("https://login.acme.example:{port}/"));
    let token = acme.ask_for_token(&server, "login.acme.example").await;
    let token = token["access_token"].as_str().unwrap_or_else(|| panic!("{token}"));
    let by_custom = manage(&server, "login.acme.example", token, Method::GET, "/roles", json!({})).await;
    assert_eq!(by_custom.status(), 200);

    // Another tenant may prove it too; it leads to the first that did.
    let ask_first = async |path: &str, body| {
        let answer = manage(&server, &server.running.domain, &server.token, Method::POST, path, body).await;
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let other = ask_first("/custom-domains", domain).await.1;
    let path_of_other = format!("/custom-domains/{}/verify", other["custom_domain_id"].as_str().unwrap());
    let (status, taken) = ask_first(&path_of_other, json!({})).await;
    assert_eq!((status, &taken["message"]), (409, &"The specified custom domain already exists.".into()));

    assert_eq!(ask(Method::DELETE, &format!("/custom-domains/{id}"), json!({})).await.0, 204);
    assert_eq!(get(&server, "login.acme.example", path).await.status(), 404);
    server.end().await;
}

#[tokio::test]
async fn a_deleted_tenant_is_gone_and_its_name_is_free() {
    let server = TestServer::start().await;
    let acme = Other::of(&server, "acme").await;
    let created = manage(&server, &acme.domain, &acme.token, Method::POST, "/roles", json!({"name": "old"})).await;
    assert_eq!(created.status(), 200);
    assert!(server.running.store.delete_tenant(&kernel::TenantId::new("acme")).await.unwrap());
    assert_eq!(get(&server, &acme.domain, "/.well-known/jwks.json").await.status(), 200, "the one tenant left answers");
    let refused = manage(&server, &acme.domain, &acme.token, Method::GET, "/roles", json!({})).await;
    assert_eq!(refused.status(), 401);

    let again = Other::of(&server, "acme").await;
    let old = manage(&server, &again.domain, &acme.token, Method::GET, "/roles", json!({})).await;
    assert_eq!(old.status(), 401, "tokens end with their tenant");
    let roles = manage(&server, &again.domain, &again.token, Method::GET, "/roles", json!({})).await;
    assert_eq!(roles.json::<Value>().await.unwrap(), json!([]));
    server.end().await;
}
