//! Who delivers a message by which settings, and what they are handed.

use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::{Router, extract::State, http::HeaderMap};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use identity::{
    Actor, Channel, PhoneNumber,
    databases::{ScriptCall, ScriptError},
    messages::{Accepted, PhoneMessage, Route},
    triggers::{BoxFuture, Firing, NoTriggers, Trigger, Triggers, Verdict},
};
use kernel::{Record, TenantId, Value, object};
use model::queues;
use outbound::Client;
use serde_json::json;
use store::{Store, Tx};

use crate::{Endpoints, Messenger, messages::tests::store_at_a_time};

/// What was called: path, `Authorization`, body.
type Got = Arc<Mutex<Vec<(String, String, String)>>>;

/// A service that takes what comes, with this status.
async fn service(status: u16) -> (String, Got) {
    let got = Got::default();
    let take = async move |State(got): State<Got>, uri: axum::http::Uri, headers: HeaderMap, body: String| {
        let authorization = headers.get("authorization").map_or("", |value| value.to_str().unwrap());
        got.lock().unwrap().push((uri.path().to_owned(), authorization.to_owned(), body));
        axum::http::StatusCode::from_u16(status).unwrap()
    };
    let router = Router::new().fallback(take).with_state(Arc::clone(&got));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, got)
}

/// Code of a tenant that is told of messages.
#[derive(Debug, Default)]
struct Code(Mutex<Vec<(Trigger, kernel::Document)>>);

impl Triggers for Code {
    fn listens<'a>(&'a self, _: &'a TenantId, _: Trigger) -> BoxFuture<'a, identity::Result<bool>> {
        Box::pin(async { Ok(true) })
    }

    fn fire<'a>(&'a self, _: &'a TenantId, firing: Firing<'a>) -> BoxFuture<'a, identity::Result<Verdict>> {
        self.0.lock().unwrap().push((firing.trigger, firing.own));
        Box::pin(async { Ok(Verdict::default()) })
    }

    fn fire_action<'a>(
        &'a self,
        _: &'a TenantId,
        _: &'a str,
        _: Firing<'a>,
    ) -> BoxFuture<'a, identity::Result<Option<Verdict>>> {
        Box::pin(async { Ok(None) })
    }

    fn run_script<'a>(
        &'a self,
        tenant: &'a TenantId,
        call: ScriptCall,
    ) -> BoxFuture<'a, identity::Result<Result<Value, ScriptError>>> {
        static NOBODY: NoTriggers = NoTriggers;
        NOBODY.run_script(tenant, call)
    }

    fn listens_within(&self, _: &store::Snapshot, _: Trigger) -> identity::Result<bool> {
        Ok(true)
    }

    fn defer(&self, _: &mut Tx, _: Firing<'_>) -> identity::Result {
        Ok(())
    }
}

struct World {
    store: Store,
    tenant: TenantId,
    code: Arc<Code>,
    messenger: Messenger,
}

/// A tenant with these settings of the phone factor, by their place, and this `sms` connection.
async fn world(twilio: String, settings: Vec<(&'static str, Value)>, options: Value) -> World {
    let (store, tenant, _) = store_at_a_time("acme").await;
    let work = move |tx: &mut Tx| {
        for (place, document) in &settings {
            let document = object(document.clone());
            if *place == "tenant" {
                tx.insert(&model::TENANT_SETTINGS, Record::new(model::TENANT_SETTINGS.name, document, tx.now()))?;
            } else {
                tx.insert(&model::FACTOR_SETTINGS, Record::new(*place, document, tx.now()))?;
            }
        }
        let connection = object(json!({"name": "sms", "strategy": "sms", "options": options}));
        tx.insert(&model::CONNECTION, Record::new("con_1", connection, tx.now())).map(drop)
    };
    store.write::<(), store::StoreError>(&tenant, work).await.unwrap();
    let code = Arc::new(Code::default());
    let endpoints = Endpoints::new([("twilio".to_owned(), twilio)].into());
    let messenger = Messenger::new(Client::new(true), Arc::<Code>::clone(&code) as _, endpoints, None);
    World { store, tenant, code, messenger }
}

impl World {
    /// Somebody on a login page causes a message.
    async fn cause(&self, route: Route<'static>, to: &str, is_voice: bool) -> Accepted {
        let (tenant, to) = (self.tenant.clone(), PhoneNumber::read(to, None).unwrap());
        let work = move |tx: &mut Tx| {
            let actor = Actor {
                ip: "192.0.2.7".into(),
                user_agent: "Browser/1".into(),
                ..Actor::new(tenant.clone(), Channel::Public, "acme.example")
            };
            let code = Some("424242");
            PhoneMessage { route, is_voice, code, ..PhoneMessage::new(&actor, "otp_verify", &to) }.send(tx)
        };
        self.store.write::<_, identity::Error>(&self.tenant, work).await.unwrap()
    }

    /// Sends what is due.
    async fn deliver(&self) {
        for job in self.store.lease_jobs(queues::MESSAGES, 20, crate::messages::LEASE).await.unwrap() {
            self.messenger.sent(&self.store, &job).await.unwrap();
        }
    }

    /// Types of the tenant log's entries, and the causes they tell.
    async fn log(&self) -> Vec<(String, Value)> {
        let read = |reader: &store::Snapshot| reader.logs(&store::LogQuery::default());
        let entries = self.store.read::<_, store::StoreError>(&self.tenant, read).await.unwrap().items;
        let told = entries.into_iter().map(|entry| {
            let kind = entry.document["type"].as_str().unwrap().to_owned();
            (kind, entry.document.get("details").cloned().unwrap_or_default())
        });
        told.collect()
    }
}

#[tokio::test]
async fn a_gateway_is_told_who_asks_and_shown_a_token() {
    let (address, got) = service(200).await;
    let options = json!({
        "provider": "sms_gateway", "gateway_url": format!("{address}/send?x=1"), "from": "Acme", "syntax": "md_with_macros",
        "template": "Code for @@phone_number@@: @@password@@ ({{ friendly_name }})", "forward_req_info": true,
        "gateway_authentication": {
            "method": "bearer", "subject": "urn:Auth0", "audience": "urn:gateway", "secret": "c2VjcmV0LWtleQ", "secret_base64_encoded": true,
        },
    });
    let world = world(String::new(), vec![], options).await;
    assert_eq!(world.cause(Route::Connection("con_1"), "+14155552671", false).await, Accepted::Yes);
    assert_eq!(world.cause(Route::Connection("con_1"), "+14155552671", true).await, Accepted::Nobody);
    world.deliver().await;
    let got = got.lock().unwrap().clone();
    let (path, authorization, body) = &got[0];
    let body: Value = serde_json::from_str(body).unwrap();
    let expected = json!({
        "recipient": "+14155552671", "body": "Code for +14155552671: 424242 (acme)", "sender": "Acme",
        "req": {"ip": "192.0.2.7", "user-agent": "Browser/1"},
    });
    assert_eq!((path.as_str(), body), ("/send", expected));
    let (signed, signature) = authorization.strip_prefix("Bearer ").unwrap().rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, b"secret-key"), signed.as_bytes(), &signature).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let expected = json!({
        "iss": "https://acme.example/", "aud": "urn:gateway", "iat": 1_000_000, "exp": 1_000_300, "sub": "urn:Auth0",
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn a_gateways_refusal_is_told_in_auth0s_words() {
    for (status, told) in [
        (401, "Authentication failed while calling the SMS gateway: 401"),
        (404, "Unexpected response while calling the SMS gateway: 404"),
    ] {
        let (address, _) = service(status).await;
        let world = world(String::new(), vec![], json!({"gateway_url": address})).await;
        world.cause(Route::Connection("con_1"), "+14155552671", false).await;
        world.deliver().await;
        let log = world.log().await;
        assert_eq!((log[0].0.as_str(), &log[0].1["error"]), ("fn", &json!(told)));
    }
}

#[tokio::test]
async fn a_connection_sends_through_its_own_twilio_account() {
    let (address, got) = service(201).await;
    let options = json!({"twilio_sid": "AC7", "twilio_token": "t", "messaging_service_sid": "MG7", "from": "+1999"});
    let world = world(address, vec![], options).await;
    world.cause(Route::Connection("con_1"), "+14155552671", false).await;
    world.deliver().await;
    let (path, authorization, body) = got.lock().unwrap()[0].clone();
    assert_eq!((path.as_str(), authorization.as_str()), ("/2010-04-01/Accounts/AC7/Messages.json", "Basic QUM3OnQ="));
    assert_eq!(body, "To=%2B14155552671&Body=424242+is+your+verification+code+for+acme&MessagingServiceSid=MG7");
}

#[tokio::test]
async fn the_phone_factor_sends_through_its_own_settings() {
    let (address, got) = service(201).await;
    let texts = json!({"verification_message": "{{code}} for {{tenant.friendlyName}} [{{requestInfo.lang}}]"});
    let settings = vec![
        ("phone", json!({"provider": "twilio"})),
        ("twilio", json!({"sid": "AC9", "auth_token": "t", "from": "+1999"})),
        ("templates", texts),
        ("message-types", json!({"message_types": ["sms"]})),
    ];
    let world = world(address, settings, json!({})).await;
    assert_eq!(world.cause(Route::Factor, "+14155552671", true).await, Accepted::Nobody);
    assert_eq!(world.cause(Route::Factor, "+14155552671", false).await, Accepted::Yes);
    world.deliver().await;
    let (path, _, body) = got.lock().unwrap()[0].clone();
    assert_eq!(path, "/2010-04-01/Accounts/AC9/Messages.json");
    assert_eq!(body, "To=%2B14155552671&Body=424242+for+acme+%5Ben%5D&From=%2B1999");
    let log = world.log().await;
    let authenticator = json!({"type": "sms", "phone_number": "+14155552671"});
    assert_eq!((log[0].0.as_str(), &log[0].1["authenticator"]), ("gd_send_sms", &authenticator));
}

#[tokio::test]
async fn the_phone_factor_has_the_tenants_code_deliver() {
    let settings = vec![
        ("phone", json!({"provider": "phone-message-hook"})),
        ("message-types", json!({"message_types": ["sms", "voice"]})),
    ];
    let world = world(String::new(), settings, json!({})).await;
    world.cause(Route::Factor, "+14155552671", true).await;
    world.deliver().await;
    let fired = world.code.0.lock().unwrap().clone();
    let (trigger, event) = &fired[0];
    assert_eq!((*trigger, &event["request"]["ip"]), (Trigger::SendPhoneMessage, &json!("192.0.2.7")));
    let options = &event["message_options"];
    let told = ["action", "code", "message_type", "recipient"].map(|name| options[name].as_str().unwrap());
    assert_eq!(told, ["second-factor-authentication", "424242", "voice", "+14155552671"]);
    assert!(options["text"].as_str().unwrap().contains("424242"), "{options}");
    assert_eq!(world.log().await[0].0, "gd_send_voice");
}

#[tokio::test]
async fn with_the_consolidated_experience_one_provider_is_for_everything() {
    let (address, got) = service(201).await;
    let settings = vec![
        ("tenant", json!({"phone_consolidated_experience": true})),
        ("phone", json!({"provider": "phone-message-hook"})),
    ];
    let world = world(address, settings, json!({"gateway_url": "http://127.0.0.1:1/"})).await;
    let work = |tx: &mut Tx| {
        let configuration = json!({"sid": "AC1", "default_from": "+1555", "delivery_methods": ["text"]});
        let provider = object(json!({"name": "twilio", "configuration": configuration}));
        tx.insert(&model::PHONE_PROVIDER, Record::new("pro_1", provider, tx.now())).map(drop)
    };
    world.store.write::<(), store::StoreError>(&world.tenant, work).await.unwrap();
    for route in [Route::Tenant, Route::Connection("con_1"), Route::Factor] {
        assert_eq!(world.cause(route, "+14155552671", false).await, Accepted::Yes);
        assert_eq!(world.cause(route, "+14155552671", true).await, Accepted::Nobody);
    }
    world.deliver().await;
    let paths: Vec<String> = got.lock().unwrap().iter().map(|(path, ..)| path.clone()).collect();
    assert_eq!(paths, ["/2010-04-01/Accounts/AC1/Messages.json"; 3]);
}

#[tokio::test]
async fn strangers_cause_so_many_messages_and_no_costly_ones() {
    let (address, _) = service(200).await;
    let world = world(String::new(), vec![], json!({"gateway_url": address})).await;
    let route = Route::Connection("con_1");
    assert_eq!(world.cause(route, "+49 900 1 234567", false).await, Accepted::TooMany);
    for place in 0..10 {
        assert_eq!(world.cause(route, "+14155552671", false).await, Accepted::Yes, "{place}");
    }
    for _ in 0..2 {
        assert_eq!(world.cause(route, "+14155552671", false).await, Accepted::TooMany);
    }
    // Of the thirty that the address may cause at once, twelve were counted.
    for place in 12..30 {
        let accepted = world.cause(route, &format!("+14155552{place:03}"), false).await;
        assert_eq!(accepted, Accepted::Yes, "{place}");
    }
    assert_eq!(world.cause(route, "+14155552999", false).await, Accepted::TooMany);
    let log = world.log().await;
    assert_eq!(log.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["limit_phone"; 3]);
}
