//! PostgreSQL is killed and started again under load: what was acknowledged is there, and requests are served again within seconds.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    crash::{Api, serve, verify},
    program::Server,
};

const WRITERS: usize = 4;
/// Writes that are acknowledged before each outage.
const LOAD: usize = 20;
/// Each way in which PostgreSQL may stop.
const WAYS: [&str; 2] = ["immediate", "fast"];
/// Within this, requests are served again once PostgreSQL is.
const RECOVERY: Duration = Duration::from_secs(5);

/// A PostgreSQL server of one's own, which waits for the disk.
struct Postgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    /// Nothing where PostgreSQL is not asked for, or cannot be started by this user.
    fn start() -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "where there is a server for tests, its programs are there, too"
        )]
        std::env::var("TEST_POSTGRES").ok().filter(|server| !server.is_empty())?;
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL's programs are installed");
        let newest = versions.map(|version| version.unwrap().path().join("bin")).max().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { programs: newest, folder: tempfile::tempdir().unwrap(), port };
        // PostgreSQL refuses to run as root; its package brings a user for it.
        let folder = server.folder.path();
        assert!(!is_root() || Command::new("chown").arg("postgres").arg(folder).status().unwrap().success());
        server.run("initdb", &["--username", "aught", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8"]);
        server.control("start", "");
        Some(server)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(self.programs.join(program));
            command
        } else {
            Command::new(self.programs.join(program))
        };
        let folder = self.folder.path();
        let output =
            command.arg("--pgdata").arg(folder.join("data")).args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts it, or stops it in a way.
    fn control(&self, act: &str, way: &str) {
        let log = self.folder.path().join("log").to_str().unwrap().to_owned();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c shared_buffers=16MB",
            self.port
        );
        if act == "start" {
            self.run("pg_ctl", &["--wait", "--log", &log, "--options", &options, "start"]);
        } else {
            self.run("pg_ctl", &["--wait", "--mode", way, "stop"]);
        }
    }

    fn url(&self) -> String {
        format!("postgres://aught@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.control("stop", "immediate");
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_an_outage_of_postgresql_and_service_is_back_soon() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(serve(&postgres.url(), folder.path()));
    let api = Api::open(&server).await;
    let mut acknowledged = Vec::new();
    for (round, way) in WAYS.into_iter().enumerate() {
        acknowledged.extend(written_over_an_outage(&postgres, &api, round, way).await);
    }
    for (id, name) in &acknowledged {
        let role = api.role(id).await;
        assert_eq!(role["name"], **name, "{id} was acknowledged, but is {role}");
    }
    let ended = server.stop();
    assert!(ended.status.success(), "{}", ended.log);
    no_complaints(&postgres, folder.path()).await;
}

async fn no_complaints(postgres: &Postgres, folder: &Path) {
    let complaints = verify(&postgres.url(), folder).await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Writes before, during and after an outage; gives what was acknowledged.
async fn written_over_an_outage(postgres: &Postgres, api: &Api, round: usize, way: &str) -> Vec<(String, String)> {
    let (send, mut acknowledgements) = mpsc::unbounded_channel();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (api, send) = (api.clone(), send.clone());
        writers.spawn(async move {
            for number in 0.. {
                let name = format!("outage {round} writer {writer} number {number}");
                let (status, role) =
                    api.ask(reqwest::Method::POST, "/roles", Some(&json!({ "name": name }))).await.unwrap();
                // Refused while the database is away; whether it is there then, nobody knows.
                assert!(status.is_success() || status == 503 || status == 500, "{status} {role}");
                let id = role["id"].as_str().map(str::to_owned);
                if let Some(id) = id.filter(|_| status.is_success())
                    && send.send((id, name)).is_err()
                {
                    break;
                }
            }
        });
    }
    drop(send);
    let mut written = Vec::new();
    let mut take = async |count: usize| {
        for _ in 0..count {
            written.push(acknowledgements.recv().await.expect("the writers write on"));
        }
    };
    take(LOAD).await;
    postgres.control("stop", way);
    postgres.control("start", "");
    let back = Instant::now();
    tokio::time::timeout(RECOVERY, take(LOAD)).await.expect("requests are served again within seconds");
    eprintln!("{way}: {LOAD} writes were acknowledged {:?} after PostgreSQL was back", back.elapsed());
    drop(acknowledgements);
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    written
}
