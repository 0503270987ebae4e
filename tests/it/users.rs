//! Users: creation, changes, search, linked accounts, factors.

use serde_json::{Value, json};

use crate::server::TestServer;

const DATABASE: &str = "Username-Password-Authentication";

/// Makes a user of the default database; gives the path of its own.
async fn user(server: &TestServer, email: &str, more: Value) -> String {
    let mut body = json!({"connection": DATABASE, "email": email});
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let answer = server.post("/users", body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    format!("/users/{}", answer.body["user_id"].as_str().unwrap().replace('|', "%7C"))
}

/// The addresses of the users that a search finds.
async fn found(server: &TestServer, query: &str) -> Vec<String> {
    let encoded = query.replace('%', "%25").replace(' ', "%20").replace('"', "%22").replace('[', "%5B");
    let answer = server.get(&format!("/users?q={encoded}&sort=email:1")).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.body.as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_address_is_taken_once_in_a_connection() {
    let server = TestServer::start().await;
    let jane = user(&server, "Jane@Example.com", json!({})).await;
    assert_eq!(server.get(&jane).await.body["email"], "jane@example.com");
    let again = server.post("/users", json!({"connection": DATABASE, "email": "JANE@example.com"})).await;
    assert_eq!((again.status, &again.body["message"]), (409, &json!("The user already exists.")));
    let joe = user(&server, "joe@example.com", json!({})).await;
    assert_eq!(server.patch(&joe, json!({"email": "jane@example.com"})).await.status, 400);
    assert_eq!(server.delete(&jane).await.status, 204);
    assert_eq!(server.patch(&joe, json!({"email": "jane@example.com"})).await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn a_weak_password_is_refused_and_nothing_is_stored() {
    let server = TestServer::start().await;
    let body = json!({"connection": DATABASE, "email": "jane@example.com", "password": "weak"});
    let refused = server.post("/users", body).await;
    assert_eq!(
        (refused.status, &refused.body["message"]),
        (400, &json!("PasswordStrengthError: Password is too weak"))
    );
    assert_eq!(found(&server, "email:*").await, [""; 0]);
    server.end().await;
}

#[tokio::test]
async fn metadata_is_merged_at_its_first_level() {
    let server = TestServer::start().await;
    let metadata = json!({"user_metadata": {"a": 1, "b": {"x": 1}}, "app_metadata": {"tier": 1}});
    let jane = user(&server, "jane@example.com", metadata).await;
    let change = json!({"user_metadata": {"a": null, "b": {"y": 2}}, "app_metadata": {}});
    let changed = server.patch(&jane, change).await.body;
    assert_eq!(changed["user_metadata"], json!({"b": {"y": 2}}));
    assert!(changed.get("app_metadata").is_none());
    server.end().await;
}

#[tokio::test]
async fn a_search_sees_what_was_just_written() {
    let server = TestServer::start().await;
    let more = json!({"name": "Jane Roe", "user_metadata": {"cities": ["Paris"], "age": 7}});
    let jane = user(&server, "jane@example.com", more).await;
    user(&server, "joe@x.org", json!({"app_metadata": {"score": 12}})).await;
    let cases: [(&str, &[&str]); 10] = [
        ("name:\"jane roe\"", &["jane@example.com"]),
        ("user_metadata.cities:Paris", &["jane@example.com"]),
        ("user_metadata.cities:paris", &[]),
        ("user_metadata.age:7", &["jane@example.com"]),
        ("app_metadata.score:[10 TO 20}", &["joe@x.org"]),
        ("email.domain:x.org OR name:jane*", &["jane@example.com", "joe@x.org"]),
        ("NOT _exists_:app_metadata.score", &["jane@example.com"]),
        ("created_at:[* TO 2000-01-01]", &[]),
        ("j*", &["jane@example.com", "joe@x.org"]),
        ("identities.connection:\"Username-Password-Authentication\" -email:joe@x.org", &["jane@example.com"]),
    ];
    for (query, expected) in cases {
        assert_eq!(found(&server, query).await, expected, "{query}");
    }
    server.patch(&jane, json!({"user_metadata": {"cities": ["Rome"]}})).await;
    assert_eq!(found(&server, "user_metadata.cities:Paris").await, [""; 0]);
    let refused = server.get("/users?q=name:%2Aab").await;
    assert_eq!((refused.status, &refused.body["errorCode"]), (400, &json!("invalid_query_string")));
    server.end().await;
}

#[tokio::test]
async fn a_linked_account_comes_back_when_it_is_unlinked() {
    let server = TestServer::start().await;
    let jane = user(&server, "jane@example.com", json!({})).await;
    let joe = user(&server, "joe@example.com", json!({"user_id": "joe", "user_metadata": {"a": 1}})).await;
    let identities = format!("{jane}/identities");
    let linked = server.post(&identities, json!({"provider": "auth0", "user_id": "auth0|joe"})).await;
    assert_eq!((linked.status, linked.body.as_array().unwrap().len()), (201, 2));
    assert_eq!(linked.body[1]["profileData"]["email"], "joe@example.com");
    assert_eq!(server.get(&joe).await.status, 404);
    let taken = server.post("/users", json!({"connection": DATABASE, "email": "joe@example.com"})).await;
    assert_eq!(taken.status, 409);
    let left = server.delete(&format!("{identities}/auth0/joe")).await;
    assert_eq!((left.status, left.body.as_array().unwrap().len()), (200, 1));
    let back = server.get(&joe).await.body;
    assert_eq!(back["email"], "joe@example.com");
    assert!(back.get("user_metadata").is_none());
    server.end().await;
}

#[tokio::test]
async fn a_user_takes_everything_along() {
    let server = TestServer::start().await;
    let jane = user(&server, "jane@example.com", json!({})).await;
    let methods = format!("{jane}/authentication-methods");
    let phone = json!({"type": "phone", "phone_number": "+15551234"});
    assert_eq!(server.post(&methods, phone.clone()).await.status, 201);
    assert_eq!(server.post(&methods, phone).await.status, 409);
    let role = server.post("/roles", json!({"name": "Admin"})).await.body["id"].clone();
    assert_eq!(server.post(&format!("{jane}/roles"), json!({"roles": [role]})).await.status, 204);
    assert_eq!(server.delete(&jane).await.status, 204);
    assert_eq!(server.get(&format!("{jane}/roles")).await.status, 404);
    let holders = server.get(&format!("/roles/{}/users", role.as_str().unwrap())).await;
    assert_eq!(holders.body, json!([]));
    server.end().await;
}

#[tokio::test]
async fn a_walk_through_the_log_misses_nothing() {
    let server = TestServer::start().await;
    for name in ["a", "b", "c"] {
        user(&server, &format!("{name}@example.com"), json!({})).await;
    }
    let created = server.get("/logs?q=type:ss&sort=date:1").await.body;
    assert_eq!(created.as_array().unwrap().len(), 3);
    let from = created[0]["log_id"].as_str().unwrap();
    let rest = server.get(&format!("/logs?from={from}&take=100")).await.body;
    let kinds = rest.as_array().unwrap().iter().filter(|entry| entry["type"] == "ss").count();
    assert_eq!(kinds, 2);
    server.end().await;
}

#[tokio::test]
async fn what_was_shown_before_is_never_shown_for_a_changed_user() {
    let server = TestServer::start().await;
    let list = "/users?include_totals=true&q=user_id:*&sort=created_at:1";
    let shown = async |path: &str| server.get(path).await.body;
    let joe = user(&server, "joe@example.com", json!({})).await;
    let jane = user(&server, "jane@example.com", json!({"user_id": "jane", "name": "Jane"})).await;
    for _ in 0..2 {
        let page = shown(list).await;
        assert_eq!((&page["total"], &page["length"]), (&json!(2), &json!(2)));
        assert_eq!(page["users"], json!([shown(&joe).await, shown(&jane).await]));
    }
    server.patch(&jane, json!({"name": "Jane D."})).await;
    assert_eq!(shown(&jane).await["name"], "Jane D.");
    assert_eq!(shown(list).await["users"], json!([shown(&joe).await, shown(&jane).await]));
    assert_eq!(shown(&format!("{list}&fields=name")).await["users"][1], json!({"name": "Jane D."}));
    // Another user of the same id and version is not the one who was shown.
    server.delete(&jane).await;
    user(&server, "jane@example.com", json!({"user_id": "jane", "name": "Other"})).await;
    server.patch(&jane, json!({"nickname": "other"})).await;
    assert_eq!(shown(&jane).await["name"], "Other");
    assert_eq!(shown(list).await["users"], json!([shown(&joe).await, shown(&jane).await]));
    assert_eq!(shown("/users").await, json!([shown(&joe).await, shown(&jane).await]));
    // Who belongs to an organization changes without a change of the user.
    let organization = server.post("/organizations", json!({"name": "acme"})).await.body["id"].clone();
    let members = format!("/users?q=organization_id:{}", organization.as_str().unwrap());
    assert_eq!(shown(&members).await, json!([]));
    let id = shown(&joe).await["user_id"].clone();
    let path = format!("/organizations/{}/members", organization.as_str().unwrap());
    assert_eq!(server.post(&path, json!({"members": [id]})).await.status, 204);
    assert_eq!(shown(&members).await, json!([shown(&joe).await]));
    server.end().await;
}

/// Imports users into the database connection: the job's path, and how it ended.
async fn imported(server: &TestServer, rows: Vec<Value>) -> (String, Value) {
    let connections = server.get(&format!("/connections?name={DATABASE}")).await.body;
    let part =
        |name: &str, text: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    let id = part("connection_id", connections[0]["id"].as_str().unwrap());
    let body = id + &part("users", &Value::from(rows).to_string()) + "--x--\r\n";
    let request = server.http.post(server.url("/api/v2/jobs/users-imports"));
    let request = request.bearer_auth(server.token_for("").await);
    let request = request.header("content-type", "multipart/form-data; boundary=x").body(body);
    let job: Value = request.send().await.unwrap().json().await.unwrap();
    let job = format!("/jobs/{}", job["id"].as_str().unwrap());
    let done = loop {
        let state = server.get(&job).await.body;
        if state["status"] == "completed" || state["status"] == "failed" {
            break state;
        }
        tokio::task::yield_now().await;
    };
    (job, done)
}

#[tokio::test]
async fn an_import_takes_every_row_once() {
    let server = TestServer::start().await;
    let row = |number: usize| json!({"email": format!("u{number}@example.com"), "user_metadata": {"n": number}});
    let mut rows: Vec<Value> = (0..450).map(row).collect();
    rows.extend([row(3), json!({"email": "none"})]);
    let (job, done) = imported(&server, rows).await;
    assert_eq!(done["summary"], json!({"failed": 2, "updated": 0, "inserted": 450, "total": 452}));
    let errors = server.get(&format!("{job}/errors")).await.body;
    let codes: Vec<_> = errors.as_array().unwrap().iter().map(|row| &row["errors"][0]["code"]).collect();
    assert_eq!(codes, ["DUPLICATED_USER", "INVALID_FORMAT"]);
    assert_eq!(found(&server, "user_metadata.n:449").await, ["u449@example.com"]);
    server.end().await;
}

#[tokio::test]
async fn an_imported_hash_does_not_bring_its_own_cost() {
    let server = TestServer::start().await;
    let digits = "a".repeat(53);
    let custom = |algorithm: &str, value: &str| json!({"algorithm": algorithm, "hash": {"value": value}});
    let hashes = [
        json!({"password_hash": format!("$2b$31${digits}")}),
        json!({"password_hash": format!("$2b$12${digits}")}),
        json!({"custom_password_hash": custom("bcrypt", &format!("$2b$31${digits}"))}),
        json!({"custom_password_hash": custom("argon2", "$argon2id$v=19$m=4194304,t=100,p=1$c2FsdHNhbHQ$aGFzaA")}),
        json!({"custom_password_hash": custom("pbkdf2", "$pbkdf2-sha512$i=4294967295,l=64$c2FsdA$aGFzaA")}),
        json!({"password_hash": format!("$2b$10${digits}")}),
        json!({"custom_password_hash": custom("pbkdf2", "$pbkdf2-sha512$i=100000,l=64$c2FsdA$aGFzaA")}),
    ];
    let rows = hashes.into_iter().enumerate().map(|(number, mut row)| {
        row["email"] = format!("u{number}@example.com").into();
        row
    });
    let (job, done) = imported(&server, rows.collect()).await;
    assert_eq!(done["summary"], json!({"failed": 5, "updated": 0, "inserted": 2, "total": 7}));
    let errors = server.get(&format!("{job}/errors")).await.body;
    let codes: Vec<_> = errors.as_array().unwrap().iter().map(|row| &row["errors"][0]["code"]).collect();
    assert_eq!(codes, ["PATTERN"; 5]);
    server.end().await;
}

#[tokio::test]
async fn an_invitation_to_enrol_needs_a_user_and_its_message_an_end() {
    let server = TestServer::start().await;
    let refused = server.post("/guardian/enrollments/ticket", json!({"user_id": "auth0|nobody"})).await;
    assert_eq!((refused.status, &refused.body["message"]), (404, &json!("User not found.")));
    let path = "/guardian/factors/phone/templates";
    let put = async |text: &str| {
        let words = json!({"enrollment_message": "{{code}}", "verification_message": text});
        server.manage(http::Method::PUT, path, Some(words)).await
    };
    for broken in ["{{code", "{% if code }} yes"] {
        let refused = put(broken).await;
        assert!(refused.body["message"].as_str().unwrap().starts_with("Invalid template: "), "{refused:?}");
        assert_eq!(refused.status, 400);
    }
    assert_eq!(put("{% if code %}{{ code }}{% endif %}").await.status, 200);
    server.end().await;
}
