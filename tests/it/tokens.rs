//! Tokens of users: what they say, how long they last, how they are renewed and ended.

use std::time::Duration;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    encoding::{AsDer, PublicKeyX509Der},
    rsa::{KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed},
    app::{API, App, EMAIL, api, claims, logged, send, server_at},
    browser::Browser,
    server::{Answer, TestServer},
};

const NOW: i64 = 1_800_000_000;
const DAY: Duration = Duration::from_secs(86_400);
const OFFLINE: [(&str, &str); 2] = [("audience", API), ("scope", "openid email offline_access read:a read:b")];

fn rotating(leeway: u64) -> Value {
    json!({
        "rotation_type": "rotating", "expiration_type": "expiring", "leeway": leeway, "token_lifetime": 864_000,
        "idle_token_lifetime": 86_400, "infinite_token_lifetime": false, "infinite_idle_token_lifetime": false,
    })
}

async fn app_with(server: &TestServer, refresh_token: Value) -> App {
    api(server, json!({})).await;
    App::new(server, json!({"refresh_token": refresh_token})).await
}

fn refresh_token(answer: &Value) -> String {
    answer["refresh_token"].as_str().unwrap_or_else(|| panic!("no refresh token: {answer}")).to_owned()
}

fn is_refused(answer: &Answer) -> bool {
    (answer.status, &answer.body["error_description"]) == (403, &json!("Unknown or invalid refresh token."))
}

#[tokio::test]
async fn a_rotated_token_that_comes_back_ends_its_family() {
    let (server, clock) = server_at(NOW).await;
    let app = app_with(&server, rotating(10)).await;
    let mut browser = Browser::at(&server.url(""));
    let first = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    let second = app.refresh(&server, &first).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(refresh_token(&second.body), first);
    // A client that did not hear the answer asks again.
    clock.advance(Duration::from_secs(9));
    let again = app.refresh(&server, &first).await;
    assert_eq!(again.status, 200, "{again:?}");
    clock.advance(Duration::from_secs(60));
    assert!(is_refused(&app.refresh(&server, &first).await));
    assert!(is_refused(&app.refresh(&server, &refresh_token(&second.body)).await));
    assert!(is_refused(&app.refresh(&server, &refresh_token(&again.body)).await));
    let types = logged(&server).await;
    for kind in ["sertft", "ferrt", "fertft"] {
        assert!(types.contains(&kind.to_owned()), "{kind}: {types:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_hundred_uses_at_once_leave_one_family_with_leeway_and_none_without() {
    for leeway in [0, 60] {
        let server = TestServer::start().await;
        let app = app_with(&server, rotating(leeway)).await;
        let mut browser = Browser::at(&server.url(""));
        let token = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
        let request = json!({
            "grant_type": "refresh_token", "refresh_token": token,
            "client_id": app.client_id, "client_secret": app.client_secret,
        });
        let mut uses = Vec::new();
        for _ in 0..100 {
            let sent = server.http.post(server.url("/oauth/token")).json(&request).send();
            uses.push(tokio::spawn(sent));
        }
        let mut given = Vec::new();
        for used in uses {
            let answer = used.await.unwrap().unwrap();
            assert!(matches!(answer.status().as_u16(), 200 | 403), "{answer:?}");
            let body: Value = answer.json().await.unwrap();
            given.extend(body["refresh_token"].as_str().map(str::to_owned));
        }
        let last = app.refresh(&server, given.last().unwrap()).await;
        if leeway == 0 {
            assert!(given.len() < 100);
            assert!(is_refused(&last), "{last:?}");
        } else {
            assert_eq!((given.len(), last.status), (100, 200), "{last:?}");
        }
        server.end().await;
    }
}

#[tokio::test]
async fn a_token_ends_after_its_time_and_when_it_is_not_used() {
    let (server, clock) = server_at(NOW).await;
    let app = app_with(&server, rotating(0)).await;
    let mut browser = Browser::at(&server.url(""));
    let idle = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    clock.advance(DAY + Duration::from_secs(1));
    assert!(is_refused(&app.refresh(&server, &idle).await));
    let mut token = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    for day in 1..=10 {
        clock.advance(Duration::from_secs(86_400 - 60));
        let answer = app.refresh(&server, &token).await;
        assert_eq!(answer.status, 200, "{day}: {answer:?}");
        token = refresh_token(&answer.body);
    }
    clock.advance(Duration::from_secs(11 * 60));
    assert!(is_refused(&app.refresh(&server, &token).await));
    server.end().await;
}

#[tokio::test]
async fn an_exchange_narrows_and_crosses_to_other_apis_by_policy() {
    let server = TestServer::start().await;
    let other = "https://other.example.com";
    api(&server, json!({"identifier": other, "name": "Other"})).await;
    let policies = json!({
        "rotation_type": "non-rotating", "expiration_type": "non-expiring",
        "policies": [{"audience": other, "scope": ["read:a"]}],
    });
    let app = app_with(&server, policies).await;
    let mut browser = Browser::at(&server.url(""));
    let tokens = app.tokens(&server, &mut browser, &OFFLINE).await;
    let token = refresh_token(&tokens);
    let exchange = async |change: Value| {
        let mut request = json!({"grant_type": "refresh_token", "refresh_token": token});
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        app.token(&server, request).await
    };
    let same = exchange(json!({})).await;
    assert_eq!(claims(&same.body["access_token"])["scope"], "openid email offline_access read:a read:b");
    assert!(same.body["id_token"].is_string() && same.body.get("refresh_token").is_none(), "{same:?}");
    let narrowed = exchange(json!({"scope": "read:b write:everything"})).await;
    assert_eq!(claims(&narrowed.body["access_token"])["scope"], "read:b");
    assert!(narrowed.body.get("id_token").is_none(), "{narrowed:?}");
    let crossed = exchange(json!({"audience": other})).await;
    let said = claims(&crossed.body["access_token"]);
    assert_eq!(said["scope"], "openid email offline_access read:a");
    assert!(said["aud"] == json!(other) || said["aud"][0] == json!(other), "{said}");
    let refused = exchange(json!({"audience": "https://unknown.example.com"})).await;
    assert_eq!((refused.status, &refused.body["error"]), (403, &json!("access_denied")));
    server.end().await;
}

#[tokio::test]
async fn who_is_gone_or_blocked_gets_no_more_tokens() {
    let server = TestServer::start().await;
    let app = app_with(&server, json!({"rotation_type": "non-rotating", "expiration_type": "non-expiring"})).await;
    let mut browser = Browser::at(&server.url(""));
    let token = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    let user = format!("/users/{}", app.user_id);
    server.patch(&user, json!({"blocked": true})).await;
    let refused = app.refresh(&server, &token).await;
    assert_eq!(
        (&refused.body["error"], &refused.body["error_description"]),
        (&json!("unauthorized"), &json!("user is blocked"))
    );
    server.patch(&user, json!({"blocked": false})).await;
    assert_eq!(app.refresh(&server, &token).await.status, 200);
    let other = App::beside(&server, json!({}), app.user_id.clone()).await;
    assert!(is_refused(&other.refresh(&server, &token).await));
    server.delete(&user).await;
    assert_eq!(app.refresh(&server, &token).await.status, 403);
    for path in ["refresh-tokens", "sessions"] {
        assert_eq!(server.get(&format!("{user}/{path}")).await.status, 404, "{path}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_revoked_token_is_told_of_and_leaves_nothing() {
    let server = TestServer::start().await;
    let app = app_with(&server, rotating(0)).await;
    let other = App::beside(&server, json!({}), app.user_id.clone()).await;
    let mut browser = Browser::at(&server.url(""));
    let token = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    let revoke = async |app: &App, token: &str| {
        let request = json!({"client_id": app.client_id, "client_secret": app.client_secret, "token": token});
        send(&server, "/oauth/revoke", &request).await.status
    };
    assert_eq!(revoke(&other, &token).await, 400);
    assert_eq!(app.refresh(&server, &token).await.status, 200);
    let token = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    assert_eq!(revoke(&app, &token).await, 200);
    assert!(is_refused(&app.refresh(&server, &token).await));
    assert_eq!(revoke(&app, "unknown").await, 200);
    // The whole grant goes where the tenant wants that.
    server.patch("/tenants/settings", json!({"flags": {"revoke_refresh_token_grant": true}})).await;
    let one = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    let two = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    assert_eq!(revoke(&app, &one).await, 200);
    assert!(is_refused(&app.refresh(&server, &two).await));
    // The Management API ends tokens too.
    let token = refresh_token(&app.tokens(&server, &mut browser, &OFFLINE).await);
    let tokens = server.get(&format!("/users/{}/refresh-tokens", app.user_id)).await.body;
    for shown in tokens["tokens"].as_array().or(tokens["refresh_tokens"].as_array()).unwrap() {
        assert_eq!(server.delete(&format!("/refresh-tokens/{}", shown["id"].as_str().unwrap())).await.status, 204);
    }
    assert!(is_refused(&app.refresh(&server, &token).await));
    let revoked = crate::actions::logged(&server, "srrt").await;
    assert_eq!((&revoked["user_id"], &revoked["details"]["audience"]), (&json!(app.user_id), &json!(API)));
    server.end().await;
}

#[tokio::test]
async fn access_tokens_speak_the_dialect_of_their_api() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let scopes = json!([{"value": "read:a"}, {"value": "read:b"}]);
    for (dialect, permits) in [
        ("access_token", false),
        ("access_token_authz", true),
        ("rfc9068_profile", false),
        ("rfc9068_profile_authz", true),
    ] {
        let audience = format!("https://{dialect}.example.com");
        let api = json!({
            "identifier": audience, "name": dialect, "scopes": scopes, "token_dialect": dialect,
            "enforce_policies": true, "token_lifetime": 60, "skip_consent_for_verifiable_first_party_clients": true,
        });
        assert_eq!(server.post("/resource-servers", api).await.status, 201);
        let permission =
            json!({"permissions": [{"permission_name": "read:a", "resource_server_identifier": audience}]});
        let role = server.post("/roles", json!({"name": dialect})).await.body["id"].as_str().unwrap().to_owned();
        assert_eq!(server.post(&format!("/roles/{role}/permissions"), permission).await.status, 201);
        let roles = json!({"roles": [role]});
        assert_eq!(server.post(&format!("/users/{}/roles", app.user_id), roles).await.status, 204);
        let mut browser = Browser::at(&server.url(""));
        let parameters = [("audience", audience.as_str()), ("scope", "openid read:a read:b")];
        let tokens = app.tokens(&server, &mut browser, &parameters).await;
        assert_eq!((&tokens["expires_in"], &tokens["scope"]), (&json!(60), &json!("openid read:a")));
        let said = claims(&tokens["access_token"]);
        assert_eq!(said["scope"], "openid read:a");
        let permissions = if permits { json!(["read:a"]) } else { Value::Null };
        assert_eq!(said["permissions"], permissions, "{dialect}");
        let is_rfc = dialect.starts_with("rfc9068");
        assert_eq!(
            (said["jti"].is_string(), said["client_id"].is_string(), said["azp"].is_string()),
            (is_rfc, is_rfc, !is_rfc)
        );
    }
    server.end().await;
}

#[tokio::test]
async fn an_access_token_is_encrypted_to_the_key_of_its_api() {
    let server = TestServer::start().await;
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<PublicKeyX509Der<'_>>::as_der(&key.public_key()).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(der.as_ref()));
    let encryption = json!({
        "format": "compact-nested-jwe", "encryption_key": {"name": "key", "alg": "RSA-OAEP-256", "kid": "k1", "pem": pem},
    });
    api(&server, json!({"token_encryption": encryption})).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let tokens = app.tokens(&server, &mut browser, &OFFLINE[..1]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let header: Value = serde_json::from_slice(&parts[0]).unwrap();
    assert_eq!(
        (&header["alg"], &header["enc"], &header["kid"]),
        (&json!("RSA-OAEP-256"), &json!("A256GCM"), &json!("k1"))
    );
    let oaep = OaepPrivateDecryptingKey::new(key).unwrap();
    let mut content_key = vec![0; oaep.min_output_size()];
    let content_key = oaep.decrypt(&OAEP_SHA256_MGF1SHA256, &parts[1], &mut content_key, None).unwrap();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, content_key).unwrap());
    let mut text = [parts[3].clone(), parts[4].clone()].concat();
    let nonce = Nonce::try_assume_unique_for_key(&parts[2]).unwrap();
    let aad = Aad::from(token.split('.').next().unwrap().as_bytes());
    let inner = cipher.open_in_place(nonce, aad, &mut text).unwrap();
    let said = claims(&String::from_utf8(inner.to_vec()).unwrap().into());
    assert_eq!(said["sub"], json!(app.user_id));
    server.end().await;
}

#[tokio::test]
async fn actions_set_claims_and_scopes_but_none_that_are_reserved() {
    let server = TestServer::start().await;
    let code = "exports.onExecutePostLogin = async (event, api) => {
        api.idToken.setCustomClaim('favourite', 'blue');
        api.idToken.setCustomClaim('https://auth0.com/x', 1);
        for (const name of ['sub', 'iss', 'exp', 'sid', 'nonce', 'org_id']) {
          api.idToken.setCustomClaim(name, 'forged');
          api.accessToken.setCustomClaim(name, 'forged');
        }
        api.idToken.setCustomClaim('phone_number', '+15550100');
        api.accessToken.setCustomClaim('https://example.com/roles', event.authorization.roles);
        api.accessToken.addScope('read:more');
        api.accessToken.removeScope('read:b');
        if (event.session) api.session.setMetadata('desk', '7');
        api.refreshToken.setMetadata('desk', '8');
    };";
    let action = deployed(&server, "Claims", ("post-login", "v3"), code).await;
    bind(&server, "post-login", &[&action]).await;
    let app = app_with(&server, rotating(0)).await;
    let role = server.post("/roles", json!({"name": "clerk"})).await.body["id"].as_str().unwrap().to_owned();
    server.post(&format!("/users/{}/roles", app.user_id), json!({"roles": [role]})).await;
    let mut browser = Browser::at(&server.url(""));
    let tokens = app.tokens(&server, &mut browser, &OFFLINE).await;
    let id_token = claims(&tokens["id_token"]);
    assert_eq!((&id_token["favourite"], &id_token["sub"]), (&json!("blue"), &json!(app.user_id)));
    for absent in ["https://auth0.com/x", "org_id", "nonce", "phone_number"] {
        assert!(id_token.get(absent).is_none(), "{absent}: {id_token}");
    }
    let access_token = claims(&tokens["access_token"]);
    assert_eq!(access_token["https://example.com/roles"], json!(["clerk"]));
    assert_eq!(access_token["scope"], "openid email offline_access read:a read:more");
    assert_ne!(access_token["sub"], "forged");
    let session = server.get(&format!("/sessions/{}", id_token["sid"].as_str().unwrap())).await.body;
    assert_eq!(session["session_metadata"], json!({"desk": "7"}));
    let refreshed = app.refresh(&server, &refresh_token(&tokens)).await;
    assert_eq!(claims(&refreshed.body["access_token"])["scope"], "openid email offline_access read:a read:more");
    let tokens = server.get(&format!("/users/{}/refresh-tokens", app.user_id)).await.body;
    assert!(tokens.to_string().contains("\"refresh_token_metadata\":{\"desk\":\"8\"}"), "{tokens}");
    server.end().await;
}

#[tokio::test]
async fn the_profile_is_told_to_who_holds_a_token_for_it() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let tokens = app.tokens(&server, &mut browser, &[("scope", "openid email")]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let url = server.url("/userinfo");
    let told: Value = server.http.get(&url).bearer_auth(token).send().await.unwrap().json().await.unwrap();
    assert_eq!(told, json!({"sub": app.user_id, "email": EMAIL, "email_verified": false}));
    let posted = server.http.post(&url).form(&[("access_token", token)]).send().await.unwrap();
    assert_eq!(posted.json::<Value>().await.unwrap(), told);
    let refused = server.http.get(&url).bearer_auth("wrong").send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 401);
    server.delete(&format!("/users/{}", app.user_id)).await;
    let refused = server.http.get(&url).bearer_auth(token).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 401);
    server.end().await;
}

#[tokio::test]
async fn an_api_that_allows_no_refresh_tokens_gets_none() {
    let server = TestServer::start().await;
    api(&server, json!({"allow_offline_access": false})).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let tokens = app.tokens(&server, &mut browser, &OFFLINE).await;
    assert!(tokens.get("refresh_token").is_none(), "{tokens}");
    assert_eq!(tokens["scope"], "openid email read:a read:b");
    server.end().await;
}

#[tokio::test]
async fn a_blacklisted_token_opens_nothing_and_others_do() {
    let server = TestServer::start().await;
    api(&server, json!({"token_dialect": "rfc9068_profile"})).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let first = app.tokens(&server, &mut browser, &OFFLINE[..1]).await["access_token"].clone();
    let second = app.tokens(&server, &mut browser, &OFFLINE[..1]).await["access_token"].clone();
    let opens = async |token: &Value| {
        let asked = server.http.get(server.url("/userinfo")).bearer_auth(token.as_str().unwrap());
        asked.send().await.unwrap().status().as_u16()
    };
    let blacklist = async |body: Value| assert_eq!(server.post("/blacklists/tokens", body).await.status, 204);
    let jti = claims(&first)["jti"].clone();
    blacklist(json!({"aud": "another", "jti": jti})).await;
    assert_eq!((opens(&first).await, opens(&second).await), (200, 200));
    blacklist(json!({"aud": app.client_id, "jti": jti})).await;
    assert_eq!((opens(&first).await, opens(&second).await), (401, 200));
    server.end().await;
}
