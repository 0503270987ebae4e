//! `/authorize`: what an application may ask, how it is answered, and what is refused where.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    app::{API, App, CALLBACK, DATABASE, EMAIL, api, claims, logged, prove, send, server_at},
    browser::{Browser, Page},
    server::TestServer,
};

const NOW: i64 = 1_800_000_000;
const ALL_GRANTS: [&str; 3] = ["authorization_code", "implicit", "refresh_token"];

/// The left half of a text's SHA-256 (OpenID Connect Core §3.1.3.6).
fn half_hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, text.as_bytes()).as_ref()[..16])
}

/// `error` and `error_description` of what the application is told.
fn error(page: &Page) -> (String, String) {
    let text = |name: &str| {
        let value = page.parameter(name).unwrap_or_else(|| panic!("no {name}: {}", page.address));
        url::form_urlencoded::parse(format!("x={value}").as_bytes()).next().unwrap().1.into_owned()
    };
    (text("error"), text("error_description"))
}

fn told(code: &str, description: &str) -> (String, String) {
    (code.to_owned(), description.to_owned())
}

#[tokio::test]
async fn every_response_type_is_answered_in_its_mode() {
    let server = TestServer::start().await;
    api(&server, json!({"token_lifetime": 600, "token_lifetime_for_web": 300})).await;
    let app = App::new(&server, json!({"grant_types": ALL_GRANTS, "oidc_conformant": true})).await;
    let mut browser = Browser::at(&server.url(""));
    app.log_in(&mut browser, &[]).await;
    for response_type in
        ["code", "token", "id_token", "code token", "code id_token", "token id_token", "code token id_token"]
    {
        let has = |word: &str| response_type.split(' ').any(|asked| asked == word);
        let parameters =
            [("response_type", response_type), ("nonce", "n1"), ("audience", API), ("scope", "openid email read:a")];
        let back = browser.visit(&app.request(&parameters)).await;
        let joint = if response_type == "code" { '?' } else { '#' };
        assert!(back.address.starts_with(&format!("{CALLBACK}{joint}")), "{response_type}: {}", back.address);
        assert_eq!(back.parameter("state").as_deref(), Some("st"));
        for (member, is_there) in [("code", has("code")), ("access_token", has("token")), ("id_token", has("id_token"))]
        {
            assert_eq!(back.parameter(member).is_some(), is_there, "{response_type}: {member}");
        }
        assert_eq!(back.parameter("expires_in"), has("token").then(|| "300".to_owned()));
        if let Some(id_token) = back.parameter("id_token") {
            let said = claims(&id_token.into());
            assert_eq!((&said["nonce"], &said["aud"]), (&json!("n1"), &json!(app.client_id)));
            let hash = |member: &str| back.parameter(member).map_or(Value::Null, |text| half_hash(&text).into());
            assert_eq!((&said["at_hash"], &said["c_hash"]), (&hash("access_token"), &hash("code")), "{response_type}");
        }
        if let Some(code) = back.parameter("code") {
            let tokens = app.exchange(&server, &code).await;
            assert_eq!((tokens.status, &tokens.body["expires_in"]), (200, &json!(600)), "{tokens:?}");
            let at_hash = half_hash(tokens.body["access_token"].as_str().unwrap());
            assert_eq!(claims(&tokens.body["id_token"])["at_hash"], json!(at_hash));
        }
    }
    server.end().await;
}

#[tokio::test]
async fn a_response_reaches_the_application_by_form_or_message() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({"web_origins": ["https://app.example.com"]})).await;
    let other =
        App::beside(&server, json!({"web_origins": ["https://www.app.example.com"]}), app.user_id.clone()).await;
    let mut browser = Browser::at(&server.url(""));
    app.log_in(&mut browser, &[]).await;
    let fragment = browser.visit(&app.request(&[("response_mode", "fragment")])).await;
    assert!(fragment.address.starts_with(&format!("{CALLBACK}#code=")), "{}", fragment.address);
    let state = "<\"&'>";
    let form = browser.visit(&app.request(&[("response_mode", "form_post"), ("state", state)])).await;
    assert_eq!(form.status, 200);
    assert!(
        form.html.contains(&format!("action=\"{CALLBACK}\"")) && form.html.contains("name=\"code\""),
        "{}",
        form.html
    );
    assert!(!form.html.contains(state), "{}", form.html);
    let policy = form.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'nonce-") && policy.contains("default-src 'none'"), "{policy}");
    let silent = [("response_mode", "web_message"), ("prompt", "none")];
    let message = browser.visit(&app.request(&silent)).await;
    assert_eq!(message.status, 200);
    assert!(message.html.contains("authorization_response") && message.html.contains("\"https://app.example.com\""));
    assert!(!message.html.contains("'*'") && !message.html.contains("\"*\""), "{}", message.html);
    // The origin of the redirect URI is not one that may get messages: nothing is said to anybody.
    let refused = browser.visit(&other.request(&silent)).await;
    assert_eq!(refused.status, 403);
    assert!(!refused.html.contains("code"), "{}", refused.html);
    let unknown = browser.visit(&app.request(&[("response_mode", "smoke")])).await;
    assert_eq!(error(&unknown), told("invalid_request", "Unsupported response mode: smoke"));
    server.end().await;
}

#[tokio::test]
async fn a_code_needs_the_verifier_of_its_challenge_and_is_used_once() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({"grant_types": ALL_GRANTS})).await;
    let mut browser = Browser::at(&server.url(""));
    app.log_in(&mut browser, &[]).await;
    let verifier = "v".repeat(50);
    let hashed = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    for (method, challenge) in [("S256", hashed.as_str()), ("plain", verifier.as_str())] {
        for (sent, is_right) in [(json!(verifier), true), (json!("w".repeat(50)), false), (Value::Null, false)] {
            let parameters = [("code_challenge", challenge), ("code_challenge_method", method)];
            let back = browser.visit(&app.request(&parameters)).await;
            let code = back.parameter("code").unwrap();
            let request = json!({
                "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": sent,
            });
            let answer = app.token(&server, request).await;
            assert_eq!(answer.status, if is_right { 200 } else { 403 }, "{method} {sent}: {answer:?}");
            if !is_right {
                assert_eq!(answer.body["error_description"], "Failed to verify code verifier");
            }
        }
    }
    let wrong = browser.visit(&app.request(&[("code_challenge", &hashed), ("code_challenge_method", "S512")])).await;
    assert_eq!(error(&wrong), told("invalid_request", "Unsupported code_challenge_method: S512"));
    // A second use ends what the first one gave.
    let back = browser.visit(&app.request(&[("scope", "openid offline_access")])).await;
    let code = back.parameter("code").unwrap();
    let tokens = app.exchange(&server, &code).await.body;
    let again = app.exchange(&server, &code).await;
    assert_eq!((again.status, &again.body["error_description"]), (403, &json!("Invalid authorization code")));
    let refreshed = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.body["error"], "invalid_grant", "{refreshed:?}");
    // A code is its client's, and of the redirect URI that was named.
    let code = browser.visit(&app.request(&[])).await.parameter("code").unwrap();
    let request =
        json!({"grant_type": "authorization_code", "code": code, "redirect_uri": "https://app.example.com/other"});
    let answer = app.token(&server, request).await;
    assert_eq!(
        (answer.status, &answer.body["error_description"]),
        (
            403,
            &json!(format!(
                "The redirect URI is wrong. You sent https://app.example.com/other, and we expected {CALLBACK}"
            ))
        )
    );
    let other = App::beside(&server, json!({}), app.user_id.clone()).await;
    assert_eq!(other.exchange(&server, &code).await.status, 403);
    server.end().await;
}

#[tokio::test]
async fn a_session_answers_as_the_request_allows() {
    let (server, clock) = server_at(NOW).await;
    let app = App::new(&server, json!({})).await;
    let other = App::beside(&server, json!({}), app.user_id.clone()).await;
    let own = App::beside(&server, json!({"sso_disabled": true}), app.user_id.clone()).await;
    let mut browser = Browser::at(&server.url(""));
    let silent = [("prompt", "none")];
    let refused = browser.visit(&app.request(&silent)).await;
    assert_eq!(error(&refused), told("login_required", "Login required"));
    let tokens = app.tokens(&server, &mut browser, &[]).await;
    let first = claims(&tokens["id_token"]);
    assert_eq!(first.get("auth_time"), None);
    clock.advance(std::time::Duration::from_secs(100));
    // Another application finds the session.
    let tokens =
        other.exchange(&server, &browser.visit(&other.request(&silent)).await.parameter("code").unwrap()).await;
    assert_eq!(claims(&tokens.body["id_token"])["sid"], first["sid"]);
    let refused = browser.visit(&own.request(&silent)).await;
    assert_eq!(error(&refused), told("login_required", "Login required"));
    let fresh = [("prompt", "none"), ("max_age", "150")];
    let tokens = app.exchange(&server, &browser.visit(&app.request(&fresh)).await.parameter("code").unwrap()).await;
    assert_eq!(claims(&tokens.body["id_token"])["auth_time"], json!(NOW));
    let stale = browser.visit(&app.request(&[("prompt", "none"), ("max_age", "50")])).await;
    assert_eq!(error(&stale), told("login_required", "Login required"));
    for again in [("max_age", "50"), ("max_age", "0"), ("prompt", "login"), ("prompt", "select_account")] {
        let page = browser.visit(&app.request(&[again])).await;
        assert!(page.address.starts_with("/u/login"), "{again:?}: {}", page.address);
    }
    let page = browser.visit(&app.request(&[("prompt", "login")])).await;
    let back = prove(&mut browser, &page).await;
    let tokens = app.exchange(&server, &back.parameter("code").unwrap()).await;
    let said = claims(&tokens.body["id_token"]);
    assert_eq!((&said["auth_time"], &said["sid"]), (&json!(NOW + 100), &first["sid"]));
    // After three days without use it is over.
    clock.advance(std::time::Duration::from_secs(3 * 86_400 + 1));
    let over = browser.visit(&app.request(&silent)).await;
    assert_eq!(error(&over), told("login_required", "Login required"));
    let mut server = server;
    server.token = server.token_for("").await;
    let types = logged(&server).await;
    for kind in ["fsa", "s", "seacft", "ssa"] {
        assert!(types.contains(&kind.to_owned()), "{kind}: {types:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn nobody_is_redirected_to_where_the_client_did_not_say() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({"callbacks": [CALLBACK, "https://*.tenants.example.com/cb"]})).await;
    let mut browser = Browser::at(&server.url(""));
    for uri in ["https://evil.example.com/callback", "https://app.example.com/callback/..", "javascript:alert(1)"] {
        let page = browser.visit(&app.request(&[("redirect_uri", uri), ("prompt", "none")])).await;
        assert_eq!((page.status, page.heading()), (400, "Oops!, something went wrong"), "{uri}");
        assert!(page.html.contains("is not in the list of allowed callback URLs"), "{uri}: {}", page.html);
        assert!(!page.headers.contains_key("location"));
    }
    let inside =
        browser.visit(&app.request(&[("redirect_uri", "https://a.tenants.example.com/cb"), ("prompt", "none")])).await;
    assert!(inside.address.starts_with("https://a.tenants.example.com/cb?error=login_required"), "{}", inside.address);
    let absent = browser.visit(&app.request(&[("redirect_uri", ""), ("prompt", "none")])).await;
    assert!(absent.address.starts_with(&format!("{CALLBACK}?error=login_required")), "{}", absent.address);
    let unknown = browser.visit("/authorize?client_id=unknown&response_type=code").await;
    assert!(unknown.html.contains("Unknown client: unknown"), "{}", unknown.html);
    // Of a client that anybody may have registered no error is sent on.
    let guarded = json!({"redirection_policy": "open_redirect_protection"});
    let guarded = App::beside(&server, guarded, app.user_id.clone()).await;
    let page = browser.visit(&guarded.request(&[("response_type", "smoke")])).await;
    assert_eq!((page.status, page.html.contains("Unsupported response type: smoke")), (400, true));
    // The tenant's own page for errors takes over.
    server
        .patch(
            "/tenants/settings",
            json!({"error_page": {"url": "https://errors.example.com/?a=1", "show_log_link": false}}),
        )
        .await;
    let page = browser.visit(&app.request(&[("redirect_uri", "https://evil.example.com")])).await;
    assert!(page.address.starts_with("https://errors.example.com/?a=1&"), "{}", page.address);
    assert_eq!(page.parameter("error").as_deref(), Some("unauthorized_client"));
    assert_eq!(page.parameter("client_id").as_deref(), Some(app.client_id.as_str()));
    server.end().await;
}

#[tokio::test]
async fn what_a_request_names_must_be_there_for_the_client() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({"grant_types": ["authorization_code"]})).await;
    let connection = |name: &str, strategy: &str| {
        json!({"name": name, "strategy": strategy, "enabled_clients": [app.client_id], "options": {
        "client_id": "c", "client_secret": "s", "tenant_domain": "x.example", "domain": "x.example"}})
    };
    let made = server.post("/connections", connection("upstream", "waad")).await;
    assert_eq!(made.status, 201, "{made:?}");
    let hidden = server.post("/connections", json!({"name": "hidden", "strategy": "auth0"})).await;
    assert_eq!(hidden.status, 201, "{hidden:?}");
    let mut browser = Browser::at(&server.url(""));
    let unserved = "Connections of the strategy waad are not available on this server";
    for (parameter, value, code, text) in [
        ("connection", "unknown", "invalid_request", "the connection was not found"),
        ("connection", "hidden", "invalid_request", "the connection is not enabled"),
        ("connection", "upstream", "invalid_request", unserved),
        ("audience", "https://unknown.example.com", "access_denied", "Service not found: https://unknown.example.com"),
        ("organization", "org_1", "invalid_request", "parameter organization is not allowed for this client"),
        ("request", "x.y.z", "request_not_supported", "Signed authorization requests are not supported"),
        ("response_type", "token", "unauthorized_client", "Grant type 'implicit' not allowed for the client."),
        ("response_type", "smoke", "unsupported_response_type", "Unsupported response type: smoke"),
        ("response_type", "", "invalid_request", "Missing required parameter: response_type"),
        ("prompt", "none login", "invalid_request", "prompt none must not be combined"),
    ] {
        let page = browser.visit(&app.request(&[(parameter, value)])).await;
        assert_eq!(error(&page), told(code, text), "{parameter}={value}");
        assert_eq!(page.parameter("state").as_deref(), Some("st"));
    }
    let page = browser.visit(&app.request(&[("connection", DATABASE), ("login_hint", EMAIL)])).await;
    assert!(page.address.starts_with("/u/login") && page.html.contains(EMAIL), "{page:?}");
    let page = browser.visit(&app.request(&[("screen_hint", "signup"), ("ui_locales", "en")])).await;
    assert!(page.address.starts_with("/u/signup"), "{}", page.address);
    server.end().await;
}

#[tokio::test]
async fn a_request_is_pushed_beforehand_and_used_once() {
    let (server, clock) = server_at(NOW).await;
    server.patch("/tenants/settings", json!({"pushed_authorization_requests_supported": true})).await;
    let app = App::new(&server, json!({"require_pushed_authorization_requests": true})).await;
    let mut browser = Browser::at(&server.url(""));
    let page = browser.visit(&app.request(&[])).await;
    assert_eq!(error(&page), told("invalid_request", "Pushed Authorization Requests are required"));
    let push = async |change: Value| {
        let mut request = json!({
            "client_id": app.client_id, "client_secret": app.client_secret, "response_type": "code",
            "redirect_uri": CALLBACK, "scope": "openid", "state": "pushed",
        });
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        send(&server, "/oauth/par", &request).await
    };
    let pushed = push(json!({})).await;
    assert_eq!((pushed.status, &pushed.body["expires_in"]), (201, &json!(30)), "{pushed:?}");
    let uri = pushed.body["request_uri"].as_str().unwrap();
    assert!(uri.starts_with("urn:ietf:params:oauth:request_uri:"), "{uri}");
    let short = |uri: &str| format!("/authorize?client_id={}&request_uri={uri}", app.client_id);
    let page = browser.visit(&short(uri)).await;
    let back = prove(&mut browser, &page).await;
    assert_eq!((back.parameter("state").as_deref(), back.parameter("code").is_some()), (Some("pushed"), true));
    assert_eq!(browser.visit(&short(uri)).await.status, 400, "it is used up");
    let late = push(json!({})).await.body["request_uri"].as_str().unwrap().to_owned();
    clock.advance(std::time::Duration::from_secs(31));
    assert_eq!(browser.visit(&short(&late)).await.status, 400, "its time is over");
    let change = json!({"par_request_expiry": 60});
    assert_eq!(server.patch(&format!("/clients/{}", app.client_id), change).await.status, 200);
    let pushed = push(json!({})).await;
    assert_eq!(pushed.body["expires_in"], 60);
    clock.advance(std::time::Duration::from_secs(31));
    assert!(browser.visit(&short(pushed.body["request_uri"].as_str().unwrap())).await.parameter("code").is_some());
    for (change, status, code) in [
        (json!({"client_secret": "wrong"}), 401, "access_denied"),
        (json!({"response_type": "smoke"}), 400, "unsupported_response_type"),
        (json!({"redirect_uri": "https://evil.example.com"}), 403, "unauthorized_client"),
        (json!({"request_uri": uri}), 400, "invalid_request"),
    ] {
        let refused = push(change.clone()).await;
        assert_eq!(refused.body["error"], code, "{change}: {refused:?}");
        assert!((400..=status).contains(&refused.status), "{change}: {refused:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn responses_name_their_issuer_where_the_tenant_wants_it() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    server.patch("/tenants/settings", json!({"authorization_response_iss_parameter_supported": true})).await;
    let mut browser = Browser::at(&server.url(""));
    let refused = browser.visit(&app.request(&[("prompt", "none")])).await;
    let metadata: Value =
        server.http.get(server.url("/.well-known/openid-configuration")).send().await.unwrap().json().await.unwrap();
    let expected: String =
        url::form_urlencoded::byte_serialize(metadata["issuer"].as_str().unwrap().as_bytes()).collect();
    assert_eq!(refused.parameter("iss").as_deref(), Some(expected.as_str()));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    let back = app.log_in(&mut browser, &[]).await;
    assert_eq!(back.parameter("iss").as_deref(), Some(expected.as_str()));
    server.end().await;
}

#[tokio::test]
async fn the_api_is_named_by_audience_resource_or_default() {
    let server = TestServer::start().await;
    api(&server, json!({})).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    app.log_in(&mut browser, &[]).await;
    let mut audience = async |parameters: &[(&str, &str)]| {
        let code = browser.visit(&app.request(parameters)).await.parameter("code").unwrap();
        let token = app.exchange(&server, &code).await.body["access_token"].clone();
        let is_opaque = token.as_str().unwrap().split('.').count() != 3;
        if is_opaque { Value::Null } else { claims(&token)["aud"][0].clone() }
    };
    assert_eq!(audience(&[]).await, Value::Null);
    assert_eq!(audience(&[("audience", API)]).await, json!(API));
    assert_eq!(audience(&[("resource", API)]).await, Value::Null);
    server.patch("/tenants/settings", json!({"resource_parameter_profile": "compatibility"})).await;
    assert_eq!(audience(&[("resource", API)]).await, json!(API));
    server.patch("/tenants/settings", json!({"default_audience": API})).await;
    assert_eq!(audience(&[]).await, json!(API));
    server.end().await;
}

#[tokio::test]
async fn a_third_party_needs_the_users_consent_once() {
    let server = TestServer::start().await;
    api(&server, json!({})).await;
    let app = App::new(&server, json!({"is_first_party": false})).await;
    let grant = json!({"client_id": app.client_id, "audience": API, "scope": ["read:a"], "subject_type": "user"});
    assert_eq!(server.post("/client-grants", grant).await.status, 201);
    let mut browser = Browser::at(&server.url(""));
    let parameters = [("audience", API), ("scope", "openid read:a")];
    let asked = app.log_in(&mut browser, &parameters).await;
    assert!(asked.address.starts_with("/u/consent"), "{}", asked.address);
    let denied = browser.submit(&asked, &[("action", "deny")]).await;
    assert_eq!(error(&denied), told("access_denied", "User did not authorize the request"));
    let asked = app.log_in(&mut browser, &parameters).await;
    let back = browser.submit(&asked, &[("action", "accept")]).await;
    assert!(back.parameter("code").is_some(), "{}", back.address);
    let silent = [parameters[0], parameters[1], ("prompt", "none")];
    assert!(browser.visit(&app.request(&silent)).await.parameter("code").is_some());
    let again = browser.visit(&app.request(&[parameters[0], parameters[1], ("prompt", "consent")])).await;
    assert!(again.address.starts_with("/u/consent"), "{}", again.address);
    let grants = server.get(&format!("/grants?user_id={}", app.user_id)).await.body;
    assert_eq!(grants[0]["scope"], json!(["openid", "read:a"]), "{grants}");
    server.delete(&format!("/grants/{}", grants[0]["id"].as_str().unwrap())).await;
    let refused = browser.visit(&app.request(&silent)).await;
    assert_eq!(error(&refused), told("consent_required", "Consent required"));
    server.end().await;
}

#[tokio::test]
async fn an_application_on_the_device_is_confirmed_when_no_page_was_shown() {
    let server = TestServer::start().await;
    let local = "http://localhost:3000/callback";
    let app = App::new(&server, json!({"callbacks": [local]})).await;
    let mut browser = Browser::at(&server.url(""));
    let back = app.log_in(&mut browser, &[("redirect_uri", local)]).await;
    assert!(back.address.starts_with(&format!("{local}?code=")), "{}", back.address);
    let asked = browser.visit(&app.request(&[("redirect_uri", local)])).await;
    assert!(asked.address.starts_with("/u/"), "{}", asked.address);
    let back = browser.submit(&asked, &[("action", "accept")]).await;
    assert!(back.address.starts_with(&format!("{local}?code=")), "{}", back.address);
    let skip = json!({"skip_non_verifiable_callback_uri_confirmation_prompt": true});
    server.patch("/tenants/settings", skip).await;
    let back = browser.visit(&app.request(&[("redirect_uri", local)])).await;
    assert!(back.address.starts_with(&format!("{local}?code=")), "{}", back.address);
    server.end().await;
}

#[tokio::test]
async fn id_tokens_are_signed_and_live_as_the_client_says() {
    let server = TestServer::start().await;
    for (alg, lifetime) in [("RS256", 36_000), ("PS256", 60), ("HS256", 120)] {
        let configuration = json!({"jwt_configuration": {"alg": alg, "lifetime_in_seconds": lifetime}, "name": alg});
        let app = if alg == "RS256" {
            App::new(&server, configuration).await
        } else {
            let users = server.get("/users").await.body;
            App::beside(&server, configuration, users[0]["user_id"].as_str().unwrap().to_owned()).await
        };
        let mut browser = Browser::at(&server.url(""));
        let tokens = app.tokens(&server, &mut browser, &[]).await;
        let token = tokens["id_token"].as_str().unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
        assert_eq!(header["alg"], alg);
        let said = claims(&tokens["id_token"]);
        assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), lifetime);
        if alg == "HS256" {
            let holds = |token: &str, key: &[u8]| {
                let (signed, signature) = token.rsplit_once('.').unwrap();
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
                aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_ok()
            };
            let secret = app.client_secret.as_deref().unwrap();
            assert!(holds(token, secret.as_bytes()));
            let encoded = json!({"jwt_configuration": {"secret_encoded": true}});
            assert_eq!(server.patch(&format!("/clients/{}", app.client_id), encoded).await.status, 200);
            let tokens = app.tokens(&server, &mut browser, &[]).await;
            assert!(holds(tokens["id_token"].as_str().unwrap(), &URL_SAFE_NO_PAD.decode(secret).unwrap()));
        }
    }
    server.end().await;
}

#[tokio::test]
async fn demands_that_cannot_be_met_are_refused() {
    let server = TestServer::start().await;
    api(&server, json!({"proof_of_possession": {"mechanism": "dpop", "required": true}})).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let refused = |who: &str, what: &str| {
        told("invalid_request", &format!("{who} requires {what}, which this server does not support."))
    };
    let dpop = "proof of possession by DPoP";
    for (parameter, value, who, what) in [
        ("audience", API, "The API", dpop),
        ("dpop_jkt", "x", "The request", dpop),
        ("authorization_details", "[]", "The request", "rich authorization requests"),
    ] {
        let page = browser.visit(&app.request(&[(parameter, value)])).await;
        assert_eq!(error(&page), refused(who, what), "{parameter}");
    }
    let signed = json!({"signed_request_object": {"required": true}});
    for (change, what) in [
        (json!({"require_proof_of_possession": true}), dpop),
        (json!({"compliance_level": "fapi2_sp_pkj_mtls"}), "a compliance level"),
        (signed, "signed authorization requests"),
    ] {
        let demanding = App::beside(&server, change.clone(), app.user_id.clone()).await;
        let page = browser.visit(&demanding.request(&[])).await;
        assert_eq!(error(&page), refused("The client", what), "{change}");
    }
    // What a client is changed to counts for the tokens that it has asked for before.
    let back = app.log_in(&mut browser, &[]).await;
    let change = json!({"require_proof_of_possession": true});
    assert_eq!(server.patch(&format!("/clients/{}", app.client_id), change).await.status, 200);
    let answer = app.exchange(&server, &back.parameter("code").unwrap()).await;
    assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")), "{answer:?}");
    server.end().await;
}

#[tokio::test]
async fn an_api_may_ask_for_consent_to_applications_of_ones_own() {
    let server = TestServer::start().await;
    api(&server, json!({"skip_consent_for_verifiable_first_party_clients": false})).await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    let parameters = [("audience", API), ("scope", "openid read:a")];
    let asked = app.log_in(&mut browser, &parameters).await;
    assert!(asked.address.starts_with("/u/consent"), "{}", asked.address);
    let back = browser.submit(&asked, &[("action", "accept")]).await;
    assert!(back.parameter("code").is_some(), "{}", back.address);
    assert!(browser.visit(&app.request(&parameters)).await.parameter("code").is_some());
    server.end().await;
}

#[tokio::test]
async fn an_api_may_be_closed_to_users_or_ask_for_a_grant() {
    let server = TestServer::start().await;
    let app = App::new(&server, json!({})).await;
    let mut browser = Browser::at(&server.url(""));
    for policy in ["deny_all", "require_client_grant", "allow_all"] {
        let audience = format!("https://{policy}.example.com");
        let api = json!({
            "name": policy, "identifier": audience, "scopes": [{"value": "read:a"}, {"value": "read:b"}],
            "subject_type_authorization": {"user": {"policy": policy}},
            "skip_consent_for_verifiable_first_party_clients": true,
        });
        assert_eq!(server.post("/resource-servers", api).await.status, 201);
        let parameters = [("audience", audience.as_str()), ("scope", "openid read:a read:b")];
        let page = browser.visit(&app.request(&parameters)).await;
        if policy == "allow_all" {
            assert!(page.address.starts_with("/u/login") || page.parameter("code").is_some(), "{}", page.address);
            continue;
        }
        let text = format!("Client \"{}\" is not authorized to access resource server \"{audience}\".", app.client_id);
        assert_eq!(error(&page), told("invalid_request", &text));
        if policy == "require_client_grant" {
            let grant =
                json!({"client_id": app.client_id, "audience": audience, "scope": ["read:a"], "subject_type": "user"});
            assert_eq!(server.post("/client-grants", grant).await.status, 201);
            let tokens = app.tokens(&server, &mut browser, &parameters).await;
            assert_eq!(claims(&tokens["access_token"])["scope"], "openid read:a");
        }
    }
    server.end().await;
}

#[tokio::test]
async fn pages_bear_the_names_and_pictures_of_tenant_and_client() {
    let server = TestServer::start().await;
    let app =
        App::new(&server, json!({"name": "The Shop", "initiate_login_uri": "https://app.example.com/start"})).await;
    let settings = json!({
        "friendly_name": "Example Inc", "picture_url": "https://img.example.com/logo.png",
        "support_email": "help@example.com", "support_url": "https://help.example.com",
    });
    server.patch("/tenants/settings", settings).await;
    let mut browser = Browser::at(&server.url(""));
    let page = browser.visit(&app.request(&[])).await;
    for told in ["The Shop", "Example Inc", "https://img.example.com/logo.png"] {
        assert!(page.html.contains(told), "{told}: {}", page.html);
    }
    let wrong = browser.visit(&app.request(&[("redirect_uri", "https://evil.example.com")])).await;
    assert!(
        wrong.html.contains("help@example.com") && wrong.html.contains("https://help.example.com"),
        "{}",
        wrong.html
    );
    server.end().await;
}
