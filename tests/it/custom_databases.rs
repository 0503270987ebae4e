//! Users who are in a company's own directory, behind the scripts of a custom database.

use serde_json::{Value, json};

use crate::{
    actions::logged,
    directory::{Company, Directory, LEGACY, script},
    site::{self, PASSWORD, claims, code, path_of, user_path},
};

const JANE: &str = "jane@legacy.example";
const OLD: &str = "Old-Password-1";
const NEW: &str = "Better-Horse-88";

fn jane() -> Value {
    json!({
        "user_id": "7", "email": JANE, "email_verified": true, "name": "Jane Doe", "nickname": "jd",
        "user_metadata": {"color": "red"}, "app_metadata": {"plan": "gold"},
    })
}

async fn company(options: Value) -> Company {
    let company = Company::start(options).await;
    company.directory.add(OLD, jane());
    company
}

#[tokio::test]
async fn a_custom_database_says_who_gets_in() {
    let company = company(json!({})).await;
    let tokens = company.password(JANE, OLD).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let told = claims(&tokens.body["id_token"]);
    assert_eq!((&told["sub"], &told["name"]), (&json!("auth0|7"), &json!("Jane Doe")));
    code(&company.site.sign_in(&mut company.site.browser(), JANE, OLD).await);
    assert_eq!(company.directory.asked(), ["login", "login"]);
    let user = company.user("auth0|7").await.body;
    assert_eq!(user["identities"][0]["connection"], LEGACY);
    assert_eq!((&user["logins_count"], &user["app_metadata"]), (&json!(2), &json!({"plan": "gold"})));
    // What the directory says is taken over at each login; what it does not tell of stays.
    company.site.server.patch(&user_path("auth0|7"), json!({"user_metadata": {"size": 5}})).await;
    company
        .directory
        .change(JANE, &json!({"name": "Jane Roe", "email": "roe@legacy.example", "user_metadata": {"color": "blue"}}));
    assert_eq!(company.password("roe@legacy.example", OLD).await.status, 200);
    let user = company.user("auth0|7").await.body;
    assert_eq!((&user["name"], &user["email"]), (&json!("Jane Roe"), &json!("roe@legacy.example")));
    assert_eq!(user["user_metadata"], json!({"color": "blue", "size": 5}));
    let name = json!({"name": "Mine"});
    assert_eq!(company.site.server.patch(&user_path("auth0|7"), name).await.status, 400);
    company.end().await;
}

#[tokio::test]
async fn attributes_of_a_custom_database_are_taken_over_as_often_as_its_connection_says() {
    let company = company(json!({"set_user_root_attributes": "on_first_login"})).await;
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    company.directory.change(JANE, &json!({"name": "Jane Roe"}));
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    assert_eq!(company.user("auth0|7").await.body["name"], "Jane Doe");
    company.end().await;
}

#[tokio::test]
async fn what_a_connection_keeps_of_nobody_is_not_kept_of_users_of_a_custom_database() {
    let company = company(json!({"non_persistent_attrs": ["nickname"]})).await;
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    let user = company.user("auth0|7").await.body;
    assert_eq!((&user["name"], user.get("nickname")), (&json!("Jane Doe"), None));
    company.directory.change(JANE, &json!({"name": "Jane Roe", "nickname": "jr"}));
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    let user = company.user("auth0|7").await.body;
    assert_eq!((&user["name"], user.get("nickname")), (&json!("Jane Roe"), None));
    company.end().await;
}

#[tokio::test]
async fn scripts_refuse_in_their_own_words() {
    let company = company(json!({})).await;
    for (username, password, kind, user_id) in
        [(JANE, "Wrong-Password-1", "fp", "auth0|7"), ("nobody@legacy.example", OLD, "fu", "")]
    {
        let refused = company.password(username, password).await;
        let expected = json!({"error": "invalid_grant", "error_description": "Wrong email or password."});
        assert_eq!((refused.status, refused.body), (403, expected), "{username}");
        let entry = logged(&company.site.server, kind).await;
        assert_eq!((&entry["user_id"], &entry["connection"]), (&json!(user_id), &json!(LEGACY)));
        let console = entry["details"]["consoleOut"].as_str().unwrap();
        assert!(console.contains("login is asked") && !console.contains(password), "{console}");
    }
    for (error, status, code, description, fault) in [
        (json!(["UnauthorizedError", "Pay first"]), 403, "unauthorized", "Pay first", "Pay first"),
        (json!(["ValidationError", "closed", "We are closed"]), 403, "access_denied", "We are closed", "We are closed"),
        (json!(["Error", "no database"]), 500, "server_error", "Sandbox error", "Something went wrong"),
    ] {
        company.directory.answer("login", json!({"error": error}));
        let refused = company.password(JANE, OLD).await;
        let expected = json!({"error": code, "error_description": description});
        assert_eq!((refused.status, refused.body), (status, expected));
        let page = company.site.sign_in(&mut company.site.browser(), JANE, OLD).await;
        assert_eq!(page.status, 400);
        assert!(page.html.contains("data-error-code=\"custom-script-error-code\""), "{}", page.html);
        assert!(page.html.contains(fault), "{}", page.html);
        let entry = logged(&company.site.server, "f").await;
        assert_eq!(entry["description"], error.as_array().unwrap().last().unwrap().clone());
    }
    company.set_script("login", None).await;
    assert_eq!(company.password(JANE, OLD).await.status, 500);
    let entry = logged(&company.site.server, "f").await;
    assert_eq!(entry["description"], "Please implement the Login script for this database connection");
    company.end().await;
}

#[tokio::test]
async fn a_script_answers_by_a_callback_or_a_promise_and_fails_by_throwing() {
    let company = company(json!({})).await;
    for (code, status) in [
        ("async (email, password) => ({ user_id: '9', email })", 200),
        ("async (email, password) => { const { compare, hash } = require('bcrypt');
            if (await compare(password, await hash(password, 10)) && !(await compare('other', await hash(password, 10)))) return { id: 9, email }; }", 200),
        ("function (email, password, callback) { require('request').post({ url: configuration.DIRECTORY + '/get_user', json: ['jane@legacy.example'] },
            (error, response, body) => callback(error, { id: 9, name: body.result.name, email })); }", 200),
        ("function (email, password, callback) { setTimeout(() => callback(null, { id: 9, email }), 1); };", 200),
        ("function (email, password, callback) { callback(null, { user_id: '9', email }); throw new Error('late'); }", 200),
        ("async () => { throw new WrongUsernameOrPasswordError('9'); }", 403),
        ("function (email, password, callback) { callback(null); }", 403),
        ("function () { nothing.there; }", 500),
        ("function () { return require('fs').readFileSync('/etc/passwd'); }", 500),
        ("function (", 500),
        ("5", 500),
    ] {
        company.set_script("login", Some(code)).await;
        let answer = company.password("nine@legacy.example", OLD).await;
        assert_eq!(answer.status, status, "{code}: {answer:?}");
    }
    company.end().await;
}

#[tokio::test]
async fn users_sign_up_at_a_custom_database() {
    let company = company(json!({})).await;
    let mut browser = company.site.browser();
    code(&company.site.sign_up(&mut browser, "new@legacy.example", PASSWORD).await);
    let calls = company.directory.calls();
    let names: Vec<&str> = calls.iter().map(|(script, _)| script.as_str()).collect();
    assert_eq!(names, ["get_user", "create", "login"]);
    let sent = &calls[1].1[0];
    assert_eq!((&sent["email"], &sent["password"]), (&json!("new@legacy.example"), &json!(PASSWORD)));
    assert_eq!((&sent["connection"], &sent["client_id"]), (&json!(LEGACY), &json!(company.site.client)));
    assert_eq!(company.user("auth0|made1").await.body["email"], "new@legacy.example");
    let body = |email: &str| {
        let (client, connection) = (&company.site.client, LEGACY);
        json!({"client_id": client, "connection": connection, "email": email, "password": PASSWORD, "user_metadata": {"a": "b"}})
    };
    let signed_up = company.site.send("/dbconnections/signup", &body("more@legacy.example")).await;
    assert_eq!((signed_up.status, &signed_up.body["_id"]), (200, &json!("made2")), "{signed_up:?}");
    assert_eq!(company.user("auth0|made2").await.body["user_metadata"], json!({"a": "b"}));
    // The directory knows somebody of whom nothing is stored here.
    company.directory.asked();
    let taken = company.site.send("/dbconnections/signup", &body(JANE)).await;
    assert_eq!((taken.status, &taken.body["code"]), (400, &json!("invalid_signup")), "{taken:?}");
    assert_eq!(company.directory.asked(), ["get_user"]);
    for (error, status, field, text) in [
        (json!(["ValidationError", "user_exists", "There is one"]), 400, "code", "user_exists"),
        (json!(["ValidationError", "too_young", "Come back later"]), 400, "description", "Come back later"),
        (json!(["Error", "no database"]), 500, "description", "Sandbox error"),
    ] {
        company.directory.answer("create", json!({"error": error}));
        let refused = company.site.send("/dbconnections/signup", &body("other@legacy.example")).await;
        assert_eq!((refused.status, &refused.body[field]), (status, &json!(text)), "{refused:?}");
        assert_eq!(logged(&company.site.server, "fs").await["description"], *error.as_array().unwrap().last().unwrap());
    }
    company.directory.answer("create", json!({"error": ["ValidationError", "too_young", "Come back later"]}));
    let page = company.site.sign_up(&mut company.site.browser(), "young@legacy.example", PASSWORD).await;
    assert_eq!(page.status, 400);
    assert!(page.html.contains("Come back later"), "{}", page.html);
    // A weak password does not reach the directory.
    company.directory.asked();
    let mut weak = body("weak@legacy.example");
    weak["password"] = "a".into();
    assert_eq!(company.site.send("/dbconnections/signup", &weak).await.body["code"], "invalid_password");
    assert_eq!(company.directory.asked(), [""; 0]);
    company.end().await;
}

#[tokio::test]
async fn a_forgotten_password_of_a_custom_database_is_set_by_its_script() {
    let company = company(json!({})).await;
    company.site.take_mails().await;
    let ask = |email: &str| json!({"client_id": company.site.client, "connection": LEGACY, "email": email});
    // Nothing is stored here of a user who has never logged in.
    for email in [JANE, "nobody@legacy.example"] {
        let answer = company.site.send("/dbconnections/change_password", &ask(email)).await;
        assert_eq!(answer.body, "We've just sent you an email to reset your password.");
    }
    assert_eq!(company.directory.asked(), ["get_user", "get_user"]);
    let link = path_of(&company.site.mail(JANE, site::RESET).await);
    let mut browser = company.site.browser();
    let page = browser.visit(&link).await;
    let page = browser.submit(&page, &[]).await;
    let twice = |password: &'static str| [("password-reset", password), ("re-enter-password", password)];
    company.directory.answer("change_password", json!({"result": false}));
    let refused = browser.submit(&page, &twice(NEW)).await;
    assert_eq!(refused.status, 400);
    assert!(refused.html.contains("custom-script-error-code"), "{}", refused.html);
    assert_eq!(
        logged(&company.site.server, "fcp").await["description"],
        "The Change Password script has changed nothing."
    );
    company.directory.answer("change_password", Value::Null);
    let done = browser.submit(&refused, &twice(NEW)).await;
    assert_eq!((done.status, done.heading()), (200, "Password Changed!"));
    assert_eq!(company.directory.entry(JANE).unwrap().password, NEW);
    assert!(company.user("auth0|7").await.body["last_password_reset"].is_string());
    assert_eq!(company.password(JANE, OLD).await.status, 403);
    assert_eq!(company.password(JANE, NEW).await.status, 200);
    company.end().await;
}

#[tokio::test]
async fn an_address_of_a_custom_database_is_verified_by_its_script() {
    let company = company(json!({})).await;
    company.site.take_mails().await;
    code(&company.site.sign_up(&mut company.site.browser(), "new@legacy.example", PASSWORD).await);
    let link = path_of(&company.site.mail("new@legacy.example", site::VERIFY).await);
    let mut browser = company.site.browser();
    let page = browser.visit(&link).await;
    company.directory.answer("verify", json!({"error": ["Error", "no database"]}));
    assert!(browser.submit(&page, &[]).await.status >= 400);
    assert_eq!(logged(&company.site.server, "fv").await["description"], "no database");
    company.directory.answer("verify", Value::Null);
    let done = browser.submit(&page, &[]).await;
    assert_eq!((done.status, done.heading()), (200, "Email Verified"));
    assert_eq!(company.directory.entry("new@legacy.example").unwrap().profile["email_verified"], true);
    // What is stored here follows at the next login.
    assert_eq!(company.user("auth0|made1").await.body["email_verified"], false);
    assert_eq!(company.password("new@legacy.example", PASSWORD).await.status, 200);
    assert_eq!(company.user("auth0|made1").await.body["email_verified"], true);
    company.end().await;
}

#[tokio::test]
async fn administrators_manage_users_of_a_custom_database_through_its_scripts() {
    let company = company(json!({"requires_username": true})).await;
    let server = &company.site.server;
    let body = json!({"connection": LEGACY, "email": "new@legacy.example", "username": "newbie", "password": PASSWORD, "app_metadata": {"a": 1}});
    let made = server.post("/users", body.clone()).await;
    assert_eq!((made.status, &made.body["user_id"]), (201, &json!("auth0|made1")), "{made:?}");
    assert_eq!(made.body["app_metadata"], json!({"a": 1}));
    assert_eq!(company.directory.asked(), ["get_user", "create", "login"]);
    let again = server.post("/users", body).await;
    assert_eq!((again.status, &again.body["errorCode"]), (409, &json!("auth0_idp_error")));
    company.directory.asked();
    let path = user_path("auth0|made1");
    assert_eq!(server.patch(&path, json!({"password": NEW})).await.status, 200);
    assert_eq!(server.patch(&path, json!({"email": "newer@legacy.example"})).await.status, 200);
    let calls = company.directory.calls();
    let change =
        ("change_email".to_owned(), vec![json!("new@legacy.example"), json!("newer@legacy.example"), json!(false)]);
    assert_eq!(calls[1], change);
    assert_eq!(company.directory.entry("newer@legacy.example").unwrap().password, NEW);
    company.directory.change("newer@legacy.example", &json!({"username": "newbie"}));
    assert_eq!(company.password("newer@legacy.example", NEW).await.status, 200);
    assert_eq!(server.patch(&path, json!({"username": "expert"})).await.status, 200);
    assert_eq!(company.directory.entry("newer@legacy.example").unwrap().profile["username"], "expert");
    for (script, change, kind) in [
        ("change_email", json!({"email": "newest@legacy.example"}), "fce"),
        ("change_username", json!({"username": "master"}), "fcu"),
        ("change_password", json!({"password": PASSWORD}), "fcp"),
    ] {
        company.directory.answer(script, json!({"error": ["Error", "no database"]}));
        let refused = server.patch(&path, change).await;
        assert_eq!((refused.status, &refused.body["message"]), (400, &json!("Sandbox Error: no database")));
        assert_eq!(logged(server, kind).await["description"], "no database");
    }
    let user = company.user("auth0|made1").await.body;
    assert_eq!((&user["email"], &user["username"]), (&json!("newer@legacy.example"), &json!("expert")));
    company.set_script("delete", None).await;
    let refused = server.delete(&path).await;
    let text = "Sandbox Error: Please implement the Delete script for this database connection";
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
    company.set_script("delete", Some(&script("delete"))).await;
    company.directory.asked();
    assert_eq!(server.delete(&path).await.status, 204);
    assert_eq!(company.directory.calls(), [("delete".to_owned(), vec![json!("made1")])]);
    assert_eq!(company.user("auth0|made1").await.status, 404);
    assert!(company.directory.entry("newer@legacy.example").is_none());
    let settings = server
        .patch(
            &format!("/connections/{}", company.connection),
            json!({"options": {"enabledDatabaseCustomization": false}}),
        )
        .await;
    assert_eq!(settings.status, 200, "nobody is left whom the database holds: {settings:?}");
    company.end().await;
}

#[tokio::test]
async fn a_number_of_a_custom_database_is_verified_by_its_script() {
    let number = "+4915112345678";
    let identifier =
        json!({"identifier": {"active": true}, "signup": {"status": "optional"}, "profile_required": false});
    let mut email = identifier.clone();
    email["verification_method"] = "link".into();
    let company = company(json!({"attributes": {"email": email, "phone_number": identifier}})).await;
    company.directory.change(JANE, &json!({"phone_number": number}));
    let change = "function (old, number, verified, callback) {
        fetch(configuration.DIRECTORY + '/get_user', {
            method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([old, number, verified]),
        }).then(() => callback(null, true));
    }";
    company.set_script("change_phone_number", Some(change)).await;
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    company.directory.asked();
    let verified = json!({"phone_verified": true, "connection": LEGACY});
    let changed = company.site.server.patch(&user_path("auth0|7"), verified).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(company.directory.calls()[0].1, [json!(number), json!(number), json!(true)]);
    company.end().await;
}

#[tokio::test]
async fn users_move_from_a_custom_database_at_their_first_login() {
    let company = company(json!({"import_mode": true})).await;
    assert_eq!(company.password(JANE, "Wrong-Password-1").await.status, 403);
    assert_eq!(company.user("auth0|7").await.status, 404);
    // Of two first logins at once, one moves the user, and both get in.
    let (one, other) = tokio::join!(company.password(JANE, OLD), company.password(JANE, OLD));
    assert_eq!((one.status, other.status), (200, 200), "{one:?} {other:?}");
    company.directory.asked();
    company.directory.change(JANE, &json!({"name": "Jane Roe"}));
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    assert_eq!(company.password(JANE, "Wrong-Password-1").await.status, 403);
    assert_eq!(company.directory.asked(), [""; 0]);
    let user = company.user("auth0|7").await.body;
    assert_eq!((&user["name"], &user["logins_count"]), (&json!("Jane Doe"), &json!(3)));
    let path = user_path("auth0|7");
    for change in [json!({"name": "Mine"}), json!({"password": NEW}), json!({"email": "moved@legacy.example"})] {
        assert_eq!(company.site.server.patch(&path, change).await.status, 200);
    }
    assert_eq!(company.directory.asked(), [""; 0]);
    assert_eq!(company.password("moved@legacy.example", NEW).await.status, 200);
    // The directory is asked before somebody signs up, and then no more.
    let sign_up = |email: &str| json!({"client_id": company.site.client, "connection": LEGACY, "email": email, "password": PASSWORD});
    assert_eq!(company.site.send("/dbconnections/signup", &sign_up(JANE)).await.status, 400);
    assert_eq!(company.site.send("/dbconnections/signup", &sign_up("new@legacy.example")).await.status, 200);
    assert_eq!(company.directory.asked(), ["get_user", "get_user"]);
    assert_eq!(company.password("new@legacy.example", PASSWORD).await.status, 200);
    assert_eq!(company.directory.asked(), [""; 0]);
    // Without import mode the scripts are in charge again; with it, what is stored here.
    company.set_options(json!({"import_mode": false})).await;
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    assert_eq!(company.directory.asked(), ["login"]);
    company.set_options(json!({"import_mode": true})).await;
    assert_eq!(company.password(JANE, NEW).await.status, 200);
    assert_eq!(company.directory.asked(), [""; 0]);
    // Who is deleted here may move once more.
    assert_eq!(company.site.server.delete(&path).await.status, 204);
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    assert_eq!(company.directory.asked(), ["login"]);
    company.end().await;
}

#[tokio::test]
async fn who_has_forgotten_a_password_before_moving_gets_one_here() {
    let company = company(json!({"import_mode": true})).await;
    company.site.take_mails().await;
    let ask = json!({"client_id": company.site.client, "connection": LEGACY, "email": JANE});
    company.site.send("/dbconnections/change_password", &ask).await;
    let link = path_of(&company.site.mail(JANE, site::RESET).await);
    // Until then the old one holds.
    assert_eq!(company.directory.asked(), ["get_user"]);
    let mut browser = company.site.browser();
    let page = browser.visit(&link).await;
    let page = browser.submit(&page, &[]).await;
    let done = browser.submit(&page, &[("password-reset", NEW), ("re-enter-password", NEW)]).await;
    assert_eq!(done.heading(), "Password Changed!");
    assert_eq!(company.password(JANE, OLD).await.status, 403);
    assert_eq!(company.password(JANE, NEW).await.status, 200);
    assert_eq!(company.directory.asked(), [""; 0]);
    company.end().await;
}

#[tokio::test]
async fn a_script_can_return_no_user_of_another_connection() {
    let company = company(json!({})).await;
    let site = &company.site;
    let own = site.user.strip_prefix("auth0|").unwrap().to_owned();
    let before = site.profile().await;
    // The user of the tenant's own database, by the identifier and by what looks like one of another strategy.
    let hostile = json!({
        "user_id": own, "email": site::EMAIL, "email_verified": true, "name": "Mallory", "blocked": false,
        "identities": [{"connection": site::CONNECTION, "user_id": own, "provider": "auth0"}],
        "app_metadata": {"roles": ["admin"]},
    });
    company.directory.answer("login", json!({"result": hostile}));
    assert_eq!(company.password(site::EMAIL, OLD).await.status, 500);
    assert_eq!(site.profile().await, before);
    let entry = logged(&site.server, "f").await;
    assert_eq!(entry["description"], "The user_id belongs to a user of another connection.");
    company.directory.answer("get_user", json!({"result": hostile}));
    let ask = json!({"client_id": site.client, "connection": LEGACY, "email": site::EMAIL});
    assert_eq!(site.send("/dbconnections/change_password", &ask).await.status, 200);
    assert_eq!(
        logged(&site.server, "fcpr").await["description"],
        "The user_id belongs to a user of another connection."
    );
    let foreign = json!({"user_id": "google-oauth2|1", "email": "g@legacy.example", "__proto__": {"a": 1}, "blocked": true, "logins_count": 99});
    company.directory.answer("login", json!({"result": foreign}));
    let tokens = company.password("g@legacy.example", OLD).await;
    assert_eq!(claims(&tokens.body["id_token"])["sub"], "auth0|google-oauth2|1");
    let user = company.user("auth0|google-oauth2|1").await.body;
    assert_eq!((&user["logins_count"], user.get("blocked")), (&json!(1), None), "{user}");
    for (profile, description) in [
        (json!({"email": "x@legacy.example"}), "The profile has no user_id."),
        (json!([1]), "The profile is no object."),
        (
            json!({"user_id": "1", "user_metadata": {"a": "x".repeat(100_000)}}),
            "The profile is larger than the allowed 64 KiB.",
        ),
    ] {
        company.directory.answer("login", json!({"result": profile}));
        assert_eq!(company.password("x@legacy.example", OLD).await.status, 500);
        assert_eq!(logged(&site.server, "f").await["description"], description);
    }
    // Another identifier is another user, whatever the address.
    company.directory.answer("login", Value::Null);
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    company.directory.change(JANE, &json!({"user_id": "8"}));
    let tokens = company.password(JANE, OLD).await;
    assert_eq!(claims(&tokens.body["id_token"])["sub"], "auth0|8");
    let found = site.server.get("/users-by-email?email=jane%40legacy.example").await.body;
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert_eq!(site.server.patch(&user_path("auth0|8"), json!({"app_metadata": {"b": 1}})).await.status, 200);
    company.end().await;
}

#[tokio::test]
async fn guesses_at_a_custom_database_are_counted_and_its_script_is_not_asked_any_more() {
    let company = company(json!({})).await;
    let body = json!({"max_attempts": 2});
    company.site.server.patch("/attack-protection/brute-force-protection", body).await;
    // A script that fails is nobody's guess.
    company.directory.answer("login", json!({"error": ["Error", "no database"]}));
    for _ in 0..3 {
        assert_eq!(company.password(JANE, OLD).await.status, 500);
    }
    company.directory.answer("login", Value::Null);
    for _ in 0..2 {
        assert_eq!(company.password(JANE, "Wrong-Password-1").await.status, 403);
    }
    company.directory.asked();
    assert_eq!(company.password(JANE, OLD).await.status, 429);
    assert_eq!(company.directory.asked(), [""; 0]);
    company.site.server.delete("/user-blocks?identifier=jane%40legacy.example").await;
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    company.site.server.patch(&user_path("auth0|7"), json!({"blocked": true})).await;
    let blocked = company.password(JANE, OLD).await;
    assert_eq!((blocked.status, &blocked.body["error"]), (403, &json!("unauthorized")));
    company.end().await;
}

#[tokio::test]
async fn a_database_that_hangs_does_not_hold_others() {
    let company = company(json!({})).await;
    company.set_script("login", Some("function (email, password, callback) {}")).await;
    let other = "Other-Users";
    let directory: &Directory = &company.directory;
    Company::add_connection(&company.site, directory, other, json!({})).await;
    let hanging: Vec<_> = (0..6)
        .map(|_| {
            let request = company.site.server.http.post(company.site.server.url("/oauth/token")).json(&json!({
                "grant_type": site::REALM, "realm": LEGACY, "username": JANE, "password": OLD,
                "client_id": company.site.client, "client_secret": company.site.secret,
            }));
            tokio::spawn(request.send())
        })
        .collect();
    let ask = json!({"grant_type": site::REALM, "realm": other, "username": JANE, "password": OLD});
    assert_eq!(company.site.token(ask).await.status, 200);
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
    company.end().await;
}

#[tokio::test]
async fn scripts_are_told_of_the_organization_where_the_connection_says_so() {
    let company = company(json!({"enable_script_context": true})).await;
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    assert_eq!(company.directory.calls(), [("login".to_owned(), vec![json!(JANE), json!(OLD), json!({})])]);
    company.site.server.delete(&user_path("auth0|7")).await;
    assert_eq!(company.directory.calls(), [("delete".to_owned(), vec![json!("7"), json!({})])]);
    company.end().await;
}

#[tokio::test]
async fn the_configuration_of_scripts_is_read_by_them_alone() {
    let company = company(json!({})).await;
    let path = format!("/connections/{}", company.connection);
    let shown = company.site.server.get(&path).await.body["options"]["configuration"]["DIRECTORY"].clone();
    assert_ne!(shown, json!(company.directory.address));
    // What was read is sent back by tools that deploy settings, and means what it meant.
    company.set_options(json!({"brute_force_protection": false})).await;
    assert_eq!(company.password(JANE, OLD).await.status, 200);
    company.set_options(json!({"configuration": {"DIRECTORY": "http://127.0.0.1:9"}})).await;
    assert_eq!(company.password(JANE, OLD).await.status, 500);
    company.end().await;
}
