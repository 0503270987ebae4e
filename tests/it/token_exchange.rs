//! Foreign tokens that are exchanged for tokens of this server, by an Action that says whom they mean.

use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed, logged},
    app::{App, DATABASE, EMAIL, claims, send},
    server::{Answer, TestServer},
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const TYPE: &str = "urn:acme:legacy-token";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// An application that may exchange tokens by an Action with this body.
async fn exchanging(server: &TestServer, body: &str) -> App {
    profile(server, body).await;
    App::new(server, json!({"token_exchange": {"allow_any_profile_of_type": ["custom_authentication"]}})).await
}

pub(crate) async fn profile(server: &TestServer, body: &str) {
    let code = format!("exports.onExecuteCustomTokenExchange = async (event, api) => {{ {body} }};");
    let action = deployed(server, "Exchange", ("custom-token-exchange", "v1"), &code).await;
    let profile =
        json!({"name": "legacy", "subject_token_type": TYPE, "action_id": action, "type": "custom_authentication"});
    let profile = server.post("/token-exchange-profiles", profile).await;
    assert_eq!(profile.status, 201, "{profile:?}");
}

pub(crate) async fn exchange(server: &TestServer, app: &App, token: &str, more: Value) -> Answer {
    let mut request =
        json!({"grant_type": GRANT, "subject_token": token, "subject_token_type": TYPE, "scope": "openid email"});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    app.token(server, request).await
}

fn told(answer: &Answer) -> (u16, &str, &str) {
    let text = |name: &str| answer.body[name].as_str().unwrap_or_default();
    (answer.status, text("error"), text("error_description"))
}

async fn console(server: &TestServer, entry: &Value, place: usize) -> Value {
    let id = entry["details"]["actions"]["executions"][place].as_str().unwrap();
    server.get(&format!("/actions/executions/{id}")).await.body["results"][0]["response"]["logs"].clone()
}

#[tokio::test]
async fn a_foreign_token_is_exchanged_for_tokens_of_the_user_whom_an_action_names() {
    let server = TestServer::start().await;
    crate::app::api(&server, json!({})).await;
    let code = "
        const { transaction, resource_server, client, request } = event;
        console.log(transaction.subject_token, transaction.requested_token_type.split(':').pop(), transaction.requested_scopes.join(),
          resource_server.identifier, client.name, event.secrets.KEY, 'subject_token' in request.body);
        api.user.setAppMetadata('seen', 1);
        api.authentication.setUserById(transaction.subject_token.slice('token-of-'.length));";
    let app = exchanging(&server, code).await;
    let later = "exports.onExecutePostLogin = async (event, api) => {
        const { protocol, subject_token_type } = event.transaction;
        api.idToken.setCustomClaim('https://example.com/told', [protocol, subject_token_type, event.user.app_metadata.seen]);
        api.refreshToken.setMetadata('from', 'exchange');
    };";
    let later = deployed(&server, "Later", ("post-login", "v3"), later).await;
    bind(&server, "post-login", &[&later]).await;

    let more = json!({"audience": crate::app::API, "scope": "openid email offline_access read:a"});
    let answer = exchange(&server, &app, &format!("token-of-{}", app.user_id), more).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        (&answer.body["issued_token_type"], &answer.body["token_type"]),
        (&json!(ACCESS_TOKEN), &json!("Bearer"))
    );
    let (id_token, access_token) = (claims(&answer.body["id_token"]), claims(&answer.body["access_token"]));
    assert_eq!((&id_token["sub"], &id_token["email"]), (&json!(app.user_id), &json!(EMAIL)));
    assert_eq!(id_token["https://example.com/told"], json!(["oauth2-token-exchange", TYPE, 1]));
    assert_eq!((&access_token["sub"], access_token.get("act")), (&json!(app.user_id), None));
    let entry = logged(&server, "secte").await;
    assert_eq!(entry["details"]["subject_token_type"], TYPE);
    assert_eq!((&entry["user_id"], &entry["audience"]), (&json!(app.user_id), &json!(crate::app::API)));
    // What had to be told is not kept.
    let logs = console(&server, &entry, 0).await;
    assert_eq!(logs, "***** access_token openid,email,offline_access,read:a https://api.example.com App s3cret false");
    let renewed = app.refresh(&server, answer.body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let user = server.get(&format!("/users/{}", app.user_id)).await.body;
    assert_eq!((&user["logins_count"], &user["app_metadata"]), (&json!(1), &json!({"seen": 1})));
    let tokens = server.get(&format!("/users/{}/refresh-tokens", app.user_id)).await.body;
    assert_eq!(tokens["tokens"][0]["refresh_token_metadata"], json!({"from": "exchange"}), "{tokens}");
    server.end().await;
}

#[tokio::test]
async fn an_account_that_an_action_names_is_created_and_renewed() {
    let server = TestServer::start().await;
    let code = "
        const { connection, user, options } = JSON.parse(event.transaction.subject_token);
        api.authentication.setUserByConnection(connection, user, options);";
    let app = exchanging(&server, code).await;
    let before = "exports.onExecutePreUserRegistration = async (event, api) => {
        if (event.user.email === 'bad@example.com') api.access.deny('not this one', 'Sorry.');
        api.user.setUserMetadata('by', event.client.name);
    };";
    let before = deployed(&server, "Before", ("pre-user-registration", "v2"), before).await;
    bind(&server, "pre-user-registration", &[&before]).await;
    let named =
        |user: Value, options: Value| json!({"connection": DATABASE, "user": user, "options": options}).to_string();
    let create = json!({"creationBehavior": "create_if_not_exists"});
    let joe = json!({"user_id": "legacy-7", "email": "joe@example.com", "email_verified": true, "given_name": "Joe", "verify_email": false});

    let answer = exchange(&server, &app, &named(joe.clone(), json!({})), json!({})).await;
    assert_eq!(told(&answer), (400, "invalid_request", "The user does not exist."));
    let answer = exchange(&server, &app, &named(joe.clone(), create.clone()), json!({})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(claims(&answer.body["id_token"])["sub"], "auth0|legacy-7");
    let user = server.get("/users/auth0%7Clegacy-7").await.body;
    assert_eq!((&user["given_name"], &user["email_verified"]), (&json!("Joe"), &json!(true)));
    assert_eq!(user["user_metadata"], json!({"by": "App"}));
    // It is there now, and stays as it is, or is renewed.
    let other = json!({"user_id": "legacy-7", "email": "joe@example.com", "name": "Joe Doe", "family_name": "Doe"});
    let renew = json!({"updateBehavior": "replace"});
    for (options, name, given) in
        [(create.clone(), "joe@example.com", json!("Joe")), (renew.clone(), "Joe Doe", Value::Null)]
    {
        assert_eq!(exchange(&server, &app, &named(other.clone(), options), json!({})).await.status, 200);
        let user = server.get("/users/auth0%7Clegacy-7").await.body;
        assert_eq!((&user["name"], &user["given_name"]), (&json!(name), &given));
    }
    let moved = json!({"user_id": "legacy-7", "email": "other@example.com"});
    let refused = [
        (named(moved, renew), "invalid_request", "The attribute email of an existing user cannot be changed."),
        (
            named(json!({"user_id": "8", "email": "bad@example.com"}), create.clone()),
            "extensibility_error",
            "not this one",
        ),
        (
            json!({"connection": "none", "user": {"user_id": "8"}, "options": create}).to_string(),
            "invalid_request",
            "The connection none does not exist.",
        ),
    ];
    for (token, error, text) in refused {
        let answer = exchange(&server, &app, &token, json!({})).await;
        assert_eq!(told(&answer), (400, error, text));
    }
    let answer = exchange(&server, &app, &named(json!({"user_id": "8", "email": EMAIL}), create), json!({})).await;
    assert_eq!(told(&answer), (400, "invalid_request", "The user cannot be created: the user exists already."));
    server.end().await;
}

#[tokio::test]
async fn an_exchange_is_refused_as_its_action_says() {
    let server = TestServer::start().await;
    let code = "
        const { subject_token: token } = event.transaction;
        if (token === 'stale') return api.access.deny('expired_token', 'It is too old.');
        if (token === 'broken') throw new Error('bang');
        if (token === 'down') api.access.deny('server_error', 'Try later.');
        if (token === 'forged') api.access.rejectInvalidSubjectToken('It is not one of ours.');
        if (token !== 'nobody') api.authentication.setUserById(token === 'twice' ? 'auth0|x' : token);
        if (token === 'twice') api.authentication.setUserByConnection('c', { user_id: '1' });";
    let app = exchanging(&server, code).await;
    let one =
        "Exactly one of api.authentication.setUserById and api.authentication.setUserByConnection must be called.";
    for (token, status, error, text) in [
        ("stale", 400, "expired_token", "It is too old."),
        ("broken", 500, "server_error", "bang"),
        ("down", 500, "server_error", "Try later."),
        ("nobody", 500, "server_error", one),
        ("twice", 500, "server_error", one),
        ("auth0|unknown", 400, "invalid_request", "The user does not exist."),
    ] {
        let answer = exchange(&server, &app, token, json!({})).await;
        assert_eq!(told(&answer), (status, error, text), "{token}");
    }
    let entry = logged(&server, "fecte").await;
    assert_eq!(
        (&entry["description"], &entry["details"]["subject_token_type"]),
        (&json!("The user does not exist."), &json!(TYPE))
    );
    server.patch(&format!("/users/{}", app.user_id), json!({"blocked": true})).await;
    let answer = exchange(&server, &app, &app.user_id, json!({})).await;
    assert_eq!(told(&answer), (403, "unauthorized", "user is blocked"));
    // What the request itself lacks.
    for (more, text) in [
        (json!({"subject_token_type": null}), "Missing required parameter: subject_token_type"),
        (json!({"actor_token": "x"}), "Missing required parameter: actor_token_type"),
        (json!({"actor_token_type": "x"}), "Missing required parameter: actor_token"),
        (json!({"requested_token_type": "urn:x"}), "Unsupported requested_token_type: urn:x"),
    ] {
        let answer = exchange(&server, &app, "x", more).await;
        assert_eq!(told(&answer), (400, "invalid_request", text));
    }
    let denied = "\"custom_authentication\" Token Exchange Profile is not allowed for the client.";
    let answer = exchange(&server, &app, "x", json!({"subject_token_type": "urn:acme:other"})).await;
    assert_eq!(told(&answer), (403, "unauthorized_client", denied));
    let other = App::beside(&server, json!({}), app.user_id.clone()).await;
    assert_eq!(told(&exchange(&server, &other, "x", json!({})).await), (403, "unauthorized_client", denied));
    // Whoever guesses is stopped, whatever comes next.
    for _ in 0..10 {
        let answer = exchange(&server, &app, "forged", json!({})).await;
        assert_eq!(told(&answer), (400, "invalid_request", "It is not one of ours."));
    }
    let answer = exchange(&server, &app, &app.user_id, json!({})).await;
    assert_eq!((answer.status, &answer.body["error"]), (429, &json!("too_many_attempts")));
    assert_eq!(logged(&server, "limit_mu").await["details"]["flow"], "custom_token_exchange");
    server.end().await;
}

#[tokio::test]
async fn who_acts_for_a_user_stands_in_the_tokens() {
    let server = TestServer::start().await;
    let code = "
        const { actor_token_user: actor, actor_token_type } = event.transaction;
        api.authentication.setUserById(event.transaction.subject_token)
          .authentication.setActor({ sub: actor.user_id, mail: actor.email, act: { sub: 'agent' } });";
    let app = exchanging(&server, code).await;
    let login = json!({"grant_type": "http://auth0.com/oauth/grant-type/password-realm", "username": EMAIL,
        "password": crate::app::PASSWORD, "realm": DATABASE, "scope": "openid"});
    let own = server
        .patch(
            &format!("/clients/{}", app.client_id),
            json!({"grant_types": [
        "http://auth0.com/oauth/grant-type/password-realm", "refresh_token"]}),
        )
        .await;
    assert_eq!(own.status, 200, "{own:?}");
    let login = app.token(&server, login).await;
    assert_eq!(login.status, 200, "{login:?}");
    let acting = json!({
        "scope": "openid offline_access",
        "actor_token": login.body["id_token"],
        "actor_token_type": "urn:ietf:params:oauth:token-type:id_token",
    });
    let answer = exchange(&server, &app, &app.user_id, acting.clone()).await;
    assert_eq!((answer.status, answer.body.get("refresh_token")), (200, None), "{answer:?}");
    let actor = json!({"sub": app.user_id, "mail": EMAIL, "act": {"sub": "agent"}});
    assert_eq!(claims(&answer.body["id_token"])["act"], actor);
    let user_info = server.http.get(server.url("/userinfo"));
    let user_info = user_info.bearer_auth(answer.body["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(user_info.json::<Value>().await.unwrap()["act"], actor);
    assert_eq!(logged(&server, "secte").await["details"]["actor"], actor);
    // Somebody else's word is none: there is no user for the code to name.
    let mut forged = acting;
    forged["actor_token"] = "e30.e30.e30".into();
    assert_eq!(exchange(&server, &app, &app.user_id, forged).await.status, 500);
    let nothing = send(&server, "/oauth/token", &json!({"grant_type": GRANT})).await;
    assert_eq!(nothing.status, 400, "{nothing:?}");
    server.end().await;
}

#[tokio::test]
async fn an_exchange_enters_the_organization_that_its_action_names() {
    let server = TestServer::start().await;
    let code = "
        api.authentication.setUserById(event.transaction.subject_token);
        if (!event.organization) api.authentication.setOrganization(event.request.body.wanted);";
    let app = exchanging(&server, code).await;
    let required = json!({"organization_usage": "require"});
    assert_eq!(server.patch(&format!("/clients/{}", app.client_id), required).await.status, 200);
    let connection = server.get(&format!("/connections?name={DATABASE}")).await.body[0]["id"].clone();
    let mut ids = Vec::new();
    for name in ["acme", "other"] {
        let enabled = json!([{"connection_id": connection, "assign_membership_on_login": false}]);
        let made = server.post("/organizations", json!({"name": name, "enabled_connections": enabled})).await;
        assert_eq!(made.status, 201, "{made:?}");
        ids.push(made.body["id"].as_str().unwrap().to_owned());
    }
    let member = server.post(&format!("/organizations/{}/members", ids[0]), json!({"members": [app.user_id]})).await;
    assert_eq!(member.status, 204, "{member:?}");
    for more in [json!({"wanted": ids[0]}), json!({"organization": ids[0]})] {
        let answer = exchange(&server, &app, &app.user_id, more).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(claims(&answer.body["id_token"])["org_id"], ids[0]);
    }
    let answer = exchange(&server, &app, &app.user_id, json!({"wanted": ids[1]})).await;
    let text = format!("user {} is not part of the {} organization", app.user_id, ids[1]);
    assert_eq!(told(&answer), (403, "access_denied", text.as_str()));
    server.end().await;
}
