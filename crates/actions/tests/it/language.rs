//! What of Node's surroundings both engines offer, in one program that must say the same on each.

use serde_json::json;

use crate::support::{Engines, action, console};

#[tokio::test]
async fn both_engines_offer_the_same_surroundings() {
    let code = include_str!("surroundings.js");
    for runtime in Engines::all().await {
        let outcome = runtime.run(action(code), "post-login", json!({})).await;
        assert_eq!(outcome.error, None, "{runtime}");
        let wrong: Vec<String> = console(&outcome).into_iter().filter(|line| line != "log ok").collect();
        assert_eq!(wrong, Vec::<String>::new(), "{runtime}");
        assert!(outcome.console.len() > 40, "{runtime}");
    }
}

#[tokio::test]
async fn console_lines_have_levels_and_formats() {
    for runtime in Engines::all().await {
        let code = "exports.onExecutePostLogin = async () => {
            console.info('%s is %d', 'x', 5, { a: [1, { b: { c: {} } }] }); console.warn([undefined, null, true]); console.error('e');
            console.debug(new Map([['k', 1]])); console.count(); console.assert(false, 'claim');
        };";
        let outcome = runtime.run(action(code), "post-login", json!({})).await;
        assert_eq!(
            console(&outcome),
            [
                "info x is 5 { a: [ 1, { b: [Object] } ] }",
                "warn [ undefined, null, true ]",
                "error e",
                "debug Map(1) { 'k' => 1 }",
                "log default: 1",
                "error Assertion failed claim",
            ],
            "{runtime}"
        );
    }
}

#[tokio::test]
async fn fetch_reaches_other_servers_through_the_guard() {
    for runtime in Engines::all().await {
        let code = "exports.onExecutePostLogin = async () => {
            const answer = await fetch('https://api.example/x', { method: 'POST', body: new URLSearchParams({ a: '1 2' }), headers: { 'X-Own': 'y' } });
            const told = await answer.json();
            console.log(answer.status, answer.ok, told.method, told.body, told.headers['x-own'], told.headers['content-type']);
            const moved = await fetch('https://api.example/moved', { method: 'POST', body: 'x' });
            console.log(moved.url, moved.redirected, (await moved.json()).method);
            console.log((await fetch('https://api.example/moved', { redirect: 'manual' })).status);
            console.log((await fetch('https://api.example/missing')).ok, await fetch('file:///etc/passwd').catch((e) => e.name));
        };";
        let outcome = runtime.run(action(code), "post-login", json!({})).await;
        assert_eq!(outcome.error, None, "{runtime}");
        assert_eq!(
            console(&outcome),
            [
                "log 200 true POST a=1+2 y application/x-www-form-urlencoded;charset=UTF-8",
                "log https://api.example/here?moved=1 true GET",
                "log 302",
                "log false TypeError",
            ],
            "{runtime}"
        );
    }
}

#[tokio::test]
async fn http_over_nodes_own_modules_goes_through_the_guard() {
    for runtime in Engines::all().await.into_iter().filter(|runtime| runtime.engine == aught_actions::Engine::Node) {
        let code = "const https = require('https'); const http = require('node:http');
            const call = (client, url, options, body) => new Promise((resolve) => {
                const request = client.request(url, options, (answer) => {
                    let text = ''; answer.on('data', (chunk) => { text += chunk; }); answer.on('end', () => resolve([answer.statusCode, text]));
                });
                request.on('error', (error) => resolve([error.code, error.message])); request.end(body);
            });
            exports.onExecutePostLogin = async () => {
                const [status, text] = await call(https, 'https://api.example/x?y=1', { method: 'PUT', headers: { a: 'b' } }, 'body');
                const told = JSON.parse(text); console.log(status, told.method, told.url, told.body, told.headers.a);
                console.log((await call(http, 'http://169.254.169.254/latest', {}))[1]);
                const agent = new https.Agent({ keepAlive: true });
                for (let i = 0; i < 3; i++) console.log((await call(https, 'https://api.example/k', { agent }))[0]);
            };";
        let outcome = runtime.run(action(code), "post-login", json!({})).await;
        assert_eq!(outcome.error, None);
        assert_eq!(
            console(&outcome),
            [
                "log 200 PUT https://api.example/x?y=1 body b",
                "log Calls to \"169.254.169.254\" are not allowed: it is not a public address.",
                "log 200",
                "log 200",
                "log 200",
            ]
        );
    }
}
