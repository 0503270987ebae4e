//! A server in this process with a client that checks every answer against the contract.

use std::{collections::HashSet, sync::LazyLock};

use aught::{Config, Dns, Running, Server};
use aught_testing::PostgresDatabase;
use contract::{Contract, Route};
use http::Method;
use kernel::Context;
use reqwest::Client;
use serde_json::{Value, json};
use store::Database;

/// A server with a tenant of its own, and a client of it that may do everything.
pub(crate) struct TestServer {
    pub(crate) running: Running,
    pub(crate) http: Client,
    base: String,
    pub(crate) token: String,
    /// Dropped last, when nobody uses it any more.
    database: Option<PostgresDatabase>,
}

/// Shorter sealed texts (`key`, `secret`) may stand anywhere.
const LEAST_TELLING: usize = 10;

/// Whether the contract marks the members of a name as secret.
fn is_secret(name: &str) -> bool {
    static MEMBERS: LazyLock<HashSet<String>> = LazyLock::new(|| {
        let list: Value = serde_json::from_str(include_str!("../../contract/secrets.json")).unwrap();
        list["members"].as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect()
    });
    MEMBERS.contains(name)
}

/// Shows every text of a value with the name of the member that it belongs to.
fn look(value: &Value, name: &str, see: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => see(name, text),
        Value::Array(items) => items.iter().for_each(|item| look(item, name, see)),
        Value::Object(members) => members.iter().for_each(|(name, member)| look(member, name, see)),
        _ => {}
    }
}

/// An answer: its status, and its body where that is JSON.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl TestServer {
    /// A server in memory, or on a new PostgreSQL database where `TEST_POSTGRES` names a server.
    pub(crate) async fn start() -> Self {
        Self::with(Context::system()).await
    }

    /// The same with time and randomness of the test's choice.
    pub(crate) async fn with(context: Context) -> Self {
        // No test asks a name server.
        Self::of(Config { context, dns: Dns::Trusting, developer_tools: Some(false), ..Config::in_memory() }).await
    }

    /// The same as the test configures it; PostgreSQL takes the place of memory.
    pub(crate) async fn of(mut config: Config) -> Self {
        let database = if config.database == Database::Memory { PostgresDatabase::create() } else { None };
        if let Some(database) = &database {
            config.database = Database::Postgres(database.url());
        }
        let running = Server::start(config).await.unwrap();
        let http = Client::builder().no_proxy().build().unwrap();
        let base = format!("http://{}", running.addr);
        let mut server = Self { running, http, base, token: String::new(), database };
        server.token = server.token_for("").await;
        server
    }

    /// A new token with these scopes of the Management API; with all of them where none is named.
    pub(crate) async fn token_for(&self, scope: &str) -> String {
        let fresh = self.running.fresh.as_ref().expect("the tenant is new");
        let mut request = json!({
            "grant_type": "client_credentials",
            "client_id": fresh.client_id,
            "client_secret": fresh.client_secret.reveal(),
            "audience": format!("https://{}/api/v2/", self.running.domain),
        });
        if !scope.is_empty() {
            request["scope"] = scope.into();
        }
        let answer = self.http.post(self.url("/oauth/token")).json(&request).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// The tables of the database that hold a text; `file` is where it lies, unless PostgreSQL has taken its place.
    pub(crate) fn tables_with(&self, file: &std::path::Path, text: &str) -> std::collections::BTreeSet<String> {
        match &self.database {
            Some(database) => database.tables_with(text),
            None => aught_testing::tables_with(file, text),
        }
    }

    /// The http address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.manage(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.manage(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.manage(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.manage(Method::DELETE, path, None).await
    }

    /// Asks the Management API (`path` is below `/api/v2`) with all scopes. The answer keeps to the contract.
    pub(crate) async fn manage(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let (answer, wrong) = self.judged(method.clone(), path, body).await;
        assert!(wrong.is_empty(), "{method} {path}: {wrong:#?}\n{answer:#?}");
        answer
    }

    /// The same, with what the contract says against the answer.
    pub(crate) async fn judged(&self, method: Method, path: &str, body: Option<Value>) -> (Answer, Vec<String>) {
        let mut request =
            self.http.request(method.clone(), self.url(&format!("/api/v2{path}"))).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.bytes().await.unwrap();
        let body: Option<Value> = serde_json::from_slice(&bytes).ok();
        let bare = path.split('?').next().unwrap_or_default();
        let mut wrong = match Contract::load().route(&method, bare) {
            Route::Operation(operation, _) => operation.verify_answer(status, body.as_ref()),
            _ => Vec::new(),
        };
        if let Some(body) = &body {
            wrong.extend(self.leaks(body).await);
        }
        (Answer { status, body: body.unwrap_or_default() }, wrong)
    }

    /// Secrets of the tenant in an answer that stand there under a name that does not tell of a secret.
    async fn leaks(&self, body: &Value) -> Vec<String> {
        let mut secrets = Vec::new();
        for tenant in self.running.store.tenants().await.unwrap() {
            for sealed in self.running.store.sealed(&tenant).await.unwrap() {
                let telling = sealed.paths().filter(|path| is_secret(path.rsplit('.').next().unwrap_or_default()));
                let texts = telling.filter_map(|path| sealed.text(path)).filter(|text| text.len() >= LEAST_TELLING);
                // The host of an address is no secret, what follows may be.
                let texts = texts
                    .filter(|text| !text.starts_with("http") || text.trim_end_matches('/').matches('/').count() > 2);
                secrets.extend(texts.map(str::to_owned));
            }
        }
        let mut leaks = Vec::new();
        look(body, "", &mut |name, text| {
            if !is_secret(name) && secrets.iter().any(|secret| text.contains(secret.as_str())) {
                leaks.push(format!("a secret stands under {name:?}"));
            }
        });
        leaks
    }

    /// Ends the test: what the store holds must be sound.
    pub(crate) async fn end(self) {
        for tenant in self.running.store.tenants().await.unwrap() {
            let mut complaints = self.running.store.verify(&tenant).await.unwrap();
            complaints.extend(self.running.store.read(&tenant, identity::deletion::dangling).await.unwrap());
            assert!(complaints.is_empty(), "{complaints:#?}");
        }
        self.running.stop().await;
    }
}
