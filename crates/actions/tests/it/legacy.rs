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

async fn database(runtime: &TestRuntime, code: &str, arguments: Value) -> Outcome {
    let built = program(ProgramKind::Database, code).configuration("COLOR", "blue");
    runtime.call(built, Invocation::new("", "", arguments)).await
}

#[tokio::test]
async fn a_database_script_answers_by_its_callback_or_its_promise() {
    for runtime in Engines::all().await {
        for code in [
            "function login(email, password, callback) { setTimeout(() => callback(null, { user_id: email, color: configuration.COLOR }), 1); };",
            "async (email, password) => ({ user_id: email, color: configuration.COLOR })",
            "// A comment.\nfunction (email, password, callback) { callback(null, { user_id: email, color: configuration.COLOR }); return 5; }",
            "(email, password, callback) => Promise.resolve().then(() => { callback(null, { user_id: email, color: configuration.COLOR }); })",
        ] {
            let outcome = database(&runtime, code, json!(["a@b.example", "pw"])).await;
            let expected = json!([{"user_id": "a@b.example", "color": "blue"}]);
            assert_eq!((outcome.error, outcome.result), (None, Some(expected)), "{runtime}: {code}");
        }
        let nobody = database(&runtime, "(email, callback) => callback(null)", json!(["a@b.example"])).await;
        assert_eq!((nobody.error, nobody.result), (None, Some(json!([]))), "{runtime}");
    }
}

#[tokio::test]
async fn a_database_scripts_errors_have_their_classes() {
    for runtime in Engines::all().await {
        for (thrown, name, message, property) in [
            (
                "new WrongUsernameOrPasswordError('7', 'no')",
                "WrongUsernameOrPasswordError",
                "no",
                Some(("user_id", "7")),
            ),
            (
                "new WrongUsernameOrPasswordError(null, 'no')",
                "WrongUsernameOrPasswordError",
                "no",
                Some(("user_id", "")),
            ),
            (
                "new ValidationError('user_exists', 'There is one')",
                "ValidationError",
                "There is one",
                Some(("code", "user_exists")),
            ),
            ("new UnauthorizedError('Pay first')", "UnauthorizedError", "Pay first", None),
            ("new Error('no database')", "Error", "no database", None),
            ("'text'", "Error", "text", None),
        ] {
            let code = match name {
                "ValidationError" => format!("async function (user, callback) {{ await null; throw {thrown}; }}"),
                "UnauthorizedError" => format!("function (user, callback) {{ throw {thrown}; }}"),
                _ => format!("function (user, callback) {{ callback({thrown}); }}"),
            };
            let error = database(&runtime, &code, json!([{}])).await.error.expect("it fails");
            assert_eq!((error.name.as_str(), error.message.as_str()), (name, message), "{runtime}: {code}");
            if let Some((property, value)) = property {
                assert_eq!(error.properties[property], value, "{runtime}: {code}");
            }
        }
    }
}

#[tokio::test]
async fn packages_of_old_are_there_without_dependencies() {
    for runtime in Engines::all().await {
        let code = "function (callback) {
            const request = require('request@2.88.0').defaults({ headers: { 'x-one': '1' } });
            request.post({ url: 'https://api.example/a', qs: { b: 2 }, json: { c: 3 }, auth: { user: 'u', pass: 'p' } }, (error, response, body) => {
                if (error) return callback(error);
                const { authorization } = body.headers;
                callback(null, [response.statusCode, body.method, body.url, body.body, body.headers['x-one'], authorization, typeof require('bcrypt').compare]);
            });
        }";
        let outcome = database(&runtime, code, json!([])).await;
        let told = json!([[200, "POST", "https://api.example/a?b=2", "{\"c\":3}", "1", "Basic dTpw", "function"]]);
        assert_eq!((outcome.error, outcome.result), (None, Some(told)), "{runtime}");
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
