//! What is sent through Twilio, and what code decides about a message.

pub(super) mod authority;

use axum::{Router, extract::State, http::HeaderMap};
use identity::{
    Actor, Channel, PhoneNumber,
    messages::{Email, PhoneMessage},
    triggers::{Denial, Effect, NoTriggers},
};
use kernel::{Context, Record};
use model::queues;
use store::{Database, Options, RootKey};

use super::*;

/// What Twilio got: path, `Authorization`, form.
type Got = Arc<Mutex<Vec<(String, String, String)>>>;

async fn twilio() -> (String, Got) {
    let got = Got::default();
    let take = async |State(got): State<Got>, uri: axum::http::Uri, headers: HeaderMap, body: String| {
        let authorization = headers["authorization"].to_str().unwrap().to_owned();
        got.lock().unwrap().push((uri.path().to_owned(), authorization, body));
    };
    let router = Router::new().fallback(take).with_state(Arc::clone(&got));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, got)
}

/// A store with this tenant.
async fn store_of(tenant: &str, context: Context) -> (Store, TenantId) {
    let root_key = RootKey::generate(&context);
    let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
    let tenant = TenantId::new(tenant);
    store.create_tenant(&tenant).await.unwrap();
    (store, tenant)
}

/// The same, at a time that the test sets.
pub(super) async fn store_at_a_time(tenant: &str) -> (Store, TenantId, Arc<kernel::FixedClock>) {
    let clock = Arc::new(kernel::FixedClock::at(kernel::Timestamp::from_seconds(1_000_000)));
    let context = Context::new(clock.clone(), Arc::new(kernel::SeededRandom::new(1)));
    let (store, tenant) = store_of(tenant, context).await;
    (store, tenant, clock)
}

#[tokio::test]
async fn twilio_is_handed_texts_and_calls() {
    let (address, got) = twilio().await;
    let (store, tenant) = store_of("t", Context::system()).await;
    let outbound = Client::new(true);
    let endpoints = Endpoints::new([("twilio".to_owned(), address)].into());
    let messenger = Messenger::new(outbound, Arc::new(NoTriggers), endpoints, None);
    let work = |tx: &mut Tx| {
        let configuration = json!({"sid": "AC1", "default_from": "+1555", "delivery_methods": ["text", "voice"]});
        let provider = object(json!({"name": "twilio", "configuration": configuration}));
        let mut provider = Record::new("pro_1", provider, tx.now());
        provider.sealed.set("credentials.auth_token", "token");
        tx.insert(&model::PHONE_PROVIDER, provider)?;
        let actor = Actor::new(tx.tenant().clone(), Channel::Management, "t.example");
        let to = PhoneNumber::read("+1 415 555 2671", None).unwrap();
        for is_voice in [false, true] {
            let code = Some("123456");
            PhoneMessage { is_voice, code, ..PhoneMessage::new(&actor, "otp_verify", &to) }.enqueue(tx)?;
        }
        Ok::<_, store::StoreError>(())
    };
    store.write(&tenant, work).await.unwrap();
    for job in store.lease_jobs(queues::MESSAGES, 2, LEASE).await.unwrap() {
        messenger.sent(&store, &job).await.unwrap();
    }
    let mut got = got.lock().unwrap().clone();
    got.sort();
    let authorization = "Basic QUMxOnRva2Vu".to_owned();
    let call = "To=%2B14155552671&Twiml=%3CResponse%3E%3CSay%3EHello.+Your+verification+code+for+t+is+%2C+123456.+I+repeat%2C+your+verification+code+is+%2C+123456%3C%2FSay%3E%3C%2FResponse%3E&From=%2B1555";
    let text = "To=%2B14155552671&Body=123456+is+your+verification+code+for+t&From=%2B1555";
    let expected = vec![
        ("/2010-04-01/Accounts/AC1/Calls.json".to_owned(), authorization.clone(), call.to_owned()),
        ("/2010-04-01/Accounts/AC1/Messages.json".to_owned(), authorization, text.to_owned()),
    ];
    assert_eq!(got, expected);
    assert!(store.lease_jobs(queues::MESSAGES, 2, LEASE).await.unwrap().is_empty());
}

#[test]
fn the_last_word_of_code_counts() {
    let effect = |name: &str, reason: &str| Effect { name: name.to_owned(), arguments: vec![reason.into()] };
    let decided = |effects| {
        let failure = super::decided(&Verdict { effects, ..Verdict::default() }).err();
        failure.map(|failure| (failure.reason, failure.may_pass))
    };
    assert_eq!(decided(vec![]), None);
    assert_eq!(decided(vec![effect("cache.set", "x")]), None);
    let both = vec![effect("notification.retry", "later"), effect("notification.drop", "never")];
    assert_eq!(decided(both), Some(("never".to_owned(), false)));
    assert_eq!(decided(vec![effect("notification.retry", "later")]), Some(("later".to_owned(), true)));
    let threw = Verdict { denied: Some(Denial { reason: "oh".into(), ..Denial::default() }), ..Verdict::default() };
    assert!(super::decided(&threw).unwrap_err().may_pass);
}

/// A service that refuses twice before it takes an e-mail.
async fn busy() -> (String, Arc<Mutex<Vec<Value>>>) {
    let got: Arc<Mutex<Vec<Value>>> = Arc::default();
    let take = async |State(got): State<Arc<Mutex<Vec<Value>>>>, body: String| {
        let mut got = got.lock().unwrap();
        got.push(serde_json::from_str(&body).unwrap());
        let (status, wait) = match got.len() {
            1 => (429, "90"),
            2 => (503, "1"),
            _ => (202, "0"),
        };
        (axum::http::StatusCode::from_u16(status).unwrap(), [("retry-after", wait)])
    };
    let router = Router::new().fallback(take).with_state(Arc::clone(&got));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, got)
}

/// A tenant that sends through this service, at a time that the test sets.
async fn through(address: String) -> (Store, TenantId, Messenger, Arc<kernel::FixedClock>) {
    let (store, tenant, clock) = store_at_a_time("t").await;
    let provide = |tx: &mut Tx| {
        let provider =
            object(json!({"name": "sendgrid", "enabled": true, "default_from_address": "mail@acme.example"}));
        let mut provider = Record::new(model::EMAIL_PROVIDER.name, provider, tx.now());
        provider.sealed.set("credentials.api_key", "key");
        tx.insert(&model::EMAIL_PROVIDER, provider).map(drop)
    };
    store.write::<(), store::StoreError>(&tenant, provide).await.unwrap();
    let endpoints = Endpoints::new([("sendgrid".to_owned(), address)].into());
    let messenger = Messenger::new(Client::new(true), Arc::new(NoTriggers), endpoints, Some(Outbox::default()));
    (store, tenant, messenger, clock)
}

async fn enqueue(store: &Store, tenant: &TenantId, template: &'static str) {
    let work = move |tx: &mut Tx| {
        let (url, code) = ("https://t.example/u/x?ticket=1".to_owned(), "123456".to_owned());
        Email { template, to: "ann@example.com", url, code, domain: "t.example", ..Email::default() }.enqueue(tx, None)
    };
    store.write::<(), store::StoreError>(tenant, work).await.unwrap();
}

#[tokio::test]
async fn a_busy_provider_is_left_alone_for_as_long_as_it_says() {
    let (address, got) = busy().await;
    let (store, tenant, messenger, clock) = through(address).await;
    enqueue(&store, &tenant, "reset_email").await;
    let seconds = Duration::from_secs;
    // The first refusal names its wait; after the second the usual one is longer.
    for (wait, tries) in [(0, 1), (89, 1), (1, 2), (19, 2), (1, 3), (3600, 3)] {
        clock.advance(seconds(wait));
        for job in store.lease_jobs(queues::MESSAGES, 2, LEASE).await.unwrap() {
            messenger.sent(&store, &job).await.unwrap();
        }
        assert_eq!(got.lock().unwrap().len(), tries, "after {wait} s");
    }
    let wanted = crate::outbox::Wanted { to: Some("Ann@example.com".into()), ..Default::default() };
    let kept = store.read(&tenant, move |reader| crate::outbox::list(reader, &wanted)).await.unwrap();
    let outcomes: Vec<&Value> = kept[0]["attempts"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["waiting", "waiting", "sent"]);
    assert_eq!((&kept[0]["status"], &kept[0]["links"][0]), (&json!("sent"), &json!("https://t.example/u/x?ticket=1")));
}

#[tokio::test]
async fn every_template_is_written_and_delivered() {
    let (address, got) = busy().await;
    let (store, tenant, messenger, clock) = through(address).await;
    for template in email::TEMPLATES {
        enqueue(&store, &tenant, template).await;
        // The service takes what comes at the third try.
        for _ in 0..3 {
            for job in store.lease_jobs(queues::MESSAGES, 20, LEASE).await.unwrap() {
                messenger.sent(&store, &job).await.unwrap();
            }
            clock.advance(Duration::from_secs(100));
        }
        let body = got.lock().unwrap().last().unwrap().clone();
        assert!(!body["subject"].as_str().unwrap().is_empty(), "{template}: {body}");
        for part in [0, 1] {
            let text = body["content"][part]["value"].as_str().unwrap();
            assert!(
                text.contains("123456") || text.contains("ticket=1") || !template.ends_with("code"),
                "{template}: {text}"
            );
            assert!(!text.contains("[[") && !text.contains("{{"), "{template}: {text}");
        }
    }
}
