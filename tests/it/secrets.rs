//! Secrets stay where they belong: a secret is planted at every place of the API that takes one (`secrets.txt`), and looked
//! for in answers, in the log and what it is streamed to, and in the database.

use std::{collections::BTreeSet, path::Path};

use aught::{Config, Dns};
use http::Method;
use serde_json::{Value, json};
use store::Database;

use crate::{
    event_streams::Receiver,
    log_streams,
    script::{self, Names, Request},
    server::{Answer, TestServer},
};

const TEXT: &str = include_str!("secrets.txt");

/// A secret, and the line that it came with.
struct Planted {
    secret: String,
    line: &'static str,
}

/// A tenant with secrets everywhere.
struct World {
    server: TestServer,
    names: Names,
    planted: Vec<Planted>,
}

impl World {
    fn new(server: TestServer) -> Self {
        Self { names: Names::of(&server), server, planted: Vec::new() }
    }

    /// The request of a line with new secrets in it; `None` for a line that only waits.
    async fn request(&mut self, line: &'static str) -> Option<Request> {
        let mut filled = String::new();
        for (place, part) in line.split('§').enumerate() {
            if place > 0 {
                let secret = secret(self.planted.len());
                filled.push_str(&secret);
                self.planted.push(Planted { secret, line });
            }
            filled.push_str(part);
        }
        script::request(&self.server, &filled, &mut self.names).await
    }

    /// Notes what the answer to a line tells for the first time.
    fn note(&mut self, line: &'static str, request: &Request, answer: &Answer) -> Vec<String> {
        let missing = request.keep(answer, &mut self.names);
        for secret in self.names.secrets() {
            if !self.planted.iter().any(|planted| planted.secret == secret) {
                self.planted.push(Planted { secret, line });
            }
        }
        missing
    }

    /// Sends every line, with success.
    async fn populate(&mut self) {
        let mut failures = Vec::new();
        for line in lines() {
            let Some(request) = self.request(line).await else { continue };
            let (answer, mut wrong) = request.send(&self.server).await;
            wrong.extend(self.note(line, &request, &answer));
            if !(200..300).contains(&answer.status) || !wrong.is_empty() {
                failures.push(format!("{line}\n    {answer:?} {wrong:?}"));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    /// The lines whose secrets stand in a text.
    fn found_in(&self, text: &str) -> BTreeSet<String> {
        let found = self.planted.iter().filter(|planted| text.contains(&planted.secret));
        found.map(|planted| format!("{}: {}", planted.secret, planted.line)).collect()
    }
}

/// A secret that every place takes, those for base32 too.
fn secret(number: usize) -> String {
    let letter = |power: u32| char::from(b'A' + u8::try_from(number / 26_usize.pow(power) % 26).unwrap());
    format!("PLANTEDX{}{}{}X", letter(2), letter(1), letter(0))
}

fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn report(found: &BTreeSet<String>) {
    let all: Vec<&str> = found.iter().map(String::as_str).collect();
    assert!(found.is_empty(), "{} secrets\n{}", found.len(), all.join("\n"));
}

#[tokio::test]
async fn no_secret_is_logged_or_streamed() {
    let server = TestServer::start().await;
    let receiver = Receiver::default();
    log_streams::stream(&server, &receiver.listen(200).await, json!({})).await;
    let mut world = World::new(server);
    world.populate().await;
    let mut found = BTreeSet::new();
    let mut page = 0;
    loop {
        let logs = world.server.get(&format!("/logs?per_page=100&page={page}")).await.body;
        found.extend(world.found_in(&logs.to_string()));
        if logs.as_array().is_none_or(Vec::is_empty) {
            break;
        }
        page += 1;
    }
    assert!(page > 1, "{page} pages");
    world.server.post("/organizations", json!({"name": "the-last"})).await;
    loop {
        let sent = receiver.next().await.1.to_string();
        found.extend(world.found_in(&sent));
        if sent.contains("the-last") {
            break;
        }
    }
    report(&found);
    world.server.end().await;
}

/// What is in a folder, as bytes.
fn files(folder: &Path) -> Vec<u8> {
    std::fs::read_dir(folder).unwrap().flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

#[tokio::test]
async fn no_secret_stands_in_clear_in_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::File(folder.path().join("aught.db"));
    let config = Config { database, dns: Dns::Trusting, ..Config::in_memory() };
    let mut world = World::new(TestServer::of(config).await);
    world.populate().await;
    // What was written last stands in the log beside the file.
    let running = files(folder.path());
    let World { server, planted, .. } = world;
    server.end().await;
    let stopped = files(folder.path());
    let mut found = BTreeSet::new();
    for Planted { secret, line } in &planted {
        let is_in = |bytes: &[u8]| memchr::memmem::find(bytes, secret.as_bytes()).is_some();
        if is_in(&running) || is_in(&stopped) {
            found.insert(format!("{secret}: {line}"));
        }
    }
    eprintln!("{} planted", planted.len());
    report(&found);
}

/// Whether an answer may tell a secret to whoever may write, since it is the first and only one that does.
fn tells_once(request: &Request) -> bool {
    request.method == Method::POST && !request.path.contains("/try")
}

#[tokio::test]
async fn the_answer_to_a_change_tells_no_secret_that_a_read_with_the_same_token_does_not() {
    let mut world = World::new(TestServer::start().await);
    let mut found = Vec::new();
    let everything = world.server.token.clone();
    for line in lines() {
        let Some(request) = world.request(line).await else { continue };
        if tells_once(&request) {
            let (answer, _) = request.send(&world.server).await;
            world.note(line, &request, &answer);
            continue;
        }
        let scopes = request.least_scopes();
        for scope in scopes {
            let token = world.server.token_for(&scope).await;
            world.server.token = token;
            let (answer, _) = request.send(&world.server).await;
            let read = world.server.manage(Method::GET, &request.path, None).await;
            // What the body brings is known to whoever sent it.
            let sent = request.body.as_ref().map_or_else(String::new, Value::to_string);
            let (told, shown) = (answer.body.to_string(), read.body.to_string());
            let leaks = world.planted.iter().filter(|planted| {
                let is_in = |text: &str| text.contains(&planted.secret);
                is_in(&told) && !is_in(&shown) && !is_in(&sent)
            });
            found.extend(leaks.map(|planted| format!("{scope}: {line}\n    {}", planted.line)));
            if answer.status < 300 {
                world.note(line, &request, &answer);
            }
        }
        world.server.token = everything.clone();
    }
    assert!(found.is_empty(), "{} secrets\n{}", found.len(), found.join("\n"));
    world.server.end().await;
}

/// Names of members that have no line of their own here, with the reason.
const NOT_PLANTED: &[(&str, &str)] = &[
    ("access_token", "a flow's connection or an identity provider brings it"),
    ("access_token_secret", "an identity provider brings it"),
    ("refresh_token", "an identity provider brings it"),
    ("cname_api_key", "only a self-managed domain's verification tells it"),
    ("link_with", "an ID token of a user; it is verified and not kept"),
    ("wrapped_key", "encrypted by the caller"),
];

#[test]
fn every_secret_of_the_contract_is_planted() {
    let list: Value = serde_json::from_str(include_str!("../../contract/secrets.json")).unwrap();
    let members = list["members"].as_array().unwrap().iter().filter_map(Value::as_str);
    let is_planted = |name: &str| {
        let member = format!("\"{name}\": ");
        lines().any(|line| {
            let mut values = line.split(&member).skip(1);
            values.any(|rest| rest[1..].split('"').next().is_some_and(|value| value.contains('§')))
                || line.contains(&format!("={name} "))
                || line.ends_with(&format!("={name}"))
                || line.ends_with(&format!(".{name}"))
        })
    };
    let missing: Vec<&str> =
        members.filter(|name| !is_planted(name) && !NOT_PLANTED.iter().any(|(known, _)| known == name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let stale: Vec<_> = NOT_PLANTED.iter().filter(|(name, _)| is_planted(name)).collect();
    assert!(stale.is_empty(), "{stale:?}");
    for place in list["places"].as_object().unwrap().keys() {
        let (method, path) = place.split_once(' ').unwrap();
        let reaches = |line: &str| {
            let mut words = line.split(' ');
            let is_meant = words.next() == Some(method) && line.contains('§');
            let steps: Vec<&str> = words.next().unwrap_or_default().split('/').collect();
            let wanted: Vec<&str> = path.split('/').collect();
            let fits = |(step, wanted): (&&str, &&str)| step == wanted || wanted.starts_with('{');
            is_meant && steps.len() == wanted.len() && steps.iter().zip(&wanted).all(fits)
        };
        assert!(lines().any(reaches), "{place}");
    }
}
