//! The limits, each with an error of its own, and a runtime that goes on after it.

use std::time::Duration;

use aught_actions::Invocation;
use serde_json::json;

use crate::support::{Engines, TestRuntime, action, console};

fn handler(body: &str) -> String {
    format!("exports.onExecutePostLogin = async (event, api) => {{ {body} }};")
}

/// The message of the error that a handler ends with; the runtime must work after it.
async fn end_of(runtime: &TestRuntime, body: &str) -> String {
    let mut call = Invocation::new("post-login", "onExecutePostLogin", json!({}));
    call.time_left = Duration::from_secs(30);
    let outcome = runtime.call(action(&handler(body)), call).await;
    let after = runtime.run(action(&handler("api.access.deny('alive')")), "post-login", json!({})).await;
    assert_eq!((after.error, after.commands.len()), (None, 1), "{runtime} after {body}");
    outcome.error.map(|error| error.message).unwrap_or_default()
}

#[tokio::test]
async fn time_is_limited() {
    for runtime in Engines::with(|settings| settings.limits.cpu = Duration::from_secs(60)).await {
        for body in ["await new Promise(() => {});", "for (;;) await null;"] {
            let code = handler(&format!("if (event.is_first) return; console.log('before'); {body}"));
            // A worker that has begun: its start is not what is timed here.
            let first = runtime.run(action(&code), "post-login", json!({"is_first": true})).await;
            assert_eq!(first.error, None, "{runtime}");
            let mut call = Invocation::new("post-login", "onExecutePostLogin", json!({}));
            call.time_left = Duration::from_secs(3);
            let outcome = runtime.call(action(&code), call).await;
            assert_eq!(console(&outcome), ["log before"], "{runtime}");
            assert_eq!(
                outcome.error.expect("it is ended").message,
                "Request to Webtask exceeded allowed execution time"
            );
        }
    }
}

#[tokio::test]
async fn processor_time_is_limited() {
    for runtime in Engines::all().await {
        let expected = "The code used more than the allowed 1 seconds of processor time.";
        assert_eq!(end_of(&runtime, "for (;;);").await, expected, "{runtime}");
        let regular_expression = "/^(a+)+$/.test('a'.repeat(40) + 'b')";
        assert_eq!(end_of(&runtime, regular_expression).await, expected, "{runtime}");
    }
}

#[tokio::test]
async fn memory_is_limited() {
    for runtime in Engines::with(|settings| settings.limits.cpu = Duration::from_secs(5)).await {
        let body = "const kept = []; for (;;) kept.push({ text: 'x'.repeat(100) + kept.length, more: [1, 2, 3] });";
        assert_eq!(end_of(&runtime, body).await, "The code used more than the allowed 48 MB of memory.", "{runtime}");
    }
}

#[tokio::test]
async fn the_stack_is_limited() {
    for runtime in Engines::all().await {
        let message = end_of(&runtime, "const deep = () => deep() + 1; deep();").await;
        assert_eq!(message, "Maximum call stack size exceeded", "{runtime}");
    }
}

#[tokio::test]
async fn console_output_is_cut() {
    for runtime in Engines::with(|settings| settings.limits.console = 1000).await {
        let outcome = runtime
            .run(action(&handler("for (let i = 0; i < 300; i++) console.log('0123456789');")), "post-login", json!({}))
            .await;
        assert_eq!(outcome.error, None, "{runtime}");
        assert_eq!(outcome.console.iter().map(|line| line.text.len()).sum::<usize>(), 1000, "{runtime}");
    }
}

#[tokio::test]
async fn results_are_limited() {
    for runtime in Engines::with(|settings| settings.limits.result = 10_000).await {
        let message =
            end_of(&runtime, "for (let i = 0; i < 100; i++) api.user.setAppMetadata('k' + i, 'x'.repeat(200));").await;
        assert_eq!(message, "The result is larger than the allowed 10000 bytes.", "{runtime}");
        let message = end_of(&runtime, "const a = {}; a.a = a; api.user.setAppMetadata('k', a);").await;
        assert!(message.starts_with("The result cannot be told as JSON: "), "{runtime}: {message}");
    }
}

#[tokio::test]
async fn calls_to_other_servers_are_limited() {
    for runtime in Engines::with(|settings| (settings.limits.calls, settings.limits.answer) = (3, 1000)).await {
        let body = "for (let i = 0; i < 4; i++) await fetch('https://api.example/x');";
        let expected = "fetch failed: The code made more than the allowed 3 calls to other servers.";
        assert_eq!(end_of(&runtime, body).await, expected, "{runtime}");
        let message = end_of(&runtime, "await fetch('https://api.example/large');").await;
        assert_eq!(message, "fetch failed: The answer of \"api.example\" is too large.", "{runtime}");
        let message = end_of(&runtime, "await fetch('http://127.0.0.1:22/');").await;
        assert_eq!(
            message, "fetch failed: Calls to \"127.0.0.1\" are not allowed: it is not a public address.",
            "{runtime}"
        );
    }
}

#[tokio::test]
async fn a_sort_that_nothing_interrupts_ends_too() {
    for runtime in Engines::with(|settings| settings.limits.memory = 512 << 20).await {
        let body = "const long = new Float64Array(3_000_000).map(() => Math.random()); for (;;) Array.prototype.sort.call(long.slice(), (a, b) => a - b);";
        assert_eq!(
            end_of(&runtime, body).await,
            "The code used more than the allowed 1 seconds of processor time.",
            "{runtime}"
        );
    }
}
