//! The languages of the pages, and the texts that a tenant writes for them.

use kernel::Value;
use model::{
    languages::{LANGUAGES, short},
    screens::SCREENS,
};
use serde_json::json;

use crate::{
    browser::{Browser, Page},
    site::{CONNECTION, EMAIL, Site, path_of},
};

/// A site whose tenant has these languages.
async fn site_in(languages: &[&str]) -> Site {
    let site = Site::start().await;
    let answer = site.server.patch("/tenants/settings", json!({"enabled_locales": languages})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    site
}

/// Language and direction, as the page says them.
fn written(page: &Page) -> (&str, &str) {
    let tag = page.html.split("<html").nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default();
    let value = |name: &str| tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
    (value("lang").unwrap_or_default(), value("dir").unwrap_or("ltr"))
}

fn title(page: &Page) -> &str {
    page.html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next()).unwrap_or_default()
}

async fn write(site: &Site, prompt: &str, language: &str, texts: Value) {
    let answer = site.put(&format!("/prompts/{prompt}/custom-text/{language}"), texts).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// The login page with more parameters.
async fn visit(site: &Site, browser: &mut Browser, more: &str) -> Page {
    browser.visit(&site.authorize(more)).await
}

#[tokio::test]
async fn pages_come_in_each_language_of_the_tenant() {
    let site = site_in(&LANGUAGES).await;
    let mut browser = site.browser();
    let first = visit(&site, &mut browser, "").await;
    // The browser understands English, which is not the tenant's first.
    assert_eq!((written(&first), first.heading()), (("en", "ltr"), "Welcome"));
    for language in LANGUAGES {
        let page = browser.visit(&format!("{}&ui_locales={language}", first.address)).await;
        let right = ["ar", "fa", "he", "ur"].contains(&short(language));
        assert_eq!(written(&page), (short(language), if right { "rtl" } else { "ltr" }), "{language}");
        assert_eq!(page.headers["content-language"], short(language), "{language}");
    }
    for (language, heading, button) in [
        ("en", "Welcome", "Continue"),
        ("de", "Willkommen", "Weiter"),
        ("es-MX", "Le damos la bienvenida", "Continuar"),
        ("fr-CA", "Bienvenue", "Continuer"),
        ("pt-BR", "Boas-vindas", "Continuar"),
        ("ja", "ようこそ", "続ける"),
        ("ar-SA", "مرحبًا", "متابعة"),
    ] {
        let page = visit(&site, &mut browser, &format!("&ui_locales={language}")).await;
        assert_eq!(page.heading(), heading, "{language}");
        assert!(page.html.contains(&format!("data-action-button-primary=\"true\">{button}<")), "{language}");
    }
    site.end().await;
}

#[tokio::test]
async fn the_language_is_what_was_asked_for_of_those_that_the_tenant_has() {
    let site = site_in(&["fr", "de", "pt-BR", "zh-TW", "nb"]).await;
    let mut browser = site.browser();
    for (asked, accepted, expected) in [
        ("", "en-GB,en;q=0.8", "fr"),
        ("de", "", "de"),
        ("de-AT%20en", "", "de"),
        ("pt-PT", "", "pt"),
        ("no", "", "nb"),
        ("zh-HK", "", "zh"),
        // Only the first that is asked for counts; then the browser's languages by their weight.
        ("en%20de", "pt;q=0.4, nn;q=0.9", "nb"),
        ("", "pt;q=0, it", "fr"),
        ("", "es;q=0.9,de-CH;q=0.2", "de"),
        ("%22%3E%3Cscript%3E", "-;q=x,,*;q=1", "fr"),
    ] {
        accepted.clone_into(&mut browser.languages);
        let page = visit(&site, &mut browser, &format!("&ui_locales={asked}")).await;
        assert_eq!(written(&page).0, expected, "{asked} {accepted}");
    }
    site.end().await;
}

#[tokio::test]
async fn pages_of_links_and_forms_that_send_themselves_are_in_the_language_that_was_asked_for() {
    let site = site_in(&["en", "de", "ja"]).await;
    let mut browser = site.browser();
    let ticket = site.server.post("/tickets/password-change", json!({"user_id": site.user})).await.body;
    let link = path_of(ticket["ticket"].as_str().unwrap()).replace('#', "");
    let page = browser.visit(&format!("{link}&ui_locales=de")).await;
    assert_eq!(written(&page).0, "de");
    // What the link leads to goes on in it.
    let page = browser.submit(&page, &[]).await;
    assert_eq!((written(&page).0, page.heading()), ("de", "Passwort ändern"), "{}", page.address);
    let result = browser.visit("/u/logout/complete?ui_locales=ja").await;
    assert_eq!(written(&result).0, "ja");
    let asked = site.authorize("&prompt=none&response_mode=form_post&ui_locales=ja");
    let form = browser.visit(&asked).await;
    assert!(
        form.html.contains("name=\"error\" value=\"login_required\"") && form.html.contains("続ける"),
        "{}",
        form.html
    );
    assert_eq!(written(&form), ("ja", "ltr"));
    site.end().await;
}

#[tokio::test]
async fn a_login_goes_on_in_its_language() {
    let site = site_in(&["en", "de"]).await;
    let mut browser = site.browser();
    let page = visit(&site, &mut browser, "&ui_locales=de").await;
    let page = browser.submit(&page, &[("username", EMAIL)]).await;
    assert_eq!(page.heading(), "Passwort eingeben");
    let wrong = browser.submit(&page, &[("password", "wrong")]).await;
    assert_eq!((wrong.status, wrong.faults()), (400, vec!["password wrong-email-credentials".to_owned()]));
    assert!(wrong.html.contains("Falsche E-Mail-Adresse oder falsches Passwort"));
    assert!(wrong.html.contains("role=\"img\" aria-label=\"Fehler\""));
    // Who chooses another language on a page keeps it; a page that was opened in one is answered in it.
    let english = [("language", "en"), ("persist", "session"), ("action", "change-language")];
    let page = browser.submit(&page, &english).await;
    assert_eq!(page.heading(), "Enter Your Password");
    let wrong = browser.submit(&page, &[("password", "wrong")]).await;
    assert!(wrong.html.contains("Wrong email or password"));
    let page = visit(&site, &mut browser, "").await;
    let page = browser.visit(&format!("{}&ui_locales=de", page.address)).await;
    let wrong = browser.submit(&page, &[("username", "no address")]).await;
    assert!(wrong.html.contains("Die E-Mail-Adresse ist ungültig."), "{}", wrong.html);
    // What no login is about, too.
    "de".clone_into(&mut browser.languages);
    let page = browser.visit("/u/login?state=unknown").await;
    assert_eq!((page.heading(), written(&page)), ("Da ist etwas schiefgegangen", ("de", "ltr")));
    assert_eq!(browser.visit("/u/logout/complete").await.heading(), "Sie sind abgemeldet");
    site.end().await;
}

#[tokio::test]
async fn the_rules_of_passwords_are_told_with_their_numbers() {
    let site = site_in(&["en", "ar", "ja"]).await;
    site.set_options(json!({"password_complexity_options": {"min_length": 1}})).await;
    let mut browser = site.browser();
    let mut rules = Vec::new();
    for language in ["en", "ar", "ja"] {
        let page = visit(&site, &mut browser, &format!("&screen_hint=signup&ui_locales={language}")).await;
        let page = browser.submit(&page, &[("email", &format!("{language}@example.com"))]).await;
        let rule = page.html.split("password-policy-length-at-least").nth(1).and_then(|rest| rest.split('<').next());
        rules.push(rule.and_then(|rule| rule.split_once('>')).map(|(_, text)| text.trim().to_owned()).unwrap());
    }
    assert_eq!(rules, ["At least 1 character", "حرف واحد على الأقل", "1 文字以上"]);
    site.end().await;
}

#[tokio::test]
async fn texts_of_the_tenant_replace_ours_key_by_key() {
    let site = site_in(&["en", "de"]).await;
    let texts = json!({
        "login-id": {
            "pageTitle": "Enter | ${clientName}",
            "title": "${companyName}",
            "description": "<b>${clientName}</b> ${nothing} ${buttonText}",
            "buttonText": "",
            "emailPlaceholder": "Your mail",
            "no-email": "Tell us your mail",
        },
    });
    write(&site, "login-id", "en", texts.clone()).await;
    assert_eq!(site.server.get("/prompts/login-id/custom-text/en").await.body, texts);
    site.server.patch("/tenants/settings", json!({"friendly_name": "Acme & Co"})).await;
    let mut browser = site.browser();
    let page = visit(&site, &mut browser, "").await;
    assert_eq!((title(&page), page.heading()), ("Enter | Shop", "Acme &#38; Co"));
    // No markup, no words in place of what is not known; a text may name another one of its screen, and nothing is no button.
    assert!(page.html.contains("<p>&#60;b&#62;Shop&#60;/b&#62; ${nothing} Continue</p>"), "{}", page.html);
    assert!(page.html.contains("data-action-button-primary=\"true\">Continue<"));
    assert!(page.html.contains(">Your mail<") && page.html.contains(">Tell us your mail<"));
    let page = browser.submit(&page, &[("username", "")]).await;
    assert!(page.html.contains("</span>Tell us your mail<"), "{}", page.html);
    // Neither another screen nor another language has them.
    let password = browser.submit(&page, &[("username", EMAIL)]).await;
    assert_eq!(password.heading(), "Enter Your Password");
    let german = visit(&site, &mut browser, "&ui_locales=de").await;
    assert_eq!(german.heading(), "Willkommen");
    // A text for a language that the tenant does not have waits until it has.
    write(&site, "login-id", "fr", json!({"login-id": {"title": "Salut"}})).await;
    let page = visit(&site, &mut browser, "&ui_locales=fr").await;
    assert_eq!(page.heading(), "Acme &#38; Co");
    site.server.patch("/tenants/settings", json!({"enabled_locales": ["en", "fr"]})).await;
    let page = visit(&site, &mut browser, "&ui_locales=fr").await;
    assert_eq!((page.heading(), title(&page)), ("Salut", "Se connecter | Shop"));
    write(&site, "login-id", "en", json!({})).await;
    assert_eq!(site.server.get("/prompts/login-id/custom-text/en").await.body, json!({}));
    assert_eq!(visit(&site, &mut browser, "").await.heading(), "Welcome");
    site.end().await;
}

#[tokio::test]
async fn texts_name_what_their_screen_is_about() {
    let site = site_in(&["en"]).await;
    let texts = json!({
        "reset-password-request": {"emailPlaceholder": "Your mail", "placeholderEmail": "Your mail", "backToLoginLinkText": "To ${clientName}"},
        "reset-password-email": {"title": "Look at ${email}", "pageTitle": "${email}"},
    });
    write(&site, "reset-password", "en", texts).await;
    write(&site, "logout", "en", json!({"logout-complete": {"title": "Bye from ${companyName}"}})).await;
    write(&site, "email-verification", "en", json!({"email-verification-result": {"errorTitle": "Oh"}})).await;
    let mut browser = site.browser();
    visit(&site, &mut browser, "").await;
    let login = site.identify(&mut browser, EMAIL).await;
    let start = login.address.replace("/u/login/password", &format!("/u/login/password-reset-start/{CONNECTION}"));
    let page = browser.visit(&start).await;
    assert!(page.html.contains("Your mail"), "{}", page.html);
    let page = browser.submit(&page, &[("email", EMAIL)]).await;
    let expected = ("Look at jane@example.com", "jane@example.com");
    assert_eq!((page.heading(), title(&page)), expected);
    let page = browser.visit("/u/logout/complete").await;
    assert!(page.heading().starts_with("Bye from "), "{}", page.heading());
    let page = browser.visit(&format!("/u/email-verification?ticket={}", "x".repeat(32))).await;
    let page = browser.submit(&page, &[]).await;
    assert_eq!(page.heading(), "Oh");
    site.end().await;
}

#[tokio::test]
async fn texts_are_kept_for_every_screen_and_no_other_key() {
    let site = Site::start().await;
    let mut prompts: Vec<&str> = SCREENS.iter().map(|screen| screen.prompt).collect();
    prompts.dedup();
    for (place, prompt) in prompts.into_iter().enumerate() {
        let screens = SCREENS.iter().filter(|screen| screen.prompt == prompt);
        let text = |screen: &model::screens::Screen| {
            let key = screen.texts().first().copied().unwrap_or("title");
            (screen.name.to_owned(), json!({key: "Text", "var-own": "Own"}))
        };
        let texts = Value::Object(screens.map(text).collect());
        let path = format!("/prompts/{prompt}/custom-text/{}", LANGUAGES[place]);
        let answer = site.put(&path, texts.clone()).await;
        assert_eq!((answer.status, &site.server.get(&path).await.body), (200, &texts), "{path}");
    }
    let own = |count: usize| -> Value {
        let texts = (0..count).map(|number| (format!("var-{number}"), json!("x")));
        json!({"login": Value::Object(texts.collect())})
    };
    for (prompt, texts, message) in [
        ("login", json!({"login-id": {"title": "x"}}), Some("Invalid screen \"login-id\".")),
        ("login", json!({"login": {"tittle": "x"}}), Some("Invalid key \"tittle\" in screen \"login\".")),
        (
            "login",
            json!({"login": {"invalid-email-format": "x"}}),
            Some("Invalid key \"invalid-email-format\" in screen \"login\"."),
        ),
        ("login", own(31), Some("Too many custom variables in screen \"login\".")),
        (
            "mfa-push",
            json!({"mfa-push-enrollment-qr": {"copyCodeLinkText": "x"}}),
            Some("Invalid key \"copyCodeLinkText\" in screen \"mfa-push-enrollment-qr\"."),
        ),
        ("login", own(30), None),
        ("login", json!({"login": {"footerText": "x", "password-mismatch": "x"}}), None),
    ] {
        let answer = site.put(&format!("/prompts/{prompt}/custom-text/en"), texts).await;
        let told = answer.body.get("message").and_then(Value::as_str);
        assert_eq!((answer.status, told), (if message.is_some() { 400 } else { 200 }, message));
    }
    site.end().await;
}
