//! What commands of Actions lead to that no other test is about.

use aught::{Config, Dns};
use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, eventually, logged},
    app::{API, App, api, claims},
    browser::Browser,
    outbox::messages,
    server::TestServer,
    site::{CONNECTION, PASSWORD, Site},
};

const LOGIN: (&str, &str) = ("post-login", "v3");
const CLAIM: &str = "https://example.com/told";

/// Binds an Action that does what the `state` of a login names.
async fn by_state(server: &TestServer, calls: &str) {
    let code = format!(
        "exports.onExecutePostLogin = async (event, api) => {{
            const at = (seconds) => Date.now() + seconds * 1000;
            const tell = (value) => api.idToken.setCustomClaim('{CLAIM}', value);
            const calls = {{ {calls} }};
            await calls[event.transaction.state ?? 'renewed']?.();
        }};"
    );
    let id = deployed(server, "Act", LOGIN, &code).await;
    bind(server, LOGIN.0, &[&id]).await;
}

/// Seconds from now to the time of a member.
fn seconds_left(record: &Value, member: &str) -> i64 {
    let text = record[member].as_str().unwrap_or_else(|| panic!("no {member}: {record}"));
    let at: kernel::Timestamp = text.parse().unwrap_or_else(|_| panic!("no time: {text}"));
    at.seconds() - kernel::Context::system().now().seconds()
}

#[tokio::test]
async fn sessions_are_shortened_emptied_and_ended_by_code() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let calls = "
        described: () => { api.session.setMetadata('a', '1'); api.session.setMetadata('b', '2'); api.session.deleteMetadata('a'); },
        emptied: () => api.session.evictMetadata(),
        shortened: () => { api.session.setExpiresAt(at(3600)); api.session.setExpiresAt(at(7200)); api.session.setIdleExpiresAt(at(600)); },
        closing: () => api.session.setCookieMode('non-persistent'),
        ended: () => api.session.revoke('Come back later'),
    ";
    by_state(&server, calls).await;
    let mut browser = Browser::at(&server.url(""));
    let sessions = async || server.get(&format!("/users/{}/sessions", app.user_id)).await.body["sessions"].clone();
    let mut log_in = async |state: &str| app.log_in(&mut browser, &[("state", state)]).await;
    log_in("described").await;
    assert_eq!(sessions().await[0]["session_metadata"], json!({"b": "2"}));
    log_in("emptied").await;
    let emptied = sessions().await[0]["session_metadata"].clone();
    assert!(emptied.is_null() || emptied == json!({}), "{emptied}");
    log_in("shortened").await;
    let session = sessions().await[0].clone();
    assert!((3500..=3600).contains(&seconds_left(&session, "expires_at")), "{session}");
    assert!((500..=600).contains(&seconds_left(&session, "idle_expires_at")), "{session}");
    log_in("closing").await;
    assert_eq!(sessions().await[0]["cookie"]["mode"], "non-persistent");
    let ended = log_in("ended").await;
    let told = ended.parameter("error_description").unwrap().replace('+', " ");
    assert_eq!((ended.parameter("error").as_deref(), told.as_str()), (Some("access_denied"), "Come back later"));
    assert_eq!(sessions().await, json!([]));
    server.end().await;
}

#[tokio::test]
async fn refresh_tokens_are_shortened_emptied_and_ended_by_code() {
    let server = TestServer::start().await;
    api(&server, json!({})).await;
    let app = App::new(&server, json!({})).await;
    let calls = "
        described: () => { api.refreshToken.setMetadata('a', '1'); api.refreshToken.setIdleExpiresAt(at(600)); },
        renewed: () => {
            if (event.refresh_token.metadata.a) return api.refreshToken.evictMetadata();
            api.refreshToken.revoke('Log in again');
        },
    ";
    by_state(&server, calls).await;
    let mut browser = Browser::at(&server.url(""));
    let parameters = [("audience", API), ("scope", "openid offline_access"), ("state", "described")];
    let tokens = app.tokens(&server, &mut browser, &parameters).await;
    let held = async || server.get(&format!("/users/{}/refresh-tokens", app.user_id)).await.body["tokens"].clone();
    let token = held().await[0].clone();
    assert_eq!(token["refresh_token_metadata"], json!({"a": "1"}));
    assert!((500..=600).contains(&seconds_left(&token, "idle_expires_at")), "{token}");
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(app.refresh(&server, refresh_token).await.status, 200);
    let emptied = held().await[0]["refresh_token_metadata"].clone();
    assert!(emptied.is_null() || emptied == json!({}), "{emptied}");
    let refused = app.refresh(&server, refresh_token).await;
    assert_eq!(
        (&refused.body["error"], &refused.body["error_description"]),
        (&json!("access_denied"), &json!("Log in again"))
    );
    assert_eq!(held().await, json!([]));
    server.end().await;
}

#[tokio::test]
async fn what_code_keeps_is_there_at_the_next_login() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let calls = "
        kept: () => tell([api.cache.get('k')?.value ?? null, api.cache.set('k', 'v', { ttl: 60000 }).type]),
        read: () => tell([api.cache.get('k').value, api.cache.delete('k').type, api.cache.get('k') ?? null]),
    ";
    by_state(&server, calls).await;
    let mut browser = Browser::at(&server.url(""));
    let mut told = async |state: &str| {
        let tokens = app.tokens(&server, &mut browser, &[("state", state)]).await;
        claims(&tokens["id_token"])[CLAIM].clone()
    };
    assert_eq!(told("kept").await, json!([null, "success"]));
    assert_eq!(told("read").await, json!(["v", "success", null]));
    server.end().await;
}

#[tokio::test]
async fn code_asks_whether_there_is_a_browser_and_which_roles_a_user_has() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let mut roles = Vec::new();
    for name in ["clerk", "guest"] {
        let role = server.post("/roles", json!({"name": name})).await.body["id"].as_str().unwrap().to_owned();
        roles.push(role);
    }
    server.post(&format!("/users/{}/roles", app.user_id), json!({"roles": [roles[0]]})).await;
    let ids = json!(roles);
    let ask = format!(
        "async () => tell([api.redirect.canRedirect(), (await api.roles.getUserEffectiveRolesByIds({ids})).roles.map(({{ name }}) => name)])"
    );
    by_state(&server, &format!("first: {ask}, silent: {ask}")).await;
    let mut browser = Browser::at(&server.url(""));
    let mut told = async |parameters: &[(&str, &str)]| {
        let tokens = app.tokens(&server, &mut browser, parameters).await;
        claims(&tokens["id_token"])[CLAIM].clone()
    };
    assert_eq!(told(&[("state", "first")]).await, json!([true, ["clerk"]]));
    assert_eq!(told(&[("state", "silent"), ("prompt", "none")]).await, json!([false, ["clerk"]]));
    server.end().await;
}

#[tokio::test]
async fn a_login_is_refused_by_an_error_of_validation() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    by_state(&server, "wrong: () => api.validation.error('too_little', 'Say more')").await;
    let home = app.log_in(&mut Browser::at(&server.url("")), &[("state", "wrong")]).await;
    assert_eq!(home.parameter("error").as_deref(), Some("access_denied"), "{}", home.address);
    assert_eq!(home.parameter("error_description").unwrap().replace('+', " "), "Say more");
    server.end().await;
}

#[tokio::test]
async fn machines_get_the_scopes_that_code_adds_and_takes_of_those_that_they_are_granted() {
    let server = TestServer::start().await;
    let scopes = json!([{"value": "read:a"}, {"value": "read:b"}, {"value": "read:c"}]);
    server.post("/resource-servers", json!({"name": "API", "identifier": API, "scopes": scopes})).await;
    let client = server.post("/clients", json!({"name": "Job", "app_type": "non_interactive"})).await.body;
    let grant = json!({"client_id": client["client_id"], "audience": API, "scope": ["read:a", "read:b"]});
    assert_eq!(server.post("/client-grants", grant).await.status, 201);
    let code = "exports.onExecuteCredentialsExchange = async (event, api) => {
        const { transaction } = api;
        if (event.transaction.requested_scopes.length) {
            transaction.clearTargetScopes();
            transaction.addTargetScope('read:c');
            transaction.addTargetScope('read:b');
        } else {
            transaction.removeTargetScope('read:a');
        }
    };";
    let id = deployed(&server, "Scopes", ("credentials-exchange", "v2"), code).await;
    bind(&server, "credentials-exchange", &[&id]).await;
    for asked in [json!({}), json!({"scope": "read:a"})] {
        let mut request = json!({
            "grant_type": "client_credentials", "client_id": client["client_id"], "client_secret": client["client_secret"],
            "audience": API,
        });
        request.as_object_mut().unwrap().extend(asked.as_object().unwrap().clone());
        let answer = crate::app::send(&server, "/oauth/token", &request).await;
        assert_eq!((answer.status, &answer.body["scope"]), (200, &json!("read:b")), "{asked} {answer:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn code_chooses_the_identifier_of_a_new_user() {
    let server = TestServer::start().await;
    let code = "exports.onExecutePreUserRegistration = async (event, api) => api.user.setUserId('chosen-1');";
    let id = deployed(&server, "Choose", ("pre-user-registration", "v2"), code).await;
    bind(&server, "pre-user-registration", &[&id]).await;
    let user =
        json!({"connection": CONNECTION, "email": "new@example.com", "password": PASSWORD, "verify_email": false});
    assert_eq!(server.post("/users", user).await.body["user_id"], "auth0|chosen-1");
    server.end().await;
}

#[tokio::test]
async fn an_action_refuses_a_password_that_only_the_tenant_knows() {
    let site = Site::start().await;
    let imported = json!([{"email": "old@example.com"}]);
    crate::imports::import(&site.server, imported, "false").await;
    let code = "exports.onExecutePasswordHashMigration = async (event, api) => { api.password.accept(); api.access.deny('no'); };";
    let action = deployed(&site.server, "Migrate", ("password-hash-migration", "v1"), code).await;
    site.set_options(json!({"custom_password_hash": {"action_id": action}})).await;
    assert_eq!(site.password("old@example.com", "password").await.status, 403);
    site.end().await;
}

#[tokio::test]
async fn a_message_that_code_puts_off_is_tried_again() {
    let config = Config { dns: Dns::Trusting, developer_tools: Some(true), ..Config::in_memory() };
    let server = TestServer::of(config).await;
    let code = |handler: &str| format!("exports.{handler} = async (event, api) => api.notification.retry('Not yet');");
    let email = ("custom-email-provider", "v1");
    let id = deployed(&server, "Mail", email, &code("onExecuteCustomEmailProvider")).await;
    bind(&server, email.0, &[&id]).await;
    assert_eq!(server.post("/emails/provider", json!({"name": "custom", "credentials": {}})).await.status, 201);
    let user = json!({"connection": CONNECTION, "email": "ann@example.com", "password": PASSWORD});
    assert_eq!(server.post("/users", user).await.status, 201);
    let phone = ("custom-phone-provider", "v1");
    let id = deployed(&server, "Phone", phone, &code("onExecuteCustomPhoneProvider")).await;
    bind(&server, phone.0, &[&id]).await;
    let provider = json!({"name": "custom", "configuration": {"delivery_methods": ["text"]}, "credentials": {}});
    let provider = server.post("/branding/phone/providers", provider).await.body;
    let path = format!("/branding/phone/providers/{}/try", provider["id"].as_str().unwrap());
    assert_eq!(server.post(&path, json!({"to": "+15550100", "delivery_method": "text"})).await.status, 202);
    for to in ["ann@example.com", "%2B15550100"] {
        let message = eventually(async || {
            let found = messages(&server, &format!("?to={to}")).await;
            found.into_iter().find(|message| message["attempts"][0].is_object())
        })
        .await;
        let attempt = &message["attempts"][0];
        assert_eq!((&attempt["outcome"], &attempt["answer"]), (&json!("waiting"), &json!("Not yet")), "{message}");
    }
    // Nothing has failed for good.
    assert!(logged(&server, "fn").await.is_null());
    server.end().await;
}

#[tokio::test]
async fn an_action_has_bounds() {
    let server = TestServer::start().await;
    let refused = async |member: &str, value: Value| {
        let mut action =
            json!({"name": "Large", "code": "", "supported_triggers": [{"id": LOGIN.0, "version": LOGIN.1}]});
        action[member] = value;
        let answer = server.post("/actions/actions", action).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        answer.body["message"].as_str().unwrap().to_owned()
    };
    let many = |count: usize, one: fn(usize) -> Value| (0..count).map(one).collect::<Value>();
    let secrets = many(31, |place| json!({"name": format!("S{place}"), "value": "v"}));
    assert_eq!(refused("secrets", secrets).await, "An action can have at most 30 secrets.");
    let packages = many(11, |place| json!({"name": format!("p{place}"), "version": "1.0.0"}));
    assert_eq!(refused("dependencies", packages).await, "An action can have at most 10 dependencies.");
    let code = "x".repeat(100_001);
    assert_eq!(refused("code", code.into()).await, "The code of an action can have at most 100000 bytes.");
    server.end().await;
}
