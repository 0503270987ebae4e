//! Forms whose routers choose a flow: what the visitor meets, what the flow did, and what executions and the log tell of it.

use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed},
    app::{App, CALLBACK, claims},
    browser::{Browser, Page},
    flows::{Site, action, store_vars},
    server::TestServer,
    sinks::HttpSink,
};

const CLAIM: &str = "https://app.example/prompt";
const DATABASE: &str = "Username-Password-Authentication";

/// A form that asks what to do, runs the flow of that, and tells `vars.outcome`; an Action has it shown at each sign-in.
struct Desk {
    site: Site,
    app: App,
    flows: Vec<(&'static str, String)>,
}

impl Desk {
    /// A desk with these jobs and their flows.
    async fn of(site: Site, jobs: Vec<(&'static str, Value)>) -> Self {
        let mut flows = Vec::new();
        for (job, actions) in jobs {
            flows.push((job, site.flow(actions).await));
        }
        let field =
            |id: &str, kind: &str| json!({"id": id, "category": "FIELD", "type": kind, "label": id, "config": {}});
        let block = |id: &str, kind: &str, config: Value| json!({"id": id, "category": "BLOCK", "type": kind, "config": config});
        let go = block("go", "NEXT_BUTTON", json!({"text": "Go"}));
        let told = block("told", "RICH_TEXT", json!({"content": "<p>Outcome: {{vars.outcome}}</p>"}));
        let asked = [field("job", "TEXT"), field("email", "EMAIL"), field("seats", "NUMBER"), go.clone()];
        let mut nodes = vec![
            json!({"id": "ask", "type": "STEP", "config": {"components": asked, "next_node": "choose"}}),
            json!({"id": "done", "type": "STEP", "config": {"components": [told, go], "next_node": "$ending"}}),
        ];
        let rules = flows.iter().map(|(job, _)| {
            let is_meant = json!({"operator": "EQ", "operands": ["{{fields.job}}", job]});
            json!({"id": job, "condition": {"operator": "AND", "operands": [is_meant]}, "next_node": format!("run_{job}")})
        });
        let rules: Vec<Value> = rules.collect();
        nodes.push(json!({"id": "choose", "type": "ROUTER", "config": {"rules": rules, "fallback": "ask"}}));
        nodes.extend(flows.iter().map(|(job, flow)| {
            json!({"id": format!("run_{job}"), "type": "FLOW", "config": {"flow_id": flow, "next_node": "done"}})
        }));
        let form = json!({
            "name": "Desk", "languages": {"primary": "en"}, "start": {"next_node": "ask"}, "nodes": nodes,
            "ending": {"resume_flow": true},
        });
        let made = site.server.post("/forms", form).await;
        assert_eq!(made.status, 201, "{made:?}");
        let code = format!(
            "exports.onExecutePostLogin = async (event, api) => {{ api.prompt.render('{}', {{}}); }};
             exports.onContinuePostLogin = async (event, api) => {{ api.idToken.setCustomClaim('{CLAIM}', event.prompt); }};",
            made.body["id"].as_str().unwrap()
        );
        let action = deployed(&site.server, "Desk", ("post-login", "v3"), &code).await;
        bind(&site.server, "post-login", &[&action]).await;
        let app = App::new(&site.server, json!({})).await;
        Self { site, app, flows }
    }

    fn server(&self) -> &TestServer {
        &self.site.server
    }

    /// Signs in, and has this done.
    async fn asks(&self, browser: &mut Browser, job: &str, email: &str) -> Page {
        let page = self.app.log_in(browser, &[]).await;
        assert!(page.html.contains("field-job"), "{page:?}");
        self.sends(browser, &page, job, email).await
    }

    async fn sends(&self, browser: &mut Browser, page: &Page, job: &str, email: &str) -> Page {
        let sent = [("field-job", job), ("field-email", email), ("field-seats", "3"), ("action", "next")];
        browser.submit(page, &sent).await
    }

    /// From the last step to the application: what the Action was told.
    async fn prompt(&self, browser: &mut Browser, page: &Page) -> Value {
        let home = browser.submit(page, &[("action", "next")]).await;
        assert!(home.address.starts_with(&format!("{CALLBACK}?code=")), "{home:?}");
        let tokens = self.app.exchange(self.server(), &home.parameter("code").unwrap()).await.body;
        claims(&tokens["id_token"])[CLAIM].clone()
    }

    /// The one execution of a job's flow.
    async fn execution(&self, job: &str) -> Value {
        let (_, flow) = self.flows.iter().find(|(known, _)| *known == job).unwrap();
        self.site.execution(flow).await
    }

    async fn count(&self, kind: &str) -> usize {
        let entries = self.server().get(&format!("/logs?q=type:{kind}&per_page=100")).await.body;
        entries.as_array().unwrap().len()
    }
}

/// The visitor is where they were, told in general words that it did not work, with what they entered.
fn is_back(page: &Page, email: &str) {
    assert_eq!(page.status, 400, "{page:?}");
    assert!(page.html.contains("flow-failed") && page.html.contains(&format!("value=\"{email}\"")), "{}", page.html);
    assert!(!page.html.contains("user_id") && !page.html.contains("Outcome"), "{}", page.html);
}

#[tokio::test]
async fn a_visitor_has_somebody_created_and_meets_a_general_error_where_the_api_refuses() {
    let site = Site::start().await;
    let desk = site.connection("Desk", &["read:users", "create:users", "update:users"]).await;
    let reader = site.connection("Reader", &["read:users"]).await;
    let empty = site.server.post("/flows/vault/connections", json!({"name": "e", "app_id": "AUTH0"})).await.body;
    let create = |connection: &str| {
        let payload = json!({
            "connection": DATABASE, "email": "{{fields.email}}", "password": "{{functions.uuid()}}-Aa1!",
            "app_metadata": {"seats": "{{fields.seats}}", "by": ["{{context.user.user_id}}", "desk"]},
        });
        action("create", "AUTH0", "CREATE_USER", json!({"connection_id": connection, "payload": payload}))
    };
    let went_on = || store_vars(json!({"outcome": "went on"}));
    let nobody = |may_fail: bool| {
        let params =
            json!({"connection_id": desk, "user_id": "{{fields.unheard_of}}", "changes": {"nickname": "nobody"}});
        let mut update = action("update", "AUTH0", "UPDATE_USER", params);
        update["allow_failure"] = may_fail.into();
        update
    };
    let jobs = vec![
        (
            "hire",
            json!([
                create(&desk),
                action(
                    "read",
                    "AUTH0",
                    "GET_USER",
                    json!({"connection_id": desk, "user_id": "{{context.user.user_id}}"})
                ),
                store_vars(json!({"outcome": "hired {{fields.email}} for {{actions.read.email}}"})),
            ]),
        ),
        ("nobody", json!([nobody(false), went_on()])),
        ("allowed", json!([nobody(true), went_on()])),
        ("narrow", json!([create(&reader), went_on()])),
        ("empty", json!([create(empty["id"].as_str().unwrap()), went_on()])),
    ];
    let desk = Desk::of(site, jobs).await;
    let mut browser = Browser::at(&desk.server().url(""));
    let done = desk.asks(&mut browser, "hire", "dora@example.com").await;
    assert!(done.html.contains("<p>Outcome: hired dora@example.com for jane@example.com</p>"), "{}", done.html);
    let prompt = desk.prompt(&mut browser, &done).await;
    assert_eq!(prompt["vars"], json!({"outcome": "hired dora@example.com for jane@example.com"}));
    let dora = desk.server().get("/users-by-email?email=dora@example.com").await.body;
    assert_eq!(dora[0]["app_metadata"], json!({"seats": 3, "by": [desk.app.user_id, "desk"]}));
    let execution = desk.execution("hire").await;
    let ran: Vec<_> = execution["debug"]["actions"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        (&execution["status"], ran),
        (&json!("COMPLETED"), ["create", "read", "tell"].map(str::to_owned).to_vec())
    );
    // The entry has what others have of the visitor.
    let entry = &desk.server().get("/logs?q=type:flows_execution_completed").await.body[0];
    assert_eq!((&entry["isMobile"], &entry["client_id"]), (&json!(false), &json!(desk.app.client_id)));
    assert_eq!(entry["user_id"], desk.app.user_id);

    // What fails leads back to the step; from there another job ends well.
    let mut page = desk.asks(&mut browser, "nobody", "ida@example.com").await;
    is_back(&page, "ida@example.com");
    let execution = desk.execution("nobody").await;
    assert_eq!(execution["debug"]["error"]["message"], "The parameter \"user_id\" is required.");
    assert!(execution["debug"]["actions"].get("tell").is_none());
    for (job, code) in [("narrow", "REQUEST_REFUSED"), ("empty", "CONNECTION_NOT_READY")] {
        page = desk.sends(&mut browser, &page, job, "ida@example.com").await;
        is_back(&page, "ida@example.com");
        let execution = desk.execution(job).await;
        assert_eq!((&execution["status"], &execution["debug"]["error"]["code"]), (&json!("FAILED"), &json!(code)));
    }
    let done = desk.sends(&mut browser, &page, "allowed", "ida@example.com").await;
    assert!(done.html.contains("<p>Outcome: went on</p>"), "{}", done.html);
    let prompt = desk.prompt(&mut browser, &done).await;
    assert_eq!(prompt["fields"]["email"], "ida@example.com");
    assert_eq!(desk.server().get("/users").await.body.as_array().unwrap().len(), 2);
    assert_eq!([desk.count("flows_execution_completed").await, desk.count("flows_execution_failed").await], [2, 3]);
    desk.site.server.end().await;
}

#[tokio::test]
async fn a_visitor_sees_what_another_server_answered_and_may_choose_anew_where_it_did_not() {
    let site = Site::start().await;
    let sink = HttpSink::start([
        (200, json!({"price": 12.5})),
        (409, json!({"reason": "closed"})),
        (200, json!({"price": 1})),
    ])
    .await;
    let ask = |address: &str, may_fail: bool| {
        let params =
            json!({"url": format!("{address}/quote"), "method": "POST", "payload": {"seats": "{{fields.seats}}"}});
        let mut ask = action("ask", "HTTP", "SEND_REQUEST", params);
        ask["allow_failure"] = may_fail.into();
        ask
    };
    let told = || {
        let outcome = "{{actions.ask.status}} {{actions.ask.body.price ?? actions.ask.body.reason ?? 'no answer'}}";
        store_vars(json!({"outcome": outcome, "ok": "{{actions.ask.success}}"}))
    };
    // Nobody listens where nobody listens any more.
    let gone = HttpSink::start([]).await.address.replace("127.0.0.1", "127.0.0.2");
    let jobs = vec![
        ("quote", json!([ask(&sink.address, false), told()])),
        ("gone", json!([ask(&gone, false), told()])),
        ("allowed", json!([ask(&gone, true), told()])),
        ("broken", json!([action("parse", "JSON", "PARSE_JSON", json!({"json": "{\"open\": "})), told()])),
    ];
    let desk = Desk::of(site, jobs).await;
    let mut browser = Browser::at(&desk.server().url(""));
    let mut page = desk.asks(&mut browser, "gone", "ida@example.com").await;
    is_back(&page, "ida@example.com");
    page = desk.sends(&mut browser, &page, "broken", "ida@example.com").await;
    is_back(&page, "ida@example.com");
    let done = desk.sends(&mut browser, &page, "quote", "ida@example.com").await;
    assert!(done.html.contains("<p>Outcome: 200 12.5</p>"), "{}", done.html);
    let prompt = desk.prompt(&mut browser, &done).await;
    assert_eq!(prompt["vars"], json!({"outcome": "200 12.5", "ok": true}));
    assert_eq!(sink.taken()[0].json(), json!({"seats": 3}));
    let done = desk.asks(&mut browser, "quote", "ida@example.com").await;
    assert!(done.html.contains("<p>Outcome: 409 closed</p>"), "{}", done.html);
    let done = desk.asks(&mut browser, "allowed", "ida@example.com").await;
    assert!(done.html.contains("no answer</p>"), "{}", done.html);
    assert_eq!(desk.execution("allowed").await["status"], "COMPLETED");
    assert_eq!([desk.count("flows_execution_completed").await, desk.count("flows_execution_failed").await], [3, 2]);
    desk.site.server.end().await;
}
