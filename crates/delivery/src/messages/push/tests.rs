//! What the services for notifications are handed, and what their refusals lead to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Request as Asked, StatusCode, Version},
    response::IntoResponse,
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use identity::{
    Actor, Channel,
    messages::{Device, Platform, PushMessage},
    triggers::NoTriggers,
};
use kernel::{Record, TenantId, Value, object};
use model::queues;
use outbound::Client;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::KeyPair;
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, server::WebPkiClientVerifier};
use rustls_pki_types::PrivateKeyDer;
use serde_json::json;
use store::{Store, Tx};
use tokio_rustls::TlsAcceptor;

use crate::{
    Endpoints, Messenger,
    messages::{
        LEASE,
        tests::{authority::Authority, store_at_a_time},
    },
};

/// A request that a service was handed.
#[derive(Clone, Debug)]
struct Taken {
    version: Version,
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Taken {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone, Default)]
struct Service {
    taken: Arc<Mutex<Vec<Taken>>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

impl Service {
    /// A service that gives these answers, and then 200.
    fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Self::default() }
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    fn router(&self) -> Router {
        let take = async |State(service): State<Self>, asked: Asked<axum::body::Body>| {
            let (head, body) = asked.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let path = head.uri.path().to_owned();
            let body = String::from_utf8(body.to_vec()).unwrap();
            service.taken.lock().unwrap().push(Taken { version: head.version, path, headers: head.headers, body });
            let (status, body) = service.answers.lock().unwrap().pop_front().unwrap_or((200, json!({})));
            (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
        };
        Router::new().fallback(take).with_state(self.clone())
    }

    /// Serves plain HTTP.
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = self.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    /// Serves HTTP over TLS to who shows a certificate of the authority.
    async fn start_for(&self, authority: &Authority) -> String {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build().unwrap();
        let (certificate, key) = authority.signed("localhost");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key).unwrap())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let router = self.router();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let service = TowerToHyperService::new(router.clone());
                tokio::spawn(async move {
                    auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await
                });
            }
        });
        address
    }
}

impl Authority {
    /// The file with which an app's owner shows who they are.
    fn file(&self) -> String {
        let (certificate, key) = self.signed("com.example.app");
        let chain = PrivateKeyChain::new(
            "1",
            PrivateKey::from_der(&key).unwrap(),
            [Certificate::from_der(&certificate).unwrap()],
        );
        let mut store = KeyStore::new();
        store.add_entry("app", KeyStoreEntry::PrivateKeyChain(chain));
        BASE64_STANDARD.encode(store.writer("").encryption_iterations(1).mac_iterations(1).write().unwrap())
    }
}

/// Settings of the factor: their place, what is shown, and what is sealed.
type Setting = (&'static str, Value, Vec<(&'static str, String)>);

struct World {
    store: Store,
    tenant: TenantId,
    messenger: Messenger,
}

async fn world(outbound: Client, endpoint: (&str, String), settings: Vec<Setting>) -> World {
    let (store, tenant, _) = store_at_a_time("acme").await;
    let work = move |tx: &mut Tx| {
        for (place, shown, sealed) in &settings {
            let mut record = Record::new(*place, object(shown.clone()), tx.now());
            for (name, secret) in sealed {
                record.sealed.set(*name, secret.as_str());
            }
            tx.insert(&model::FACTOR_SETTINGS, record)?;
        }
        Ok(())
    };
    store.write::<(), store::StoreError>(&tenant, work).await.unwrap();
    let (name, address) = endpoint;
    let endpoints = Endpoints::new([(name.to_owned(), address.clone()), (format!("{name}.token"), address)].into());
    let messenger = Messenger::new(outbound, Arc::new(NoTriggers), endpoints, None);
    World { store, tenant, messenger }
}

impl World {
    /// Sends a notification to a device; gives what the log says of it.
    async fn notify(&self, platform: Platform, token: &'static str) -> (String, Option<String>) {
        let tenant = self.tenant.clone();
        let work = move |tx: &mut Tx| {
            let actor = Actor::new(tenant.clone(), Channel::Public, "acme.example");
            let message = PushMessage {
                device: Device { id: "push|dev_1", platform, token },
                user: "auth0|ann",
                client: None,
                title: "Is it you?",
                body: "Somebody logs in to Shop",
                data: object(json!({"txtkn": "secret-token", "s": {"os": "Linux"}})),
                actor: &actor,
            };
            message.send(tx)
        };
        assert!(self.store.write::<_, identity::Error>(&self.tenant, work).await.unwrap());
        for job in self.store.lease_jobs(queues::MESSAGES, 20, LEASE).await.unwrap() {
            self.messenger.sent(&self.store, &job).await.unwrap();
        }
        let read = |reader: &store::Snapshot| reader.logs(&store::LogQuery::default());
        let entries = self.store.read::<_, store::StoreError>(&self.tenant, read).await.unwrap().items;
        let Some(entry) = entries.first() else { return ("none".to_owned(), None) };
        let text = |path: &str| kernel::value_at(&entry.document, path).and_then(Value::as_str).map(str::to_owned);
        (text("type").unwrap(), text("details.provider_error.message"))
    }
}

const TOKEN: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";

async fn apple(answers: Vec<(u16, Value)>) -> (World, Service) {
    let (authority, service) = (Authority::new(), Service::new(answers));
    let address = service.start_for(&authority).await;
    let settings = vec![
        ("push", json!({"provider": "direct"}), vec![]),
        ("apns", json!({"bundle_id": "com.example.app", "sandbox": true}), vec![("p12", authority.file())]),
    ];
    (world(authority.client(), ("apns", address), settings).await, service)
}

#[tokio::test]
async fn apple_is_handed_a_notification_over_http_2_by_the_apps_certificate() {
    let (world, service) = apple(vec![]).await;
    assert_eq!(world.notify(Platform::Ios, TOKEN).await, ("gd_send_pn".to_owned(), None));
    let taken = service.taken().remove(0);
    assert_eq!((taken.version, taken.path.as_str()), (Version::HTTP_2, &*format!("/3/device/{TOKEN}")));
    let headers = ["apns-topic", "apns-push-type", "apns-priority", "apns-expiration"];
    assert_eq!(headers.map(|name| taken.header(name)), ["com.example.app", "alert", "10", "1000300"]);
    assert!(!taken.header("apns-collapse-id").is_empty());
    let body = taken.json();
    assert_eq!(body["aps"]["alert"], json!({"title": "Is it you?", "body": "Somebody logs in to Shop"}));
    assert_eq!(body["mfa"], json!({"txtkn": "secret-token", "s": {"os": "Linux"}}));
}

#[tokio::test]
async fn apples_refusals_are_told_apart() {
    let (world, _) = apple(vec![(410, json!({"reason": "Unregistered", "timestamp": 1}))]).await;
    let told = world.notify(Platform::Ios, TOKEN).await;
    assert_eq!(told, ("gd_send_pn_failure".to_owned(), Some("The device is not registered any more.".to_owned())));
    let (world, _) = apple(vec![(403, json!({"reason": "BadCertificateEnvironment"}))]).await;
    let (kind, told) = world.notify(Platform::Ios, TOKEN).await;
    assert_eq!(kind, "gd_send_pn_failure");
    assert!(told.as_ref().unwrap().ends_with("answers 403 Forbidden. BadCertificateEnvironment"), "{told:?}");
    // A busy service is asked again later.
    let (world, service) = apple(vec![(429, json!({"reason": "TooManyRequests"}))]).await;
    assert_eq!(world.notify(Platform::Ios, TOKEN).await.0, "none");
    assert_eq!(service.taken().len(), 1);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_told_of() {
    let settings = vec![
        ("push", json!({"provider": "direct"}), vec![]),
        ("apns", json!({"bundle_id": "com.example.app"}), vec![("p12", "bm90aGluZw==".to_owned())]),
    ];
    let world = world(Client::new(true), ("apns", String::new()), settings).await;
    let (kind, told) = world.notify(Platform::Ios, TOKEN).await;
    assert_eq!((kind.as_str(), told.as_deref()), ("gd_send_pn_failure", Some("The PKCS #12 file is invalid.")));
}

/// The credentials of a service account.
fn account() -> String {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let account = json!({
        "type": "service_account", "project_id": "shop-1", "private_key_id": "key-1", "private_key": key.serialize_pem(),
        "client_email": "push@shop-1.example", "token_uri": "https://oauth2.googleapis.com/token",
    });
    account.to_string()
}

async fn google(place: &'static str, secret: (&'static str, String), answers: Vec<(u16, Value)>) -> (World, Service) {
    let service = Service::new(answers);
    let address = service.start().await;
    let settings = vec![("push", json!({"provider": "direct"}), vec![]), (place, json!({}), vec![secret])];
    (world(Client::new(true), ("fcm", address), settings).await, service)
}

fn given() -> (u16, Value) {
    (200, json!({"access_token": "ya29.token", "expires_in": 3599, "token_type": "Bearer"}))
}

#[tokio::test]
async fn google_is_handed_a_notification_by_a_service_account() {
    let (world, service) = google("fcmv1", ("server_credentials", account()), vec![given()]).await;
    assert_eq!(world.notify(Platform::Android, "device-1").await.0, "gd_send_pn");
    assert_eq!(world.notify(Platform::Android, "device-1").await.0, "gd_send_pn");
    let taken = service.taken();
    let paths: Vec<&str> = taken.iter().map(|taken| taken.path.as_str()).collect();
    let send = "/v1/projects/shop-1/messages:send";
    // The token is used again.
    assert_eq!(paths, ["/", send, send]);
    let form: Vec<_> = url::form_urlencoded::parse(taken[0].body.as_bytes()).into_owned().collect();
    assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let parts: Vec<&str> = form[1].1.split('.').collect();
    let part = |place: usize| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(parts[place]).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    let expected = json!({
        "iss": "push@shop-1.example", "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": "https://oauth2.googleapis.com/token", "iat": 1_000_000, "exp": 1_003_600,
    });
    assert_eq!(part(1), expected);
    assert_eq!(taken[1].header("authorization"), "Bearer ya29.token");
    let message = &taken[1].json()["message"];
    assert_eq!((&message["token"], &message["android"]["priority"]), (&json!("device-1"), &json!("HIGH")));
    assert_eq!(message["data"], json!({"txtkn": "secret-token", "s": "{\"os\":\"Linux\"}"}));
    assert_eq!(message["notification"]["title"], "Is it you?");
}

#[tokio::test]
async fn googles_refusals_are_told_apart() {
    let gone = json!({"error": {"code": 404, "status": "NOT_FOUND", "message": "Requested entity was not found.",
        "details": [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}]}});
    let (world, _) = google("fcmv1", ("server_credentials", account()), vec![given(), (404, gone)]).await;
    let (kind, told) = world.notify(Platform::Android, "device-1").await;
    assert_eq!(
        (kind.as_str(), told.as_deref()),
        ("gd_send_pn_failure", Some("The device is not registered any more."))
    );
    let denied = json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."});
    let (world, _) = google("fcmv1", ("server_credentials", account()), vec![(400, denied)]).await;
    let (_, told) = world.notify(Platform::Android, "device-1").await;
    assert!(told.as_ref().unwrap().ends_with("Invalid JWT Signature."), "{told:?}");
    let busy = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded"}});
    let (world, _) = google("fcmv1", ("server_credentials", account()), vec![given(), (429, busy)]).await;
    assert_eq!(world.notify(Platform::Android, "device-1").await.0, "none");
    let (world, _) = google("fcmv1", ("server_credentials", "abc123".to_owned()), vec![]).await;
    let (_, told) = world.notify(Platform::Android, "device-1").await;
    assert_eq!(told.as_deref(), Some("The server credentials are no service account."));
}

#[tokio::test]
async fn google_is_handed_a_notification_by_an_older_key() {
    let taken = json!({"success": 1, "failure": 0, "results": [{"message_id": "1"}]});
    let (world, service) = google("fcm", ("server_key", "AAAA:key".to_owned()), vec![(200, taken)]).await;
    assert_eq!(world.notify(Platform::Android, "device-1").await.0, "gd_send_pn");
    let taken = service.taken().remove(0);
    assert_eq!((taken.path.as_str(), taken.header("authorization")), ("/fcm/send", "key=AAAA:key"));
    let body = taken.json();
    assert_eq!((&body["to"], &body["data"]["txtkn"]), (&json!("device-1"), &json!("secret-token")));
    for (word, expected) in [
        ("NotRegistered", ("gd_send_pn_failure", Some("The device is not registered any more."))),
        ("Unavailable", ("none", None)),
        ("InvalidApnsCredential", ("gd_send_pn_failure", Some("Google answers InvalidApnsCredential."))),
    ] {
        let refused = json!({"success": 0, "failure": 1, "results": [{"error": word}]});
        let (world, _) = google("fcm", ("server_key", "AAAA:key".to_owned()), vec![(200, refused)]).await;
        let (kind, told) = world.notify(Platform::Android, "device-1").await;
        assert_eq!((kind.as_str(), told.as_deref()), expected);
    }
    let (world, _) = google("fcm", ("server_key", "wrong".to_owned()), vec![(401, json!({}))]).await;
    let (_, told) = world.notify(Platform::Android, "device-1").await;
    assert!(told.as_ref().unwrap().contains("401 Unauthorized"), "{told:?}");
}

async fn amazon(answers: Vec<(u16, Value)>) -> (World, Service) {
    let service = Service::new(answers);
    let address = service.start().await;
    let arn = |kind: &str| format!("arn:aws:sns:eu-west-1:123456789012:app/{kind}/shop");
    let sns = json!({
        "aws_access_key_id": "AKIDEXAMPLE", "aws_region": "eu-west-1",
        "sns_apns_platform_application_arn": arn("APNS_SANDBOX"), "sns_gcm_platform_application_arn": arn("GCM"),
    });
    let settings = vec![
        ("push", json!({"provider": "sns"}), vec![]),
        ("sns", sns, vec![("aws_secret_access_key", "secret".to_owned())]),
    ];
    (world(Client::new(true), ("sns", address), settings).await, service)
}

fn endpoint() -> (u16, Value) {
    let arn = "arn:aws:sns:eu-west-1:123456789012:endpoint/GCM/shop/1";
    (200, json!({"CreatePlatformEndpointResponse": {"CreatePlatformEndpointResult": {"EndpointArn": arn}}}))
}

#[tokio::test]
async fn amazon_is_handed_a_notification_for_either_platform() {
    for (platform, name) in [(Platform::Android, "GCM"), (Platform::Ios, "APNS_SANDBOX")] {
        let (world, service) = amazon(vec![endpoint()]).await;
        assert_eq!(world.notify(platform, TOKEN).await.0, "gd_send_pn");
        let taken = service.taken();
        let form = |place: usize| -> std::collections::HashMap<String, String> {
            url::form_urlencoded::parse(taken[place].body.as_bytes()).into_owned().collect()
        };
        let (created, published) = (form(0), form(1));
        assert_eq!((created["Action"].as_str(), created["Token"].as_str()), ("CreatePlatformEndpoint", TOKEN));
        assert!(created["PlatformApplicationArn"].ends_with(&format!("app/{name}/shop")), "{created:?}");
        assert_eq!((published["Action"].as_str(), published["MessageStructure"].as_str()), ("Publish", "json"));
        assert_eq!(published["TargetArn"], "arn:aws:sns:eu-west-1:123456789012:endpoint/GCM/shop/1");
        let message: Value = serde_json::from_str(&published["Message"]).unwrap();
        let own: Value = serde_json::from_str(message[name].as_str().unwrap()).unwrap();
        let place = if platform == Platform::Ios { "/mfa/txtkn" } else { "/data/txtkn" };
        assert_eq!(own.pointer(place), Some(&json!("secret-token")));
        let authorization = taken[1].header("authorization");
        let scope = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/19700112/eu-west-1/sns/aws4_request, SignedHeaders=";
        assert!(authorization.starts_with(scope), "{authorization}");
        assert_eq!(
            (taken[1].header("host"), taken[1].header("x-amz-date")),
            ("sns.eu-west-1.amazonaws.com", "19700112T134640Z")
        );
    }
}

#[tokio::test]
async fn amazons_refusals_are_told_apart() {
    let refused = |code: &str, message: &str| json!({"Error": {"Code": code, "Message": message, "Type": "Sender"}});
    let (world, _) = amazon(vec![endpoint(), (400, refused("EndpointDisabled", "Endpoint is disabled"))]).await;
    let (_, told) = world.notify(Platform::Android, TOKEN).await;
    assert_eq!(told.as_deref(), Some("The device is not registered any more."));
    let denied = refused("InvalidClientTokenId", "The security token included in the request is invalid.");
    let (world, _) = amazon(vec![(403, denied)]).await;
    let (_, told) = world.notify(Platform::Android, TOKEN).await;
    let expected = "Amazon answers InvalidClientTokenId: The security token included in the request is invalid.";
    assert_eq!(told.as_deref(), Some(expected));
    let (world, service) = amazon(vec![(400, refused("Throttling", "Rate exceeded"))]).await;
    assert_eq!(world.notify(Platform::Android, TOKEN).await.0, "none");
    assert_eq!(service.taken().len(), 1);
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let settings = vec![("push", json!({"provider": "direct"}), vec![])];
    let world = world(Client::new(true), ("apns", String::new()), settings).await;
    for platform in [Platform::Ios, Platform::Android] {
        let (kind, told) = world.notify(platform, TOKEN).await;
        let expected = "The settings of the factor name no credentials for this platform.";
        assert_eq!((kind.as_str(), told.as_deref()), ("gd_send_pn_failure", Some(expected)));
    }
}
