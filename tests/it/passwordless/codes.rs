//! Codes and links for applications: `/passwordless/start`, `/passwordless/verify` and the grant.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ADDRESS, NUMBER, OTP, other, parameters, refusal, site};
use crate::{
    actions::{bind, deployed, eventually, logged},
    site::{CALLBACK, CONNECTION, claims, code, path_of, user_path},
};

const WRONG: (u16, &str, &str) = (403, "invalid_grant", "Wrong email or verification code.");

#[tokio::test]
async fn a_code_from_a_mail_is_exchanged_for_tokens() {
    let (site, _) = site().await;
    let options =
        json!({"totp": {"length": 8, "time_step": 600}, "non_persistent_attrs": ["picture", "email", "user_id"]});
    site.passwordless("email", options).await;
    let asked = site.start_passwordless(json!({"email": " New@Example.com "})).await;
    let id = asked.body["_id"].clone();
    assert_eq!(asked.body, json!({"_id": id, "email": ADDRESS, "email_verified": false}));
    let mail = site.message(ADDRESS).await;
    assert_eq!((&mail["subject"], &mail["from"]), (&json!("authentication: code"), &json!("Shop <login@example.com>")));
    let sent = mail["codes"][0].as_str().unwrap();
    assert_eq!(sent.len(), 8);
    assert_eq!(mail["html"], format!("<p>{sent} for {ADDRESS} at Shop</p>"));
    let tokens = site.otp("email", "new@EXAMPLE.com", sent).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let claimed = claims(&tokens.body["id_token"]);
    let user_id = claimed["sub"].as_str().unwrap();
    assert_eq!(user_id, format!("email|{}", id.as_str().unwrap()));
    assert_eq!((&claimed["email"], &claimed["email_verified"]), (&json!(ADDRESS), &json!(true)));
    let user = site.server.get(&user_path(user_id)).await.body;
    let identity = json!([{"connection": "email", "user_id": id, "provider": "email", "isSocial": false}]);
    assert_eq!((&user["identities"], &user["logins_count"], &user["name"]), (&identity, &json!(1), &json!(ADDRESS)));
    // Of what need not be kept the connection keeps nothing.
    assert_eq!((user.get("picture"), &user["email"]), (None, &json!(ADDRESS)));
    let renewed = site.refresh(tokens.body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    // A code is used once; the next login finds the same user.
    assert_eq!(refusal(&site.otp("email", ADDRESS, sent).await), WRONG);
    let again = site.code_for(ADDRESS).await;
    let tokens = site.otp("email", ADDRESS, &again).await;
    assert_eq!(claims(&tokens.body["id_token"])["sub"], user_id);
    assert_eq!(site.users_of("email").await.len(), 1);
    assert_eq!(site.logged().await, ["sepotpft", "cls", "fepotpft", "fp", "sertft", "sepotpft", "ss", "cls"]);
    let entry = site.server.get("/logs?q=type:cls&sort=date:1").await.body[0].clone();
    assert_eq!((&entry["strategy"], &entry["strategy_type"]), (&json!("email"), &json!("passwordless")));
    assert_eq!(entry["details"]["body"]["send"], "code");
    site.end().await;
}

#[tokio::test]
async fn a_code_from_a_text_message_is_exchanged_for_tokens() {
    let (site, _) = site().await;
    site.passwordless("sms", json!({})).await;
    let ask = json!({"connection": "sms", "phone_number": "0049 151 1234-5678"});
    let asked = site.start_passwordless(ask).await;
    assert_eq!((asked.status, &asked.body["phone_number"]), (200, &json!(NUMBER)), "{asked:?}");
    assert_eq!(asked.body["phone_verified"], false);
    let sent = site.sent_code(NUMBER).await;
    let wrong = site.otp("sms", NUMBER, &other(&sent)).await;
    assert_eq!(refusal(&wrong), (403, "invalid_grant", "Wrong phone number or verification code."));
    let tokens = site.otp("sms", "+49 (0)151 12345678", &sent).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let claimed = claims(&tokens.body["id_token"]);
    assert_eq!((&claimed["phone_number"], &claimed["phone_number_verified"]), (&json!(NUMBER), &json!(true)));
    let user = site.server.get(&user_path(claimed["sub"].as_str().unwrap())).await.body;
    assert_eq!((&user["phone_verified"], &user["name"]), (&json!(true), &json!(NUMBER)));
    assert!(user["user_id"].as_str().unwrap().starts_with("sms|"), "{user}");
    assert_eq!(site.logged().await, ["sepotpft", "ss", "fepotpft", "fu", "cs"]);
    site.end().await;
}

#[tokio::test]
async fn only_the_newest_code_is_right_for_its_address_connection_and_application() {
    let (site, _) = site().await;
    site.passwordless("email", json!({})).await;
    let first = site.code_for(ADDRESS).await;
    let mut second = site.code_for(ADDRESS).await;
    while first == second {
        second = site.code_for(ADDRESS).await;
    }
    assert_eq!(refusal(&site.otp("email", ADDRESS, &first).await), WRONG);
    assert_eq!(refusal(&site.otp("email", "other@example.com", &second).await), WRONG);
    let elsewhere = site.otp(CONNECTION, ADDRESS, &second).await;
    assert_eq!(refusal(&elsewhere), (400, "invalid_request", "the connection is not enabled"));
    let nowhere = site.otp("sms", ADDRESS, &second).await;
    assert_eq!(refusal(&nowhere), (400, "invalid_request", "Unknown realm sms."));
    // Another application of the tenant has nothing of it.
    let client = json!({"name": "Other", "app_type": "regular_web", "grant_types": [OTP]});
    let client = site.server.post("/clients", client).await.body;
    let id = site.server.get("/connections?name=email").await.body[0]["id"].as_str().unwrap().to_owned();
    let enabled = json!([{"client_id": client["client_id"], "status": true}]);
    site.server.patch(&format!("/connections/{id}/clients"), enabled).await;
    let body = json!({
        "grant_type": OTP, "client_id": client["client_id"], "client_secret": client["client_secret"],
        "realm": "email", "username": ADDRESS, "otp": second,
    });
    assert_eq!(refusal(&site.send("/oauth/token", &body).await), WRONG);
    assert_eq!(site.otp("email", ADDRESS, &second).await.status, 200);
    site.end().await;
}

#[tokio::test]
async fn a_code_that_two_present_at_once_is_used_by_one() {
    let (site, _) = site().await;
    site.passwordless("email", json!({})).await;
    for _ in 0..2 {
        let sent = site.code_for(ADDRESS).await;
        let (one, other) = tokio::join!(site.otp("email", ADDRESS, &sent), site.otp("email", ADDRESS, &sent));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403], "{one:?} {other:?}");
    }
    assert_eq!(site.users_of("email").await.len(), 1);
    site.end().await;
}

#[tokio::test]
async fn codes_are_guessed_three_times_and_live_as_long_as_the_connection_says() {
    let (site, clock) = site().await;
    site.passwordless("email", json!({"totp": {"time_step": 60, "length": 6}})).await;
    let sent = site.code_for(ADDRESS).await;
    for _ in 0..3 {
        assert_eq!(refusal(&site.otp("email", ADDRESS, &other(&sent)).await), WRONG);
    }
    let spent = "You've reached the maximum number of attempts. Please try to login again.";
    assert_eq!(refusal(&site.otp("email", ADDRESS, &sent).await), (403, "invalid_grant", spent));
    let late = site.code_for(ADDRESS).await;
    clock.advance(Duration::from_secs(61));
    let expired = "The verification code has expired. Please try to login again.";
    assert_eq!(refusal(&site.otp("email", ADDRESS, &late).await), (403, "invalid_grant", expired));
    let sent = site.code_for(ADDRESS).await;
    assert_eq!(site.otp("email", ADDRESS, &sent).await.status, 200);
    site.end().await;
}

#[tokio::test]
async fn whoever_guesses_at_many_codes_is_shut_out() {
    let (site, clock) = site().await;
    site.passwordless("email", json!({})).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let sent = site.code_for(ADDRESS).await;
        for _ in 0..3 {
            statuses.push(site.otp("email", ADDRESS, &other(&sent)).await.status);
        }
    }
    // Ten failures block the address, by attack protection: no other code changes that.
    assert_eq!(statuses, [403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 429, 429]);
    let refused = site.start_passwordless(json!({"email": ADDRESS})).await;
    assert_eq!((refused.status, &refused.body["error"]), (429, &json!("too_many_attempts")));
    assert!(site.logged().await.contains(&"limit_wc".to_owned()));
    // What is sent to one address is limited, too.
    clock.advance(Duration::from_secs(86_400));
    let mut last = 200;
    for _ in 0..11 {
        last = site.start_passwordless(json!({"email": "flood@example.com"})).await.status;
    }
    assert_eq!(last, 429);
    site.end().await;
}

#[tokio::test]
async fn strangers_learn_nothing_where_nobody_may_sign_up() {
    let (site, _) = site().await;
    let connection = site.passwordless("email", json!({"disable_signup": true})).await;
    let known = json!({"connection": "email", "email": "known@example.com", "email_verified": true});
    assert_eq!(site.server.post("/users", known).await.status, 201);
    let answers = [
        site.start_passwordless(json!({"email": "known@example.com"})).await,
        site.start_passwordless(json!({"email": ADDRESS})).await,
    ];
    let shape = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!([answers[0].status, answers[1].status], [200, 200]);
    assert_eq!(shape(&answers[0].body), shape(&answers[1].body));
    assert_eq!(answers[0].body["email_verified"], answers[1].body["email_verified"]);
    // The identifier of the account is not given away, and stays the same.
    let again = site.start_passwordless(json!({"email": ADDRESS})).await;
    assert_eq!(again.body["_id"], answers[1].body["_id"]);
    let user = site.users_of("email").await.remove(0);
    assert_ne!(user["identities"][0]["user_id"], answers[0].body["_id"]);
    let sent = site.sent_code("known@example.com").await;
    for address in ["known@example.com", ADDRESS] {
        let guesses = [(); 4].map(|()| other(&sent));
        let mut told = Vec::new();
        for guess in guesses {
            told.push(format!("{:?}", refusal(&site.otp("email", address, &guess).await)));
        }
        assert!(told[..3].iter().all(|one| one.contains("Wrong email")), "{told:?}");
        assert!(told[3].contains("maximum number of attempts"), "{told:?}");
    }
    assert_eq!(site.users_of("email").await.len(), 1);
    let entry = site.server.get("/logs?q=type:fs").await.body[0].clone();
    assert_eq!((&entry["connection_id"], &entry["user_name"]), (&json!(connection), &json!(ADDRESS)));
    site.end().await;
}

#[tokio::test]
async fn a_tenants_code_judges_who_becomes_a_user_and_every_login() {
    let (site, _) = site().await;
    site.passwordless("email", json!({})).await;
    let before = "exports.onExecutePreUserRegistration = async (event, api) => {
        if (event.user.email.startsWith('bad')) api.access.deny('no', 'Not here');
        api.user.setUserMetadata('seen', event.connection.strategy);
    };";
    let after = "exports.onExecutePostUserRegistration = async (event, api) => {
        throw new Error('for ' + event.user.email);
    };";
    let login = "exports.onExecutePostLogin = async (event, api) => {
        api.idToken.setCustomClaim('https://x.example/how', event.authentication.methods[0].name + ' ' + event.transaction.protocol);
        if (event.stats.logins_count > 1) api.access.deny('once');
    };";
    for (trigger, version, code) in
        [("pre-user-registration", "v2", before), ("post-user-registration", "v2", after), ("post-login", "v3", login)]
    {
        let action = deployed(&site.server, trigger, (trigger, version), code).await;
        bind(&site.server, trigger, &[&action]).await;
    }
    let sent = site.code_for("bad@example.com").await;
    let refused = site.otp("email", "bad@example.com", &sent).await;
    assert_eq!(
        (refused.status, refused.body),
        (400, json!({"error": "extensibility_error", "error_description": "no"}))
    );
    assert!(site.users_of("email").await.is_empty());
    let sent = site.code_for(ADDRESS).await;
    let tokens = site.otp("email", ADDRESS, &sent).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!(claims(&tokens.body["id_token"])["https://x.example/how"], "email oauth2-passwordless");
    let user = site.users_of("email").await.remove(0);
    assert_eq!(user["user_metadata"]["seen"], "email");
    let failed = async || Some(logged(&site.server, "actions_execution_failed").await).filter(Value::is_object);
    assert_eq!(eventually(failed).await["description"], format!("for {ADDRESS}"));
    let sent = site.code_for(ADDRESS).await;
    assert_eq!(refusal(&site.otp("email", ADDRESS, &sent).await), (403, "access_denied", "once"));
    site.server.patch(&user_path(user["user_id"].as_str().unwrap()), json!({"blocked": true})).await;
    let sent = site.code_for(ADDRESS).await;
    assert_eq!(refusal(&site.otp("email", ADDRESS, &sent).await), (403, "unauthorized", "user is blocked"));
    site.end().await;
}

#[tokio::test]
async fn what_an_application_asks_for_is_judged_before_anything_is_sent() {
    let (site, _) = site().await;
    site.passwordless("email", json!({})).await;
    let told = |answer: &crate::server::Answer| {
        format!("{} {}", answer.status, answer.body["error"].as_str().unwrap_or_default())
    };
    for (more, expected) in [
        (json!({"connection": "sms", "phone_number": NUMBER}), "400 bad.connection"),
        (json!({"connection": CONNECTION, "email": ADDRESS}), "400 bad.connection"),
        (json!({"email": "nobody"}), "400 bad.email"),
        (json!({"email": "a@b.example\r\nBcc: c@d.example"}), "400 bad.email"),
        (json!({}), "400 bad.email"),
        (json!({"email": ADDRESS, "send": "pigeon"}), "400 invalid_request"),
        (json!({"email": ADDRESS, "authParams": "x"}), "400 invalid_request"),
        (json!({"email": ADDRESS, "authParams": {"scope": {"a": 1}}}), "400 invalid_request"),
        (json!({"email": ADDRESS, "client_secret": "wrong"}), "401 access_denied"),
        (json!({"email": ADDRESS, "client_secret": null}), "401 access_denied"),
        (json!({"email": ADDRESS, "client_id": "unknown"}), "401 access_denied"),
        (
            json!({"email": ADDRESS, "send": "link", "authParams": {"redirect_uri": "https://evil.example/callback"}}),
            "400 unauthorized_client",
        ),
    ] {
        assert_eq!(told(&site.start_passwordless(more.clone()).await), expected, "{more}");
    }
    // A tenant may let applications ask that only say who they are.
    let flags = json!({"flags": {"enforce_client_authentication_on_passwordless_start": false}});
    site.server.patch("/tenants/settings", flags).await;
    let open = site.start_passwordless(json!({"email": ADDRESS, "client_secret": null})).await;
    assert_eq!(open.status, 200, "{open:?}");
    // Bot detection asks for a puzzle, which only a page can show.
    site.server.patch("/attack-protection/bot-detection", json!({"challenge_passwordless_policy": "always"})).await;
    assert_eq!(told(&site.start_passwordless(json!({"email": ADDRESS})).await), "401 requires_verification");
    site.end().await;
}

#[tokio::test]
async fn a_link_leads_where_the_application_has_said_and_nowhere_else() {
    let (site, _) = site().await;
    site.passwordless("email", json!({})).await;
    let mut wanted = parameters();
    // What would change the login beyond the application's own recognition of it is left out.
    wanted["prompt"] = "none".into();
    wanted["connection"] = CONNECTION.into();
    wanted["client_id"] = "other".into();
    let asked = site.start_passwordless(json!({"email": ADDRESS, "send": "link", "authParams": wanted})).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let mail = site.message(ADDRESS).await;
    assert_eq!((&mail["subject"], &mail["codes"]), (&json!("authentication: link"), &json!([])));
    let link = path_of(mail["links"][0].as_str().unwrap());
    assert!(link.starts_with("/passwordless/verify_redirect?ticket="), "{link}");
    // Programs look at links, more than once, and use nothing up.
    for _ in 0..3 {
        let seen = site.browser().visit(&link).await;
        assert_eq!((seen.status, seen.heading()), (200, "Log In"), "{seen:?}");
        assert!(seen.html.contains(ADDRESS) && seen.html.contains("Shop"), "{}", seen.html);
    }
    assert!(site.users_of("email").await.is_empty());
    let mut browser = site.browser();
    let page = browser.visit(&link).await;
    let done = browser.submit(&page, &[("action", "default")]).await;
    let tokens = site.tokens(&code(&done)).await;
    let claimed = claims(&tokens["id_token"]);
    assert_eq!((&claimed["email"], &claimed["nonce"]), (&json!(ADDRESS), &json!("n")));
    // The user is signed in now, and the link has had its time.
    assert!(browser.visit(&site.authorize("&prompt=none")).await.address.starts_with(CALLBACK));
    let again = site.browser().visit(&link).await;
    let again = site.browser().submit(&again, &[]).await;
    assert_eq!((again.status, again.heading()), (400, "Invalid Link"), "{again:?}");
    let unknown = site.browser().visit("/passwordless/verify_redirect?ticket=unknown").await;
    assert_eq!((unknown.status, unknown.heading()), (400, "Invalid Link"));
    site.end().await;
}

#[tokio::test]
async fn a_browser_that_brings_a_code_waits_for_its_user() {
    let (site, _) = site().await;
    site.passwordless("email", json!({})).await;
    let sent = site.code_for(ADDRESS).await;
    let ask = |code: &str| json!({"connection": "email", "email": ADDRESS, "verification_code": code});
    // Older libraries ask first whether a code is right.
    let wrong = site.send("/passwordless/verify", &ask(&other(&sent))).await;
    assert_eq!(refusal(&wrong), WRONG);
    assert_eq!(site.send("/passwordless/verify", &ask(&sent)).await.status, 200);
    let redirect = "https%3A%2F%2Fapp.example.com%2Fcallback";
    let address = |redirect: &str| {
        format!(
            "/passwordless/verify_redirect?client_id={}&connection=email&email=new%40example.com&verification_code={sent}\
             &response_type=code&redirect_uri={redirect}&state=xyz&scope=openid%20email",
            site.client
        )
    };
    let mut browser = site.browser();
    let foreign = browser.visit(&address("https%3A%2F%2Fevil.example%2F")).await;
    assert_eq!(foreign.heading(), "Oops!, something went wrong");
    let page = browser.visit(&address(redirect)).await;
    assert!(page.address.starts_with("/u/login/passwordless-email-challenge?state="), "{page:?}");
    assert!(page.html.contains(ADDRESS) && page.html.contains(&format!("value=\"{sent}\"")), "{}", page.html);
    let done = browser.submit(&page, &[("code", &sent), ("action", "default")]).await;
    assert_eq!(claims(&site.tokens(&code(&done)).await["id_token"])["email"], ADDRESS);
    site.end().await;
}
