//! E-mails by SMTP and through services: what they are handed, and what a refusal leads to.

use std::collections::BTreeMap;

use aught::{Config, Dns, Endpoints};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    actions::{eventually, logged},
    browser::Browser,
    server::TestServer,
    sinks::{HttpSink, SmtpSink, Taken},
};

const CONNECTION: &str = "Username-Password-Authentication";

async fn create(server: &TestServer, email: &str, given_name: &str) -> String {
    let user = json!({
        "connection": CONNECTION, "email": email, "given_name": given_name, "password": "Aught-1234!", "verify_email": false,
    });
    server.post("/users", user).await.body["user_id"].as_str().unwrap().to_owned()
}

async fn by_smtp(server: &TestServer, sink: &SmtpSink) {
    let credentials =
        json!({"smtp_host": "127.0.0.1", "smtp_port": sink.port, "smtp_user": "me", "smtp_pass": "pass-word-1"});
    let provider =
        json!({"name": "smtp", "default_from_address": "Acme <mail@acme.example>", "credentials": credentials});
    assert_eq!(server.post("/emails/provider", provider).await.status, 201);
}

/// Asks for a verification e-mail; gives how that ended.
async fn verification(server: &TestServer, user: &str) -> String {
    let job = server.post("/jobs/verification-email", json!({"user_id": user})).await.body;
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    eventually(async || {
        let status = server.get(&path).await.body["status"].as_str().unwrap().to_owned();
        (status != "pending").then_some(status)
    })
    .await
}

/// What a message says, without the encoding of its transport.
fn decoded(message: &str) -> String {
    message.replace("=\r\n", "").replace("=3D", "=")
}

#[tokio::test]
async fn an_email_is_handed_to_the_tenants_smtp_server() {
    let (server, sink) = (TestServer::start().await, SmtpSink::start().await);
    by_smtp(&server, &sink).await;
    let user = create(&server, "ann@example.com", "Ann").await;
    assert_eq!(verification(&server, &user).await, "completed");
    let taken = sink.taken();
    // AUTH PLAIN of RFC 4616: nothing, user, password.
    assert_eq!(taken[0], "AUTH PLAIN AG1lAHBhc3Mtd29yZC0x");
    assert_eq!(taken[1], "MAIL FROM:<mail@acme.example>");
    assert_eq!(taken[2], "RCPT TO:<ann@example.com>");
    let message = decoded(&taken[3]);
    for line in [
        "From: Acme <mail@acme.example>",
        "To: ann@example.com",
        "Subject: Verify your email address",
        "Message-ID: <job_",
    ] {
        assert!(message.contains(line), "{line}: {message}");
    }
    let link = format!("https://{}/u/email-verification?ticket=", server.running.domain);
    assert!(message.matches(&link).count() >= 2, "the text part and the HTML part have the link: {message}");
    assert!(message.contains("multipart/alternative") && message.contains("ann@example.com is your address"));
    server.end().await;
}

#[tokio::test]
async fn an_email_that_the_server_refuses_fails_and_the_log_says_why() {
    let (server, sink) = (TestServer::start().await, SmtpSink::start().await);
    by_smtp(&server, &sink).await;
    let user = create(&server, "refused@example.com", "Ann").await;
    assert_eq!(verification(&server, &user).await, "failed");
    let entry = logged(&server, "fn").await;
    assert!(entry["details"]["error"].as_str().unwrap().contains("no such user here"), "{entry}");
    server.end().await;
}

#[tokio::test]
async fn a_password_is_sent_to_no_server_on_another_machine_in_clear() {
    let server = TestServer::of(Config {
        dns: Dns::Trusting,
        outbound_private: Some(aught::OutboundPrivate::Refuse),
        developer_tools: Some(false),
        ..Config::in_memory()
    })
    .await;
    let sink = SmtpSink::start().await;
    by_smtp(&server, &sink).await;
    let user = create(&server, "ann@example.com", "Ann").await;
    assert_eq!(verification(&server, &user).await, "failed");
    let entry = logged(&server, "fn").await;
    assert!(entry["details"]["error"].as_str().unwrap().contains("not a public address"), "{entry}");
    assert!(sink.taken().is_empty());
    server.end().await;
}

#[tokio::test]
async fn an_email_speaks_the_users_language_and_looks_like_the_tenant() {
    let (server, sink) = (TestServer::start().await, SmtpSink::start().await);
    by_smtp(&server, &sink).await;
    server
        .patch("/tenants/settings", json!({"friendly_name": "Acme & Co", "support_email": "help@acme.example"}))
        .await;
    let branding = json!({"colors": {"primary": "#aa3300"}, "logo_url": "https://cdn.acme.example/logo.png"});
    server.patch("/branding", branding).await;
    let user = create(&server, "ann@example.com", "Ann").await;
    let path = format!("/users/{}", user.replace('|', "%7C"));
    server.patch(&path, json!({"user_metadata": {"lang": "de"}})).await;
    assert_eq!(verification(&server, &user).await, "completed");
    let message = decoded(sink.taken().last().unwrap());
    assert!(
        message.contains("Adresse bei Acme &amp; Co ist") && message.contains("Adresse bei Acme & Co ist"),
        "{message}"
    );
    assert!(message.contains("lang=\"de\" dir=\"ltr\"") && message.contains("background:#aa3300"), "{message}");
    assert!(
        message.contains("https://cdn.acme.example/logo.png") && message.contains("help@acme.example"),
        "{message}"
    );
    server.patch(&path, json!({"user_metadata": {"lang": "ar"}})).await;
    assert_eq!(verification(&server, &user).await, "completed");
    assert!(decoded(sink.taken().last().unwrap()).contains("dir=\"rtl\""));
    server.end().await;
}

#[tokio::test]
async fn what_users_are_called_is_neither_markup_nor_a_link() {
    let (server, sink) = (TestServer::start().await, SmtpSink::start().await);
    by_smtp(&server, &sink).await;
    let template = json!({
        "template": "verify_email", "syntax": "liquid", "enabled": true, "from": "mail@acme.example",
        "subject": "Hello {{ user.given_name }}", "body": "<p>{{ user.given_name }}</p>{{ user.given_name | escape }}",
    });
    server.post("/email-templates", template).await;
    let user = create(&server, "ann@example.com", "<script>x</script> https://evil.example/win").await;
    assert_eq!(verification(&server, &user).await, "completed");
    let message = decoded(sink.taken().last().unwrap());
    let html = message.split("text/html").nth(1).unwrap();
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;") && !html.contains("&amp;lt;"), "{message}");
    assert!(!message.contains("https://evil.example") && !message.contains("evil.example/win"), "{message}");
    server.end().await;
}

#[tokio::test]
async fn a_template_without_end_fails_alone() {
    let (server, sink) = (TestServer::start().await, SmtpSink::start().await);
    by_smtp(&server, &sink).await;
    let template = |body: &str| {
        json!({
            "template": "verify_email", "syntax": "liquid", "enabled": true, "from": "mail@acme.example",
            "subject": "Hello", "body": body,
        })
    };
    server.post("/email-templates", template("{% for i in (1..200000000) %}{% endfor %}")).await;
    let user = create(&server, "ann@example.com", "Ann").await;
    assert_eq!(verification(&server, &user).await, "failed");
    let entry = logged(&server, "fn").await;
    assert!(entry["details"]["error"].as_str().unwrap().contains("too many steps"), "{entry}");
    server.patch("/email-templates/verify_email", json!({"body": "fine {{ url }}"})).await;
    assert_eq!(verification(&server, &user).await, "completed");
    server.end().await;
}

#[tokio::test]
async fn whoever_has_verified_the_address_is_greeted_where_that_is_switched_on() {
    let (server, sink) = (TestServer::start().await, SmtpSink::start().await);
    by_smtp(&server, &sink).await;
    let template = json!({
        "template": "welcome_email", "syntax": "liquid", "enabled": true, "from": "mail@acme.example",
        "subject": "Welcome {{ user.email }}", "body": "welcome",
    });
    server.post("/email-templates", template).await;
    let user = create(&server, "ann@example.com", "Ann").await;
    assert_eq!(verification(&server, &user).await, "completed");
    let message = decoded(sink.taken().last().unwrap());
    let link = message.split("https://").find(|part| part.contains("ticket=")).unwrap();
    let path = link[link.find('/').unwrap()..].split(['"', '#', '\r']).next().unwrap();
    let mut browser = Browser::at(&server.url(""));
    let page = browser.visit(path).await;
    assert_eq!(browser.submit(&page, &[]).await.heading(), "Email Verified");
    let path = format!("/users/{}", user.replace('|', "%7C"));
    let verified = async || Some(server.get(&path).await.body).filter(|user| user["email_verified"] == true);
    eventually(verified).await;
    let welcomed = async || sink.taken().iter().any(|message| message.contains("Subject: Welcome ann@")).then_some(());
    eventually(welcomed).await;
    server.end().await;
}

/// A server whose vendors are this sink.
pub(crate) async fn with_vendor(vendor: &str, sink: &HttpSink) -> TestServer {
    let mut table = BTreeMap::from([(vendor.to_owned(), sink.address.clone())]);
    table.insert(format!("{vendor}.login"), sink.address.clone());
    TestServer::of(Config {
        dns: Dns::Trusting,
        developer_tools: Some(false),
        message_endpoints: Endpoints::new(table),
        ..Config::in_memory()
    })
    .await
}

/// What a vendor is sent for a verification e-mail, and how that ended.
async fn through(
    vendor: &str,
    credentials: Value,
    settings: Option<Value>,
    answers: Vec<(u16, Value)>,
) -> (Vec<Taken>, String, Value) {
    let sink = HttpSink::start(answers).await;
    let server = with_vendor(vendor, &sink).await;
    let mut provider =
        json!({"name": vendor, "default_from_address": "Acme <mail@acme.example>", "credentials": credentials});
    if let Some(settings) = settings {
        provider["settings"] = settings;
    }
    let created = server.post("/emails/provider", provider).await;
    assert_eq!(created.status, 201, "{created:?}");
    let user = create(&server, "ann@example.com", "Ann").await;
    let status = verification(&server, &user).await;
    let entry = if status == "failed" { logged(&server, "fn").await } else { Value::Null };
    server.end().await;
    (sink.taken(), status, entry)
}

fn header<'t>(taken: &'t Taken, name: &str) -> &'t str {
    taken.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn sendgrid_is_handed_an_email() {
    let (taken, status, _) = through("sendgrid", json!({"api_key": "SG.key"}), None, vec![(202, Value::Null)]).await;
    assert_eq!((status.as_str(), taken[0].path.as_str()), ("completed", "/v3/mail/send"));
    assert_eq!(header(&taken[0], "authorization"), "Bearer SG.key");
    let body = taken[0].json();
    assert_eq!(body["personalizations"][0]["to"][0]["email"], "ann@example.com");
    assert_eq!(body["from"], json!({"email": "mail@acme.example", "name": "Acme"}));
    assert_eq!((&body["content"][0]["type"], &body["content"][1]["type"]), (&json!("text/plain"), &json!("text/html")));
}

#[tokio::test]
async fn a_vendors_refusal_is_told_in_the_log() {
    let answer = json!({"errors": [{"message": "The provided authorization grant is invalid"}]});
    let (_, status, entry) = through("sendgrid", json!({"api_key": "SG.key"}), None, vec![(401, answer)]).await;
    assert_eq!(status, "failed");
    let error = entry["details"]["error"].as_str().unwrap();
    assert!(error.ends_with("answers 401 Unauthorized: The provided authorization grant is invalid"), "{error}");
}

#[tokio::test]
async fn mandrill_is_handed_an_email_and_may_reject_it() {
    let settings = json!({"message": {"view_content_link": true}});
    let sent = json!([{"email": "ann@example.com", "status": "sent"}]);
    let (taken, status, _) = through("mandrill", json!({"api_key": "md-key"}), Some(settings), vec![(200, sent)]).await;
    assert_eq!((status.as_str(), taken[0].path.as_str()), ("completed", "/api/1.0/messages/send.json"));
    let body = taken[0].json();
    assert_eq!((&body["key"], &body["message"]["view_content_link"]), (&json!("md-key"), &json!(true)));
    assert_eq!(body["message"]["to"][0]["email"], "ann@example.com");
    let rejected = json!([{"email": "ann@example.com", "status": "rejected", "reject_reason": "hard-bounce"}]);
    let (_, status, entry) = through("mandrill", json!({"api_key": "md-key"}), None, vec![(200, rejected)]).await;
    assert_eq!(
        (status.as_str(), &entry["details"]["error"]),
        ("failed", &json!("Mandrill answers rejected: hard-bounce."))
    );
}

#[tokio::test]
async fn mailgun_is_handed_an_email() {
    let credentials = json!({"api_key": "key-1", "domain": "mail.acme.example", "region": "eu"});
    let (taken, status, _) = through("mailgun", credentials, None, vec![]).await;
    assert_eq!((status.as_str(), taken[0].path.as_str()), ("completed", "/v3/mail.acme.example/messages"));
    // api:key-1
    assert_eq!(header(&taken[0], "authorization"), "Basic YXBpOmtleS0x");
    assert!(
        taken[0].body.starts_with("from=Acme+%3Cmail%40acme.example%3E&to=ann%40example.com&subject="),
        "{}",
        taken[0].body
    );
}

#[tokio::test]
async fn sparkpost_is_handed_an_email() {
    let (taken, status, _) = through("sparkpost", json!({"api_key": "sp-key", "region": null}), None, vec![]).await;
    assert_eq!((status.as_str(), taken[0].path.as_str()), ("completed", "/api/v1/transmissions"));
    assert_eq!(header(&taken[0], "authorization"), "sp-key");
    assert_eq!(taken[0].json()["recipients"][0]["address"]["email"], "ann@example.com");
}

#[tokio::test]
async fn resend_is_handed_an_email_with_a_key_of_its_own() {
    let (taken, status, _) = through("resend", json!({"api_key": "re_key"}), None, vec![]).await;
    assert_eq!((status.as_str(), taken[0].path.as_str()), ("completed", "/emails"));
    assert_eq!(header(&taken[0], "authorization"), "Bearer re_key");
    assert!(header(&taken[0], "idempotency-key").starts_with("job_"));
}

#[tokio::test]
async fn ses_is_handed_a_signed_email() {
    let credentials = json!({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "secret-key-1", "region": "eu-west-1"});
    let settings = json!({"message": {"configuration_set_name": "set-1"}});
    let (taken, status, _) = through("ses", credentials, Some(settings), vec![]).await;
    assert_eq!(status, "completed");
    assert_eq!(header(&taken[0], "host"), "email.eu-west-1.amazonaws.com");
    let authorization = header(&taken[0], "authorization");
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    assert!(
        authorization.contains("/eu-west-1/ses/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=")
    );
    assert!(taken[0].body.starts_with("Action=SendRawEmail&") && taken[0].body.contains("ConfigurationSetName=set-1"));
}

#[tokio::test]
async fn azure_is_handed_a_signed_email() {
    let credentials = json!({"connectionString": "endpoint=https://acme.communication.azure.com/;accesskey=a2V5LTE="});
    let (taken, status, _) = through("azure_cs", credentials, None, vec![(202, json!({"id": "1"}))]).await;
    assert_eq!((status.as_str(), taken[0].path.as_str()), ("completed", "/emails:send?api-version=2023-03-31"));
    let (date, content) = (header(&taken[0], "x-ms-date"), header(&taken[0], "x-ms-content-sha256"));
    let signed = format!("POST\n{}\n{date};{};{content}", taken[0].path, header(&taken[0], "host"));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"key-1");
    let signature = BASE64_STANDARD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    assert!(header(&taken[0], "authorization").ends_with(&format!("&Signature={signature}")));
    assert_eq!(taken[0].json()["senderAddress"], "mail@acme.example");
}

#[tokio::test]
async fn microsoft_365_is_handed_an_email_with_a_token() {
    let credentials = json!({"tenantId": "tenant-1", "clientId": "client-1", "clientSecret": "secret-1"});
    let answers = vec![(200, json!({"access_token": "token-1"})), (202, Value::Null)];
    let (taken, status, _) = through("ms365", credentials, None, answers).await;
    assert_eq!((status.as_str(), taken[0].path.as_str()), ("completed", "/tenant-1/oauth2/v2.0/token"));
    assert!(taken[0].body.contains("client_secret=secret-1"), "{}", taken[0].body);
    assert_eq!(taken[1].path, "/v1.0/users/mail%40acme.example/sendMail");
    assert_eq!(header(&taken[1], "authorization"), "Bearer token-1");
    assert_eq!(taken[1].json()["message"]["body"]["contentType"], "HTML");
}
