//! Actions, hooks and what they do to flows.

use http::Method;
use serde_json::{Value, json};

use crate::server::{Answer, TestServer};

const DATABASE: &str = "Username-Password-Authentication";
const API: &str = "https://api.example.com";
const CLAIM: &str = "https://example.com/tier";

/// Makes, deploys and gives the identifier of an Action at a trigger.
pub(crate) async fn deployed(server: &TestServer, name: &str, trigger: (&str, &str), code: &str) -> String {
    let body = json!({
        "name": name,
        "supported_triggers": [{"id": trigger.0, "version": trigger.1}],
        "code": code,
        "secrets": [{"name": "KEY", "value": "s3cret"}],
    });
    let action = server.post("/actions/actions", body).await;
    assert_eq!(action.status, 201, "{action:?}");
    let id = action.body["id"].as_str().unwrap().to_owned();
    let version = server.post(&format!("/actions/actions/{id}/deploy"), json!({})).await;
    assert_eq!(version.status, 200, "{version:?}");
    id
}

pub(crate) async fn bind(server: &TestServer, trigger: &str, actions: &[&str]) {
    let bindings: Vec<Value> = actions.iter().map(|id| json!({"ref": {"type": "action_id", "value": id}})).collect();
    let bound = server.patch(&format!("/actions/triggers/{trigger}/bindings"), json!({ "bindings": bindings })).await;
    assert_eq!(bound.status, 200, "{bound:?}");
}

const EXCHANGE: (&str, &str) = ("credentials-exchange", "v2");

/// An Action at the credentials exchange with this body.
async fn exchange_action(server: &TestServer, name: &str, body: &str) -> String {
    let code = format!("exports.onExecuteCredentialsExchange = async (event, api) => {{ {body} }};");
    deployed(server, name, EXCHANGE, &code).await
}

/// An API, and a client that may use it.
struct Machine {
    client_id: String,
    client_secret: String,
}

impl Machine {
    async fn new(server: &TestServer) -> Self {
        let scopes = json!([{"value": "read:a"}, {"value": "read:b"}]);
        let api = json!({"name": "API", "identifier": API, "scopes": scopes});
        assert_eq!(server.post("/resource-servers", api).await.status, 201);
        let metadata = json!({"plan": "gold"});
        let client = json!({"name": "Job", "app_type": "non_interactive", "client_metadata": metadata});
        let client = server.post("/clients", client).await.body;
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        let machine = Self { client_id: text("client_id"), client_secret: text("client_secret") };
        let grant = json!({"client_id": machine.client_id, "audience": API, "scope": ["read:a", "read:b"]});
        assert_eq!(server.post("/client-grants", grant).await.status, 201);
        machine
    }

    async fn token(&self, server: &TestServer) -> Answer {
        let request = json!({
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "audience": API,
        });
        let answer = server.http.post(server.url("/oauth/token")).json(&request).send().await.unwrap();
        Answer { status: answer.status().as_u16(), body: answer.json().await.unwrap() }
    }

    async fn claims(&self, server: &TestServer) -> Value {
        let answer = self.token(server).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        claims(answer.body["access_token"].as_str().unwrap())
    }
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for letter in payload.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    serde_json::from_slice(&bytes).unwrap()
}

/// The latest log entry of a type.
pub(crate) async fn logged(server: &TestServer, kind: &str) -> Value {
    let entries = server.get(&format!("/logs?q=type:{kind}&per_page=1")).await.body;
    entries[0].clone()
}

async fn execution(server: &TestServer, entry: &Value) -> Value {
    let id = entry["details"]["actions"]["executions"][0].as_str().unwrap_or_else(|| panic!("no execution: {entry}"));
    let answer = server.get(&format!("/actions/executions/{id}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// Waits for something that happens after an answer. A busy machine takes its time, and streams on PostgreSQL wait for what all
/// others on the same server are writing.
pub(crate) async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..2_400 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("it never happened")
}

#[tokio::test]
async fn an_action_adds_claims_to_the_tokens_of_machines() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let body = format!(
        "api.accessToken.setCustomClaim('{CLAIM}', event.client.metadata.plan);
         api.accessToken.setCustomClaim('iss', 'forged');
         api.accessToken.setCustomClaim('empty', undefined);
         api.accessToken.setCustomClaim('seen', [event.secrets.KEY, event.resource_server.identifier, event.accessToken.scope]);
         console.log('for', event.client.name);"
    );
    let action = exchange_action(&server, "Tier", &body).await;
    assert_eq!(machine.claims(&server).await.get(CLAIM), None);
    bind(&server, "credentials-exchange", &[&action]).await;
    let claims = machine.claims(&server).await;
    assert_eq!(claims[CLAIM], "gold");
    assert_eq!(claims["seen"], json!(["s3cret", API, ["read:a", "read:b"]]));
    assert_eq!(claims["iss"], format!("https://{}/", server.running.domain));
    assert_eq!(claims.get("empty"), None);
    let execution = execution(&server, &logged(&server, "seccft").await).await;
    assert_eq!((&execution["trigger_id"], &execution["status"]), (&json!("credentials-exchange"), &json!("final")));
    let result = &execution["results"][0];
    assert_eq!((&result["action_name"], &result["response"]["logs"]), (&json!("Tier"), &json!("for Job")));
    assert!(result["response"]["stats"]["action_duration_ms"].is_u64());
    bind(&server, "credentials-exchange", &[]).await;
    assert_eq!(machine.claims(&server).await.get(CLAIM), None);
    server.end().await;
}

#[tokio::test]
async fn a_refusal_stops_the_later_actions_and_is_the_answer() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let first = exchange_action(&server, "First", "api.access.deny('invalid_scope', 'Not for you.');").await;
    let second = exchange_action(&server, "Second", "throw new Error('never runs');").await;
    bind(&server, "credentials-exchange", &[&first, &second]).await;
    let answer = machine.token(&server).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body, json!({"error": "invalid_scope", "error_description": "Not for you."}));
    let entry = logged(&server, "feccft").await;
    assert_eq!(entry["description"], "Not for you.");
    let execution = execution(&server, &entry).await;
    assert_eq!(execution["status"], "canceled");
    assert_eq!(execution["results"].as_array().unwrap().len(), 1);
    server.end().await;
}

#[tokio::test]
async fn what_is_deployed_runs_from_then_on() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let set = |value: u32| format!("api.accessToken.setCustomClaim('{CLAIM}', {value});");
    let action = exchange_action(&server, "Tier", &set(1)).await;
    bind(&server, "credentials-exchange", &[&action]).await;
    assert_eq!(machine.claims(&server).await[CLAIM], 1);
    let path = format!("/actions/actions/{action}");
    let code = format!("exports.onExecuteCredentialsExchange = async (event, api) => {{ {} }};", set(2));
    assert_eq!(server.patch(&path, json!({ "code": code })).await.status, 200);
    assert_eq!(machine.claims(&server).await[CLAIM], 1);
    assert_eq!(server.post(&format!("{path}/deploy"), json!({})).await.status, 200);
    assert_eq!(machine.claims(&server).await[CLAIM], 2);
    let versions = server.get(&format!("{path}/versions")).await.body["versions"].clone();
    let oldest = versions.as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let back = server.post(&format!("{path}/versions/{oldest}/deploy"), json!({})).await;
    assert_eq!((back.status, &back.body["number"]), (202, &json!(3)), "{back:?}");
    assert_eq!(machine.claims(&server).await[CLAIM], 1);
    server.end().await;
}

#[tokio::test]
async fn an_action_narrows_the_scopes_to_granted_ones() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let body = "api.transaction.setTargetScopes(['read:b', 'write:everything']);";
    let action = exchange_action(&server, "Scopes", body).await;
    bind(&server, "credentials-exchange", &[&action]).await;
    let answer = machine.token(&server).await;
    assert_eq!(answer.body["scope"], "read:b");
    assert_eq!(claims(answer.body["access_token"].as_str().unwrap())["scope"], "read:b");
    server.end().await;
}

#[tokio::test]
async fn an_action_that_never_ends_stops_nobody_else() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let action = exchange_action(
        &server,
        "Crash",
        "if (event.request.body.scope) { while (true) {} } throw new TypeError('broken');",
    )
    .await;
    bind(&server, "credentials-exchange", &[&action]).await;
    let answer = machine.token(&server).await;
    assert_eq!((answer.status, &answer.body["error"]), (500, &json!("server_error")));
    let looping = server.http.post(server.url("/oauth/token")).json(&json!({
        "grant_type": "client_credentials",
        "client_id": machine.client_id,
        "client_secret": machine.client_secret,
        "audience": API,
        "scope": "read:a",
    }));
    let looping = tokio::spawn(looping.send());
    assert_eq!(server.get("/actions/actions").await.status, 200);
    assert_eq!(looping.await.unwrap().unwrap().status().as_u16(), 500);
    let entry = logged(&server, "actions_execution_failed").await;
    assert_eq!(entry["details"]["action_name"], "Crash");
    let execution = execution(&server, &logged(&server, "feccft").await).await;
    assert_eq!(execution["status"], "partial");
    assert!(execution["results"][0]["response"]["error"]["message"].is_string(), "{execution}");
    server.end().await;
}

#[tokio::test]
async fn a_registration_is_judged_before_and_told_of_once() {
    let server = TestServer::start().await;
    let before = "exports.onExecutePreUserRegistration = async (event, api) => {
        if (event.user.password || event.user.email.endsWith('@bad.example')) api.access.deny('blocked domain', 'Sorry.');
        api.user.setUserMetadata('source', event.connection.name);
        api.user.setAppMetadata('tier', 1);
    };";
    let before = deployed(&server, "Before", ("pre-user-registration", "v2"), before).await;
    bind(&server, "pre-user-registration", &[&before]).await;
    let after = "exports.onExecutePostUserRegistration = async (event, api) => {
        console.log(event.user.user_id, event.user.app_metadata.tier);
        throw new Error('for ' + event.user.email);
    };";
    let after = deployed(&server, "After", ("post-user-registration", "v2"), after).await;
    bind(&server, "post-user-registration", &[&after]).await;

    let user = |email: &str| json!({"connection": DATABASE, "email": email, "password": "correct horse Battery 9"});
    let refused = server.post("/users", user("joe@bad.example")).await;
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!("Sandbox error.")));
    let entry = logged(&server, "fs").await;
    assert_eq!(entry["description"], "PreUserRegistrationError on pre-user-registration");
    assert_eq!(entry["details"]["error"]["message"], "blocked domain");
    assert_eq!(execution(&server, &entry).await["status"], "canceled");

    let jane = server.post("/users", user("jane@good.example")).await;
    assert_eq!(jane.status, 201, "{jane:?}");
    assert_eq!(jane.body["user_metadata"], json!({"source": DATABASE}));
    assert_eq!(jane.body["app_metadata"], json!({"tier": 1}));
    assert_eq!(execution(&server, &logged(&server, "ss").await).await["status"], "final");

    let failures = async || {
        let entries = server.get("/logs?q=type:actions_execution_failed").await.body;
        let entries = entries.as_array().unwrap().clone();
        (!entries.is_empty()).then_some(entries)
    };
    let entries = eventually(failures).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["description"], "for jane@good.example");
    let id = entries[0]["details"]["execution_id"].as_str().unwrap();
    let execution = server.get(&format!("/actions/executions/{id}")).await.body;
    let logs = format!("{} 1", jane.body["user_id"].as_str().unwrap());
    assert_eq!(execution["results"][0]["response"]["logs"], logs);
    server.end().await;
}

#[tokio::test]
async fn a_new_password_is_told_of() {
    let server = TestServer::start().await;
    let code = "exports.onExecutePostChangePassword = async (event) => { throw new Error(`${event.user.id} ${event.user.email}`); };";
    let action = deployed(&server, "Password", ("post-change-password", "v2"), code).await;
    bind(&server, "post-change-password", &[&action]).await;
    let user = json!({"connection": DATABASE, "email": "jane@good.example", "user_id": "1", "password": "correct horse Battery 9"});
    assert_eq!(server.post("/users", user).await.status, 201);
    let changed = server.patch("/users/auth0%7C1", json!({"password": "another horse Battery 9"})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let entry = eventually(async || {
        let entry = logged(&server, "actions_execution_failed").await;
        (!entry.is_null()).then_some(entry)
    });
    assert_eq!(entry.await["description"], "1 jane@good.example");
    server.end().await;
}

#[tokio::test]
async fn hooks_run_at_the_same_points() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let exchange = format!(
        "module.exports = function (client, scope, audience, context, cb) {{
            cb(null, {{ scope: [scope[0], 'extra'], '{CLAIM}': client.metadata.plan + context.webtask.secrets.KEY, plain: 1 }});
        }};"
    );
    let hook = json!({"name": "exchange", "triggerId": "credentials-exchange", "script": exchange, "enabled": true});
    let hook = server.post("/hooks", hook).await;
    assert_eq!(hook.status, 201, "{hook:?}");
    let secrets = format!("/hooks/{}/secrets", hook.body["id"].as_str().unwrap());
    server.post(&secrets, json!({"KEY": "-1"})).await;
    let claims = machine.claims(&server).await;
    assert_eq!((&claims["scope"], &claims[CLAIM]), (&json!("read:a extra"), &json!("gold-1")));
    assert_eq!(claims.get("plain"), None);

    let registration = "module.exports = function (user, context, cb) {
        if (user.password.includes('horse')) return cb(new PreUserRegistrationError('horses', 'No horses.'));
        cb(null, { user: { app_metadata: { from: context.connection.name } } });
    };";
    let hook = json!({"name": "before", "triggerId": "pre-user-registration", "script": registration, "enabled": true});
    assert_eq!(server.post("/hooks", hook).await.status, 201);
    let user = |password: &str| json!({"connection": DATABASE, "email": "jane@good.example", "password": password});
    assert_eq!(server.post("/users", user("correct horse Battery 9")).await.status, 400);
    let made = server.post("/users", user("correct cow Battery 9")).await;
    assert_eq!((made.status, &made.body["app_metadata"]), (201, &json!({"from": DATABASE})), "{made:?}");
    server.end().await;
}

#[tokio::test]
async fn a_draft_is_tried_with_an_event_of_its_authors_choice() {
    let server = TestServer::start().await;
    let code = "exports.onExecuteCredentialsExchange = async (event, api) => {
        console.log('hello', event.client.name);
        api.accessToken.setCustomClaim('a', event.secrets.KEY);
        if (event.fails) {
            throw new RangeError('too far');
        }
    };";
    let action = deployed(&server, "Trial", EXCHANGE, code).await;
    let path = format!("/actions/actions/{action}/test");
    let tried = server.post(&path, json!({"payload": {"event": {"client": {"name": "Job"}}}})).await;
    assert_eq!(tried.status, 200, "{tried:?}");
    let payload = &tried.body["payload"];
    assert_eq!(payload["commands"], json!([{"name": "accessToken.setCustomClaim", "arguments": ["a", "s3cret"]}]));
    assert_eq!((&payload["logs"], payload.get("error")), (&json!("hello Job"), None));
    let fails = json!({"payload": {"event": {"client": {"name": "Job"}, "fails": true}}});
    let failed = server.post(&path, fails).await.body;
    let error = &failed["payload"]["error"];
    assert_eq!(
        (&error["name"], &error["message"], &error["line"]),
        (&json!("RangeError"), &json!("too far"), &json!(5))
    );

    let sampled = server.post(&path, json!({"payload": {}})).await.body;
    assert_eq!(sampled["payload"]["logs"], "hello My App", "{sampled}");

    let broken = json!({"code": "exports.onExecuteCredentialsExchange = async () => {\n  let 1x;\n};"});
    assert_eq!(server.patch(&format!("/actions/actions/{action}"), broken).await.status, 200);
    let failed = server.post(&path, json!({"payload": {"event": {}}})).await.body;
    assert_eq!(failed["payload"]["error"]["name"], "SyntaxError");
    assert_eq!(failed["payload"]["error"]["line"], 2, "{failed}");
    server.end().await;
}

#[tokio::test]
async fn secrets_of_actions_are_shown_nowhere() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let action = exchange_action(&server, "Quiet", "").await;
    bind(&server, "credentials-exchange", &[&action]).await;
    assert_eq!(machine.token(&server).await.status, 200);
    let execution = execution(&server, &logged(&server, "seccft").await).await;
    let seen = [
        execution,
        server.get(&format!("/actions/actions/{action}")).await.body,
        server.get(&format!("/actions/actions/{action}/versions")).await.body,
        server.get("/actions/triggers/credentials-exchange/bindings").await.body,
        server.get("/logs").await.body,
    ];
    for value in seen {
        assert!(!value.to_string().contains("s3cret"), "{value}");
    }
    server.end().await;
}

#[tokio::test]
async fn code_is_not_told_the_credentials_of_a_request() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let body = "api.accessToken.setCustomClaim('told', JSON.stringify(event)); console.log(JSON.stringify(event));";
    let action = exchange_action(&server, "Curious", body).await;
    bind(&server, "credentials-exchange", &[&action]).await;
    let hook = "module.exports = (client, scope, audience, context, cb) => { console.log(JSON.stringify([client, context])); cb(null, { scope }); };";
    let hook = json!({"name": "curious", "triggerId": "credentials-exchange", "script": hook, "enabled": true});
    assert_eq!(server.post("/hooks", hook).await.status, 201);
    let told = machine.claims(&server).await["told"].as_str().unwrap().to_owned();
    assert!(told.contains("\"grant_type\":\"client_credentials\""), "{told}");
    assert!(!told.contains(&machine.client_secret), "{told}");
    let form = format!("grant_type=client_credentials&audience={API}");
    let basic =
        server.http.post(server.url("/oauth/token")).basic_auth(&machine.client_id, Some(&machine.client_secret));
    let basic = basic.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
    assert_eq!(basic.status().as_u16(), 200);
    let basic: Value = basic.json().await.unwrap();
    let told = claims(basic["access_token"].as_str().unwrap())["told"].to_string();
    assert!(!told.contains(&machine.client_secret), "{told}");
    let kept = execution(&server, &logged(&server, "seccft").await).await.to_string();
    assert!(!kept.contains(&machine.client_secret), "{kept}");
    server.end().await;
}

#[tokio::test]
async fn a_password_that_a_hook_is_told_is_not_kept() {
    let server = TestServer::start().await;
    let hook = "module.exports = (user, context, cb) => {
        console.log(user.password, JSON.stringify(user));
        if (user.email.startsWith('joe')) throw new Error('thrown for ' + user.password);
        cb(new PreUserRegistrationError('refused for ' + user.password, 'No.'));
    };";
    let hook = json!({"name": "before", "triggerId": "pre-user-registration", "script": hook, "enabled": true});
    assert_eq!(server.post("/hooks", hook).await.status, 201);
    for email in ["jane@good.example", "joe@good.example"] {
        let user = json!({"connection": DATABASE, "email": email, "password": "correct \"horse\" Battery 9"});
        assert_eq!(server.post("/users", user).await.status, 400);
        let entry = logged(&server, "fs").await;
        let kept = execution(&server, &entry).await;
        let told = kept["results"][0]["response"]["logs"].as_str().unwrap();
        assert!(told.starts_with("***** {") && told.contains("\"password\":\"*****\""), "{told}");
        let all = format!("{kept}{}", server.get("/logs").await.body);
        assert!(!all.contains("Battery 9") && !all.contains("horse"), "{all}");
        assert!(all.contains("for *****"), "{all}");
    }
    server.end().await;
}

#[tokio::test]
async fn an_action_calls_the_api_of_its_own_tenant() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let body = format!(
        "const answer = await fetch('https://{}/.well-known/openid-configuration');
         api.accessToken.setCustomClaim('issuer', (await answer.json()).issuer);",
        server.running.domain
    );
    let action = exchange_action(&server, "Own", &body).await;
    bind(&server, "credentials-exchange", &[&action]).await;
    let claims = machine.claims(&server).await;
    assert_eq!(claims["issuer"], claims["iss"]);
    server.end().await;
}

#[tokio::test]
async fn an_action_whose_packages_do_not_exist_is_not_built() {
    let server = TestServer::start().await;
    let body = json!({
        "name": "Broken",
        "supported_triggers": [{"id": "post-login", "version": "v3"}],
        "code": "",
        "dependencies": [{"name": "../no-such-package", "version": "1.0.0"}],
    });
    let action = server.post("/actions/actions", body).await;
    assert_eq!((action.status, &action.body["status"]), (201, &json!("pending")));
    let path = format!("/actions/actions/{}", action.body["id"].as_str().unwrap());
    // A deployment waits for the build.
    assert_eq!(server.post(&format!("{path}/deploy"), json!({})).await.status, 400);
    let failed = server.get(&path).await.body;
    assert_eq!(failed["status"], "failed");
    assert!(failed["errors"][0]["msg"].as_str().unwrap().contains("no-such-package"));
    assert_eq!(server.patch(&path, json!({"dependencies": []})).await.status, 200);
    assert_eq!(server.get(&path).await.body["status"], "built");
    assert_eq!(server.manage(Method::DELETE, &path, None).await.status, 204);
    server.end().await;
}

#[tokio::test]
async fn a_profile_exchanges_tokens_by_an_action_that_is_deployed() {
    let server = TestServer::start().await;
    let code = "exports.onExecuteCustomTokenExchange = async () => {};";
    let trigger = json!([{"id": "custom-token-exchange", "version": "v1"}]);
    let action = json!({"name": "exchange", "supported_triggers": trigger, "code": code});
    let action = server.post("/actions/actions", action).await;
    let path = format!("/actions/actions/{}", action.body["id"].as_str().unwrap());
    let profile = json!({
        "name": "exchange",
        "subject_token_type": "urn:acme:legacy",
        "action_id": action.body["id"],
        "type": "custom_authentication",
    });
    let refused = server.post("/token-exchange-profiles", profile.clone()).await;
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!("Action is not deployed")));
    while server.get(&path).await.body["status"] != "built" {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.post(&format!("{path}/deploy"), json!({})).await.status, 200);
    assert_eq!(server.post("/token-exchange-profiles", profile).await.status, 201);
    server.end().await;
}
