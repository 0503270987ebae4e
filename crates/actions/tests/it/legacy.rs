//! Rules and hooks.

use aught_actions::{Invocation, Outcome, ProgramKind};
use kernel::{Value, object};
use serde_json::json;

use crate::support::{Building, Engines, TestRuntime, console, program};

async fn rule(runtime: &TestRuntime, rule: Building, event: Value) -> Outcome {
    runtime.call(rule, Invocation::new("rules", "", event)).await
}

async fn hook(runtime: &TestRuntime, code: &str, parameters: Value) -> Outcome {
    runtime.call(program(ProgramKind::Hook, code).secret("KEY", "hush"), Invocation::new("hook", "", parameters)).await
}

#[tokio::test]
async fn a_rule_hands_user_and_context_on() {
    for runtime in Engines::all().await {
        let code = "function (user, context, callback) {
            context.idToken['https://x/color'] = configuration.COLOR; global.seen = (global.seen || 0) + 1;
            user.nickname = 'n' + global.seen; setTimeout(() => callback(null, user, context), 1);
        }";
        let built = program(ProgramKind::Rule, code).configuration("COLOR", "blue");
        let event = json!([{"user_id": "auth0|1"}, {"idToken": {}}]);
        let outcome = rule(&runtime, built.clone(), event.clone()).await;
        assert_eq!(outcome.error, None, "{runtime}");
        let expected = json!([{"user_id": "auth0|1", "nickname": "n1"}, {"idToken": {"https://x/color": "blue"}}]);
        assert_eq!(outcome.result, Some(expected), "{runtime}");
        let again = rule(&runtime, built, event).await.result.expect("it answers");
        assert_eq!(again[0]["nickname"], "n2", "what is global is kept while the instance is warm");
    }
}

#[tokio::test]
async fn a_rule_refuses_and_fails() {
    for runtime in Engines::all().await {
        for (body, name, message) in [
            ("callback(new UnauthorizedError('no entry'))", "UnauthorizedError", "no entry"),
            ("callback(new ValidationError('bad'))", "ValidationError", "bad"),
            ("callback('text')", "Error", "text"),
            ("user.a.b", "TypeError", ""),
        ] {
            let code = format!("function (user, context, callback) {{ {body}; }}");
            let error =
                rule(&runtime, program(ProgramKind::Rule, &code), json!([{}, {}])).await.error.expect("it fails");
            assert_eq!(error.name, name, "{runtime}: {body}");
            assert!(message.is_empty() || error.message == message, "{runtime}: {error:?}");
        }
        let asynchronous = "async (user, context, callback) => { await null; throw new Error('late'); }";
        let error = rule(&runtime, program(ProgramKind::Rule, asynchronous), json!([{}, {}])).await.error;
        assert_eq!(error.expect("it fails").message, "late", "{runtime}");
        let error =
            rule(&runtime, program(ProgramKind::Rule, "5"), json!([{}, {}])).await.error.expect("it is refused");
        assert_eq!(error.message, "A rule must be a function (user, context, callback).", "{runtime}");
    }
}

#[tokio::test]
async fn a_rule_sees_the_tenants_own_api() {
    for runtime in Engines::all().await {
        let code = "function (user, context, callback) { console.log(auth0.domain, typeof auth0.users.updateAppMetadata); callback(null, user, context); }";
        let mut call = Invocation::new("rules", "", json!([{}, {}]));
        call.facts = object(json!({"globals": {"domain": "tenant.example"}}));
        let outcome = runtime.call(program(ProgramKind::Rule, code), call).await;
        assert_eq!(console(&outcome), ["log tenant.example function"], "{runtime}");
    }
}

#[tokio::test]
async fn a_hook_answers_by_its_callback() {
    for runtime in Engines::all().await {
        let code = "module.exports = function (client, scope, audience, context, cb) {
            cb(null, { scope: scope.concat('more'), 'https://x/k': context.webtask.secrets.KEY, id: client.id });
        };";
        let parameters = json!([{"id": "c1"}, ["a"], "https://api", {"webtask": {}}]);
        let outcome = hook(&runtime, code, parameters).await;
        assert_eq!(outcome.error, None, "{runtime}");
        assert_eq!(
            outcome.result,
            Some(json!([{"scope": ["a", "more"], "https://x/k": "hush", "id": "c1"}])),
            "{runtime}"
        );
    }
}

#[tokio::test]
async fn a_hooks_errors_have_their_classes() {
    for runtime in Engines::all().await {
        for name in ["InvalidScopeError", "InvalidRequestError", "ServerError"] {
            let code = format!("module.exports = (user, context, cb) => cb(new {name}('why'));");
            let error = hook(&runtime, &code, json!([{}, {}])).await.error.expect("it fails");
            assert_eq!((error.name.as_str(), error.message.as_str()), (name, "why"), "{runtime}");
        }
        let code =
            "module.exports = (user, context, cb) => cb(new PreUserRegistrationError('for the log', 'for the user'));";
        let error = hook(&runtime, code, json!([{}, {}])).await.error.expect("it fails");
        assert_eq!(
            (error.message.as_str(), &error.properties["friendly_message"]),
            ("for the log", &json!("for the user"))
        );
    }
}
