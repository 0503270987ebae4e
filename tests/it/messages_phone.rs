//! Messages to telephones: what carriers are handed, what a refusal leads to, and what users hear by phone.

use aught::{Config, Dns};
use serde_json::{Value, json};

use crate::{
    actions::{eventually, logged},
    messages_email::with_vendor,
    outbox::messages,
    server::TestServer,
    sinks::{HttpSink, Taken},
    site::{PASSWORD, Site, code},
};

/// A tenant that sends through Twilio, which gives these answers.
async fn through_twilio(answers: Vec<(u16, Value)>) -> (TestServer, HttpSink, String) {
    let sink = HttpSink::start(answers).await;
    let server = with_vendor("twilio", &sink).await;
    let configuration = json!({
        "sid": "AC0123456789abcdef", "mssid": "MG0123456789abcdef", "default_from": "+15550001",
        "delivery_methods": ["text", "voice"],
    });
    let provider =
        json!({"name": "twilio", "configuration": configuration, "credentials": {"auth_token": "token-of-twilio"}});
    let created = server.post("/branding/phone/providers", provider).await;
    assert_eq!(created.status, 201, "{created:?}");
    let path = format!("/branding/phone/providers/{}/try", created.body["id"].as_str().unwrap());
    (server, sink, path)
}

async fn taken(sink: &HttpSink, count: usize) -> Vec<Taken> {
    eventually(async || Some(sink.taken()).filter(|taken| taken.len() >= count)).await
}

#[tokio::test]
async fn twilio_is_handed_texts_and_calls_of_a_tenant() {
    let (server, sink, path) = through_twilio(vec![(201, json!({"sid": "SM1"}))]).await;
    server.patch("/tenants/settings", json!({"friendly_name": "Acme & <Co>"})).await;
    assert_eq!(server.post(&path, json!({"to": "1 415-555-2671", "delivery_method": "text"})).await.status, 202);
    let text = taken(&sink, 1).await.remove(0);
    assert_eq!(text.path, "/2010-04-01/Accounts/AC0123456789abcdef/Messages.json");
    // AC0123456789abcdef:token-of-twilio
    assert_eq!(text.headers["authorization"], "Basic QUMwMTIzNDU2Nzg5YWJjZGVmOnRva2VuLW9mLXR3aWxpbw==");
    assert_eq!(text.headers["content-type"], "application/x-www-form-urlencoded");
    let sent = "123456+is+your+verification+code+for+Acme+%26+%3CCo%3E";
    assert_eq!(text.body, format!("To=%2B14155552671&Body={sent}&MessagingServiceSid=MG0123456789abcdef"));
    assert_eq!(server.post(&path, json!({"to": "+14155552671", "delivery_method": "voice"})).await.status, 202);
    let call = taken(&sink, 2).await.remove(1);
    assert_eq!(call.path, "/2010-04-01/Accounts/AC0123456789abcdef/Calls.json");
    let name = "Acme+%26amp%3B+%26lt%3BCo%26gt%3B";
    assert!(call.body.starts_with("To=%2B14155552671&Twiml=%3CResponse%3E%3CSay%3EHello."), "{}", call.body);
    assert!(call.body.contains(name) && call.body.ends_with("&From=%2B15550001"), "{}", call.body);
    server.end().await;
}

#[tokio::test]
async fn twilios_refusal_is_told_in_the_log() {
    let answer = json!({"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400});
    let (server, sink, path) = through_twilio(vec![(400, answer)]).await;
    assert_eq!(server.post(&path, json!({"to": "+14155552671"})).await.status, 202);
    let entry = eventually(async || Some(logged(&server, "fn").await).filter(Value::is_object)).await;
    assert_eq!((&entry["description"], &entry["details"]["to"]), (&json!("To: +14155552671"), &json!("+14155552671")));
    let error = entry["details"]["error"].as_str().unwrap();
    assert!(error.ends_with("answers 400 Bad Request: Invalid 'To' Phone Number"), "{error}");
    assert_eq!(sink.taken().len(), 1, "what is refused for good is not tried again");
    server.end().await;
}

#[tokio::test]
async fn nothing_is_sent_to_what_is_no_number() {
    let (server, sink, path) = through_twilio(vec![]).await;
    for to in ["12", "nobody", "+0123456789", "+999123456789"] {
        assert_eq!(server.post(&path, json!({"to": to})).await.status, 400, "{to}");
    }
    assert!(sink.taken().is_empty());
    server.end().await;
}

/// A site whose database knows users by their numbers, and a user of it.
async fn by_number() -> Site {
    let server = TestServer::of(Config { dns: Dns::Trusting, ..Config::in_memory() }).await;
    let site = Site::on(server).await;
    let active = json!({"identifier": {"active": true}, "signup": {"status": "optional"}, "profile_required": false});
    let mut email = active.clone();
    email["verification_method"] = "link".into();
    site.set_options(json!({"attributes": {"email": email, "phone_number": active}})).await;
    let user = json!({"connection": crate::site::CONNECTION, "phone_number": "+491701234567", "password": PASSWORD});
    assert_eq!(site.server.post("/users", user).await.status, 201);
    site
}

#[tokio::test]
async fn whoever_logs_in_by_number_hears_by_phone_that_the_account_is_blocked() {
    let site = by_number().await;
    for _ in 0..10 {
        assert_eq!(site.password("+491701234567", "wrong").await.status, 403);
    }
    let found = messages(&site.server, "?channel=phone&wait=30").await;
    assert_eq!((&found[0]["to"], &found[0]["template"]), (&json!("+491701234567"), &json!("blocked_account")));
    assert!(found[0]["text"].as_str().unwrap().contains("blocked further attempts"), "{found:?}");
    assert!(messages(&site.server, "?channel=email").await.is_empty());
    site.end().await;
}

#[tokio::test]
async fn whoever_logs_in_with_a_leaked_password_is_told() {
    let site = by_number().await;
    let leaked = "AUTH0-TEST-Horse-1";
    let connection = crate::site::CONNECTION;
    for user in [
        json!({"connection": connection, "phone_number": "+491701234568", "password": leaked}),
        json!({"connection": connection, "email": "bob@example.com", "password": leaked, "verify_email": false}),
    ] {
        assert_eq!(site.server.post("/users", user).await.status, 201);
    }
    let shields = json!({"enabled": true, "shields": ["user_notification"]});
    site.server.patch("/attack-protection/breached-password-detection", shields).await;
    for identifier in ["+491701234568", "bob@example.com"] {
        for _ in 0..2 {
            code(&site.sign_in(&mut site.browser(), identifier, leaked).await);
        }
    }
    let told = messages(&site.server, "?to=bob@example.com&wait=30").await;
    assert_eq!((told.len(), &told[0]["template"]), (1, &json!("stolen_credentials")));
    let told = messages(&site.server, "?channel=phone&wait=30").await;
    let first = (&told[0]["to"], &told[0]["template"]);
    assert_eq!((told.len(), first), (1, (&json!("+491701234568"), &json!("password_breach"))));
    site.end().await;
}

#[tokio::test]
async fn a_tenant_may_do_without_notices_by_phone() {
    let site = by_number().await;
    let body = json!({"body": {"text": "Blocked.", "voice": "Blocked."}});
    let template = json!({"type": "blocked_account", "disabled": true, "content": body});
    assert_eq!(site.server.post("/branding/phone/templates", template).await.status, 201);
    for _ in 0..10 {
        site.password("+491701234567", "wrong").await;
    }
    let entry = eventually(async || Some(logged(&site.server, "fn").await).filter(Value::is_object)).await;
    assert_eq!(entry["details"]["error"], "The template is disabled.");
    assert!(messages(&site.server, "?channel=phone").await.is_empty());
    site.end().await;
}
