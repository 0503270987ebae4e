//! Every operation of the contract, with success, over HTTP; each answer is held against the contract.

use std::collections::BTreeSet;

use contract::{Contract, Operation, Route};

use crate::{
    script::{self, Names, Request},
    server::TestServer,
};

/// What no token of a machine may do.
const FOR_USERS_ONLY: &[&str] = &["POST /device-credentials"];

/// What needs a document on another server, by https.
const FROM_ELSEWHERE: &[&str] = &["POST /clients/cimd/register"];

#[tokio::test]
async fn every_operation_succeeds() {
    let server = TestServer::start().await;
    let mut names = Names::of(&server);
    let mut failures = Vec::new();
    let mut reached: BTreeSet<String> =
        FOR_USERS_ONLY.iter().chain(FROM_ELSEWHERE).map(|&name| name.to_owned()).collect();
    for line in script::lines() {
        let Some(request) = script::request(&server, line, &mut names).await else { continue };
        let (answer, mut wrong) = request.send(&server).await;
        wrong.extend(request.keep(&answer, &mut names));
        if !(200..300).contains(&answer.status) || !wrong.is_empty() {
            failures.push(format!("{line}\n    {} {} {wrong:?}", answer.status, answer.body));
        }
        reached.extend(operation(&request));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let all: BTreeSet<String> = Contract::load().operations().iter().map(Operation::name).collect();
    let missing: Vec<&String> = all.difference(&reached).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    server.end().await;
}

/// The operation that a request reaches.
fn operation(request: &Request) -> Option<String> {
    match Contract::load().route(&request.method, request.path.split('?').next()?) {
        Route::Operation(operation, _) => Some(operation.name()),
        _ => None,
    }
}
