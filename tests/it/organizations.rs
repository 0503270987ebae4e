//! Organizations: the client grants that they admit, and invitations to them.

use serde_json::json;

use crate::server::TestServer;

const API: &str = "https://api.example.com";

/// Makes an API with a scope, and a client; gives the client's identifier.
async fn client(server: &TestServer) -> String {
    let api = json!({"name": "API", "identifier": API, "scopes": [{"value": "read:a"}]});
    assert_eq!(server.post("/resource-servers", api).await.status, 201);
    let client =
        json!({"name": "Job", "organization_usage": "allow", "initiate_login_uri": "https://example.com/login"});
    let client = server.post("/clients", client).await.body;
    client["client_id"].as_str().unwrap().to_owned()
}

async fn organization(server: &TestServer) -> String {
    let made = server.post("/organizations", json!({"name": "acme"})).await.body;
    format!("/organizations/{}", made["id"].as_str().unwrap())
}

#[tokio::test]
async fn client_grants_of_an_organization_tell_for_whom_they_are() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    let grant = json!({"client_id": client, "audience": API, "scope": ["read:a"], "organization_usage": "allow"});
    let grant = server.post("/client-grants", grant).await.body;
    let path = format!("{}/client-grants", organization(&server).await);
    let added = server.post(&path, json!({"grant_id": grant["id"]})).await;
    assert_eq!((added.status, &added.body["grant_id"]), (201, &grant["id"]));
    let listed = server.get(&path).await.body;
    assert_eq!((&listed[0]["id"], &listed[0]["subject_type"]), (&grant["id"], &json!("client")));
    let own = format!("{path}/{}", grant["id"].as_str().unwrap());
    assert_eq!(server.delete(&own).await.status, 204);
    assert_eq!(server.delete(&own).await.status, 404);
    server.end().await;
}

#[tokio::test]
async fn scopes_of_a_grant_are_not_compared_with_those_of_the_api() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    let grant = json!({"client_id": client, "audience": API, "scope": ["read:a", "fly"]});
    let made = server.post("/client-grants", grant).await;
    assert_eq!((made.status, &made.body["scope"]), (201, &json!(["read:a", "fly"])));
    let path = format!("/client-grants/{}", made.body["id"].as_str().unwrap());
    let changed = server.patch(&path, json!({"scope": ["swim"]})).await;
    assert_eq!((changed.status, &changed.body["scope"]), (200, &json!(["swim"])));
    let missing = server.get("/client-grants/cgr_aaaaaaaaaaaaaaaa").await;
    assert_eq!((missing.status, &missing.body["errorCode"]), (404, &json!("inexistent_client_grant")));
    server.end().await;
}

#[tokio::test]
async fn a_client_for_express_configuration_has_its_grant_and_gets_no_other() {
    let server = TestServer::start().await;
    client(&server).await;
    let made = server.post("/clients", json!({"name": "OIN", "app_type": "express_configuration"})).await.body;
    let id = made["client_id"].as_str().unwrap();
    let grants = server.get(&format!("/client-grants?client_id={id}")).await.body;
    let grant = &grants[0];
    assert_eq!(grants.as_array().unwrap().len(), 1);
    assert_eq!((&grant["is_system"], &grant["subject_type"]), (&json!(true), &json!("client")));
    assert_eq!(grant["audience"], format!("https://{}/api/v2/", server.running.domain));
    assert_eq!(grant["scope"].as_array().unwrap().len(), 16);
    let refused = server.post("/client-grants", json!({"client_id": id, "audience": API, "scope": []})).await;
    let text = "Client of type express_configuration cannot be used";
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
    server.end().await;
}

#[tokio::test]
async fn a_new_invitation_takes_the_place_of_an_open_one() {
    let server = TestServer::start().await;
    let client = client(&server).await;
    let path = format!("{}/invitations", organization(&server).await);
    let invite = async |email: &str| {
        let body = json!({"inviter": {"name": "Ann"}, "invitee": {"email": email}, "client_id": client, "send_invitation_email": false});
        let made = server.post(&path, body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body["id"].as_str().unwrap().to_owned()
    };
    let (first, other) = (invite("jane@example.com").await, invite("joe@example.com").await);
    let second = invite("Jane@example.com").await;
    let listed = server.get(&path).await.body;
    let mut ids: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let mut expected = [other.as_str(), second.as_str()];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let gone = server.delete(&format!("{path}/{first}")).await;
    assert_eq!((gone.status, &gone.body["errorCode"]), (404, &json!("inexistent_invitation")));
    assert_eq!(server.delete(&format!("{path}/{second}")).await.status, 204);
    server.end().await;
}

/// Deletions whose contract knows 404 that the service answers with 204 all the same (recorded).
const FORGIVEN: &[&str] = &[
    "/connections/{id}/scim-configuration",
    "/emails/provider",
    "/organizations/{id}/discovery-domains/{discovery_domain_id}",
];

#[tokio::test]
async fn what_is_not_there_cannot_be_deleted_where_the_contract_says_so() {
    let server = TestServer::start().await;
    let organization = organization(&server).await;
    let body = json!({"name": "directory", "strategy": "google-apps", "options": {"domain": "example.com"}});
    let connection = server.post("/connections", body).await.body["id"].clone();
    let user = json!({"connection": "Username-Password-Authentication", "email": "a@x.example", "password": "Correct-Horse-7"});
    let user = server.post("/users", user).await.body["user_id"].as_str().unwrap().replace('|', "%7C");
    let mut wrong = Vec::new();
    let knows = |operation: &&contract::Operation| {
        operation.method == http::Method::DELETE && operation.knows_status(404) && !operation.has_body()
    };
    for operation in contract::Contract::load().operations().iter().filter(knows) {
        let path = operation.path.as_str();
        let unknown = match path {
            path if path.starts_with("/organizations/{id}/") => path.replace("/organizations/{id}", &organization),
            path if path.starts_with("/connections/{id}/") => path.replace("{id}", connection.as_str().unwrap()),
            "/users/{id}/authentication-methods/{authentication_method_id}" => path.replace("{id}", &user),
            path => path.to_owned(),
        };
        let unknown = unknown
            .replace("{provider}", "duo")
            .replace("/users/{id}", "/users/auth0%7Cnobody")
            .replace("/users/{user_id}", "/users/auth0%7Cnobody")
            .replace("/user-blocks/{id}", "/user-blocks/auth0%7Cnobody")
            .replace("{authentication_method_id}", "email%7Cdev_aaaaaaaaaaaaaaaa")
            .replace("{tokenId}", "tok_aaaaaaaaaaaaaaaa")
            .replace("{grant_id}", "cgr_aaaaaaaaaaaaaaaa")
            .replace("{invitation_id}", "uinv_aaaaaaaaaaaaaaaa")
            .replace("{discovery_domain_id}", "ord_aaaaaaaaaaaaaaaa")
            .replace("/roles/{id}", "/roles/rol_aaaaaaaaaaaaaaaa")
            .replace("/groups/{id}", "/groups/grp_aaaaaaaaaaaaaaaaaa")
            .replace("/network-acls/{id}", "/network-acls/acl_aaaaaaaaaaaaaaaaaaaaaa")
            .replace("/log-streams/{id}", "/log-streams/lst_aaaaaaaaaaaaaaaa")
            .replace("/flows/{id}", "/flows/af_aaaaaaaaaaaaaaaa")
            .replace("/branding/phone/providers/{id}", "/branding/phone/providers/pro_aaaaaaaaaaaaaaaaaaaaaa")
            .replace("/branding/phone/templates/{id}", "/branding/phone/templates/tem_aaaaaaaaaaaaaaaaaaaaaa")
            .replace("{id}", "00000000-0000-4000-8000-000000000000")
            .replace("{themeId}", "00000000-0000-4000-8000-000000000000");
        let expected = if FORGIVEN.contains(&path) { 204 } else { 404 };
        let answer = server.delete(&unknown).await;
        if answer.status != expected {
            wrong.push(format!("{unknown}: {answer:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    server.end().await;
}
