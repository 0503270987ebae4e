//! The endpoints of one tenant, driven as a client would.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, Request, StatusCode};
use identity::{
    Algorithm, SigningKeys, certificate::CertifiedKey, jwt::Jwt, keys, keys::SigningKey, signature,
    triggers::NoTriggers,
};
use kernel::{Context, FixedClock, Record, SeededRandom, Tenant, TenantId, Timestamp, Value, object};
use model::login::{
    Authentication, BoxFuture, Browser, LoginRequest, Outcome, Pages, PagesError, Prompt, Redirect, Transaction,
};
use model::{CLIENT, CLIENT_GRANT, CREDENTIAL, ORGANIZATION, ORGANIZATION_GRANTS, RESOURCE_SERVER, TENANT_SETTINGS};
use serde_json::json;
use store::{Database, Kind, LogQuery, Options, RootKey, Store, StoreError, StoreResult, Tx};
use tower::ServiceExt;

use crate::{Bearer, OAuth, router};

const DOMAIN: &str = "tenant.example.com";
const MANAGEMENT: &str = "https://tenant.example.com/api/v2/";
const API: &str = "https://api.example.com";
const NOW: i64 = 1_700_000_000;

/// Pages of a server on which nobody logs in.
struct NoPages;

impl Pages for NoPages {
    fn begin<'a>(&'a self, _: &'a TenantId, _: LoginRequest, _: &'a Browser) -> PagesResult<'a, Redirect> {
        Box::pin(async { Err(PagesError::TooLong) })
    }

    fn begin_with<'a>(
        &'a self,
        _: &'a TenantId,
        _: LoginRequest,
        _: Authentication,
        _: Prompt,
        _: &'a Browser,
    ) -> PagesResult<'a, Redirect> {
        Box::pin(async { Err(PagesError::TooLong) })
    }

    fn begin_logout<'a>(
        &'a self,
        _: &'a TenantId,
        _: Value,
        _: Option<String>,
        _: Option<String>,
        _: &'a Browser,
    ) -> PagesResult<'a, Redirect> {
        Box::pin(async { Err(PagesError::TooLong) })
    }

    fn outcome<'a>(&'a self, _: &'a TenantId, _: &'a str, _: &'a Browser) -> PagesResult<'a, Outcome> {
        Box::pin(async { Ok(Outcome::Unknown) })
    }

    fn ask<'a>(&'a self, _: &'a TenantId, _: Transaction, _: Prompt, _: &'a Browser) -> PagesResult<'a, Redirect> {
        Box::pin(async { Err(PagesError::TooLong) })
    }

    fn finish(&self, _: &mut Tx, _: &Transaction) -> StoreResult<bool> {
        Ok(false)
    }

    fn error<'a>(
        &'a self,
        _: &'a TenantId,
        error: &'a str,
        description: &'a str,
        _: &'a Browser,
    ) -> BoxFuture<'a, http::Response<String>> {
        Box::pin(async move { http::Response::new(format!("{error}: {description}")) })
    }

    fn lost<'a>(&'a self, _: &'a TenantId, _: &'a Browser) -> BoxFuture<'a, http::Response<String>> {
        Box::pin(async { http::Response::new("lost".to_owned()) })
    }

    fn forget(&self, _: &Transaction, _: &Browser) -> Vec<String> {
        Vec::new()
    }
}

type PagesResult<'a, T> = BoxFuture<'a, Result<T, PagesError>>;

struct Server {
    router: Router,
    store: Store,
    tenant: TenantId,
    bearer: Bearer,
    clock: Arc<FixedClock>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Server {
    async fn start() -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(NOW)));
        let context = Context::new(Arc::clone(&clock) as _, Arc::new(SeededRandom::new(1)));
        let root_key = RootKey::generate(&context);
        let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
        let tenant = TenantId::new("tenant");
        store.create_tenant(&tenant).await.unwrap();
        store.write(&tenant, provision).await.unwrap();
        let keys = SigningKeys::new(store.clone());
        let oauth = OAuth::new(store.clone(), keys.clone(), Arc::new(NoTriggers), Arc::new(NoPages));
        let bearer = Bearer::new(store.clone(), keys);
        Self { router: router(oauth), store, tenant, bearer, clock }
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let mut request = Request::builder().method(method).uri(path).extension(self.at());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    fn at(&self) -> Tenant {
        Tenant::new(self.tenant.clone(), DOMAIN)
    }

    async fn token(&self, parameters: Value) -> Answer {
        let headers = [("content-type", "application/json"), ("user-agent", "test")];
        self.send(Method::POST, "/oauth/token", &headers, parameters.to_string()).await
    }

    async fn access_token(&self, change: Value) -> String {
        let answer = self.token(request(change)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body["access_token"].as_str().unwrap().to_owned()
    }

    async fn write(&self, work: impl Fn(&mut Tx) -> Result<(), StoreError> + Send + 'static) {
        self.store.write(&self.tenant, work).await.unwrap();
    }

    /// Changes members of a record's document.
    async fn change(&self, kind: &'static Kind, id: &'static str, change: Value) {
        let work = move |tx: &mut Tx| {
            let mut record = tx.get(kind, id)?.expect("the record exists");
            kernel::merge_first_level(&mut record.document, object(change.clone()));
            tx.update(kind, record).map(drop)
        };
        self.write(work).await;
    }

    async fn delete(&self, kind: &'static Kind, id: &'static str) {
        self.write(move |tx| tx.delete(kind, id).map(drop)).await;
    }

    /// What the Management API says to a token: its scopes, or status and text.
    async fn scopes(&self, token: &str) -> Result<Vec<String>, (u16, String)> {
        let caller = self.bearer.caller(&self.at(), Some(&format!("Bearer {token}"))).await;
        let caller = caller.map_err(|error| (error.status.as_u16(), error.message.to_string()))?;
        let mut scopes: Vec<String> = caller.scopes.iter().map(str::to_owned).collect();
        scopes.sort();
        Ok(scopes)
    }

    async fn last_log(&self) -> Value {
        let read = |reader: &store::Snapshot| reader.logs(&LogQuery::default());
        let page = self.store.read(&self.tenant, read).await.unwrap();
        Value::Object(page.items.into_iter().next().expect("something was logged").document)
    }
}

/// A request of the machine `m2m` for a token of the Management API, with changes; `null` leaves a parameter out.
fn request(change: Value) -> Value {
    let mut parameters = object(json!({
        "grant_type": "client_credentials", "client_id": "m2m", "client_secret": "a secret", "audience": MANAGEMENT,
    }));
    kernel::merge_first_level(&mut parameters, object(change));
    Value::Object(parameters)
}

fn provision(tx: &mut Tx) -> Result<(), StoreError> {
    let mut insert = |kind: &Kind, id: &str, document: Value, secret: Option<(&str, &str)>| {
        let mut record = Record::new(id, object(document), tx.now());
        if let Some((name, value)) = secret {
            record.sealed.set(name, value);
        }
        tx.insert(kind, record).map(drop)
    };
    let secret = Some(("client_secret", "a secret"));
    let machine = |name: &str| json!({"name": name, "grant_types": ["client_credentials"]});
    insert(&CLIENT, "m2m", machine("Machine"), secret)?;
    insert(&CLIENT, "ungranted", machine("Ungranted"), secret)?;
    insert(&CLIENT, "web", json!({"name": "Web", "grant_types": ["authorization_code"]}), secret)?;
    insert(
        &CLIENT,
        "spa",
        json!({"grant_types": ["client_credentials"], "token_endpoint_auth_method": "none"}),
        secret,
    )?;
    insert(&CLIENT, "global", json!({"name": "All Applications", "global": true}), secret)?;
    let scopes = json!([{"value": "read:users"}, {"value": "read:roles"}, {"value": "read:logs"}]);
    let management =
        json!({"identifier": MANAGEMENT, "scopes": scopes, "signing_alg": "RS256", "token_lifetime": 86_400});
    insert(&RESOURCE_SERVER, "1", management, None)?;
    let api = json!({"identifier": API, "scopes": [{"value": "a"}, {"value": "b"}], "signing_alg": "RS256", "token_lifetime": 600});
    insert(&RESOURCE_SERVER, "2", api, Some(("signing_secret", "shared secret")))?;
    let grant = |client: &str, audience: &str, scope: Value| {
        let key = format!("{client} {audience} client");
        json!({"grant": key, "client_id": client, "audience": audience, "scope": scope, "subject_type": "client"})
    };
    insert(&CLIENT_GRANT, "cgr_1", grant("m2m", MANAGEMENT, json!(["read:users", "read:roles"])), None)?;
    insert(&CLIENT_GRANT, "cgr_2", grant("m2m", API, json!([])), None)?;
    insert(&ORGANIZATION, "org_1", json!({"id": "org_1", "name": "acme"}), None)?;
    keys::create_first(tx, DOMAIN).map(drop)
}

#[tokio::test]
async fn a_machine_gets_a_token_with_the_scopes_of_its_grant() {
    let server = Server::start().await;
    let answer = server.token(request(json!({}))).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["pragma"], "no-cache");
    let token = answer.body["access_token"].as_str().unwrap();
    let members: Vec<_> = answer.body.as_object().unwrap().iter().skip(1).collect();
    let expected = object(json!({"scope": "read:users read:roles", "expires_in": 86_400, "token_type": "Bearer"}));
    assert_eq!(members, expected.iter().collect::<Vec<_>>());
    let jwt = Jwt::parse(token).unwrap();
    assert_eq!((jwt.algorithm, jwt.typ.as_deref()), (Some(Algorithm::Rs256), Some("JWT")));
    let expected = json!({
        "iss": "https://tenant.example.com/",
        "sub": "m2m@clients",
        "aud": MANAGEMENT,
        "iat": NOW,
        "exp": NOW + 86_400,
        "scope": "read:users read:roles",
        "gty": "client-credentials",
        "azp": "m2m",
    });
    assert_eq!(Value::Object(jwt.claims).to_string(), expected.to_string());
    assert_eq!(server.scopes(token).await, Ok(vec!["read:roles".to_owned(), "read:users".to_owned()]));
}

#[tokio::test]
async fn a_client_authenticates_by_header_or_body_in_json_or_form() {
    let server = Server::start().await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let basic = format!("Basic {}", STANDARD.encode("m2m:a secret"));
    let encoded = format!("Basic {}", STANDARD.encode("m2m:a+secret"));
    let public = format!("grant_type=client_credentials&audience={MANAGEMENT}");
    let in_body = format!("{public}&client_id=m2m&client_secret=a+secret");
    let requests = [
        (vec![form], in_body.clone(), 200),
        (vec![form, ("authorization", basic.as_str())], public.clone(), 200),
        (vec![form, ("authorization", encoded.as_str())], format!("{public}&client_id=m2m"), 200),
        (vec![form, ("authorization", basic.as_str())], in_body, 400),
        (vec![form, ("authorization", basic.as_str())], format!("{public}&client_id=web"), 401),
        (vec![form, ("authorization", "Basic x")], public.clone(), 401),
        (vec![form], public, 400),
    ];
    for (headers, body, status) in requests {
        let answer = server.send(Method::POST, "/oauth/token", &headers, body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body} {}", answer.body);
    }
}

#[tokio::test]
async fn refusals_are_in_the_services_words() {
    let server = Server::start().await;
    let not_granted = |client: &str, audience: &str| {
        format!(
            "Client \"{client}\" is not authorized to access resource server \"{audience}\". You need to create a \"client-grant\" associated to this API."
        )
    };
    let cases = [
        (json!({"grant_type": null}), 400, "invalid_request", "Missing required parameter: grant_type".to_owned()),
        (json!({"grant_type": "x"}), 403, "unsupported_grant_type", "Unsupported grant type: x".to_owned()),
        (json!({"client_id": null}), 400, "invalid_request", "Missing required parameter: client_id".to_owned()),
        (json!({"client_id": "unknown"}), 401, "access_denied", "Unauthorized".to_owned()),
        (json!({"client_id": "a\u{0}b"}), 401, "access_denied", "Unauthorized".to_owned()),
        (json!({"client_secret": "wrong"}), 401, "access_denied", "Unauthorized".to_owned()),
        (json!({"client_secret": null}), 401, "access_denied", "Unauthorized".to_owned()),
        (json!({"client_id": "spa"}), 401, "access_denied", "Unauthorized".to_owned()),
        (
            json!({"client_id": "web"}),
            403,
            "unauthorized_client",
            "Grant type 'client_credentials' not allowed for the client.".to_owned(),
        ),
        (
            json!({"audience": null}),
            403,
            "access_denied",
            "Non-global clients are not allowed access to APIv1".to_owned(),
        ),
        (json!({"audience": "urn:x"}), 403, "access_denied", "Service not enabled within domain: urn:x".to_owned()),
        (json!({"client_id": "ungranted", "audience": API}), 403, "access_denied", not_granted("ungranted", API)),
        (
            json!({"scope": "read:users read:logs x"}),
            403,
            "access_denied",
            "Client has not been granted scopes: read:logs, x".to_owned(),
        ),
        (
            json!({"organization": "org_1"}),
            400,
            "invalid_request",
            "parameter organization is not allowed for this client".to_owned(),
        ),
        (
            json!({"client_secret": null, "client_assertion": "x"}),
            400,
            "invalid_request",
            "Missing required parameter: client_assertion_type".to_owned(),
        ),
    ];
    for (change, status, code, description) in cases {
        let answer = server.token(request(change.clone())).await;
        let expected = json!({"error": code, "error_description": description});
        assert_eq!((answer.status.as_u16(), &answer.body), (status, &expected), "{change}");
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn exchanges_leave_log_entries() {
    let server = Server::start().await;
    server.access_token(json!({})).await;
    let entry = server.last_log().await;
    let shown = |entry: &Value, field: &str| entry[field].clone();
    assert_eq!(shown(&entry, "type"), "seccft");
    assert_eq!(shown(&entry, "client_name"), "Machine");
    assert_eq!(shown(&entry, "scope"), "read:users read:roles");
    assert_eq!(shown(&entry, "audience"), MANAGEMENT);
    assert_eq!((shown(&entry, "connection"), shown(&entry, "connection_id")), (Value::Null, "".into()));
    server.token(request(json!({"client_secret": "wrong"}))).await;
    let entry = server.last_log().await;
    assert_eq!((shown(&entry, "type"), shown(&entry, "description")), ("feccft".into(), "Unauthorized".into()));
    assert_eq!(shown(&entry, "client_id"), "m2m");
}

#[tokio::test]
async fn a_token_asks_for_fewer_scopes_and_ends_in_time() {
    let server = Server::start().await;
    let answer = server.token(request(json!({"scope": "read:roles"}))).await;
    assert_eq!(answer.body.get("scope"), None);
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!(server.scopes(token).await, Ok(vec!["read:roles".to_owned()]));
    server.clock.advance(Duration::from_secs(86_399));
    assert!(server.scopes(token).await.is_ok());
    server.clock.advance(Duration::from_secs(1));
    let expired = (401, "Expired token received for JSON Web Token validation".to_owned());
    assert_eq!(server.scopes(token).await, Err(expired.clone()));
    assert_eq!(server.scopes(token).await, Err(expired));
}

#[tokio::test]
async fn a_token_ends_with_its_client() {
    let server = Server::start().await;
    let token = server.access_token(json!({})).await;
    assert!(server.scopes(&token).await.is_ok());
    server.change(&CLIENT, "m2m", json!({"name": "Renamed"})).await;
    assert!(server.scopes(&token).await.is_ok());
    server.delete(&CLIENT, "m2m").await;
    assert_eq!(server.scopes(&token).await, Err((401, "Invalid token".to_owned())));
}

#[tokio::test]
async fn a_token_ends_with_its_grant_and_narrows_with_it() {
    let server = Server::start().await;
    let token = server.access_token(json!({})).await;
    assert_eq!(server.scopes(&token).await.unwrap().len(), 2);
    server.change(&CLIENT_GRANT, "cgr_1", json!({"scope": ["read:roles", "read:logs"]})).await;
    assert_eq!(server.scopes(&token).await, Ok(vec!["read:roles".to_owned()]));
    server.delete(&CLIENT_GRANT, "cgr_1").await;
    assert_eq!(server.scopes(&token).await, Err((401, "Invalid token".to_owned())));
}

#[tokio::test]
async fn a_token_ends_when_its_key_is_revoked_not_when_it_is_rotated() {
    let server = Server::start().await;
    let token = server.access_token(json!({})).await;
    let kid = Jwt::parse(&token).unwrap().kid.unwrap();
    server.send(Method::GET, "/.well-known/jwks.json", &[], String::new()).await;
    let new = Arc::new(keys::NewKey::generate(&Context::system(), DOMAIN));
    server.write(move |tx| keys::rotate(tx, &new).map(drop)).await;
    assert!(server.scopes(&token).await.is_ok());
    let later = server.access_token(json!({})).await;
    assert_ne!(Jwt::parse(&later).unwrap().kid.unwrap(), kid);
    let revoked = kid.clone();
    let revoke = move |tx: &mut Tx| keys::revoke(tx, &revoked).map(drop);
    server.store.write(&server.tenant, revoke).await.unwrap();
    let refusal = (401, "Invalid signature received for JSON Web Token validation".to_owned());
    assert_eq!(server.scopes(&token).await, Err(refusal));
    assert!(server.scopes(&later).await.is_ok());
    let jwks = server.send(Method::GET, "/.well-known/jwks.json", &[], String::new()).await.body;
    assert!(jwks["keys"].as_array().unwrap().iter().all(|key| key["kid"] != kid.as_str()));
}

#[tokio::test]
async fn foreign_and_tampered_tokens_are_refused() {
    let server = Server::start().await;
    let token = server.access_token(json!({})).await;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let invalid = Err((401, "Invalid token".to_owned()));
    let bad_signature = Err((401, "Invalid signature received for JSON Web Token validation".to_owned()));
    let tampered = format!("{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    assert_eq!(server.scopes(&format!("{header}.{payload}.{tampered}")).await, bad_signature);
    assert_eq!(server.scopes(&format!("{header}.e30.{signature}")).await, bad_signature);
    assert_eq!(server.scopes(&format!("e30.{payload}.{signature}")).await, invalid);
    // A token that any API's secret could make.
    let forged = signature::hmac_sha256(b"shared secret", signed.as_bytes());
    let hs256 = identity::jwt::finish(signed.to_owned(), &forged);
    assert_eq!(server.scopes(&hs256).await, bad_signature);
    let foreign = server.access_token(json!({"audience": API})).await;
    assert_eq!(server.scopes(&foreign).await, invalid);
}

#[tokio::test]
async fn an_api_decides_how_its_tokens_look() {
    let server = Server::start().await;
    server.change(&CLIENT_GRANT, "cgr_2", json!({"scope": ["a"]})).await;
    for algorithm in ["RS512", "PS256", "HS256"] {
        server.change(&RESOURCE_SERVER, "2", json!({"signing_alg": algorithm})).await;
        let token = server.access_token(json!({"audience": API})).await;
        let jwt = Jwt::parse(&token).unwrap();
        assert_eq!(jwt.algorithm.unwrap().name(), algorithm);
        assert_eq!(jwt.seconds("exp"), Some(NOW + 600));
        if algorithm == "HS256" {
            assert!(signature::verify_hmac_sha256(b"shared secret", jwt.signed, &jwt.signature));
            assert_eq!(jwt.kid, None);
        }
    }
    let dialect = json!({"signing_alg": "RS256", "token_dialect": "rfc9068_profile_authz", "enforce_policies": true});
    server.change(&RESOURCE_SERVER, "2", dialect).await;
    let token = server.access_token(json!({"audience": API})).await;
    let jwt = Jwt::parse(&token).unwrap();
    assert_eq!(jwt.typ.as_deref(), Some("at+jwt"));
    assert_eq!((jwt.text("client_id"), jwt.text("azp"), jwt.text("gty")), (Some("m2m"), None, None));
    assert_eq!(jwt.claims["permissions"], json!(["a"]));
    assert!(jwt.text("jti").is_some());
    server.change(&CLIENT_GRANT, "cgr_2", json!({"allow_all_scopes": true, "scope": null})).await;
    let token = server.access_token(json!({"audience": API})).await;
    assert_eq!(Jwt::parse(&token).unwrap().text("scope"), Some("a b"));
    let deny = json!({"subject_type_authorization": {"client": {"policy": "deny_all"}}});
    server.change(&RESOURCE_SERVER, "2", deny).await;
    assert_eq!(server.token(request(json!({"audience": API}))).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_tenant_may_have_a_default_audience() {
    let server = Server::start().await;
    let settings = |tx: &mut Tx| {
        let record = Record::new(TENANT_SETTINGS.name, object(json!({"default_audience": API})), tx.now());
        tx.insert(&TENANT_SETTINGS, record).map(drop)
    };
    server.write(settings).await;
    let token = server.access_token(json!({"audience": null})).await;
    assert_eq!(Jwt::parse(&token).unwrap().text("aud"), Some(API));
}

#[tokio::test]
async fn the_global_client_gets_an_opaque_token_for_the_deprecated_api() {
    let server = Server::start().await;
    let answer = server.token(request(json!({"client_id": "global", "audience": null}))).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (StatusCode::OK, &json!(86_400)));
    assert!(!answer.body["access_token"].as_str().unwrap().contains('.'));
}

#[tokio::test]
async fn a_machine_acts_for_an_organization_that_its_grant_allows() {
    let server = Server::start().await;
    server.change(&CLIENT_GRANT, "cgr_2", json!({"organization_usage": "require"})).await;
    let without = server.token(request(json!({"audience": API}))).await;
    assert_eq!(without.status, StatusCode::BAD_REQUEST);
    let for_acme = json!({"audience": API, "organization": "org_1"});
    assert_eq!(server.token(request(for_acme.clone())).await.status, StatusCode::FORBIDDEN);
    server.write(|tx| tx.relate(&ORGANIZATION_GRANTS, "org_1", "cgr_2", object(json!({}))).map(drop)).await;
    let token = server.access_token(for_acme).await;
    assert_eq!(Jwt::parse(&token).unwrap().text("org_id"), Some("org_1"));
    let other = json!({"audience": API, "organization": "org_2"});
    assert_eq!(server.token(request(other)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_client_proves_itself_once_with_each_assertion() {
    let server = Server::start().await;
    let key = CertifiedKey::generate(&Context::system(), "client", Duration::from_secs(86_400));
    let signing = SigningKey::from_pkcs8("the-key", &key.private_key).unwrap();
    let pem = key.certificate.pem();
    let credential = move |tx: &mut Tx| {
        let document = json!({"id": "cred_1", "client_id": "m2m", "kid": "the-key", "alg": "RS256", "pem": pem});
        let record = Record::new("cred_1", object(document), tx.now());
        tx.insert(&CREDENTIAL, record).map(drop)
    };
    server.write(credential).await;
    let methods = json!({"private_key_jwt": {"credentials": [{"id": "cred_1"}]}});
    server.change(&CLIENT, "m2m", json!({"client_authentication_methods": methods})).await;
    assert_eq!(server.token(request(json!({}))).await.status, StatusCode::UNAUTHORIZED);
    let assertion = |jti: &str| {
        let claims =
            json!({"iss": "m2m", "sub": "m2m", "aud": "https://tenant.example.com/", "exp": NOW + 60, "jti": jti});
        signing.sign(Algorithm::Rs256, "JWT", &claims).unwrap()
    };
    let with = |assertion: String| {
        request(json!({
            "client_id": null,
            "client_secret": null,
            "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }))
    };
    let first = assertion("1");
    assert_eq!(server.token(with(first.clone())).await.status, StatusCode::OK);
    let again = server.token(with(first)).await;
    let expected = json!({"error": "invalid_client", "error_description": "Client authentication failed"});
    assert_eq!((again.status, again.body), (StatusCode::UNAUTHORIZED, expected));
    let entry = server.last_log().await;
    assert_eq!(entry["description"], "Failed client authentication");
    assert_eq!(entry["details"]["client_authentication_error"], "client assertion was used before");
    assert_eq!(server.token(with(assertion("2"))).await.status, StatusCode::OK);
    // One that a refused exchange was tried with is used up, too.
    let third = with(assertion("3"));
    let mut elsewhere = third.clone();
    elsewhere["audience"] = "https://nowhere.example.com".into();
    assert_eq!(server.token(elsewhere).await.status, StatusCode::FORBIDDEN);
    assert_eq!(server.token(third).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_demanded_and_not_built_is_refused() {
    let server = Server::start().await;
    let good = || request(json!({"audience": API}));
    assert_eq!(server.token(good()).await.status, StatusCode::OK);
    let refused = async |who: &str| {
        let answer = server.token(good()).await;
        let text = answer.body["error_description"].as_str().unwrap_or_default();
        assert!(text.starts_with(who) && text.ends_with("which this server does not support."), "{text}");
        assert_eq!((answer.status, &answer.body["error"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")));
    };
    for demand in ["require_proof_of_possession", "compliance_level"] {
        let value = if demand == "compliance_level" { json!("fapi2_sp_pkj_mtls") } else { json!(true) };
        server.change(&CLIENT, "m2m", json!({demand: value})).await;
        refused("The client requires ").await;
        server.change(&CLIENT, "m2m", json!({demand: null})).await;
    }
    let proof = json!({"mechanism": "dpop", "required": true, "required_for": "all_clients"});
    server.change(&RESOURCE_SERVER, "2", json!({"proof_of_possession": proof})).await;
    refused("The API requires ").await;
}

#[tokio::test]
async fn the_key_set_shows_the_current_and_the_next_key() {
    let server = Server::start().await;
    let answer = server.send(Method::GET, "/.well-known/jwks.json", &[], String::new()).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    let keys = answer.body["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    let members: Vec<&str> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "kty", "use", "n", "e", "kid", "x5t", "x5c"]);
    let token = server.access_token(json!({})).await;
    assert_eq!(Jwt::parse(&token).unwrap().kid.as_deref(), keys[0]["kid"].as_str());
}

#[tokio::test]
async fn the_metadata_follows_the_settings() {
    let server = Server::start().await;
    let get = || server.send(Method::GET, "/.well-known/openid-configuration", &[], String::new());
    let metadata = get().await.body;
    assert_eq!(metadata["issuer"], "https://tenant.example.com/");
    assert_eq!(metadata["token_endpoint"], "https://tenant.example.com/oauth/token");
    // Only what is mounted is told, as far as the settings switch it on.
    let is_told = |metadata: &Value, member: &str| metadata.get(member).is_some();
    let is_mounted = |path: &str| crate::PATHS.contains(&path);
    assert_eq!(is_told(&metadata, "authorization_endpoint"), is_mounted("/authorize"));
    assert_eq!(is_told(&metadata, "end_session_endpoint"), is_mounted("/oidc/logout"));
    assert!(!is_told(&metadata, "pushed_authorization_request_endpoint"));
    let settings = |tx: &mut Tx| {
        let document = json!({
            "pushed_authorization_requests_supported": true,
            "oidc_logout": {"rp_logout_end_session_endpoint_discovery": false},
        });
        tx.insert(&TENANT_SETTINGS, Record::new(TENANT_SETTINGS.name, object(document), tx.now())).map(drop)
    };
    server.write(settings).await;
    let metadata = get().await.body;
    assert!(!is_told(&metadata, "end_session_endpoint"));
    assert_eq!(is_told(&metadata, "pushed_authorization_request_endpoint"), is_mounted("/oauth/par"));
}

#[tokio::test]
async fn a_blacklisted_token_is_refused_and_others_are_not() {
    let server = Server::start().await;
    server.change(&RESOURCE_SERVER, "1", json!({"token_dialect": "rfc9068_profile"})).await;
    let tokens = [server.access_token(json!({})).await, server.access_token(json!({})).await];
    let jti = |token: &str| Jwt::parse(token).unwrap().text("jti").unwrap().to_owned();
    let (first, second) = (jti(&tokens[0]), jti(&tokens[1]));
    assert!(server.scopes(&tokens[0]).await.is_ok());
    let of_others = first.clone();
    server.write(move |tx| identity::blacklist::add(tx, Some("another"), &of_others)).await;
    assert!(server.scopes(&tokens[0]).await.is_ok());
    server.write(move |tx| identity::blacklist::add(tx, Some("m2m"), &first)).await;
    assert_eq!(server.scopes(&tokens[0]).await, Err((401, "Invalid token".to_owned())));
    assert!(server.scopes(&tokens[1]).await.is_ok());
    server.write(move |tx| identity::blacklist::add(tx, None, &second)).await;
    assert!(server.scopes(&tokens[1]).await.is_err());
}
