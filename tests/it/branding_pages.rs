//! Pages as tenants customize them: themes, templates, partials, and what hostile ones can do.

use http::Method;
use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed},
    browser::{Browser, Page},
    site::{CONNECTION, DOMAIN, EMAIL, PASSWORD, Site, claims, code},
};

/// A theme in which every setting differs from what pages have without one.
fn theme() -> Value {
    json!({
        "borders": {
            "button_border_radius": 7, "button_border_weight": 2, "buttons_style": "rounded", "input_border_radius": 9,
            "input_border_weight": 3, "inputs_style": "rounded", "show_widget_shadow": false, "widget_border_weight": 4,
            "widget_corner_radius": 33,
        },
        "colors": {
            "base_focus_color": "#010101", "base_hover_color": "#020202", "body_text": "#030303",
            "captcha_widget_theme": "dark", "error": "#040404", "header": "#050505", "icons": "#060606",
            "input_background": "#070707", "input_border": "#080808", "input_filled_text": "#090909",
            "input_labels_placeholders": "#0a0a0a", "links_focused_components": "#0b0b0b", "primary_button": "#0c0c0c",
            "primary_button_label": "#0d0d0d", "read_only_background": "#0e0e0e", "secondary_button_border": "#0f0f0f",
            "secondary_button_label": "#101010", "success": "#111111", "widget_background": "#121212",
            "widget_border": "#131313",
        },
        "displayName": "Night",
        "fonts": {
            "body_text": {"bold": true, "size": 80}, "buttons_text": {"bold": true, "size": 110},
            "font_url": "https://fonts.acme.example/acme.woff2", "input_labels": {"bold": true, "size": 90},
            "links": {"bold": false, "size": 70.5}, "links_style": "normal", "reference_text_size": 18,
            "subtitle": {"bold": true, "size": 95}, "title": {"bold": true, "size": 140},
        },
        "page_background": {
            "background_color": "#141414", "background_image_url": "https://pictures.acme.example/sea.jpg",
            "page_layout": "right",
        },
        "widget": {
            "header_text_alignment": "left", "logo_height": 77, "logo_position": "right",
            "logo_url": "https://logos.acme.example/acme.svg", "social_buttons_layout": "top",
        },
    })
}

/// What the style of a page says of a custom property.
fn property<'p>(page: &'p Page, name: &str) -> &'p str {
    let style = page.html.split("<style id=\"custom-styles-container\"").nth(1).unwrap();
    let rule = style.split("</style>").next().unwrap();
    rule.split(&format!("--{name}:")).nth(1).unwrap_or_else(|| panic!("no {name}: {rule}")).split(';').next().unwrap()
}

fn policy(page: &Page) -> &str {
    page.headers["content-security-policy"].to_str().unwrap()
}

/// The sources that a policy has for this.
fn sources<'p>(page: &'p Page, directive: &str) -> Vec<&'p str> {
    let found = policy(page).split("; ").find_map(|part| part.strip_prefix(directive)?.strip_prefix(' '));
    found.map(|sources| sources.split(' ').collect()).unwrap_or_default()
}

async fn set_template(site: &Site, template: &str) {
    let set = site.put("/branding/templates/universal-login", json!({"template": template})).await;
    assert_eq!(set.status, 201, "{set:?}");
}

const TEMPLATE: &str = "<!DOCTYPE html><html lang=\"{{ locale }}\" dir=\"{{ dir }}\"><head><title>{{ prompt.screen.texts.pageTitle }}</title>\
    {%- auth0:head -%}</head><body class=\"_widget-auto-layout\"><aside>Ours</aside>{%- auth0:widget -%}</body></html>";

#[tokio::test]
async fn every_setting_of_a_theme_is_seen_on_the_pages() {
    let site = Site::start().await;
    site.server.patch("/branding", json!({"favicon_url": "https://icons.acme.example/i.ico"})).await;
    assert_eq!(site.server.post("/branding/themes", theme()).await.status, 200);
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    for (name, value) in [
        ("button-border-radius", "7px"),
        ("button-border-width", "2px"),
        ("social-button-border-width", "2px"),
        ("input-border-radius", "9px"),
        ("input-border-width", "3px"),
        ("box-shadow", "none"),
        ("box-border-width", "4px"),
        ("border-radius-outer", "33px"),
        ("base-focus-color", "#010101"),
        ("transparency-focus-color", "color-mix(in srgb,#010101 15%,transparent)"),
        ("base-hover-color", "#020202"),
        ("transparency-hover-color", "color-mix(in srgb,#020202 15%,transparent)"),
        ("font-default-color", "#030303"),
        ("error-color", "#040404"),
        ("title-font-color", "#050505"),
        ("icon-default-color", "#060606"),
        ("input-background-color", "#070707"),
        ("input-border-color", "#080808"),
        ("input-text-color", "#090909"),
        ("font-light-color", "#0a0a0a"),
        ("link-color", "#0b0b0b"),
        ("primary-color", "#0c0c0c"),
        ("button-font-color", "#0d0d0d"),
        ("read-only-background-color", "#0e0e0e"),
        ("secondary-button-border-color", "#0f0f0f"),
        ("secondary-button-text-color", "#101010"),
        ("success-color", "#111111"),
        ("widget-background-color", "#121212"),
        ("box-border-color", "#131313"),
        ("ulp-captcha-widget-theme", "dark"),
        ("body-font-size", "0.8rem"),
        ("body-font-weight", "700"),
        ("button-font-size", "1.1rem"),
        ("button-font-weight", "700"),
        ("ulp-label-font-size", "0.9rem"),
        ("ulp-label-font-weight", "700"),
        ("ulp-link-font-size", "0.705rem"),
        ("ulp-link-font-weight", "400"),
        ("ulp-link-decoration", "none"),
        ("default-font-size", "18px"),
        ("subtitle-font-size", "0.95rem"),
        ("title-font-size", "1.4rem"),
        ("title-font-weight", "700"),
        ("page-background-color", "#141414"),
        ("page-background-image", "url(\"https://pictures.acme.example/sea.jpg\")"),
        ("page-background-alignment", "right"),
        ("header-alignment", "left"),
        ("logo-height", "77px"),
        ("logo-alignment", "right"),
        ("font-family", "\"ULP Custom\",system-ui,sans-serif"),
    ] {
        assert_eq!(property(&page, name), value, "{name}");
    }
    // A theme is for light and dark alike: this one is dark.
    assert!(page.html.contains("<meta name=\"color-scheme\" content=\"dark\">"), "{}", page.html);
    assert!(page.html.contains("src:url(\"https://fonts.acme.example/acme.woff2\")"), "{}", page.html);
    assert!(page.html.contains("<img id=\"prompt-logo-center\" src=\"https://logos.acme.example/acme.svg\""));
    assert!(page.html.contains("<link rel=\"icon\" href=\"https://icons.acme.example/i.ico\">"));
    // The policy allows the origins that these settings name, and no others.
    let pictures = ["https://icons.acme.example", "https://logos.acme.example", "https://pictures.acme.example"];
    assert_eq!(sources(&page, "img-src"), [&["'self'", "data:"][..], &pictures[..]].concat());
    assert_eq!(sources(&page, "font-src"), ["https://fonts.acme.example"]);
    assert_eq!(sources(&page, "script-src"), ["'self'"]);
    let other =
        json!({"borders": {"buttons_style": "pill", "inputs_style": "sharp"}, "widget": {"logo_position": "none"}});
    let mut changed = theme();
    for (group, members) in other.as_object().unwrap() {
        changed[group].as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    }
    let kept = site.server.get("/branding/themes/default").await.body;
    assert_eq!(kept["displayName"], "Night");
    let id = kept["themeId"].as_str().unwrap().to_owned();
    let changed = site.server.patch(&format!("/branding/themes/{id}"), changed).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let page = site.begin(&mut browser).await;
    assert_eq!(property(&page, "button-border-radius"), "100px");
    assert_eq!((property(&page, "input-border-radius"), property(&page, "logo-display")), ("0", "none"));
    // Without the theme the pages follow the browser again.
    assert_eq!(site.server.delete(&format!("/branding/themes/{id}")).await.status, 204);
    let page = site.begin(&mut browser).await;
    assert!(page.html.contains("content=\"light dark\"") && !page.html.contains("--primary-color"), "{}", page.html);
    site.end().await;
}

#[tokio::test]
async fn branding_is_seen_where_there_is_no_theme() {
    let site = Site::start().await;
    let branding = json!({
        "colors": {
            "primary": "#aa0033",
            "page_background": {"type": "linear-gradient", "start": "#ffffff", "end": "#0000ff", "angle_deg": 45},
        },
        "favicon_url": "https://a.acme.example/i.png", "logo_url": "https://b.acme.example/l.png",
        "font": {"url": "https://c.acme.example/f.woff"},
    });
    assert_eq!(site.server.patch("/branding", branding).await.status, 200);
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    assert_eq!(property(&page, "primary-color"), "#aa0033");
    assert_eq!(property(&page, "page-background-color"), "linear-gradient(45deg,#ffffff,#0000ff)");
    assert!(
        page.html.contains("src=\"https://b.acme.example/l.png\"")
            && page.html.contains("href=\"https://a.acme.example/i.png\"")
    );
    assert_eq!(sources(&page, "font-src"), ["https://c.acme.example"]);
    // An organization's own lies over it.
    let own = json!({
        "name": "acme", "branding": {"logo_url": "https://d.acme.example/o.png", "colors": {"primary": "#004400", "page_background": "#eeeeee"}},
    });
    let organization = site.server.post("/organizations", own).await.body["id"].as_str().unwrap().to_owned();
    let enabled = json!({"connection_id": site.connection().await});
    site.server.post(&format!("/organizations/{organization}/enabled_connections"), enabled).await;
    site.server.patch(&format!("/clients/{}", site.client), json!({"organization_usage": "allow"})).await;
    let page = browser.visit(&site.authorize(&format!("&organization={organization}"))).await;
    assert_eq!((property(&page, "primary-color"), property(&page, "page-background-color")), ("#004400", "#eeeeee"));
    assert!(
        page.html.contains("src=\"https://d.acme.example/o.png\"") && !page.html.contains("b.acme.example"),
        "{}",
        page.html
    );
    site.end().await;
}

#[tokio::test]
async fn identifiers_are_shown_as_the_branding_says() {
    let site = Site::start().await;
    let attributes = json!({
        "phone_number": {
            "identifier": {"active": true}, "signup": {"status": "required", "verification": {"active": true}},
        },
        "email": {"identifier": {"active": true}, "signup": {"status": "optional"}},
    });
    site.set_options(json!({"attributes": attributes})).await;
    let mut browser = site.browser();
    let challenge = async |browser: &mut Browser| {
        let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
        browser.submit(&page, &[("phone_number", "+14155552671")]).await
    };
    let page = challenge(&mut browser).await;
    assert!(page.address.starts_with("/u/phone-identifier/challenge"), "{page:?}");
    assert!(
        page.html.contains("+14155552671") && page.html.contains("autocomplete=\"one-time-code\""),
        "{}",
        page.html
    );
    let identifiers = json!({
        "otp_autocomplete": false, "login_display": "separate", "phone_display": {"masking": "mask_digits", "formatting": "international"},
    });
    assert_eq!(site.server.patch("/branding", json!({"identifiers": identifiers})).await.status, 200);
    let page = challenge(&mut browser).await;
    assert!(page.html.contains("+X XXX-XXX-2671") && !page.html.contains("one-time-code"), "{}", page.html);
    // Each kind of identifier is asked for by itself.
    let page = browser.visit(&site.authorize("")).await;
    assert!(page.html.contains("Email address<span") && page.html.contains("autocomplete=\"email\""), "{}", page.html);
    let wrong = browser.submit(&page, &[("username", "+14155552671")]).await;
    assert_eq!((wrong.status, wrong.faults().len()), (400, 1));
    let page = browser.submit(&page, &[("action", "pick-phone")]).await;
    assert!(page.html.contains("Phone number<span") && page.html.contains("value=\"pick-email\""), "{}", page.html);
    let page = browser.submit(&page, &[("username", "+14155552671")]).await;
    assert!(page.address.starts_with("/u/login/password"), "{page:?}");
    assert!(page.html.contains("+X XXX-XXX-2671</span>"), "{}", page.html);
    site.end().await;
}

#[tokio::test]
async fn the_tenants_template_surrounds_the_pages_at_its_custom_domain() {
    let site = Site::start().await;
    site.server
        .patch("/tenants/settings", json!({"friendly_name": "Acme & Co", "support_email": "help@acme.example"}))
        .await;
    site.server.patch(&format!("/clients/{}", site.client), json!({"client_metadata": {"plan": "<gold>"}})).await;
    site.put("/prompts/login-id/custom-text/en", json!({"login-id": {"title": "Hello", "var-terms": "Our terms"}}))
        .await;
    let says = "<p>{{ application.name }}|{{ application.metadata.plan }}|{{ tenant.friendly_name }}|{{ tenant.support_email }}|{{ prompt.name }}|\
        {{ prompt.screen.name }}|{{ prompt.screen.texts.title }}|{{ prompt.screen.text.varTerms }}|{{ locale }}|{{ dir }}|{{ custom_domain.domain }}|\
        {{ transaction.params[\"ext-a\"] }}|{{ correlation_id }}|{{ user.email }}|{{ organization.name }}</p>";
    set_template(&site, &TEMPLATE.replace("Ours", says)).await;
    let mut here = site.browser();
    let page = site.begin(&mut here).await;
    assert!(!page.html.contains("<aside>"), "at the canonical domain the pages are ours: {}", page.html);
    let mut browser = site.browser_at_custom_domain().await;
    let page = browser.visit(&site.authorize("&ext-a=b%20c&ext-b=%3Cb%3E&correlation_id=c-1")).await;
    assert_eq!((page.status, page.heading()), (200, "Hello"));
    let said = "<aside><p>Shop|&lt;gold&gt;|Acme &amp; Co|help@acme.example|login-id|login-id|Hello|Our terms|en|ltr|login.acme.example|b c|c-1||</p></aside>";
    assert!(page.html.contains(said), "{}", page.html);
    assert!(
        page.html.contains("<title>Log in | Shop</title>") && page.html.contains("<html lang=\"en\" dir=\"ltr\">"),
        "{}",
        page.html
    );
    assert!(
        page.html.contains("id=\"custom-styles-container\"") && page.html.contains("<main class=\"_widget login-id\">")
    );
    // The login works in it, and there is one form for each of the page.
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    assert!(page.html.contains("|login-password|login-password|Enter Your Password|"), "{}", page.html);
    code(&browser.submit(&page, &[("password", PASSWORD)]).await);
    // Errors are told on our page, or that of the tenant for them.
    let lost = browser.visit("/u/login?state=unknown").await;
    assert!(!lost.html.contains("<aside>"), "{}", lost.html);
    assert_eq!(site.server.delete("/branding/templates/universal-login").await.status, 204);
    let page = browser.visit(&site.authorize("&prompt=login")).await;
    assert!(!page.html.contains("<aside>"), "{}", page.html);
    site.end().await;
}

#[tokio::test]
async fn who_is_known_is_known_to_the_template() {
    let site = Site::start().await;
    set_template(
        &site,
        &TEMPLATE.replace("Ours", "{{ user.email }}|{{ user.user_metadata.hobby }}|{{ organization.display_name }}"),
    )
    .await;
    let path = format!("/users/{}", site.user.replace('|', "%7C"));
    site.server.patch(&path, json!({"user_metadata": {"hobby": "<script>alert(1)</script>"}})).await;
    let mut browser = site.browser_at_custom_domain().await;
    let third = json!({"is_first_party": false});
    site.server.patch(&format!("/clients/{}", site.client), third).await;
    let connection = site.connection().await;
    site.server.patch(&format!("/connections/{connection}"), json!({"is_domain_connection": true})).await;
    let page = site.identify(&mut browser, EMAIL).await;
    assert!(page.html.contains("<aside>||</aside>"), "{}", page.html);
    let page = browser.submit(&page, &[("password", PASSWORD)]).await;
    assert!(page.address.starts_with("/u/consent"), "{page:?}");
    let said = format!("<aside>{EMAIL}|&lt;script&gt;alert(1)&lt;/script&gt;|</aside>");
    assert!(page.html.contains(&said), "{}", page.html);
    site.end().await;
}

#[tokio::test]
async fn fields_of_partials_reach_the_tenants_code() {
    let site = Site::start().await;
    let field = |name: &str| {
        json!({name: {
            "form-content-start": format!("<i>start of {{{{ prompt.screen.name }}}}</i><div class=\"ulp-field\"><input name=\"ulp-plan\"></div>"),
            "form-content-end": "<i>content end</i>", "form-footer-start": "<i>footer start</i>", "form-footer-end": "<i>footer end</i>",
            "secondary-actions-start": "<i>before buttons</i>",
        }})
    };
    for prompt in ["signup-id", "login-password"] {
        assert_eq!(site.put(&format!("/prompts/{prompt}/partials"), field(prompt)).await.status, 200);
    }
    let before = "exports.onExecutePreUserRegistration = async (event, api) => {
        const {body} = event.request;
        if (body['ulp-plan'] === 'none') return api.validation.error('no_plan', 'Choose a plan');
        api.user.setUserMetadata('plan', JSON.stringify(body));
    };";
    let trigger = ("pre-user-registration", "v2");
    let action = deployed(&site.server, "Before", trigger, before).await;
    bind(&site.server, trigger.0, &[&action]).await;
    let after = "exports.onExecutePostLogin = async (event, api) => {
        api.idToken.setCustomClaim('https://acme.example/body', event.request.body);
        api.idToken.setCustomClaim('https://acme.example/plan', event.user.user_metadata.plan);
    };";
    let trigger = ("post-login", "v3");
    let action = deployed(&site.server, "After", trigger, after).await;
    bind(&site.server, trigger.0, &[&action]).await;
    let mut browser = site.browser_at_custom_domain().await;
    // Without a template there are no partials.
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    assert!(!page.html.contains("<i>"), "{}", page.html);
    set_template(&site, TEMPLATE).await;
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    let order = [
        "<form method=\"POST\"",
        "<div id=\"ulp-container-form-content-start\"><i>start of signup-id</i>",
        "name=\"email\"",
        "<div id=\"ulp-container-form-content-end\"><i>content end</i></div>",
        "<div id=\"ulp-container-form-footer-start\"><i>footer start</i></div>",
        "name=\"action\"",
        "<div id=\"ulp-container-form-footer-end\"><i>footer end</i></div>",
        "</form>",
    ];
    let mut rest = page.html.as_str();
    for part in order {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part} in {}", page.html)).1;
    }
    assert!(!page.html.contains("before buttons"), "there are no buttons of other connections: {}", page.html);
    let new = "new@example.com";
    let sign_up = async |browser: &mut Browser, plan: &str| {
        let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
        let page = browser.submit(&page, &[("email", new), ("ulp-plan", plan), ("other", "x")]).await;
        browser.submit(&page, &[("password", PASSWORD)]).await
    };
    let refused = sign_up(&mut browser, "none").await;
    assert!(refused.status == 400 && refused.html.contains("Choose a plan"), "{}", refused.html);
    // What was entered on one page is told with the next one.
    let back = sign_up(&mut browser, "gold <b>").await;
    let told = claims(&site.tokens(&code(&back)).await["id_token"]);
    assert_eq!(told["https://acme.example/body"], json!({"ulp-plan": "gold <b>"}));
    assert_eq!(told["https://acme.example/plan"], "{\"ulp-plan\":\"gold <b>\"}");
    let mut other = site.browser().of(DOMAIN);
    let page = site.identify(&mut other, EMAIL).await;
    assert!(page.html.contains("<i>start of login-password</i>"), "{}", page.html);
    let back = other.submit(&page, &[("password", PASSWORD), ("ulp-plan", "silver")]).await;
    let told = claims(&site.tokens(&code(&back)).await["id_token"]);
    assert_eq!(told["https://acme.example/body"], json!({"ulp-plan": "silver"}));
    site.end().await;
}

#[tokio::test]
async fn partials_stand_on_the_screens_of_their_prompt() {
    let site = Site::start().await;
    let screens = [
        ("login", "login"),
        ("login-id", "login-id"),
        ("signup", "signup"),
        ("signup-password", "signup-password"),
        ("login-passwordless", "login-passwordless-email-code"),
    ];
    for (prompt, screen) in screens {
        let partial =
            json!({screen: {"form-content-end": format!("<i>of {{{{ prompt.screen.name }}}} in {prompt}</i>")}});
        assert_eq!(site.put(&format!("/prompts/{prompt}/partials"), partial).await.status, 200);
    }
    let mut browser = site.browser_at_custom_domain().await;
    set_template(&site, TEMPLATE).await;
    let is_at = |page: &Page, prompt: &str, screen: &str| {
        let said = format!("<i>of {screen} in {prompt}</i>");
        assert!(page.html.contains(&said) && page.html.matches("<i>").count() == 1, "{screen}: {}", page.html);
    };
    let page = site.begin(&mut browser).await;
    is_at(&page, "login-id", "login-id");
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    assert!(!page.html.contains("<i>"), "{}", page.html);
    let page = browser.submit(&page, &[("email", "new@example.com")]).await;
    is_at(&page, "signup-password", "signup-password");
    site.server.patch("/prompts", json!({"identifier_first": false})).await;
    is_at(&site.begin(&mut browser).await, "login", "login");
    is_at(&browser.visit(&site.authorize("&screen_hint=signup")).await, "signup", "signup");
    site.server.patch("/prompts", json!({"identifier_first": true})).await;
    site.passwordless("email", json!({})).await;
    let page = browser.visit(&site.authorize("&connection=email")).await;
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    is_at(&page, "login-passwordless", "login-passwordless-email-code");
    site.end().await;
}

#[tokio::test]
async fn a_template_may_fetch_from_the_origins_that_it_names_and_ask_nothing_else_of_its_host() {
    let site = Site::start().await;
    let named = "<script src=\"https://js.acme.example/a.js\"></script><script>go()</script><style>a{background:url(https://bg.acme.example/x)}</style>\
        <img src=\"{{ application.logo_url }}\"><a href=\"https://acme.example/terms\" onclick=\"go()\">{{ transaction.params['ext-x'] }}</a>";
    set_template(&site, &TEMPLATE.replace("Ours", named)).await;
    site.server
        .patch(&format!("/clients/{}", site.client), json!({"logo_uri": "https://logo.acme.example/l.png"}))
        .await;
    let mut browser = site.browser_at_custom_domain().await;
    let page = browser.visit(&site.authorize("&ext-x=https://evil.example/")).await;
    let nonce = page.html.split(" nonce=").nth(1).unwrap().trim_start_matches('"').split(['"', '>']).next().unwrap();
    let mine = format!("'nonce-{nonce}'");
    let scripts = sources(&page, "script-src");
    assert_eq!(scripts[..3], ["'self'", &mine, "https://js.acme.example"], "{scripts:?}");
    assert!(scripts.len() == 5 && scripts[3] == "'unsafe-hashes'" && scripts[4].starts_with("'sha256-"), "{scripts:?}");
    let all = ["https://acme.example", "https://bg.acme.example", "https://js.acme.example"];
    let pages = format!("{DOMAIN}{}/u/", kernel::port_of(&site.server.running.domain));
    assert_eq!(sources(&page, "connect-src"), [&[pages.as_str()][..], &all[..]].concat());
    assert_eq!(sources(&page, "frame-src"), all);
    assert!(sources(&page, "img-src").contains(&"https://logo.acme.example"), "{}", policy(&page));
    assert!(!policy(&page).contains("evil") && !policy(&page).contains("unsafe-inline' "), "{}", policy(&page));
    assert!(page.html.contains(&format!("<script nonce={nonce}>go()</script>")), "{}", page.html);
    // Cookies are for this host alone, and no script reads them.
    let begun = browser.fetch(Method::GET, &site.authorize(""), None).await;
    for cookie in begun.headers.get_all("set-cookie") {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.contains("; HttpOnly") && !cookie.to_lowercase().contains("domain="), "{cookie}");
    }
    site.end().await;
}

#[tokio::test]
async fn hostile_pages_of_a_tenant_cost_little_and_say_nothing_that_they_should_not() {
    let site = Site::start().await;
    let mut browser = site.browser_at_custom_domain().await;
    let is_ours = |page: &Page| {
        assert!(page.status == 200 && page.html.contains("<main class=\"_widget login-id\">"), "{page:?}");
        assert!(!page.html.contains("<aside>"), "{}", page.html);
    };
    // What cannot be read, runs for ever or makes too much is not shown: the page is ours then.
    let endless = "{% for a in (1..100000) %}{% for b in (1..100000) %}x{% endfor %}{% endfor %}";
    let deep = "{% if true %}".repeat(300);
    for hostile in ["{% if %}", "{{ 'a' | nothing }}", endless, deep.as_str(), "{% auth0:widget:x %}"] {
        set_template(&site, &TEMPLATE.replace("Ours", hostile)).await;
        is_ours(&site.begin(&mut browser).await);
    }
    let twice = TEMPLATE.replace("Ours", &"{% auth0:widget %}".repeat(500));
    set_template(&site, &twice).await;
    is_ours(&site.begin(&mut browser).await);
    // A partial that cannot be shown is left out alone.
    set_template(&site, TEMPLATE).await;
    let partials = json!({"login-id": {
        "form-content-start": endless, "form-content-end": "</form></main><b>{{ state }}</b>", "nowhere": "<b>x</b>",
        "form-footer-end": format!("<p>{}</p>", "x".repeat(9000)),
    }});
    assert_eq!(site.put("/prompts/login-id/partials", partials).await.status, 200);
    let page = site.begin(&mut browser).await;
    assert!(
        page.html.contains("<aside>Ours</aside>")
            && page.html.contains("<div id=\"ulp-container-form-content-start\"></div>")
    );
    assert!(page.html.contains("</form></main><b>") && !page.html.contains("<b>x</b>"), "{}", page.html);
    // Whatever a page is told by strangers is text, also where the template undoes its escaping: without our mark nothing runs.
    let unescaped = "{{ transaction.params['ext-x'] | url_decode }}{{ application.name }}";
    set_template(&site, &TEMPLATE.replace("Ours", unescaped)).await;
    let name = json!({"name": "</aside><script>alert(1)</script>"});
    site.server.patch(&format!("/clients/{}", site.client), name).await;
    let page = browser.visit(&site.authorize("&ext-x=%253Cscript%253Ealert(1)%253C/script%253E")).await;
    assert!(!page.html.contains("<script>alert"), "{}", page.html);
    assert!(policy(&page).contains("script-src 'self' 'nonce-"), "{}", policy(&page));
    // Texts, logo and theme can name nothing but what they are.
    site.put(
        "/prompts/login-id/custom-text/en",
        json!({"login-id": {"title": "<img src=x onerror=alert(1)>{{ 7 | times: 7 }}"}}),
    )
    .await;
    site.server
        .patch("/branding", json!({"logo_url": "https://l.acme.example/\"><script>alert(1)</script>;'*'"}))
        .await;
    let page = site.begin(&mut browser).await;
    assert!(page.html.contains("<h1>&#60;img src=x onerror=alert(1)&#62;{{ 7 | times: 7 }}</h1>"), "{}", page.html);
    assert!(!page.html.contains("\"><script>alert"), "{}", page.html);
    assert!(sources(&page, "img-src").iter().all(|source| !source.contains('*')), "{}", policy(&page));
    let hostile = json!({"colors": {"primary": "red;}</style><script>alert(1)</script>", "page_background": "url(javascript:alert(1))"}});
    site.server.patch("/branding", hostile).await;
    let page = site.begin(&mut browser).await;
    assert!(!page.html.contains("</style><script>") && !page.html.contains("javascript:"), "{}", page.html);
    assert!(site.server.get(&format!("/connections?name={CONNECTION}")).await.status == 200);
    site.end().await;
}
