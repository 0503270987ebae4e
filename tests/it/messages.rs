//! Messages to users: delivered by the tenant's own code, and told of where they cannot be.

use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, eventually, logged},
    server::TestServer,
};

const EMAIL: (&str, &str) = ("custom-email-provider", "v1");

/// An Action that delivers messages and does this with one.
async fn delivering(server: &TestServer, trigger: (&str, &str), handler: &str, body: &str) {
    let code = format!("exports.{handler} = async (event, api) => {{ {body} }};");
    let action = deployed(server, "Deliver", trigger, &code).await;
    bind(server, trigger.0, &[&action]).await;
}

/// What went wrong with the message that was sent last.
async fn failure(server: &TestServer) -> Value {
    eventually(async || Some(logged(server, "fn").await).filter(Value::is_object)).await
}

async fn user(server: &TestServer) -> String {
    let connection = "Username-Password-Authentication";
    let user = json!({
        "connection": connection, "email": "ann@example.com", "given_name": "Ann", "password": "Aught-1234!", "verify_email": false,
    });
    server.post("/users", user).await.body["user_id"].as_str().unwrap().to_owned()
}

/// Asks for a verification e-mail; gives the job when it is over.
async fn verification(server: &TestServer, user: &str) -> Value {
    let job = server.post("/jobs/verification-email", json!({"user_id": user})).await;
    assert_eq!((job.status, &job.body["status"]), (201, &json!("pending")), "{job:?}");
    let path = format!("/jobs/{}", job.body["id"].as_str().unwrap());
    eventually(async || {
        let job = server.get(&path).await.body;
        (job["status"] != "pending").then_some(job)
    })
    .await
}

#[tokio::test]
async fn a_phone_message_on_trial_is_delivered_by_the_tenants_code() {
    let server = TestServer::start().await;
    delivering(
        &server,
        ("custom-phone-provider", "v1"),
        "onExecuteCustomPhoneProvider",
        "api.notification.drop(JSON.stringify([event.notification, event.tenant]))",
    )
    .await;
    let provider = json!({"name": "custom", "configuration": {"delivery_methods": ["text"]}, "credentials": {}});
    let provider = server.post("/branding/phone/providers", provider).await.body;
    let path = format!("/branding/phone/providers/{}/try", provider["id"].as_str().unwrap());
    assert_eq!(server.post(&path, json!({"to": "+15550100", "delivery_method": "text"})).await.status, 202);
    let entry = failure(&server).await;
    assert_eq!(entry["description"], "To: +15550100");
    assert_eq!(entry["details"]["notification_type"], "otp_verify");
    let seen: Value = serde_json::from_str(entry["details"]["error"].as_str().unwrap()).unwrap();
    assert_eq!(seen[0]["recipient"], "+15550100");
    assert_eq!(seen[0]["as_text"], "123456 is your verification code for localhost");
    assert_eq!((&seen[0]["delivery_method"], &seen[0]["message_type"]), (&json!("text"), &json!("otp_verify")));
    assert_eq!(seen[1]["id"], "localhost");
    server.end().await;
}

#[tokio::test]
async fn a_phone_template_on_trial_is_rendered_with_what_is_known() {
    let server = TestServer::start().await;
    let (trigger, handler) = (("custom-phone-provider", "v1"), "onExecuteCustomPhoneProvider");
    delivering(&server, trigger, handler, "api.notification.drop(event.notification.as_voice)").await;
    let provider = json!({"name": "custom", "configuration": {"delivery_methods": ["voice"]}, "credentials": {}});
    server.post("/branding/phone/providers", provider).await;
    server.patch("/tenants/settings", json!({"friendly_name": "Acme & Co"})).await;
    let body =
        json!({"text": "{{ code }}", "voice": "{{ friendly_name | escape }}{{ user.name }}{{ code | slice: 0, 2 }}"});
    let template = json!({"type": "otp_enroll", "content": {"body": body}});
    let template = server.post("/branding/phone/templates", template).await.body;
    let path = format!("/branding/phone/templates/{}/try", template["id"].as_str().unwrap());
    assert_eq!(server.post(&path, json!({"to": "+15550100", "delivery_method": "voice"})).await.status, 202);
    let entry = failure(&server).await;
    assert_eq!(entry["details"]["error"], "Acme &amp; Co12");
    assert_eq!(entry["details"]["notification_type"], "otp_enroll");
    server.end().await;
}

#[tokio::test]
async fn a_verification_email_is_delivered_by_the_tenants_code() {
    let server = TestServer::start().await;
    let deliver =
        "if (!event.notification.html.includes('/u/email-verification?ticket=')) api.notification.drop('no link')";
    delivering(&server, EMAIL, "onExecuteCustomEmailProvider", deliver).await;
    server.post("/emails/provider", json!({"name": "custom", "credentials": {}})).await;
    let user = user(&server).await;
    assert_eq!(verification(&server, &user).await["status"], "completed");
    let asked = logged(&server, "svr").await;
    assert_eq!((&asked["user_id"], &asked["details"]["body"]["template"]), (&json!(user), &json!("verify_email")));
    server.end().await;
}

#[tokio::test]
async fn a_new_user_is_asked_to_verify_the_address() {
    let server = TestServer::start().await;
    let tell = "api.notification.drop(event.notification.message_type)";
    delivering(&server, EMAIL, "onExecuteCustomEmailProvider", tell).await;
    server.post("/emails/provider", json!({"name": "custom", "credentials": {}})).await;
    let user = user(&server).await;
    let other = json!({"connection": "Username-Password-Authentication", "email": "bob@example.com", "password": "Correct-Horse-7"});
    let other = server.post("/users", other).await.body["user_id"].clone();
    let entry = failure(&server).await;
    assert_eq!((&entry["user_id"], &entry["details"]["error"]), (&other, &json!("verify_email")));
    let path = format!("/users/{}", user.replace('|', "%7C"));
    server.patch(&path, json!({"email": "ann@other.example", "verify_email": true})).await;
    let sent = async || Some(failure(&server).await).filter(|entry| entry["user_id"] == user.as_str());
    assert_eq!(eventually(sent).await["description"], "To: ann@other.example");
    server.end().await;
}

#[tokio::test]
async fn an_email_is_written_from_the_tenants_template() {
    let server = TestServer::start().await;
    let tell =
        "const {html, ...rest} = event.notification; api.notification.drop(JSON.stringify([html, rest, event.user]))";
    delivering(&server, EMAIL, "onExecuteCustomEmailProvider", tell).await;
    let from = "{{ friendly_name }} <mail@example.com>";
    server
        .post("/emails/provider", json!({"name": "custom", "credentials": {}, "default_from_address": "a@b.example"}))
        .await;
    let template = json!({
        "template": "verify_email", "syntax": "liquid", "enabled": true, "from": from, "subject": "Hello {{ user.given_name }}",
        "body": "<b>{{ user.email }}</b>{{ user.user_metadata.none }}",
    });
    assert_eq!(server.post("/email-templates", template).await.status, 200);
    let user = user(&server).await;
    assert_eq!(verification(&server, &user).await["status"], "failed");
    let entry = failure(&server).await;
    let seen: Value = serde_json::from_str(entry["details"]["error"].as_str().unwrap()).unwrap();
    assert_eq!(seen[0], "<b>ann@example.com</b>");
    assert_eq!((&seen[1]["subject"], &seen[1]["text"]), (&json!("Hello Ann"), &json!("ann@example.com")));
    assert_eq!(
        (&seen[1]["from"], &seen[1]["message_type"]),
        (&json!("localhost <mail@example.com>"), &json!("verify_email"))
    );
    assert_eq!((&seen[2]["user_id"], &seen[2]["created_at"]), (&json!(user), &Value::Null));
    server.end().await;
}

#[tokio::test]
async fn without_a_provider_an_email_fails_and_the_log_says_so() {
    let server = TestServer::start().await;
    let user = user(&server).await;
    assert_eq!(verification(&server, &user).await["status"], "failed");
    let entry = failure(&server).await;
    assert_eq!((&entry["description"], &entry["user_id"]), (&json!("To: ann@example.com"), &json!(user)));
    assert_eq!(entry["details"]["email_type"], "verify_email");
    server.end().await;
}
