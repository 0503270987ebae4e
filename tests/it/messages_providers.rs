//! Every provider of e-mails is handed every template's.

use std::collections::BTreeMap;

use aught::{Config, Dns, Endpoints};
use identity::messages::Email;
use kernel::TenantId;
use serde_json::{Value, json};
use store::{StoreError, Tx};

use crate::{
    actions::{bind, deployed, eventually},
    server::TestServer,
    sinks::{HttpSink, SmtpSink},
};

const TEMPLATES: [&str; 14] = [
    "verify_email",
    "verify_email_by_code",
    "reset_email",
    "reset_email_by_code",
    "welcome_email",
    "blocked_account",
    "stolen_credentials",
    "enrollment_email",
    "mfa_oob_code",
    "user_invitation",
    "async_approval",
    "change_password",
    "passwordless",
    "try_provider_configuration_email",
];

/// The providers that are called over HTTP, with what each wants to know.
fn services() -> [(&'static str, Value); 8] {
    [
        ("sendgrid", json!({"api_key": "SG.key"})),
        ("mandrill", json!({"api_key": "md-key"})),
        ("mailgun", json!({"api_key": "key-1", "domain": "mail.acme.example", "region": "eu"})),
        ("sparkpost", json!({"api_key": "sp-key", "region": null})),
        ("resend", json!({"api_key": "re_key"})),
        ("ses", json!({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "secret-key-1", "region": "eu-west-1"})),
        ("azure_cs", json!({"connectionString": "endpoint=https://acme.communication.azure.com/;accesskey=a2V5LTE="})),
        ("ms365", json!({"tenantId": "tenant-1", "clientId": "client-1", "clientSecret": "secret-1"})),
    ]
}

/// The name that a template's e-mail goes to, which no service writes otherwise than it is.
fn reader(provider: &str, template: &str) -> String {
    format!("{}.to.{}", template.replace('_', "."), provider.replace('_', "."))
}

/// Has an e-mail of each template sent. Not all of them have an operation that sends one.
async fn send_all(server: &TestServer, provider: &'static str) {
    let work = move |tx: &mut Tx| {
        for template in TEMPLATES {
            let to = format!("{}@example.com", reader(provider, template));
            let (url, code) = ("https://t.example/u/x?ticket=1".to_owned(), "123456".to_owned());
            Email { template, to: &to, url, code, domain: "t.example", ..Email::default() }.enqueue(tx, None)?;
        }
        Ok::<_, StoreError>(())
    };
    server.running.store.write(&TenantId::new("localhost"), work).await.unwrap();
}

/// Makes this the tenant's provider.
async fn provide(server: &TestServer, name: &str, credentials: Value) {
    server.delete("/emails/provider").await;
    let provider =
        json!({"name": name, "default_from_address": "Acme <mail@acme.example>", "credentials": credentials});
    let made = server.post("/emails/provider", provider).await;
    assert_eq!(made.status, 201, "{made:?}");
}

/// Waits until what was taken names the reader of each template.
async fn all_taken(provider: &str, taken: impl Fn() -> Vec<String>) {
    for template in TEMPLATES {
        let name = reader(provider, template);
        eventually(async || taken().iter().any(|body| body.contains(&name)).then_some(())).await;
    }
}

#[tokio::test]
async fn every_provider_is_handed_every_template() {
    let http = HttpSink::start([]).await;
    let token = HttpSink::start(TEMPLATES.map(|_| (200, json!({"access_token": "token-1"})))).await;
    let mut table: BTreeMap<String, String> =
        services().iter().map(|(name, _)| ((*name).to_owned(), http.address.clone())).collect();
    table.insert("ms365.login".to_owned(), token.address.clone());
    let server = TestServer::of(Config {
        dns: Dns::Trusting,
        developer_tools: Some(false),
        message_endpoints: Endpoints::new(table),
        ..Config::in_memory()
    })
    .await;
    for (name, credentials) in services() {
        provide(&server, name, credentials).await;
        send_all(&server, name).await;
        all_taken(name, || http.taken().into_iter().map(|taken| taken.body).collect()).await;
    }
    let smtp = SmtpSink::start().await;
    let place =
        json!({"smtp_host": "127.0.0.1", "smtp_port": smtp.port, "smtp_user": "me", "smtp_pass": "pass-word-1"});
    provide(&server, "smtp", place).await;
    send_all(&server, "smtp").await;
    all_taken("smtp", || smtp.taken()).await;
    let code = format!(
        "exports.onExecuteCustomEmailProvider = async (event, api) => {{
             await fetch('{}/custom', {{ method: 'POST', body: JSON.stringify(event.notification) }});
         }};",
        http.address,
    );
    let action = deployed(&server, "Deliver", ("custom-email-provider", "v1"), &code).await;
    bind(&server, "custom-email-provider", &[&action]).await;
    provide(&server, "custom", json!({})).await;
    send_all(&server, "custom").await;
    all_taken("custom", || http.taken().into_iter().map(|taken| taken.body).collect()).await;
    // Nobody was refused.
    assert_eq!(server.get("/logs?q=type:fn").await.body, json!([]));
    server.end().await;
}
