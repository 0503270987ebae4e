//! kill -9 while messages, logs and events are sent: what was acknowledged arrives, in order, and nothing arrives twice but what
//! was on its way when the server died.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use aught_testing::{PostgresDatabase, SmtpSink};
use axum::{Router, body::Bytes, extract::State, http::Uri};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    crash::{Api, rounds, serve},
    program::Server,
};

const WRITERS: usize = 4;
/// Messages of one tenant that are on their way at a time.
const ON_THEIR_WAY: usize = 8;
/// Organizations and messages that are acknowledged before a kill.
const LOAD: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_sent_survives_a_kill_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("aught.db").to_str().unwrap().to_owned();
    survive_kills(&database, folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_sent_survives_a_kill_on_postgresql() {
    let Some(database) = PostgresDatabase::create() else { return };
    let folder = tempfile::tempdir().unwrap();
    survive_kills(&database.url(), folder.path()).await;
}

/// Takes what streams are sent.
#[derive(Clone, Default)]
struct StreamSink(Arc<Mutex<Vec<(String, String)>>>);

impl StreamSink {
    /// Answers everything with 200; gives its address.
    async fn listen(&self) -> String {
        let take = async |State(sink): State<Self>, uri: Uri, body: Bytes| {
            sink.0.lock().unwrap().push((uri.path().to_owned(), String::from_utf8_lossy(&body).into_owned()));
            "{}"
        };
        let router = Router::new().fallback(take).with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }

    /// The names of organizations that logs or events tell of, as they came.
    fn organizations(&self, of_logs: bool) -> Vec<String> {
        let taken = self.0.lock().unwrap();
        let bodies = taken.iter().filter(|(path, _)| (path == "/logs") == of_logs).map(|(_, body)| body);
        let name = |value: &Value| value.as_str().map(str::to_owned);
        let entries = |body: &String| -> Vec<Value> {
            if of_logs {
                return body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            let body: Value = serde_json::from_str(body).unwrap();
            body["Entries"].as_array().unwrap().clone()
        };
        let told = |entry: Value| {
            if of_logs {
                let is_meant = entry["data"]["description"] == "Create an Organization";
                return name(&entry["data"]["details"]["request"]["body"]["name"]).filter(|_| is_meant);
            }
            let event: Value = serde_json::from_str(entry["Detail"].as_str()?).ok()?;
            name(&event["data"]["object"]["name"])
        };
        bodies.flat_map(entries).filter_map(told).collect()
    }
}

/// How often each message arrived, by its identifier.
fn messages(sink: &SmtpSink) -> BTreeMap<String, usize> {
    let mut arrived = BTreeMap::new();
    for text in sink.taken() {
        let id = text.split("Message-ID: <").nth(1).and_then(|rest| rest.split('@').next());
        if let Some(id) = id {
            *arrived.entry(id.to_owned()).or_insert(0) += 1;
        }
    }
    arrived
}

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    messages: BTreeSet<String>,
    /// In the order of each writer.
    organizations: Vec<String>,
}

impl Acknowledged {
    fn add(&mut self, others: Self) {
        self.messages.extend(others.messages);
        self.organizations.extend(others.organizations);
    }
}

async fn survive_kills(database: &str, state: &Path) {
    let (mail, streams) = (SmtpSink::start().await, StreamSink::default());
    let address = streams.listen().await;
    let command = || -> Command {
        let mut command = serve(database, state);
        command.args(["--outbound-private", "allow", "--eventbridge-endpoint", &address]);
        command.env("AUGHT_EVENTBRIDGE_ACCESS_KEY_ID", "key").env("AUGHT_EVENTBRIDGE_SECRET_ACCESS_KEY", "secret");
        command
    };
    let mut server = Server::start(command());
    let api = Api::open(&server).await;
    let user = prepare(&api, mail.port, &address).await;
    let mut acknowledged = Acknowledged::default();
    let rounds = rounds();
    for round in 0..rounds {
        let api = Api::open(&server).await;
        acknowledged.add(write_until_killed(&mut server, &api, &user, round).await);
        server = Server::start(command());
    }
    let names: BTreeSet<String> = acknowledged.organizations.iter().cloned().collect();
    let missing = || {
        let arrived = messages(&mail);
        let missing = |of_logs| {
            let told: BTreeSet<String> = streams.organizations(of_logs).into_iter().collect();
            names.difference(&told).count()
        };
        let messages = acknowledged.messages.iter().filter(|id| !arrived.contains_key(*id)).count();
        [messages, missing(true), missing(false)]
    };
    // What was on its way at the last kill is sent when its lease is over; a busy machine takes longer.
    for _ in 0..1800 {
        if missing() == [0; 3] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(missing(), [0; 3], "messages, log entries and events were acknowledged, and have not arrived");
    let twice: Vec<usize> = messages(&mail).into_values().filter(|count| *count > 1).collect();
    eprintln!(
        "{rounds} kills: {} messages acknowledged and arrived, {} of them twice as the answer was lost",
        acknowledged.messages.len(),
        twice.len(),
    );
    let kills = usize::try_from(rounds).unwrap();
    assert!(twice.len() <= ON_THEIR_WAY * kills, "{} messages came twice in {kills} kills", twice.len());
    for of_logs in [true, false] {
        in_order(&streams.organizations(of_logs));
    }
    assert!(server.stop().status.success());
}

/// Sets up the tenant's provider of e-mails and streams; the user who is written to.
async fn prepare(api: &Api, port: u16, address: &str) -> String {
    let sink = json!({"sumoSourceAddress": format!("{address}/logs")});
    api.post("/log-streams", json!({"name": "logs", "type": "sumo", "sink": sink})).await.unwrap();
    let configuration = json!({"aws_account_id": "123456789012", "aws_region": "eu-west-1"});
    let stream = json!({
        "name": "events",
        "subscriptions": [{"event_type": "organization.created"}],
        "destination": {"type": "eventbridge", "configuration": configuration},
    });
    api.post("/event-streams", stream).await.unwrap();
    mail_through(api, port).await
}

/// Has e-mails go to a server on this machine; the user who is written to.
pub(crate) async fn mail_through(api: &Api, port: u16) -> String {
    let credentials =
        json!({"smtp_host": "127.0.0.1", "smtp_port": port, "smtp_user": "me", "smtp_pass": "pass-word-1"});
    let provider = json!({"name": "smtp", "default_from_address": "mail@acme.example", "credentials": credentials});
    api.post("/emails/provider", provider).await.unwrap();
    let user = json!({
        "connection": "Username-Password-Authentication", "email": "ann@example.com", "password": "Aught-1234!",
        "verify_email": false,
    });
    api.post("/users", user).await.unwrap()["user_id"].as_str().unwrap().to_owned()
}

/// Writes with several connections at once, and kills the server when enough is acknowledged.
async fn write_until_killed(server: &mut Server, api: &Api, user: &str, round: u32) -> Acknowledged {
    let (count, mut counted) = watch::channel(0);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (api, user, count) = (api.clone(), user.to_owned(), count.clone());
        writers.spawn(async move {
            let mut written = Acknowledged::default();
            for number in 0.. {
                let name = format!("r{round}-w{writer}-n{number}");
                if api.post("/organizations", json!({ "name": name })).await.is_err() {
                    break;
                }
                written.organizations.push(name);
                let Ok(job) = api.post("/jobs/verification-email", json!({ "user_id": user })).await else { break };
                written.messages.insert(job["id"].as_str().unwrap().to_owned());
                count.send_modify(|count| *count += 2);
            }
            written
        });
    }
    counted.wait_for(|count| *count >= LOAD).await.expect("the writers write until the kill");
    server.kill();
    let mut all = Acknowledged::default();
    while let Some(written) = writers.join_next().await {
        all.add(written.unwrap());
    }
    all
}

/// What a writer did first is first told of first.
fn in_order(names: &[String]) {
    let mut last: BTreeMap<&str, u32> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for name in names.iter().filter(|name| seen.insert(*name)) {
        let (writer, number) = name.rsplit_once("-n").unwrap();
        let number: u32 = number.parse().unwrap();
        if let Some(before) = last.insert(writer, number) {
            assert!(before < number, "{name} is told of after {before}");
        }
    }
}
