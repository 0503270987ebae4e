//! What is sent through Twilio, and what code decides about a message.

use axum::{Router, extract::State, http::HeaderMap};
use identity::{
    messages::PhoneMessage,
    triggers::{Denial, Effect, NoTriggers},
};
use kernel::Context;
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

async fn store() -> (Store, TenantId) {
    let context = Context::system();
    let root_key = RootKey::generate(&context);
    let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
    let tenant = TenantId::new("t");
    store.create_tenant(&tenant).await.unwrap();
    (store, tenant)
}

#[tokio::test]
async fn twilio_is_handed_texts_and_calls() {
    let (address, got) = twilio().await;
    let (store, tenant) = store().await;
    let outbound = Client::new(true);
    let endpoints = Endpoints::new([("twilio".to_owned(), address)].into());
    let messenger = Messenger::new(outbound, Arc::new(NoTriggers), endpoints, None);
    let work = |tx: &mut Tx| {
        let configuration = json!({"sid": "AC1", "default_from": "+1555", "delivery_methods": ["text", "voice"]});
        let provider = object(json!({"name": "twilio", "configuration": configuration}));
        let mut provider = Record::new("pro_1", provider, tx.now());
        provider.sealed.set("credentials.auth_token", "token");
        tx.insert(&model::PHONE_PROVIDER, provider)?;
        for is_voice in [false, true] {
            let (kind, provider) = ("otp_verify", Some("pro_1"));
            PhoneMessage { kind, provider, to: "+1 23", is_voice, code: Some("123456") }.enqueue(tx)?;
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
    let call = "To=%2B1+23&Twiml=%3CResponse%3E%3CSay%3EHello.+Your+verification+code+for+t+is+%2C+123456.+I+repeat%2C+your+verification+code+is+%2C+123456%3C%2FSay%3E%3C%2FResponse%3E&From=%2B1555";
    let text = "To=%2B1+23&Body=123456+is+your+verification+code+for+t&From=%2B1555";
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
