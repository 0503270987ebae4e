//! Sessions and refresh tokens as the Management API shows and ends them, and what ends with a user, a client or a grant.

use kernel::object;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    site::{CONNECTION, EMAIL, PASSWORD, Site, claims, code, error, user_path},
};

const API: &str = "https://api.example.com";
/// What asks for tokens that can be renewed.
const OFFLINE: &str = "&scope=openid%20read%20offline_access&audience=https%3A%2F%2Fapi.example.com";

/// A site with an API whose tokens can be renewed.
async fn site() -> Site {
    let site = Site::start().await;
    let api = json!({
        "identifier": API, "name": "API", "allow_offline_access": true, "scopes": [{"value": "read"}],
        "skip_consent_for_verifiable_first_party_clients": true,
    });
    assert_eq!(site.server.post("/resource-servers", api).await.status, 201);
    site
}

/// Signs in in a new browser; gives it with the session's identifier.
async fn session(site: &Site) -> (Browser, String) {
    let mut browser = site.browser();
    let tokens = site.tokens(&code(&site.sign_in(&mut browser, EMAIL, PASSWORD).await)).await;
    let sid = claims(&tokens["id_token"])["sid"].as_str().unwrap().to_owned();
    (browser, sid)
}

/// A refresh token of a browser's session, and its identifier.
async fn refresh_token(site: &Site, browser: &mut Browser) -> (String, String) {
    let before = tokens_of(site).await;
    let tokens = site.tokens(&code(&browser.visit(&site.authorize(OFFLINE)).await)).await;
    let presented = tokens["refresh_token"].as_str().unwrap_or_else(|| panic!("none: {tokens}")).to_owned();
    let id = tokens_of(site).await.into_iter().find(|id| !before.contains(id)).unwrap();
    (presented, id)
}

/// The identifiers of the user's refresh tokens.
async fn tokens_of(site: &Site) -> Vec<String> {
    let listed = site.server.get(&format!("{}/refresh-tokens", user_path(&site.user))).await.body;
    ids(&listed["tokens"])
}

/// The identifiers of the user's sessions.
async fn sessions_of(site: &Site) -> Vec<String> {
    let listed = site.server.get(&format!("{}/sessions", user_path(&site.user))).await.body;
    ids(&listed["sessions"])
}

async fn renew(site: &Site, presented: &str) -> u16 {
    site.token(json!({"grant_type": "refresh_token", "refresh_token": presented})).await.status
}

/// Whether a browser is signed in.
async fn is_signed_in(site: &Site, browser: &mut Browser) -> bool {
    let answer = browser.visit(&site.authorize("&prompt=none")).await;
    let is_refused = answer.address.contains("error=");
    assert!(!is_refused || error(&answer).0 == "login_required", "{}", answer.address);
    !is_refused
}

/// The identifiers in a list.
fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

fn sorted<const N: usize>(mut ids: [&str; N]) -> Vec<String> {
    ids.sort_unstable();
    ids.map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_session_is_shown_changed_and_ended() {
    let site = site().await;
    let (mut browser, sid) = session(&site).await;
    let path = format!("/sessions/{sid}");
    let shown = site.server.get(&path).await;
    assert_eq!(shown.status, 200);
    let times = ["created_at", "updated_at", "authenticated_at", "idle_expires_at", "expires_at", "last_interacted_at"];
    let mut facts = object(shown.body.clone());
    for time in times {
        assert!(facts.shift_remove(time).unwrap().as_str().unwrap().ends_with('Z'), "{time}");
    }
    let method = facts["authentication"]["methods"][0].as_object_mut().unwrap();
    assert!(method.shift_remove("timestamp").is_some());
    assert_eq!(facts["device"]["initial_ip"], "127.0.0.1");
    assert_eq!(facts["device"]["last_ip"], "127.0.0.1");
    facts.shift_remove("device");
    let expected = json!({
        "id": sid,
        "user_id": site.user,
        "clients": [{"client_id": site.client}],
        "authentication": {"methods": [{"name": "pwd"}]},
        "cookie": {"mode": "persistent"},
    });
    assert_eq!(Value::Object(facts), expected);

    let changed = site.server.patch(&path, json!({"session_metadata": {"device": "kiosk"}})).await;
    assert_eq!((changed.status, &changed.body["session_metadata"]), (200, &json!({"device": "kiosk"})));
    assert_eq!(site.server.get(&path).await.body["session_metadata"], json!({"device": "kiosk"}));
    let long = json!({"session_metadata": {"device": "x".repeat(256)}});
    assert_eq!(site.server.patch(&path, long).await.status, 400);
    let removed = site.server.patch(&path, json!({"session_metadata": null})).await;
    assert_eq!(removed.body.get("session_metadata"), None);

    let (_, second) = session(&site).await;
    let (_, third) = session(&site).await;
    let of_user = format!("{}/sessions", user_path(&site.user));
    let first = site.server.get(&format!("{of_user}?take=2")).await.body;
    let next = format!("{of_user}?take=2&from={}", first["next"].as_str().unwrap());
    let rest = site.server.get(&next).await.body;
    let mut all = [ids(&first["sessions"]), ids(&rest["sessions"])].concat();
    all.sort_unstable();
    assert_eq!((all, rest.get("next")), (sorted([&sid, &second, &third]), None));
    assert!(is_signed_in(&site, &mut browser).await);
    let gone = site.server.delete(&path).await;
    assert_eq!((gone.status, gone.body), (202, json!({})));
    assert_eq!(site.server.get(&path).await.body["message"], "The session does not exist.");
    assert!(!is_signed_in(&site, &mut browser).await);
    assert_eq!(site.server.delete(&of_user).await.status, 202);
    assert_eq!(site.server.get(&of_user).await.body, json!({"sessions": []}));
    site.end().await;
}

#[tokio::test]
async fn a_revoked_session_takes_its_refresh_tokens_along() {
    let site = site().await;
    let (mut browser, sid) = session(&site).await;
    let (kept, id) = refresh_token(&site, &mut browser).await;
    assert_eq!(site.server.delete(&format!("/sessions/{sid}")).await.status, 202);
    // What was only issued in the session is not bound to it.
    assert_eq!((tokens_of(&site).await, renew(&site, &kept).await), (vec![id.clone()], 200));

    let (mut browser, sid) = session(&site).await;
    let (bound, _) = refresh_token(&site, &mut browser).await;
    let revoked = site.server.post(&format!("/sessions/{sid}/revoke"), json!({})).await;
    assert_eq!((revoked.status, revoked.body), (202, json!({})));
    assert_eq!((tokens_of(&site).await, renew(&site, &bound).await), (vec![id.clone()], 403));
    assert!(!is_signed_in(&site, &mut browser).await);
    assert_eq!(site.server.post(&format!("/sessions/{sid}/revoke"), json!({})).await.status, 404);

    let _ = session(&site).await;
    let revoke = format!("{}/revoke-access", user_path(&site.user));
    assert_eq!(site.server.post(&revoke, json!({"preserve_refresh_tokens": true})).await.status, 202);
    assert_eq!((sessions_of(&site).await, tokens_of(&site).await), (Vec::new(), vec![id]));
    assert_eq!(site.server.post(&revoke, json!({})).await.status, 202);
    assert_eq!((tokens_of(&site).await, renew(&site, &kept).await), (Vec::new(), 403));
    site.end().await;
}

#[tokio::test]
async fn refresh_tokens_are_shown_changed_and_revoked() {
    let site = site().await;
    let (mut browser, sid) = session(&site).await;
    let (presented, id) = refresh_token(&site, &mut browser).await;
    let mut shown = site.server.get(&format!("/refresh-tokens/{id}")).await.body;
    let created = shown["created_at"].take();
    assert!(created.as_str().unwrap().ends_with('Z'));
    object(shown["device"].take());
    let expected = json!({
        "id": id,
        "user_id": site.user,
        "created_at": null,
        "idle_expires_at": null,
        "expires_at": null,
        "client_id": site.client,
        "session_id": sid,
        "rotating": false,
        "resource_servers": [{"audience": API, "scopes": "openid read offline_access"}],
    });
    let mut told = object(shown);
    told.shift_remove("device");
    assert_eq!(Value::Object(told), expected);
    let metadata = json!({"refresh_token_metadata": {"device": "phone"}});
    let changed = site.server.patch(&format!("/refresh-tokens/{id}"), metadata.clone()).await;
    assert_eq!(changed.body["refresh_token_metadata"], metadata["refresh_token_metadata"]);
    assert_eq!(renew(&site, &presented).await, 200);

    let (_, second) = refresh_token(&site, &mut browser).await;
    let rotating = json!({"refresh_token": {"rotation_type": "rotating", "expiration_type": "expiring", "leeway": 0, "token_lifetime": 2_592_000, "idle_token_lifetime": 1_296_000, "infinite_token_lifetime": false, "infinite_idle_token_lifetime": false}});
    assert_eq!(site.server.patch(&format!("/clients/{}", site.client), rotating).await.status, 200);
    let (third_presented, third) = refresh_token(&site, &mut browser).await;
    let encoded = site.user.replace('|', "%7C");
    let listed = site.server.get(&format!("/refresh-tokens?user_id={encoded}")).await.body;
    let mut all = ids(&listed["refresh_tokens"]);
    all.sort_unstable();
    assert_eq!(all, sorted([&id, &second, &third]));
    let listed = site.server.get(&format!("/refresh-tokens?user_id={encoded}&client_id=other")).await.body;
    assert_eq!(ids(&listed["refresh_tokens"]), [""; 0]);
    let devices = site.server.get(&format!("/device-credentials?user_id={encoded}&include_totals=true")).await.body;
    assert_eq!((ids(&devices["device_credentials"]).len(), &devices["total"]), (3, &json!(3)));
    let of_type = format!("/device-credentials?user_id={encoded}&type=rotating_refresh_token");
    let rotating = site.server.get(&of_type).await.body;
    assert_eq!((ids(&rotating), &rotating[0]["type"]), (vec![third.clone()], &json!("rotating_refresh_token")));
    assert_eq!(site.server.delete(&format!("/device-credentials/{third}")).await.status, 204);
    assert_eq!(renew(&site, &third_presented).await, 403);
    let revoke = json!({"user_id": site.user, "client_id": "nobody"});
    assert_eq!(site.server.post("/refresh-tokens/revoke", revoke).await.body["message"], "Client not found.");
    assert_eq!(site.server.post("/refresh-tokens/revoke", json!({"ids": [second]})).await.status, 202);
    assert_eq!(tokens_of(&site).await, [id]);
    assert_eq!(site.server.delete(&format!("{}/refresh-tokens", user_path(&site.user))).await.status, 202);
    assert_eq!((tokens_of(&site).await, renew(&site, &presented).await), (Vec::new(), 403));
    site.end().await;
}

#[tokio::test]
async fn a_new_password_or_address_ends_sessions_and_a_deleted_user_leaves_nothing() {
    let site = site().await;
    let path = user_path(&site.user);
    let (mut browser, _) = session(&site).await;
    let (presented, id) = refresh_token(&site, &mut browser).await;
    assert_eq!(site.server.patch(&path, json!({"name": "Jane"})).await.status, 200);
    assert_eq!(sessions_of(&site).await.len(), 1);
    let change = json!({"password": PASSWORD, "connection": CONNECTION});
    assert_eq!(site.server.patch(&path, change).await.status, 200);
    assert_eq!((sessions_of(&site).await.len(), renew(&site, &presented).await), (0, 200));
    session(&site).await;
    let change = json!({"email": "jane@example.org", "verify_email": false, "connection": CONNECTION});
    assert_eq!(site.server.patch(&path, change).await.status, 200);
    assert_eq!((sessions_of(&site).await.len(), renew(&site, &presented).await), (0, 200));
    assert_eq!(site.server.delete(&path).await.status, 204);
    assert_eq!(site.server.get(&format!("/refresh-tokens/{id}")).await.status, 404);
    assert_eq!(renew(&site, &presented).await, 403);
    let left = json!({"name": "Shop"});
    assert_eq!(site.server.patch(&format!("/clients/{}", site.client), left).await.status, 200);
    site.end().await;
}
