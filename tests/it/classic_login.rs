//! The classic pages: login pages that tenants wrote, what scripts on them call, and the page for new passwords.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    server::TestServer,
    site::{self, CALLBACK, CONNECTION, EMAIL, PASSWORD, Site, code, error, path_of},
};

const PAGE: &str = "<html><link rel=\"preconnect\" href=\"https://fonts.example.com\"><script src=\"https://cdn.example.com/lock.js\">\
    </script><script>var config = '@@config@@';</script>";

impl Site {
    /// Has the application's users log in on a page of its own.
    async fn write_page(&self, settings: Value) {
        let answer = self.server.patch(&format!("/clients/{}", self.client), settings).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// The origin of the page.
    fn origin(&self) -> String {
        format!("http://{}", self.server.running.domain)
    }

    /// What a script of the page sends to log in.
    fn sent(&self, config: &Value, username: &str, password: &str) -> Value {
        let mut body = config["extraParams"].clone();
        let more = json!({
            "client_id": self.client, "connection": CONNECTION, "username": username, "password": password,
            "redirect_uri": config["callbackURL"], "tenant": config["auth0Tenant"],
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    async fn log_in(&self, browser: &mut Browser, config: &Value, username: &str, password: &str) -> Page {
        let body = self.sent(config, username, password);
        browser.call("/usernamepassword/login", &self.origin(), &body).await
    }

    /// A browser on the page, and what the page is told.
    async fn on_page(&self, more: &str) -> (Browser, Value) {
        let mut browser = self.browser();
        let page = browser.visit(&self.authorize(more)).await;
        assert!(page.address.starts_with("/login?client="), "{page:?}");
        let config = config(&page);
        (browser, config)
    }
}

/// The configuration, as the page reads it.
fn config(page: &Page) -> Value {
    let text = page.html.split("config = '").nth(1).and_then(|rest| rest.split('\'').next());
    let text = text.or_else(|| page.html.split("data-config=\"").nth(1).and_then(|rest| rest.split('"').next()));
    serde_json::from_slice(&STANDARD.decode(text.unwrap()).unwrap()).unwrap()
}

/// The form that a login is answered with, as the page sends it on.
async fn send_on(browser: &mut Browser, mut answer: Page) -> Page {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.html.starts_with("<form method=\"post\" name=\"hiddenform\""), "{}", answer.html);
    "/login/callback".clone_into(&mut answer.address);
    browser.submit(&answer, &[]).await
}

#[tokio::test]
async fn users_log_in_on_a_page_that_their_tenant_wrote() {
    let site = Site::start().await;
    site.write_page(json!({"custom_login_page_on": true, "custom_login_page": PAGE})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&nonce=n&login_hint=ann%40example.com&ext-a=1")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.parameter("response_type").as_deref(), Some("code"), "{}", page.address);
    let config = config(&page);
    let host = &site.server.running.domain;
    let extra = &config["extraParams"];
    for (member, expected) in [
        ("clientID", json!(site.client)),
        ("auth0Domain", json!(host)),
        ("callbackURL", json!(CALLBACK)),
        ("callbackOnLocationHash", json!(false)),
        ("internalOptions", extra.clone()),
    ] {
        assert_eq!(config[member], expected, "{member}");
    }
    assert_eq!(config["authorizationServer"]["issuer"], format!("https://{host}/"));
    for (member, expected) in [
        ("response_type", "code"),
        ("scope", "openid profile email"),
        ("nonce", "n"),
        ("login_hint", "ann@example.com"),
        ("ext-a", "1"),
        ("protocol", "oauth2"),
        ("_intstate", "deprecated"),
    ] {
        assert_eq!(extra[member], expected, "{member}");
    }
    let wrong = site.log_in(&mut browser, &config, EMAIL, "wrong").await;
    let told = json!({
        "name": "ValidationError", "code": "invalid_user_password", "description": "Wrong email or password.",
        "statusCode": 401,
    });
    assert_eq!((wrong.status, wrong.json()), (401, told));
    let right = site.log_in(&mut browser, &config, EMAIL, PASSWORD).await;
    let statement = right.html.split("name=\"wresult\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let claims = site::claims(&json!(statement));
    assert_eq!((&claims["user_id"], &claims["email"]), (&json!(site.user), &json!(EMAIL)), "{claims}");
    let done = send_on(&mut browser, right).await;
    site.tokens(&code(&done)).await;
    assert_eq!(site.profile().await["logins_count"], 1);
    // The session is the same as after any other login; the login is over.
    code(&browser.visit(&site.authorize("&prompt=none")).await);
    let back = browser.visit(&page.address).await;
    assert_eq!((back.status, back.heading()), (400, "Oops!, something went wrong"));
    assert_eq!(site.logged().await, ["ssa", "seacft", "s", "fp"]);
    site.end().await;
}

#[tokio::test]
async fn client_and_tenant_decide_on_which_page_users_log_in() {
    let site = Site::start().await;
    let first = async || site.browser().visit(&site.authorize("")).await;
    let global = site.server.get("/clients?is_global=true").await.body[0]["client_id"].as_str().unwrap().to_owned();
    let of_all = async |settings: Value| {
        assert_eq!(site.server.patch(&format!("/clients/{global}"), settings).await.status, 200);
    };
    assert!(first().await.address.starts_with("/u/login/identifier?"));
    of_all(json!({"custom_login_page_on": true, "custom_login_page": "of all '@@config@@'"})).await;
    assert!(first().await.html.starts_with("of all '"));
    site.write_page(json!({"custom_login_page": "of one"})).await;
    assert_eq!(first().await.html, "of one");
    site.write_page(json!({"custom_login_page_on": false})).await;
    assert!(first().await.address.starts_with("/u/login/identifier?"));
    site.write_page(json!({"custom_login_page_on": true, "custom_login_page": ""})).await;
    of_all(json!({"custom_login_page_on": false})).await;
    assert!(first().await.address.starts_with("/u/login/identifier?"));
    site.server.patch("/prompts", json!({"universal_login_experience": "classic"})).await;
    let ours = first().await;
    assert!(ours.address.starts_with("/login?client=") && ours.html.contains("auth0-lock-submit"), "{}", ours.html);
    assert_eq!(config(&ours)["clientID"], site.client);
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("")).await;
    let answer = site.log_in(&mut browser, &config(&page), EMAIL, PASSWORD).await;
    code(&send_on(&mut browser, answer).await);
    // The pages that it takes the place of lead to it; the others are universal login's.
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("")).await;
    let state = page.parameter("state").unwrap();
    for path in ["/u/login", "/u/login/identifier", "/u/signup"] {
        let led = browser.visit(&format!("{path}?state={state}")).await;
        assert!(led.address.starts_with("/login?client="), "{}", led.address);
    }
    let reset = browser.visit(&format!("/u/reset-password/request/{CONNECTION}?state={state}")).await;
    assert_eq!(reset.heading(), "Forgot Your Password?");
    site.end().await;
}

#[tokio::test]
async fn a_login_belongs_to_its_page_and_its_browser() {
    let site = Site::start().await;
    site.write_page(json!({"custom_login_page": PAGE})).await;
    let (mut browser, config) = site.on_page("").await;
    let body = site.sent(&config, EMAIL, PASSWORD);
    let login = "/usernamepassword/login";
    // Another origin's page, one without the token, and another browser with all that the page knows.
    assert_eq!(browser.call(login, "https://evil.example.com", &body).await.status, 403);
    let mut without = body.clone();
    without["_csrf"] = json!("x");
    let refused = browser.call(login, &site.origin(), &without).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (403, json!("invalid_csrf_token")));
    let mut thief = site.browser();
    let lost = thief.call(login, &site.origin(), &body).await;
    assert_eq!((lost.status, lost.json()["code"].clone()), (400, json!("session_missing")));
    let (mut other, other_config) = site.on_page("").await;
    let mut mixed = body.clone();
    mixed["_csrf"] = other_config["extraParams"]["_csrf"].clone();
    assert_eq!(browser.call(login, &site.origin(), &mixed).await.status, 403);
    let mut foreign = body.clone();
    foreign["connection"] = json!("nothing");
    let refused = browser.call(login, &site.origin(), &foreign).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (400, json!("invalid_connection")));
    // What a login is answered with leads nowhere in another browser, and a forged one nowhere at all.
    let answer = site.log_in(&mut browser, &config, EMAIL, PASSWORD).await;
    let mut again = site.log_in(&mut browser, &config, EMAIL, PASSWORD).await;
    "/login/callback".clone_into(&mut again.address);
    let lost = other.submit(&again, &[]).await;
    assert_eq!((lost.status, lost.heading()), (400, "Oops!, something went wrong"));
    for forged in ["", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(browser.submit(&again, &[("wresult", forged)]).await.status, 400, "{forged}");
    }
    code(&send_on(&mut browser, answer).await);
    assert_eq!(site.profile().await["logins_count"], 1);
    site.end().await;
}

#[tokio::test]
async fn logins_from_such_pages_are_limited_like_others() {
    let site = Site::start().await;
    site.write_page(json!({"custom_login_page": PAGE})).await;
    let (mut browser, config) = site.on_page("").await;
    let user = site::user_path(&site.user);
    site.server.patch(&user, json!({"blocked": true})).await;
    let blocked = site.log_in(&mut browser, &config, EMAIL, PASSWORD).await;
    let told =
        json!({"name": "ValidationError", "code": "unauthorized", "description": "user is blocked", "statusCode": 401});
    assert_eq!(blocked.json(), told);
    site.server.patch(&user, json!({"blocked": false})).await;
    let limit =
        json!({"enabled": true, "max_attempts": 2, "shields": ["block"], "mode": "count_per_identifier_and_ip"});
    site.server.patch("/attack-protection/brute-force-protection", limit).await;
    for _ in 0..2 {
        assert_eq!(site.log_in(&mut browser, &config, EMAIL, "wrong").await.status, 401);
    }
    let limited = site.log_in(&mut browser, &config, EMAIL, PASSWORD).await;
    assert_eq!((limited.status, limited.json()["code"].clone()), (429, json!("too_many_attempts")));
    // The token endpoint counts with it.
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 429);
    site.end().await;
}

#[tokio::test]
async fn a_page_shows_puzzles_where_the_tenant_wants_them() {
    let site = Site::start().await;
    site.write_page(json!({"custom_login_page": PAGE})).await;
    let (mut browser, config) = site.on_page("").await;
    let (origin, state) = (site.origin(), json!({"state": config["extraParams"]["state"]}));
    let challenge = "/usernamepassword/challenge";
    assert_eq!(browser.call(challenge, &origin, &state).await.json(), json!({"required": false}));
    let always = json!({
        "challenge_password_policy": "always", "challenge_password_reset_policy": "always",
        "challenge_passwordless_policy": "always",
    });
    assert_eq!(site.server.patch("/attack-protection/bot-detection", always).await.status, 200);
    let unsolved = site.log_in(&mut browser, &config, EMAIL, PASSWORD).await;
    assert_eq!((unsolved.status, unsolved.json()["code"].clone()), (400, json!("invalid_captcha")));
    let solve = async |browser: &mut Browser, path: &str| {
        let shown = browser.call(path, &origin, &state).await.json();
        assert_eq!(
            (&shown["required"], &shown["provider"], &shown["type"]),
            (&json!(true), &json!("auth0"), &json!("code"))
        );
        assert!(shown["image"].as_str().unwrap().starts_with("data:image/svg+xml;base64,"));
        let numbers = shown["question"].as_str().unwrap().split(|letter: char| !letter.is_ascii_digit());
        numbers.filter_map(|number| number.parse::<u32>().ok()).sum::<u32>().to_string()
    };
    let solution = solve(&mut browser, "/dbconnections/signup/challenge").await;
    let sign_up = json!({
        "client_id": site.client, "connection": CONNECTION, "email": "new@example.com", "password": PASSWORD,
        "state": state["state"], "captcha": "wrong",
    });
    let refused = browser.call("/dbconnections/signup", &origin, &sign_up).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (400, json!("invalid_captcha")));
    // It is used up by the first answer, right or wrong.
    let mut sign_up = sign_up;
    sign_up["captcha"] = json!(solution);
    assert_eq!(browser.call("/dbconnections/signup", &origin, &sign_up).await.status, 400);
    sign_up["captcha"] = json!(solve(&mut browser, "/dbconnections/signup/challenge").await);
    let signed_up = browser.call("/dbconnections/signup", &origin, &sign_up).await;
    assert_eq!((signed_up.status, signed_up.json()["email"].clone()), (200, json!("new@example.com")));
    let reset = json!({
        "client_id": site.client, "connection": CONNECTION, "email": EMAIL, "state": state["state"],
        "captcha": solve(&mut browser, "/dbconnections/change_password/challenge").await,
    });
    assert_eq!(browser.call("/dbconnections/change_password", &origin, &reset).await.status, 200);
    site.passwordless("email", json!({})).await;
    let mut start = json!({
        "client_id": site.client, "client_secret": site.secret, "connection": "email", "email": EMAIL, "send": "code",
        "authParams": {"state": state["state"]},
    });
    assert_eq!(browser.call("/passwordless/start", &origin, &start).await.status, 401);
    start["captcha"] = json!(solve(&mut browser, "/passwordless/challenge").await);
    let started = browser.call("/passwordless/start", &origin, &start).await;
    assert_eq!((started.status, started.json()["email"].clone()), (200, json!(EMAIL)));
    let again = browser.call("/passwordless/start", &origin, &start).await;
    assert_eq!((again.status, again.json()["error"].clone()), (400, json!("invalid_captcha")));
    let mut body = site.sent(&config, "new@example.com", PASSWORD);
    body["captcha"] = json!(solve(&mut browser, challenge).await);
    let answer = browser.call("/usernamepassword/login", &origin, &body).await;
    code(&send_on(&mut browser, answer).await);
    site.end().await;
}

#[tokio::test]
async fn a_page_gets_the_origins_that_it_names_and_of_ours_the_endpoints_of_logins() {
    let site = Site::start().await;
    let hostile = format!(
        "{PAGE}<img src=\"https://img.example.com/a;script-src *\"><a href=\"{}/_aught/outbox\">",
        site.origin()
    );
    site.write_page(json!({"custom_login_page": hostile})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("")).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    let directive = |name: &str| {
        let found = policy.split("; ").find(|directive| directive.starts_with(name));
        found.unwrap_or_else(|| panic!("{name}: {policy}")).to_owned()
    };
    let own = site.origin();
    for origin in ["https://cdn.example.com", "https://fonts.example.com", "https://img.example.com"] {
        assert!(directive("script-src").contains(origin) && directive("connect-src").contains(origin), "{policy}");
    }
    assert!(!policy.contains("'self'") && !policy.contains(&format!("{own} ")) && !policy.contains('*'), "{policy}");
    assert!(!policy.contains("_aught") && !policy.contains("/api/"), "{policy}");
    assert!(directive("connect-src").contains(&format!("{own}/usernamepassword/ ")), "{policy}");
    assert!(policy.ends_with("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.headers["x-frame-options"], "deny");
    // Scripts cannot read the cookies, whose every one is `HttpOnly`: the browser of these tests refuses others.
    assert!(browser.jar.keys().any(|name| name == "_csrf"), "{:?}", browser.jar);
    site.end().await;
}

#[tokio::test]
async fn lock_hears_of_a_client_and_its_connections() {
    let site = Site::start().await;
    site.set_options(json!({"requires_username": true, "password_complexity_options": {"min_length": 9}})).await;
    let get = async |path: &str| {
        let answer = site.server.http.get(site.server.url(path)).send().await.unwrap();
        (answer.status().as_u16(), answer.headers().clone(), answer.text().await.unwrap())
    };
    let (status, headers, script) = get(&format!("/client/{}.js?t123", site.client)).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    let told = script.strip_prefix("Auth0.setClient(").and_then(|rest| rest.strip_suffix(");")).unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!((&told["id"], &told["callback"]), (&json!(site.client), &json!(CALLBACK)), "{told}");
    let database = &told["strategies"][0];
    assert_eq!((&database["name"], &database["connections"][0]["name"]), (&json!("auth0"), &json!(CONNECTION)));
    let database = &database["connections"][0];
    assert_eq!(database["password_complexity_options"], json!({"min_length": 9}), "{told}");
    assert_eq!((&database["showSignup"], &database["requires_username"]), (&json!(true), &json!(true)), "{told}");
    assert_eq!(get("/client/nothing.js").await.0, 404);
    site.server.patch(&format!("/clients/{}", site.client), json!({"web_origins": ["https://a.example"]})).await;
    assert!(!get(&format!("/client/{}.js", site.client)).await.2.contains('<'));
    let (_, headers, words) = get("/js/lock/14.3.0/de.js").await;
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert!(words.starts_with("Auth0.registerLanguageDictionary(\"de\", {") && words.contains("Passwort"), "{words}");
    assert_eq!(get("/js/lock/14.3.0/nothing.js").await.0, 404);
    site.end().await;
}

#[tokio::test]
async fn lock_hears_of_the_connections_of_the_domain_where_the_client_is_a_third_partys() {
    let site = Site::start().await;
    site.write_page(json!({"custom_login_page_on": true, "custom_login_page": PAGE})).await;
    let (_, config) = site.on_page("").await;
    assert_eq!(config["isThirdPartyClient"], false);
    assert_eq!(config["languageBaseUrl"], site.origin());
    let told = async || {
        let script =
            site.server.http.get(site.server.url("/info-v1.js?t1")).send().await.unwrap().text().await.unwrap();
        let told = script.strip_prefix("Auth0.setTenant(").and_then(|rest| rest.strip_suffix(");")).unwrap().to_owned();
        serde_json::from_str::<Value>(&told).unwrap()
    };
    assert_eq!(told().await["connections"]["database"], json!([]));
    site.server
        .patch(
            &format!("/clients/{}", site.client),
            json!({"is_first_party": false, "third_party_security_mode": "permissive"}),
        )
        .await;
    let shared = json!({"is_domain_connection": true});
    let answer = site.server.patch(&format!("/connections/{}", site.connection().await), shared).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = told().await;
    let database = &told["connections"]["database"][0];
    assert_eq!((&database["name"], &database["strategy"]), (&json!(CONNECTION), &json!("auth0")), "{told}");
    assert_eq!((&database["allowSignup"], &database["validation"]["passwordPolicy"]), (&json!(true), &json!("good")));
    let (_, config) = site.on_page("").await;
    assert_eq!(config["isThirdPartyClient"], true);
    site.end().await;
}

#[tokio::test]
async fn a_page_greets_whom_the_session_knows() {
    let site = Site::start().await;
    let mut browser = site.browser();
    assert_eq!(browser.visit("/user/ssodata").await.json(), json!({"sso": false}));
    code(&site.sign_in(&mut browser, EMAIL, PASSWORD).await);
    let told = browser.visit("/user/ssodata?ldaps=1").await;
    assert!(!told.headers.contains_key("access-control-allow-origin"));
    let told = told.json();
    assert_eq!((&told["sso"], &told["lastUsedUsername"]), (&json!(true), &json!(EMAIL)), "{told}");
    assert_eq!(told["lastUsedConnection"], json!({"name": CONNECTION, "strategy": "auth0"}));
    assert_eq!(told["sessionClients"], json!([site.client]));
    site.end().await;
}

#[tokio::test]
async fn a_page_is_looked_at_before_it_is_shown() {
    let site = Site::start().await;
    let preview = format!("/custom-login/preview?client={}", site.client);
    assert_eq!(site.browser().visit(&preview).await.status, 404);
    let page = PAGE.replace("<html>", "<html>new");
    site.write_page(json!({"custom_login_page_preview": page})).await;
    let shown = site.browser().visit(&preview).await;
    assert_eq!((shown.status, shown.html.starts_with("<html>new")), (200, true));
    let config = config(&shown);
    assert_eq!((&config["clientID"], &config["extraParams"]["_csrf"]), (&json!(site.client), &Value::Null));
    assert!(site.browser().visit(&site.authorize("")).await.address.starts_with("/u/login/identifier?"));
    site.end().await;
}

#[tokio::test]
async fn passwords_are_set_on_a_page_that_the_tenant_wrote() {
    let site = Site::start().await;
    site.take_mails().await;
    let html = "<p>{{ tenant.friendly_name }} {{ lang }} {{ min_length }} {{ password_policy }} {{ error }}</p><form method=\"post\">\
        <input type=\"hidden\" name=\"_csrf\" value=\"{{ csrf_token }}\"><input type=\"hidden\" name=\"ticket\" value=\"{{ ticket }}\">\
        <b>{{ email }}</b></form>";
    let settings = json!({"friendly_name": "Tea & Co", "change_password": {"enabled": true, "html": html}});
    assert_eq!(site.server.patch("/tenants/settings", settings).await.status, 200);
    let ask = json!({"client_id": site.client, "connection": CONNECTION, "email": EMAIL});
    assert_eq!(site.send("/dbconnections/change_password", &ask).await.status, 200);
    let link = path_of(&site.mail(EMAIL, site::RESET).await);
    let mut browser = site.browser();
    let page = browser.visit(&link).await;
    assert!(page.address.starts_with("/lo/reset?ticket="), "{}", page.address);
    assert!(
        page.html.starts_with("<p>Tea &amp; Co en 8 good </p>") && page.html.contains("<b>jane@example.com</b>"),
        "{}",
        page.html
    );
    let twice = |password| [("newPassword", password), ("confirmNewPassword", password)];
    // Without the page's token, or in another browser, nothing is set.
    assert_eq!(browser.send(&page, &[("_csrf", "x"), ("newPassword", "New-Horse-8")]).await.status, 403);
    assert_eq!(site.browser().send(&page, &twice("New-Horse-8")).await.status, 403);
    let origin = site.origin();
    let hidden =
        |name: &str| page.html.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap().split('"').next().unwrap();
    let mut body = json!({"_csrf": hidden("_csrf"), "ticket": hidden("ticket"), "newPassword": "New-Horse-8", "confirmNewPassword": "x"});
    let refused = browser.call("/lo/reset", &origin, &body).await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (400, json!("password_mismatch")));
    body["confirmNewPassword"] = json!("New-Horse-8");
    let done = browser.call("/lo/reset", &origin, &body).await;
    assert_eq!((done.status, done.json()), (200, json!({})));
    code(&site.sign_in(&mut site.browser(), EMAIL, "New-Horse-8").await);
    // The link is used up, and that is told by a page of ours.
    let again = browser.visit(&link).await;
    assert_eq!(browser.submit(&again, &[]).await.heading(), "Invalid Link");
    site.server.patch("/tenants/settings", json!({"change_password": {"enabled": false}})).await;
    let ask = json!({"client_id": site.client, "connection": CONNECTION, "email": EMAIL});
    site.send("/dbconnections/change_password", &ask).await;
    let other = crate::actions::eventually(async || {
        let found = path_of(&site.mail(EMAIL, site::RESET).await);
        (found != link).then_some(found)
    });
    assert!(browser.visit(&other.await).await.address.starts_with("/u/reset-"));
    site.end().await;
}

#[tokio::test]
async fn without_a_login_the_page_is_not_shown() {
    let site = Site::on(TestServer::start().await).await;
    site.write_page(json!({"custom_login_page": PAGE})).await;
    let (mut browser, config) = site.on_page("&prompt=login").await;
    assert_eq!(config["prompt"], true);
    for address in ["/login", "/login?state=x", "/login?state=%00"] {
        let lost = browser.visit(address).await;
        assert_eq!((lost.status, lost.heading()), (400, "Oops!, something went wrong"), "{address}");
    }
    let refused = browser.visit(&site.authorize("&connection=nothing")).await;
    assert_eq!(error(&refused).1, "the connection was not found");
    let posted = browser.fetch(Method::POST, "/login/callback", Some(&[("wctx".into(), "{".into())])).await;
    assert_eq!(posted.status, 400);
    // The tenant's own page for errors has a configuration, too.
    let page = json!({"error_page": {"html": "config = '@@config@@'", "show_log_link": false, "url": ""}});
    assert_eq!(site.server.patch("/tenants/settings", page).await.status, 200);
    let wrong = browser.visit(&site.authorize("").replace("app.example.com", "evil.example.com")).await;
    let config = self::config(&wrong);
    assert_eq!(
        (&config["error"], &config["client_id"]),
        (&json!("unauthorized_client"), &json!(site.client)),
        "{config}"
    );
    site.end().await;
}
