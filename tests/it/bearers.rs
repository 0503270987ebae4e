//! Sessions and refresh tokens as the Management API shows and ends them, and what ends with a user, a client or a grant.

use std::time::Duration;

use kernel::object;
use serde_json::{Value, json};
use store::{
    Access, Agent, AuthenticationMethod, Device, Held, Paging, RefreshToken, RefreshTokenDetails, Session,
    SessionDetails, StoreError, Tx,
};

use crate::server::TestServer;

const DATABASE: &str = "Username-Password-Authentication";
const HOUR: Duration = Duration::from_secs(3600);

/// Gives a user a session, unless one of this identifier is there.
pub(crate) async fn leave_session(server: &TestServer, id: &str, user: &str) {
    let (id, user) = (id.to_owned(), user.to_owned());
    write(server, move |tx| {
        if tx.session(&id)?.is_some() {
            return Ok(());
        }
        let now = tx.now();
        let details = SessionDetails {
            device: Device::of(Agent::new("Mozilla/5.0", "203.0.113.7", "64496")),
            clients: vec!["client".to_owned()],
            methods: vec![AuthenticationMethod { name: "pwd".to_owned(), at: now, kind: None }],
            ..SessionDetails::default()
        };
        let session = Session {
            id: id.clone(),
            user_id: user.clone(),
            created: now,
            updated: now,
            authenticated: now,
            last_interacted: now,
            idle_expires: now + HOUR,
            expires: now + 2 * HOUR,
            is_persistent: true,
            details,
        };
        tx.insert_session(&session).map(drop)
    })
    .await;
}

/// Gives a user a refresh token, unless one of this identifier is there.
pub(crate) async fn leave_refresh_token(server: &TestServer, id: &str, user: &str, change: fn(&mut RefreshToken)) {
    let (id, user) = (id.to_owned(), user.to_owned());
    write(server, move |tx| {
        if tx.refresh_token(&id)?.is_some() {
            return Ok(());
        }
        let access = Access { audience: "https://api.example.com".to_owned(), scope: "read offline_access".to_owned() };
        let mut token = RefreshToken {
            id: id.clone(),
            user_id: user.clone(),
            client_id: "client".to_owned(),
            session_id: Some("s1".to_owned()),
            created: tx.now(),
            last_exchanged: None,
            idle_expires: None,
            expires: None,
            is_rotating: false,
            is_online: false,
            details: RefreshTokenDetails { resource_servers: vec![access], ..RefreshTokenDetails::default() },
        };
        change(&mut token);
        tx.insert_refresh_token(&token).map(drop)
    })
    .await;
}

async fn write(server: &TestServer, work: impl Fn(&mut Tx) -> Result<(), StoreError> + Send + 'static) {
    let store = &server.running.store;
    let tenant = store.tenants().await.unwrap().remove(0);
    store.write(&tenant, work).await.unwrap();
}

async fn user(server: &TestServer, email: &str) -> (String, String) {
    let body = json!({"connection": DATABASE, "email": email, "password": "Correct-Horse-9"});
    let id = server.post("/users", body).await.body["user_id"].as_str().unwrap().to_owned();
    let path = format!("/users/{}", id.replace('|', "%7C"));
    (id, path)
}

/// The identifiers in a list.
fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_session_is_shown_changed_and_ended() {
    let server = TestServer::start().await;
    let (jane, path) = user(&server, "jane@example.com").await;
    leave_session(&server, "s1", &jane).await;
    let shown = server.get("/sessions/s1").await;
    assert_eq!(shown.status, 200);
    let times = ["created_at", "updated_at", "authenticated_at", "idle_expires_at", "expires_at", "last_interacted_at"];
    let mut facts = object(shown.body.clone());
    for time in times {
        assert!(facts.shift_remove(time).unwrap().as_str().unwrap().ends_with('Z'), "{time}");
    }
    let method = facts["authentication"]["methods"][0].as_object_mut().unwrap();
    assert!(method.shift_remove("timestamp").is_some());
    let agent = ("Mozilla/5.0", "203.0.113.7", "64496");
    let expected = json!({
        "id": "s1",
        "user_id": jane,
        "device": {
            "initial_user_agent": agent.0, "initial_ip": agent.1, "initial_asn": agent.2,
            "last_user_agent": agent.0, "last_ip": agent.1, "last_asn": agent.2,
        },
        "clients": [{"client_id": "client"}],
        "authentication": {"methods": [{"name": "pwd"}]},
        "cookie": {"mode": "persistent"},
    });
    assert_eq!(Value::Object(facts), expected);

    let changed = server.patch("/sessions/s1", json!({"session_metadata": {"device": "kiosk"}})).await;
    assert_eq!((changed.status, &changed.body["session_metadata"]), (200, &json!({"device": "kiosk"})));
    assert_eq!(server.get("/sessions/s1").await.body["session_metadata"], json!({"device": "kiosk"}));
    let long = json!({"session_metadata": {"device": "x".repeat(256)}});
    assert_eq!(server.patch("/sessions/s1", long).await.status, 400);
    let removed = server.patch("/sessions/s1", json!({"session_metadata": null})).await;
    assert_eq!(removed.body.get("session_metadata"), None);

    leave_session(&server, "s2", &jane).await;
    leave_session(&server, "s3", &jane).await;
    let first = server.get(&format!("{path}/sessions?take=2")).await.body;
    assert_eq!(ids(&first["sessions"]), ["s1", "s2"]);
    let next = format!("{path}/sessions?take=2&from={}", first["next"].as_str().unwrap());
    let second = server.get(&next).await.body;
    assert_eq!((ids(&second["sessions"]), second.get("next")), (vec!["s3"], None));
    let gone = server.delete("/sessions/s2").await;
    assert_eq!((gone.status, gone.body), (202, json!({})));
    assert_eq!(server.get("/sessions/s2").await.body["message"], "The session does not exist.");
    assert_eq!(server.delete(&format!("{path}/sessions")).await.status, 202);
    assert_eq!(server.get(&format!("{path}/sessions")).await.body, json!({"sessions": []}));
    server.end().await;
}

#[tokio::test]
async fn a_revoked_session_takes_its_refresh_tokens_along() {
    let server = TestServer::start().await;
    let (jane, path) = user(&server, "jane@example.com").await;
    leave_session(&server, "s1", &jane).await;
    leave_refresh_token(&server, "rt_1", &jane, |_| ()).await;
    leave_refresh_token(&server, "rt_2", &jane, |token| token.session_id = None).await;
    leave_refresh_token(&server, "rt_3", &jane, |token| token.is_online = true).await;
    assert_eq!(server.delete("/sessions/s1").await.status, 202);
    // What is bound to the session is gone with it, what was only issued in it is not.
    assert_eq!(ids(&server.get(&format!("{path}/refresh-tokens")).await.body["tokens"]), ["rt_1", "rt_2"]);
    assert_eq!(server.get("/refresh-tokens/rt_3").await.status, 404);

    leave_session(&server, "s1", &jane).await;
    let revoked = server.post("/sessions/s1/revoke", json!({})).await;
    assert_eq!((revoked.status, revoked.body), (202, json!({})));
    assert_eq!(ids(&server.get(&format!("{path}/refresh-tokens")).await.body["tokens"]), ["rt_2"]);
    assert_eq!(server.post("/sessions/s1/revoke", json!({})).await.status, 404);

    leave_session(&server, "s1", &jane).await;
    assert_eq!(
        server.post(&format!("{path}/revoke-access"), json!({"preserve_refresh_tokens": true})).await.status,
        202
    );
    assert_eq!(server.get(&format!("{path}/sessions")).await.body["sessions"], json!([]));
    assert_eq!(ids(&server.get(&format!("{path}/refresh-tokens")).await.body["tokens"]), ["rt_2"]);
    assert_eq!(server.post(&format!("{path}/revoke-access"), json!({})).await.status, 202);
    assert_eq!(server.get(&format!("{path}/refresh-tokens")).await.body["tokens"], json!([]));
    server.end().await;
}

#[tokio::test]
async fn refresh_tokens_are_shown_changed_and_revoked() {
    let server = TestServer::start().await;
    let (jane, path) = user(&server, "jane@example.com").await;
    leave_refresh_token(&server, "rt_1", &jane, |_| ()).await;
    let mut shown = server.get("/refresh-tokens/rt_1").await.body;
    let created = shown["created_at"].take();
    assert!(created.as_str().unwrap().ends_with('Z'));
    let expected = json!({
        "id": "rt_1",
        "user_id": jane,
        "created_at": null,
        "idle_expires_at": null,
        "expires_at": null,
        "client_id": "client",
        "session_id": "s1",
        "rotating": false,
        "resource_servers": [{"audience": "https://api.example.com", "scopes": "read offline_access"}],
    });
    assert_eq!(shown.to_string(), expected.to_string());
    let metadata = json!({"refresh_token_metadata": {"device": "phone"}});
    let changed = server.patch("/refresh-tokens/rt_1", metadata.clone()).await;
    assert_eq!(changed.body["refresh_token_metadata"], metadata["refresh_token_metadata"]);

    leave_refresh_token(&server, "rt_2", &jane, |token| token.client_id = "other".to_owned()).await;
    leave_refresh_token(&server, "rt_3", &jane, |token| token.is_rotating = true).await;
    leave_refresh_token(&server, "rt_online", &jane, |token| token.is_online = true).await;
    let encoded = jane.replace('|', "%7C");
    let listed = server.get(&format!("/refresh-tokens?user_id={encoded}")).await.body;
    assert_eq!(ids(&listed["refresh_tokens"]), ["rt_1", "rt_2", "rt_3"]);
    let listed = server.get(&format!("/refresh-tokens?user_id={encoded}&client_id=other")).await.body;
    assert_eq!(ids(&listed["refresh_tokens"]), ["rt_2"]);
    let devices = server.get(&format!("/device-credentials?user_id={encoded}&include_totals=true")).await.body;
    assert_eq!((ids(&devices["device_credentials"]), &devices["total"]), (vec!["rt_1", "rt_2", "rt_3"], &json!(3)));
    let rotating = server.get(&format!("/device-credentials?user_id={encoded}&type=rotating_refresh_token")).await.body;
    assert_eq!((ids(&rotating), &rotating[0]["type"]), (vec!["rt_3"], &json!("rotating_refresh_token")));

    let refused = server.get("/refresh-tokens/rt_online").await;
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!("API doesn't support Online Refresh Tokens")));
    assert_eq!(server.delete("/refresh-tokens/rt_online").await.status, 400);
    assert_eq!(server.delete("/device-credentials/rt_3").await.status, 204);
    let revoke = json!({"user_id": jane, "client_id": "nobody"});
    assert_eq!(server.post("/refresh-tokens/revoke", revoke).await.body["message"], "Client not found.");
    assert_eq!(server.post("/refresh-tokens/revoke", json!({"ids": ["rt_2"]})).await.status, 202);
    assert_eq!(ids(&server.get(&format!("{path}/refresh-tokens")).await.body["tokens"]), ["rt_1"]);
    assert_eq!(server.delete(&format!("{path}/refresh-tokens")).await.status, 202);
    assert_eq!(server.get(&format!("{path}/refresh-tokens")).await.body["tokens"], json!([]));
    server.end().await;
}

#[tokio::test]
async fn a_new_password_or_address_ends_sessions_and_a_deleted_user_leaves_nothing() {
    let server = TestServer::start().await;
    let (jane, path) = user(&server, "jane@example.com").await;
    leave_refresh_token(&server, "rt_1", &jane, |_| ()).await;
    let sessions = async || server.get(&format!("{path}/sessions")).await.body["sessions"].as_array().unwrap().len();
    for (change, left) in [
        (json!({"name": "Jane"}), 1),
        (json!({"password": "Correct-Horse-10", "connection": DATABASE}), 0),
        (json!({"email": "jane@example.org", "connection": DATABASE}), 0),
    ] {
        leave_session(&server, "s1", &jane).await;
        let changed = server.patch(&path, change.clone()).await;
        assert_eq!((changed.status, sessions().await), (200, left), "{change}");
    }
    assert_eq!(server.get("/refresh-tokens/rt_1").await.status, 200);
    leave_session(&server, "s1", &jane).await;
    assert_eq!(server.delete(&path).await.status, 204);
    assert_eq!(server.get("/refresh-tokens/rt_1").await.status, 404);
    assert_eq!(server.get("/sessions/s1").await.status, 404);
    let store = &server.running.store;
    let tenant = store.tenants().await.unwrap().remove(0);
    let count = |snapshot: &store::Snapshot| snapshot.refresh_tokens(Held::default(), &Paging::All, true);
    assert_eq!(store.read(&tenant, count).await.unwrap().total, Some(0));
    server.end().await;
}
