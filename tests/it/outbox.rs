//! The outbox: what a developer finds in it, and who else does not.

use aught::{Config, Dns};
use serde_json::{Value, json};

use crate::server::TestServer;

async fn start() -> TestServer {
    TestServer::of(Config { dns: Dns::Trusting, ..Config::in_memory() }).await
}

async fn create(server: &TestServer, email: &str) {
    let connection = "Username-Password-Authentication";
    let user = json!({"connection": connection, "email": email, "password": "Aught-1234!"});
    assert_eq!(server.post("/users", user).await.status, 201);
}

/// The messages that a question finds.
pub(crate) async fn messages(server: &TestServer, query: &str) -> Vec<Value> {
    let answer = server.http.get(server.url(&format!("/_aught/outbox{query}"))).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    answer["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn without_a_provider_what_a_new_user_is_sent_is_in_the_outbox() {
    let server = start().await;
    let waiting = messages(&server, "?to=ANN@example.com&wait=30");
    let (found, ()) = tokio::join!(waiting, create(&server, "ann@example.com"));
    let message = &found[0];
    assert_eq!((&message["channel"], &message["to"]), (&json!("email"), &json!("ann@example.com")));
    assert_eq!((&message["template"], &message["status"]), (&json!("verify_email"), &json!("sent")));
    assert_eq!(message["attempts"][0]["provider"], "outbox");
    let link = message["links"][0].as_str().unwrap();
    assert!(link.starts_with(&format!("https://{}/u/email-verification?ticket=", server.running.domain)), "{link}");
    for part in ["html", "text"] {
        assert!(message[part].as_str().unwrap().contains(link), "{message}");
    }
    assert!(messages(&server, "?to=bob@example.com").await.is_empty());
    assert!(messages(&server, "?channel=phone").await.is_empty());
    assert!(messages(&server, "?since=2100-01-01T00:00:00Z&wait=0.05").await.is_empty());
    let cleared = server.http.delete(server.url("/_aught/outbox")).send().await.unwrap();
    assert_eq!(cleared.status(), 204);
    assert!(messages(&server, "").await.is_empty());
    server.end().await;
}

#[tokio::test]
async fn a_phone_message_on_trial_is_in_the_outbox_with_its_code() {
    let server = start().await;
    let body = json!({"text": "{{ code }}", "voice": "{{ code }}"});
    let template = json!({"type": "otp_verify", "content": {"body": body}});
    let template = server.post("/branding/phone/templates", template).await.body;
    let path = format!("/branding/phone/templates/{}/try", template["id"].as_str().unwrap());
    assert_eq!(server.post(&path, json!({"to": "+15550100"})).await.status, 202);
    let found = messages(&server, "?channel=phone&wait=30").await;
    assert_eq!((&found[0]["to"], &found[0]["codes"]), (&json!("+15550100"), &json!(["123456"])));
    server.end().await;
}

#[tokio::test]
async fn the_outbox_has_a_page() {
    let server = start().await;
    create(&server, "ann@example.com").await;
    messages(&server, "?wait=30").await;
    let page = server.http.get(server.url("/_aught/outbox")).header("accept", "text/html").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'sha256-"), "{policy}");
    let page = page.text().await.unwrap();
    for part in ["ann@example.com", "Verify your email address", "sandbox=\"allow-popups\"", "As text"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let frame = page.split("src=\"/_aught").nth(1).unwrap().split('"').next().unwrap();
    let frame = server.http.get(server.url(&format!("/_aught{frame}"))).send().await.unwrap();
    assert!(frame.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert!(frame.text().await.unwrap().contains("Verify address"));
    server.end().await;
}

#[tokio::test]
async fn only_this_machine_or_a_token_reads_the_outbox() {
    let server = start().await;
    let url = server.url("/_aught/outbox");
    let status = async |name: &str, value: &str, token: Option<&str>| {
        let request = server.http.get(&url).header(name, value);
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        request.send().await.unwrap().status().as_u16()
    };
    for name in ["x-forwarded-for", "forwarded", "x-real-ip", "via"] {
        assert_eq!(status(name, "192.0.2.1", None).await, 401, "{name}");
    }
    let (few, both) = (server.token_for("read:logs").await, server.token_for("read:logs read:users").await);
    assert_eq!(status("via", "1.1 x", Some(&few)).await, 403);
    assert_eq!(status("via", "1.1 x", Some(&both)).await, 200);
    assert_eq!(status("origin", "https://evil.example", Some(&both)).await, 403);
    assert_eq!(status("origin", &format!("http://{}", server.running.addr), None).await, 200);
    server.end().await;
}

#[tokio::test]
async fn without_developer_tools_there_is_no_outbox() {
    let server = TestServer::start().await;
    assert_eq!(server.http.get(server.url("/_aught/outbox")).send().await.unwrap().status(), 404);
    create(&server, "ann@example.com").await;
    server.end().await;
}
