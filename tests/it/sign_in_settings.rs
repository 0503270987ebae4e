//! Settings whose effect shows at sign-in: pages, pictures, attributes, and what strict third parties may ask.

use std::time::Duration;

use serde_json::json;

use crate::{
    app::{API, App, CALLBACK, api, claims, send, server_at},
    browser::Browser,
    server::TestServer,
    site::{CONNECTION, PASSWORD, Site},
};

#[tokio::test]
async fn errors_are_shown_on_the_page_that_the_tenant_wrote() {
    let site = Site::start().await;
    let html = "<h1>{{ error }}</h1><p title='{{error_description | escape}}'>{{ error_description }}</p><i>{{ lang }} {{ client_id }}</i>";
    let page = json!({"error_page": {"html": html, "show_log_link": false, "url": ""}});
    assert_eq!(site.server.patch("/tenants/settings", page).await.status, 200);
    let mut browser = site.browser();
    let wrong = site.authorize("").replace("app.example.com", "evil.example.com%2F%3Cb%3E");
    let shown = browser.visit(&wrong).await;
    let text = "Callback URL mismatch. https://evil.example.com/&lt;b&gt;/callback is not in the list of allowed callback URLs";
    let expected = format!("<h1>unauthorized_client</h1><p title='{text}'>{text}</p><i>en {}</i>", site.client);
    assert_eq!((shown.status, shown.html), (400, expected));
    assert_eq!(shown.headers["x-frame-options"], "deny");
    let lost = browser.visit("/u/login?state=unknown").await;
    assert!(lost.html.starts_with("<h1>invalid_request</h1>"), "{}", lost.html);
    // What is no template is not shown.
    let broken = json!({"error_page": {"html": "{% if %}", "show_log_link": false, "url": ""}});
    assert_eq!(site.server.patch("/tenants/settings", broken).await.status, 200);
    assert_eq!(browser.visit(&wrong).await.heading(), "Oops!, something went wrong");
    site.end().await;
}

#[tokio::test]
async fn pages_may_be_framed_where_the_tenant_wants_it() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    assert_eq!(page.headers["x-frame-options"], "deny");
    let flag = json!({"flags": {"disable_clickjack_protection_headers": true}});
    assert_eq!(site.server.patch("/tenants/settings", flag).await.status, 200);
    let page = site.begin(&mut browser).await;
    assert!(!page.headers.contains_key("x-frame-options"));
    assert!(!page.headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors"));
    site.end().await;
}

#[tokio::test]
async fn pages_follow_at_once_what_their_client_is_given() {
    let site = Site::start().await;
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    assert!(page.html.contains("name=\"username\""), "{}", page.html);
    let connection = site.server.get(&format!("/connections?name={CONNECTION}")).await.body[0]["id"].clone();
    let clients = format!("/connections/{}/clients", connection.as_str().unwrap());
    for (status, is_shown) in [(false, false), (true, true)] {
        let given = json!([{"client_id": site.client, "status": status}]);
        assert_eq!(site.server.patch(&clients, given).await.status, 204);
        let page = site.begin(&mut site.browser()).await;
        assert_eq!(page.html.contains("name=\"username\""), is_shown, "{status}: {}", page.html);
    }
    let shown = json!({"friendly_name": "Quick & Co"});
    assert_eq!(site.server.patch("/tenants/settings", shown).await.status, 200);
    let page = site.begin(&mut browser).await;
    assert!(page.html.contains("Quick &#38; Co") || page.html.contains("Quick &amp; Co"), "{}", page.html);
    site.end().await;
}

#[tokio::test]
async fn new_clients_get_all_connections_where_the_tenant_says_so() {
    let server = TestServer::start().await;
    let connection = server.get(&format!("/connections?name={CONNECTION}")).await.body[0]["id"].clone();
    let clients = format!("/connections/{}/clients", connection.as_str().unwrap());
    for (flag, is_expected) in [(true, true), (false, false)] {
        server.patch("/tenants/settings", json!({"flags": {"enable_client_connections": flag}})).await;
        let client = server.post("/clients", json!({"name": "App"})).await.body["client_id"].clone();
        let enabled = server.get(&clients).await.body;
        let has = enabled["clients"].as_array().unwrap().iter().any(|enabled| enabled["client_id"] == client);
        assert_eq!(has, is_expected, "{enabled}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_user_sees_the_picture_of_the_application_that_asks_for_consent() {
    let server = TestServer::start().await;
    api(&server, json!({"skip_consent_for_verifiable_first_party_clients": false})).await;
    let app = App::new(&server, json!({"logo_uri": "https://img.example.com/app.png"})).await;
    let mut browser = Browser::at(&server.url(""));
    let asked = app.log_in(&mut browser, &[("audience", API), ("scope", "openid read:a")]).await;
    assert!(asked.html.contains("<img id=\"client-logo\" src=\"https://img.example.com/app.png\""), "{}", asked.html);
    let policy = asked.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("img-src 'self' data: https://img.example.com"), "{policy}");
    server.end().await;
}

#[tokio::test]
async fn what_a_database_does_not_keep_is_told_to_code_alone() {
    let site = Site::start().await;
    site.set_options(json!({"non_persistent_attrs": ["given_name", "email"]})).await;
    let ask = json!({
        "client_id": site.client, "connection": CONNECTION, "email": "new@example.com", "password": PASSWORD,
        "given_name": "Ada", "family_name": "Lovelace",
    });
    assert_eq!(site.send("/dbconnections/signup", &ask).await.status, 200);
    let found = site.server.get("/users-by-email?email=new%40example.com").await.body;
    assert_eq!((found[0].get("given_name"), &found[0]["family_name"]), (None, &json!("Lovelace")), "{found}");
    site.end().await;
}

#[tokio::test]
async fn an_identifier_of_several_kinds_finds_whom_the_precedence_says() {
    let site = Site::start().await;
    let active = json!({"identifier": {"active": true}, "signup": {"status": "optional"}, "profile_required": false});
    let mut email = active.clone();
    email["verification_method"] = "link".into();
    let attributes = json!({"email": email, "phone_number": active, "username": active});
    site.set_options(json!({"attributes": attributes})).await;
    let number = "+491701234567";
    for (field, more) in [("username", "by-name@example.com"), ("phone_number", "by-number@example.com")] {
        let user = json!({"connection": CONNECTION, "password": PASSWORD, "email": more, "verify_email": false, field: number});
        let made = site.server.post("/users", user).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    for (first, second, found) in
        [("username", "phone_number", "by-name@example.com"), ("phone_number", "username", "by-number@example.com")]
    {
        site.set_options(json!({"attributes": attributes, "precedence": [first, second, "email"]})).await;
        let tokens = site.password(number, PASSWORD).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        let profile = site.server.http.get(site.server.url("/userinfo"));
        let profile = profile.bearer_auth(tokens.body["access_token"].as_str().unwrap()).send().await.unwrap();
        let profile: serde_json::Value = profile.json().await.unwrap();
        assert_eq!(profile["email"], found);
    }
    site.end().await;
}

#[tokio::test]
async fn strict_third_parties_ask_for_codes_and_apis_alone() {
    let server = TestServer::start().await;
    api(&server, json!({})).await;
    let strict = json!({"is_first_party": false, "third_party_security_mode": "strict", "token_endpoint_auth_method": "client_secret_post"});
    let app = App::new(&server, strict).await;
    let grant = json!({"client_id": app.client_id, "audience": API, "scope": ["read:a"], "subject_type": "user"});
    assert_eq!(server.post("/client-grants", grant).await.status, 201);
    let mut browser = Browser::at(&server.url(""));
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let proof = [
        ("audience", API),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("scope", "openid email read:a"),
    ];
    // They have the connections of the whole domain, and no others.
    let named: Vec<_> = proof.into_iter().chain([("connection", CONNECTION)]).collect();
    let page = browser.visit(&app.request(&named)).await;
    assert!(page.status == 400 && page.html.contains("the connection is not enabled"), "{}", page.html);
    let found = server.get(&format!("/connections?name={CONNECTION}")).await.body[0]["id"].clone();
    let connection = format!("/connections/{}", found.as_str().unwrap());
    assert_eq!(server.patch(&connection, json!({"is_domain_connection": true})).await.status, 200);
    let plain = [("audience", API)];
    let hinted: Vec<_> = proof.into_iter().chain([("screen_hint", "signup")]).collect();
    let implicit: Vec<_> = proof.into_iter().chain([("response_type", "id_token"), ("nonce", "n")]).collect();
    // They are told on a page: nobody knows them well enough to be sent anything.
    for (parameters, code) in [
        (plain.as_slice(), "Missing required parameter: code_challenge"),
        (&hinted, "parameter screen_hint is not allowed for this client"),
        (&implicit, "Unsupported response type: id_token"),
    ] {
        let page = browser.visit(&app.request(parameters)).await;
        assert!(page.status == 400 && page.html.contains(code), "{code}: {} {}", page.address, page.html);
    }
    let asked = app.log_in(&mut browser, &proof).await;
    assert!(asked.address.starts_with("/u/consent"), "{}", asked.address);
    let back = browser.submit(&asked, &[("action", "accept")]).await;
    let request = json!({
        "grant_type": "authorization_code", "code": back.parameter("code"), "redirect_uri": CALLBACK,
        "code_verifier": verifier,
    });
    let tokens = app.token(&server, request).await;
    assert_eq!((tokens.status, tokens.body.get("id_token")), (200, None), "{tokens:?}");
    assert_eq!(claims(&tokens.body["access_token"])["scope"], "read:a");
    // Nothing else is open to them.
    let own = json!({"client_id": app.client_id, "client_secret": app.client_secret, "connection": CONNECTION, "email": "a@example.com"});
    for path in ["/passwordless/start", "/dbconnections/change_password", "/dbconnections/signup"] {
        let refused = send(&server, path, &own).await;
        let code = refused.body["error"].as_str().or(refused.body["code"].as_str());
        assert_eq!((refused.status, code), (403, Some("unauthorized_client")), "{path}: {refused:?}");
    }
    for path in ["/v2/logout", "/oidc/logout"] {
        let page = browser.visit(&format!("{path}?client_id={}", app.client_id)).await;
        assert!(page.status == 400 && page.html.contains("Logouts are not allowed for this client"), "{}", page.html);
    }
    let rule =
        json!({"name": "Tell", "script": "function (user, context, callback) { callback(null, user, context); }"});
    assert_eq!(server.post("/rules", rule).await.status, 201);
    let page = browser.visit(&app.request(&proof)).await;
    assert!(page.html.contains("The client cannot be used while rules are enabled"), "{}", page.html);
    server.end().await;
}

#[tokio::test]
async fn an_online_token_ends_with_its_session() {
    let (server, clock) = server_at(1_800_000_000).await;
    api(&server, json!({"allow_online_access": true})).await;
    let app = App::new(&server, json!({"token_endpoint_auth_method": "client_secret_post"})).await;
    let mut browser = Browser::at(&server.url(""));
    let both = [("audience", API), ("scope", "openid online_access offline_access")];
    let refused = browser.visit(&app.request(&both)).await;
    assert!(refused.address.contains("Cannot+request+both+online_access+and+offline_access+scopes"), "{refused:?}");
    let online = [("audience", API), ("scope", "openid read:a online_access")];
    let silent: Vec<_> = online.into_iter().chain([("prompt", "none")]).collect();
    let log_in = async |browser: &mut Browser| {
        let tokens = app.tokens(&server, browser, &online).await;
        tokens["refresh_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
    };
    // An API that allows none gets none.
    let path = format!("/resource-servers/{}", API.replace(':', "%3A").replace('/', "%2F"));
    assert_eq!(server.patch(&path, json!({"allow_online_access": false})).await.status, 200);
    assert_eq!(app.tokens(&server, &mut browser, &online).await.get("refresh_token"), None);
    assert_eq!(server.patch(&path, json!({"allow_online_access": true})).await.status, 200);
    // Each exchange is a use of the session, as long as this may last.
    let token = log_in(&mut browser).await;
    for _ in 0..2 {
        clock.advance(Duration::from_secs(71 * 3_600));
        let renewed = app.refresh(&server, &token).await;
        assert_eq!((renewed.status, renewed.body.get("refresh_token")), (200, None), "{renewed:?}");
    }
    assert!(browser.visit(&app.request(&silent)).await.parameter("code").is_some());
    clock.advance(Duration::from_secs(40 * 3_600));
    assert_eq!(app.refresh(&server, &token).await.status, 403);
    // It ends with a logout, and the session with it.
    let token = log_in(&mut browser).await;
    browser.visit("/v2/logout").await;
    assert_eq!(app.refresh(&server, &token).await.status, 403);
    let token = log_in(&mut browser).await;
    let own = json!({"client_id": app.client_id, "client_secret": app.client_secret, "token": token});
    assert_eq!(send(&server, "/oauth/revoke", &own).await.status, 200);
    assert_eq!(app.refresh(&server, &token).await.status, 403);
    let silently = browser.visit(&app.request(&silent)).await;
    assert_eq!(silently.parameter("error").as_deref(), Some("login_required"), "{silently:?}");
    server.end().await;
}

#[tokio::test]
async fn phones_are_told_the_applications_of_clients() {
    let server = TestServer::start().await;
    let prints = ["14:6D:E9:83:C5:73:06:50:D8:EE:B9:95:2F:34:FC:64:16:A0:83:42:E6:1D:BE:A8:8A:04:96:B2:3F:CF:44:E5"];
    let mobile = json!({
        "ios": {"team_id": "A1B2C3D4E5", "app_bundle_identifier": "com.example.app"},
        "android": {"app_package_name": "com.example.app", "sha256_cert_fingerprints": prints},
    });
    let told = async |path: &str| {
        let answer = server.http.get(server.url(&format!("/.well-known/{path}"))).send().await.unwrap();
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/json"));
        answer.json::<serde_json::Value>().await.unwrap()
    };
    assert_eq!(told("assetlinks.json").await, json!([]));
    assert_eq!(
        server.post("/clients", json!({"name": "App", "app_type": "native", "mobile": mobile})).await.status,
        201
    );
    let id = "A1B2C3D4E5.com.example.app";
    let apple = json!({
        "applinks": {"apps": [], "details": [{"appID": id, "paths": ["/ios/com.example.app/*"]}]},
        "webcredentials": {"apps": [id]},
    });
    assert_eq!(told("apple-app-site-association").await, apple);
    let target =
        json!({"namespace": "android_app", "package_name": "com.example.app", "sha256_cert_fingerprints": prints});
    let android = json!([{"relation": ["delegate_permission/common.handle_all_urls"], "target": target}]);
    assert_eq!(told("assetlinks.json").await, android);
    server.end().await;
}
