//! Network access control lists: who is let in, kept out and sent elsewhere, and what the log tells of it.

use std::{sync::Arc, time::Duration};

use aught::{Config, Dns, TrustedProxies};
use flows::{Caller, Flows, Outcome, Run, Scope};
use kernel::{Context, FixedClock, SystemRandom, Timestamp};
use reqwest::{Client, StatusCode, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, eventually, logged},
    app::{API, claims},
    server::TestServer,
};

/// An address that no list of these tests is for.
const ELSEWHERE: &str = "198.51.100.7";

/// A server behind a proxy on this machine, which says where requests come from, and a client that is that proxy.
struct Guarded {
    server: TestServer,
    clock: Arc<FixedClock>,
    client: Client,
}

impl Guarded {
    async fn start() -> Self {
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_800_000_000)));
        let context = Context::new(Arc::clone(&clock) as _, Arc::new(SystemRandom));
        let trusted_proxies = TrustedProxies::parse(&["127.0.0.1".to_owned()]).unwrap();
        let trusted_proxies = trusted_proxies.telling_country(Some("x-country")).unwrap();
        let config = Config {
            context,
            trusted_proxies,
            dns: Dns::Trusting,
            developer_tools: Some(false),
            ..Config::in_memory()
        };
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { server: TestServer::of(config).await, clock, client }
    }

    /// Makes a list; gives its identifier.
    async fn list(&self, priority: u32, rule: Value) -> String {
        let list =
            json!({"description": format!("list {priority}"), "active": true, "priority": priority, "rule": rule});
        let made = self.server.post("/network-acls", list).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body["id"].as_str().unwrap().to_owned()
    }

    async fn forget(&self, id: &str) {
        assert_eq!(self.server.delete(&format!("/network-acls/{id}")).await.status, 200);
    }

    /// What a path answers to a request from an address: its status, and where it leads.
    async fn ask(&self, path: &str, address: &str) -> (StatusCode, Option<String>) {
        self.ask_as(path, address, &[]).await
    }

    async fn ask_as(&self, path: &str, address: &str, headers: &[(&str, &str)]) -> (StatusCode, Option<String>) {
        let mut request = self.client.get(self.server.url(path)).header("x-forwarded-for", address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let place = answer.headers().get("location").map(|place| place.to_str().unwrap().to_owned());
        (answer.status(), place)
    }

    async fn is_let_in(&self, path: &str, address: &str) -> bool {
        let (status, place) = self.ask(path, address).await;
        status != StatusCode::FORBIDDEN && place.is_none_or(|place| !place.starts_with("https://elsewhere.example"))
    }
}

/// A path of each interface: the Management API, the Authentication API, and the endpoint at which applications register themselves.
const PATHS: [&str; 3] = ["/api/v2/clients", "/.well-known/jwks.json", "/oidc/register"];

#[tokio::test]
async fn a_list_keeps_its_networks_out_of_its_scope_alone() {
    let guarded = Guarded::start().await;
    let rule = |scope: &str| json!({"action": {"block": true}, "scope": scope, "match": {"ipv4_cidrs": ["203.0.113.0/24"], "ipv6_cidrs": ["2001:db8::/32"]}});
    for (scope, is_let_in) in [
        ("management", [false, true, true]),
        ("authentication", [true, false, false]),
        ("tenant", [false, false, false]),
        ("dynamic_client_registration", [true, true, false]),
    ] {
        let id = guarded.list(1, rule(scope)).await;
        for (path, expected) in PATHS.into_iter().zip(is_let_in) {
            assert_eq!(guarded.is_let_in(path, "203.0.113.9").await, expected, "{scope} {path}");
            assert_eq!(guarded.is_let_in(path, "2001:db8::9").await, expected, "{scope} {path}");
            assert!(guarded.is_let_in(path, ELSEWHERE).await, "{scope} {path}");
        }
        let inactive = guarded.server.patch(&format!("/network-acls/{id}"), json!({"active": false})).await;
        assert_eq!(inactive.status, 200, "{inactive:?}");
        assert!(guarded.is_let_in(PATHS[0], "203.0.113.9").await && guarded.is_let_in(PATHS[1], "203.0.113.9").await);
        guarded.forget(&id).await;
    }
    // Those who look after the server are let in whatever a tenant says.
    guarded.list(1, rule("tenant")).await;
    assert_eq!(guarded.ask("/health/ready", "203.0.113.9").await.0, StatusCode::OK);
    guarded.server.end().await;
}

#[tokio::test]
async fn lists_are_asked_by_priority_and_let_in_keep_out_send_away_or_log() {
    let guarded = Guarded::start().await;
    let own = json!({"ipv4_cidrs": ["203.0.113.9", "127.0.0.1"]});
    guarded.list(1, json!({"action": {"log": true}, "scope": "tenant", "match_all": true})).await;
    guarded.list(2, json!({"action": {"allow": true}, "scope": "tenant", "match": own})).await;
    let away = json!({"redirect": true, "redirect_uri": "https://elsewhere.example/why"});
    let robots = json!({"user_agents": ["Robot/1.0"], "hostnames": ["localhost"]});
    guarded.list(3, json!({"action": away, "scope": "authentication", "match": robots})).await;
    let not_match = json!({"connecting_ipv4_cidrs": ["10.0.0.0/8"]});
    guarded.list(4, json!({"action": {"block": true}, "scope": "tenant", "not_match": not_match})).await;
    let path = PATHS[1];
    assert_eq!(guarded.ask(path, "203.0.113.9").await.0, StatusCode::OK);
    let robot = [("user-agent", "Robot/1.0")];
    assert_eq!(
        guarded.ask_as(path, "203.0.113.10", &robot).await,
        (StatusCode::FOUND, Some("https://elsewhere.example/why".to_owned()))
    );
    assert_eq!(guarded.ask(path, "203.0.113.10").await.0, StatusCode::FORBIDDEN);
    let answer = guarded.client.get(guarded.server.url(path)).header("x-forwarded-for", "203.0.113.10");
    let answer = answer.header("accept", "text/html").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(answer.text().await.unwrap().contains("<h1>Access denied</h1>"));
    let answer = guarded.client.get(guarded.server.url(PATHS[0])).header("x-forwarded-for", "203.0.113.10");
    let answer: Value = answer.send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["statusCode"], &answer["error"]), (&json!(403), &json!("Forbidden")));
    // The address is the one that the trusted proxy tells, not one that the client claims.
    assert_eq!(guarded.ask(path, "203.0.113.9, 203.0.113.10").await.0, StatusCode::FORBIDDEN);
    let claimed = [("auth0-forwarded-for", "203.0.113.9")];
    assert_eq!(guarded.ask_as(path, "203.0.113.10", &claimed).await.0, StatusCode::FORBIDDEN);
    guarded.server.end().await;
}

#[tokio::test]
async fn a_list_about_what_is_not_known_lets_in_and_keeps_out_nobody() {
    let guarded = Guarded::start().await;
    for conditions in [
        json!({"not_match": {"geo_country_codes": ["US"]}}),
        json!({"match": {"asns": [64500], "ipv4_cidrs": ["0.0.0.0/0"]}}),
        json!({"not_match": {"ja4_fingerprints": ["t13d"]}}),
        json!({"not_match": {"auth0_managed": ["auth0.tor"]}}),
    ] {
        let mut rule = json!({"action": {"block": true}, "scope": "tenant"});
        rule.as_object_mut().unwrap().extend(conditions.as_object().unwrap().clone());
        let id = guarded.list(1, rule).await;
        assert!(guarded.is_let_in(PATHS[1], ELSEWHERE).await, "{conditions}");
        guarded.forget(&id).await;
    }
    let rule =
        json!({"action": {"block": true}, "scope": "authentication", "not_match": {"geo_country_codes": ["US"]}});
    guarded.list(1, rule).await;
    for (country, status) in [("US", StatusCode::OK), ("DE", StatusCode::FORBIDDEN), ("XX", StatusCode::OK)] {
        assert_eq!(guarded.ask_as(PATHS[1], ELSEWHERE, &[("x-country", country)]).await.0, status, "{country}");
    }
    guarded.server.end().await;
}

#[tokio::test]
async fn code_and_the_log_are_told_the_country_that_a_trusted_proxy_tells() {
    let guarded = Guarded::start().await;
    let server = &guarded.server;
    let code = "exports.onExecuteCredentialsExchange = async (event, api) =>
        api.accessToken.setCustomClaim('https://example.com/from', event.request.geoip);";
    let id = deployed(server, "From", ("credentials-exchange", "v2"), code).await;
    bind(server, "credentials-exchange", &[&id]).await;
    let scopes = json!([{"value": "read:a"}]);
    server.post("/resource-servers", json!({"name": "API", "identifier": API, "scopes": scopes})).await;
    let client = server.post("/clients", json!({"name": "Job", "app_type": "non_interactive"})).await.body;
    let grant = json!({"client_id": client["client_id"], "audience": API, "scope": ["read:a"]});
    assert_eq!(server.post("/client-grants", grant).await.status, 201);
    let request = json!({
        "grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"],
        "audience": API,
    });
    let ask = guarded.client.post(server.url("/oauth/token")).header("x-forwarded-for", ELSEWHERE);
    let answer: Value = ask.header("x-country", "de").json(&request).send().await.unwrap().json().await.unwrap();
    assert_eq!(claims(&answer["access_token"])["https://example.com/from"], json!({"countryCode": "DE"}));
    let entry = logged(server, "seccft").await;
    assert_eq!((&entry["ip"], &entry["location_info"]), (&json!(ELSEWHERE), &json!({"country_code": "DE"})));
    guarded.server.end().await;
}

#[tokio::test]
async fn the_log_tells_how_often_lists_have_applied_in_ten_minutes() {
    let guarded = Guarded::start().await;
    let rule = json!({"action": {"block": true}, "scope": "authentication", "match": {"ipv4_cidrs": ["203.0.113.9"]}});
    let id = guarded.list(7, rule).await;
    for address in ["203.0.113.9", ELSEWHERE, "203.0.113.9"] {
        guarded.ask(PATHS[1], address).await;
    }
    guarded.clock.advance(Duration::from_secs(600));
    // The next one that is counted tells that the ten minutes are over.
    guarded.ask(PATHS[1], "203.0.113.9").await;
    let entry = eventually(async || {
        let entry = logged(&guarded.server, "acls_summary").await;
        (!entry.is_null()).then_some(entry)
    })
    .await;
    let stats = &entry["details"]["stats"][0];
    assert_eq!(
        (&stats["acl_id"], &stats["description"], &stats["priority"], &stats["action"]),
        (&json!(id), &json!("list 7"), &json!(7), &json!("block"))
    );
    let times = (&entry["details"]["start_time"], &entry["details"]["end_time"]);
    assert_eq!(times, (&json!("2027-01-15T08:00:00.000Z"), &json!("2027-01-15T08:10:00.000Z")));
    assert!(stats["match"]["success"].as_u64().unwrap() >= 2, "{entry}");
    assert!(stats["total_request_count"]["successes"].as_u64().unwrap() >= 3, "{entry}");
    guarded.server.end().await;
}

#[tokio::test]
async fn a_flow_that_calls_its_own_tenant_meets_the_tenants_lists() {
    let guarded = Guarded::start().await;
    let server = &guarded.server;
    let client = json!({"name": "Desk", "app_type": "non_interactive", "grant_types": ["client_credentials"]});
    let client = server.post("/clients", client).await.body;
    let domain = &server.running.domain;
    let audience = format!("https://{domain}/api/v2/");
    let grant = json!({"client_id": client["client_id"], "audience": audience, "scope": ["read:users"]});
    assert_eq!(server.post("/client-grants", grant).await.status, 201);
    let setup = json!({
        "type": "OAUTH_APP", "client_id": client["client_id"], "client_secret": client["client_secret"], "domain": domain,
    });
    let vault = json!({"name": "c", "app_id": "AUTH0", "setup": setup});
    let vault = server.post("/flows/vault/connections", vault).await.body["id"].as_str().unwrap().to_owned();
    let user = json!({"connection": "Username-Password-Authentication", "user_id": "cleo", "email": "cleo@example.com", "password": "Case-pass-9271!"});
    assert_eq!(server.post("/users", user).await.status, 201);
    let read = json!({"connection_id": vault, "user_id": "auth0|cleo"});
    let flow = json!({"name": "f", "actions": [{"id": "read", "type": "AUTH0", "action": "GET_USER", "params": read}]});
    let flow = server.post("/flows", flow).await.body["id"].as_str().unwrap().to_owned();
    let tenant = server.running.store.tenant_at(domain).await.unwrap().unwrap();
    let run = async || {
        let run = Run {
            tenant: &tenant,
            flow_id: &flow,
            journey_id: Some("journey"),
            scope: Scope::default(),
            caller: Caller::default(),
        };
        server.running.flows.run(run).await.unwrap()
    };
    assert!(matches!(run().await, Outcome::Completed { .. }));
    let agent = format!("aught-flows/{}", env!("CARGO_PKG_VERSION"));
    let rule = json!({"action": {"block": true}, "scope": "management", "match": {"user_agents": [agent], "ipv4_cidrs": ["127.0.0.0/8"]}});
    let id = guarded.list(1, rule).await;
    assert_eq!(run().await, Outcome::Failed);
    guarded.forget(&id).await;
    assert!(matches!(run().await, Outcome::Completed { .. }));
    guarded.server.end().await;
}
