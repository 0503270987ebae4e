//! Logging out: what the browser, the application and other applications notice of it.

use serde_json::{Value, json};

use crate::{
    actions::eventually,
    app::{App, PASSWORD, claims},
    browser::Browser,
    server::TestServer,
};

/// Settings by which an application is told of ended sessions at a path of the server itself, the only one that a test reaches by https.
fn told_at(server: &TestServer, path: &str, initiators: &Value) -> Value {
    json!({"oidc_logout": {
        "backchannel_logout_urls": [format!("https://{}{path}", server.running.domain)],
        "backchannel_logout_initiators": initiators,
        "backchannel_logout_session_metadata": {"include": true},
    }})
}

/// The log entry about an application that was told of a session's end.
async fn entry(server: &TestServer, kind: &str, session: &Value) -> Value {
    eventually(async || {
        let entries = server.get(&format!("/logs?q=type:{kind}")).await.body;
        entries.as_array().unwrap().iter().find(|entry| entry["details"]["session_id"] == *session).cloned()
    })
    .await
}

#[tokio::test]
async fn an_application_is_told_of_each_end_that_it_chose() {
    let server = TestServer::start().await;
    // Any form is answered with 200 there.
    let app = App::new(&server, told_at(&server, "/u/logout/complete", &json!({"mode": "all"}))).await;
    let user = format!("/users/{}", app.user_id);
    let ends = ["rp-logout", "session-revoked", "password-changed", "account-deactivated", "account-deleted"];
    for initiator in ends {
        let mut browser = Browser::at(&server.url(""));
        let tokens = app.tokens(&server, &mut browser, &[]).await;
        let session = claims(&tokens["id_token"])["sid"].clone();
        let status = match initiator {
            "rp-logout" => browser.visit("/v2/logout").await.status,
            "session-revoked" => {
                let path = format!("/sessions/{}", session.as_str().unwrap());
                server.patch(&path, json!({"session_metadata": {"desk": "7"}})).await;
                server.post(&format!("{path}/revoke"), json!({})).await.status
            }
            "password-changed" => server.patch(&user, json!({"password": PASSWORD})).await.status,
            "account-deactivated" => {
                let status = server.patch(&user, json!({"blocked": true})).await.status;
                server.patch(&user, json!({"blocked": false})).await;
                status
            }
            _ => server.delete(&user).await.status,
        };
        assert!((200..300).contains(&status), "{initiator}: {status}");
        let entry = entry(&server, "oidc_backchannel_logout_succeeded", &session).await;
        let details = &entry["details"];
        assert_eq!((&details["initiator"], &entry["client_id"]), (&json!(initiator), &json!(app.client_id)));
        assert_eq!((&details["response"]["statusCode"], &entry["user_id"]), (&json!(200), &json!(app.user_id)));
        let metadata = if initiator == "session-revoked" { json!({"desk": "7"}) } else { Value::Null };
        assert_eq!(details["session_metadata"], metadata);
        if initiator == "session-revoked" {
            let revoked = crate::actions::logged(&server, "session_revoked").await;
            assert_eq!((&revoked["user_id"], &revoked["details"]["session_id"]), (&json!(app.user_id), &session));
        }
    }
    server.end().await;
}

#[tokio::test]
async fn applications_choose_of_which_ends_they_are_told() {
    let server = TestServer::start().await;
    let initiators = json!({"mode": "custom", "selected_initiators": ["rp-logout", "idp-logout"]});
    let app = App::new(&server, told_at(&server, "/nowhere", &initiators)).await;
    let revoked = json!({"mode": "custom", "selected_initiators": ["rp-logout", "idp-logout", "session-revoked"]});
    let other = App::beside(&server, told_at(&server, "/u/logout/complete", &revoked), app.user_id.clone()).await;
    let mut browser = Browser::at(&server.url(""));
    app.tokens(&server, &mut browser, &[]).await;
    // The second application finds the session there.
    let tokens = other.tokens(&server, &mut browser, &[]).await;
    let session = claims(&tokens["id_token"])["sid"].clone();
    server.post(&format!("/sessions/{}/revoke", session.as_str().unwrap()), json!({})).await;
    let told = entry(&server, "oidc_backchannel_logout_succeeded", &session).await;
    assert_eq!(told["client_id"], json!(other.client_id));
    let mut browser = Browser::at(&server.url(""));
    let tokens = app.tokens(&server, &mut browser, &[]).await;
    browser.visit("/v2/logout").await;
    let session = claims(&tokens["id_token"])["sid"].clone();
    let refused = entry(&server, "oidc_backchannel_logout_failed", &session).await;
    assert_eq!(
        (&refused["client_id"], &refused["details"]["response"]["statusCode"]),
        (&json!(app.client_id), &json!(404))
    );
    // Of the first end it was not told.
    let entries = server.get("/logs?q=type:oidc_backchannel_logout_failed").await.body;
    assert_eq!(entries.as_array().unwrap().len(), 1);
    server.end().await;
}

#[tokio::test]
async fn discovery_tells_of_back_channel_logout() {
    let server = TestServer::start().await;
    let metadata = server.http.get(server.url("/.well-known/openid-configuration")).send().await.unwrap();
    let metadata: Value = metadata.json().await.unwrap();
    assert_eq!(
        (&metadata["backchannel_logout_supported"], &metadata["backchannel_logout_session_supported"]),
        (&json!(true), &json!(true))
    );
    server.end().await;
}

#[tokio::test]
async fn logging_out_ends_the_session_and_leads_where_is_allowed() {
    let server = TestServer::start().await;
    let left = "https://app.example.com/left";
    server.patch("/tenants/settings", json!({"allowed_logout_urls": ["https://tenant.example.com/left"]})).await;
    let app = App::new(&server, json!({"allowed_logout_urls": [left, "https://*.app.example.com"]})).await;
    let mut browser = Browser::at(&server.url(""));
    for (query, expected) in [
        (format!("client_id={}&returnTo={left}?x=1%23y", app.client_id), Some(format!("{left}?x=1#y"))),
        (format!("client_id={}", app.client_id), Some(left.to_owned())),
        (
            format!("client_id={}&returnTo=https://a.app.example.com", app.client_id),
            Some("https://a.app.example.com".into()),
        ),
        (format!("client_id={}&returnTo=https://evil.example.com", app.client_id), None),
        // The tenant's own list.
        (format!("returnTo={left}"), None),
        ("returnTo=https://tenant.example.com/left".into(), Some("https://tenant.example.com/left".into())),
    ] {
        app.log_in(&mut browser, &[]).await;
        let page = browser.visit(&format!("/v2/logout?{query}")).await;
        if let Some(expected) = expected {
            assert_eq!(page.address, expected, "{query}");
            let page = browser.visit(&app.request(&[("prompt", "none")])).await;
            assert_eq!(page.parameter("error").as_deref(), Some("login_required"), "{query}");
        } else {
            assert_eq!(page.status, 400, "{query}");
            assert!(page.html.contains("is not defined as a valid URL in"), "{query}: {}", page.html);
            browser.jar.clear();
        }
    }
    let types = crate::app::logged(&server).await;
    assert!(types.contains(&"slo".to_owned()) && types.contains(&"flo".to_owned()), "{types:?}");
    server.end().await;
}

#[tokio::test]
async fn an_application_logs_its_own_user_out_without_a_question() {
    let server = TestServer::start().await;
    let left = "https://app.example.com/left?a=1";
    let app = App::new(&server, json!({"allowed_logout_urls": [left]})).await;
    let mut browser = Browser::at(&server.url(""));
    let tokens = app.tokens(&server, &mut browser, &[]).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let encoded = "https%3A%2F%2Fapp.example.com%2Fleft%3Fa%3D1";
    let wrong =
        browser.visit(&format!("/oidc/logout?id_token_hint={hint}&post_logout_redirect_uri={encoded}%26b%3D2")).await;
    assert_eq!(wrong.status, 400);
    let wrong = browser.visit(&format!("/oidc/logout?id_token_hint={hint}&client_id=other")).await;
    assert_eq!(wrong.status, 400);
    let wrong = browser.visit(&format!("/oidc/logout?id_token_hint={hint}&logout_hint=other")).await;
    assert_eq!(wrong.status, 400);
    let page =
        browser.visit(&format!("/oidc/logout?id_token_hint={hint}&post_logout_redirect_uri={encoded}&state=s1")).await;
    assert_eq!(page.address, format!("{left}&state=s1"));
    // Without a hint somebody else may have sent the user: who is asked.
    app.log_in(&mut browser, &[]).await;
    let asked = browser.visit(&format!("/oidc/logout?client_id={}", app.client_id)).await;
    assert!(asked.address.starts_with("/u/logout"), "{}", asked.address);
    let stays = browser.visit(&app.request(&[("prompt", "none")])).await;
    assert!(stays.parameter("code").is_some(), "{}", stays.address);
    let stayed = browser.submit(&asked, &[("action", "deny")]).await;
    assert_eq!((stayed.status, stayed.heading()), (200, "You Are Still Logged In"), "{stayed:?}");
    let asked = browser.visit(&format!("/oidc/logout?client_id={}", app.client_id)).await;
    let gone = browser.submit(&asked, &[("action", "accept")]).await;
    assert_eq!((gone.status, gone.heading()), (200, "You Are Logged Out"), "{gone:?}");
    assert_eq!(gone.address, format!("/u/logout/complete?client_id={}", app.client_id));
    let page = browser.visit(&app.request(&[("prompt", "none")])).await;
    assert_eq!(page.parameter("error").as_deref(), Some("login_required"));
    // The tenant may do without the question.
    server.patch("/tenants/settings", json!({"sessions": {"oidc_logout_prompt_enabled": false}})).await;
    app.log_in(&mut browser, &[]).await;
    let gone = browser.visit(&format!("/oidc/logout?client_id={}", app.client_id)).await;
    assert_eq!((gone.status, gone.heading()), (200, "You Are Logged Out"), "{gone:?}");
    server.end().await;
}
