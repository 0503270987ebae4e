//! Tokens for a user's password, and users of databases without pages: `/oauth/token` and `/dbconnections/…`.

use aught::{Config, Dns};
use aught_testing::PostgresDatabase;
use serde_json::{Value, json};
use store::Database;

use crate::{
    actions::{bind, deployed, logged},
    imports::import,
    server::TestServer,
    site::{self, CONNECTION, EMAIL, PASSWORD, REALM, Site, claims, code, path_of, user_path},
};

/// Tables that tell what happened, until their retention ends.
const LASTING: [&str; 3] = ["logs", "log_parts", "events"];

#[tokio::test]
async fn a_password_is_exchanged_for_tokens() {
    let site = Site::start().await;
    let api = json!({
        "identifier": "https://shop.example.com", "name": "Shop API", "allow_offline_access": true,
        "scopes": [{"value": "read:a"}, {"value": "read:b"}],
    });
    site.server.post("/resource-servers", api).await;
    let tokens = site
        .token(json!({
            "grant_type": REALM, "realm": CONNECTION, "username": EMAIL, "password": PASSWORD,
            "audience": "https://shop.example.com", "scope": "openid email read:a read:x offline_access",
        }))
        .await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!(tokens.body["scope"], "openid email read:a offline_access");
    let access = claims(&tokens.body["access_token"]);
    assert_eq!(
        (&access["sub"], &access["gty"], &access["azp"]),
        (&json!(site.user), &json!("password"), &json!(site.client))
    );
    let id = claims(&tokens.body["id_token"]);
    assert_eq!((&id["email"], id.get("sid")), (&json!(EMAIL), None));
    let renewed = site.refresh(tokens.body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let user = site.profile().await;
    assert_eq!((&user["logins_count"], &user["last_ip"]), (&json!(1), &json!("127.0.0.1")));
    assert_eq!(site.server.get(&format!("{}/sessions", user_path(&site.user))).await.body["sessions"], json!([]));
    assert_eq!(site.logged().await, ["sertft", "sepft"]);
    site.end().await;
}

#[tokio::test]
async fn the_default_directory_is_whose_password_is_meant() {
    let site = Site::start().await;
    let ask = json!({"grant_type": "password", "username": EMAIL, "password": PASSWORD});
    let unset = site.token(ask.clone()).await;
    assert_eq!((unset.status, &unset.body["error"]), (500, &json!("server_error")));
    assert_eq!(unset.body["error_description"], "Authorization server not configured with default connection.");
    site.server.patch("/tenants/settings", json!({"default_directory": CONNECTION})).await;
    let tokens = site.token(ask.clone()).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    // What Auth0 answers where no scope is named.
    assert_eq!(tokens.body["scope"], "openid profile email address phone");
    assert_eq!(tokens.body.get("id_token"), None);
    let narrow = site
        .token(json!({"grant_type": "password", "username": EMAIL, "password": PASSWORD, "scope": "extra-scope"}))
        .await;
    assert_eq!((narrow.status, narrow.body.get("scope")), (200, None));
    site.end().await;
}

#[tokio::test]
async fn a_password_that_is_refused_tells_no_more_than_that() {
    let site = Site::start().await;
    for (username, password) in
        [(EMAIL, "wrong"), ("nobody@example.com", PASSWORD), ("a\u{7}b", "x"), (EMAIL, &"x".repeat(100_000))]
    {
        let refused = site.password(username, password).await;
        let expected = json!({"error": "invalid_grant", "error_description": "Wrong email or password."});
        assert_eq!((refused.status, refused.body), (403, expected), "{username}");
    }
    let unknown =
        site.token(json!({"grant_type": REALM, "realm": "Nowhere", "username": EMAIL, "password": PASSWORD})).await;
    assert_eq!((unknown.status, &unknown.body["error_description"]), (400, &json!("Unknown realm Nowhere.")));
    let missing = site.token(json!({"grant_type": REALM, "realm": CONNECTION, "username": EMAIL})).await;
    assert_eq!(
        (missing.status, &missing.body["error_description"]),
        (400, &json!("Missing required parameter: password"))
    );
    site.server.patch(&user_path(&site.user), json!({"blocked": true})).await;
    let blocked = site.password(EMAIL, PASSWORD).await;
    assert_eq!(
        (blocked.status, blocked.body),
        (403, json!({"error": "unauthorized", "error_description": "user is blocked"}))
    );
    let grants = json!({"grant_types": ["authorization_code"]});
    site.server.patch(&format!("/clients/{}", site.client), grants).await;
    let refused = site.password(EMAIL, PASSWORD).await;
    assert_eq!((refused.status, &refused.body["error"]), (403, &json!("unauthorized_client")));
    site.end().await;
}

#[tokio::test]
async fn imported_users_sign_in_with_the_passwords_of_before() {
    let site = Site::start().await;
    let hashes = [
        ("md5", "5f4dcc3b5aa765d61d8327deb882cf99"),
        ("sha256", "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"),
    ];
    let row = |(algorithm, value): (&str, &str)| {
        let hash = json!({"algorithm": algorithm, "hash": {"value": value, "encoding": "hex"}});
        json!({"email": format!("{algorithm}@example.com"), "email_verified": true, "custom_password_hash": hash})
    };
    let rows: Vec<Value> = hashes.into_iter().map(row).collect();
    let (summary, errors) = import(&site.server, rows.into(), "false").await;
    assert_eq!(summary["inserted"], 2, "{errors:?}");
    for (algorithm, _) in hashes {
        let email = format!("{algorithm}@example.com");
        assert_eq!(site.password(&email, "passwort").await.status, 403, "{algorithm}");
        // The second time it is a hash of our own.
        for _ in 0..2 {
            assert_eq!(site.password(&email, "password").await.status, 200, "{algorithm}");
        }
        code(&site.sign_in(&mut site.browser(), &email, "password").await);
    }
    site.end().await;
}

#[tokio::test]
async fn an_action_verifies_hashes_that_only_the_tenant_knows() {
    let site = Site::start().await;
    let (summary, errors) =
        import(&site.server, json!([{"email": "old@example.com", "app_metadata": {"hash": "drowssap"}}]), "false")
            .await;
    assert_eq!(summary["inserted"], 1, "{errors:?}");
    let code = "exports.onExecutePasswordHashMigration = async (event, api) => {
        const { hash } = event.user.app_metadata ?? {};
        if (hash && [...event.password].reverse().join('') === hash) api.password.accept();
        else if (hash) throw new Error('not ' + event.password);
    };";
    let action = deployed(&site.server, "Migrate", ("password-hash-migration", "v1"), code).await;
    assert_eq!(site.password("old@example.com", "password").await.status, 403);
    site.set_options(json!({"custom_password_hash": {"action_id": action}})).await;
    assert_eq!(site.password("old@example.com", "passwort").await.status, 403);
    let failed = logged(&site.server, "actions_execution_failed").await;
    assert!(!failed.to_string().contains("passwort"), "{failed}");
    assert_eq!(site.password("old@example.com", "password").await.status, 200);
    // From now on it is a hash of our own.
    site.set_options(json!({"custom_password_hash": null})).await;
    assert_eq!(site.password("old@example.com", "password").await.status, 200);
    site.end().await;
}

#[tokio::test]
async fn code_at_post_login_has_its_say_about_a_password_grant() {
    let site = Site::start().await;
    let code = "exports.onExecutePostLogin = async (event, api) => {
        if (event.transaction.protocol !== 'oauth2-password') return;
        if (event.request.body.password) throw new Error('a password');
        api.idToken.setCustomClaim('https://shop.example.com/by', event.authentication.methods[0].name);
        if (event.user.user_metadata.denied) api.access.deny('Not today');
    };";
    let action = deployed(&site.server, "Say", ("post-login", "v3"), code).await;
    bind(&site.server, "post-login", &[&action]).await;
    let ask =
        json!({"grant_type": REALM, "realm": CONNECTION, "username": EMAIL, "password": PASSWORD, "scope": "openid"});
    let tokens = site.token(ask.clone()).await;
    assert_eq!(claims(&tokens.body["id_token"])["https://shop.example.com/by"], "pwd");
    site.server.patch(&user_path(&site.user), json!({"user_metadata": {"denied": true}})).await;
    let denied = site.token(ask).await;
    assert_eq!(
        (denied.status, denied.body),
        (403, json!({"error": "access_denied", "error_description": "Not today"}))
    );
    site.end().await;
}

#[tokio::test]
async fn somebody_signs_up_without_a_page() {
    let site = Site::start().await;
    let ask = |more: Value| {
        let mut body = json!({"client_id": site.client, "connection": CONNECTION, "password": PASSWORD});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let sign_up = async |more: Value| site.send("/dbconnections/signup", &ask(more)).await;
    let new = sign_up(json!({"email": "New@example.com", "given_name": "Nea", "user_metadata": {"plan": "gold"}, "app_metadata": {"role": "admin"}, "email_verified": true})).await;
    assert_eq!(new.status, 200, "{new:?}");
    let keys: Vec<&String> = new.body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["_id", "email", "email_verified", "given_name", "user_metadata"]);
    assert_eq!((&new.body["email"], &new.body["email_verified"]), (&json!("new@example.com"), &json!(false)));
    let user = site.server.get(&format!("/users/auth0%7C{}", new.body["_id"].as_str().unwrap())).await.body;
    assert_eq!((&user["user_metadata"], user.get("app_metadata")), (&json!({"plan": "gold"}), None), "{user}");
    code(&site.sign_in(&mut site.browser(), "new@example.com", PASSWORD).await);
    let taken = sign_up(json!({"email": "new@example.com"})).await;
    let hidden = json!({"name": "BadRequestError", "code": "invalid_signup", "description": "Invalid sign up", "statusCode": 400});
    assert_eq!((taken.status, taken.body), (400, hidden));
    site.server.patch("/tenants/settings", json!({"flags": {"enable_public_signup_user_exists_error": true}})).await;
    let taken = sign_up(json!({"email": "new@example.com"})).await;
    assert_eq!(
        (&taken.body["code"], &taken.body["description"]),
        (&json!("user_exists"), &json!("The user already exists."))
    );
    let weak = sign_up(json!({"email": "weak@example.com", "password": "abc"})).await;
    assert_eq!((&weak.body["name"], &weak.body["code"]), (&json!("PasswordStrengthError"), &json!("invalid_password")));
    assert_eq!((weak.status, &weak.body["description"]["verified"]), (400, &json!(false)));
    for (more, code) in [
        (json!({"email": "nobody"}), "invalid_email"),
        (json!({"email": "a@b.co", "user_metadata": {"a": 1}}), "invalid_user_metadata"),
        (json!({"email": "a@b.co", "given_name": "x\u{0}"}), "invalid_given_name"),
        (json!({"email": "a@b.co", "connection": "Nowhere"}), "invalid_connection"),
    ] {
        let refused = sign_up(more.clone()).await;
        assert_eq!((refused.status, &refused.body["code"]), (400, &json!(code)), "{more}: {refused:?}");
    }
    assert_eq!(sign_up(json!({})).await.status, 400);
    site.set_options(json!({"requires_username": true})).await;
    let missing = sign_up(json!({"email": "a@b.co"})).await;
    let text = format!("missing username for {CONNECTION} connection with requires_username enabled");
    assert_eq!((missing.status, missing.body), (400, json!({ "error": text })));
    let named = sign_up(json!({"email": "a@b.co", "username": "ada"})).await;
    let keys: Vec<&String> = named.body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["_id", "email", "username", "email_verified"], "{named:?}");
    let taken = sign_up(json!({"email": "b@b.co", "username": "Ada"})).await;
    assert_eq!(taken.body["code"], "username_exists", "{taken:?}");
    site.set_options(json!({"disable_signup": true})).await;
    assert_eq!(sign_up(json!({"email": "c@b.co", "username": "cleo"})).await.status, 400);
    site.end().await;
}

#[tokio::test]
async fn code_before_a_registration_may_refuse_a_sign_up() {
    let site = Site::start().await;
    let code = "exports.onExecutePreUserRegistration = async (event, api) => {
        if (event.user.email.startsWith('evil')) api.access.deny('no', 'Please go away');
        api.user.setAppMetadata('seen', true);
    };";
    let action = deployed(&site.server, "Gate", ("pre-user-registration", "v2"), code).await;
    bind(&site.server, "pre-user-registration", &[&action]).await;
    let ask =
        |email: &str| json!({"client_id": site.client, "connection": CONNECTION, "password": PASSWORD, "email": email});
    let refused = site.send("/dbconnections/signup", &ask("evil@example.com")).await;
    let expected = json!({
        "name": "InternalExtensibilityError", "statusCode": 400, "code": "extensibility_error", "message": "no",
        "description": "no", "fromSandbox": true, "friendly_message": "Please go away",
    });
    assert_eq!((refused.status, refused.body), (400, expected));
    assert_eq!(site.send("/dbconnections/signup", &ask("good@example.com")).await.status, 200);
    let found = site.server.get("/users-by-email?email=good%40example.com").await.body;
    assert_eq!(found[0]["app_metadata"], json!({"seen": true}));
    assert_eq!(site.logged().await, ["ss", "fs"]);
    site.end().await;
}

#[tokio::test]
async fn a_new_password_is_asked_for_without_a_page() {
    let site = Site::start().await;
    site.take_mails().await;
    let sent = json!({"client_id": site.client, "connection": CONNECTION, "email": EMAIL});
    let answer = site.send("/dbconnections/change_password", &sent).await;
    assert_eq!((answer.status, answer.body), (200, json!("We've just sent you an email to reset your password.")));
    let mut browser = site.browser();
    let page = browser.visit(&path_of(&site.mail(EMAIL, site::RESET).await)).await;
    let page = browser.submit(&page, &[]).await;
    let fields = [("password-reset", "New-Horse-8"), ("re-enter-password", "New-Horse-8")];
    assert_eq!(browser.submit(&page, &fields).await.heading(), "Password Changed!");
    assert_eq!(site.password(EMAIL, "New-Horse-8").await.status, 200);
    for (body, status) in [
        (json!({"connection": CONNECTION}), 400),
        (json!({"email": EMAIL}), 400),
        (json!({"connection": "Nowhere", "email": EMAIL}), 400),
        (json!({"connection": CONNECTION, "email": EMAIL, "client_id": "nobody"}), 400),
        (json!({"connection": CONNECTION, "email": {"$ne": 1}}), 400),
        (json!([]), 400),
    ] {
        assert_eq!(site.send("/dbconnections/change_password", &body).await.status, status, "{body}");
    }
    // Users of a database may not be meant to do it themselves.
    site.set_options(json!({"disable_self_service_change_password": true})).await;
    assert_eq!(site.send("/dbconnections/change_password", &sent).await.status, 400);
    let page = site.identify(&mut browser, EMAIL).await;
    assert!(!page.html.contains("reset-password") && !page.html.contains("password-reset"), "{}", page.html);
    site.end().await;
}

#[tokio::test]
async fn a_deleted_user_leaves_nothing_but_log_entries() {
    const MARK: &str = "Zyxmarker";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenant.db");
    let database = if PostgresDatabase::create().is_some() { Database::Memory } else { Database::File(file.clone()) };
    let site = Site::on(TestServer::of(Config { database, dns: Dns::Trusting, ..Config::in_memory() }).await).await;
    site.take_mails().await;
    let tell =
        format!("exports.onExecutePostLogin = async (event, api) => api.user.setUserMetadata('seen', '{MARK}');");
    let action = deployed(&site.server, "Mark", ("post-login", "v3"), &tell).await;
    bind(&site.server, "post-login", &[&action]).await;
    let email = format!("{MARK}@example.com").to_lowercase();
    let sign_up = json!({
        "client_id": site.client, "connection": CONNECTION, "email": email, "password": format!("{MARK}-Horse-7"),
        "given_name": MARK, "user_metadata": {"note": MARK},
    });
    let id = site.send("/dbconnections/signup", &sign_up).await.body["_id"].as_str().unwrap().to_owned();
    site.mail(&email, site::VERIFY).await;
    let mut browser = site.browser();
    code(&site.sign_in(&mut browser, &email, &format!("{MARK}-Horse-7")).await);
    let sent = json!({"client_id": site.client, "connection": CONNECTION, "email": email});
    site.send("/dbconnections/change_password", &sent).await;
    site.mail(&email, site::RESET).await;
    assert_eq!(site.password(&email, "wrong").await.status, 403);
    assert_eq!(site.server.delete(&format!("/users/auth0%7C{id}")).await.status, 204);
    // The Action that was deployed holds the word, too.
    bind(&site.server, "post-login", &[]).await;
    assert_eq!(site.server.delete(&format!("/actions/actions/{action}?force=true")).await.status, 204);
    let left = site.server.tables_with(&file, MARK);
    assert!(left.iter().all(|table| LASTING.contains(&table.as_str())), "{left:?}");
    site.end().await;
}
