//! Flows: what their actions do, what executions and logs tell, and what hostile ones cannot do.

use std::{sync::Arc, time::Duration};

use aught::{Config, Dns};
use flows::{Caller, Flows, Outcome, Run, Scope};
use kernel::{Context, FixedClock, SystemRandom, Timestamp, object};
use serde_json::{Value, json};
use store::Database;

use crate::{
    actions::{eventually, logged},
    outbox::messages,
    server::TestServer,
    sinks::{HttpSink, SmtpSink},
};

const DATABASE: &str = "Username-Password-Authentication";
/// What a visitor's phone calls itself.
const AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                     Version/17.5 Mobile/15E148 Safari/604.1";

/// A server whose flows reach it, and what its flows are given.
pub(crate) struct Site {
    pub(crate) server: TestServer,
    pub(crate) scope: Scope,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::of(TestServer::start().await)
    }

    pub(crate) fn of(server: TestServer) -> Self {
        let scope = Scope {
            context: object(json!({"user": {"user_id": "auth0|cleo/1+2", "email": "cleo@example.com"}})),
            fields: object(json!({"email": "dora@example.com", "seats": 3, "team": "Third-Team", "pin": "47110815"})),
            transient: ["pin".to_owned()].into(),
            ..Scope::default()
        };
        Self { server, scope }
    }

    /// Makes a flow of these actions; gives its identifier.
    pub(crate) async fn flow(&self, actions: Value) -> String {
        let made = self.server.post("/flows", json!({"name": "flow", "actions": actions})).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body["id"].as_str().unwrap().to_owned()
    }

    /// Runs a flow.
    pub(crate) async fn run(&self, flow: &str) -> Outcome {
        let running = &self.server.running;
        let tenant = running.store.tenant_at(&running.domain).await.unwrap().unwrap();
        let caller = Caller { ip: "198.51.100.7".into(), user_agent: AGENT.into(), ..Caller::default() };
        let run =
            Run { tenant: &tenant, flow_id: flow, journey_id: Some("journey"), scope: self.scope.clone(), caller };
        running.flows.run(run).await.unwrap()
    }

    /// Runs a new flow of these actions; gives what came of it, and the newest execution.
    pub(crate) async fn ran(&self, actions: Value) -> (Outcome, Value) {
        let flow = self.flow(actions).await;
        let outcome = self.run(&flow).await;
        (outcome, self.execution(&flow).await)
    }

    /// The one execution of a flow, with its debug view.
    pub(crate) async fn execution(&self, flow: &str) -> Value {
        let list = self.server.get(&format!("/flows/{flow}/executions")).await.body;
        assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
        assert!(list[0].get("debug").is_none());
        let id = list[0]["id"].as_str().unwrap();
        let bare = self.server.get(&format!("/flows/{flow}/executions/{id}")).await.body;
        assert!(bare.get("debug").is_none());
        self.server.get(&format!("/flows/{flow}/executions/{id}?hydrate=debug")).await.body
    }

    /// A machine with these scopes, as a connection of the vault to the tenant itself.
    pub(crate) async fn connection(&self, name: &str, scope: &[&str]) -> String {
        let body = json!({"name": name, "app_type": "non_interactive", "grant_types": ["client_credentials"]});
        let client = self.server.post("/clients", body).await.body;
        let audience = format!("https://{}/api/v2/", self.server.running.domain);
        let grant = json!({"client_id": client["client_id"], "audience": audience, "scope": scope});
        assert_eq!(self.server.post("/client-grants", grant).await.status, 201);
        // The domain without its port means the tenant too.
        let setup = json!({
            "type": "OAUTH_APP", "client_id": client["client_id"], "client_secret": client["client_secret"],
            "domain": kernel::host_name(&self.server.running.domain),
        });
        self.vault("AUTH0", setup).await
    }

    pub(crate) async fn vault(&self, app: &str, setup: Value) -> String {
        let made =
            self.server.post("/flows/vault/connections", json!({"name": "c", "app_id": app, "setup": setup})).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn user(&self) {
        let user = json!({
            "connection": DATABASE, "user_id": "cleo/1+2", "email": "cleo@example.com", "password": "Case-pass-9271!",
            "given_name": "Cleo",
        });
        assert_eq!(self.server.post("/users", user).await.status, 201);
    }
}

pub(crate) fn vars(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Completed { vars, .. } | Outcome::ErrorMessage { vars, .. } => vars.clone().into(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn error(execution: &Value) -> (&str, &str) {
    let error = &execution["debug"]["error"];
    (error["code"].as_str().unwrap(), error["message"].as_str().unwrap())
}

pub(crate) fn action(id: &str, kind: &str, name: &str, params: impl Into<Value>) -> Value {
    let params: Value = params.into();
    json!({"id": id, "type": kind, "action": name, "params": params})
}

pub(crate) fn store_vars(vars: impl Into<Value>) -> Value {
    let vars: Value = vars.into();
    action("tell", "FLOW", "STORE_VARS", json!({"vars": vars}))
}

#[tokio::test]
async fn a_flow_maps_decides_and_stores_and_its_execution_shows_it() {
    let site = Site::start().await;
    let condition = |operator: &str| json!({"operator": operator, "operands": ["{{fields.seats}}", 3]});
    let (outcome, execution) = site
        .ran(json!([
            action("map", "FLOW", "MAP_VALUE", json!({"input": "{{fields.team}}", "cases": {"x": "y"}, "fallback": "other"})),
            action("made", "JSON", "CREATE_JSON", json!({"object": {"seats": "{{fields.seats}}", "list": [1, "{{fields.team}}"]}})),
            action("text", "JSON", "SERIALIZE_JSON", json!({"object": "{{actions.made.result}}"})),
            action("back", "JSON", "PARSE_JSON", json!({"json": "{{actions.text.json}}"})),
            action("xml", "XML", "SERIALIZE_XML", json!({"object": {"a": {"b": "{{fields.team}} & co"}}})),
            action("read", "XML", "PARSE_XML", json!({"xml": "{{actions.xml.xml}}"})),
            action("if", "FLOW", "BOOLEAN_CONDITION", json!({
                "if": condition("EQ"),
                "then": [action("inner", "FLOW", "BOOLEAN_CONDITION", json!({
                    "if": condition("LT"),
                    "then": [store_vars(json!({"never": true}))],
                    "else": [store_vars(json!({"taken": "{{actions.if.result}}"}))],
                }))],
                "else": [],
            })),
            action("last", "FLOW", "STORE_VARS", json!({"vars": {
                "tier": "{{actions.map.result}}", "same": "{{actions.back.object}}", "b": "{{actions.read.object.a.b}}",
            }})),
        ]))
        .await;
    let same = json!({"seats": 3, "list": [1, "Third-Team"]});
    let expected = json!({"taken": true, "tier": "other", "same": same, "b": "Third-Team & co"});
    assert_eq!(vars(&outcome), expected);
    assert_eq!((&execution["status"], &execution["journey_id"]), (&json!("COMPLETED"), &json!("journey")));
    let ran: Vec<_> = execution["debug"]["actions"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(ran, ["map", "made", "text", "back", "xml", "read", "if", "inner", "tell", "last"]);
    let entry = logged(&site.server, "flows_execution_completed").await;
    assert_eq!(entry["details"]["execution_id"], execution["id"]);
    assert_eq!((&entry["ip"], &entry["isMobile"]), (&json!("198.51.100.7"), &json!(true)));
    assert_eq!(entry["user_agent"], kernel::user_agent::summary(AGENT));
    let flow = site.server.get(&format!("/flows/{}", entry["details"]["flow_id"].as_str().unwrap())).await.body;
    assert!(flow["executed_at"].is_string(), "{flow}");
    site.server.end().await;
}

#[tokio::test]
async fn a_flow_ends_with_a_message_or_a_response_and_nothing_runs_after_it() {
    let site = Site::start().await;
    let say = action("say", "FLOW", "ERROR_MESSAGE", json!({"message": "Not {{fields.email}}"}));
    let (outcome, execution) =
        site.ran(json!([store_vars(json!({"kept": 1})), say, action("never", "FLOW", "DO_NOTHING", json!({}))])).await;
    assert_eq!(
        outcome,
        Outcome::ErrorMessage { message: "Not dora@example.com".into(), vars: object(json!({"kept": 1})) }
    );
    assert_eq!(execution["status"], "COMPLETED");
    assert!(execution["debug"]["actions"].get("never").is_none());
    let give = action("give", "FLOW", "RETURN_JSON", json!({"payload": {"seats": "{{fields.seats}}"}}));
    let (outcome, _) = site.ran(json!([give, store_vars(json!({"never": 1}))])).await;
    assert_eq!(outcome, Outcome::Completed { vars: object(json!({})), returned: Some(object(json!({"seats": 3}))) });
    site.server.end().await;
}

#[tokio::test]
async fn a_flow_creates_reads_and_changes_users_and_asks_the_management_api() {
    let site = Site::start().await;
    site.user().await;
    let desk = site
        .connection(
            "Desk",
            &["read:users", "create:users", "update:users", "read:organizations", "create:organizations"],
        )
        .await;
    site.server.post("/organizations", json!({"name": "first-team", "display_name": "First"})).await;
    site.server.post("/organizations", json!({"name": "second-team", "display_name": "Second"})).await;
    let (outcome, execution) = site
        .ran(json!([
            action("create", "AUTH0", "CREATE_USER", json!({"connection_id": desk, "payload": {
                "connection": DATABASE, "email": "{{fields.email}}", "password": "{{functions.uuid()}}-Aa1!",
                "app_metadata": {"seats": "{{fields.seats}}", "marks": ["{{fields.team}}", "new"], "by": {"id": "{{context.user.user_id}}"}},
            }})),
            action("read", "AUTH0", "GET_USER", json!({"connection_id": desk, "user_id": "{{context.user.user_id}}"})),
            action("teams", "AUTH0", "SEND_REQUEST", json!({
                "connection_id": desk, "method": "GET", "pathname": "/api/v2/organizations",
                "params": {"per_page": 1, "page": "1", "include_totals": "true", "sort": "display_name:1"},
            })),
            action("made", "AUTH0", "SEND_REQUEST", json!({
                "connection_id": desk, "method": "POST", "pathname": "/api/v2/organizations",
                "headers": {"auth0-client": "eyJuYW1lIjoiY2FzZSIsInZlcnNpb24iOiIxLjIuMyJ9"},
                "payload": {"name": "{{functions.toLowerCase(fields.team)}}", "display_name": "Team {{fields.team}}"},
            })),
            action("again", "AUTH0", "SEND_REQUEST", json!({
                "connection_id": desk, "method": "PATCH",
                "pathname": "/api/v2/users/{{functions.encodeURIComponent(context.user.user_id)}}",
                "payload": {"nickname": "by request"},
            })),
            action("mark", "AUTH0", "UPDATE_USER", json!({
                "connection_id": desk, "user_id": "{{context.user.user_id}}", "changes": {"user_metadata": {
                    "hired": "{{actions.create.user_id ?? actions.create.body.user_id}}",
                    "teams": "{{actions.teams.total ?? actions.teams.body.total}}",
                    "name": "{{actions.read.given_name}}",
                }},
            })),
            store_vars(json!({"status": "{{actions.made.status}}"})),
        ]))
        .await;
    assert_eq!(vars(&outcome), json!({"status": 201}), "{execution}");
    let dora = site.server.get("/users-by-email?email=dora@example.com").await.body[0].clone();
    let marks = json!({"seats": 3, "marks": ["Third-Team", "new"], "by": {"id": "auth0|cleo/1+2"}});
    assert_eq!(dora["app_metadata"], marks);
    let cleo = site.server.get("/users/auth0%7Ccleo%2F1%2B2").await.body;
    assert_eq!(cleo["nickname"], "by request");
    assert_eq!(cleo["user_metadata"], json!({"hired": dora["user_id"], "teams": 2, "name": "Cleo"}));
    // One token for all of them, and entries of the log as of any other caller.
    let tokens = site.server.get("/logs?q=type:seccft AND client_name:Desk").await.body;
    assert_eq!(tokens.as_array().unwrap().len(), 1, "{tokens}");
    let entry = logged(&site.server, "flows_execution_completed").await;
    assert!(entry["details"]["execution_id"].is_string());
    // A header of the flow's own reaches the API.
    let made = site.server.get("/logs?q=type:sapi&per_page=100").await.body;
    let libraries: Vec<_> = made.as_array().unwrap().iter().map(|entry| &entry["auth0_client"]["version"]).collect();
    assert!(libraries.contains(&&json!("1.2.3")), "{made}");
    let shown = execution.to_string();
    let password = execution["debug"]["actions"]["create"]["input"]["payload"]["password"].as_str().unwrap();
    assert!(password == "███" && !shown.contains("-Aa1!") && !shown.contains("Bearer"), "{shown}");
    site.server.end().await;
}

#[tokio::test]
async fn what_the_management_api_refuses_fails_the_flow_unless_the_action_may_fail() {
    let site = Site::start().await;
    let (reader, empty) = (site.connection("Reader", &["read:users"]).await, {
        let made = site.server.post("/flows/vault/connections", json!({"name": "e", "app_id": "AUTH0"})).await.body;
        made["id"].as_str().unwrap().to_owned()
    });
    let create = |connection: &str| {
        let payload = json!({"connection": DATABASE, "email": "{{fields.email}}", "password": "Case-pass-9271!"});
        action("create", "AUTH0", "CREATE_USER", json!({"connection_id": connection, "payload": payload}))
    };
    let (outcome, execution) = site.ran(json!([create(&reader), store_vars(json!({"never": 1}))])).await;
    assert_eq!((outcome, &execution["status"]), (Outcome::Failed, &json!("FAILED")));
    let response = &execution["debug"]["actions"]["create"]["error"]["response"];
    assert_eq!((&response["status"], &response["body"]["errorCode"]), (&json!(403), &json!("insufficient_scope")));
    assert!(execution["debug"]["actions"].get("tell").is_none());
    let entry = logged(&site.server, "flows_execution_failed").await;
    assert_eq!(entry["details"]["error"]["code"], "REQUEST_REFUSED");

    let (outcome, execution) = site.ran(json!([create(&empty)])).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "CONNECTION_NOT_READY"));

    let params =
        json!({"connection_id": reader, "user_id": "{{fields.unheard_of}}", "changes": {"nickname": "nobody"}});
    let mut update = action("update", "AUTH0", "UPDATE_USER", params);
    let (outcome, execution) = site.ran(json!([update])).await;
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(error(&execution), ("INVALID_PARAMS", "The parameter \"user_id\" is required."));
    update["allow_failure"] = true.into();
    let told = store_vars(json!({"outcome": "went on", "why": "{{actions.update.error.code}}"}));
    let (outcome, execution) = site.ran(json!([update, told])).await;
    assert_eq!(vars(&outcome), json!({"outcome": "went on", "why": "INVALID_PARAMS"}));
    assert_eq!(execution["status"], "COMPLETED");
    assert!(site.server.get("/users").await.body.as_array().unwrap().is_empty());
    site.server.end().await;
}

#[tokio::test]
async fn a_wrong_secret_in_the_vault_fails_the_flow_and_is_not_shown() {
    let site = Site::start().await;
    site.user().await;
    let desk = site.connection("Desk", &["read:users"]).await;
    let read = json!([action(
        "read",
        "AUTH0",
        "GET_USER",
        json!({"connection_id": desk, "user_id": "{{context.user.user_id}}"})
    )]);
    let flow = site.flow(read.clone()).await;
    assert!(matches!(site.run(&flow).await, Outcome::Completed { .. }));
    let setup = json!({"type": "OAUTH_APP", "client_id": "x", "client_secret": "wrong-secret", "domain": site.server.running.domain});
    site.server.patch(&format!("/flows/vault/connections/{desk}"), json!({"setup": setup})).await;
    let (outcome, execution) = site.ran(read).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "CONNECTION_REFUSED"));
    assert!(!execution.to_string().contains("wrong-secret"));
    site.server.end().await;
}

#[tokio::test]
async fn users_are_not_created_by_the_canonical_domain_of_a_tenant_with_several_custom_ones() {
    let site = Site::start().await;
    let desk = site.connection("Desk", &["create:users"]).await;
    for domain in ["a.example.com", "b.example.com"] {
        let made =
            site.server.post("/custom-domains", json!({"domain": domain, "type": "auth0_managed_certs"})).await.body;
        let path = format!("/custom-domains/{}/verify", made["custom_domain_id"].as_str().unwrap());
        assert_eq!(site.server.post(&path, json!({})).await.body["status"], "ready");
    }
    let payload = json!({"connection": DATABASE, "email": "{{fields.email}}", "password": "Case-pass-9271!"});
    let create = action("create", "AUTH0", "CREATE_USER", json!({"connection_id": desk, "payload": payload}));
    let (outcome, execution) = site.ran(json!([create])).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "CUSTOM_DOMAIN_REQUIRED"));
    assert!(site.server.get("/users").await.body.as_array().unwrap().is_empty());
    // By one of the custom domains they are.
    let client = site.server.get("/clients").await.body;
    let client = client.as_array().unwrap().iter().find(|client| client["name"] == "Desk").unwrap().clone();
    let setup = json!({
        "type": "OAUTH_APP", "client_id": client["client_id"], "client_secret": client["client_secret"],
        "domain": "b.example.com", "audience": format!("https://{}/api/v2/", site.server.running.domain),
    });
    let connection = site.vault("AUTH0", setup).await;
    let payload = json!({"connection": DATABASE, "email": "{{fields.email}}", "password": "Case-pass-9271!"});
    let create = action("create", "AUTH0", "CREATE_USER", json!({"connection_id": connection, "payload": payload}));
    let (outcome, execution) = site.ran(json!([create])).await;
    assert!(matches!(outcome, Outcome::Completed { .. }), "{execution}");
    assert_eq!(site.server.get("/users").await.body[0]["email"], "dora@example.com");
    site.server.end().await;
}

#[tokio::test]
async fn a_request_has_its_parameters_headers_body_and_credentials_and_its_answer_is_read() {
    let site = Site::start().await;
    let quote = json!({"price": 12.5, "details": "{\"currency\": \"EUR\"}", "echo": "case-token-1"});
    let sink = HttpSink::start([(200, quote), (204, json!({})), (409, json!({"reason": "closed"}))]).await;
    let bearer = site.vault("HTTP", json!({"type": "BEARER", "token": "case-token-1"})).await;
    let (outcome, execution) = site
        .ran(json!([
            action("quote", "HTTP", "SEND_REQUEST", json!({
                "connection_id": bearer, "url": format!("{}/quote", sink.address), "method": "POST",
                "params": {"note": "a b&c=d/é", "page": 3}, "headers": {"x-case": "plan-{{functions.toUpperCase(fields.team)}}"},
                "payload": {"seats": "{{fields.seats}}", "pin": "{{fields.pin}}"}, "content_type": "JSON",
            })),
            action("report", "HTTP", "SEND_REQUEST", json!({
                "url": format!("{}/report", sink.address), "method": "PUT", "basic": {"username": "case", "password": "p:word"},
                "payload": {"a b": "c&d"}, "content_type": "FORM",
            })),
            action("conflict", "HTTP", "SEND_REQUEST", json!({"url": format!("{}/conflict", sink.address), "method": "GET"})),
            store_vars(json!({
                "price": "{{actions.quote.body.price}}", "ok": "{{actions.quote.success}}", "sent": "{{actions.report.status}}",
                "reason": "{{actions.conflict.body.reason}}", "closed": "{{actions.conflict.success}}",
            })),
        ]))
        .await;
    let expected = json!({"price": 12.5, "ok": true, "sent": 204, "reason": "closed", "closed": false});
    assert_eq!(vars(&outcome), expected, "{execution}");
    let taken = sink.taken();
    assert_eq!(taken[0].path, "/quote?note=a+b%26c%3Dd%2F%C3%A9&page=3");
    assert_eq!(taken[0].headers["authorization"], "Bearer case-token-1");
    assert_eq!(taken[0].headers["x-case"], "plan-THIRD-TEAM");
    assert_eq!(taken[0].json(), json!({"seats": 3, "pin": "47110815"}));
    assert_eq!(
        (taken[1].headers["authorization"].as_bytes(), taken[1].body.as_str()),
        (&b"Basic Y2FzZTpwOndvcmQ="[..], "a+b=c%26d")
    );
    let shown = execution.to_string();
    for secret in ["case-token-1", "p:word", "47110815"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    site.server.end().await;
}

#[tokio::test]
async fn each_way_to_vouch_for_a_request_is_sent_and_client_credentials_are_fetched_once() {
    let site = Site::start().await;
    let token = json!({"access_token": "fetched-token-1", "expires_in": 3600});
    let sink = HttpSink::start([(200, token)]).await;
    let endpoint = format!("{}/token", sink.address).replace("http://", "https://");
    let setup = json!({"type": "OAUTH_CLIENT_CREDENTIALS", "client_id": "c", "client_secret": "client-secret-1", "token_endpoint": endpoint, "scope": "a b"});
    // The published format asks for https, which a sink without a certificate does not speak: the flow says so and shows no secret.
    let credentials = site.vault("HTTP", setup).await;
    let call = |id: &str, connection: &str| {
        action(
            id,
            "HTTP",
            "SEND_REQUEST",
            json!({"connection_id": connection, "url": format!("{}/x", sink.address), "method": "GET"}),
        )
    };
    let (outcome, execution) = site.ran(json!([call("a", &credentials)])).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "REQUEST_FAILED"));
    let header =
        site.vault("HTTP", json!({"type": "API_KEY", "name": "x-key", "value": "header-key-1", "in": "HEADER"})).await;
    let query =
        site.vault("HTTP", json!({"type": "API_KEY", "name": "key", "value": "query-key-1", "in": "QUERY"})).await;
    let basic = site.vault("HTTP", json!({"type": "BASIC_AUTH", "username": "u", "password": "basic-pass-1"})).await;
    let (_, execution) = site.ran(json!([call("a", &header), call("b", &query), call("c", &basic)])).await;
    let taken = sink.taken();
    assert_eq!(taken[0].headers["x-key"], "header-key-1");
    assert_eq!(taken[1].path, "/x?key=query-key-1");
    assert_eq!(taken[2].headers["authorization"], "Basic dTpiYXNpYy1wYXNzLTE=");
    let shown = execution.to_string();
    assert!(!shown.contains("header-key-1") && !shown.contains("query-key-1") && !shown.contains("basic-pass-1"));
    site.server.end().await;
}

#[tokio::test]
async fn nobody_is_called_who_may_not_be_and_a_flow_tells_why_it_failed() {
    let config = Config {
        dns: Dns::Trusting,
        outbound_private: Some(aught::OutboundPrivate::Refuse),
        developer_tools: Some(false),
        ..Config::in_memory()
    };
    let site = Site::of(TestServer::of(config).await);
    let sink = HttpSink::start([]).await;
    let ask = |url: &str| json!([action("ask", "HTTP", "SEND_REQUEST", json!({"url": url, "method": "GET"}))]);
    let (outcome, execution) = site.ran(ask(&format!("{}/x", sink.address))).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "REQUEST_REFUSED"));
    assert!(sink.taken().is_empty());
    let (_, execution) = site.ran(ask("file:///etc/passwd")).await;
    assert_eq!(error(&execution).0, "INVALID_PARAMS");
    let broken = json!([action("parse", "JSON", "PARSE_JSON", json!({"json": "{\"open\": "}))]);
    assert_eq!(error(&site.ran(broken).await.1).0, "INVALID_JSON");
    // The tenant itself is reached all the same: nothing leaves the process.
    site.user().await;
    let desk = site.connection("Desk", &["read:users"]).await;
    let read =
        action("read", "AUTH0", "GET_USER", json!({"connection_id": desk, "user_id": "{{context.user.user_id}}"}));
    assert!(matches!(site.ran(json!([read])).await.0, Outcome::Completed { .. }));
    // The developer's tools are no part of an API.
    let tools = action(
        "tools",
        "AUTH0",
        "SEND_REQUEST",
        json!({"connection_id": desk, "method": "GET", "pathname": "/_aught/outbox"}),
    );
    assert_eq!(error(&site.ran(json!([tools])).await.1).0, "INVALID_PARAMS");
    site.server.end().await;
}

#[tokio::test]
async fn a_code_is_good_once_and_for_five_minutes() {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_750_000_000)));
    let context = Context::new(Arc::clone(&clock) as _, Arc::new(SystemRandom));
    let mut site = Site::of(TestServer::with(context).await);
    let generate = json!({"id": "code", "type": "OTP", "action": "GENERATE_CODE", "mask_output": true, "params": {"reference": "change {{fields.email}}", "length": 6}});
    let keep = store_vars(json!({"code": "{{actions.code.code}}"}));
    let (outcome, execution) = site.ran(json!([generate, keep])).await;
    let code = vars(&outcome)["code"].as_str().unwrap().to_owned();
    assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()));
    assert!(!execution.to_string().contains(&code), "{execution}");
    let check = json!([
        action(
            "check",
            "OTP",
            "VERIFY_CODE",
            json!({"reference": "change {{fields.email}}", "code": "{{fields.pin}}"})
        ),
        store_vars(json!({"result": "{{actions.check.result}}"})),
    ]);
    let flow = site.flow(check).await;
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for (given, expected) in [(wrong, "UNEQUAL"), (code.as_str(), "VALID"), (code.as_str(), "MISSING")] {
        site.scope.fields.insert("pin".into(), given.into());
        assert_eq!(vars(&site.run(&flow).await), json!({"result": expected}));
    }
    let again = site.flow(json!([generate, keep])).await;
    let newer = vars(&site.run(&again).await)["code"].clone();
    clock.advance(Duration::from_secs(301));
    site.scope.fields.insert("pin".into(), newer);
    assert_eq!(vars(&site.run(&flow).await), json!({"result": "EXPIRED"}));
    // Whoever tries all codes is not let try all.
    site.run(&again).await;
    site.scope.fields.insert("pin".into(), "x".into());
    for _ in 0..10 {
        assert_eq!(vars(&site.run(&flow).await), json!({"result": "UNEQUAL"}));
    }
    assert_eq!(vars(&site.run(&flow).await), json!({"result": "MISSING"}));
    site.server.end().await;
}

#[tokio::test]
async fn a_token_is_signed_and_verified_by_a_key_of_the_vault() {
    let mut site = Site::start().await;
    // One whose signer wants something understood that nobody here knows.
    let input =
        identity::jwt::signing_input(&json!({"alg": "HS256", "crit": ["b64"], "b64": true}), &json!({"aud": "a"}))
            .unwrap();
    let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"a-shared-secret");
    let signature = aws_lc_rs::hmac::sign(&hmac, input.as_bytes());
    site.scope.fields.insert("critical".into(), identity::jwt::finish(input, signature.as_ref()).into());
    let key = site.vault("JWT", json!({"type": "JWT", "algorithm": "HS256", "secret": "a-shared-secret"})).await;
    let verify = |id: &str, token: &str, audience: &str| {
        action(id, "JWT", "VERIFY_JWT", json!({"connection_id": key, "token": token, "audience": audience}))
    };
    let (outcome, execution) = site
        .ran(json!([
            action("sign", "JWT", "SIGN_JWT", json!({
                "connection_id": key, "payload": {"plan": "{{fields.team}}"}, "subject": "s", "audience": "a", "expires_in": "5m",
            })),
            verify("good", "{{actions.sign.token}}", "a"),
            verify("other", "{{actions.sign.token}}", "b"),
            verify("forged", "{{functions.slice(actions.sign.token, 0, -4)}}AAAA", "a"),
            action("read", "JWT", "DECODE_JWT", json!({"token": "{{actions.sign.token}}"})),
            verify("critical", "{{fields.critical}}", "a"),
            store_vars(json!({
                "critical": "{{actions.critical.cause}}",
                "good": "{{actions.good.valid}}", "plan": "{{actions.good.payload.plan}}", "other": "{{actions.other.cause}}",
                "forged": "{{actions.forged.cause}}", "alg": "{{actions.read.header.alg}}",
            })),
        ]))
        .await;
    let expected = json!({"good": true, "plan": "Third-Team", "other": "INVALID_AUDIENCE", "forged": "INVALID_SIGNATURE", "alg": "HS256", "critical": "UNSUPPORTED_HEADER"});
    assert_eq!(vars(&outcome), expected, "{execution}");
    assert!(!execution.to_string().contains("a-shared-secret"));
    site.server.end().await;
}

#[tokio::test]
async fn an_email_has_the_flows_words_variables_and_sender() {
    let (site, sink) = (Site::start().await, SmtpSink::start().await);
    let send = json!([
        {"id": "code", "type": "OTP", "action": "GENERATE_CODE", "mask_output": true, "params": {"reference": "r", "length": 6}},
        action("send", "AUTH0", "SEND_EMAIL", json!({
            "from": {"name": "Front desk", "email": "desk@sender.example"}, "to": "{{fields.email}}",
            "subject": "News of {{ custom_vars.team }}",
            "body": "<p>Hello {{ custom_vars.name | escape }}</p><b>{{ custom_vars.code }}</b><p>[{{ fields.email }}][{{ custom_vars.none | default: 'none' }}]</p>",
            "custom_vars": {"team": "{{fields.team}}", "name": "Ben & <b>Bo</b>", "code": "{{actions.code.code}}"},
        })),
        store_vars(json!({"sent": "{{actions.send.success}}", "code": "{{actions.code.code}}"})),
    ]);
    let (outcome, execution) = site.ran(send.clone()).await;
    assert_eq!((outcome, error(&execution).0), (Outcome::Failed, "PROVIDER_NOT_ENABLED"));
    let credentials =
        json!({"smtp_host": "127.0.0.1", "smtp_port": sink.port, "smtp_user": "me", "smtp_pass": "pass-word-1"});
    let provider = json!({"name": "smtp", "enabled": true, "default_from_address": "mail@acme.example", "credentials": credentials});
    assert_eq!(site.server.post("/emails/provider", provider).await.status, 201);
    let (outcome, execution) = site.ran(send.clone()).await;
    let code = vars(&outcome)["code"].as_str().unwrap().to_owned();
    assert!(!execution.to_string().contains(&code), "{execution}");
    let message = eventually(async || sink.taken().get(3).cloned()).await.replace("=\r\n", "").replace("=3D", "=");
    for part in [
        "Front desk".to_owned(),
        "<desk@sender.example>".to_owned(),
        "To: dora@example.com".to_owned(),
        "Subject: News of Third-Team".to_owned(),
        format!("<p>Hello Ben &amp; &lt;b&gt;Bo&lt;/b&gt;</p><b>{code}</b><p>[][none]</p>"),
    ] {
        assert!(message.contains(&part), "{part}: {message}");
    }
    site.server.patch("/emails/provider", json!({"enabled": false})).await;
    assert_eq!(error(&site.ran(send).await.1).0, "PROVIDER_NOT_ENABLED");
    site.server.end().await;
}

#[tokio::test]
async fn a_text_and_a_call_have_the_flows_words() {
    let site = Site::of(TestServer::of(Config { dns: Dns::Trusting, ..Config::in_memory() }).await);
    let params = json!({"to": "+1 415 555 2671", "message": "{{ custom_vars.team }} {{ fields.email }}!", "custom_vars": {"team": "{{fields.team}}"}});
    let both =
        json!([action("text", "AUTH0", "SEND_SMS", params.clone()), action("call", "AUTH0", "MAKE_CALL", params)]);
    let (outcome, execution) = site.ran(both).await;
    assert!(matches!(outcome, Outcome::Completed { .. }), "{execution}");
    let found = eventually(async || {
        let found = messages(&site.server, "?channel=phone").await;
        (found.len() == 2).then_some(found)
    })
    .await;
    for message in found {
        assert_eq!((&message["to"], &message["text"]), (&json!("+14155552671"), &json!("Third-Team !")));
    }
    site.server.end().await;
}

#[tokio::test]
async fn an_address_is_judged_by_the_rules_of_the_flow() {
    let site = Site::start().await;
    let verify = |id: &str, email: &str, rules: Value| {
        action(id, "EMAIL", "VERIFY_EMAIL", json!({"email": email, "rules": rules}))
    };
    let (outcome, _) = site
        .ran(json!([
            verify("good", "{{fields.email}}", json!({"require_mx_record": true, "block_free_emails": true})),
            verify("free", "ann@gmail.com", json!({"block_free_emails": true})),
            store_vars(json!({"good": "{{actions.good.valid}}", "cause": "{{actions.good.cause}}", "free": "{{actions.free.cause}}"})),
        ]))
        .await;
    assert_eq!(vars(&outcome), json!({"good": true, "cause": null, "free": "FREE_EMAIL"}));
    site.server.end().await;
}

#[tokio::test]
async fn a_flow_that_waits_goes_on_when_its_time_has_come_on_another_server() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_750_000_000)));
    let config = || Config {
        context: Context::new(Arc::clone(&clock) as _, Arc::new(SystemRandom)),
        dns: Dns::Trusting,
        developer_tools: Some(false),
        root_key: Some(kernel::Secret::new("11".repeat(32))),
        domain: Some("waits.example.com".to_owned()),
        database: Database::File(folder.path().join("aught.db")),
        ..Config::in_memory()
    };
    let site = Site::of(TestServer::of(config()).await);
    let flow = site
        .flow(json!([
            store_vars(json!({"before": "{{fields.team}}"})),
            action("wait", "FLOW", "DELAY_FLOW", json!({"number": "{{fields.seats}}", "units": "HOURS"})),
            action("after", "FLOW", "STORE_VARS", json!({"vars": {"after": "{{vars.before}} {{fields.seats}}"}})),
        ]))
        .await;
    let Outcome::Waiting { execution_id } = site.run(&flow).await else { panic!("it waits") };
    let execution = site.execution(&flow).await;
    assert_eq!((&execution["status"], &execution["id"]), (&json!("RUNNING"), &json!(execution_id)));
    assert!(execution.get("ended_at").is_none());
    site.server.running.stop().await;
    clock.advance(Duration::from_secs(3 * 3_600 + 1));
    let running = aught::Server::start(config()).await.unwrap();
    let tenant = running.store.tenant_at(&running.domain).await.unwrap().unwrap();
    let outcome = eventually(async || match running.flows.outcome(&tenant, &execution_id).await.unwrap() {
        Outcome::Waiting { .. } => None,
        outcome => Some(outcome),
    })
    .await;
    assert_eq!(vars(&outcome), json!({"before": "Third-Team", "after": "Third-Team 3"}));
    running.stop().await;
}

#[tokio::test]
async fn hostile_flows_end_at_a_bound_and_harm_nobody() {
    let mut site = Site::start().await;
    site.scope.fields.insert("evil".into(), "{{vars.secret}} {{functions.now()}} </script>".into());
    site.scope.vars.insert("secret".into(), "treasure".into());
    site.scope.fields.insert("big".into(), "x".repeat(300_000).into());
    // What somebody typed is no expression.
    let echo = action("echo", "JSON", "CREATE_JSON", json!({"object": {"said": "{{fields.evil}}"}}));
    let (outcome, execution) =
        site.ran(json!([echo, store_vars(json!({"said": "{{actions.echo.result.said}}"}))])).await;
    assert_eq!(vars(&outcome)["said"], "{{vars.secret}} {{functions.now()}} </script>");
    assert!(!execution.to_string().contains("treasure"));
    // Values that grow without end.
    let bomb = action(
        "bomb",
        "JSON",
        "CREATE_JSON",
        json!({"object": {"x": "{{functions.replaceAll(fields.big, 'x', fields.big)}}"}}),
    );
    assert_eq!(error(&site.ran(json!([bomb])).await.1).0, "EXPRESSION_LIMIT");
    let hold = |number: usize| {
        action(&format!("hold{number}"), "JSON", "CREATE_JSON", json!({"object": {"x": "{{fields.big}}"}}))
    };
    let many: Vec<Value> = (0..20).map(hold).collect();
    assert_eq!(error(&site.ran(many.into()).await.1).0, "PAYLOAD_TOO_LARGE");
    // More actions than anybody wrote by hand, and deep ones.
    let many: Vec<Value> =
        (0..501).map(|number| action(&format!("a{number}"), "FLOW", "DO_NOTHING", json!({}))).collect();
    assert_eq!(error(&site.ran(many.into()).await.1).0, "TOO_MANY_ACTIONS");
    let deep = (0..20).fold(store_vars(json!({"deep": true})), |inner, depth| {
        action(&format!("c{depth}"), "FLOW", "BOOLEAN_CONDITION", json!({"if": true, "then": [inner]}))
    });
    assert_eq!(vars(&site.ran(json!([deep])).await.0)["deep"], true);
    let wait = action("wait", "FLOW", "DELAY_FLOW", json!({"number": 31, "units": "DAYS"}));
    assert_eq!(error(&site.ran(json!([wait])).await.1).0, "INVALID_PARAMS");
    // A header that would be two, and one that is the connection's.
    for headers in [json!({"x": "a\r\nevil: 1"}), json!({"Host": "other.example"})] {
        let ask = action(
            "ask",
            "HTTP",
            "SEND_REQUEST",
            json!({"url": "https://a.example", "method": "GET", "headers": headers}),
        );
        assert_eq!(error(&site.ran(json!([ask])).await.1).0, "INVALID_PARAMS");
    }
    site.server.end().await;
}
