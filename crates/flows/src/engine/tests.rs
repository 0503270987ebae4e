use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use delivery::Endpoints;
use http::{Request, Response};
use kernel::{Context, FixedClock, Record, SystemRandom, Tenant, TenantId, Timestamp, object};
use model::{FLOW_EXECUTION, FLOW_VAULT_CONNECTION};
use outbound::{Client, Dns};
use serde_json::{Value, json};
use store::{Database, Options, RootKey, Store, StoreError, Tx};

use super::*;
use crate::{Caller, OwnTenant, Scope};

/// A tenant that notes what it is asked and gives these answers.
#[derive(Clone, Default)]
struct Fake {
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

impl OwnTenant for Fake {
    fn respond<'a>(&'a self, _: &'a Tenant, request: Request<Bytes>) -> BoxFuture<'a, Response<Bytes>> {
        let asked = format!("{} {}", request.method(), request.uri());
        self.asked.lock().unwrap().push((asked, serde_json::from_slice(request.body()).unwrap_or_default()));
        let (status, body) = self.answers.lock().unwrap().pop_front().unwrap_or((500, json!({})));
        let response = Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap();
        Box::pin(async move { response })
    }
}

struct Site {
    engine: Engine,
    tenant: Tenant,
    fake: Fake,
    clock: Arc<FixedClock>,
}

async fn site(answers: impl IntoIterator<Item = (u16, Value)>) -> Site {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_750_000_000)));
    let context = Context::new(Arc::clone(&clock) as _, Arc::new(SystemRandom));
    let root_key = RootKey::generate(&context);
    let store = Store::open(Options { database: Database::Memory, root_key, context }).await.unwrap();
    let id = TenantId::new("t");
    store.create_tenant(&id).await.unwrap();
    let setup = json!({"type": "OAUTH_APP", "client_id": "c", "client_secret": "client-secret", "domain": "t.example"});
    let work = move |tx: &mut Tx| {
        tx.set_domain("t.example:8080", store::Domain::Own)?;
        let document = object(json!({"app_id": "AUTH0", "fingerprint": "f", "setup": setup}));
        tx.insert(&FLOW_VAULT_CONNECTION, Record::new("ac_1", document, tx.now())).map(drop)
    };
    store.write::<(), StoreError>(&id, work).await.unwrap();
    let fake = Fake { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Fake::default() };
    let services = Services {
        store,
        outbound: Client::new(true),
        dns: Dns::Trusting,
        own: Arc::new(fake.clone()),
        vendors: Endpoints::default(),
    };
    Site { engine: Engine::new(services), tenant: Tenant::new(id, "t.example:8080"), fake, clock }
}

impl Site {
    async fn run(&self, actions: Value) -> Outcome {
        let document = object(json!({"name": "flow", "actions": actions}));
        let work = move |tx: &mut Tx| {
            let id = tx.context().text(kernel::id::HEX, 20);
            tx.insert(&FLOW, Record::new(id, document.clone(), tx.now()))
        };
        let flow = self.engine.services.store.write::<_, StoreError>(self.tenant.id(), work).await.unwrap();
        let scope = Scope {
            fields: object(json!({"email": "ann@example.com", "seats": 3, "pin": "47110815"})),
            transient: ["pin".to_owned()].into(),
            ..Scope::default()
        };
        let caller = Caller::default();
        self.engine.run(Run { tenant: &self.tenant, flow_id: &flow.id, journey_id: None, scope, caller }).await.unwrap()
    }

    /// The newest execution, and the newest entry of the log.
    async fn told(&self) -> (Record, Value) {
        let read = |reader: &store::Snapshot| {
            let executions = reader.list(&FLOW_EXECUTION, &store::Query::default())?.items;
            let logs = reader.logs(&store::LogQuery::default())?.items;
            Ok::<_, StoreError>((
                executions.last().unwrap().clone(),
                logs.first().map_or(Value::Null, |entry| json!(entry.document)),
            ))
        };
        self.engine.services.store.read(self.tenant.id(), read).await.unwrap()
    }
}

fn action(id: &str, kind: &str, name: &str, params: impl Into<Value>) -> Value {
    let params: Value = params.into();
    json!({"id": id, "type": kind, "action": name, "params": params})
}

#[tokio::test]
async fn branches_variables_and_outputs_follow_one_another() {
    let site = site([]).await;
    let outcome = site
        .run(json!([
            action("map", "FLOW", "MAP_VALUE", json!({"input": "{{fields.seats}}", "cases": {"3": "three"}})),
            action("if", "FLOW", "BOOLEAN_CONDITION", json!({
                "if": {"operator": "GT", "operands": ["{{fields.seats}}", 2]},
                "then": [action("in", "FLOW", "STORE_VARS", json!({"vars": {"seen": "{{actions.map.result}} {{fields.pin}}"}}))],
                "else": [action("no", "FLOW", "STORE_VARS", json!({"vars": {"seen": "never"}}))],
            })),
            action("end", "FLOW", "ERROR_MESSAGE", json!({"message": "{{vars.seen}}"})),
            action("late", "FLOW", "DO_NOTHING", json!({})),
        ]))
        .await;
    let vars = object(json!({"seen": "three 47110815"}));
    assert_eq!(outcome, Outcome::ErrorMessage { message: "three 47110815".into(), vars });
    let (execution, entry) = site.told().await;
    assert_eq!((execution.text("status"), &entry["type"]), (Some("COMPLETED"), &json!("flows_execution_completed")));
    let shown = json!(execution.document).to_string();
    assert!(!shown.contains("47110815") && shown.contains("\"in\"") && !shown.contains("\"late\""), "{shown}");
}

#[tokio::test]
async fn the_tenant_itself_is_asked_with_one_token_and_what_it_refuses_fails() {
    let token = || (200, json!({"access_token": "the-token-1", "expires_in": 86_400}));
    let site = site([
        token(),
        (201, json!({"user_id": "u", "echo": "the-token-1"})),
        (401, json!({})),
        token(),
        (200, json!({"total": 2})),
    ])
    .await;
    let create =
        json!({"connection_id": "ac_1", "payload": {"email": "{{fields.email}}", "password": "Secret-word-1"}});
    let ask = json!({"connection_id": "ac_1", "pathname": "/api/v2/users/{{functions.encodeURIComponent('a|b')}}", "params": {"q": "a b"}});
    let outcome = site
        .run(json!([
            action("create", "AUTH0", "CREATE_USER", create),
            action("ask", "AUTH0", "SEND_REQUEST", ask),
            action(
                "keep",
                "FLOW",
                "STORE_VARS",
                json!({"vars": {"user": "{{actions.create.user_id}}", "total": "{{actions.ask.body.total}}"}})
            ),
        ]))
        .await;
    let (execution, _) = site.told().await;
    let shown = json!(execution.document).to_string();
    let vars = object(json!({"user": "u", "total": 2}));
    assert_eq!(outcome, Outcome::Completed { vars, returned: None }, "{shown}");
    let asked = site.fake.asked.lock().unwrap().clone();
    let paths: Vec<&str> = asked.iter().map(|(path, _)| path.as_str()).collect();
    let ask = "GET /api/v2/users/a%7Cb?q=a+b";
    assert_eq!(paths, ["POST /oauth/token", "POST /api/v2/users", ask, "POST /oauth/token", ask]);
    assert_eq!(asked[0].1["audience"], "https://t.example:8080/api/v2/");
    assert_eq!(asked[1].1, json!({"email": "ann@example.com", "password": "Secret-word-1"}));
    assert!(
        !shown.contains("Secret-word-1") && !shown.contains("the-token-1") && !shown.contains("client-secret"),
        "{shown}"
    );

    let refused = action("get", "AUTH0", "GET_USER", json!({"connection_id": "ac_1", "user_id": "u"}));
    assert_eq!(site.run(json!([refused])).await, Outcome::Failed);
    let missing = action("get", "AUTH0", "GET_USER", json!({"connection_id": "ac_1", "user_id": "{{fields.none}}"}));
    assert_eq!(site.run(json!([missing])).await, Outcome::Failed);
    let (_, entry) = site.told().await;
    assert_eq!(entry["details"]["error"]["message"], "The parameter \"user_id\" is required.");
}

#[tokio::test]
async fn a_flow_that_waits_goes_on_by_a_job() {
    let site = site([]).await;
    let outcome = site
        .run(json!([
            action("wait", "FLOW", "DELAY_FLOW", json!({"number": "{{fields.seats}}", "units": "DAYS"})),
            action("keep", "FLOW", "STORE_VARS", json!({"vars": {"seats": "{{fields.seats}}"}})),
        ]))
        .await;
    let Outcome::Waiting { execution_id } = outcome else { panic!("{outcome:?}") };
    let (execution, _) = site.told().await;
    assert_eq!((execution.text("status"), execution.id.as_str()), (Some("RUNNING"), execution_id.as_str()));
    site.clock.advance(Duration::from_secs(3 * 86_400));
    let worker = tokio::spawn(site.engine.clone().work());
    let done = async {
        loop {
            match site.engine.outcome(&site.tenant, &execution_id).await.unwrap() {
                Outcome::Waiting { .. } => tokio::task::yield_now().await,
                outcome => break outcome,
            }
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(60), done).await.unwrap();
    assert_eq!(outcome, Outcome::Completed { vars: object(json!({"seats": 3})), returned: None });
    let (execution, entry) = site.told().await;
    assert_eq!((execution.text("status"), &entry["type"]), (Some("COMPLETED"), &json!("flows_execution_completed")));
    assert!(site.engine.services.store.jobs().await.unwrap().is_empty());
    worker.abort();
}

#[tokio::test]
async fn hostile_flows_end_at_a_bound() {
    let site = site([]).await;
    let nothing = |number: usize| action(&format!("a{number}"), "FLOW", "DO_NOTHING", json!({}));
    for (actions, code) in [
        ((0..501).map(nothing).collect::<Vec<_>>().into(), "TOO_MANY_ACTIONS"),
        (json!([action("wait", "FLOW", "DELAY_FLOW", json!({"number": 31, "units": "DAYS"}))]), "INVALID_PARAMS"),
        (json!([action("ask", "HTTP", "SEND_REQUEST", json!({"url": "file:///etc/passwd"}))]), "INVALID_PARAMS"),
        (
            json!([action(
                "tools",
                "AUTH0",
                "SEND_REQUEST",
                json!({"connection_id": "ac_1", "pathname": "/_aught/outbox"})
            )]),
            "INVALID_PARAMS",
        ),
        (json!([action("x", "FLOW", "UNHEARD_OF", json!({}))]), "UNKNOWN_ACTION"),
        (json!([action("x", "JSON", "PARSE_JSON", json!({"json": "{"}))]), "INVALID_JSON"),
        (json!([action("x", "JWT", "SIGN_JWT", json!({"connection_id": "ac_1"}))]), "CONNECTION_OF_OTHER_APP"),
        (json!([action("x", "JWT", "SIGN_JWT", json!({"connection_id": "ac_2"}))]), "CONNECTION_NOT_FOUND"),
    ] {
        assert_eq!(site.run(actions).await, Outcome::Failed, "{code}");
        assert_eq!(site.told().await.1["details"]["error"]["code"], code);
    }
    assert!(site.fake.asked.lock().unwrap().is_empty());
}
