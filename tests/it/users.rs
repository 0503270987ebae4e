//! Users: creation, changes, search, linked accounts, factors.

use serde_json::{Value, json};

use crate::server::TestServer;

const DATABASE: &str = "Username-Password-Authentication";
const PASSWORD: &str = "Correct-Horse-7";

/// Makes a user of the default database; gives the path of its own.
async fn user(server: &TestServer, email: &str, more: Value) -> String {
    let mut body = json!({"connection": DATABASE, "email": email, "password": PASSWORD});
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
    let again =
        server.post("/users", json!({"connection": DATABASE, "email": "JANE@example.com", "password": PASSWORD})).await;
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
    let taken =
        server.post("/users", json!({"connection": DATABASE, "email": "joe@example.com", "password": PASSWORD})).await;
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
    let mut kinds = 0;
    // What others are still writing on the same database server may hold the newest entries back for a moment.
    for _ in 0..200 {
        let rest = server.get(&format!("/logs?from={from}&take=100")).await.body;
        kinds = rest.as_array().unwrap().iter().filter(|entry| entry["type"] == "ss").count();
        if kinds == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
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

#[tokio::test]
async fn a_path_that_leads_to_an_object_is_found() {
    let server = TestServer::start().await;
    let metadata = json!({"app_metadata": {"sites": {"12345": {"role": "x"}}, "plans": [{"name": "a"}], "none": {}}});
    user(&server, "first@example.com", metadata).await;
    user(&server, "second@example.com", json!({})).await;
    let (first, second) = ("first@example.com", "second@example.com");
    let cases: [(&str, &[&str]); 10] = [
        ("app_metadata.sites.12345:*", &[first]),
        ("_exists_:app_metadata.sites.12345", &[first]),
        ("_exists_:app_metadata.sites", &[first]),
        ("_exists_:app_metadata.plans", &[first]),
        ("_exists_:app_metadata", &[first]),
        ("NOT _exists_:app_metadata", &[second]),
        ("_exists_:identities", &[first, second]),
        ("app_metadata.sites.12345.role:*", &[first]),
        ("_exists_:app_metadata.none", &[]),
        ("_exists_:app_metadata.site", &[]),
    ];
    for (query, expected) in cases {
        assert_eq!(found(&server, query).await, expected, "{query}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_database_user_needs_a_password_where_the_method_is_on() {
    let server = TestServer::start().await;
    let without = |connection: &str| json!({"connection": connection, "email": "a@x.example"});
    let refused = server.post("/users", without(DATABASE)).await;
    let text = "Payload validation error: 'Missing required property: password'.";
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
    assert_eq!(server.get("/users").await.body, json!([]));
    let clients = server.get("/clients").await.body;
    let database = |name: &str, password: Value| {
        let options = json!({"authentication_methods": {"password": password}});
        json!({"name": name, "strategy": "auth0", "options": options, "enabled_clients": [clients[0]["client_id"]]})
    };
    let off = json!({"enabled": false});
    let optional = json!({"enabled": true, "api_behavior": "optional"});
    for (name, password) in [("off", off), ("optional", optional)] {
        assert_eq!(server.post("/connections", database(name, password)).await.status, 201);
        assert_eq!(server.post("/users", without(name)).await.status, 201, "{name}");
    }
    let mail = json!({"name": "email", "strategy": "email", "enabled_clients": [clients[0]["client_id"]]});
    assert_eq!(server.post("/connections", mail).await.status, 201);
    assert_eq!(server.post("/users", without("email")).await.status, 201);
    server.end().await;
}

#[tokio::test]
async fn a_user_needs_a_connection_that_some_client_has() {
    let server = TestServer::start().await;
    assert_eq!(server.post("/connections", json!({"name": "people", "strategy": "auth0"})).await.status, 201);
    let body = json!({"connection": "people", "email": "a@x.example", "password": PASSWORD});
    let refused = server.post("/users", body).await;
    let begins = "Connection must be enabled for this client to perform single user creation and signup operations";
    assert!(refused.body["message"].as_str().unwrap().starts_with(begins), "{refused:?}");
    assert_eq!(refused.status, 400);
    server.end().await;
}

#[tokio::test]
async fn a_user_is_named_by_provider_and_identifier() {
    let server = TestServer::start().await;
    for path in ["/users/jane@example.com", "/users/jane/roles", "/users/jane/sessions", "/user-blocks/jane"] {
        let refused = server.get(path).await;
        let message = refused.body["message"].as_str().unwrap();
        assert_eq!((refused.status, &refused.body["errorCode"]), (400, &json!("invalid_uri")), "{path}");
        assert!(message.contains("Object didn't pass validation for format user-id: jane"), "{message}");
    }
    assert_eq!(server.get("/users/auth0%7Cnobody").await.status, 404);
    let refused = server.get("/event-streams/unknown").await;
    let text = "Object didn't pass validation for format event-stream-id: unknown";
    assert!(refused.status == 400 && refused.body["message"].as_str().unwrap().contains(text), "{refused:?}");
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
