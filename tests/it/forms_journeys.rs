//! Whole journeys through forms with flows: a profile that is asked for once, rules that choose steps, an address that is proven by a code.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, eventually, logged},
    app::{App, logged as kinds, server_at},
    browser::{Browser, Page},
    forms::{block, field, flow, next, prompt_of, shown, step},
    server::TestServer,
    sinks::SmtpSink,
    site::user_path,
};

/// A machine with these scopes, as a connection of the vault to the tenant itself.
async fn own_tenant(server: &TestServer, name: &str, scope: &[&str]) -> String {
    let body = json!({"name": name, "app_type": "non_interactive", "grant_types": ["client_credentials"]});
    let client = server.post("/clients", body).await.body;
    let audience = format!("https://{}/api/v2/", server.running.domain);
    let grant = json!({"client_id": client["client_id"], "audience": audience, "scope": scope});
    assert_eq!(server.post("/client-grants", grant).await.status, 201);
    let setup = json!({
        "type": "OAUTH_APP", "client_id": client["client_id"], "client_secret": client["client_secret"],
        "domain": server.running.domain,
    });
    let vault = json!({"name": "Own tenant", "app_id": "AUTH0", "setup": setup});
    let made = server.post("/flows/vault/connections", vault).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body["id"].as_str().unwrap().to_owned()
}

async fn states(server: &TestServer, flow: &str) -> Vec<String> {
    let list = server.get(&format!("/flows/{flow}/executions")).await.body;
    list.as_array().unwrap().iter().map(|execution| execution["status"].as_str().unwrap().to_lowercase()).collect()
}

#[tokio::test]
async fn a_profile_is_asked_for_once_and_written_into_its_user() {
    let server = TestServer::start().await;
    let vault = own_tenant(&server, "Profiles", &["read:users", "update:users"]).await;
    let metadata = json!({
        "company": "{{fields.company}}", "from": "{{fields.from}}", "hello": "{{context.user.email}} of {{fields.company}}",
        "plan": "{{vars.plan}}", "sure": "{{fields.sure}}",
    });
    let params =
        json!({"connection_id": vault, "user_id": "{{context.user.user_id}}", "changes": {"user_metadata": metadata}});
    let save =
        flow(&server, &json!([{"id": "write", "type": "AUTH0", "action": "UPDATE_USER", "params": params}])).await;
    let mut sure = field("sure", "LEGAL", "", &json!({"text": "<p>Sure</p>"}));
    sure.as_object_mut().unwrap().shift_remove("label");
    let form = json!({
        "name": "Profile", "languages": {"primary": "en"},
        "start": {"hidden_fields": [{"key": "from", "value": "login of {{context.client.name}}"}], "next_node": "one"},
        "nodes": [step("one", &json!([field("company", "TEXT", "Company", &json!({})), sure, next("Save")]), "$ending")],
        "ending": {"after_submit": {"flow_id": save}, "resume_flow": true},
    });
    let id = server.post("/forms", form).await.body["id"].as_str().unwrap().to_owned();
    let code = format!(
        "exports.onExecutePostLogin = async (event, api) => {{
             if (!event.user.user_metadata?.company) api.prompt.render('{id}', {{ vars: {{ plan: 'trial' }} }});
         }};
         exports.onContinuePostLogin = async (event, api) => {{}};"
    );
    let action = deployed(&server, "Asks once", ("post-login", "v3"), &code).await;
    bind(&server, "post-login", &[&action]).await;
    let app = App::new(&server, json!({})).await;
    let user = user_path(&app.user_id);
    server.patch(&user, json!({"user_metadata": {"colour": "green"}})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    let home = browser.submit(&page, &[("field-company", "Engines"), ("field-sure", "true")]).await;
    assert!(home.parameter("code").is_some(), "{home:?}");
    let expected = json!({
        "colour": "green", "company": "Engines", "from": "login of App", "hello": "jane@example.com of Engines", "plan": "trial", "sure": true,
    });
    assert_eq!(server.get(&user).await.body["user_metadata"], expected);
    assert_eq!(states(&server, &save).await, ["completed"]);
    // Whoever has told is not asked again.
    let again = app.log_in(&mut Browser::at(&server.url("")), &[]).await;
    assert!(again.parameter("code").is_some(), "{again:?}");
    let secret =
        json!({"type": "OAUTH_APP", "client_id": "none", "client_secret": "wrong", "domain": server.running.domain});
    server.patch(&format!("/flows/vault/connections/{vault}"), json!({"setup": secret})).await;
    server.patch(&user, json!({"user_metadata": {"company": null}})).await;
    let before = server.get(&user).await.body["user_metadata"].clone();
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    let stopped = browser.submit(&page, &[("field-company", "Other")]).await;
    assert_eq!((stopped.status, stopped.html.contains("flow-failed")), (400, true), "{}", stopped.html);
    assert_eq!(logged(&server, "flows_execution_failed").await["details"]["flow_id"], save.as_str());
    assert_eq!(server.get(&user).await.body["user_metadata"], before);
    server.end().await;
}

#[tokio::test]
async fn rules_choose_the_step_and_a_jump_leaves_it_out() {
    let server = TestServer::start().await;
    let options =
        |names: &[&str]| -> Value { names.iter().map(|name| json!({"value": name, "label": name})).collect() };
    let is = |field: &str, operator: &str, value: Value| json!({"operator": operator, "operands": [format!("{{{{fields.{field}}}}}"), value]});
    let rule = |id: &str, operator: &str, operands: Value, to: &str| json!({"id": id, "condition": {"operator": operator, "operands": operands}, "next_node": to});
    let back = || block("back", "PREVIOUS_BUTTON", &json!({"text": "Back"}));
    let mut kind = field("kind", "CHOICE", "Kind", &json!({"options": options(&["person", "company", "school"])}));
    kind["required"] = true.into();
    let mut nickname = field("nickname", "TEXT", "Nickname", &json!({"min_length": 3}));
    nickname["required"] = true.into();
    let form = json!({
        "name": "Rules", "languages": {"primary": "en"}, "start": {"next_node": "first"},
        "nodes": [
            step("first", &json!([
                kind, field("age", "NUMBER", "Age", &json!({"max_value": 150})),
                field("topics", "CHOICE", "Topics", &json!({"multiple": true, "options": options(&["news", "bills"])})), next("On"),
            ]), "router"),
            {"id": "router", "type": "ROUTER", "config": {"fallback": "other", "rules": [
                rule("minor", "AND", json!([is("kind", "EQ", json!("person")), is("age", "LT", json!(18))]), "minor"),
                rule("person", "AND", json!([is("kind", "EQ", json!("person"))]), "person"),
                rule("company", "OR", json!([is("kind", "EQ", json!("company")), is("topics", "INCLUDES", json!("bills"))]), "company"),
            ]}},
            step("minor", &json!([back(), next("minor")]), "last"),
            step("person", &json!([
                nickname, back(), block("skip", "JUMP_BUTTON", &json!({"text": "Skip", "next_node": "last"})), next("person"),
            ]), "last"),
            step("company", &json!([back(), next("company")]), "last"),
            step("other", &json!([back(), next("other")]), "last"),
            step("last", &json!([
                block("text", "RICH_TEXT", &json!({"content": "<p>{{fields.kind}} {{fields.nickname ?? 'nobody'}}</p>"})), next("Finish"),
            ]), "$ending"),
        ],
    });
    shown(&server, &form, "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let mut page = app.log_in(&mut browser, &[]).await;
    let is_at = |page: &Page, step: &str| page.html.contains(&format!(">{step}</button>"));
    for (kind, age, topics, to) in [
        ("person", "17", "", "minor"),
        ("person", "9", "", "minor"),
        ("person", "18", "", "person"),
        ("person", "30", "bills", "person"),
        ("company", "", "", "company"),
        ("school", "", "bills", "company"),
        ("school", "9", "news", "other"),
        ("school", "", "", "other"),
    ] {
        let chosen = browser.submit(&page, &[("field-kind", kind), ("field-age", age), ("field-topics", topics)]).await;
        assert!(is_at(&chosen, to), "{kind} {age} {topics}: {}", chosen.html);
        page = browser.submit(&chosen, &[("action", "previous")]).await;
    }
    assert_eq!(
        browser.submit(&page, &[("field-kind", ""), ("field-age", "9")]).await.faults(),
        ["field-kind ERR_REQUIRED_PROPERTY"]
    );
    let old = browser.submit(&page, &[("field-kind", "person"), ("field-age", "151")]).await;
    assert_eq!(old.faults(), ["field-age ERR_TOO_LARGE_NUMBER"]);
    let person =
        browser.submit(&page, &[("field-kind", "person"), ("field-age", "30"), ("field-topics", "news")]).await;
    let last = browser.submit(&person, &[("field-nickname", "Z"), ("action", "jump:skip")]).await;
    assert!(last.html.contains("<p>person nobody</p>"), "{}", last.html);
    let home = browser.submit(&last, &[]).await;
    assert_eq!(
        prompt_of(&server, &app, &home).await["fields"],
        json!({"kind": "person", "age": 30, "topics": ["news"]})
    );
    server.end().await;
}

fn otp(id: &str, name: &str, params: &Value) -> Value {
    let mut params = params.clone();
    params["reference"] = "{{context.user.user_id}} {{fields.to}}".into();
    json!({"id": id, "type": "OTP", "action": name, "params": params, "mask_output": name == "GENERATE_CODE"})
}

#[tokio::test]
async fn a_code_by_mail_proves_an_address_for_five_minutes() {
    let (server, clock) = server_at(1_800_000_000).await;
    let sink = SmtpSink::start().await;
    let credentials = json!({"smtp_host": "127.0.0.1", "smtp_port": sink.port, "smtp_user": "me", "smtp_pass": "pass"});
    let provider = json!({"name": "smtp", "enabled": true, "default_from_address": "mail@acme.example", "credentials": credentials});
    assert_eq!(server.post("/emails/provider", provider).await.status, 201);
    let mail = json!({"id": "mail", "type": "AUTH0", "action": "SEND_EMAIL", "params": {
        "to": "{{fields.to}}", "subject": "Code", "body": "<p>Code {{ custom_vars.code }}!</p>", "custom_vars": {"code": "{{actions.make.code}}"},
    }});
    let make = flow(&server, &json!([otp("make", "GENERATE_CODE", &json!({"length": 6})), mail])).await;
    let vars = |value: &str| json!({"vars": {"proven": value}});
    let check = flow(&server, &json!([
        otp("check", "VERIFY_CODE", &json!({"code": "{{fields.code}}"})),
        {"id": "is_right", "type": "FLOW", "action": "BOOLEAN_CONDITION", "params": {
            "if": {"operator": "AND", "operands": [{"operator": "IS_TRUE", "operands": ["{{actions.check.valid}}"]}]},
            "then": [{"id": "keep", "type": "FLOW", "action": "STORE_VARS", "params": vars("{{fields.to}}")}],
            "else": [
                {"id": "refuse", "type": "FLOW", "action": "ERROR_MESSAGE", "params": {"message": "No: {{actions.check.result}}"}},
                {"id": "never", "type": "FLOW", "action": "STORE_VARS", "params": vars("never")},
            ],
        }},
    ]))
    .await;
    let mut code = field("code", "TEXT", "Code", &json!({"min_length": 6, "max_length": 6}));
    code["sensitive"] = true.into();
    let form = json!({
        "name": "Address", "languages": {"primary": "en"}, "start": {"next_node": "address"},
        "nodes": [
            step("address", &json!([field("to", "EMAIL", "Address", &json!({})), next("Send")]), "send"),
            {"id": "send", "type": "FLOW", "config": {"flow_id": make, "next_node": "code"}},
            step("code", &json!([code, block("back", "PREVIOUS_BUTTON", &json!({"text": "Other"})), next("Check")]), "check"),
            {"id": "check", "type": "FLOW", "config": {"flow_id": check, "next_node": "$ending"}},
        ],
    });
    shown(&server, &form, "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    let sent = async |number: usize| {
        // Four lines of the conversation come before each message.
        let mail =
            eventually(async || sink.taken().iter().filter(|line| line.contains("<p>Code ")).nth(number).cloned())
                .await;
        mail.split("<p>Code ").nth(1).unwrap()[..6].to_owned()
    };
    let asked = browser.submit(&page, &[("field-to", "new@example.com")]).await;
    let first = sent(0).await;
    let wrong = if first == "000000" { "111111" } else { "000000" };
    let told = browser.submit(&asked, &[("field-code", wrong)]).await;
    assert!(told.status == 400 && told.html.contains("No: UNEQUAL") && !told.html.contains(wrong), "{}", told.html);
    clock.advance(Duration::from_secs(301));
    let late = browser.submit(&told, &[("field-code", &first)]).await;
    assert!(late.html.contains("No: EXPIRED"), "{}", late.html);
    let page = browser.submit(&late, &[("action", "previous")]).await;
    let asked = browser.submit(&page, &[("field-to", "other@example.com")]).await;
    let second = sent(1).await;
    let home = browser.submit(&asked, &[("field-code", &second)]).await;
    let prompt = prompt_of(&server, &app, &home).await;
    assert_eq!(
        (&prompt["fields"], &prompt["vars"]),
        (&json!({"to": "other@example.com"}), &json!({"proven": "other@example.com"}))
    );
    // Nobody is told a code.
    let mut told = server.get("/logs?per_page=100").await.body.to_string();
    for flow in [&make, &check] {
        for execution in server.get(&format!("/flows/{flow}/executions")).await.body.as_array().unwrap() {
            let path = format!("/flows/{flow}/executions/{}?hydrate=debug", execution["id"].as_str().unwrap());
            told += &server.get(&path).await.body.to_string();
        }
    }
    for code in [first.as_str(), &second] {
        assert!(!told.contains(code), "{code}: {told}");
    }
    assert_eq!(states(&server, &check).await, ["completed"; 3]);
    server.patch("/emails/provider", json!({"enabled": false})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    let stopped = browser.submit(&page, &[("field-to", "new@example.com")]).await;
    assert!(stopped.html.contains("flow-failed") && stopped.html.contains("field-to"), "{}", stopped.html);
    assert!(states(&server, &make).await.contains(&"failed".to_owned()));
    assert_eq!(kinds(&server).await.iter().filter(|kind| *kind == "flows_execution_failed").count(), 1);
    server.end().await;
}
