//! Actions at password-reset-post-challenge: they judge a reset once its link or code was right, before the password is set.

use serde_json::json;

use crate::{
    actions::{bind, deployed, logged},
    browser::Page,
    forms::{block, field, next, step},
    login_recovery::{forgotten, twice, use_codes},
    site::{self, EMAIL, PASSWORD, Site, code, code_in, path_of},
};

const NEW: &str = "New-Horse-8";

async fn guarded(site: &Site, body: &str, back: &str) -> String {
    let code = format!(
        "exports.onExecutePostChallenge = async (event, api) => {{ {body} }};
         exports.onContinuePostChallenge = async (event, api) => {{ {back} }};"
    );
    let id = deployed(&site.server, "Guard", ("password-reset-post-challenge", "v1"), &code).await;
    bind(&site.server, "password-reset-post-challenge", &[&id]).await;
    id
}

/// The link of a mail about a forgotten password.
async fn link(site: &Site) -> String {
    site.take_mails().await;
    forgotten(site, &mut site.browser(), EMAIL).await;
    path_of(&site.mail(EMAIL, site::RESET).await)
}

#[tokio::test]
async fn an_action_refuses_a_reset_whose_link_was_right() {
    let site = Site::start().await;
    let link = link(&site).await;
    let told =
        "console.log(event.user.email, event.connection.name, event.client.name, event.authentication.methods[0].name,
        event.stats.logins_count, event.tenant.id.length > 0, Object.keys(api).sort().join());
        api.access.deny('Ask your <b>administrator</b>.');";
    guarded(&site, told, "").await;
    let mut browser = site.browser();
    let page = browser.visit(&link).await;
    let refused = browser.submit(&page, &[]).await;
    assert!(refused.address.starts_with("/u/reset-password/error?state="), "{}", refused.address);
    assert!(refused.html.contains("Ask your &#60;b&#62;administrator&#60;/b&#62;."), "{}", refused.html);
    let entry = logged(&site.server, "fcp").await;
    assert_eq!((&entry["description"], &entry["user_name"]), (&"Ask your <b>administrator</b>.".into(), &EMAIL.into()));
    let id = entry["details"]["actions"]["executions"][0].as_str().unwrap();
    let execution = site.server.get(&format!("/actions/executions/{id}")).await.body;
    assert_eq!(
        (&execution["trigger_id"], &execution["status"]),
        (&"password-reset-post-challenge".into(), &"canceled".into())
    );
    let logs = "jane@example.com Username-Password-Authentication Shop email 0 true access,authentication,cache,prompt,redirect,transaction";
    assert_eq!(execution["results"][0]["response"]["logs"], logs);
    code(&site.sign_in(&mut site.browser(), EMAIL, PASSWORD).await);
    site.end().await;
}

#[tokio::test]
async fn an_action_sends_the_user_of_a_reset_away_and_goes_on_when_they_come_back() {
    let site = Site::start().await;
    let link = link(&site).await;
    let away = "const token = api.redirect.encodeToken({ secret: 's', payload: { state: 'x' } });
        api.redirect.sendUserTo('https://elsewhere.example.com/check', { query: { session_token: token } });";
    let back = "if (event.request.query.answer !== 'yes') return api.access.deny('No.');
        api.transaction.setResultUrl('https://app.example.com/done', { query: { how: 'well' } });";
    guarded(&site, away, back).await;
    for (answer, ends_well) in [("no", false), ("yes", true)] {
        let mut browser = site.browser();
        let page = browser.visit(&link).await;
        let away = browser.submit(&page, &[]).await;
        assert!(away.address.starts_with("https://elsewhere.example.com/check?session_token="), "{}", away.address);
        let state = away.parameter("state").unwrap();
        // Nobody passes by what the Action waits for, nor in another browser.
        let around = browser.visit(&format!("/u/reset-password/change?state={state}")).await;
        assert!(around.address.starts_with("https://elsewhere.example.com/check"), "{}", around.address);
        let state = around.parameter("state").unwrap();
        assert_eq!(site.browser().visit(&format!("/continue?state={state}&answer=yes")).await.status, 400);
        let page = browser.visit(&format!("/continue?state={state}&answer={answer}")).await;
        if !ends_well {
            assert!(page.address.starts_with("/u/reset-password/error?state="), "{}", page.address);
            continue;
        }
        assert!(page.address.starts_with("/u/reset-password/change?state="), "{}", page.address);
        let done = browser.submit(&page, &twice(NEW)).await;
        assert_eq!(done.address, "https://app.example.com/done?how=well");
    }
    code(&site.sign_in(&mut site.browser(), EMAIL, NEW).await);
    site.end().await;
}

#[tokio::test]
async fn a_form_is_filled_in_before_a_password_is_set() {
    let site = Site::start().await;
    let reset = link(&site).await;
    let content = json!({"content": "<p>Hello {{context.user.email}} of {{context.client.name}}</p>"});
    let form = json!({
        "name": "Pet", "languages": {"primary": "en"}, "start": {"next_node": "one"},
        "nodes": [step("one", &json!([
            block("hello", "RICH_TEXT", &content), field("pet", "TEXT", "Pet", &json!({"min_length": 2})), next("Go on"),
        ]), "$ending")],
    });
    let form = site.server.post("/forms", form).await.body["id"].as_str().unwrap().to_owned();
    let away = format!("api.prompt.render('{form}', {{ vars: {{ plan: 'trial' }} }});");
    let back = "if (event.prompt.fields.pet !== 'Rex' || event.prompt.vars.plan !== 'trial') api.access.deny('No.');";
    guarded(&site, &away, back).await;
    for (pet, ends_well) in [("Tom", false), ("Rex", true)] {
        let mut browser = site.browser();
        let page = browser.visit(&reset).await;
        let asked = browser.submit(&page, &[]).await;
        assert!(asked.address.starts_with(&format!("/u/custom-prompt/{form}?state=")), "{asked:?}");
        assert!(asked.html.contains("<p>Hello jane@example.com of Shop</p>"), "{}", asked.html);
        // Nobody passes by the form.
        let state = asked.parameter("state").unwrap();
        for around in ["/u/reset-password/change", "/continue"] {
            assert_eq!(browser.visit(&format!("{around}?state={state}")).await.address, asked.address);
        }
        assert_eq!(site.browser().visit(&asked.address).await.status, 400);
        assert_eq!(browser.submit(&asked, &[("field-pet", "T")]).await.faults(), ["field-pet ERR_TOO_SHORT_STRING"]);
        let page = browser.submit(&asked, &[("field-pet", pet)]).await;
        if !ends_well {
            assert!(
                page.address.starts_with("/u/reset-password/error?state=") && page.html.contains("No."),
                "{page:?}"
            );
            continue;
        }
        assert!(page.address.starts_with("/u/reset-password/change?state="), "{page:?}");
        let done = browser.submit(&page, &twice(NEW)).await;
        assert!(done.address.starts_with("/u/reset-password/success"), "{done:?}");
    }
    code(&site.sign_in(&mut site.browser(), EMAIL, NEW).await);
    // By a code it is the same.
    use_codes(&site).await;
    let mut browser = site.browser();
    let page = forgotten(&site, &mut browser, EMAIL).await;
    let sent = code_in(&site.mail(EMAIL, site::CODE).await);
    let asked = browser.submit(&page, &[("code", &sent)]).await;
    assert!(asked.html.contains("<p>Hello jane@example.com of Shop</p>"), "{asked:?}");
    let page = browser.submit(&asked, &[("field-pet", "Rex")]).await;
    assert!(page.address.starts_with("/u/reset-password/change?state="), "{page:?}");
    site.end().await;
}

#[tokio::test]
async fn a_reset_by_a_code_is_judged_too_and_factors_refuse_it() {
    let site = Site::start().await;
    let link = link(&site).await;
    let refused = |page: &Page, name: &str| {
        assert!(page.address.starts_with("/u/reset-password/error?state="), "{}", page.address);
        let text = format!("s code asks for authentication.{name}, which is not available on this server");
        assert!(page.html.contains(&text), "{}", page.html);
    };
    guarded(&site, "api.authentication.challengeWithAny([{ type: 'otp' }]);", "").await;
    let mut browser = site.browser();
    let page = browser.visit(&link).await;
    refused(&browser.submit(&page, &[]).await, "challengeWithAny");
    use_codes(&site).await;
    guarded(&site, "api.authentication.challengeWith({ type: 'otp' });", "").await;
    let mut browser = site.browser();
    let page = forgotten(&site, &mut browser, EMAIL).await;
    let sent = code_in(&site.mail(EMAIL, site::CODE).await);
    refused(&browser.submit(&page, &[("code", &sent)]).await, "challengeWith");
    site.end().await;
}
