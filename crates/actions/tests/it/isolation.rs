//! What one version of an Action can do to another, to later runs of itself, and to the machine while nothing runs.

use std::time::Duration;

use aught_actions::Engine;
use kernel::Value;
use serde_json::json;

use crate::support::{Engines, TestRuntime, action, commands, console};

/// An Action that replaces whatever it can of what a prelude might use, notes all that passes through, and tries to end the next run.
const SPY: &str = r"
    const seen = globalThis.seen = [];
    const { getOwnPropertyNames } = Object;
    const { fromCharCode } = String;
    const { apply } = Reflect;
    let isNoting = false;
    const note = (value) => {
        if (isNoting || seen.length > 20000) return;
        isNoting = true;
        try {
            if (typeof value === 'string') seen[seen.length] = value;
            else if (value instanceof Uint8Array) {
                let text = '';
                for (let at = 0; at < value.length && at < 4096; at += 1) text += fromCharCode(value[at]);
                seen[seen.length] = text;
            }
            else if (value && typeof value === 'object') for (const key of getOwnPropertyNames(value)) if (typeof value[key] === 'string') seen[seen.length] = value[key];
        } catch {} finally {
            isNoting = false;
        }
    };
    const spied = (owner, name) => {
        const real = owner?.[name];
        if (typeof real !== 'function') return;
        owner[name] = function (...parameters) {
            note(this);
            for (const parameter of parameters) note(parameter);
            const answer = apply(real, this, parameters);
            note(answer);
            return answer;
        };
    };
    for (const name of ['get', 'set', 'has', 'delete', 'values', 'entries']) spied(Map.prototype, name);
    for (const name of ['toString', 'utf8Slice', 'utf8Write', 'subarray', 'readUInt32LE', 'writeUInt32LE', 'copy', 'write', 'slice', 'fill']) {
        if (typeof Buffer !== 'undefined') spied(Buffer.prototype, name);
    }
    if (typeof Buffer !== 'undefined') for (const name of ['from', 'alloc', 'allocUnsafe', 'concat', 'byteLength']) spied(Buffer, name);
    for (const name of ['parse', 'stringify']) spied(JSON, name);
    for (const name of ['assign', 'keys', 'entries', 'fromEntries', 'freeze']) spied(Object, name);
    for (const name of ['then']) spied(Promise.prototype, name);
    for (const name of ['push', 'map', 'filter', 'find', 'concat', 'slice']) spied(Array.prototype, name);
    for (const name of ['slice', 'replace', 'replaceAll', 'split', 'indexOf']) spied(String.prototype, name);
    for (const name of ['call', 'apply', 'bind']) spied(Function.prototype, name);
    try {
        const { EventEmitter } = require('events');
        spied(EventEmitter.prototype, 'emit');
        const { Readable } = require('stream');
        for (const name of ['push', 'read', 'on']) spied(Readable.prototype, name);
        const fs = require('fs');
        for (const name of ['readSync', 'read', 'writeSync']) spied(fs, name);
    } catch {}
    Object.prototype.toJSON = undefined;
    delete Object.prototype.toJSON;
";

/// A program with a name of its own, whatever its code.
async fn run(runtime: &TestRuntime, id: &str, code: &str, secret: &str) -> aught_actions::Outcome {
    let mut program = action(code).secret("KEY", secret);
    program.0.id = id.to_owned();
    runtime.run(program, "post-login", json!({"user": {"user_id": "auth0|1"}})).await
}

#[tokio::test]
async fn one_action_sees_nothing_of_another() {
    for runtime in Engines::all().await {
        let spy = format!("{SPY} exports.onExecutePostLogin = async () => {{ console.log(seen.join(' ')); }};");
        run(&runtime, "spy", &spy, "own").await;
        let plain = "exports.onExecutePostLogin = async (event, api) => { api.access.deny(event.secrets.KEY); };";
        let other = run(&runtime, "plain", plain, "OTHERSECRET").await;
        assert_eq!(commands(&other), json!([["access.deny", "OTHERSECRET"]]), "{runtime}");
        let told = run(&runtime, "spy", &spy, "own").await;
        assert!(!format!("{told:?}").contains("OTHERSECRET"), "{runtime}: {told:?}");
    }
}

#[tokio::test]
async fn an_action_cannot_end_a_later_run_of_itself_as_it_likes() {
    for runtime in Engines::all().await {
        // Whatever it has seen, it sends as the name of the run, as soon as a run begins.
        let code = format!(
            "{SPY}
             const forge = () => {{
                 const names = new Set(seen.join(' ').match(/[A-Za-z0-9_-]{{22}}/g) ?? []);
                 for (const run of [...names, ...Array.from({{ length: 20 }}, (_, n) => n)]) {{
                     const body = Buffer.from(JSON.stringify({{ op: 'done', run, commands: [{{ name: 'forged', arguments: [] }}] }}));
                     const head = Buffer.alloc(4);
                     head.writeUInt32LE(body.length);
                     try {{ require('fs').writeSync(1, Buffer.concat([head, body])); }} catch {{}}
                 }}
             }};
             exports.onExecutePostLogin = async (event, api) => {{
                 if (event.forges) process.nextTick(forge);
                 api.access.deny('honest');
             }};"
        );
        for forges in [false, true, false] {
            let outcome = runtime.run(action(&code), "post-login", json!({ "forges": forges })).await;
            assert!(outcome.commands.iter().all(|command| command.name != "forged"), "{runtime}: {outcome:?}");
        }
        let after = runtime.run(action(&code), "post-login", json!({})).await;
        assert_eq!(commands(&after), json!([["access.deny", "honest"]]), "{runtime}");
    }
}

#[tokio::test]
async fn what_code_leaves_behind_stands_still_while_nothing_runs() {
    for runtime in Engines::all().await {
        let code = "let ticks = 0; const kept = [];
            const tick = () => { ticks += 1; kept.push(new Uint8Array(1 << 16)); };
            exports.onExecutePostLogin = async (event) => {
                console.log(ticks);
                if (!event.first) return;
                const timers = require('timers');
                timers.setInterval(tick, 1);
                setInterval(tick, 1);
                if (event.node) {
                    const { setTimeout: wait, setInterval: repeat } = require('timers/promises');
                    (async () => { for (;;) { await wait(1); tick(); } })();
                    (async () => { for await (const _ of repeat(1)) tick(); })();
                }
                (async () => { for (;;) { await new Promise((go) => timers.setTimeout(go, 1)); tick(); } })();
            };";
        let event = |first: bool| json!({"first": first, "node": runtime.engine == Engine::Node});
        runtime.run(action(code), "post-login", event(true)).await;
        // Another program's run is the clock: a quarter of a second, in which nothing may have happened.
        let clock = "exports.onExecutePostLogin = async () => { await new Promise((go) => setTimeout(go, 250)); };";
        assert_eq!(runtime.run(action(clock), "post-login", json!({})).await.error, None);
        let again = runtime.run(action(code), "post-login", event(false)).await;
        assert_eq!((again.error.clone(), console(&again)), (None, vec!["log 0".into()]), "{runtime}");
    }
}

#[tokio::test]
async fn a_result_that_is_nested_too_deeply_is_an_error_that_says_so() {
    for runtime in Engines::all().await {
        let code = "exports.onExecutePostLogin = async (event, api) => {
            let deep = {};
            for (let level = 0; level < event.levels; level += 1) deep = { deep };
            api.user.setAppMetadata('k', deep);
        };";
        let fine = runtime.run(action(code), "post-login", json!({"levels": 80})).await;
        assert_eq!((fine.error, fine.commands.len()), (None, 1), "{runtime}");
        let outcome = runtime.run(action(code), "post-login", json!({"levels": 200})).await;
        let error = outcome.error.expect("it is too deep");
        let expected = ("LimitError", "The result is nested more deeply than the allowed 100 levels.");
        assert_eq!((error.name.as_str(), error.message.as_str()), expected, "{runtime}");
    }
}

#[tokio::test]
async fn idle_workers_are_bounded_in_number_and_memory() {
    let code = |n: usize| {
        format!(
            "exports.onExecutePostLogin = async () => {{ globalThis.n = (globalThis.n ?? 0) + 1; console.log(n, '{n}'); }};"
        )
    };
    for runtime in Engines::with(|settings| settings.pool = 3).await {
        for n in 0..5 {
            assert_eq!(runtime.run(action(&code(n)), "post-login", json!({})).await.error, None, "{runtime}");
        }
        // The last three are warm; the longest idle ended first.
        for (n, count) in [(4, 2), (3, 2), (2, 2), (0, 1)] {
            let outcome = runtime.run(action(&code(n)), "post-login", json!({})).await;
            assert_eq!(console(&outcome), [format!("log {count} {n}")], "{runtime}");
        }
    }
    for runtime in Engines::with(|settings| settings.idle_memory = 1).await {
        let first = runtime.run(action(&code(0)), "post-login", json!({})).await;
        assert_eq!(console(&first), ["log 1 0"], "{runtime}");
        tokio::time::pause();
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        tokio::time::resume();
        let again = runtime.run(action(&code(0)), "post-login", json!({})).await;
        assert_eq!(console(&again), ["log 1 0"], "{runtime}: it was over the bound and ended");
    }
}

/// The processes that are in the group of a child of this process: workers lead groups of their own.
#[cfg(target_os = "linux")]
fn workers() -> Vec<Value> {
    let own = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("status")).ok())
        .map(|status| {
            status
                .lines()
                .filter_map(|line| line.split_once(":\t"))
                .map(|(name, value)| (name.to_owned(), Value::from(value)))
                .collect()
        })
        .filter(|status: &Value| status["PPid"] == own.as_str())
        .collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn workers_have_no_rights_of_root() {
    for runtime in Engines::all().await {
        let outcome =
            runtime.run(action("exports.onExecutePostLogin = async () => {};"), "post-login", json!({})).await;
        assert_eq!(outcome.error, None, "{runtime}");
        let workers = workers();
        assert!(!workers.is_empty());
        for worker in workers.iter().filter(|worker| worker["NoNewPrivs"] == "1") {
            for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
                assert_eq!(worker[set], "0000000000000000", "{runtime}: {set}: {worker}");
            }
        }
        assert!(workers.iter().any(|worker| worker["NoNewPrivs"] == "1"), "{runtime}: {workers:?}");
    }
}
