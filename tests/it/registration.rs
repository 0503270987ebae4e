//! Applications of strangers: those that register themselves, and those that are known by a document of theirs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aught::{Config, Dns, State};
use identity::{Algorithm, certificate::CertifiedKey, keys::SigningKey, signature::PublicKey};
use kernel::{Clock as _, Context, FixedClock, SystemRandom, Timestamp};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use url::form_urlencoded;

use crate::{
    app::{API, App, CALLBACK, DATABASE, api, claims, prove, send},
    browser::{Browser, Page},
    server::{Answer, TestServer},
};

const NOW: i64 = 1_800_000_000;
/// The example of RFC 7636.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A site of a stranger, on https.
#[derive(Clone, Default)]
struct Stranger {
    address: String,
    documents: Arc<Mutex<HashMap<String, Value>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stranger {
    /// With the certificate of the server under test, which trusts its own authority.
    async fn start(state: &std::path::Path) -> Self {
        let file = state.join("tls.pem");
        let chain: Vec<_> = CertificateDer::pem_file_iter(&file).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&file).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let stranger = Self { address, ..Self::default() };
        let site = stranger.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (site, acceptor) = (site.clone(), acceptor.clone());
                tokio::spawn(async move { site.answer(acceptor.accept(stream).await.unwrap()).await });
            }
        });
        stranger
    }

    async fn answer(&self, mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let document = self.documents.lock().unwrap().get(&path).cloned();
        self.asked.lock().unwrap().push(path);
        let (status, body) = document.map_or((404, String::new()), |document| (200, document.to_string()));
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }

    /// Publishes a document of a client with these members; gives its address.
    fn publish(&self, path: &str, more: &Value) -> String {
        let address = format!("{}{path}", self.address);
        let mut document = json!({
            "client_id": address, "client_name": "Assistant", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.documents.lock().unwrap().insert(path.to_owned(), document);
        address
    }

    /// How often something was asked for since this was last called.
    fn asked(&self) -> usize {
        std::mem::take(&mut *self.asked.lock().unwrap()).len()
    }
}

/// A server with an API that third parties may use, a connection for them, and a user.
async fn set_up(server: &TestServer) -> App {
    api(server, json!({})).await;
    let grant =
        json!({"default_for": "third_party_clients", "audience": API, "scope": ["read:a"], "subject_type": "user"});
    let made = server.post("/client-grants", grant).await;
    assert_eq!(made.status, 201, "{made:?}");
    let found = server.get(&format!("/connections?name={DATABASE}")).await.body[0]["id"].clone();
    let connection = format!("/connections/{}", found.as_str().unwrap());
    assert_eq!(server.patch(&connection, json!({"is_domain_connection": true})).await.status, 200);
    App::new(server, json!({})).await
}

fn request(client_id: &str, more: &[(&str, &str)]) -> String {
    let all = [
        ("client_id", client_id),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("audience", API),
        ("scope", "read:a offline_access"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let all = all.iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name)).chain(more);
    form_urlencoded::Serializer::new("/authorize?".to_owned()).extend_pairs(all).finish().replace("?&", "?")
}

/// Signs in and consents; the page that the application is told by.
async fn log_in(browser: &mut Browser, request: &str) -> Page {
    let page = browser.visit(request).await;
    let page = if page.address.starts_with("/u/login") { prove(browser, &page).await } else { page };
    if page.address.starts_with("/u/consent") { browser.submit(&page, &[("action", "accept")]).await } else { page }
}

async fn exchange(server: &TestServer, client_id: &str, back: &Page, more: Value) -> Answer {
    let mut body = json!({
        "grant_type": "authorization_code", "client_id": client_id, "code": back.parameter("code"), "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    send(server, "/oauth/token", &body).await
}

async fn register(server: &TestServer, metadata: Value) -> Answer {
    send(server, "/oidc/register", &metadata).await
}

#[tokio::test]
async fn an_application_registers_itself_where_the_tenant_lets_it() {
    let (server, clock) = crate::app::server_at(NOW).await;
    set_up(&server).await;
    let metadata = json!({
        "client_name": "Assistant", "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token", "password"],
        "token_endpoint_auth_method": "none", "response_types": ["code"],
    });
    let discovered = async || {
        let answer = server.http.get(server.url("/.well-known/openid-configuration")).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["registration_endpoint"].clone()
    };
    assert_eq!((register(&server, metadata.clone()).await.status, discovered().await), (404, Value::Null));
    let set = async |mode: &str| {
        let body = json!({"flags": {"enable_dynamic_client_registration": true}, "dynamic_client_registration_security_mode": mode});
        assert_eq!(server.patch("/tenants/settings", body).await.status, 200);
    };
    set("permissive").await;
    assert!(discovered().await.as_str().unwrap().ends_with("/oidc/register"));
    let made = register(&server, metadata.clone()).await;
    let id = made.body["client_id"].as_str().unwrap_or_else(|| panic!("{made:?}")).to_owned();
    let expected = json!({
        "client_name": "Assistant", "client_id": id, "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "token_endpoint_auth_method": "none",
    });
    assert_eq!((made.status, made.body, id.len()), (201, expected, 32));
    // Its users are asked, whatever it wants.
    let mut browser = Browser::at(&server.url(""));
    let page = browser.visit(&request(&id, &[("scope", "openid read:a")])).await;
    let page = prove(&mut browser, &page).await;
    assert!(page.address.starts_with("/u/consent") && page.html.contains("Assistant"), "{page:?}");
    let back = browser.submit(&page, &[("action", "accept")]).await;
    let tokens = exchange(&server, &id, &back, json!({})).await;
    assert_eq!(claims(&tokens.body["id_token"])["aud"], json!(id), "{tokens:?}");
    set("strict").await;
    let confidential = register(&server, json!({"redirect_uris": [CALLBACK]})).await;
    let id = confidential.body["client_id"].as_str().unwrap_or_else(|| panic!("{confidential:?}"));
    assert!(id.starts_with("tpc_") && confidential.body["client_secret"].is_string(), "{confidential:?}");
    assert_eq!(confidential.body["client_secret_expires_at"], 0);
    let back = log_in(&mut browser, &request(id, &[])).await;
    let tokens = exchange(&server, id, &back, json!({"client_secret": confidential.body["client_secret"]})).await;
    assert_eq!((tokens.status, tokens.body.get("id_token")), (200, None), "{tokens:?}");
    for (wrong, code) in [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": [CALLBACK], "response_types": ["token"]}), "invalid_client_metadata"),
        (json!({"redirect_uris": CALLBACK}), "invalid_client_metadata"),
    ] {
        clock.advance(Duration::from_secs(1));
        let refused = register(&server, wrong).await;
        assert_eq!((refused.status, &refused.body["error"]), (400, &json!(code)), "{refused:?}");
    }
    let mut last = 0;
    for _ in 0..6 {
        last = register(&server, metadata.clone()).await.status;
    }
    assert_eq!(last, 429);
    server.end().await;
}

/// A server whose clock the test turns, and a stranger's site.
async fn beside() -> (TestServer, Arc<FixedClock>, Stranger, tempfile::TempDir) {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(NOW)));
    let context = Context::new(Arc::clone(&clock) as _, Arc::new(SystemRandom));
    let folder = tempfile::tempdir().unwrap();
    let state = State::Folder(folder.path().to_owned());
    let server = TestServer::of(Config { context, state, dns: Dns::Trusting, ..Config::in_memory() }).await;
    server.running.authority().await.unwrap();
    let stranger = Stranger::start(folder.path()).await;
    let on = json!({"client_id_metadata_document_supported": true});
    assert_eq!(server.patch("/tenants/settings", on).await.status, 200);
    (server, clock, stranger, folder)
}

#[tokio::test]
async fn a_client_is_known_by_the_document_at_its_address() {
    let (server, clock, stranger, _folder) = beside().await;
    set_up(&server).await;
    let address = stranger.publish("/client.json", &json!({}));
    let mut browser = Browser::at(&server.url(""));
    let page = browser.visit(&request(&address, &[])).await;
    let page = prove(&mut browser, &page).await;
    assert!(page.address.starts_with("/u/consent") && page.html.contains("Assistant"), "{page:?}");
    let back = browser.submit(&page, &[("action", "accept")]).await;
    let tokens = exchange(&server, &address, &back, json!({})).await;
    let told = claims(&tokens.body["access_token"]);
    let client = told["azp"].as_str().unwrap_or_else(|| panic!("{tokens:?}")).to_owned();
    assert!(client.starts_with("tpc_"), "{client}");
    let shown = server.get(&format!("/clients/{client}")).await.body;
    let members = ["external_client_id", "external_metadata_type", "external_metadata_created_by", "name"];
    assert_eq!(
        members.map(|name| shown[name].clone()),
        [json!(address), json!("cimd"), json!("client"), json!("Assistant")]
    );
    let refreshed =
        json!({"grant_type": "refresh_token", "client_id": address, "refresh_token": tokens.body["refresh_token"]});
    assert_eq!(send(&server, "/oauth/token", &refreshed).await.status, 200);
    // The document is read once in an hour, and what it says then holds.
    stranger
        .publish("/client.json", &json!({"client_name": "Helper", "redirect_uris": ["https://other.example.com/cb"]}));
    code_of(&log_in(&mut browser, &request(&address, &[])).await);
    assert_eq!(stranger.asked(), 1);
    clock.advance(Duration::from_secs(3_601));
    let page = browser.visit(&request(&address, &[])).await;
    assert!(page.status == 400 && page.html.contains("Callback URL mismatch"), "{page:?}");
    assert_eq!(
        (stranger.asked(), server.get(&format!("/clients/{client}")).await.body["name"].clone()),
        (1, json!("Helper"))
    );
    // Nobody is let in by a document that is gone.
    stranger.documents.lock().unwrap().clear();
    clock.advance(Duration::from_secs(3_601));
    for _ in 0..2 {
        let page = browser.visit(&request(&address, &[])).await;
        assert!(page.status == 400 && page.html.contains("cannot be used"), "{page:?}");
    }
    assert_eq!(stranger.asked(), 1);
    // One that an administrator registers is read when the administrator says so.
    let address = stranger.publish("/known.json", &json!({}));
    let body = json!({"external_client_id": address});
    assert_eq!(server.post("/clients/cimd/register", body).await.status, 201);
    assert_eq!(stranger.asked(), 1);
    code_of(&log_in(&mut browser, &request(&address, &[])).await);
    assert_eq!(stranger.asked(), 0);
    server.end().await;
}

fn code_of(page: &Page) -> String {
    page.parameter("code").unwrap_or_else(|| panic!("{page:?}"))
}

#[tokio::test]
async fn a_client_that_is_known_by_a_document_signs_with_the_keys_in_it() {
    let (server, clock, stranger, _folder) = beside().await;
    set_up(&server).await;
    let keys = ["one", "two"].map(|name| {
        let key = CertifiedKey::generate(&Context::system(), name, Duration::from_secs(86_400));
        let (n, e) = PublicKey::from_pem(&key.certificate.pem()).unwrap().rsa_members().unwrap();
        let public = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name, "n": n, "e": e});
        (SigningKey::from_pkcs8(name, &key.private_key).unwrap(), public)
    });
    let publish = |(_, public): &(SigningKey, Value)| {
        let own = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [public]}});
        stranger.publish("/client.json", &own)
    };
    let address = publish(&keys[0]);
    let mut browser = Browser::at(&server.url(""));
    let mut serial = 0;
    let mut tokens = async |(key, _): &(SigningKey, Value)| {
        let back = log_in(&mut browser, &request(&address, &[])).await;
        serial += 1;
        let now = clock.now().seconds();
        let issuer = format!("https://{}/", server.running.domain);
        let claims = json!({"iss": address, "sub": address, "aud": issuer, "iat": now, "exp": now + 60, "jti": serial.to_string()});
        let proof = json!({
            "client_assertion": key.sign(Algorithm::Rs256, "JWT", &claims).unwrap(),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        });
        exchange(&server, &address, &back, proof).await.status
    };
    assert_eq!((tokens(&keys[0]).await, tokens(&keys[1]).await), (200, 401));
    publish(&keys[1]);
    clock.advance(Duration::from_secs(3_601));
    assert_eq!((tokens(&keys[1]).await, tokens(&keys[0]).await), (200, 401));
    server.end().await;
}

#[tokio::test]
async fn addresses_that_are_no_clients_are_told_so() {
    let (server, _clock, stranger, _folder) = beside().await;
    let mut browser = Browser::at(&server.url(""));
    let foreign = stranger.publish("/foreign.json", &json!({"client_id": "https://other.example.com/client.json"}));
    let script = stranger.publish("/script.json", &json!({"redirect_uris": ["javascript:alert(1)"]}));
    let missing = format!("{}/missing.json", stranger.address);
    let long = format!("{}/{}", stranger.address, "x".repeat(200));
    for (address, why) in [
        (foreign.as_str(), "client_id must be the address of the document"),
        (&script, "is not where an application can be"),
        (&missing, "answers 404"),
        (&long, "Unknown client"),
        ("https://localhost:1", "must have a path"),
    ] {
        let page = browser.visit(&request(address, &[])).await;
        assert!(page.status == 400 && page.html.contains(why), "{address}: {}", page.html);
    }
    stranger.asked();
    // Strangers cannot have the server call others at will.
    let mut told = String::new();
    for number in 0..12 {
        told = browser.visit(&request(&format!("{missing}?{number}"), &[])).await.html;
    }
    assert!(told.contains("too many clients were asked for"), "{told}");
    assert!(stranger.asked() <= 10);
    let off = json!({"client_id_metadata_document_supported": false});
    assert_eq!(server.patch("/tenants/settings", off).await.status, 200);
    let known = stranger.publish("/client.json", &json!({}));
    let page = browser.visit(&request(&known, &[])).await;
    assert!(page.html.contains("Unknown client"), "{}", page.html);
    server.end().await;
}
