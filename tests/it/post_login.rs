//! What Actions at post-login do to a login: whose it is, how it was proven, and what becomes of its tokens and its session.

use serde_json::json;

use crate::{
    actions::{bind, deployed, logged},
    app::{App, CALLBACK, DATABASE, claims},
    browser::Browser,
    server::TestServer,
};

const LOGIN: (&str, &str) = ("post-login", "v3");

async fn bound(server: &TestServer, code: &str) {
    let action = deployed(server, "Action", LOGIN, code).await;
    bind(server, "post-login", &[&action]).await;
}

async fn another_user(server: &TestServer) -> String {
    let user = json!({"connection": DATABASE, "email": "main@example.com", "password": "Correct-Horse-8", "verify_email": false});
    server.post("/users", user).await.body["user_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_action_that_links_the_account_goes_on_as_the_primary_user() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let primary = another_user(&server).await;
    let token = server.token_for("update:users").await;
    let code = format!(
        "exports.onExecutePostLogin = async (event, api) => {{
            api.user.setUserMetadata('lost', 1);
            api.user.setAppMetadata('kept', 1);
            if (event.user.user_id !== '{primary}') {{
                const [provider, user_id] = event.user.user_id.split('|');
                const linked = await fetch('https://{}/api/v2/users/{}/identities', {{
                    method: 'POST',
                    headers: {{ authorization: 'Bearer {token}', 'content-type': 'application/json' }},
                    body: JSON.stringify({{ provider, user_id }}),
                }});
                if (linked.status !== 201) throw new Error(await linked.text());
            }}
            api.authentication.setPrimaryUser('{primary}');
        }};",
        server.running.domain,
        primary.replace('|', "%7C")
    );
    bound(&server, &code).await;
    let mut browser = Browser::at(&server.url(""));
    let tokens = app.tokens(&server, &mut browser, &[("scope", "openid email")]).await;
    let id_token = claims(&tokens["id_token"]);
    assert_eq!((&id_token["sub"], &id_token["email"]), (&json!(primary), &json!("main@example.com")));
    let user = server.get(&format!("/users/{primary}")).await.body;
    assert_eq!((&user["app_metadata"], user.get("user_metadata")), (&json!({"kept": 1}), None));
    assert_eq!(user["identities"][1]["user_id"], app.user_id.split_once('|').unwrap().1);
    assert_eq!(logged(&server, "s").await["user_id"], primary);
    // The session is the primary user's, and answers for it.
    let sessions = server.get(&format!("/users/{primary}/sessions")).await.body;
    assert_eq!(sessions["sessions"].as_array().unwrap().len(), 1, "{sessions}");
    let home = browser.visit(&app.request(&[])).await;
    let tokens = app.exchange(&server, &home.parameter("code").unwrap()).await.body;
    assert_eq!(claims(&tokens["id_token"])["sub"], primary);
    server.end().await;
}

#[tokio::test]
async fn a_user_who_was_not_linked_is_nobody_elses() {
    let server = TestServer::start().await;
    let app = App::new(
        &server,
        json!({"grant_types": ["authorization_code", "http://auth0.com/oauth/grant-type/password-realm"]}),
    )
    .await;
    let primary = another_user(&server).await;
    let set = format!("api.authentication.setPrimaryUser('{primary}');");
    bound(&server, &format!("exports.onExecutePostLogin = async (event, api) => {{ {set} }};")).await;
    let text = "The account of the login is not linked to the primary user that was set";
    let home = app.log_in(&mut Browser::at(&server.url("")), &[]).await;
    assert_eq!(home.parameter("error").as_deref(), Some("access_denied"), "{}", home.address);
    assert_eq!(home.parameter("error_description").unwrap().replace('+', " "), text);
    let grant = json!({"grant_type": "http://auth0.com/oauth/grant-type/password-realm", "realm": DATABASE,
        "username": crate::app::EMAIL, "password": crate::app::PASSWORD});
    let refused = app.token(&server, grant).await;
    assert_eq!((refused.status, &refused.body["error_description"]), (403, &json!(text)));
    // And once only, by whichever Action.
    let code = format!("exports.onExecutePostLogin = async (event, api) => {{ {set} }};");
    let ids = [deployed(&server, "Both", LOGIN, &code).await, deployed(&server, "Both", LOGIN, &code).await];
    bind(&server, "post-login", &[&ids[0], &ids[1]]).await;
    let home = app.log_in(&mut Browser::at(&server.url("")), &[]).await;
    let told = home.parameter("error_description").unwrap().replace('+', " ");
    assert_eq!(told, "The primary user can only be altered once per transaction");
    server.end().await;
}

#[tokio::test]
async fn an_account_that_is_linked_while_its_user_is_elsewhere_goes_on() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let primary = another_user(&server).await;
    let code = format!(
        "exports.onExecutePostLogin = async (event, api) => {{
            if (event.user.user_id !== '{primary}') api.redirect.sendUserTo('https://elsewhere.example.com/');
        }};
        exports.onContinuePostLogin = async (event, api) => {{
            api.authentication.recordMethod('https://elsewhere.example.com/proof');
            api.authentication.setPrimaryUser('{primary}');
        }};"
    );
    bound(&server, &code).await;
    let mut browser = Browser::at(&server.url(""));
    let away = app.log_in(&mut browser, &[]).await;
    assert!(away.address.starts_with("https://elsewhere.example.com/"), "{}", away.address);
    let (provider, id) = app.user_id.split_once('|').unwrap();
    let path = format!("/users/{primary}/identities");
    assert_eq!(server.post(&path, json!({"provider": provider, "user_id": id})).await.status, 201);
    let home = browser.visit(&format!("/continue?state={}", away.parameter("state").unwrap())).await;
    assert!(home.address.starts_with(&format!("{CALLBACK}?code=")), "{}", home.address);
    let tokens = app.exchange(&server, &home.parameter("code").unwrap()).await.body;
    assert_eq!(claims(&tokens["id_token"])["sub"], primary);
    // What was proven elsewhere counts for the session.
    let methods = "exports.onExecutePostLogin = async (event, api) => {
        api.idToken.setCustomClaim('https://example.com/methods', event.authentication.methods.map(({ name }) => name));
    };";
    bound(&server, methods).await;
    let home = browser.visit(&app.request(&[])).await;
    let tokens = app.exchange(&server, &home.parameter("code").unwrap()).await.body;
    let methods = &claims(&tokens["id_token"])["https://example.com/methods"];
    assert_eq!(*methods, json!(["pwd", "https://elsewhere.example.com/proof"]));
    server.end().await;
}

#[tokio::test]
async fn an_action_decides_on_the_refresh_token_to_come_and_on_its_session() {
    let server = TestServer::start().await;
    crate::app::api(&server, json!({})).await;
    let app = App::new(&server, json!({})).await;
    let code = "exports.onExecutePostLogin = async (event, api) => {
        if (event.refresh_token) {
            const { device, metadata, access, rotating } = event.refresh_token;
            api.idToken.setCustomClaim('https://example.com/told', {
                metadata, access, rotating, agent: device.initial_user_agent === device.last_user_agent,
                session: event.session.metadata, methods: event.authentication.methods.map(({ name }) => name),
                ip: event.session.device.initial_ip, transaction: event.transaction.metadata,
            });
            api.session.setMetadata('renewed', 'yes');
            return;
        }
        api.session.setMetadata('at', 'desk');
        api.refreshToken.setMetadata('of', 'login');
        api.refreshToken.setMetadata('gone', 'x');
        api.refreshToken.deleteMetadata('gone');
        api.refreshToken.setExpiresAt(Date.now() + 3600e3);
        api.samlResponse.setAttribute('ignored', 'here');
        api.transaction.setMetadata('k', true);
    };";
    bound(&server, code).await;
    let mut browser = Browser::at(&server.url(""));
    let parameters = [("audience", crate::app::API), ("scope", "openid offline_access")];
    let tokens = app.tokens(&server, &mut browser, &parameters).await;
    let held = server.get(&format!("/users/{}/refresh-tokens", app.user_id)).await.body;
    let token = &held["tokens"][0];
    assert_eq!(token["refresh_token_metadata"], json!({"of": "login"}), "{held}");
    assert!(token["expires_at"].is_string(), "{token}");
    let renewed = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let told = claims(&renewed.body["id_token"])["https://example.com/told"].clone();
    let expected = json!({
        "metadata": {"of": "login"}, "access": "offline", "rotating": false, "agent": true, "session": {"at": "desk"},
        "methods": ["pwd"], "ip": "127.0.0.1", "transaction": {},
    });
    assert_eq!(told, expected);
    let sessions = server.get(&format!("/users/{}/sessions", app.user_id)).await.body;
    let metadata = &sessions["sessions"][0]["session_metadata"];
    assert_eq!(*metadata, json!({"at": "desk", "renewed": "yes"}), "{sessions}");
    server.end().await;
}

#[tokio::test]
async fn a_command_of_a_factor_lets_nobody_in_while_there_are_none() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let id = deployed(&server, "Factor", LOGIN, "exports.onExecutePostLogin = async () => {};").await;
    bind(&server, "post-login", &[&id]).await;
    for command in [
        "authentication.challengeWith({ type: 'otp' })",
        "authentication.challengeWithAny([{ type: 'otp' }])",
        "authentication.enrollWith({ type: 'otp' })",
        "authentication.enrollWithAny([{ type: 'otp' }])",
        "multifactor.enable('any')",
    ] {
        let code = format!("exports.onExecutePostLogin = async (event, api) => {{ api.{command}; }};");
        assert_eq!(server.patch(&format!("/actions/actions/{id}"), json!({ "code": code })).await.status, 200);
        assert_eq!(server.post(&format!("/actions/actions/{id}/deploy"), json!({})).await.status, 200);
        let home = app.log_in(&mut Browser::at(&server.url("")), &[]).await;
        let name = command.split('(').next().unwrap();
        let text = format!("The tenant's code asks for {name}, which is not available on this server");
        assert_eq!(home.parameter("error").as_deref(), Some("access_denied"), "{}", home.address);
        let told = home.parameter("error_description").unwrap().replace('+', " ");
        assert_eq!(told.replace("%27", "'").replace("%2C", ","), text);
    }
    server.end().await;
}
