//! Databases whose users are sent codes beside their passwords, or instead of them; and telephone numbers as identifiers.

use serde_json::{Value, json};

use super::{ADDRESS, NUMBER, OTP, other, refusal, site};
use crate::site::{CONNECTION, EMAIL, PASSWORD, Site, claims, code};

fn methods(password: bool) -> Value {
    json!({
        "password": {"enabled": password}, "passkey": {"enabled": false}, "email_otp": {"enabled": true},
        "phone_otp": {"enabled": true},
    })
}

fn attributes() -> Value {
    let attribute =
        |status: &str| json!({"identifier": {"active": true}, "profile_required": false, "signup": {"status": status}});
    json!({"email": attribute("optional"), "phone_number": attribute("optional")})
}

async fn with(site: &Site, password: bool) {
    site.set_options(json!({"attributes": attributes(), "authentication_methods": methods(password)})).await;
}

#[tokio::test]
async fn a_user_of_a_database_chooses_a_code_instead_of_the_password() {
    let (site, _) = site().await;
    with(&site, true).await;
    let mut browser = site.browser();
    let page = site.identify(&mut browser, EMAIL).await;
    assert!(page.html.contains("switch-to-otp-auth"), "{}", page.html);
    let page = browser.submit(&page, &[("action", "switch-to-otp-auth")]).await;
    assert!(page.address.starts_with("/u/email-identifier/challenge?state="), "{page:?}");
    let sent = site.sent_code(EMAIL).await;
    let wrong = browser.submit(&page, &[("code", &other(&sent))]).await;
    assert_eq!((wrong.status, wrong.faults()), (400, vec!["code invalid-code".to_owned()]));
    // There and back.
    let password = browser.submit(&page, &[("action", "switch-to-password-auth")]).await;
    assert!(password.address.starts_with("/u/login/password?state="), "{password:?}");
    let page = browser.submit(&password, &[("action", "switch-to-otp-auth")]).await;
    let sent = site.sent_code(EMAIL).await;
    let done = browser.submit(&page, &[("code", &sent), ("action", "default")]).await;
    assert_eq!(claims(&site.tokens(&code(&done)).await["id_token"])["sub"], site.user);
    // The code of a login is of no use to the grant of other connections.
    let page = site.identify(&mut site.browser(), EMAIL).await;
    assert_eq!(page.status, 200);
    site.end().await;
}

#[tokio::test]
async fn somebody_signs_up_and_logs_in_at_a_database_without_passwords() {
    let (site, _) = site().await;
    with(&site, false).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    assert!(page.address.starts_with("/u/signup/identifier?state="), "{page:?}");
    let page = browser.submit(&page, &[("phone_number", "+49 151 12345678"), ("action", "default")]).await;
    assert!(page.address.starts_with("/u/phone-identifier/challenge?state="), "{page:?}");
    let sent = site.sent_code(NUMBER).await;
    let wrong = browser.submit(&page, &[("code", &other(&sent))]).await;
    assert_eq!(wrong.faults(), ["code invalid-code"]);
    let done = browser.submit(&page, &[("code", &sent), ("action", "default")]).await;
    let claimed = claims(&site.tokens(&code(&done)).await["id_token"]);
    let user = site.server.get(&crate::site::user_path(claimed["sub"].as_str().unwrap())).await.body;
    assert_eq!((&user["phone_number"], &user["phone_verified"]), (&json!(NUMBER), &json!(true)));
    // The same number in another form is the same user.
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    let page = browser.submit(&page, &[("username", "0049151/12345678"), ("action", "default")]).await;
    assert!(page.address.starts_with("/u/phone-identifier/challenge?state="), "{page:?} {:?}", page.faults());
    let sent = site.sent_code(NUMBER).await;
    let done = browser.submit(&page, &[("code", &sent)]).await;
    assert_eq!(claims(&site.tokens(&code(&done)).await["id_token"])["sub"], claimed["sub"]);
    // Nobody learns who has an account, and nobody new gets in by a code for logins.
    let mut browser = site.browser();
    let page = site.begin(&mut browser).await;
    let page = browser.submit(&page, &[("username", ADDRESS)]).await;
    assert!(page.address.starts_with("/u/email-identifier/challenge?state="), "{page:?}");
    let wrong = browser.submit(&page, &[("code", "000000")]).await;
    assert_eq!((wrong.status, wrong.faults()), (400, vec!["code invalid-code".to_owned()]));
    site.end().await;
}

#[tokio::test]
async fn a_number_is_an_identifier_with_a_password_in_whatever_form() {
    let (site, _) = site().await;
    let mut attributes = attributes();
    attributes["phone_number"]["signup"]["verification"] = json!({"active": true});
    site.set_options(json!({"attributes": attributes})).await;
    let mut browser = site.browser();
    let page = browser.visit(&site.authorize("&screen_hint=signup")).await;
    let page = browser.submit(&page, &[("phone_number", "+49 151 1234 5678"), ("action", "default")]).await;
    assert!(page.address.starts_with("/u/phone-identifier/challenge?state="), "{page:?}");
    let sent = site.sent_code(NUMBER).await;
    let page = browser.submit(&page, &[("code", &sent)]).await;
    assert!(page.address.starts_with("/u/signup/password?state="), "{page:?}");
    let done = browser.submit(&page, &[("password", PASSWORD), ("action", "default")]).await;
    let claimed = claims(&site.tokens(&code(&done)).await["id_token"]);
    let done = site.sign_in(&mut site.browser(), "+49 (0) 151-12345678", PASSWORD).await;
    assert_eq!(claims(&site.tokens(&code(&done)).await["id_token"])["sub"], claimed["sub"]);
    site.end().await;
}

#[tokio::test]
async fn an_application_has_a_databases_user_sent_a_code() {
    let (site, _) = site().await;
    with(&site, true).await;
    let challenge = async |more: Value| {
        let mut body = json!({"client_id": site.client, "client_secret": site.secret, "connection": CONNECTION});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        site.send("/otp/challenge", &body).await
    };
    let exchange = async |session: &Value, otp: &str| {
        site.token(json!({"grant_type": OTP, "auth_session": session, "otp": otp, "scope": "openid"})).await
    };
    let asked = challenge(json!({"email": EMAIL})).await;
    assert_eq!((asked.status, asked.body.as_object().unwrap().len()), (200, 1), "{asked:?}");
    let session = &asked.body["auth_session"];
    let sent = site.sent_code(EMAIL).await;
    let wrong = exchange(session, &other(&sent)).await;
    assert_eq!((wrong.status, &wrong.body["error"]), (400, &json!("invalid_request")));
    assert_eq!(exchange(&json!("unknown"), &sent).await.body, wrong.body);
    let tokens = exchange(session, &sent).await;
    assert_eq!(claims(&tokens.body["id_token"])["sub"], site.user, "{tokens:?}");
    assert_eq!(exchange(session, &sent).await.body, wrong.body);
    // A stranger is answered the same, and gets in only where the application says so.
    let stranger = challenge(json!({"phone_number": NUMBER})).await;
    assert_eq!(stranger.status, 200);
    assert_eq!(exchange(&stranger.body["auth_session"], "000000").await.body, wrong.body);
    let welcome = challenge(json!({"phone_number": NUMBER, "allow_signup": true})).await;
    let sent = site.sent_code(NUMBER).await;
    assert_eq!(exchange(&welcome.body["auth_session"], &sent).await.status, 200);
    let both = challenge(json!({"phone_number": NUMBER, "email": EMAIL})).await;
    assert_eq!((both.status, &both.body["error"]), (400, &json!("invalid_request")));
    let neither = challenge(json!({})).await;
    let text = "Either email or phone_number must be provided";
    assert_eq!(neither.body["validation_errors"], json!([{"field": "email", "message": text}]));
    let elsewhere = challenge(json!({"connection": "Nowhere", "email": EMAIL})).await;
    assert_eq!(refusal(&elsewhere).1, "invalid_connection");
    let unproven = challenge(json!({"email": EMAIL, "client_secret": "wrong"})).await;
    assert_eq!((unproven.status, refusal(&unproven).1), (401, "invalid_client"));
    site.server.patch(&format!("/clients/{}", site.client), json!({"grant_types": ["refresh_token"]})).await;
    let refused = challenge(json!({"email": EMAIL})).await;
    assert_eq!((refused.status, refusal(&refused).1), (403, "unauthorized_client"));
    site.end().await;
}
