//! kill -9 while a visitor is in the middle of a form: what was entered is kept, a flow that waits goes on, and so does the visitor.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use aught_testing::PostgresDatabase;
use reqwest::{Client, Method, header, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    crash::{Api, DOMAIN, serve},
    program::Server,
};

const CALLBACK: &str = "https://app.example.com/callback";
const DATABASE: &str = "Username-Password-Authentication";
const PASSWORD: &str = "Correct-Horse-7";
/// Longer than a flow takes that waits for a second.
const PATIENCE: u32 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn an_open_form_survives_a_kill_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("aught.db").to_str().unwrap().to_owned();
    let server = Server::start(serve(&database, folder.path()));
    survive_a_kill(server, || Server::start(serve(&database, folder.path()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_form_goes_on_at_another_server_on_postgresql() {
    let Some(database) = PostgresDatabase::create() else { return };
    let folder = tempfile::tempdir().unwrap();
    let start = |state: &Path| Server::start(serve(&database.url(), state));
    let server = start(folder.path());
    let other = start(folder.path());
    survive_a_kill(server, || other).await;
}

async fn survive_a_kill(mut server: Server, other: impl FnOnce() -> Server) {
    let client_id = provision(&Api::open(&server).await).await;
    let mut visitor = Visitor::at(server.addr);
    let authorize =
        format!("/authorize?client_id={client_id}&response_type=code&redirect_uri={CALLBACK}&scope=openid&state=s");
    let page = visitor.visit(Method::GET, &authorize, &[]).await;
    let page = visitor.submit(&page, &[("username", "jane@example.com")]).await;
    let page = visitor.submit(&page, &[("password", PASSWORD)]).await;
    assert!(page.html.contains("field-pet"), "{}", page.html);
    let waiting = visitor.submit(&page, &[("field-pet", "Rex"), ("action", "next")]).await;
    assert!(waiting.html.contains("role=\"status\""), "{}", waiting.html);
    server.kill();
    let server = other();
    visitor.base = server.addr;
    let mut second = visitor.visit(Method::GET, &waiting.address, &[]).await;
    for _ in 0..PATIENCE {
        if !second.html.contains("role=\"status\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        second = visitor.visit(Method::GET, &waiting.address, &[]).await;
    }
    assert!(second.html.contains("<p>Rex, late</p>"), "{}", second.html);
    let home = visitor.submit(&second, &[("action", "next")]).await;
    assert!(home.address.starts_with(&format!("{CALLBACK}?code=")), "{}", home.address);
    let ended = server.stop();
    assert!(ended.status.success(), "{}", ended.log);
}

/// A user, a client, and a form between them whose flow waits for a second; gives the client's identifier.
async fn provision(api: &Api) -> String {
    let user =
        json!({"connection": DATABASE, "email": "jane@example.com", "password": PASSWORD, "verify_email": false});
    api.post("/users", user).await.unwrap();
    let client = json!({"name": "App", "app_type": "regular_web", "callbacks": [CALLBACK]});
    let client_id = text(&api.post("/clients", client).await.unwrap(), "client_id");
    let (_, found) = api.ask(Method::GET, &format!("/connections?name={DATABASE}"), None).await.unwrap();
    let enabled = json!([{"client_id": client_id, "status": true}]);
    let path = format!("/connections/{}/clients", text(&found[0], "id"));
    assert!(api.ask(Method::PATCH, &path, Some(&enabled)).await.unwrap().0.is_success());
    let flow = json!({"name": "Late", "actions": [
        {"id": "wait", "type": "FLOW", "action": "DELAY_FLOW", "params": {"number": 1, "units": "SECONDS"}},
        {"id": "keep", "type": "FLOW", "action": "STORE_VARS", "params": {"vars": {"when": "late"}}},
    ]});
    let flow = text(&api.post("/flows", flow).await.unwrap(), "id");
    let step = |components: Value, next: &str| json!({"components": components, "next_node": next});
    let next = json!({"id": "next", "category": "BLOCK", "type": "NEXT_BUTTON", "config": {"text": "On"}});
    let pet = json!({"id": "pet", "category": "FIELD", "type": "TEXT", "label": "Pet", "config": {}});
    let told = json!({"id": "told", "category": "BLOCK", "type": "RICH_TEXT", "config": {"content": "<p>{{fields.pet}}, {{vars.when}}</p>"}});
    let form = json!({"name": "Pets", "languages": {"primary": "en"}, "start": {"next_node": "one"}, "nodes": [
        {"id": "one", "type": "STEP", "config": step(json!([pet, next]), "wait")},
        {"id": "wait", "type": "FLOW", "config": {"flow_id": flow, "next_node": "two"}},
        {"id": "two", "type": "STEP", "config": step(json!([told, next]), "$ending")},
    ]});
    let form = text(&api.post("/forms", form).await.unwrap(), "id");
    let code = format!(
        "exports.onExecutePostLogin = async (event, api) => {{ api.prompt.render('{form}'); }};
         exports.onContinuePostLogin = async () => {{}};"
    );
    let action =
        json!({"name": "Shows it", "code": code, "supported_triggers": [{"id": "post-login", "version": "v3"}]});
    let action = text(&api.post("/actions/actions", action).await.unwrap(), "id");
    let path = format!("/actions/actions/{action}");
    for _ in 0..PATIENCE {
        if api.ask(Method::GET, &path, None).await.unwrap().1["status"] == "built" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(api.ask(Method::POST, &format!("{path}/deploy"), None).await.unwrap().0.is_success());
    let bindings = json!({"bindings": [{"ref": {"type": "action_id", "value": action}, "display_name": "Shows it"}]});
    let bound = api.ask(Method::PATCH, "/actions/triggers/post-login/bindings", Some(&bindings)).await.unwrap();
    assert!(bound.0.is_success(), "{bound:?}");
    client_id
}

fn text(document: &Value, name: &str) -> String {
    document[name].as_str().unwrap_or_else(|| panic!("no {name}: {document}")).to_owned()
}

/// A person at a browser without script.
struct Visitor {
    http: Client,
    base: SocketAddr,
    jar: BTreeMap<String, String>,
}

struct Page {
    address: String,
    html: String,
}

impl Visitor {
    fn at(base: SocketAddr) -> Self {
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { http, base, jar: BTreeMap::new() }
    }

    /// Sends the form of a page, with what is hidden in it.
    async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let mut all = fields.to_vec();
        for name in ["state", "turn"] {
            let marked = format!("name=\"{name}\" value=\"");
            if let Some((_, rest)) = page.html.split_once(&marked) {
                all.push((name, rest.split('"').next().unwrap_or_default()));
            }
        }
        self.visit(Method::POST, &page.address, &all).await
    }

    /// Asks for an address of the server, and follows redirects within it.
    async fn visit(&mut self, method: Method, address: &str, fields: &[(&str, &str)]) -> Page {
        let (mut method, mut address, mut fields) = (method, address.to_owned(), fields);
        loop {
            let path = address.strip_prefix(&format!("https://{DOMAIN}")).unwrap_or(&address).to_owned();
            if !path.starts_with('/') {
                return Page { address, html: String::new() };
            }
            let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let request = self.http.request(method, format!("http://{}{path}", self.base));
            let request = request.header(header::HOST, DOMAIN).header(header::COOKIE, cookies.join("; "));
            let request = if fields.is_empty() { request } else { request.form(fields) };
            let answer = request.send().await.unwrap();
            for cookie in answer.headers().get_all(header::SET_COOKIE) {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                self.jar.insert(name.to_owned(), value.to_owned());
            }
            let Some(location) = answer.headers().get(header::LOCATION) else {
                return Page { address: path, html: answer.text().await.unwrap() };
            };
            address = location.to_str().unwrap().to_owned();
            (method, fields) = (Method::GET, &[]);
        }
    }
}
