//! Screens that a tenant's own scripts draw: what their pages are told, load and may do, and how they are sent.

use aught::{Config, Dns};
use http::Method;
use kernel::Secret;
use serde_json::{Value, json};

use crate::{
    browser::{Browser, Page},
    server::{Answer, TestServer},
    site::{CONNECTION, EMAIL, PASSWORD, Site},
};

const SCRIPT: &str = "https://cdn.example.com/acul/main.js";

/// What a page tells the scripts that draw it.
fn context(page: &Page) -> Value {
    let told = page.html.split("window.universal_login_context=").nth(1);
    let told = told.unwrap_or_else(|| panic!("no context: {page:?}")).split(";</script>").next().unwrap();
    serde_json::from_str(told).unwrap()
}

fn is_drawn(page: &Page) -> bool {
    page.html.contains("window.universal_login_context=")
}

/// Sets how a screen is rendered: by a script, with these settings beside.
async fn draw(server: &TestServer, prompt: &str, screen: &str, more: Value) -> Answer {
    let mut settings =
        json!({"rendering_mode": "advanced", "head_tags": [{"tag": "script", "attributes": {"src": SCRIPT}}]});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.patch(&format!("/prompts/{prompt}/screen/{screen}/rendering"), settings).await
}

/// Draws screens whose prompts have their names.
async fn draw_all(server: &TestServer, screens: &[&str], more: Value) {
    for screen in screens {
        let answer = draw(server, screen, screen, more.clone()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// Sends what the official library sends: the fields, the `state` and its own name.
async fn send(browser: &mut Browser, page: &Page, fields: &[(&str, &str)]) -> Page {
    let state = context(page)["transaction"]["state"].as_str().unwrap().to_owned();
    let own = [("state", state.as_str()), ("acul-sdk", "@auth0/auth0-acul-js@1.8.0")];
    browser.submit(page, &[fields, &own].concat()).await
}

fn policy(page: &Page) -> String {
    page.headers["content-security-policy"].to_str().unwrap().to_owned()
}

fn directive(page: &Page, name: &str) -> String {
    let policy = policy(page);
    let found = policy.split("; ").find(|part| part.split(' ').next() == Some(name));
    found.unwrap_or_else(|| panic!("{name}: {policy}")).to_owned()
}

#[tokio::test]
async fn a_login_goes_through_screens_that_scripts_draw() {
    let site = Site::start().await;
    draw_all(&site.server, &["login-id", "login-password"], json!({})).await;
    site.server.patch("/tenants/settings", json!({"enabled_locales": ["en", "de"]})).await;
    let mut browser = site.browser();
    let hint = "&login_hint=%3C%2Fscript%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E&ui_locales=en&ext-plan=gold";
    let page = browser.visit(&site.authorize(hint)).await;
    assert_eq!((page.status, page.html.matches("<script").count()), (200, 2), "{}", page.html);
    let told = context(&page);
    let state = told["transaction"]["state"].as_str().unwrap().to_owned();
    assert!(page.address.ends_with(&format!("?state={state}")));
    assert_eq!((&told["prompt"], &told["screen"]["name"]), (&json!({"name": "login-id"}), &json!("login-id")));
    assert_eq!(told["client"], json!({"id": site.client, "name": "Shop"}));
    assert_eq!(told["organization"], json!({"usage": "deny"}));
    let links = json!({
        "signup": format!("/u/signup/identifier?state={state}"),
        "reset_password": format!("/u/login/password-reset-start/{CONNECTION}?state={state}"),
    });
    assert_eq!(told["screen"]["links"], links);
    assert_eq!(told["screen"]["texts"]["title"], "Welcome");
    assert_eq!(told["screen"]["texts"]["pageTitle"], "Log in | Shop");
    let parameters = json!({"login_hint": "</script><script>alert(1)</script>", "ui_locales": "en"});
    assert_eq!(told["untrusted_data"], json!({"authorization_params": parameters}));
    let connection = &told["transaction"]["connection"];
    assert_eq!((&connection["name"], &connection["strategy"]), (&json!(CONNECTION), &json!("auth0")));
    let options = &connection["options"];
    assert_eq!((&options["signup_enabled"], &options["username_required"]), (&json!(true), &json!(false)));
    assert_eq!(options["authentication_methods"]["password"]["policy"], "good");
    let rules = &options["authentication_methods"]["password"]["password_security_info"];
    assert_eq!(rules[0]["code"], "password-policy-length-at-least");
    assert_eq!(rules[0]["label"], "At least 8 characters");
    assert_eq!(rules[1]["args"], json!({"count": 3, "total": 4}));
    assert_eq!((told.get("user"), told["transaction"].get("errors")), (None, None));

    // Whoever chooses another language stays.
    let chosen = [("language", "de"), ("persist", "session"), ("action", "change-language")];
    let page = send(&mut browser, &page, &chosen).await;
    assert_eq!((page.status, &context(&page)["transaction"]["locale"]), (200, &json!("de")));
    let chosen = [("language", "en"), ("persist", "session"), ("action", "change-language")];
    let page = send(&mut browser, &page, &chosen).await;

    // The library sends no action here, and says of the browser what it can.
    let wrong =
        send(&mut browser, &page, &[("username", "no address"), ("js-available", "true"), ("captcha", "")]).await;
    let told = context(&wrong);
    let error = json!({"code": "invalid-email-format", "field": "username", "message": "Email is not valid."});
    assert_eq!((wrong.status, &told["transaction"]["errors"]), (400, &json!([error])));
    let sent = &told["untrusted_data"]["submitted_form_data"];
    assert_eq!(sent, &json!({"username": "no address", "js-available": "true"}));

    let page =
        send(&mut browser, &wrong, &[("username", EMAIL), ("js-available", "true"), ("allow-passkeys", "false")]).await;
    assert!(page.address.starts_with("/u/login/password?state="), "{page:?}");
    let told = context(&page);
    assert_eq!(told["screen"]["data"], json!({"username": EMAIL, "show_switch_to_otp_button": false}));
    assert_eq!(told["screen"]["links"]["edit_identifier"], json!(format!("/u/login/identifier?state={state}")));
    let wrong = send(&mut browser, &page, &[("username", EMAIL), ("password", "wrong"), ("ulp-x", "<b>")]).await;
    let told = context(&wrong);
    assert_eq!((wrong.status, &told["transaction"]["errors"][0]["code"]), (400, &json!("wrong-email-credentials")));
    assert_eq!(told["transaction"]["errors"][0]["field"], "password");
    assert_eq!(told["untrusted_data"]["submitted_form_data"], json!({"username": EMAIL, "ulp-x": "<b>"}));
    assert!(!wrong.html.contains("<b>") && !wrong.html.contains("\"wrong\""));
    let done = send(&mut browser, &wrong, &[("username", EMAIL), ("password", PASSWORD)]).await;
    assert!(done.address.starts_with("https://app.example.com/callback?code="), "{done:?}");
    site.server.end().await;
}

#[tokio::test]
async fn a_page_loads_what_its_head_names_and_nothing_else() {
    let site = Site::start().await;
    let head = json!({"head_tags": [
        {"tag": "base", "attributes": {"href": "https://cdn.example.com/acul/"}},
        {"tag": "link", "attributes": {"rel": "stylesheet", "href": "https://css.example.com/{{ locale }}.css"}},
        {"tag": "script", "attributes": {
            "src": "http://localhost:5173/{{ prompt.name }}/{{client.metadata.release}}/{{ screen.name }}.js",
            "type": "module", "integrity": ["sha512-aa=="],
        }},
        {"tag": "script", "content": "go(\"{{ client.name }}\")", "attributes": {"nonce": "tenant"}},
        {"tag": "title", "content": "{{ client.name }}"},
    ]});
    draw_all(&site.server, &["login-id"], head).await;
    let client = json!({"name": "Sh\"op'", "client_metadata": {"release": "1.2"}});
    assert_eq!(site.server.patch(&format!("/clients/{}", site.client), client).await.status, 200);
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    let html = &page.html;
    for part in [
        "<meta charset=\"utf-8\">",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
        "<link rel=\"icon\" ",
        "<link rel=\"stylesheet\" href=\"https://css.example.com/en.css\">",
        "<script src=\"http://localhost:5173/login-id/1.2/login-id.js\" type=\"module\" integrity=\"sha512-aa==\" crossorigin=\"anonymous\"></script>",
        "<script>go(\"Sh\\u0022op\\u0027\")</script>",
        "<title>Sh&#34;op&#39;</title>",
        "<div id=\"root\"></div>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert_eq!(html.matches("<title>").count(), 1);
    assert!(html.find("universal_login_context") < html.find("<base "), "{html}");
    let scripts = directive(&page, "script-src");
    assert!(scripts.ends_with(" http://localhost:5173") && scripts.matches("'sha256-").count() == 2, "{scripts}");
    assert_eq!(directive(&page, "default-src"), "default-src 'none'");
    assert_eq!(directive(&page, "base-uri"), "base-uri https://cdn.example.com");
    let own = format!("{}/u/", site.server.running.domain);
    assert_eq!(
        directive(&page, "connect-src"),
        format!("connect-src {own} http://localhost:5173 https://css.example.com")
    );
    assert!(!policy(&page).contains("nonce") && directive(&page, "frame-ancestors").ends_with("'none'"));

    draw_all(
        &site.server,
        &["login-id"],
        json!({"default_head_tags_disabled": true, "head_tags": [{"tag": "script", "content": "go()"}]}),
    )
    .await;
    let page = site.begin(&mut browser).await;
    assert!(!page.html.contains("viewport") && !page.html.contains("<title>") && !page.html.contains("<link"));
    site.server.end().await;
}

#[tokio::test]
async fn hostile_head_tags_are_refused() {
    let server = TestServer::start().await;
    for hostile in [
        json!({"tag": "script", "attributes": {"src": "javascript:alert(1)"}}),
        json!({"tag": "script", "attributes": {"src": "\tjava\nscript:alert(1)"}}),
        json!({"tag": "script", "attributes": {"src": "data:text/javascript,alert(1)"}}),
        json!({"tag": "img", "attributes": {"src": "https://a.example/b.png"}}),
        json!({"tag": "link", "attributes": {"rel": "icon", "onload": "alert(1)"}}),
        json!({"tag": "meta", "attributes": {"x\" onload=\"alert(1)": "y"}}),
        json!({"tag": "style", "content": "</style><script>alert(1)</script>"}),
    ] {
        let answer = draw(&server, "login-id", "login-id", json!({"head_tags": [hostile]})).await;
        assert_eq!((answer.status, &answer.body["errorCode"]), (400, &json!("invalid_body")), "{hostile}");
        assert!(answer.body["message"].as_str().unwrap().starts_with("Invalid head_tags[0]: "), "{answer:?}");
    }
    let shown = server.get("/prompts/login-id/screen/login-id/rendering").await.body;
    assert_eq!((&shown["rendering_mode"], &shown["head_tags"]), (&json!("standard"), &json!([])));
    server.end().await;
}

#[tokio::test]
async fn a_rendering_is_for_the_logins_that_its_filters_name() {
    let site = Site::start().await;
    let client = format!("/clients/{}", site.client);
    site.server.patch(&client, json!({"client_metadata": {"tier": "gold"}})).await;
    let organization = json!({"name": "acme", "display_name": "Acme", "metadata": {"region": "eu"}});
    let organization = site.server.post("/organizations", organization).await.body["id"].as_str().unwrap().to_owned();
    let connection = json!({"connection_id": site.connection().await});
    site.server.post(&format!("/organizations/{organization}/enabled_connections"), connection).await;
    site.server.patch(&client, json!({"organization_usage": "allow"})).await;
    let mut browser = site.browser();
    for (lists, alone, in_organization) in [
        (json!({"clients": [{"id": site.client}]}), true, true),
        (json!({"clients": [{"id": "other"}]}), false, false),
        (json!({"clients": [{"metadata": {"tier": "gold"}}]}), true, true),
        (json!({"organizations": [{"id": organization}]}), false, true),
        (json!({"organizations": [{"metadata": {"region": "us"}}]}), false, false),
        (json!({"clients": [{"id": "other"}], "organizations": [{"metadata": {"region": "eu"}}]}), false, true),
        (json!({"domains": [{"metadata": {"brand": "a"}}]}), false, false),
    ] {
        for (kind, includes) in [("includes_any", true), ("excludes_any", false)] {
            let mut filters = lists.clone();
            filters["match_type"] = kind.into();
            draw_all(&site.server, &["login-id"], json!({"filters": filters})).await;
            let page = site.begin(&mut browser).await;
            assert_eq!(is_drawn(&page), alone == includes, "{filters}");
            let page = browser.visit(&site.authorize(&format!("&organization={organization}"))).await;
            assert_eq!(is_drawn(&page), in_organization == includes, "{filters}");
        }
    }
    draw_all(&site.server, &["login-id"], json!({"filters": null})).await;
    assert!(is_drawn(&site.begin(&mut browser).await));
    // What nothing would draw, and what is of a third party, is ours.
    draw_all(&site.server, &["login-id"], json!({"head_tags": [{"tag": "link", "attributes": {"href": SCRIPT}}]}))
        .await;
    assert!(!is_drawn(&site.begin(&mut browser).await));
    draw_all(&site.server, &["login-id"], json!({})).await;
    site.server.patch(&client, json!({"is_first_party": false, "third_party_security_mode": "permissive"})).await;
    assert!(!is_drawn(&site.begin(&mut browser).await));
    site.server.end().await;
}

#[tokio::test]
async fn pages_are_told_what_was_chosen() {
    let site = Site::start().await;
    let server = &site.server;
    let client = json!({
        "logo_uri": "https://app.example.com/logo.png", "description": "Sells <things>", "organization_usage": "allow",
        "client_metadata": {"tier": "gold", "other": "x"},
    });
    server.patch(&format!("/clients/{}", site.client), client).await;
    server.patch("/tenants/settings", json!({"friendly_name": "Acme Inc", "enabled_locales": ["en", "de"]})).await;
    server
        .patch("/branding", json!({"colors": {"primary": "#112233"}, "logo_url": "https://acme.example/l.png"}))
        .await;
    let organization = json!({
        "name": "acme", "display_name": "Acme", "metadata": {"region": "eu"}, "branding": {"colors": {"primary": "#445566", "page_background": "#ffffff"}},
    });
    let organization = server.post("/organizations", organization).await.body["id"].as_str().unwrap().to_owned();
    let connection = json!({"connection_id": site.connection().await});
    server.post(&format!("/organizations/{organization}/enabled_connections"), connection).await;
    server.post(&format!("/organizations/{organization}/members"), json!({"members": [site.user]})).await;
    let huge = "x".repeat(5_000);
    let metadata =
        json!({"user_metadata": {"plan": "a", "secret": "s", "huge": huge}, "app_metadata": {"role": "admin"}});
    server.patch(&format!("/users/{}", site.user.replace('|', "%7C")), metadata).await;
    let chosen = json!({"context_configuration": [
        "branding.settings", "client.logo_uri", "client.description", "client.metadata.tier", "organization.display_name",
        "organization.branding", "organization.metadata.region", "tenant.name", "tenant.friendly_name", "tenant.enabled_locales",
        "user.organizations", "user.user_metadata.plan", "user.user_metadata.huge", "user.app_metadata.role", "untrusted_data.authorization_params.ext-plan",
        "untrusted_data.authorization_params.screen_hint",
    ]});
    draw_all(server, &["login-id", "consent"], chosen).await;
    let mut browser = site.browser();
    let asked =
        format!("&organization={organization}&ext-plan=gold&ext-other=x&screen_hint=login&login_hint=a&prompt=consent");
    let page = browser.visit(&site.authorize(&asked)).await;
    let told = context(&page);
    let branding = json!({"settings": {"colors": {"primary": "#112233"}, "logo_url": "https://acme.example/l.png"}});
    assert_eq!(told["branding"]["settings"]["logo_url"], branding["settings"]["logo_url"]);
    assert_eq!(told["branding"].get("themes"), None);
    let client = json!({
        "id": site.client, "name": "Shop", "logo_uri": "https://app.example.com/logo.png", "description": "Sells <things>",
        "metadata": {"tier": "gold"},
    });
    assert_eq!(told["client"], client);
    assert_eq!((&told["organization"]["usage"], &told["organization"]["name"]), (&json!("allow"), &json!("acme")));
    assert_eq!(told["organization"]["metadata"], json!({"region": "eu"}));
    assert_eq!(told["organization"]["branding"]["colors"]["primary"], "#445566");
    let tenant = server.get("/tenants/settings").await.body;
    assert_eq!(told["tenant"]["friendly_name"], tenant["friendly_name"]);
    assert_eq!(told["tenant"]["enabled_locales"], json!(["en", "de"]));
    let parameters = json!({"authorization_params": {"screen_hint": "login", "ext-plan": "gold"}});
    assert_eq!((&told["untrusted_data"], told["screen"].get("texts")), (&parameters, None));
    assert_eq!(told.get("user"), None);

    let page = send(&mut browser, &page, &[("username", EMAIL)]).await;
    let page = browser.submit(&page, &[("password", PASSWORD), ("action", "default")]).await;
    let told = context(&page);
    assert_eq!(told["screen"]["name"], "consent");
    let user = &told["user"];
    assert_eq!((&user["id"], &user["email"]), (&json!(site.user), &json!(EMAIL)));
    assert_eq!((&user["user_metadata"], &user["app_metadata"]), (&json!({"plan": "a"}), &json!({"role": "admin"})));
    assert_eq!(user["organizations"][0]["display_name"], "Acme");
    let scopes = told["screen"]["data"]["scopes"].as_array().unwrap();
    let values: Vec<&Value> = scopes.iter().map(|scope| &scope["value"]).collect();
    assert!(values.contains(&&json!("profile")), "{scopes:?}");
    let done = send(&mut browser, &page, &[("action", "deny")]).await;
    assert_eq!(done.parameter("error").as_deref(), Some("access_denied"));
    site.server.end().await;
}

#[tokio::test]
async fn users_sign_up_on_screens_that_scripts_draw() {
    let site = Site::start().await;
    let attributes = json!({
        "email": {"identifier": {"active": true}, "signup": {"status": "required"}},
        "username": {"identifier": {"active": false}, "signup": {"status": "optional"}},
        "phone_number": {"identifier": {"active": false}, "signup": {"status": "optional"}},
    });
    site.set_options(json!({"attributes": attributes})).await;
    draw_all(&site.server, &["signup-id", "signup-password"], json!({})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    let told = context(&page);
    let state = told["transaction"]["state"].as_str().unwrap();
    assert_eq!(told["screen"]["links"], json!({"login": format!("/u/login/identifier?state={state}")}));
    let known = &told["transaction"]["connection"]["options"]["attributes"];
    assert_eq!(known["email"], json!({"signup_status": "required", "identifier_active": true}));
    assert_eq!(known["phone"], json!({"signup_status": "optional", "identifier_active": false}));
    assert_eq!(known["username"]["validation"]["allowed_types"], json!({"email": false, "phone_number": false}));
    // The page of countries is not there: whoever asks for it stays.
    let same = send(&mut browser, &page, &[("action", "pick-country-code")]).await;
    assert_eq!((same.status, context(&same)["transaction"].get("errors")), (200, None));
    let typed = [
        ("email", "new@example.com"),
        ("identifier_phone", "(415) 555-2671"),
        ("identifier_phone_country_code", "US"),
        ("username", ""),
    ];
    let page = send(&mut browser, &page, &typed).await;
    let data = json!({"email": "new@example.com", "phone_number": "+14155552671"});
    assert_eq!(context(&page)["screen"]["data"], data, "{page:?}");
    let weak = send(&mut browser, &page, &[("email", "new@example.com"), ("password", "abc")]).await;
    let errors = &context(&weak)["transaction"]["errors"];
    assert_eq!((weak.status, &errors[0]["field"]), (400, &json!("password")), "{errors}");
    let status =
        |rule: &Value| (rule["code"].as_str().unwrap().to_owned(), rule["status"].as_str().unwrap().to_owned());
    let rules = errors[0]["rules"].as_array().unwrap();
    let broken = |name: &str| (format!("password-policy-{name}"), "error".to_owned());
    assert_eq!(rules.iter().map(status).collect::<Vec<_>>(), [broken("length-at-least"), broken("contains-at-least")]);
    let kept = ("password-policy-lower-case".to_owned(), "valid".to_owned());
    assert!(rules[1]["items"].as_array().unwrap().iter().map(status).any(|item| item == kept), "{errors}");
    let done = send(&mut browser, &weak, &[("email", "new@example.com"), ("password", PASSWORD)]).await;
    assert!(done.address.starts_with("https://app.example.com/callback?code="), "{done:?}");
    let found = site.server.get("/users-by-email?email=new%40example.com").await.body;
    assert_eq!(found[0]["phone_number"], "+14155552671");
    site.server.end().await;
}

#[tokio::test]
async fn results_and_links_in_mails_are_told_to_scripts_that_draw_them() {
    let site = Site::start().await;
    let server = &site.server;
    for (prompt, screen) in [
        ("common", "redeem-ticket"),
        ("email-verification", "email-verification-result"),
        ("reset-password", "reset-password"),
        ("reset-password", "reset-password-error"),
        ("logout", "logout-complete"),
    ] {
        assert_eq!(draw(server, prompt, screen, json!({})).await.status, 200);
    }
    let path = |link: &Value| {
        let link = link.as_str().unwrap().trim_end_matches('#').split_once("://").unwrap().1;
        format!("/{}", link.split_once('/').unwrap().1)
    };
    let ticket = server.post("/tickets/email-verification", json!({"user_id": site.user})).await.body;
    let mut browser = site.browser();
    let page = browser.visit(&path(&ticket["ticket"])).await;
    assert_eq!(context(&page)["screen"]["name"], "redeem-ticket");
    let done = send(&mut browser, &page, &[("action", "default")]).await;
    assert_eq!((done.status, &context(&done)["screen"]["data"]), (200, &json!({"status": "already_verified"})));
    assert_eq!(context(&done)["transaction"].get("errors"), None);
    let again = send(&mut browser, &page, &[("action", "default")]).await;
    let told = context(&again);
    assert_eq!((again.status, &told["screen"]["data"]), (400, &json!({"status": "failure"})));
    assert!(told["transaction"]["errors"][0]["message"].is_string(), "{told}");
    let ticket = server.post("/tickets/password-change", json!({"user_id": site.user})).await.body;
    let link = path(&ticket["ticket"]);
    let page = browser.visit(&link).await;
    let page = send(&mut browser, &page, &[("action", "default")]).await;
    let told = context(&page);
    assert_eq!((&told["screen"]["name"], told.get("user")), (&json!("reset-password"), None));
    let wrong = send(&mut browser, &page, &[("password-reset", "New-Horse-8"), ("re-enter-password", "x")]).await;
    assert_eq!(context(&wrong)["transaction"]["errors"][0]["code"], "password-mismatch");
    let fields = [("password-reset", "New-Horse-8"), ("re-enter-password", "New-Horse-8")];
    let done = send(&mut browser, &wrong, &fields).await;
    assert_eq!(done.heading(), "Password Changed!");
    let page = browser.visit(&link).await;
    let lost = send(&mut browser, &page, &[("action", "default")]).await;
    let told = context(&lost);
    assert_eq!(
        (&told["screen"]["name"], told["transaction"]["errors"].as_array().unwrap().len()),
        (&json!("reset-password-error"), 1)
    );
    assert_eq!(context(&browser.visit("/u/logout/complete").await)["screen"]["name"], "logout-complete");
    site.server.end().await;
}

#[tokio::test]
async fn several_screens_are_set_at_once_and_some_are_ours_alone() {
    let site = Site::start().await;
    let script = json!([{"tag": "script", "attributes": {"src": SCRIPT}}]);
    let config =
        |screen: &str| json!({"prompt": screen, "screen": screen, "rendering_mode": "advanced", "head_tags": script});
    let own = json!({"prompt": "status", "screen": "status", "rendering_mode": "advanced"});
    let refused = site.server.patch("/prompts/rendering", json!({"configs": [config("login-id"), own]})).await;
    assert_eq!(
        (refused.status, &refused.body["message"]),
        (403, &json!("This screen is not available in Advanced Customizations."))
    );
    let mut browser = site.browser();
    assert!(!is_drawn(&site.begin(&mut browser).await), "all or none");
    let answer = site
        .server
        .patch("/prompts/rendering", json!({"configs": [config("login-id"), config("login-password")]}))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let page = site.begin(&mut browser).await;
    assert!(is_drawn(&page) && is_drawn(&send(&mut browser, &page, &[("username", EMAIL)]).await));
    draw_all(&site.server, &["login-id"], json!({"rendering_mode": "standard"})).await;
    assert!(!is_drawn(&site.begin(&mut browser).await));
    site.server.end().await;
}

#[tokio::test]
async fn a_template_surrounds_what_scripts_draw_where_the_rendering_says_so() {
    let server = TestServer::of(Config { dns: Dns::Trusting, ..Config::in_memory() }).await;
    let site = Site::on(server).await;
    let domain =
        json!({"domain": "login.example.com", "type": "auth0_managed_certs", "domain_metadata": {"brand": "a"}});
    let domain = site.server.post("/custom-domains", domain).await.body;
    let id = domain["custom_domain_id"].as_str().unwrap();
    site.server.post(&format!("/custom-domains/{id}/verify"), json!({})).await;
    let template = "<!DOCTYPE html><html><head>{%- auth0:head -%}</head><body><h1>Around</h1><script>go()</script>{%- auth0:widget -%}</body></html>";
    let set = site
        .server
        .manage(Method::PUT, "/branding/templates/universal-login", Some(json!({"template": template})))
        .await;
    assert!(set.status < 300, "{set:?}");
    let settings = json!({
        "use_page_template": true,
        "filters": {"match_type": "includes_any", "domains": [{"metadata": {"brand": "a"}}]},
        "context_configuration": ["transaction.custom_domain.domain", "transaction.custom_domain.domain_metadata.brand"],
    });
    draw_all(&site.server, &["login-id"], settings).await;
    let mut browser = site.browser();
    assert!(!is_drawn(&site.begin(&mut browser).await), "the domain is another one");
    let mut browser = site.browser().of("login.example.com");
    let page = site.begin(&mut browser).await;
    let told = json!({"domain": "login.example.com", "domain_metadata": {"brand": "a"}});
    assert_eq!(context(&page)["transaction"]["custom_domain"], told);
    let html = &page.html;
    assert!(
        html.contains("<h1>Around</h1>") && html.contains("<div id=\"root\"></div>") && html.contains(SCRIPT),
        "{html}"
    );
    let scripts = directive(&page, "script-src");
    assert!(scripts.contains(" 'nonce-") && scripts.ends_with(" https://cdn.example.com"), "{scripts}");
    draw_all(&site.server, &["login-id"], json!({"use_page_template": false})).await;
    let page = site.begin(&mut browser).await;
    assert!(is_drawn(&page) && !page.html.contains("Around"));
    site.server.end().await;
}

#[tokio::test]
async fn scripts_of_login_pages_do_not_reach_the_tools_of_developers() {
    let developer_secret = Some(Secret::new("developer-secret-of-a-test"));
    let server = TestServer::of(Config { dns: Dns::Trusting, developer_secret, ..Config::in_memory() }).await;
    for path in ["/", "/_aught/outbox"] {
        let ask = |mode: &str| {
            let request = server.http.get(server.url(path)).header("sec-fetch-site", "same-origin");
            request.header("sec-fetch-mode", mode).send()
        };
        let opened = ask("navigate").await.unwrap();
        assert_eq!(opened.status(), 200, "{path}");
        // A page that another one opens has nothing to do with it, though both are of one origin.
        assert_eq!(opened.headers()["cross-origin-opener-policy"], "same-origin", "{path}");
        for by_script in ["cors", "no-cors", "same-origin"] {
            assert_ne!(ask(by_script).await.unwrap().status(), 200, "{path} {by_script}");
        }
        assert_eq!(server.http.get(server.url(path)).send().await.unwrap().status(), 200, "{path}");
    }
    server.end().await;
}
