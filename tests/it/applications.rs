//! Clients and organizations, and the APIs, profiles and connections that they name.

use serde_json::{Value, json};

use crate::server::TestServer;

#[tokio::test]
async fn an_api_shows_the_client_that_stands_for_it() {
    let server = TestServer::start().await;
    let api =
        server.post("/resource-servers", json!({"name": "Books", "identifier": "https://api.example.com/books"})).await;
    let path = format!("/resource-servers/{}", api.body["id"].as_str().unwrap());
    let body = json!({
        "name": "Books",
        "app_type": "resource_server",
        "resource_server_identifier": "https://api.example.com/books",
    });
    let client = server.post("/clients", body).await;
    assert_eq!(client.status, 201, "{client:?}");
    assert_eq!(server.get(&path).await.body["client_id"], client.body["client_id"]);
    server.delete(&format!("/clients/{}", client.body["client_id"].as_str().unwrap())).await;
    assert_eq!(server.get(&path).await.body.get("client_id"), None);
    server.end().await;
}

#[tokio::test]
async fn an_api_is_found_by_its_identifier_however_often_that_is_encoded() {
    let server = TestServer::start().await;
    let made =
        server.post("/resource-servers", json!({"name": "Books", "identifier": "https://api.example.com/books"})).await;
    for encoded in ["https:%2F%2Fapi.example.com%2Fbooks", "https:%252F%252Fapi.example.com%252Fbooks"] {
        assert_eq!(server.get(&format!("/resource-servers/{encoded}")).await.body["id"], made.body["id"], "{encoded}");
    }
    server.end().await;
}

#[tokio::test]
async fn profiles_of_a_clients_configuration_must_exist() {
    let server = TestServer::start().await;
    let configuration = json!({
        "connection_profile_id": "cop_1234567890123456789012",
        "allowed_strategies": ["okta"],
        "connection_deletion_behavior": "allow",
    });
    let refused = server.post("/clients", json!({"name": "x", "my_organization_configuration": configuration})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    server.end().await;
}

#[tokio::test]
async fn signing_up_through_an_organization_makes_a_member() {
    let server = TestServer::start().await;
    let connection = server.post("/connections", json!({"name": "people", "strategy": "auth0"})).await;
    let id = connection.body["id"].as_str().unwrap();
    let organization = server.post("/organizations", json!({"name": "acme"})).await;
    let path = format!("/organizations/{}/enabled_connections", organization.body["id"].as_str().unwrap());
    assert_eq!(server.post(&path, json!({"connection_id": id})).await.status, 201);
    let path = format!("{path}/{id}");
    let refused = server.patch(&path, json!({"is_signup_enabled": true})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let both = json!({"is_signup_enabled": true, "assign_membership_on_login": true});
    assert_eq!(server.patch(&path, both).await.body["is_signup_enabled"], true);
    server.end().await;
}

#[tokio::test]
async fn clients_are_found_by_the_organizations_that_admit_their_grants() {
    let server = TestServer::start().await;
    server.post("/resource-servers", json!({"name": "Books", "identifier": "https://books"})).await;
    let organization = server.post("/organizations", json!({"name": "acme"})).await.body["id"].clone();
    let organization = organization.as_str().unwrap();
    let granted = async |name: &str, any: bool| {
        let client = server.post("/clients", json!({"name": name, "app_type": "non_interactive"})).await.body;
        let grant = json!({
            "client_id": client["client_id"], "audience": "https://books", "scope": [],
            "organization_usage": "allow", "allow_any_organization": any,
        });
        let grant = server.post("/client-grants", grant).await;
        assert_eq!(grant.status, 201, "{grant:?}");
        (client["client_id"].clone(), grant.body["id"].clone())
    };
    let (_, grant) = granted("one", false).await;
    granted("two", true).await;
    let path = format!("/organizations/{organization}/client-grants");
    assert_eq!(server.post(&path, json!({"grant_id": grant})).await.status, 201);
    let names = async |query: &str| -> Vec<Value> {
        let found = server.get(&format!("/clients?take=10&q={query}")).await;
        assert_eq!(found.status, 200, "{found:?}");
        found.body["clients"].as_array().unwrap().iter().map(|client| client["name"].clone()).collect()
    };
    assert_eq!(names(&format!("client_grant.organization_id:{organization}")).await, ["one"]);
    assert_eq!(names("client_grant.allow_any_organization:true").await, ["two"]);
    assert_eq!(server.get("/clients?take=10&q=name:one").await.status, 400);
    server.end().await;
}

#[tokio::test]
async fn a_deleted_organization_is_nobodys_default() {
    let server = TestServer::start().await;
    let organization = server.post("/organizations", json!({"name": "acme"})).await.body["id"].clone();
    let client = server.post("/clients", json!({"name": "App"})).await.body["client_id"].clone();
    let path = format!("/clients/{}", client.as_str().unwrap());
    let default = json!({"organization_id": organization, "flows": ["client_credentials"]});
    let set = server.patch(&path, json!({"default_organization": default})).await;
    assert_eq!(set.body["default_organization"], default, "{set:?}");
    server.delete(&format!("/organizations/{}", organization.as_str().unwrap())).await;
    assert_eq!(server.get(&path).await.body.get("default_organization"), None);
    server.end().await;
}

#[tokio::test]
async fn flows_and_forms_show_each_other_when_asked() {
    let server = TestServer::start().await;
    let flow = server.post("/flows", json!({"name": "ask"})).await.body;
    let id = flow["id"].as_str().unwrap();
    let ending = json!({"after_submit": {"flow_id": id}});
    let form = server.post("/forms", json!({"name": "page", "ending": ending})).await.body;
    let shown = server.get(&format!("/flows/{id}?hydrate=form_count&hydrate=forms")).await.body;
    assert_eq!((&shown["form_count"], &shown["forms"]), (&json!(1), &json!([{"id": form["id"], "name": "page"}])));
    assert_eq!(server.get("/flows?hydrate=form_count").await.body[0]["form_count"], 1);
    let shown = server.get(&format!("/forms/{}?hydrate=links", form["id"].as_str().unwrap())).await.body;
    assert_eq!(shown["links"], json!([{"id": id, "name": "ask"}]));
    server.end().await;
}

#[tokio::test]
async fn the_identifier_of_the_profile_endpoint_is_no_apis() {
    let server = TestServer::start().await;
    let identifier = format!("https://{}/userinfo", server.running.domain);
    let refused = server.post("/resource-servers", json!({"name": "Mine", "identifier": identifier})).await;
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!("The selected identifier is reserved.")));
    server.end().await;
}

#[tokio::test]
async fn members_of_a_clients_settings_are_merged_and_completed() {
    let server = TestServer::start().await;
    let android = |name: &str| json!({"app_package_name": name, "sha256_cert_fingerprints": ["D8"]});
    let ios = json!({"team_id": "9JA89QQLNQ", "app_bundle_identifier": "com.example"});
    let body = json!({
        "name": "App",
        "mobile": {"android": android("com.example"), "ios": ios},
        "session_transfer": {"allow_refresh_token": true},
    });
    let made = server.post("/clients", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["async_approval_notification_channels"], json!(["guardian-push"]));
    let completed = json!({
        "can_create_session_transfer_token": false,
        "allowed_authentication_methods": [],
        "enforce_device_binding": "ip",
        "allow_refresh_token": true,
    });
    assert_eq!(made.body["session_transfer"], completed);
    let path = format!("/clients/{}", made.body["client_id"].as_str().unwrap());
    let change = json!({
        "mobile": {"android": android("org.example")},
        "session_transfer": {"allowed_authentication_methods": ["cookie"]},
    });
    let changed = server.patch(&path, change).await.body;
    assert_eq!(changed["mobile"], json!({"android": android("org.example"), "ios": ios}));
    assert_eq!(changed["session_transfer"]["allowed_authentication_methods"], json!(["cookie"]));
    assert_eq!(changed["session_transfer"]["allow_refresh_token"], true);
    let changed = server.patch(&path, json!({"session_transfer": null})).await.body;
    assert_eq!(changed.get("session_transfer"), None);
    server.end().await;
}

#[tokio::test]
async fn a_client_that_authenticates_by_keys_shows_no_secret() {
    let server = TestServer::start().await;
    let made = server.post("/clients", json!({"name": "App", "jwt_configuration": {"alg": "RS256"}})).await.body;
    let path = format!("/clients/{}", made["client_id"].as_str().unwrap());
    let methods = json!({"private_key_jwt": {"credentials": []}});
    let change = json!({"client_authentication_methods": methods, "token_endpoint_auth_method": null});
    let changed = server.patch(&path, change).await;
    assert_eq!((changed.status, changed.body.get("client_secret")), (200, None), "{changed:?}");
    assert_eq!(server.get(&path).await.body.get("client_secret"), None);
    let back = json!({"client_authentication_methods": null, "token_endpoint_auth_method": "client_secret_post"});
    assert_eq!(server.patch(&path, back).await.status, 200);
    assert_eq!(server.get(&path).await.body["client_secret"], made["client_secret"]);
    server.end().await;
}

#[tokio::test]
async fn devices_need_a_client_without_a_secret() {
    let server = TestServer::start().await;
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let refused = server.post("/clients", json!({"name": "TV", "grant_types": [grant]})).await;
    let text =
        format!("Application must have Token Endpoint Authentication Method set to \"none\" when {grant} is enabled");
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
    let public = json!({"name": "TV", "grant_types": [grant], "token_endpoint_auth_method": "none"});
    let made = server.post("/clients", public).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/clients/{}", made.body["client_id"].as_str().unwrap());
    let refused = server.patch(&path, json!({"token_endpoint_auth_method": "client_secret_post"})).await;
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
    server.end().await;
}
