//! Users whom Actions and rules send elsewhere in a login, and who come back to `/continue`.

use http::Method;
use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, logged},
    app::{App, CALLBACK, claims, prove},
    browser::{Browser, Page},
    server::TestServer,
};

const LOGIN: (&str, &str) = ("post-login", "v3");
const AWAY: &str = "https://elsewhere.example.com/form";
const CLAIM: &str = "https://example.com/color";

/// Sends the user away with a token, and takes what comes back.
const REDIRECTING: &str = "
exports.onExecutePostLogin = async (event, api) => {
  api.idToken.setCustomClaim('https://example.com/before', 1);
  api.transaction.setMetadata('seen', 'yes');
  const token = api.redirect.encodeToken({ secret: event.secrets.KEY, payload: { shade: 'dark' } });
  api.redirect.sendUserTo('https://elsewhere.example.com/form', { query: { session_token: token } });
};
exports.onContinuePostLogin = async (event, api) => {
  const token = api.redirect.validateToken({ secret: event.secrets.KEY, tokenParameterName: 'answer' });
  api.idToken.setCustomClaim('https://example.com/color', [token.color, event.transaction.metadata.seen]);
  api.user.setAppMetadata('color', token.color);
};";

/// Runs after it, once the user has come back.
const LATER: &str = "
exports.onExecutePostLogin = async (event, api) => {
  api.idToken.setCustomClaim('https://example.com/later', event.transaction.metadata.seen);
};";

async fn bound(server: &TestServer, codes: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for (place, code) in codes.iter().enumerate() {
        ids.push(deployed(server, &format!("Action {place}"), LOGIN, code).await);
    }
    bind(server, "post-login", &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    ids
}

/// A token of the other site: what it was given, with its answer and the `state`.
fn answer(to: &Page, secret: &str, change: &Value) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut payload = claims(&to.parameter("session_token").unwrap().into());
    payload["state"] = to.parameter("state").unwrap().into();
    payload["color"] = "green".into();
    payload.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(&payload));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes())))
}

fn back(away: &Page, token: &str) -> String {
    format!("/continue?state={}&answer={token}", away.parameter("state").unwrap())
}

#[tokio::test]
async fn an_action_sends_the_user_away_and_goes_on_when_they_come_back() {
    let server = TestServer::start().await;
    bound(&server, &[REDIRECTING, LATER]).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let away = app.log_in(&mut browser, &[]).await;
    assert!(away.address.starts_with(&format!("{AWAY}?session_token=")), "{}", away.address);
    let token = claims(&away.parameter("session_token").unwrap().into());
    assert_eq!((&token["sub"], &token["shade"]), (&json!(app.user_id), &json!("dark")));
    // Whoever goes on in another way is sent there again: what the Action waits for cannot be left out.
    let state = away.parameter("state").unwrap();
    let again = browser.visit(&format!("/authorize/resume?state={state}")).await;
    assert!(again.address.starts_with(AWAY), "{}", again.address);
    let back = back(&again, &answer(&again, "s3cret", &json!({})));
    let home = browser.visit(&back).await;
    assert!(home.address.starts_with(&format!("{CALLBACK}?code=")), "{}", home.address);
    let tokens = app.exchange(&server, &home.parameter("code").unwrap()).await.body;
    let id_token = claims(&tokens["id_token"]);
    assert_eq!(id_token[CLAIM], json!(["green", "yes"]));
    assert_eq!(id_token["https://example.com/before"], 1);
    assert_eq!(id_token["https://example.com/later"], "yes");
    let user = server.get(&format!("/users/{}", app.user_id)).await.body;
    assert_eq!(user["app_metadata"], json!({"color": "green"}));
    let execution = logged(&server, "s").await["details"]["actions"]["executions"][0].clone();
    let execution = server.get(&format!("/actions/executions/{}", execution.as_str().unwrap())).await.body;
    assert_eq!(execution["status"], "final");
    let names: Vec<&str> =
        execution["results"].as_array().unwrap().iter().filter_map(|result| result["action_name"].as_str()).collect();
    assert_eq!(names, ["Action 0", "Action 0", "Action 1"]);
    server.end().await;
}

#[tokio::test]
async fn a_state_comes_back_once_and_in_its_own_browser() {
    let server = TestServer::start().await;
    bound(&server, &[REDIRECTING]).await;
    let app = App::new(&server, json!({})).await;
    for standing in [false, true] {
        // With a session the browser alone carries the login.
        let mut browser = Browser::at(&server.url(""));
        let mut away = app.log_in(&mut browser, &[]).await;
        if standing {
            let home = browser.visit(&back(&away, &answer(&away, "s3cret", &json!({})))).await;
            assert!(home.address.starts_with(CALLBACK), "{}", home.address);
            away = browser.visit(&app.request(&[])).await;
            assert!(away.address.starts_with(AWAY), "{}", away.address);
        }
        let jar = browser.jar.clone();
        let back = back(&away, &answer(&away, "s3cret", &json!({})));
        let mut other = Browser::at(&server.url(""));
        let lost = other.visit(&back).await;
        assert_eq!((lost.status, lost.heading()), (400, "Oops!, something went wrong"));
        let guessed = browser.visit("/continue?state=guessed").await;
        assert_eq!(guessed.status, 400);
        let home = browser.visit(&back).await;
        assert!(home.address.starts_with(&format!("{CALLBACK}?code=")), "{standing}: {home:?}");
        // Also for a browser that shows what it carried before.
        browser.jar = jar;
        let again = browser.visit(&back).await;
        assert_eq!((again.status, again.heading()), (400, "Oops!, something went wrong"), "{standing}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_token_that_does_not_hold_ends_the_login() {
    let server = TestServer::start().await;
    bound(&server, &[REDIRECTING]).await;
    let app = App::new(&server, json!({})).await;
    let forged = [
        ("wrong secret", json!({}), "invalid signature"),
        ("s3cret", json!({"exp": 1}), "jwt expired"),
        ("s3cret", json!({"sub": "auth0|other"}), "jwt subject invalid. expected: "),
        ("s3cret", json!({"iss": "other.example.com"}), "jwt issuer invalid. expected: "),
        ("s3cret", json!({"state": "other"}), "the state claim does not match"),
    ];
    for (secret, change, expected) in forged {
        let mut browser = Browser::at(&server.url(""));
        let away = app.log_in(&mut browser, &[]).await;
        let home = browser.visit(&back(&away, &answer(&away, secret, &change))).await;
        assert_eq!(home.parameter("error").as_deref(), Some("access_denied"), "{}", home.address);
        let description = home.parameter("error_description").unwrap().replace('+', " ").replace("%3A", ":");
        assert!(description.contains(expected), "{description}");
        // There is no session: the next request shows a login.
        let page = browser.visit(&app.request(&[])).await;
        assert!(page.address.starts_with("/u/login"), "{}", page.address);
    }
    server.end().await;
}

#[tokio::test]
async fn a_form_of_the_other_site_may_bring_the_user_back() {
    let server = TestServer::start().await;
    bound(&server, &[REDIRECTING]).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let away = app.log_in(&mut browser, &[]).await;
    let form = [("answer".to_owned(), answer(&away, "s3cret", &json!({})))];
    let address = format!("/continue?state={}", away.parameter("state").unwrap());
    let home = browser.fetch(Method::POST, &address, Some(&form)).await;
    assert!(home.location().starts_with(&format!("{CALLBACK}?code=")), "{home:?}");
    server.end().await;
}

#[tokio::test]
async fn a_silent_request_is_told_that_a_page_is_needed() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    app.log_in(&mut browser, &[]).await;
    bound(&server, &[REDIRECTING]).await;
    let home = browser.visit(&app.request(&[("prompt", "none")])).await;
    assert_eq!(home.parameter("error").as_deref(), Some("interaction_required"), "{}", home.address);
    server.end().await;
}

#[tokio::test]
async fn an_action_that_is_unbound_meanwhile_lets_nobody_in() {
    let server = TestServer::start().await;
    bound(&server, &[REDIRECTING]).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let away = app.log_in(&mut browser, &[]).await;
    bind(&server, "post-login", &[]).await;
    let home = browser.visit(&back(&away, &answer(&away, "s3cret", &json!({})))).await;
    assert_eq!(home.parameter("error").as_deref(), Some("access_denied"), "{}", home.address);
    server.end().await;
}

async fn rule(server: &TestServer, name: &str, script: &str) -> String {
    let rule = server.post("/rules", json!({"name": name, "script": script, "enabled": true})).await;
    assert_eq!(rule.status, 201, "{rule:?}");
    rule.body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rules_run_at_every_login_before_actions() {
    let server = TestServer::start().await;
    assert_eq!(server.manage(Method::PUT, "/rules-configs/TIER", Some(json!({"value": "gold"}))).await.status, 200);
    let first = rule(
        &server,
        "first",
        "function (user, context, callback) {
            context.idToken['https://example.com/tier'] = configuration.TIER;
            context.idToken['https://example.com/told'] = [context.clientName, context.connection, context.protocol,
                context.stats.loginsCount > 0, user.email];
            auth0.users.updateAppMetadata(user.user_id, { tier: configuration.TIER }).then(() => callback(null, user, context));
        }",
    )
    .await;
    rule(
        &server,
        "second",
        "function (user, context, callback) {
            context.accessToken['https://example.com/seen'] = context.idToken['https://example.com/tier'];
            callback(null, user, context);
        }",
    )
    .await;
    let action = format!(
        "exports.onExecutePostLogin = async (event, api) => {{
            api.idToken.setCustomClaim('https://example.com/ran', api.rules.wasExecuted('{first}'));
            api.idToken.setCustomClaim('https://example.com/tier', 'from the Action');
        }};"
    );
    bound(&server, &[&action]).await;
    crate::app::api(&server, json!({})).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let parameters = [("audience", crate::app::API), ("scope", "openid email offline_access")];
    let tokens = app.tokens(&server, &mut browser, &parameters).await;
    let id_token = claims(&tokens["id_token"]);
    assert_eq!(id_token["https://example.com/tier"], "from the Action");
    assert_eq!(id_token["https://example.com/ran"], true);
    let told = json!(["App", crate::app::DATABASE, "oidc-basic-profile", true, crate::app::EMAIL]);
    assert_eq!(id_token["https://example.com/told"], told);
    assert_eq!(claims(&tokens["access_token"])["https://example.com/seen"], "gold");
    let user = server.get(&format!("/users/{}", app.user_id)).await.body;
    assert_eq!(user["app_metadata"], json!({"tier": "gold"}));
    // A refresh runs them too.
    let tokens = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let id_token = claims(&tokens.body["id_token"]);
    assert_eq!(id_token["https://example.com/told"][2], "oauth2-refresh-token");
    server.end().await;
}

#[tokio::test]
async fn a_rule_refuses_a_login() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    for (place, (error, told)) in
        [("new UnauthorizedError('Not today.')", "Not+today."), ("new Error('broken')", "broken")]
            .into_iter()
            .enumerate()
    {
        let script = format!("function (user, context, callback) {{ callback({error}); }}");
        let id = rule(&server, &format!("rule {place}"), &script).await;
        let mut browser = Browser::at(&server.url(""));
        let home = app.log_in(&mut browser, &[]).await;
        assert_eq!(home.parameter("error").as_deref(), Some("access_denied"), "{}", home.address);
        assert_eq!(home.parameter("error_description").as_deref(), Some(told));
        server.delete(&format!("/rules/{id}")).await;
    }
    assert_eq!(logged(&server, "f").await["description"], "broken");
    server.end().await;
}

#[tokio::test]
async fn a_rule_sends_the_user_away_once() {
    let server = TestServer::start().await;
    rule(
        &server,
        "away",
        "function (user, context, callback) {
            context.redirect = { url: 'https://elsewhere.example.com/form?a=1' };
            if (context.protocol === 'redirect-callback') context.idToken['https://example.com/color'] = context.request.query.color;
            callback(null, user, context);
        }",
    )
    .await;
    bound(&server, &[LATER.replace("event.transaction.metadata.seen", "'ran'").as_str()]).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = browser.visit(&app.request(&[])).await;
    let away = prove(&mut browser, &page).await;
    assert!(away.address.starts_with(&format!("{AWAY}?a=1&state=")), "{}", away.address);
    let state = away.parameter("state").unwrap();
    let home = browser.visit(&format!("/continue?state={state}&color=green")).await;
    assert!(home.address.starts_with(&format!("{CALLBACK}?code=")), "{}", home.address);
    let tokens = app.exchange(&server, &home.parameter("code").unwrap()).await.body;
    let id_token = claims(&tokens["id_token"]);
    assert_eq!((&id_token[CLAIM], &id_token["https://example.com/later"]), (&json!("green"), &json!("ran")));
    server.end().await;
}
