//! Forms that an Action has shown in a login: filled in without script, step by step, and what the Action is told of them.

use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, eventually},
    app::{App, CALLBACK, claims, logged, server_at},
    browser::{Browser, Page},
    server::TestServer,
};

const LOGIN: (&str, &str) = ("post-login", "v3");
const CLAIM: &str = "https://app.example/prompt";

pub(crate) fn step(id: &str, components: &Value, next: &str) -> Value {
    json!({"id": id, "type": "STEP", "config": {"components": components, "next_node": next}})
}

pub(crate) fn block(id: &str, kind: &str, config: &Value) -> Value {
    json!({"id": id, "category": "BLOCK", "type": kind, "config": config})
}

pub(crate) fn next(text: &str) -> Value {
    block("next", "NEXT_BUTTON", &json!({"text": text}))
}

/// Makes a form, and an Action that has it shown with these options.
pub(crate) async fn shown(server: &TestServer, form: &Value, options: &str) -> String {
    let made = server.post("/forms", form.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.body["id"].as_str().unwrap().to_owned();
    let code = format!(
        "exports.onExecutePostLogin = async (event, api) => {{ api.prompt.render('{id}', {options}); }};
         exports.onContinuePostLogin = async (event, api) => {{ api.idToken.setCustomClaim('{CLAIM}', event.prompt); }};"
    );
    let action = deployed(server, &format!("Shows {id}"), LOGIN, &code).await;
    bind(server, "post-login", &[&action]).await;
    id
}

fn profile() -> Value {
    json!({
        "name": "Profile",
        "languages": {"primary": "en"},
        "messages": {"errors": {"ERR_REQUIRED_PROPERTY": "Please fill this in.", "ERR_ACCEPTANCE_REQUIRED": "Please accept to go on."}},
        "start": {"hidden_fields": [{"key": "source", "value": "login of {{context.client.name}}"}, {"key": "unset"}], "next_node": "one"},
        "nodes": [
            step("one", &json!([
                block("intro", "RICH_TEXT", &json!({"content": "<h2>Welcome {{context.user.email}}</h2><script>alert(1)</script>"})),
                {"id": "company", "category": "FIELD", "type": "TEXT", "label": "Company", "required": true,
                 "config": {"multiline": false, "min_length": 2, "max_length": 40}},
                {"id": "team_size", "category": "FIELD", "type": "DROPDOWN", "label": "Team size", "required": true,
                 "config": {"multiple": false, "placeholder": "Choose one",
                            "options": [{"value": "xs", "label": "Only me"}, {"value": "s", "label": "2 to 10"}]}},
                {"id": "terms", "category": "FIELD", "type": "LEGAL", "required": true,
                 "config": {"text": "<p>I accept the <a href=\"https://app.example/terms\">terms</a></p>"}},
                {"id": "pin", "category": "FIELD", "type": "TEXT", "label": "Pin", "sensitive": true, "config": {}},
                next("Save"),
            ]), "two"),
            step("two", &json!([
                block("summary", "RICH_TEXT", &json!({"content": "<p>Of {{fields.company}} with {{vars.plan}}</p>"})),
                block("back", "PREVIOUS_BUTTON", &json!({"text": "Back"})),
                next("Finish"),
            ]), "$ending"),
        ],
        "ending": {"resume_flow": true},
    })
}

pub(crate) async fn prompt_of(server: &TestServer, app: &App, home: &Page) -> Value {
    assert!(home.address.starts_with(&format!("{CALLBACK}?code=")), "{home:?}");
    let tokens = app.exchange(server, &home.parameter("code").unwrap()).await.body;
    claims(&tokens["id_token"])[CLAIM].clone()
}

#[tokio::test]
async fn an_action_has_a_form_shown_and_is_told_what_was_entered() {
    let server = TestServer::start().await;
    let options = "{ fields: { company: 'Not told', unheard_of: 'x' }, vars: { plan: 'trial' } }";
    let id = shown(&server, &profile(), options).await;
    let app = App::new(&server, json!({})).await;
    // With a password, and then with the session that it began.
    for is_first in [true, false] {
        let mut browser = Browser::at(&server.url(""));
        if !is_first {
            bind(&server, "post-login", &[]).await;
            app.log_in(&mut browser, &[]).await;
            let bound = server.get("/actions/actions").await.body["actions"][0]["id"].as_str().unwrap().to_owned();
            bind(&server, "post-login", &[&bound]).await;
        }
        let page = app.log_in(&mut browser, &[]).await;
        assert!(page.address.starts_with(&format!("/u/custom-prompt/{id}?state=")), "{page:?}");
        assert!(
            page.html.contains("<h2>Welcome jane@example.com</h2>") && page.html.contains("value=\"Not told\""),
            "{}",
            page.html
        );
        assert!(!page.html.contains("alert(1)") && !page.html.contains("login of"), "{}", page.html);
        let faulty = browser.submit(&page, &[("field-company", ""), ("action", "next")]).await;
        assert_eq!(faulty.status, 400);
        assert_eq!(
            faulty.faults(),
            [
                "field-company ERR_REQUIRED_PROPERTY",
                "field-team_size ERR_REQUIRED_PROPERTY",
                "field-terms ERR_ACCEPTANCE_REQUIRED"
            ]
        );
        assert!(faulty.html.contains("Please fill this in.") && faulty.html.contains("Please accept to go on."));
        let sent = [("field-company", "A"), ("field-team_size", "s"), ("field-terms", "true"), ("action", "next")];
        let faulty = browser.submit(&faulty, &sent).await;
        assert_eq!(faulty.faults(), ["field-company ERR_TOO_SHORT_STRING"]);
        assert!(
            faulty.html.contains("<option value=\"s\" selected>2 to 10")
                && faulty.html.contains("value=\"true\" aria-labelledby=\"field-terms-text\" checked"),
            "{}",
            faulty.html
        );
        let sent = [("field-company", "Engines"), ("field-team_size", "xl"), ("field-terms", "true")];
        assert_eq!(browser.submit(&faulty, &sent).await.faults(), ["field-team_size ERR_OPTION_EXPECTED"]);
        let sent = [
            ("field-company", "<b>Engines</b>"),
            ("field-team_size", "s"),
            ("field-terms", "true"),
            ("field-pin", "1234"),
        ];
        let second = browser.submit(&faulty, &sent).await;
        assert!(second.html.contains("<p>Of &lt;b&gt;Engines&lt;/b&gt; with trial</p>"), "{}", second.html);
        let home = browser.submit(&second, &[("action", "next")]).await;
        let expected = json!({
            "id": id,
            "fields": {"company": "<b>Engines</b>", "source": "login of App", "team_size": "s", "terms": true},
            "vars": {"plan": "trial"},
        });
        assert_eq!(prompt_of(&server, &app, &home).await, expected);
    }
    let form = server.get(&format!("/forms/{id}")).await.body;
    assert!(form["embedded_at"].is_string() && form["submitted_at"].is_string(), "{form}");
    assert_eq!(form["updated_at"], form["created_at"]);
    assert_eq!(logged(&server).await.iter().filter(|kind| *kind == "forms_submission_succeeded").count(), 2);
    server.end().await;
}

#[tokio::test]
async fn the_server_decides_at_which_step_a_visitor_is() {
    let server = TestServer::start().await;
    shown(&server, &profile(), "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let first = app.log_in(&mut browser, &[]).await;
    // A page of another turn, of another form, and the end by hand lead to where the visitor is.
    for fields in
        [vec![("turn", "9"), ("action", "next")], vec![("turn", "2")], vec![("turn", ""), ("action", "jump:back")]]
    {
        let page = browser.submit(&first, &fields).await;
        assert!(page.html.contains("field-company") && page.status == 200, "{page:?}");
    }
    let state = first.parameter("state").unwrap();
    let other = browser.visit(&format!("/u/custom-prompt/ap_other?state={state}")).await;
    assert_eq!(other.address, first.address);
    let early = browser.visit(&format!("/continue?state={state}")).await;
    assert_eq!((early.address.as_str(), early.status), (first.address.as_str(), 200));
    let resumed = browser.visit(&format!("/authorize/resume?state={state}")).await;
    assert_eq!(resumed.address, first.address);
    let stranger = Browser::at(&server.url("")).visit(&first.address).await;
    assert_eq!((stranger.status, stranger.heading()), (400, "Oops!, something went wrong"));
    // The form that was sent twice goes on once; the back button's page decides nothing.
    let sent = [("field-company", "Engines"), ("field-team_size", "s"), ("field-terms", "true")];
    let second = browser.submit(&first, &sent).await;
    let again = browser.submit(&first, &sent).await;
    assert!(again.html.contains("Finish") && again.status == 200, "{again:?}");
    let back = browser.submit(&second, &[("action", "previous")]).await;
    assert!(back.html.contains("value=\"Engines\""), "{}", back.html);
    let second = browser.submit(&back, &sent).await;
    let jar = browser.jar.clone();
    let home = browser.submit(&second, &[]).await;
    assert!(home.address.starts_with(&format!("{CALLBACK}?code=")), "{home:?}");
    // Also for a browser that shows what it carried before.
    browser.jar = jar;
    let after = browser.submit(&second, &[]).await;
    assert!(!after.address.contains("code="), "{after:?}");
    server.end().await;
}

#[tokio::test]
async fn a_form_is_in_the_language_and_the_style_of_its_tenant() {
    let server = TestServer::start().await;
    let form = json!({
        "name": "Styled", "languages": {"primary": "en"},
        "messages": {"custom": {"hello": "Hello"}, "errors": {"ERR_TOO_SHORT_STRING": "At least {{minLength}}."}},
        "start": {"next_node": "one"},
        "nodes": [step("one", &json!([
            block("intro", "RICH_TEXT", &json!({"content": "<p>{{t('hello')}}</p>"})),
            block("picture", "IMAGE", &json!({"src": "https://pictures.example/a.png", "height": 40, "position": "CENTER"})),
            block("line", "DIVIDER", &json!({"text": "or"})),
            {"id": "code", "category": "FIELD", "type": "TEXT", "label": "Code", "hint": "As sent", "required": true, "config": {"min_length": 4}},
            {"id": "terms", "category": "FIELD", "type": "LEGAL", "config": {"text": "<p><img src=\"https://texts.example/a.png\">Terms</p>"}},
            block("skip", "JUMP_BUTTON", &json!({"text": "Skip", "next_node": "$ending", "style": {"background_color": "#204060"}})),
            next("Go on"),
        ]), "$ending")],
        "ending": {"redirection": {"target": "https://away.example/?s={{context.transaction.state}}", "delay": 3}},
        "style": {"css": "h1 { color: white }"},
        "translations": {"es": {"components": {"code": {"label": "Código"}, "next": {"config": {"text": "Seguir"}}}, "messages": {"custom": {"hello": "Hola"}}}, "ar": {}},
    });
    shown(&server, &form, "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    browser.languages = "es-MX,es;q=0.9".to_owned();
    let page = app.log_in(&mut browser, &[]).await;
    for part in [
        "<p>Hola</p>",
        ">Código<",
        ">Seguir<",
        "lang=\"es\"",
        "As sent",
        "At least 4.",
        "@scope (.af-custom-form-container){h1 { color: white }}",
    ] {
        assert!(page.html.contains(part), "{part}\n{}", page.html);
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("img-src 'self' data: https://pictures.example https://texts.example"), "{policy}");
    let faulty = browser.submit(&page, &[]).await;
    assert!(faulty.html.contains("Este campo es obligatorio."), "{}", faulty.html);
    browser.languages = "ar".to_owned();
    let faulty = browser.submit(&page, &[]).await;
    assert!(faulty.html.contains("هذا الحقل مطلوب.") && faulty.html.contains("dir=\"rtl\""), "{}", faulty.html);
    browser.languages = "es".to_owned();
    let end = browser.submit(&page, &[("action", "jump:skip")]).await;
    let state = page.parameter("state").unwrap();
    let target = format!("content=\"3;url=https://away.example/?s={state}\"");
    assert!(end.html.replace("&#38;", "&").contains(&target), "{}", end.html);
    // From there the visitor comes back.
    let home = browser.visit(&format!("/continue?state={state}")).await;
    assert_eq!(prompt_of(&server, &app, &home).await["fields"], json!({}));
    server.end().await;
}

#[tokio::test]
async fn what_hostile_forms_and_visitors_write_stays_text() {
    let server = TestServer::start().await;
    let attack = "\"><img src=x onerror=alert(1)>{{functions.uuid()}}";
    let nodes = json!([
        step("one", &json!([
            {"id": "a", "category": "FIELD", "type": "TEXT", "label": "<script>alert(2)</script>", "hint": attack, "config": {"placeholder": attack}},
            {"id": "b", "category": "FIELD", "type": "LEGAL", "config": {"text": "<p onclick=\"alert(3)\">{{vars.evil}}</p><style>*{}</style></form>"}},
            block("c", "HTML", &json!({"content": "<form action=\"https://evil.example\"><input name=\"state\"></form><a href=\"javascript:alert(4)\">x</a>"})),
            next("</button><script>alert(5)</script>"),
        ]), "circle"),
        {"id": "circle", "type": "ROUTER", "config": {"rules": [], "fallback": "circle"}},
    ]);
    let form = json!({
        "name": "Hostile", "languages": {"primary": "en"}, "start": {"next_node": "one"}, "nodes": nodes,
        "style": {"css": "} body { display: none } .x { color: red"},
    });
    shown(&server, &form, "{ vars: { evil: '<img src=x onerror=alert(6)>{{fields.a}}' } }").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    for raw in ["<script>alert", "<img src=x", "onclick", "evil.example", "javascript:", "display: none"] {
        assert!(!page.html.contains(raw), "{raw}\n{}", page.html);
    }
    assert_eq!(page.html.matches("<form ").count(), 1, "{}", page.html);
    // What a visitor writes is never evaluated, and a form that leads in circles is told in general words.
    let faulty = browser.submit(&page, &[("field-a", attack)]).await;
    assert_eq!((faulty.status, faulty.html.contains("flow-failed")), (400, true), "{}", faulty.html);
    assert!(faulty.html.contains("{{functions.uuid()}}") && !faulty.html.contains("<img src=x"), "{}", faulty.html);
    assert!(logged(&server).await.contains(&"forms_submission_failed".to_owned()));
    let long = "x".repeat(300_000);
    let refused = browser.submit(&page, &[("field-a", &long)]).await;
    assert_eq!(refused.status, 413);
    server.end().await;
}

#[tokio::test]
async fn a_form_that_is_gone_lets_nobody_in() {
    let server = TestServer::start().await;
    let id = shown(&server, &profile(), "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    assert_eq!(server.delete(&format!("/forms/{id}")).await.status, 204);
    let sent = [("field-company", "Engines"), ("field-team_size", "s"), ("field-terms", "true")];
    let gone = browser.submit(&page, &sent).await;
    assert_eq!((gone.status, gone.html.contains("flow-failed")), (400, true), "{gone:?}");
    // Nobody can be shown a form where nobody can be asked anything.
    let silent = browser.visit(&app.request(&[("prompt", "none")])).await;
    assert_eq!(silent.parameter("error").as_deref(), Some("login_required"));
    server.end().await;
}

pub(crate) fn field(id: &str, kind: &str, label: &str, config: &Value) -> Value {
    json!({"id": id, "category": "FIELD", "type": kind, "label": label, "config": config})
}

fn coded(flow: &str, tell: &str) -> Value {
    json!({
        "name": "Code", "languages": {"primary": "en"}, "start": {"next_node": "address"},
        "nodes": [
            step("address", &json!([field("to", "EMAIL", "Address", &json!({})), next("Send")]), "make"),
            {"id": "make", "type": "FLOW", "config": {"flow_id": flow, "next_node": "check"}},
            step("check", &json!([
                block("sent", "RICH_TEXT", &json!({"content": "<p>Sent to {{fields.to}}, {{vars.times}}</p>"})),
                {"id": "code", "category": "FIELD", "type": "TEXT", "label": "Code", "required": true, "sensitive": true, "config": {"min_length": 6}},
                block("again", "RESEND_BUTTON", &json!({
                    "active_text": "Nothing came?", "button_text": "Send again", "waiting_text": "Wait {{remaining_seconds}} seconds",
                    "flow_id": flow, "max_attempts": 1, "waiting_time": 5,
                })),
                block("back", "PREVIOUS_BUTTON", &json!({"text": "Other"})),
                next("Check"),
            ]), "judge"),
            {"id": "judge", "type": "FLOW", "config": {"flow_id": tell, "next_node": "$ending"}},
        ],
        "ending": {"resume_flow": true},
    })
}

pub(crate) async fn flow(server: &TestServer, actions: &Value) -> String {
    let made = server.post("/flows", json!({"name": "Flow", "actions": actions})).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body["id"].as_str().unwrap().to_owned()
}

fn action(id: &str, name: &str, params: &Value) -> Value {
    json!({"id": id, "type": "FLOW", "action": name, "params": params})
}

async fn executions(server: &TestServer, flow: &str) -> usize {
    server.get(&format!("/flows/{flow}/executions")).await.body.as_array().unwrap().len()
}

#[tokio::test]
async fn flows_run_between_steps_and_tell_what_goes_wrong() {
    let (server, clock) = server_at(1_800_000_000).await;
    let make =
        flow(&server, &json!([action("keep", "STORE_VARS", &json!({"vars": {"times": "again {{vars.times}}"}}))]))
            .await;
    let is_right = json!({"operator": "EQ", "operands": ["{{fields.code}}", "123456"]});
    let judge = flow(
        &server,
        &json!([action(
            "is_right",
            "BOOLEAN_CONDITION",
            &json!({
                "if": {"operator": "AND", "operands": [is_right]},
                "then": [action("proven", "STORE_VARS", &json!({"vars": {"proven": "{{fields.to}}"}}))],
                "else": [action("refuse", "ERROR_MESSAGE", &json!({"message": "<b>{{fields.to}}</b> is not proven"}))],
            })
        )]),
    )
    .await;
    shown(&server, &coded(&make, &judge), "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    assert_eq!(browser.submit(&page, &[("field-to", "nobody")]).await.faults(), ["field-to ERR_EMAIL_EXPECTED"]);
    assert_eq!(executions(&server, &make).await, 0);
    let code = browser.submit(&page, &[("field-to", "new@example.com")]).await;
    assert!(
        code.html.contains("<p>Sent to new@example.com, again </p>") && code.html.contains("Wait 5 seconds"),
        "{}",
        code.html
    );
    // A button that waits does nothing, nor does one that was pressed often enough.
    let early = browser.submit(&code, &[("action", "resend:again")]).await;
    assert_eq!((executions(&server, &make).await, early.status), (1, 200));
    clock.advance(std::time::Duration::from_secs(5));
    let again = browser.submit(&early, &[("action", "resend:again")]).await;
    assert!(again.html.contains("again again"), "{}", again.html);
    clock.advance(std::time::Duration::from_secs(5));
    let late = browser.submit(&again, &[("action", "resend:again")]).await;
    assert!(!late.html.contains("Send again"), "{}", late.html);
    assert_eq!(executions(&server, &make).await, 2);
    let short = browser.submit(&late, &[("field-code", "12345")]).await;
    assert_eq!(
        (short.faults(), executions(&server, &judge).await),
        (vec!["field-code ERR_TOO_SHORT_STRING".to_owned()], 0)
    );
    let wrong = browser.submit(&late, &[("field-code", "654321")]).await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.html.contains("&lt;b&gt;new@example.com&lt;/b&gt; is not proven")
            || wrong.html.contains("&#60;b&#62;new@example.com&#60;/b&#62; is not proven"),
        "{}",
        wrong.html
    );
    assert!(!wrong.html.contains("654321"), "{}", wrong.html);
    let home = browser.submit(&wrong, &[("field-code", "123456")]).await;
    let prompt = prompt_of(&server, &app, &home).await;
    assert_eq!(prompt["fields"], json!({"to": "new@example.com"}));
    assert_eq!(prompt["vars"], json!({"times": "again again ", "proven": "new@example.com"}));
    server.end().await;
}

#[tokio::test]
async fn a_flow_that_fails_lets_nobody_on() {
    let server = TestServer::start().await;
    let user = json!({"connection_id": "ac_1111111111111111111111", "user_id": "auth0|1", "changes": {}});
    let failing =
        flow(&server, &json!([{"id": "write", "type": "AUTH0", "action": "UPDATE_USER", "params": user}])).await;
    let mut form = profile();
    form["ending"] = json!({"after_submit": {"flow_id": failing}, "resume_flow": true});
    shown(&server, &form, "{ vars: { plan: 'trial' } }").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let first = app.log_in(&mut browser, &[]).await;
    let sent = [("field-company", "Engines"), ("field-team_size", "s"), ("field-terms", "true")];
    let second = browser.submit(&first, &sent).await;
    let stopped = browser.submit(&second, &[]).await;
    assert_eq!((stopped.status, stopped.html.contains("flow-failed")), (400, true), "{stopped:?}");
    assert!(stopped.html.contains("Finish"), "{}", stopped.html);
    assert!(logged(&server).await.contains(&"forms_submission_failed".to_owned()));
    server.end().await;
}

#[tokio::test]
async fn a_visitor_waits_for_a_flow_that_waits() {
    let (server, clock) = server_at(1_800_000_000).await;
    let slow = flow(
        &server,
        &json!([
            action("wait", "DELAY_FLOW", &json!({"number": 2, "units": "MINUTES"})),
            action("keep", "STORE_VARS", &json!({"vars": {"times": "late"}})),
        ]),
    )
    .await;
    let none = flow(&server, &json!([])).await;
    shown(&server, &coded(&slow, &none), "{}").await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = app.log_in(&mut browser, &[]).await;
    let waiting = browser.submit(&page, &[("field-to", "new@example.com")]).await;
    assert!(
        waiting.html.contains("role=\"status\"") && waiting.html.contains("http-equiv=\"refresh\""),
        "{}",
        waiting.html
    );
    // Nothing that is sent meanwhile does anything.
    let same = browser.submit(&page, &[("field-to", "other@example.com")]).await;
    assert!(same.html.contains("role=\"status\""), "{}", same.html);
    clock.advance(std::time::Duration::from_secs(121));
    let code = eventually(async || {
        let page = browser.visit(&waiting.address).await;
        page.html.contains("field-code").then_some(page)
    })
    .await;
    assert!(code.html.contains("<p>Sent to new@example.com, late</p>"), "{}", code.html);
    server.end().await;
}
