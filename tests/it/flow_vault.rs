//! Connections of the vault that a service has to permit: begun by who sets them up, ended at the callback, renewed by flows.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aught::{Config, Dns, Endpoints};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flows::Outcome;
use http::{HeaderMap, StatusCode};
use kernel::{Context, FixedClock, SystemRandom, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    flows::{Site, action, error},
    server::TestServer,
};

/// A service that gives tokens for codes, and takes leads from who has one.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// Its own address.
    address: String,
    /// The code that was given, and what it is bound to.
    code: Option<BTreeMap<String, String>>,
    /// The tokens that are good, by number.
    tokens: usize,
    /// Whether tokens are renewed.
    renews: bool,
    /// Requests for tokens, by grant.
    asked: Vec<String>,
    /// Leads that were made, by the number of the token.
    leads: Vec<usize>,
    /// Whether the token that is good now is refused all the same, as services do that revoke one.
    is_revoked: bool,
}

impl Service {
    async fn start() -> Self {
        let service = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        {
            let mut known = service.0.lock().unwrap();
            known.address = format!("http://{}", listener.local_addr().unwrap());
            known.renews = true;
        }
        let router = Router::new()
            .route("/services/oauth2/authorize", get(permit))
            .route("/services/oauth2/token", post(tokens))
            .route("/services/data/v61.0/sobjects/Lead", post(lead))
            .with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    fn address(&self) -> String {
        self.0.lock().unwrap().address.clone()
    }

    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.clone()
    }

    fn leads(&self) -> Vec<usize> {
        self.0.lock().unwrap().leads.clone()
    }
}

/// Somebody permits it: they are sent back with a code.
async fn permit(State(service): State<Service>, Query(asked): Query<BTreeMap<String, String>>) -> Redirect {
    let target = format!("{}?code=code-word-1&state={}", asked["redirect_uri"], asked["state"]);
    service.0.lock().unwrap().code = Some(asked);
    Redirect::to(&target)
}

async fn tokens(State(service): State<Service>, body: Bytes) -> Response {
    let sent: BTreeMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let mut known = service.0.lock().unwrap();
    known.asked.push(sent["grant_type"].clone());
    let refused = |error: &str| {
        (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant", "error_description": error}))).into_response()
    };
    if sent.get("client_id").map(String::as_str) != Some("desk")
        || sent.get("client_secret").map(String::as_str) != Some("application-secret-1")
    {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"}))).into_response();
    }
    if sent["grant_type"] == "refresh_token" {
        // Each is good once.
        if !known.renews || sent["refresh_token"] != format!("renewal-{}", known.tokens) {
            return refused("the refresh token is not good");
        }
    } else {
        let Some(bound) = known.code.take() else { return refused("no such code") };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, sent["code_verifier"].as_bytes());
        let is_whose = sent["code"] == "code-word-1"
            && bound["redirect_uri"] == sent["redirect_uri"]
            && bound["code_challenge"] == URL_SAFE_NO_PAD.encode(digest);
        if !is_whose {
            return refused("the code is not good");
        }
    }
    known.tokens += 1;
    known.is_revoked = false;
    let number = known.tokens;
    let given = json!({
        "access_token": format!("access-word-{number}"), "refresh_token": format!("renewal-{number}"), "expires_in": 3600,
        "instance_url": known.address,
    });
    Json(given).into_response()
}

async fn lead(State(service): State<Service>, headers: HeaderMap) -> Response {
    let mut known = service.0.lock().unwrap();
    let number = known.tokens;
    let is_good = headers.get("authorization").is_some_and(|shown| *shown == *format!("Bearer access-word-{number}"));
    if !is_good || known.is_revoked {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    known.leads.push(number);
    (StatusCode::CREATED, Json(json!({"id": "00Q1", "success": true}))).into_response()
}

struct World {
    site: Site,
    service: Service,
    clock: Arc<FixedClock>,
    http: reqwest::Client,
}

impl World {
    async fn start() -> Self {
        let service = Service::start().await;
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_750_000_000)));
        let table = BTreeMap::from([("SALESFORCE".to_owned(), service.address())]);
        let config = Config {
            context: Context::new(Arc::clone(&clock) as _, Arc::new(SystemRandom)),
            dns: Dns::Trusting,
            developer_tools: Some(false),
            message_endpoints: Endpoints::new(table),
            ..Config::in_memory()
        };
        let site = Site::of(TestServer::of(config).await);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { site, service, clock, http }
    }

    /// Makes a connection that has to be permitted; gives it as its maker is shown it.
    async fn begun(&self) -> Value {
        let setup = json!({"type": "OAUTH_CODE", "client_id": "desk", "client_secret": "application-secret-1"});
        let body = json!({"name": "Leads", "app_id": "SALESFORCE", "setup": setup});
        let made = self.site.server.post("/flows/vault/connections", body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body
    }

    async fn connection(&self, made: &Value) -> Value {
        self.site.server.get(&path(made)).await.body
    }

    /// Permits it at the service; gives the path that somebody comes back to.
    async fn permitted(&self, url: &Value) -> String {
        let url = url.as_str().unwrap();
        assert!(url.starts_with(&format!("{}/services/oauth2/authorize?", self.service.address())), "{url}");
        let back = self.http.get(url).send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
        let own = format!("https://{}", self.site.server.running.domain);
        back.strip_prefix(&own).unwrap_or_else(|| panic!("{back}")).to_owned()
    }

    /// Comes back to a path: the status, and what the page says.
    async fn back(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(self.site.server.url(path)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// A connection that is ready.
    async fn ready(&self) -> Value {
        let made = self.begun().await;
        let back = self.permitted(&made["authorization_url"]).await;
        let (status, page) = self.back(&back).await;
        assert_eq!(status, 200, "{page}");
        made
    }

    async fn flow(&self, connection: &Value) -> String {
        let params = json!({"connection_id": connection["id"], "last_name": "Doe", "company": "{{fields.team}}"});
        self.site.flow(json!([action("lead", "SALESFORCE", "CREATE_LEAD", params)])).await
    }
}

fn path(made: &Value) -> String {
    format!("/flows/vault/connections/{}", made["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_connection_is_ready_once_the_service_permits_it_and_its_state_is_good_once() {
    let world = World::start().await;
    let made = world.begun().await;
    assert_eq!((&made["ready"], made.get("account_name")), (&json!(false), None));
    // Nobody else is told where it is permitted.
    let shown = world.connection(&made).await;
    assert!(shown.get("authorization_url").is_none() && shown["ready"] == false, "{shown}");
    let flow = world.flow(&made).await;
    assert_eq!(world.site.run(&flow).await, Outcome::Failed);
    let back = world.permitted(&made["authorization_url"]).await;
    let (status, page) = world.back(&back).await;
    assert!(status == 200 && page.contains("The connection is set up") && !page.contains("access-word"), "{page}");
    let shown = world.connection(&made).await;
    assert!(shown["ready"] == true && shown["refreshed_at"].is_string(), "{shown}");
    assert_eq!(shown["account_name"], world.service.address());
    assert_ne!(shown["fingerprint"], made["fingerprint"]);
    assert!(matches!(world.site.run(&flow).await, Outcome::Completed { .. }));
    assert_eq!((world.service.leads(), world.service.asked()), (vec![1], vec!["authorization_code".to_owned()]));
    let (status, page) = world.back(&back).await;
    assert!(status == 400 && page.contains("not known, or no more"), "{page}");
    assert_eq!(world.service.asked().len(), 1);
    // What was exchanged shows nowhere.
    let logs = world.site.server.get("/logs?per_page=100").await.body.to_string();
    let list = world.site.server.get("/flows/vault/connections").await.body.to_string();
    for secret in ["application-secret-1", "access-word", "renewal-1", "code-word", "state="] {
        assert!(!logs.contains(secret) && !list.contains(secret), "{secret}");
    }
    world.site.server.end().await;
}

#[tokio::test]
async fn a_state_is_for_its_connection_its_set_up_and_ten_minutes() {
    let world = World::start().await;
    // Whoever sets it up anew is sent to another place; the one before leads nowhere.
    let made = world.begun().await;
    let old = world.permitted(&made["authorization_url"]).await;
    let again = world.site.server.patch(&path(&made), json!({"setup": {"type": "OAUTH_CODE"}})).await.body;
    assert_ne!(again["authorization_url"], made["authorization_url"]);
    assert_eq!(world.back(&old).await.0, 400);
    // Nor does one that somebody took too long with, or of a connection that is gone.
    let slow = world.permitted(&again["authorization_url"]).await;
    world.clock.advance(Duration::from_secs(601));
    assert_eq!(world.back(&slow).await.0, 400);
    let gone = world.begun().await;
    let late = world.permitted(&gone["authorization_url"]).await;
    assert_eq!(world.site.server.delete(&path(&gone)).await.status, 204);
    assert_eq!(world.back(&late).await.0, 400);
    for path in ["", "?state=", "?state=unheard-of&code=x", &format!("?state={}&code=x", "s".repeat(5_000))] {
        assert_eq!(world.back(&format!("/flows/vault/callback{path}")).await.0, 400, "{path}");
    }
    assert!(world.service.asked().is_empty());
    // Somebody does not permit it; what the service says is a text.
    let last = world.site.server.patch(&path(&made), json!({"setup": {"type": "OAUTH_CODE"}})).await.body;
    let back = world
        .permitted(&last["authorization_url"])
        .await
        .replace("code=code-word-1", "error=access_denied&error_description=%3Cb%3ENo");
    let (status, page) = world.back(&back).await;
    assert!(status == 400 && page.contains("&lt;b&gt;No"), "{page}");
    assert_eq!(world.connection(&made).await["ready"], false);
    world.site.server.end().await;
}

#[tokio::test]
async fn a_token_is_renewed_when_it_expires_or_is_refused_and_once_for_all_flows() {
    let world = World::start().await;
    let made = world.ready().await;
    let flow = world.flow(&made).await;
    world.clock.advance(Duration::from_secs(3_590));
    // Many at once, and one renewal.
    let run = || world.site.run(&flow);
    let (a, b, c, d) = tokio::join!(run(), run(), run(), run());
    for outcome in [a, b, c, d] {
        assert!(matches!(outcome, Outcome::Completed { .. }), "{outcome:?}");
    }
    assert_eq!(world.service.leads(), [2; 4]);
    world.service.0.lock().unwrap().is_revoked = true;
    assert!(matches!(world.site.run(&flow).await, Outcome::Completed { .. }));
    assert_eq!(world.service.leads().last(), Some(&3));
    assert_eq!(world.service.asked(), ["authorization_code", "refresh_token", "refresh_token"]);
    assert_eq!(world.connection(&made).await["ready"], true);
    // A service that renews no more: somebody has to permit it again, and until then nothing is asked.
    world.service.0.lock().unwrap().renews = false;
    world.clock.advance(Duration::from_secs(3_600));
    for code in ["CONNECTION_REFUSED", "CONNECTION_NOT_READY"] {
        let params = json!({"connection_id": made["id"], "last_name": "Doe", "company": "x"});
        let (outcome, execution) = world.site.ran(json!([action("lead", "SALESFORCE", "CREATE_LEAD", params)])).await;
        assert_eq!((outcome, error(&execution).0), (Outcome::Failed, code), "{execution}");
        let shown = execution.to_string();
        assert!(!shown.contains("access-word") && !shown.contains("renewal-"), "{shown}");
    }
    assert_eq!(world.connection(&made).await["ready"], false);
    assert_eq!(world.service.asked().len(), 4);
    world.service.0.lock().unwrap().renews = true;
    let again = world.site.server.patch(&path(&made), json!({"setup": {"type": "OAUTH_CODE"}})).await.body;
    let back = world.permitted(&again["authorization_url"]).await;
    assert_eq!(world.back(&back).await.0, 200);
    assert!(matches!(world.site.run(&flow).await, Outcome::Completed { .. }));
    world.site.server.end().await;
}

#[tokio::test]
async fn a_code_in_the_set_up_is_exchanged_at_once_or_refuses_it() {
    let world = World::start().await;
    let verifier = "v".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes()));
    let redirect_uri = "https://app.example/back";
    let setup = json!({
        "type": "OAUTH_CODE", "client_id": "desk", "client_secret": "application-secret-1", "redirect_uri": redirect_uri,
        "code": "code-word-1", "code_verifier": verifier,
    });
    let body = json!({"name": "Leads", "app_id": "SALESFORCE", "setup": setup});
    let refused = world.site.server.post("/flows/vault/connections", body.clone()).await;
    let told = "The service gave no token: status 400, no such code.";
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(told)));
    assert!(world.site.server.get("/flows/vault/connections").await.body.as_array().unwrap().is_empty());
    let bound = [("redirect_uri", redirect_uri), ("code_challenge", challenge.as_str())];
    world.service.0.lock().unwrap().code = Some(bound.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let made = world.site.server.post("/flows/vault/connections", body).await;
    assert_eq!((made.status, &made.body["ready"]), (201, &json!(true)), "{made:?}");
    let flow = world.flow(&made.body).await;
    assert!(matches!(world.site.run(&flow).await, Outcome::Completed { .. }));
    // A code without an application can be exchanged by nobody here.
    let bare = json!({"name": "Bare", "app_id": "HUBSPOT", "setup": {"type": "OAUTH_CODE", "code": "code-word-2"}});
    let bare = world.site.server.post("/flows/vault/connections", bare).await;
    assert_eq!((bare.status, &bare.body["ready"]), (201, &json!(false)));
    let odd = json!({"setup": {"type": "OAUTH_CODE", "client_id": "desk", "client_secret": "application-secret-1", "environment": "moon"}});
    assert_eq!(world.site.server.patch(&path(&made.body), odd).await.status, 400);
    world.site.server.end().await;
}
