//! Every operation of the contract, with success, over HTTP; each answer is held against the contract.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use contract::{Contract, Route};
use http::Method;
use kernel::{Record, object};
use serde_json::{Value, json};
use store::Index;

use crate::server::{Answer, TestServer};

const LINES: &str = include_str!("every-operation.txt");

const GAPS: &str = include_str!("../../contract/gaps.txt");

/// What no token of a machine may do.
const FOR_USERS_ONLY: &[&str] = &["POST /device-credentials"];

#[tokio::test]
async fn every_operation_succeeds() {
    let server = TestServer::start().await;
    let mut names = known(&server);
    let mut failures = Vec::new();
    let mut reached: BTreeSet<String> = FOR_USERS_ONLY.iter().map(|&name| name.to_owned()).collect();
    for line in LINES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let line = named(line, &names);
        let (request, wanted) = line.split_once(" >> ").unwrap_or((&line, ""));
        let (method, rest) = request.split_once(' ').unwrap();
        if method == "wait" {
            wait(&server, rest).await;
            continue;
        }
        if method == "leave" {
            leave(&server, rest).await;
            continue;
        }
        let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let (answer, wrong) = ask(&server, method, path, body).await;
        if !(200..300).contains(&answer.status) || !wrong.is_empty() {
            failures.push(format!("{line}\n    {} {} {wrong:?}", answer.status, answer.body));
        }
        reached.extend(operation(method, path));
        for (name, field) in wanted.split_whitespace().filter_map(|wish| wish.split_once('=')) {
            let value = answer.body.pointer(&format!("/{}", field.replace('.', "/"))).and_then(Value::as_str);
            match value {
                Some(value) => drop(names.insert(name.to_owned(), value.to_owned())),
                None => failures.push(format!("{line}\n    no {field} in {}", answer.body)),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let all: BTreeSet<String> =
        Contract::load().operations().iter().map(|operation| operation.name()).collect();
    reached.extend(GAPS.lines().map(str::to_owned));
    let missing: Vec<&String> = all.difference(&reached).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    server.end().await;
}

/// The operation that a request reaches.
fn operation(method: &str, path: &str) -> Option<String> {
    let path = path.split('?').next()?;
    match Contract::load().route(&method.parse().ok()?, path) {
        Route::Operation(operation, _) => Some(operation.name()),
        _ => None,
    }
}

async fn ask(server: &TestServer, method: &str, path: &str, body: &str) -> (Answer, Vec<String>) {
    if path == "/jobs/users-imports" {
        return (import(server).await, Vec::new());
    }
    let path = path.replace('|', "%7C");
    let body = (!body.is_empty()).then(|| serde_json::from_str(body).unwrap_or_else(|error| panic!("{body}: {error}")));
    server.judged(method.parse::<Method>().unwrap(), &path, body).await
}

/// Asks for a document until a field of it has a value.
async fn wait(server: &TestServer, what: &str) {
    let [path, field, value] = what.split(' ').collect::<Vec<_>>()[..] else { panic!("wait PATH FIELD VALUE: {what}") };
    let settled = async || {
        while server.get(path).await.body[field] != value {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled()).await.unwrap_or_else(|_| panic!("{what}"));
}

async fn import(server: &TestServer) -> Answer {
    let connections = server.get("/connections?name=people").await;
    let id = connections.body[0]["id"].as_str().unwrap().to_owned();
    let boundary = "boundary";
    let part = |name: &str, content: &str| {
        format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{content}\r\n")
    };
    let users = json!([{"email": "imported@example.com"}]);
    let file = format!("; filename=\"users.json\"\r\ncontent-type: application/json\r\n\r\n{users}");
    let body = format!("{}{}--{boundary}--\r\n", part("connection_id", &format!("\r\n\r\n{id}")), part("users", &file));
    let request = server.http.post(server.url("/api/v2/jobs/users-imports")).bearer_auth(server.token_for("").await);
    let kind = format!("multipart/form-data; boundary={boundary}");
    let response = request.header("content-type", kind).body(body).send().await.unwrap();
    Answer { status: response.status().as_u16(), body: response.json().await.unwrap_or_default() }
}

/// A line with the names in braces replaced; braces that hold no name are the line's own.
fn named(line: &str, names: &HashMap<String, String>) -> String {
    names.iter().fold(line.to_owned(), |line, (name, value)| line.replace(&format!("{{{name}}}"), value))
}

/// What the lines may refer to from the start.
fn known(server: &TestServer) -> HashMap<String, String> {
    let client = server.running.fresh.as_ref().unwrap().client_id.clone();
    HashMap::from([("m2m".to_owned(), client), ("tenant_domain".to_owned(), server.running.domain.clone())])
}

/// Stores a record with its owner as its only search term.
async fn leave(server: &TestServer, what: &str) {
    let [kind, id, document] = what.splitn(3, ' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    let mut document = object(serde_json::from_str(&document).unwrap());
    document.insert("id".into(), id.as_str().into());
    let tenant = server.running.store.tenants().await.unwrap().remove(0);
    let work = move |tx: &mut store::Tx| {
        let mut index = Index::new();
        for owner in ["user_id", "flow_id"] {
            if let Some(value) = document.get(owner).and_then(Value::as_str) {
                index = index.term(owner, value.to_owned());
            }
        }
        tx.insert(&kind, Record::new(&*id, document.clone(), tx.now()), index)
    };
    server.running.store.write(&tenant, work).await.unwrap();
}
