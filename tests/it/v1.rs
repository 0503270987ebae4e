//! The deprecated Management API v1: every endpoint, and what version 2 then reads.

use http::Method;
use serde_json::{Value, json};

use crate::server::{Answer, TestServer};

const DATABASE: &str = "Username-Password-Authentication";

/// A server and a token of v1.
struct V1 {
    server: TestServer,
    token: String,
}

impl V1 {
    async fn start() -> Self {
        let server = TestServer::start().await;
        let token = token(&server).await;
        Self { server, token }
    }

    /// Asks v1; every answer tells that it is deprecated.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request =
            self.server.http.request(method, self.server.url(&format!("/api{path}"))).bearer_auth(&self.token);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["deprecation"], "@1594598400");
        let status = response.status().as_u16();
        Answer { status, body: response.json().await.unwrap_or_default() }
    }

    /// What an endpoint answers that succeeds.
    async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// The body of a change that succeeds with this status.
    async fn change(&self, method: Method, path: &str, body: Value, status: u16) -> Value {
        let answer = self.ask(method.clone(), path, Some(body)).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer.body
    }

    /// Refused with this status, in the form of an error.
    async fn refused(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> String {
        let answer = self.ask(method.clone(), path, body).await;
        assert_eq!(
            (answer.status, &answer.body["statusCode"]),
            (status, &json!(status)),
            "{method} {path}: {answer:?}"
        );
        answer.body["message"].as_str().unwrap().to_owned()
    }

    async fn gone(&self, path: &str) {
        assert_eq!(self.ask(Method::DELETE, path, None).await, Answer { status: 204, body: Value::Null }, "{path}");
    }

    /// Makes a user; gives the segment that names it.
    async fn user(&self, email: &str, more: Value) -> String {
        let mut body = json!({"connection": DATABASE, "email": email, "password": "Long-enough-1"});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let user = self.change(Method::POST, "/users", body, 201).await;
        user["user_id"].as_str().unwrap().replace('|', "%7C")
    }
}

/// The global client as version 2 shows it.
async fn global(server: &TestServer) -> Value {
    server.get("/clients?is_global=true").await.body[0].clone()
}

/// What the token endpoint answers a client that names no audience.
async fn exchange(server: &TestServer, client: &Value) -> Answer {
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
    });
    let response = server.http.post(server.url("/oauth/token")).json(&body).send().await.unwrap();
    Answer { status: response.status().as_u16(), body: response.json().await.unwrap() }
}

async fn token(server: &TestServer) -> String {
    let answer = exchange(server, &global(server).await).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (200, &json!(86_400)), "{answer:?}");
    answer.body["access_token"].as_str().unwrap().to_owned()
}

fn emails(users: &Value) -> Vec<&str> {
    users.as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn only_the_global_clients_token_is_let_in() {
    let v1 = V1::start().await;
    let server = &v1.server;
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let url = server.url("/api/rules");
    assert_eq!(status(server.http.get(&url)).await, 401);
    assert_eq!(status(server.http.get(&url).bearer_auth(&v1.token)).await, 200);
    assert_eq!(status(server.http.get(format!("{url}?access_token={}", v1.token))).await, 200);
    assert_eq!(status(server.http.get(&url).bearer_auth(server.token_for("").await)).await, 401);
    assert_ne!(status(server.http.get(server.url("/api/v2/rules")).bearer_auth(&v1.token)).await, 200);
    let fresh = server.running.fresh.as_ref().unwrap();
    let other = json!({"client_id": fresh.client_id, "client_secret": fresh.client_secret.reveal()});
    assert_eq!(exchange(server, &other).await.status, 403);
    v1.refused(Method::GET, "/tenants", None, 404).await;
    v1.refused(Method::DELETE, "/users", None, 404).await;
    let id = global(server).await["client_id"].as_str().unwrap().to_owned();
    assert_eq!(server.post(&format!("/clients/{id}/rotate-secret"), json!({})).await.status, 200);
    v1.refused(Method::GET, "/rules", None, 401).await;
    assert_eq!(status(server.http.get(&url).bearer_auth(token(server).await)).await, 200);
    v1.server.end().await;
}

#[tokio::test]
async fn a_token_in_the_query_reaches_no_log() {
    let v1 = V1::start().await;
    let url = v1.server.url(&format!("/api/rules?access_token={}&x=1", v1.token));
    let rule = json!({"name": "a", "script": "function (user, context, callback) {}"});
    assert_eq!(v1.server.http.post(url).json(&rule).send().await.unwrap().status(), 201);
    let logs = v1.server.get("/logs?q=type:sapi").await.body;
    let request = &logs[0]["details"]["request"];
    assert_eq!((&request["path"], &request["query"]), (&json!("/api/rules"), &json!({"x": "1"})));
    assert!(!logs.to_string().contains(&v1.token));
    v1.server.end().await;
}

#[tokio::test]
async fn a_user_is_made_changed_and_deleted() {
    let v1 = V1::start().await;
    let jane = v1.user("jane@example.com", json!({"vip": true, "name": "Jane Roe", "email_verified": true})).await;
    let path = format!("/users/{jane}");
    let same = v1.server.get(&path).await.body;
    assert_eq!((&same["app_metadata"], &same["name"]), (&json!({"vip": true}), &json!("Jane Roe")));
    let shown = v1.get(&path).await;
    assert_eq!(
        (&shown["vip"], &shown["email_verified"], &shown["app_metadata"]),
        (&json!(true), &json!(true), &Value::Null)
    );

    let metadata = format!("{path}/metadata");
    v1.server.patch(&path, json!({"user_metadata": {"city": "Rome", "pet": "cat"}})).await;
    let merged = v1.change(Method::PATCH, &metadata, json!({"city": "Paris", "plan": 2}), 200).await;
    assert_eq!((&merged["city"], &merged["pet"], &merged["plan"]), (&json!("Paris"), &json!("cat"), &json!(2)));
    let same = v1.server.get(&path).await.body;
    assert_eq!(same["user_metadata"], json!({"city": "Paris", "pet": "cat"}));
    assert_eq!(same["app_metadata"], json!({"vip": true, "plan": 2}));
    v1.change(Method::PUT, &metadata, json!({"pet": "dog", "tier": 1}), 200).await;
    let same = v1.server.get(&path).await.body;
    assert_eq!((&same["user_metadata"], &same["app_metadata"]), (&json!({"pet": "dog"}), &json!({"tier": 1})));

    let email =
        v1.change(Method::PUT, &format!("{path}/email"), json!({"email": "j@x.org", "verify": false}), 200).await;
    assert_eq!((&email["email"], &email["email_verified"]), (&json!("j@x.org"), &json!(false)));
    assert_eq!(v1.server.get(&path).await.body["email"], "j@x.org");

    let password = json!({"password": "Quite-a-new-1", "verify": false});
    v1.change(Method::PUT, &format!("{path}/password"), password, 200).await;
    let by_email = json!({"email": "j@x.org", "password": "Quite-a-new-2", "connection": DATABASE, "verify": true});
    v1.change(Method::PUT, "/users/j%40x.org/password", by_email, 200).await;
    assert!(v1.server.get(&path).await.body["last_password_reset"].is_string());

    let verification = v1.change(Method::POST, &format!("{path}/send_verification_email"), json!({}), 200).await;
    let job = v1.server.get(&format!("/jobs/{}", verification["id"].as_str().unwrap())).await;
    assert_eq!((job.status, &job.body["type"]), (200, &json!("verification_email")));
    let result = json!({"resultUrl": "https://example.com/done"});
    let ticket = v1.change(Method::POST, &format!("{path}/verification_ticket"), result, 200).await;
    assert!(ticket["ticket"].as_str().unwrap().contains("/u/email-verification?ticket="), "{ticket}");
    let wanted = json!({"newPassword": "Quite-a-new-3", "resultUrl": "https://example.com/done"});
    let ticket = v1.change(Method::POST, &format!("{path}/change_password_ticket"), wanted, 200).await;
    assert!(ticket["ticket"].as_str().unwrap().contains("/u/reset-password?ticket="), "{ticket}");

    v1.gone(&path).await;
    assert_eq!(v1.server.get(&path).await.status, 404);
    v1.refused(Method::GET, &path, None, 404).await;
    v1.server.end().await;
}

#[tokio::test]
async fn refused_changes_of_users_change_nothing() {
    let v1 = V1::start().await;
    let jane = v1.user("jane@example.com", json!({})).await;
    let path = format!("/users/{jane}");
    let before = v1.server.get(&path).await.body;
    for (method, path, body) in [
        (Method::POST, "/users".to_owned(), json!({"email": "a@b.c", "password": "Long-enough-1"})),
        (Method::POST, "/users".to_owned(), json!({"connection": DATABASE, "password": "Long-enough-1"})),
        (Method::POST, "/users".to_owned(), json!({"connection": DATABASE, "email": "a@b.c"})),
        (
            Method::POST,
            "/users".to_owned(),
            json!({"connection": "none", "email": "a@b.c", "password": "Long-enough-1"}),
        ),
        (Method::PUT, format!("{path}/email"), json!({"email": "nonsense"})),
        (Method::PUT, format!("{path}/email"), json!({})),
        (Method::PUT, format!("{path}/metadata"), json!([1])),
        (Method::PUT, format!("{path}/password"), json!({"password": "weak"})),
        (Method::PUT, "/users/jane%40example.com/password".to_owned(), json!({"password": "Long-enough-2"})),
        (Method::POST, format!("{path}/change_password_ticket"), json!({"newPassword": "weak"})),
        (Method::POST, format!("{path}/change_password_ticket"), json!({})),
        (Method::POST, format!("{path}/publickey"), json!({"device": "phone"})),
    ] {
        v1.refused(method, &path, Some(body), 400).await;
    }
    v1.refused(Method::DELETE, &format!("{path}/publickey"), None, 400).await;
    v1.refused(Method::PUT, "/users/auth0%7Cnone/email", Some(json!({"email": "a@b.c"})), 404).await;
    assert_eq!(v1.server.get(&path).await.body, before);
    assert_eq!(emails(&v1.get("/users").await), ["jane@example.com"]);
    v1.server.end().await;
}

#[tokio::test]
async fn users_are_found_by_text_field_connection_and_client() {
    let v1 = V1::start().await;
    let more = json!({"name": "Jane (the) Roe", "family_name": "Roe", "vip": true, "email_verified": true});
    let jane = v1.user("jane@example.com", more).await;
    v1.user("joe@x.org", json!({"name": "Joe", "level": 7})).await;
    let both = ["jane@example.com", "joe@x.org"];
    let cases: [(&str, &[&str]); 12] = [
        ("", &both),
        ("?page=1&per_page=1", &both[1..]),
        ("?search=J", &both),
        ("?search=JANE%20(THE", &both[..1]),
        ("?search=joe%40X", &both[1..]),
        ("?search=example.com", &[]),
        ("?search=email_verified:true", &both[..1]),
        ("?search=family_name:%22roe%22", &both[..1]),
        ("?search=vip:true", &both[..1]),
        ("?search=level:7%20AND%20name:jo*", &both[1..]),
        ("?search=loginsCount:1", &[]),
        ("?search=nosuch:thing", &[]),
    ];
    for (query, expected) in cases {
        assert_eq!(emails(&v1.get(&format!("/users{query}")).await), expected, "{query}");
    }
    for query in ["search=loginsCount:many", "search=name:", "per_page=ten", "per_page=1000"] {
        v1.refused(Method::GET, &format!("/users?{query}"), None, 400).await;
    }
    assert_eq!(emails(&v1.get(&format!("/connections/{DATABASE}/users?search=jane&per_page=5")).await), both[..1]);
    v1.refused(Method::GET, "/connections/none/users", None, 404).await;
    assert_eq!(v1.get("/socialconnections/users?search=j").await, json!([]));
    assert_eq!(v1.get("/enterpriseconnections/users?search=j").await, json!([]));
    v1.refused(Method::GET, "/enterpriseconnections/users", None, 400).await;

    let client = v1.server.post("/clients", json!({"name": "App"})).await.body["client_id"].clone();
    let path = format!("/clients/{}/users", client.as_str().unwrap());
    assert_eq!(v1.get(&path).await, json!([]));
    let login = json!({"type": "s", "client_id": client, "user_id": jane.replace("%7C", "|")});
    log(&v1.server, &[login.clone(), login]).await;
    assert_eq!(emails(&v1.get(&path).await), both[..1]);
    v1.refused(Method::GET, "/clients/none/users", None, 404).await;
    v1.server.end().await;
}

/// Appends entries to the tenant log, as logins do.
async fn log(server: &TestServer, entries: &[Value]) {
    let store = &server.running.store;
    let tenant = store.tenants().await.unwrap().remove(0);
    let entries: Vec<_> = entries.iter().map(|entry| entry.as_object().unwrap().clone()).collect();
    let append = move |tx: &mut store::Tx| {
        for mut entry in entries.clone() {
            entry.insert("date".into(), tx.now().into());
            tx.append_log(entry)?;
        }
        Ok(())
    };
    store.write::<_, store::StoreError>(&tenant, append).await.unwrap();
}

#[tokio::test]
async fn a_devices_key_and_tokens_are_a_users() {
    let v1 = V1::start().await;
    let jane = v1.user("jane@example.com", json!({})).await;
    let path = format!("/users/{jane}");
    let key = json!({"device": "phone", "public_key": "ssh-rsa AAAA"});
    v1.change(Method::POST, &format!("{path}/publickey"), key.clone(), 201).await;
    let owned = v1.server.get(&format!("/device-credentials?user_id={jane}")).await.body;
    assert_eq!((&owned[0]["device_name"], &owned[0]["type"]), (&json!("phone"), &json!("public_key")));
    let devices = v1.get(&format!("{path}/devices")).await;
    assert_eq!((&devices[0]["device"], &devices[0]["type"]), (&json!("phone"), &json!("public_key")));
    v1.refused(Method::POST, &format!("{path}/publickey"), Some(key), 409).await;
    v1.refused(Method::DELETE, &format!("{path}/publickey?device=tablet"), None, 404).await;
    v1.gone(&format!("{path}/publickey?device=phone")).await;
    assert_eq!(v1.server.get(&format!("/device-credentials?user_id={jane}")).await.body, json!([]));

    let user = jane.replace("%7C", "|");
    crate::script::leave_refresh_token(&v1.server, "rt_1", &user).await;
    assert_eq!(v1.get(&format!("{path}/devices")).await[0]["type"], "refresh_token");
    v1.refused(Method::DELETE, &format!("{path}/refresh_tokens/other"), None, 404).await;
    v1.gone(&format!("{path}/refresh_tokens/rt_1")).await;
    assert_eq!(v1.server.get("/refresh-tokens/rt_1").await.status, 404);
    v1.server.end().await;
}

#[tokio::test]
async fn a_connection_goes_by_its_name() {
    let v1 = V1::start().await;
    let domain = json!({"tenant_domain": "example.com", "domain_aliases": ["example.com"]});
    let new = json!({"name": "directory", "strategy": "ad", "options": domain});
    let made = v1.change(Method::POST, "/connections", new.clone(), 201).await;
    assert_eq!((&made["name"], &made["status"]), (&json!("directory"), &json!(true)));
    let same = v1.server.get("/connections?name=directory").await.body;
    assert_eq!(
        (same[0]["enabled_clients"].as_array().unwrap().len(), &same[0]["options"]["tenant_domain"]),
        (3, &json!("example.com"))
    );
    assert_eq!(v1.get("/connections/directory").await["id"], made["id"]);
    assert_eq!(v1.get("/connections").await.as_array().unwrap().len(), 2);

    let change = json!({"name": "directory", "status": false, "options": {"tenant_domain": "x.org"}});
    assert_eq!(v1.change(Method::PUT, "/connections/directory", change, 200).await["status"], false);
    let same = v1.server.get("/connections?name=directory").await.body;
    assert_eq!((&same[0]["enabled_clients"], &same[0]["options"]["tenant_domain"]), (&json!([]), &json!("x.org")));
    v1.change(Method::PUT, "/connections/directory", json!({"status": true}), 200).await;
    assert_eq!(v1.get("/connections/directory").await["status"], true);

    v1.refused(Method::POST, "/connections", Some(new), 409).await;
    v1.refused(Method::POST, "/connections", Some(json!({"name": "x"})), 400).await;
    v1.refused(Method::POST, "/connections", Some(json!({"name": "x", "strategy": "none"})), 400).await;
    v1.refused(Method::PUT, "/connections/directory", Some(json!({"strategy": "samlp"})), 400).await;
    v1.refused(Method::PUT, "/connections/none", Some(json!({"status": true})), 404).await;
    v1.gone("/connections/directory").await;
    assert_eq!(v1.server.get("/connections?name=directory").await.body, json!([]));
    v1.refused(Method::DELETE, "/connections/directory", None, 404).await;
    v1.server.end().await;
}

#[tokio::test]
async fn a_clients_callbacks_are_one_text() {
    let v1 = V1::start().await;
    let new = json!({"name": "Shop", "callbacks": "https://a.example/x, https://b.example/y"});
    let made = v1.change(Method::POST, "/clients", new, 201).await;
    assert_eq!(made["callbacks"], "https://a.example/x,https://b.example/y");
    let path = format!("/clients/{}", made["client_id"].as_str().unwrap());
    assert_eq!(v1.server.get(&path).await.body["callbacks"], json!(["https://a.example/x", "https://b.example/y"]));
    let listed = v1.get("/clients").await;
    assert_eq!(listed.as_array().unwrap().iter().filter(|client| client["name"] == "Shop").count(), 1);

    let renamed = v1.change(Method::PATCH, &path, json!({"name": "Store"}), 200).await;
    assert_eq!((&renamed["name"], &renamed["callbacks"]), (&json!("Store"), &made["callbacks"]));
    let cert = v1.server.get("/keys/signing").await.body[0]["cert"].clone();
    let other = v1.server.get("/keys/signing").await.body[1]["cert"].clone();
    let keyed = v1.change(Method::PATCH, &path, json!({"signingKey": {"cert": other}}), 200).await;
    assert_eq!(keyed["signingKey"]["cert"], other);
    assert_eq!(v1.server.get(&path).await.body["signing_keys"][0]["cert"], other);
    let global = format!("/clients/{}", global(&v1.server).await["client_id"].as_str().unwrap());
    v1.change(Method::PATCH, &global, json!({"signingKey": {"cert": cert}}), 200).await;
    assert_eq!(v1.server.get(&path).await.body["signing_keys"][0]["cert"], cert);

    for key in [json!({}), json!({"cert": "x"}), json!({"key": "x"}), json!({"pkcs7": "x"}), json!({"pem": "x"})] {
        v1.refused(Method::PATCH, &path, Some(json!({"name": "No", "signingKey": key})), 400).await;
    }
    v1.refused(Method::POST, "/clients", Some(json!({"callbacks": "https://a.example"})), 400).await;
    v1.refused(Method::PATCH, "/clients/none", Some(json!({"name": "x"})), 404).await;
    assert_eq!(v1.server.get(&path).await.body["name"], "Store");
    v1.server.end().await;
}

#[tokio::test]
async fn a_rule_goes_by_its_name() {
    let v1 = V1::start().await;
    let script = "function (user, context, callback) {\n  callback(null, user, context);\n}";
    let made =
        v1.change(Method::POST, "/rules", json!({"name": "My rule", "status": false, "script": script}), 201).await;
    assert_eq!((&made["status"], &made["script"], &made["order"]), (&json!(false), &json!(script), &json!(1)));
    let same = v1.server.get("/rules").await.body;
    assert_eq!((&same[0]["name"], &same[0]["enabled"]), (&json!("My rule"), &json!(false)));
    assert_eq!(v1.get("/rules").await[0]["name"], "My rule");
    let changed = v1.change(Method::PUT, "/rules/My%20rule", json!({"status": true, "order": 5}), 200).await;
    assert_eq!((&changed["status"], &changed["order"], &changed["script"]), (&json!(true), &json!(5), &json!(script)));
    assert_eq!(v1.server.get("/rules").await.body[0]["enabled"], true);
    v1.refused(Method::POST, "/rules", Some(json!({"name": "My rule", "script": script})), 409).await;
    v1.refused(Method::POST, "/rules", Some(json!({"name": "x"})), 400).await;
    v1.refused(Method::PUT, "/rules/My%20rule", Some(json!({"enabled": true})), 400).await;
    v1.refused(Method::PUT, "/rules/other", Some(json!({"status": true})), 404).await;
    v1.gone("/rules/My%20rule").await;
    assert_eq!(v1.server.get("/rules").await.body, json!([]));
    v1.server.end().await;
}

#[tokio::test]
async fn an_email_template_is_disabled_or_not() {
    let v1 = V1::start().await;
    assert_eq!(v1.refused(Method::GET, "/emails/welcome_email", None, 404).await, "The template does not exist.");
    let text = json!({"from": "a@example.com", "subject": "Welcome", "body": "<html></html>", "disabled": true});
    let mut new = text.clone();
    new["template"] = "welcome_email".into();
    assert_eq!(v1.change(Method::POST, "/emails", new, 201).await["disabled"], true);
    let same = v1.server.get("/email-templates/welcome_email").await.body;
    assert_eq!((&same["enabled"], &same["syntax"]), (&json!(false), &json!("liquid")));
    let mut change = text;
    change["disabled"] = false.into();
    change["urlLifetimeInSeconds"] = 60.into();
    v1.change(Method::PUT, "/emails/welcome_email", change, 200).await;
    assert_eq!(v1.server.get("/email-templates/welcome_email").await.body["enabled"], true);
    let shown = v1.get("/emails/welcome_email").await;
    assert_eq!((&shown["disabled"], &shown["urlLifetimeInSeconds"]), (&json!(false), &json!(60)));
    v1.refused(Method::POST, "/emails", Some(json!({"template": "welcome_email"})), 400).await;
    v1.refused(Method::POST, "/emails", Some(json!({"template": "none"})), 400).await;
    v1.refused(Method::PUT, "/emails/welcome_email", Some(json!({"subject": 7})), 400).await;
    v1.refused(Method::GET, "/emails/none", None, 404).await;
    v1.server.end().await;
}

#[tokio::test]
async fn the_log_is_paged_sorted_searched_and_walked() {
    let v1 = V1::start().await;
    let jane = v1.user("jane@example.com", json!({})).await;
    let user = jane.replace("%7C", "|");
    let entry = |kind: &str, application: &str, name: &str| {
        json!({
            "type": kind, "client_name": application, "connection": "Shop Users", "user_name": name, "user_id": user,
            "details": {"a": 1}
        })
    };
    log(&v1.server, &[entry("s", "Shop", "JANE"), entry("f", "Shopping", "Joe"), entry("s", "Other", "Änne")]).await;
    let names = async |query: &str| {
        let page = v1.get(&format!("/logs?{query}")).await;
        let logs = page["logs"].as_array().unwrap();
        assert_eq!((&page["length"], &page["total"]), (&json!(logs.len()), &json!(logs.len())));
        logs.iter().map(|entry| entry["user_name"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let of_shop = "search=connection:%22shop%20USERS%22";
    assert_eq!(names(&format!("{of_shop}&sort=user_name:1")).await, ["JANE", "Joe", "Änne"]);
    assert_eq!(names(&format!("{of_shop}&sort=date:-1&per_page=2")).await, ["Änne", "Joe"]);
    assert_eq!(names(&format!("{of_shop}&page=1&per_page=2")).await, ["JANE"]);
    assert_eq!(names("search=shop&sort=client_name:-1").await.len(), 3);
    assert_eq!(names("search=application:shop%20AND%20user:j&sort=client_name:1").await, ["JANE", "Joe"]);
    assert_eq!(names("search=application:%22shop%22").await, ["JANE"]);
    assert_eq!(names("search=%C3%A4n").await, ["Änne"]);
    assert_eq!(names("search=hopping").await, [""; 0]);
    let page = v1.get(&format!("/logs?{of_shop}&page=1&per_page=2&fields=type,user_name")).await;
    let expected =
        json!({"start": 2, "length": 1, "total": 1, "limit": 2, "logs": [{"type": "s", "user_name": "JANE"}]});
    assert_eq!(page, expected);
    let page = v1.get(&format!("/logs?{of_shop}&fields=details&exclude_fields=true&per_page=1")).await;
    assert_eq!((&page["logs"][0]["details"], &page["logs"][0]["type"]), (&Value::Null, &json!("s")));

    let own = v1.get(&format!("/users/{jane}/logs?per_page=2")).await;
    assert_eq!((own["logs"].as_array().unwrap().len(), &own["limit"]), (2, &json!(2)));
    let id = own["logs"][0]["_id"].as_str().unwrap();
    assert_eq!(v1.get(&format!("/logs/{id}")).await["user_name"], "Änne");
    assert_eq!(v1.server.get(&format!("/logs/{id}")).await.body["user_name"], "Änne");
    let mut first = Value::Null;
    // What others are still writing on the same database server may hold entries back for a moment.
    for _ in 0..200 {
        first = v1.get("/logs?take=2").await;
        if first.as_array().unwrap().len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(first.as_array().unwrap().len(), 2);
    let from = first[1]["_id"].as_str().unwrap();
    let rest = v1.get(&format!("/logs?from={from}&take=1000")).await;
    assert!(rest.as_array().unwrap().iter().all(|entry| entry["_id"].as_str().unwrap() > from));
    v1.refused(Method::GET, "/logs/none", None, 404).await;
    v1.refused(Method::GET, "/users/auth0%7Cnone/logs", None, 404).await;
    for query in ["sort=type:1", "sort=date", "per_page=0", "per_page=x", "search=ip:1", "exclude_fields=7", "take=x"] {
        v1.refused(Method::GET, &format!("/logs?{query}"), None, 400).await;
    }
    v1.server.end().await;
}
