//! Workers: warm ones are used again, tenants never share one, many calls at a time are served.

use std::time::Duration;

use aught_actions::Invocation;
use futures::future::join_all;
use serde_json::json;

use crate::support::{Engines, action, console};

const COUNT: &str = "let n = 0; exports.onExecutePostLogin = async () => { n += 1; globalThis.shared = (globalThis.shared ?? 0) + 1; console.log(n, globalThis.shared); };";

#[tokio::test]
async fn a_warm_instance_keeps_its_state() {
    for runtime in Engines::all().await {
        runtime.run(action(COUNT), "post-login", json!({})).await;
        let again = runtime.run(action(COUNT), "post-login", json!({})).await;
        assert_eq!(console(&again), ["log 2 2"], "{runtime}");
        let elsewhere = runtime.run(action(COUNT).of("other"), "post-login", json!({})).await;
        assert_eq!(console(&elsewhere), ["log 1 1"], "{runtime}: another tenant's");
    }
}

#[tokio::test]
async fn calls_at_one_time_have_workers_of_their_own() {
    for runtime in Engines::with(|settings| (settings.pool, settings.limits.workers) = (3, 2)).await {
        let code = "exports.onExecutePostLogin = async (event, api) => { await new Promise((go) => setTimeout(go, 20)); api.access.deny(event.n); };";
        let calls = (0..12).map(|n| {
            runtime.run(action(code).of(if n % 2 == 0 { "even" } else { "odd" }), "post-login", json!({"n": n}))
        });
        for (n, outcome) in join_all(calls).await.into_iter().enumerate() {
            assert_eq!((outcome.error, &outcome.commands[0].arguments[0]), (None, &json!(n)), "{runtime}");
        }
    }
}

#[tokio::test]
async fn who_waits_too_long_is_told() {
    for runtime in Engines::with(|settings| {
        settings.limits.workers = 1;
        settings.limits.patience = Duration::from_millis(50);
    })
    .await
    {
        let slow =
            action("exports.onExecutePostLogin = async () => { await new Promise((go) => setTimeout(go, 500)); };");
        let (first, second) = tokio::join!(
            runtime.run(slow.clone(), "post-login", json!({})),
            runtime.run(slow, "post-login", json!({}))
        );
        assert_eq!(first.error, None, "{runtime}");
        assert_eq!(second.error.expect("there was no worker").message, "resource_exhausted");
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_worker_behind() {
    for runtime in Engines::with(|settings| settings.pool = 1).await {
        let endless = action("exports.onExecutePostLogin = async () => { for (;;) await null; };");
        let call = runtime.run(endless, "post-login", json!({}));
        assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
        let next = runtime.run(action(COUNT), "post-login", json!({})).await;
        assert_eq!(next.error, None, "{runtime}");
    }
}

#[tokio::test]
async fn each_program_has_a_worker_of_its_own() {
    for runtime in Engines::all().await {
        for n in 0..20 {
            let code = format!("exports.onExecutePostLogin = async (event, api) => {{ api.access.deny('{n}'); }};");
            let outcome = runtime.run(action(&code), "post-login", json!({})).await;
            assert_eq!(outcome.commands[0].arguments[0], json!(n.to_string()), "{runtime}");
        }
        let first = "exports.onExecutePostLogin = async (event, api) => { api.access.deny('0'); };";
        assert_eq!(runtime.run(action(first), "post-login", json!({})).await.error, None);
    }
}

#[tokio::test]
async fn what_is_left_running_is_stopped() {
    for runtime in Engines::all().await {
        let code = "exports.onExecutePostLogin = async (event) => {
            if (event.first) { setTimeout(() => { for (;;); }, 1); setInterval(() => { for (;;); }, 1); setImmediate(() => { for (;;); }); }
            else { await new Promise((go) => setTimeout(go, 20)); console.log('served'); }
        };";
        runtime.run(action(code), "post-login", json!({"first": true})).await;
        let next = runtime.run(action(code), "post-login", json!({})).await;
        assert_eq!((next.error.clone(), console(&next)), (None, vec!["log served".into()]), "{runtime}");
    }
}

#[tokio::test]
async fn times_are_told() {
    for runtime in Engines::all().await {
        let code = "exports.onExecutePostLogin = async () => { await fetch('https://api.example/x'); };";
        let stats =
            runtime.call(action(code), Invocation::new("post-login", "onExecutePostLogin", json!({}))).await.stats;
        assert!(
            stats.total >= stats.action && stats.total >= stats.boot && stats.action >= stats.external,
            "{stats:?}"
        );
        assert!(stats.cpu > Duration::ZERO && stats.external > Duration::ZERO, "{runtime}: {stats:?}");
    }
}

#[tokio::test]
async fn workers_that_nobody_uses_end() {
    for runtime in Engines::all().await {
        runtime.run(action(COUNT), "post-login", json!({})).await;
        tokio::time::pause();
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(300)).await;
        }
        tokio::time::resume();
        let anew = runtime.run(action(COUNT), "post-login", json!({})).await;
        assert_eq!(console(&anew), ["log 1 1"], "{runtime}");
    }
}
