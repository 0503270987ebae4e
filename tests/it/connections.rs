//! Connections: rules between them, and their end.

use serde_json::{Value, json};

use crate::{
    actions::{eventually, logged},
    imports::import_into,
    server::TestServer,
};

/// A database that users can be made in, for which a client must use it.
fn database(server: &TestServer) -> Value {
    let client = server.running.fresh.as_ref().unwrap().client_id.clone();
    json!({"name": "people", "strategy": "auth0", "enabled_clients": [client]})
}

#[tokio::test]
async fn a_deleted_connection_is_gone_with_its_users_and_its_name_is_free() {
    let server = TestServer::start().await;
    let body = database(&server);
    let made = server.post("/connections", body.clone()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/connections/{}", made.body["id"].as_str().unwrap());
    let user = json!({"connection": "people", "email": "a@example.com", "password": "Correct-Horse-7"});
    assert_eq!(server.post("/users", user).await.status, 201);
    let deleted = server.delete(&path).await;
    assert!(deleted.status == 202 && deleted.body["deleted_at"].is_string(), "{deleted:?}");
    assert_eq!(server.delete(&path).await.status, 204);
    assert_eq!(server.get(&path).await.status, 404);
    assert_eq!(server.get("/users").await.body, json!([]));
    assert_eq!(server.post("/connections", body).await.status, 201);
    server.end().await;
}

#[tokio::test]
async fn many_users_of_a_deleted_connection_follow_it() {
    let server = TestServer::start().await;
    let body = database(&server);
    let made = server.post("/connections", body.clone()).await;
    let id = made.body["id"].as_str().unwrap();
    let path = format!("/connections/{id}");
    let rows: Value = (0..1_010).map(|number| json!({"email": format!("{number}@example.com")})).collect();
    let (summary, _) = import_into(&server, id, &rows, "false").await;
    assert_eq!(summary["inserted"], 1_010);
    let deleted = server.delete(&path).await;
    assert_eq!(deleted.status, 202);
    // They are gone for everybody before the last of them is deleted, and the name is taken until then.
    assert_eq!(server.get("/users?include_totals=true").await.body["total"], 0);
    assert_eq!(server.get(&path).await.status, 404);
    let again = server.delete(&path).await;
    assert!(again == deleted || again.status == 204, "{again:?}");
    let settled = async || loop {
        let made = server.post("/connections", body.clone()).await;
        if made.status == 201 {
            return;
        }
        assert_eq!(made.body["errorCode"], "connection_conflict", "{made:?}");
        tokio::task::yield_now().await;
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), settled()).await.expect("all users go");
    assert_eq!(server.get("/users").await.body, json!([]));
    server.end().await;
}

#[tokio::test]
async fn a_realm_and_a_domain_are_held_by_one_connection() {
    let server = TestServer::start().await;
    let first = json!({"name": "one", "strategy": "auth0", "realms": ["one", "shared"], "is_domain_connection": true});
    let first = server.post("/connections", first).await;
    assert_eq!(first.status, 201, "{first:?}");
    let second = server.post("/connections", json!({"name": "two", "strategy": "auth0", "realms": ["shared"]})).await;
    let text = "There is already another connection with some realms from \"realms\" parameter";
    assert_eq!((second.status, &second.body["message"]), (409, &json!(text)));
    let second = json!({"name": "two", "strategy": "auth0", "is_domain_connection": true});
    assert_eq!(server.post("/connections", second).await.status, 409);
    let path = format!("/connections/{}", first.body["id"].as_str().unwrap());
    assert_eq!(server.patch(&path, json!({"realms": ["one", "shared"]})).await.status, 200);

    let taken = server.post("/connections", json!({"name": "one", "strategy": "auth0"})).await;
    let text = "A connection with the same name already exists";
    assert_eq!((taken.status, &taken.body["message"]), (409, &json!(text)));
    server.end().await;
}

#[tokio::test]
async fn an_action_for_password_hashes_must_exist_and_be_deployed() {
    let server = TestServer::start().await;
    let with = |id: &str| json!({"name": "people", "strategy": "auth0", "options": {"custom_password_hash": {"action_id": id}}});
    let refused = server.post("/connections", with("fc2f9f4c-6d3d-4d6a-8c5c-58d53e1c95b1")).await;
    let text = "The provided custom password hash action id does not exist";
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
    let action = json!({
        "name": "hashes",
        "supported_triggers": [{"id": "password-hash-migration", "version": "v1"}],
        "code": "exports.onExecute = async () => {};",
    });
    let action = server.post("/actions/actions", action).await;
    assert_eq!(action.status, 201, "{action:?}");
    let refused = server.post("/connections", with(action.body["id"].as_str().unwrap())).await;
    let text = "The provided action must be deployed to be used for password hash migration";
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
    server.end().await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_leaves_the_options_as_sent() {
    let server = TestServer::start().await;
    let options = json!({"client_id": "id", "discovery_url": "https://127.0.0.1:9/.well-known/openid-configuration"});
    let made = server.post("/connections", json!({"name": "idp", "strategy": "oidc", "options": options})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["options"]["client_id"], "id");
    assert!(made.body["options"].get("oidc_metadata").is_none());
    server.end().await;
}

#[tokio::test]
async fn the_configuration_of_scripts_is_never_shown_but_may_be_sent_back() {
    let server = TestServer::start().await;
    let options = json!({"configuration": {"DB": "postgres://me:pw@db", "KEY": "one"}});
    let made = server.post("/connections", json!({"name": "own", "strategy": "auth0", "options": options})).await;
    let path = format!("/connections/{}", made.body["id"].as_str().unwrap());
    let shown = server.get(&path).await.body["options"]["configuration"].clone();
    assert_eq!(made.body["options"]["configuration"], shown);
    assert!(shown["DB"].as_str().unwrap().starts_with("2.0$"), "{shown}");
    // What was read is sent back beside a value that is new.
    let options = json!({"configuration": {"DB": shown["DB"], "KEY": "two"}});
    let changed = server.patch(&path, json!({"options": options})).await.body["options"]["configuration"].clone();
    assert_eq!(changed["DB"], shown["DB"]);
    assert_ne!(changed["KEY"], shown["KEY"]);
    let logs = server.get("/logs?per_page=10").await.body.to_string();
    assert!(!logs.contains("pw@db"), "{logs}");
    server.end().await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_fails_its_synchronization() {
    let server = TestServer::start().await;
    let connection = server.post("/connections", json!({"name": "google", "strategy": "google-apps"})).await;
    let path = format!("/connections/{}/directory-provisioning", connection.body["id"].as_str().unwrap());
    assert_eq!(server.post(&path, json!({})).await.status, 201);
    let begun = server.post(&format!("{path}/synchronizations"), json!({})).await;
    assert_eq!((begun.status, &begun.body["status"]), (201, &json!("pending")));
    let ended = eventually(async || {
        let directory = server.get(&path).await.body;
        directory.get("last_synchronization_status").is_some().then_some(directory)
    })
    .await;
    assert_eq!(ended["last_synchronization_status"], "failed");
    let entry = logged(&server, "directory_sync_failed").await;
    assert_eq!(entry["details"]["synchronization_id"], begun.body["synchronization_id"]);
    assert_eq!(logged(&server, "directory_sync_started").await["connection"], "google");
    server.end().await;
}

#[tokio::test]
async fn a_database_with_users_keeps_who_holds_them() {
    let server = TestServer::start().await;
    let made = server.post("/connections", database(&server)).await.body;
    let path = format!("/connections/{}", made["id"].as_str().unwrap());
    let own = json!({"options": {"enabledDatabaseCustomization": true}});
    let kept = json!({"options": {"enabledDatabaseCustomization": false}});
    assert_eq!(server.patch(&path, own.clone()).await.status, 200);
    assert_eq!(server.patch(&path, kept.clone()).await.status, 200);
    let user = json!({"connection": "people", "email": "a@b.example", "password": "Correct-Horse-7"});
    assert_eq!(server.post("/users", user).await.status, 201);
    assert_eq!(server.patch(&path, kept).await.status, 200);
    let refused = server.patch(&path, own).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body["message"].as_str().unwrap().starts_with("This database contains users."), "{refused:?}");
    server.end().await;
}

#[tokio::test]
async fn keys_rotate_where_a_connection_authenticates_with_them() {
    let server = TestServer::start().await;
    let partner = |name: &str, method: &str| {
        let options = json!({"client_id": "id", "client_secret": "secret", "token_endpoint_auth_method": method});
        json!({"name": name, "strategy": "okta", "options": options})
    };
    let rotated = async |body: Value| {
        let made = server.post("/connections", body).await;
        server.post(&format!("/connections/{}/keys/rotate", made.body["id"].as_str().unwrap()), json!({})).await
    };
    assert_eq!(rotated(partner("keyed", "private_key_jwt")).await.status, 201);
    let refused = rotated(partner("secretive", "client_secret_post")).await;
    let text = "Connection is not configured to use JWT Client Authentication";
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
    server.end().await;
}

#[tokio::test]
async fn connection_profiles_are_listed_as_official_clients_ask_for_them() {
    let server = TestServer::start().await;
    for number in 0..12 {
        let made = server.post("/connection-profiles", json!({"name": format!("profile {number}")})).await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let page = server.get("/connection-profiles?take=50").await;
    assert_eq!(page.body["connection_profiles"].as_array().map(Vec::len), Some(12), "{page:?}");
    server.end().await;
}

#[tokio::test]
async fn a_self_service_ticket_changes_a_connection_that_is_there() {
    let server = TestServer::start().await;
    let profile = server.post("/self-service-profiles", json!({"name": "sso"})).await;
    let path = format!("/self-service-profiles/{}/sso-ticket", profile.body["id"].as_str().unwrap());
    let refused = server.post(&path, json!({"connection_id": "con_0000000000000000"})).await;
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!("The connection does not exist")));
    let partner = server.post("/connections", json!({"name": "partner", "strategy": "samlp"})).await;
    assert_eq!(server.post(&path, json!({"connection_id": partner.body["id"]})).await.status, 201);
    server.end().await;
}

#[tokio::test]
async fn a_connection_reads_the_same_after_it_was_changed_by_what_it_read() {
    let server = TestServer::start().await;
    let listed = server.get("/connections?name=Username-Password-Authentication").await.body;
    let path = format!("/connections/{}", listed[0]["id"].as_str().unwrap());
    let before = server.get(&path).await.body;
    assert_eq!(server.patch(&path, json!({"options": before["options"]})).await.status, 200);
    let after = server.get(&path).await.body;
    assert_eq!(after.to_string(), before.to_string());
    assert_eq!(server.patch(&path, json!({"display_name": "People", "realms": before["realms"]})).await.status, 200);
    let names = |connection: &serde_json::Value| {
        connection.as_object().unwrap().keys().filter(|name| *name != "display_name").cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&server.get(&path).await.body), names(&before));
    server.end().await;
}

#[tokio::test]
async fn derived_scopes_do_not_depend_on_the_order_of_a_body() {
    let server = TestServer::start().await;
    let one = json!({"client_id": "x", "email": true, "name": true});
    let other = json!({"client_id": "x", "name": true, "email": true});
    let mut scopes = Vec::new();
    for (name, options) in [("one", one), ("other", other)] {
        let made = server.post("/connections", json!({"name": name, "strategy": "apple", "options": options})).await;
        assert_eq!(made.status, 201, "{made:?}");
        scopes.push(made.body["options"]["scope"].clone());
    }
    assert_eq!(scopes, ["name email", "name email"]);
    server.end().await;
}

#[tokio::test]
async fn a_new_database_has_what_newest_tenants_have() {
    let server = TestServer::start().await;
    let made = server.post("/connections", json!({"name": "people", "strategy": "auth0"})).await.body;
    let options = &made["options"];
    let off = json!({"enabled": false});
    let methods = &options["authentication_methods"];
    assert_eq!((&methods["email_otp"], &methods["phone_otp"]), (&off, &off));
    assert_eq!(options["password_options"]["complexity"]["min_length"], 15);
    assert_eq!(options["password_options"]["history"], json!({"active": false, "size": 3}));
    server.end().await;
}
