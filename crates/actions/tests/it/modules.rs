//! Actions modules, secrets, and packages of npm.

use std::sync::Arc;

use aught_actions::Engine;
use serde_json::json;

use crate::support::{Engines, action, commands, console, runtime};

#[tokio::test]
async fn a_module_is_required_by_its_name_with_its_own_secrets() {
    for runtime in Engines::all().await {
        let code = "const m = require('actions:tool box');
            exports.onExecutePostLogin = async (event, api) => {
                console.log(m.greet('you'), m === require('actions:tool box'), typeof actions, event.secrets);
                try { require('actions:none'); } catch (e) { console.log(e.code, e.message); }
            };";
        let module = "let n = 0; exports.greet = (who) => `hello ${who} ${++n} ${actions.secrets.WORD}`;";
        let outcome = runtime
            .run(action(code).module("tool box", module, json!({"WORD": "hush"})), "post-login", json!({}))
            .await;
        let expected =
            ["log hello you 1 hush true undefined {}", "log MODULE_NOT_FOUND Cannot find module 'actions:none'"];
        assert_eq!(
            (outcome.error.clone(), console(&outcome)),
            (None, expected.map(String::from).to_vec()),
            "{runtime}"
        );
    }
}

#[tokio::test]
async fn a_module_that_fails_names_itself() {
    for runtime in Engines::all().await {
        let code = "require('actions:broken'); exports.onExecutePostLogin = async () => {};";
        let built = action(code).module("broken", "\n\nnull.x", json!({}));
        for _ in 0..2 {
            let error = runtime.run(built.clone(), "post-login", json!({})).await.error.expect("it fails");
            assert!(error.stack.is_some_and(|stack| stack.contains("broken.js:3")), "{runtime}");
        }
    }
}

#[tokio::test]
async fn programs_of_one_tenant_keep_their_modules_and_secrets_apart() {
    for runtime in Engines::all().await {
        let one =
            action("exports.onExecutePostLogin = async (event) => { console.log(event.secrets.A, event.secrets.B); };");
        let mut other = one.clone().secret("B", "b");
        other.0.id = "other".into();
        let first = runtime.run(one.secret("A", "a"), "post-login", json!({})).await;
        let second = runtime.run(other, "post-login", json!({})).await;
        assert_eq!(
            (console(&first), console(&second)),
            (vec!["log a undefined".into()], vec!["log undefined b".into()]),
            "{runtime}"
        );
    }
}

/// Whether the npm client and its registry are here; if not, the test is skipped and says so.
macro_rules! built {
    ($runtime:expr, $program:expr) => {
        match $runtime.runtime.build(&$program.0).await {
            Ok(exact) => exact,
            Err(refusal)
                if refusal.0.contains("no npm client")
                    || refusal.0.contains("could not be resolved")
                    || refusal.0.contains("The call to") =>
            {
                eprintln!("skipped: {refusal}");
                return;
            }
            Err(refusal) => panic!("{refusal}"),
        }
    };
}

#[tokio::test]
async fn packages_that_people_use_work_on_node() {
    let node = runtime(Engine::Node, |settings| settings.limits.cpu = std::time::Duration::from_secs(5));
    let code = "const _ = require('lodash'); const { v4, validate } = require('uuid'); const jwt = require('jsonwebtoken');
        const axios = require('axios'); const { ManagementClient } = require('auth0');
        exports.onExecutePostLogin = async (event, api) => {
            console.log(_.chunk([1, 2, 3], 2), validate(v4()), jwt.verify(jwt.sign({ a: 1 }, 'k'), 'k').a);
            const answer = await axios.post('https://api.example/users?x=1', { name: 'n' }, { headers: { 'x-own': 'y' } });
            console.log(answer.status, answer.data.method, answer.data.url, answer.data.body, answer.data.headers['x-own']);
            await axios.get('https://api.example/missing').catch((e) => console.log(e.response.status, e.response.data));
            await axios.get('http://10.0.0.1/').catch((e) => console.log(e.message));
            const management = new ManagementClient({ domain: 'api.example', token: 'tok' });
            const called = await management.users.get('auth0|1');
            const told = called.data ?? called;
            console.log(told.url, told.headers.authorization);
        };";
    let mut program = ["lodash", "uuid", "jsonwebtoken", "axios", "auth0"]
        .iter()
        .fold(action(code), |built, name| built.depends(name, if *name == "uuid" { "^9" } else { "" }));
    let exact = built!(node, program);
    assert!(exact.iter().all(|found| found.version.split('.').count() >= 3), "{exact:?}");
    program.0.dependencies = exact;
    let outcome = node.run(program, "post-login", json!({})).await;
    assert_eq!(outcome.error, None);
    assert_eq!(
        console(&outcome),
        [
            "log [ [ 1, 2 ], [ 3 ] ] true 1",
            "log 200 POST https://api.example/users?x=1 {\"name\":\"n\"} y",
            "log 404 { error: 'missing' }",
            "log Calls to \"10.0.0.1\" are not allowed: it is not a public address.",
            "log https://api.example/api/v2/users/auth0%7C1 Bearer tok",
        ]
    );
}

#[tokio::test]
async fn plain_packages_work_on_the_embedded_engine() {
    let embedded = runtime(Engine::Embedded, |settings| settings.limits.cpu = std::time::Duration::from_secs(5));
    let code =
        "const _ = require('lodash'); const { v4, validate } = require('uuid'); const jwt = require('jsonwebtoken');
        exports.onExecutePostLogin = async (event, api) => {
            console.log(_.chunk([1, 2, 3], 2), validate(v4()), jwt.verify(jwt.sign({ a: 1 }, 'k'), 'k').a);
        };";
    let program = action(code).depends("lodash", "4.17.21").depends("uuid", "9.0.1").depends("jsonwebtoken", "9.0.2");
    built!(embedded, program);
    let outcome = embedded.run(program, "post-login", json!({})).await;
    assert_eq!((outcome.error.clone(), console(&outcome)), (None, vec!["log [ [ 1, 2 ], [ 3 ] ] true 1".into()]));
}

#[tokio::test]
async fn a_package_that_is_not_there_fails_the_build() {
    let node = runtime(Engine::Node, |_| {});
    let program = action("").depends("lodash", "999.0.0");
    let refusal = node.runtime.build(&program.0).await.expect_err("there is no such version").to_string();
    assert!(refusal.starts_with("The dependencies"), "{refusal}");
    let without_npm = runtime(Engine::Embedded, |settings| settings.search_path = "/nowhere".into());
    let refusal = without_npm.runtime.build(&program.0).await.expect_err("there is no npm").to_string();
    assert_eq!(
        refusal,
        "The dependencies lodash cannot be installed: no registry is set, and there is no npm client here to tell one."
    );
}

#[tokio::test]
async fn without_dependencies_nothing_is_installed() {
    for runtime in Engines::all().await {
        let built = runtime.runtime.build(&action("exports.x = 1;").0).await;
        assert_eq!(built, Ok(Vec::new()));
        let code = "exports.onExecutePostLogin = async (event, api) => { try { require('lodash'); } catch (e) { api.access.deny(e.code); } };";
        let outcome = runtime
            .runtime
            .run(
                &Arc::new(action(code).0),
                aught_actions::Invocation::new("post-login", "onExecutePostLogin", json!({})),
            )
            .await;
        assert_eq!(commands(&outcome), json!([["access.deny", "MODULE_NOT_FOUND"]]), "{runtime}");
    }
}
