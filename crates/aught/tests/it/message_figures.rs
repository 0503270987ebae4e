//! What messages cost: how many are written and handed to an SMTP server in a second of processor time, what many that wait take of the
//! memory, and how soon the outbox shows one. They take minutes and assert little, so they are run by name:
//! `cargo test --workspace --test it -- --ignored message_figures --nocapture`; `AUGHT_MESSAGES` says how many wait.

use std::{
    fs,
    time::{Duration, Instant},
};

use aught_testing::SmtpSink;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    crash::{Api, serve},
    kills::mail_through,
    program::{Server, serve as serve_here},
};

const CLIENTS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures, and takes minutes"]
async fn messages_that_wait_and_that_are_sent() {
    let messages = messages();
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("aught.db").to_str().unwrap().to_owned();
    let mut command = serve(&database, folder.path());
    command.args(["--outbound-private", "allow"]);
    let server = Server::start(command);
    let api = Api::open(&server).await;
    // Who connects is not greeted before all messages wait.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let user = mail_through(&api, port).await;
    enqueue(&api, &user, CLIENTS).await;
    let (before, began) = (memory(&server), Instant::now());
    enqueue(&api, &user, messages).await;
    eprintln!(
        "{messages} messages wait, enqueued in {:?}; memory before {before} MiB, then {} MiB",
        began.elapsed(),
        memory(&server),
    );
    let sink = SmtpSink::of(listener);
    let (first, cpu, began) = (sink.messages(), cpu(&server), Instant::now());
    let wanted = first + messages.min(1_000);
    while sink.messages() < wanted {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (sent, spent) = (sink.messages() - first, self::cpu(&server).saturating_sub(cpu));
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    let rate = sent as f64 / spent.as_secs_f64();
    eprintln!(
        "{sent} messages handed over in {:?} with {spent:?} of processor time: {rate:.0} for each second of it; memory {} MiB",
        began.elapsed(),
        memory(&server),
    );
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it measures"]
async fn how_soon_the_outbox_shows_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve_here(folder.path());
    command.env("AUGHT_INITIAL_CLIENT_ID", "crash").env("AUGHT_INITIAL_CLIENT_SECRET", "a secret");
    let server = Server::start(command);
    let domain = format!("localhost:{}", server.addr.port());
    let api = Api::at(&server, &domain).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut times = Vec::new();
    for number in 0..100 {
        let email = format!("ann{number}@example.com");
        let outbox = format!("http://{domain}/_aught/outbox?to={email}&wait=20");
        let http = http.clone();
        let waiting = tokio::spawn(async move {
            let answer = http.get(outbox).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            let sent: kernel::Timestamp =
                answer["messages"][0]["attempts"][0]["date"].as_str().unwrap().parse().unwrap();
            kernel::Context::system().now().micros() - sent.micros()
        });
        let user = json!({"connection": "Username-Password-Authentication", "email": email, "password": "Aught-1234!"});
        api.post("/users", user).await.unwrap();
        times.push(waiting.await.unwrap() / 1000);
    }
    times.sort_unstable();
    eprintln!(
        "a waiting reader of the outbox has a message, after it is sent: median {} ms, p99 {} ms, longest {} ms",
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        times[times.len() - 1],
    );
    server.stop();
}

/// Has as many messages enqueued, by several clients at once.
async fn enqueue(api: &Api, user: &str, messages: usize) {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (api, user) = (api.clone(), user.to_owned());
        clients.spawn(async move {
            for _ in 0..messages / CLIENTS {
                api.post("/jobs/verification-email", json!({ "user_id": user })).await.unwrap();
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
}

/// What of the memory a server takes, in MiB.
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// The processor time that a server has taken.
fn cpu(server: &Server) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    let rest = stat.rsplit(')').next().unwrap();
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).map(|part| part.parse::<u64>().unwrap()).sum();
    // A hundred ticks a second, on every Linux (USER_HZ).
    Duration::from_millis(ticks * 10)
}

#[expect(clippy::disallowed_methods, reason = "whoever measures says how much")]
fn messages() -> usize {
    std::env::var("AUGHT_MESSAGES").ok().map_or(100_000, |count| count.parse().expect("a number of messages"))
}
