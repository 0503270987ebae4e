//! kill -9 under concurrent writes: what was acknowledged is there afterwards, and every restart succeeds.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    process::Command,
    sync::Arc,
};

use aught_testing::PostgresDatabase;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use crate::program::{Server, program};

const WRITERS: usize = 8;
pub(crate) const DOMAIN: &str = "crash.example.com";

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_kill_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("aught.db").to_str().unwrap().to_owned();
    survive_kills(&database, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_kill_on_postgresql() {
    let Some(database) = PostgresDatabase::create() else { return };
    let folder = tempfile::tempdir().unwrap();
    survive_kills(&database.url(), folder.path()).await;
}

async fn survive_kills(database: &str, state: &Path) {
    let mut acknowledged = Vec::new();
    for round in 0..rounds() {
        let server = Server::start(serve(database, state));
        let api = Api::open(&server).await;
        let wanted = usize::try_from(RandomState::new().build_hasher().finish() % 150).unwrap();
        let written = write_until_killed(server, &api, round, wanted).await;
        assert!(written.len() >= wanted);
        acknowledged.extend(written);
    }
    let server = Server::start(serve(database, state));
    let api = Api::open(&server).await;
    for (id, name) in &acknowledged {
        let role = api.role(id).await;
        assert_eq!(role["name"], **name, "{id} was acknowledged, but is {role}");
    }
    let ended = server.stop();
    assert!(ended.status.success(), "{}", ended.log);
    let complaints = verify(database, state).await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Writes with many connections at once, kills the server when some writes are acknowledged, and tells which were.
async fn write_until_killed(mut server: Server, api: &Api, round: u32, wanted: usize) -> Vec<(String, String)> {
    let (send, mut acknowledgements) = mpsc::unbounded_channel();
    let (kill, killed) = watch::channel(false);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (api, send, killed) = (api.clone(), send.clone(), killed.clone());
        writers.spawn(async move {
            for number in 0.. {
                let name = format!("round {round} writer {writer} number {number}");
                match api.create_role(&name).await {
                    Ok(id) => send.send((id, name)).unwrap(),
                    // Whatever was not acknowledged may or may not be there.
                    Err(_) if *killed.borrow() => break,
                    Err(error) => panic!("a write failed before the kill: {error}"),
                }
            }
        });
    }
    drop(send);
    let mut written = Vec::new();
    while written.len() < wanted {
        written.push(acknowledgements.recv().await.expect("the writers write until the kill"));
    }
    kill.send_replace(true);
    server.kill();
    while let Some(acknowledgement) = acknowledgements.recv().await {
        written.push(acknowledgement);
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    written
}

pub(crate) fn serve(database: &str, state: &Path) -> Command {
    let mut command = program();
    command.args(["serve", "--listen", "127.0.0.1:0", "--domain", DOMAIN, "--database", database]);
    command.arg("--state-dir").arg(state);
    command.env("AUGHT_INITIAL_CLIENT_ID", "crash").env("AUGHT_INITIAL_CLIENT_SECRET", "a secret");
    command
}

/// What the store finds wrong with itself.
pub(crate) async fn verify(database: &str, state: &Path) -> Vec<String> {
    let root_key = std::fs::read_to_string(state.join("root-key")).unwrap();
    let options = store::Options {
        database: database.parse().unwrap(),
        root_key: store::RootKey::parse(&root_key).unwrap(),
        context: kernel::Context::system(),
    };
    let store = store::Store::open(options).await.unwrap();
    let tenant = store.tenants().await.unwrap().remove(0);
    let complaints = store.verify(&tenant).await.unwrap();
    store.close().await;
    complaints
}

/// The Management API of a running server.
#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    base: Arc<str>,
    token: Arc<str>,
}

impl Api {
    pub(crate) async fn open(server: &Server) -> Self {
        Self::at(server, DOMAIN).await
    }

    /// The same, of the tenant with this domain.
    pub(crate) async fn at(server: &Server, domain: &str) -> Self {
        let host = (reqwest::header::HOST, domain.parse().unwrap());
        let client = reqwest::Client::builder().no_proxy().default_headers([host].into_iter().collect());
        let client = client.build().unwrap();
        let base = format!("http://{}", server.addr);
        let request = json!({
            "grant_type": "client_credentials", "client_id": "crash", "client_secret": "a secret",
            "audience": format!("https://{domain}/api/v2/"),
        });
        let answer = client.post(format!("{base}/oauth/token")).json(&request).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}"));
        Self { client, base: base.into(), token: token.into() }
    }

    /// Asks for a path below `/api/v2` with a body; what it answers with success.
    pub(crate) async fn post(&self, path: &str, body: Value) -> reqwest::Result<Value> {
        let request = self.client.post(format!("{}/api/v2{path}", self.base)).bearer_auth(&self.token);
        request.json(&body).send().await?.error_for_status()?.json().await
    }

    pub(crate) async fn create_role(&self, name: &str) -> reqwest::Result<String> {
        let role = self.post("/roles", json!({ "name": name })).await?;
        Ok(role["id"].as_str().unwrap().to_owned())
    }

    pub(crate) async fn role(&self, id: &str) -> Value {
        self.ask(Method::GET, &format!("/roles/{id}"), None).await.unwrap().1
    }

    /// The status and body of the answer to a request; `path` is below `/api/v2`.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}/api/v2{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        Ok((status, serde_json::from_slice(&answer.bytes().await?).unwrap_or_default()))
    }
}

#[expect(clippy::disallowed_methods, reason = "continuous checks ask for more rounds")]
pub(crate) fn rounds() -> u32 {
    std::env::var("AUGHT_CRASH_ROUNDS").ok().map_or(3, |rounds| rounds.parse().expect("a number of rounds"))
}
