//! What each trigger's `event` and `api` offer, and in which words they refuse.

use aught_actions::Invocation;
use kernel::{Value, object};
use serde_json::json;

use crate::support::{Building, Engines, TestRuntime, action, commands, console, handler_of};

/// Runs the body of a handler.
async fn body(runtime: &TestRuntime, trigger: &str, event: Value, body: &str) -> aught_actions::Outcome {
    let handler = handler_of(trigger);
    runtime.run(action(&format!("exports.{handler} = async (event, api) => {{ {body} }};")), trigger, event).await
}

/// What each statement of a handler throws, or `ok`.
async fn refusals(runtime: &TestRuntime, trigger: &str, event: Value, statements: &[&str]) -> Vec<String> {
    let attempt =
        |statement| format!("try {{ {statement}; console.log('ok'); }} catch (e) {{ console.log(e.message); }}");
    let attempts: Vec<String> = statements.iter().map(attempt).collect();
    let outcome = body(runtime, trigger, event, &attempts.join("\n")).await;
    assert_eq!(outcome.error, None, "{runtime}");
    outcome.console.into_iter().map(|line| line.text).collect()
}

async fn expect_refusals(trigger: &str, event: Value, expected: &[(&str, &str)]) {
    let (statements, texts): (Vec<&str>, Vec<&str>) = expected.iter().copied().unzip();
    for runtime in Engines::all().await {
        let found = refusals(&runtime, trigger, event.clone(), &statements).await;
        for ((statement, text), found) in statements.iter().zip(&texts).zip(&found) {
            assert_eq!(found, text, "{runtime}: {statement}");
        }
        assert_eq!(found.len(), expected.len());
    }
}

async fn expect_commands(trigger: &str, event: Value, code: &str, expected: Value) {
    for runtime in Engines::all().await {
        let outcome = body(&runtime, trigger, event.clone(), code).await;
        assert_eq!(outcome.error, None, "{runtime}: {code}");
        assert_eq!(commands(&outcome), expected, "{runtime}");
    }
}

fn login() -> Value {
    json!({
        "user": {"user_id": "auth0|1", "app_metadata": {"a": 1}},
        "request": {"ip": "198.51.100.7", "hostname": "tenant.example", "query": {}, "body": {}},
        "transaction": {"protocol": "oidc-basic-profile", "requested_scopes": ["openid"]},
        "session": {"id": "s1"},
    })
}

#[tokio::test]
async fn post_login_asks_for_tokens_metadata_and_denial() {
    expect_commands(
        "post-login",
        login(),
        "api.accessToken.setCustomClaim('https://a/x', [1]).idToken.setCustomClaim('y', 2).user.setAppMetadata('k', { v: 1 });
         api.accessToken.addScope(' read:x '); api.accessToken.removeScope('openid');
         api.user.setUserMetadata('gone', undefined);
         api.multifactor.enable('any', { allowRememberBrowser: false });
         api.samlResponse.setAttribute('n', ['a', 1, true, null]).samlResponse.setLifetimeInSeconds(60);
         api.validation.error('code', 'text'); api.session.revoke('why', { preserveRefreshTokens: true });
         api.session.setExpiresAt(5); api.refreshToken.setIdleExpiresAt(7);
         api.authentication.setPrimaryUser('auth0|2');
         api.access.deny('no entry')",
        json!([
            ["accessToken.setCustomClaim", "https://a/x", [1]],
            ["idToken.setCustomClaim", "y", 2],
            ["user.setAppMetadata", "k", {"v": 1}],
            ["accessToken.addScope", "read:x"],
            ["accessToken.removeScope", "openid"],
            ["user.setUserMetadata", "gone", null],
            ["multifactor.enable", "any", {"allowRememberBrowser": false}],
            ["samlResponse.setAttribute", "n", ["a", 1, true, null]],
            ["samlResponse.setLifetimeInSeconds", 60],
            ["validation.error", "code", "text"],
            ["session.revoke", "why", {"preserveRefreshTokens": true}],
            ["session.setExpiresAt", 5],
            ["refreshToken.setIdleExpiresAt", 7],
            ["authentication.setPrimaryUser", "auth0|2"],
            ["access.deny", "no entry"],
        ]),
    )
    .await;
}

#[tokio::test]
async fn post_login_refuses_bad_arguments_in_the_services_words() {
    let long = format!("api.accessToken.addScope('{}')", "x".repeat(281));
    let long_metadata = format!("api.transaction.setMetadata('k', '{}')", "x".repeat(9000));
    expect_refusals(
        "post-login",
        login(),
        &[
            ("api.accessToken.setCustomClaim('scope', 1)", "The \"scope\" claim cannot be set."),
            ("api.idToken.setCustomClaim('scope', 1)", "The \"scope\" claim cannot be set."),
            ("api.accessToken.addScope(5)", "The value for the scope must be a string."),
            ("api.accessToken.addScope('  ')", "The value for the scope is required."),
            ("api.accessToken.addScope('a b')", "The value for the scope must not have whitespace."),
            (&long, "The value for the scope exceeds the allowed maximum of 280 characters."),
            (
                "for (let i = 0; i < 1001; i++) api.accessToken.addScope(`s${i}`)",
                "The number of scopes exceeds the allowed maximum of 1000.",
            ),
            ("api.authentication.setPrimaryUser('')", "The provided primary_user_id must be a non-empty string"),
            (
                "api.authentication.setPrimaryUser('x'.repeat(129))",
                "The provided primary_user_id exceeds the maximum length.",
            ),
            (
                "api.authentication.setPrimaryUser('a'); api.authentication.setPrimaryUser('b')",
                "The primary user can only be altered once per transaction",
            ),
            ("api.authentication.challengeWith({ type: 'none' })", "type must be equal to one of the allowed values"),
            ("api.authentication.challengeWith({ type: 'phone', options: { preferredMethod: 'sms' } })", "ok"),
            ("api.authentication.enrollWith({ type: 'email' })", "type must be equal to one of the allowed values"),
            ("api.authentication.enrollWithAny([{ type: 'otp' }])", "ok"),
            ("api.multifactor.enable('sms')", "provider must be equal to one of the allowed values"),
            ("api.session.setExpiresAt(0)", "Either inactivity or absolute expiration time must be provided"),
            ("api.session.setCookieMode()", "Cookie mode must be provided"),
            (
                "api.session.setCookieMode('x')",
                "Invalid cookie mode: x. Valid values are 'persistent' and 'non-persistent'.",
            ),
            (
                "api.session.setMetadata('k', 1)",
                "Failed to set session metadata: Invalid metadata: Metadata value must be a string",
            ),
            (
                "for (let i = 0; i < 26; i++) api.session.setMetadata(`k${i}`, 'v')",
                "Failed to set session metadata: Invalid metadata: Metadata must not contain more than 25 entries",
            ),
            ("api.refreshToken.setMetadata('k', 'v')", "ok"),
            (
                "api.validation.error('x'.repeat(101), 'y')",
                "Failed to add validation error: errorCode must NOT have more than 100 characters",
            ),
            ("api.transaction.setMetadata('k', {})", "Transaction metadata value must be a string, number or boolean."),
            (&long_metadata, "Transaction metadata value must NOT be larger than 8192 bytes."),
            ("api.transaction.addTargetScope('x')", "Method not implemented."),
            ("api.prompt.render('x'.repeat(49))", "promptId must NOT have more than 48 characters"),
            (
                "api.prompt.render('f', { vars: { a: 'x'.repeat(24576) } })",
                "The total size of the prompt options exceeds the limit of 24576 bytes.",
            ),
            ("api.prompt.render('f'); api.prompt.render('g')", "Only 1 render command per action is allowed."),
            (
                "api.redirect.sendUserTo('https://a.example')",
                "Redirect and render commands cannot be used in the same action.",
            ),
            (
                "api.samlResponse.setSignatureAlgorithm('md5')",
                "signatureAlgorithm must be equal to one of the allowed values",
            ),
            ("api.groups.getUserGroups({ take: 0 })", "The \"take\" parameter must be a positive integer if provided."),
            ("api.rules.wasExecuted('rul_1') && null.x", "ok"),
        ],
    )
    .await;
}

#[tokio::test]
async fn metadata_of_the_wrong_shape_is_refused() {
    expect_refusals(
        "post-login",
        json!({"user": {"app_metadata": "x", "user_metadata": []}}),
        &[
            ("api.user.setAppMetadata('k', 1)", "Unexpected app_metadata format. Must be a valid JSON object"),
            ("api.user.setUserMetadata('k', 1)", "Unexpected user_metadata format. Must be a valid JSON object."),
        ],
    )
    .await;
    expect_refusals(
        "post-login",
        json!({"refresh_token": {"access": "online"}}),
        &[
            ("api.refreshToken.revoke('x')", "Cannot call revoke on an online refresh token."),
            (
                "api.session.setMetadata('k', 'v')",
                "Failed to set session metadata: Cannot set metadata on a session that does not exist.",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_redirect_carries_a_token_there_and_back() {
    for runtime in Engines::all().await {
        let outcome = body(
            &runtime,
            "post-login",
            login(),
            "console.log(api.redirect.canRedirect());
             const token = api.redirect.encodeToken({ secret: 's', payload: { state: 'st', color: 'blue' }, expiresInSeconds: 60 });
             event.request.query = { session_token: token, state: 'st' };
             console.log(api.redirect.validateToken({ secret: 's' }).color);
             for (const [secret, change] of [['x', {}], ['s', { state: 'other' }], ['s', { session_token: 'no' }], ['s', { session_token: undefined }]]) {
               event.request.query = { session_token: token, state: 'st', ...change };
               try { api.redirect.validateToken({ secret }); } catch (e) { console.log(e.message); }
             }
             api.redirect.sendUserTo('https://a.example/x?a=1', { query: { b: 'c d' } });
             try { api.redirect.sendUserTo('nowhere'); } catch (e) { console.log('invalid'); }",
        )
        .await;
        assert_eq!(
            console(&outcome),
            [
                "log true",
                "log blue",
                "log The session token is invalid: invalid signature",
                "log The session token is invalid: the state claim does not match",
                "log The session token is invalid: jwt malformed",
                "log There is no parameter called 'session_token' available in either the POST body or query string.",
                "log invalid",
            ],
            "{runtime}"
        );
        assert_eq!(commands(&outcome), json!([["redirect.sendUserTo", "https://a.example/x?a=1&b=c+d"]]));
    }
}

#[tokio::test]
async fn where_there_is_no_browser_nothing_can_redirect() {
    for runtime in Engines::all().await {
        for event in [
            json!({"request": {"query": {"prompt": "none"}}, "transaction": {"protocol": "oidc-basic-profile"}}),
            json!({"request": {"query": {}}, "transaction": {"protocol": "oauth2-refresh-token"}}),
        ] {
            let outcome = body(&runtime, "post-login", event, "console.log(api.redirect.canRedirect())").await;
            assert_eq!(console(&outcome), ["log false"], "{runtime}");
        }
    }
}

#[tokio::test]
async fn what_the_api_writes_into_the_event_comes_back_without_secrets() {
    for runtime in Engines::all().await {
        let code = "exports.onExecutePostLogin = async (event, api) => {
            api.transaction.setMetadata('step', 1); api.transaction.setMetadata('gone', 'x'); api.transaction.setMetadata('gone', null);
            api.session.setMetadata('device', 'tv'); api.session.setCookieMode('persistent');
            console.log(event.transaction.metadata, event.session.cookie.mode, event.secrets.KEY, event.configuration);
        };";
        let outcome = runtime.run(action(code).secret("KEY", "hush"), "post-login", login()).await;
        assert_eq!(console(&outcome), ["log { step: 1 } persistent hush {}"], "{runtime}");
        let event = outcome.event.expect("it was changed");
        assert_eq!(event["transaction"]["metadata"], json!({"step": 1}));
        assert_eq!(
            event["session"],
            json!({"id": "s1", "metadata": {"device": "tv"}, "cookie": {"mode": "persistent"}})
        );
        assert!(!event.to_string().contains("hush"), "{event}");
    }
}

#[tokio::test]
async fn changing_the_event_itself_has_no_effect() {
    for runtime in Engines::all().await {
        let outcome =
            body(&runtime, "post-login", login(), "event.user.user_id = 'other'; delete event.session;").await;
        assert_eq!((outcome.error, outcome.event), (None, None), "{runtime}");
    }
}

#[tokio::test]
async fn a_continued_login_may_record_its_method() {
    for runtime in Engines::all().await {
        let code = "exports.onContinuePostLogin = async (event, api) => { api.authentication.recordMethod('https://mfa.example'); };
            exports.onExecutePostLogin = async (event, api) => { api.authentication.recordMethod('https://mfa.example'); };";
        let continued = runtime.call(action(code), Invocation::new("post-login", "onContinuePostLogin", login())).await;
        assert_eq!(commands(&continued), json!([["authentication.recordMethod", "https://mfa.example"]]), "{runtime}");
        assert!(runtime.run(action(code), "post-login", login()).await.error.is_some());
    }
}

#[tokio::test]
async fn credentials_exchange_sets_claims_and_denies_with_a_code() {
    let event = json!({"accessToken": {"scope": ["a", "b"]}, "transaction": {"requested_scopes": ["a"]}});
    expect_commands(
        "credentials-exchange",
        event.clone(),
        "api.accessToken.setCustomClaim('k', 'v').access.deny('invalid_scope', 'why')",
        json!([["accessToken.setCustomClaim", "k", "v"], ["access.deny", "invalid_scope", "why"]]),
    )
    .await;
    expect_refusals(
        "credentials-exchange",
        event.clone(),
        &[
            (
                "api.access.deny('other', 'x')",
                "Invalid deny arguments: code must be equal to one of the allowed values",
            ),
            ("api.access.deny()", "Invalid deny arguments: arguments must have required property 'code'"),
            ("api.transaction.clearTargetScopes()", "Method not implemented."),
            ("api.user === undefined || null.x", "ok"),
        ],
    )
    .await;
    for runtime in Engines::all().await {
        let code = "exports.onExecuteCredentialsExchange = async (event, api) => {
            api.transaction.removeTargetScope('a'); api.transaction.addTargetScope('c'); console.log(event.transaction.target_scopes);
        };";
        let mut call = Invocation::new("credentials-exchange", "onExecuteCredentialsExchange", event.clone());
        call.facts = object(json!({"target_scopes": true}));
        let outcome = runtime.call(action(code), call).await;
        assert_eq!(console(&outcome), ["log [ 'b', 'c' ]"], "{runtime}");
        assert_eq!(outcome.event.expect("it was changed")["transaction"]["target_scopes"], json!(["b", "c"]));
    }
}

#[tokio::test]
async fn pre_user_registration_denies_and_sets_metadata() {
    expect_commands(
        "pre-user-registration",
        json!({"user": {"email": "a@b.example"}}),
        "api.user.setUserMetadata('a', 1).user.setAppMetadata('b', 2).user.setUserId('x1').access.deny('log', 'shown')",
        json!([
            ["user.setUserMetadata", "a", 1],
            ["user.setAppMetadata", "b", 2],
            ["user.setUserId", "x1"],
            ["access.deny", "log", "shown"],
        ]),
    )
    .await;
    expect_refusals(
        "pre-user-registration",
        json!({}),
        &[
            (
                "api.user.setUserId('a b')",
                "Invalid setUserId arguments: userId must match pattern \"^[a-zA-Z0-9@._+-]{1,255}$\"",
            ),
            (
                "api.validation.error('a', 'x'.repeat(101))",
                "Failed to add validation error: errorMessage must NOT have more than 100 characters",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_custom_token_exchange_names_its_user() {
    expect_commands(
        "custom-token-exchange",
        json!({"transaction": {"subject_token": "x"}}),
        "api.authentication.setUserByConnection('db', { user_id: 'u1' }, { creationBehavior: 'create_if_not_exists' });
         api.authentication.setOrganization('org_1'); api.authentication.setActor({ sub: 'a', act: { sub: 'b', n: 1 } });
         api.authentication.setUserById('auth0|1'); api.access.rejectInvalidSubjectToken('bad')",
        json!([
            ["authentication.setUserByConnection", "db", {"user_id": "u1"}, {"creationBehavior": "create_if_not_exists", "updateBehavior": "none"}],
            ["authentication.setOrganization", "org_1"],
            ["authentication.setActor", {"sub": "a", "act": {"sub": "b", "n": 1}}],
            ["authentication.setUserById", "auth0|1"],
            ["access.rejectInvalidSubjectToken", "bad"],
        ]),
    )
    .await;
    expect_refusals(
        "custom-token-exchange",
        json!({}),
        &[
            ("api.access.deny('', '')", "Invalid deny arguments: code must NOT have fewer than 1 characters; reason must NOT have fewer than 1 characters"),
            ("api.authentication.setUserByConnection('db', {})", "Invalid setUserByConnection arguments: userAttributes must have required property 'user_id'"),
            ("api.authentication.setActor([])", "The actor must be a plain object."),
            ("api.authentication.setActor({})", "The actor object must contain a sub claim."),
            (
                "let a = { sub: 'x' }; for (let i = 0; i < 5; i++) a = { sub: 'x', act: a }; api.authentication.setActor(a)",
                "Actor nesting must not exceed 5 levels.",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_password_reset_can_be_challenged_and_sent_on() {
    expect_commands(
        "password-reset-post-challenge",
        json!({"user": {"user_id": "auth0|1"}}),
        "api.transaction.setResultUrl('https://a.example/', { query: { a: 1 } }); api.authentication.challengeWith({ type: 'otp' });
         api.access.deny('no')",
        json!([
            ["transaction.setResultUrl", "https://a.example/?a=1"],
            ["authentication.challengeWith", {"type": "otp"}, {}],
            ["access.deny", "no"],
        ]),
    )
    .await;
}

#[tokio::test]
async fn providers_of_messages_drop_and_retry() {
    for trigger in ["custom-email-provider", "custom-phone-provider"] {
        expect_commands(
            trigger,
            json!({"notification": {}}),
            "api.notification.retry('later'); api.notification.drop('x'.repeat(2000))",
            json!([["notification.retry", "later"], ["notification.drop", "x".repeat(1024)]]),
        )
        .await;
    }
}

#[tokio::test]
async fn triggers_without_effects_have_their_cache() {
    for runtime in Engines::all().await {
        for trigger in ["post-user-registration", "post-change-password", "send-phone-message", "event-stream"] {
            let outcome = body(&runtime, trigger, json!({}), "console.log(Object.keys(api))").await;
            assert_eq!(console(&outcome), ["log [ 'cache' ]"], "{runtime}: {trigger}");
        }
    }
}

#[tokio::test]
async fn the_cache_keeps_values_between_runs_of_a_trigger() {
    for runtime in Engines::all().await {
        let set = "const long = 'x'.repeat(4097);
            console.log(api.cache.set('k', 'v', { ttl: 60000 }).type, api.cache.get('missing'), api.cache.delete('missing').code);
            console.log(api.cache.set('x'.repeat(65), 'v').code, api.cache.set('k2', long).code, api.cache.set('k2', 'v', { ttl: -1 }).code);
            console.log(api.cache.set('k2', 'v', { ttl: NaN }).code, api.cache.set('k2', 'v', { expires_at: 1 }).code);
            for (let i = 0; i < 4; i++) console.log(api.cache.set(`big${i}`, 'x'.repeat(4096)).code);";
        let outcome = body(&runtime, "post-login", json!({}), set).await;
        assert_eq!(
            console(&outcome),
            [
                "log success undefined CacheKeyDoesNotExist",
                "log CacheKeySizeExceeded CacheValueSizeExceeded ItemAlreadyExpired",
                "log InvalidExpiry ItemAlreadyExpired",
                "log undefined",
                "log undefined",
                "log undefined",
                "log undefined",
            ],
            "{runtime}"
        );
        let read = "console.log(api.cache.get('k')?.value, api.cache.set('k3', 'x'.repeat(4096)).code, api.cache.delete('k').type);";
        let outcome = body(&runtime, "post-login", json!({}), read).await;
        assert_eq!(console(&outcome), ["log v CacheSizeExceeded success"], "{runtime}");
        let elsewhere = body(&runtime, "credentials-exchange", json!({}), "console.log(api.cache.get('big1'))").await;
        assert_eq!(console(&elsewhere), ["log undefined"]);
    }
}

#[tokio::test]
async fn handlers_that_cannot_be_called_are_explained() {
    let signature = "Invalid function signature for the \"onExecutePostLogin\" handler. Use \"exports.onExecutePostLogin = async \
                     function(event, api) { }\" as the signature.";
    for runtime in Engines::all().await {
        for (code, text) in [
            ("module.exports = 5;", "The Action must export an object."),
            ("module.exports = null;", "The Action must export an object."),
            ("exports.onExecutePostLogin = () => {};", signature),
            ("exports.onExecutePostlogin = async () => {};", signature),
        ] {
            let outcome = runtime.run(action(code), "post-login", json!({})).await;
            assert_eq!(outcome.error.expect("it is refused").message, text, "{runtime}: {code}");
        }
        let code = action("exports.somethingElse = async () => {};");
        let outcome = runtime.call(code, Invocation::new("post-login", "somethingElse", json!({}))).await;
        assert_eq!(outcome.error.expect("it is refused").message, "The Action can only be called with valid methods.");
    }
}

#[tokio::test]
async fn errors_tell_where_they_were() {
    for runtime in Engines::all().await {
        let code = "class Odd extends Error { constructor(text) { super(text); this.name = 'Odd'; this.code = 7; } }
exports.onExecutePostLogin = async (event, api) => {
  api.access.deny('first');
  throw new Odd('bang');
};";
        let outcome = runtime.run(action(code), "post-login", json!({})).await;
        let error = outcome.error.clone().expect("it throws");
        assert_eq!((error.name.as_str(), error.message.as_str(), error.line), ("Odd", "bang", Some(4)), "{runtime}");
        assert_eq!(error.properties["code"], 7);
        assert!(
            error.stack.is_some_and(|stack| stack.contains("action.js:4:") && !stack.contains("aught:")),
            "{runtime}"
        );
        assert_eq!(commands(&outcome), json!([["access.deny", "first"]]));

        let broken = runtime.run(action("exports.x = 1;\nlet y = ;"), "post-login", json!({})).await;
        let error = broken.error.expect("it cannot be read");
        assert_eq!((error.name.as_str(), error.line, error.column), ("SyntaxError", Some(2), Some(9)), "{runtime}");
    }
}

#[tokio::test]
async fn code_that_fails_when_it_is_loaded_fails_each_time() {
    for runtime in Engines::all().await {
        let program =
            action("globalThis.count = (globalThis.count ?? 0) + 1; throw new Error(`loaded ${globalThis.count}`);");
        for _ in 0..2 {
            let outcome = runtime.run(program.clone(), "post-login", json!({})).await;
            assert_eq!(outcome.error.expect("it throws").message, "loaded 1", "{runtime}");
        }
    }
}

#[tokio::test]
async fn the_platform_answers_questions_about_groups_and_roles() {
    use futures::future::BoxFuture;
    struct Platform;
    impl aught_actions::Services for Platform {
        fn ask<'a>(&'a self, question: &'a str, arguments: Vec<Value>) -> BoxFuture<'a, Result<Value, String>> {
            Box::pin(async move {
                match question {
                    "groups.getUserGroups" => Err("The service is away.".into()),
                    _ => Ok(json!({"question": question, "arguments": arguments})),
                }
            })
        }
    }
    for runtime in Engines::all().await {
        let code = "exports.onExecutePostLogin = async (event, api) => {
            const answer = await api.roles.getUserEffectiveRoles({ take: 5 });
            console.log(answer.question, answer.arguments[0].take);
            await api.groups.getUserGroups().catch((e) => console.log(e.message));
        };";
        let mut call = Invocation::new("post-login", "onExecutePostLogin", login());
        call.services = Some(std::sync::Arc::new(Platform));
        let outcome = runtime.call(action(code), call).await;
        assert_eq!(console(&outcome), ["log roles.getUserEffectiveRoles 5", "log The service is away."], "{runtime}");
    }
}

#[tokio::test]
async fn a_first_version_trigger_answers_by_its_return_value() {
    for runtime in Engines::all().await {
        let code: Building = action(
            "module.exports = async (event, context) => ({ accessToken: { customClaims: { k: context.secrets.KEY } }, id: event.client.id });",
        );
        let mut call =
            Invocation::new("credentials-exchange", "onExecuteCredentialsExchange", json!({"client": {"id": "c1"}}));
        call.version = "v1".into();
        let outcome = runtime.call(code.secret("KEY", "v"), call).await;
        assert_eq!(outcome.error, None, "{runtime}");
        assert_eq!(outcome.result, Some(json!({"accessToken": {"customClaims": {"k": "v"}}, "id": "c1"})));
    }
}

#[tokio::test]
async fn every_command_about_sessions_tokens_factors_and_saml_is_told() {
    let mut event = login();
    event["refresh_token"] = json!({"id": "rt_1", "metadata": {"a": "1"}});
    event["session"]["metadata"] = json!({"a": "1"});
    expect_commands(
        "post-login",
        event,
        "api.session.setIdleExpiresAt(new Date(7)); api.session.deleteMetadata('a'); api.session.setMetadata('b', '2');
         api.session.evictMetadata(); api.session.setCookieMode('non-persistent'); api.session.revoke();
         api.refreshToken.setExpiresAt(5); api.refreshToken.setMetadata('b', null); api.refreshToken.deleteMetadata('a');
         api.refreshToken.evictMetadata(); api.refreshToken.revoke('why');
         api.authentication.challengeWith({ type: 'otp' }, { additionalFactors: [{ type: 'email' }] });
         api.authentication.challengeWithAny([{ type: 'push', options: { otpFallback: true } }]);
         api.authentication.enrollWith({ type: 'phone' }); api.authentication.enrollWithAny([{ type: 'webauthn-roaming' }]);
         api.prompt.render('form', { fields: { a: 1 }, vars: { b: 2 } });
         api.transaction.setMetadata('k', 1);
         for (const [name, value] of Object.entries({ Audience: 'a', Recipient: 'r', Destination: 'd', CreateUpnClaim: false,
             PassthroughClaimsWithNoMapping: true, MapUnknownClaimsAsIs: true, MapIdentities: false, SignatureAlgorithm: 'rsa-sha256',
             DigestAlgorithm: 'sha1', LifetimeInSeconds: 9, SignResponse: true, NameIdentifierFormat: 'f', NameIdentifierProbes: ['p'],
             AuthnContextClassRef: 'c', SigningCert: 's', EncryptionCert: 'e', EncryptionPublicKey: 'k', Cert: 'c', Key: 'k',
             IncludeAttributeNameFormat: true, TypedAttributes: false, RelayState: 's', Issuer: 'i', EncryptionAlgorithm: 'aes256-gcm' })) {
             api.samlResponse[`set${name}`](value);
         }",
        json!([
            ["session.setIdleExpiresAt", 7],
            ["session.deleteMetadata", "a"],
            ["session.setMetadata", "b", "2"],
            ["session.evictMetadata"],
            ["session.setCookieMode", "non-persistent"],
            ["session.revoke", null, {"preserveRefreshTokens": false}],
            ["refreshToken.setExpiresAt", 5],
            ["refreshToken.setMetadata", "b", null],
            ["refreshToken.deleteMetadata", "a"],
            ["refreshToken.evictMetadata"],
            ["refreshToken.revoke", "why"],
            ["authentication.challengeWith", {"type": "otp"}, {"additionalFactors": [{"type": "email"}]}],
            ["authentication.challengeWithAny", [{"type": "push", "options": {"otpFallback": true}}]],
            ["authentication.enrollWith", {"type": "phone"}, {}],
            ["authentication.enrollWithAny", [{"type": "webauthn-roaming"}]],
            ["prompt.render", "form", {"fields": {"a": 1}, "vars": {"b": 2}}],
            ["transaction.setMetadata", "k", 1],
            ["samlResponse.setAudience", "a"],
            ["samlResponse.setRecipient", "r"],
            ["samlResponse.setDestination", "d"],
            ["samlResponse.setCreateUpnClaim", false],
            ["samlResponse.setPassthroughClaimsWithNoMapping", true],
            ["samlResponse.setMapUnknownClaimsAsIs", true],
            ["samlResponse.setMapIdentities", false],
            ["samlResponse.setSignatureAlgorithm", "rsa-sha256"],
            ["samlResponse.setDigestAlgorithm", "sha1"],
            ["samlResponse.setLifetimeInSeconds", 9],
            ["samlResponse.setSignResponse", true],
            ["samlResponse.setNameIdentifierFormat", "f"],
            ["samlResponse.setNameIdentifierProbes", ["p"]],
            ["samlResponse.setAuthnContextClassRef", "c"],
            ["samlResponse.setSigningCert", "s"],
            ["samlResponse.setEncryptionCert", "e"],
            ["samlResponse.setEncryptionPublicKey", "k"],
            ["samlResponse.setCert", "c"],
            ["samlResponse.setKey", "k"],
            ["samlResponse.setIncludeAttributeNameFormat", true],
            ["samlResponse.setTypedAttributes", false],
            ["samlResponse.setRelayState", "s"],
            ["samlResponse.setIssuer", "i"],
            ["samlResponse.setEncryptionAlgorithm", "aes256-gcm"],
        ]),
    )
    .await;
}
