//! Settings of the tenant, its network ACLs, templates and providers of messages: what they take, and in which words they refuse.

use serde_json::{Value, json};

use crate::{
    actions::{eventually, logged},
    server::TestServer,
};

#[tokio::test]
async fn a_setting_of_magic_links_is_kept_beside_the_colors() {
    let server = TestServer::start().await;
    let path = "/tenants/settings";
    let passwordless = json!({"allow_magiclink_verify_without_session": true});
    let changed = server.patch(path, json!({"universal_login": {"passwordless": passwordless}})).await;
    assert_eq!((changed.status, &changed.body["universal_login"]["passwordless"]), (200, &passwordless));
    let colors = json!({"primary": "#111111", "page_background": "#222222"});
    assert_eq!(server.patch(path, json!({"universal_login": {"colors": colors}})).await.status, 200);
    let settings = server.get(path).await.body;
    assert_eq!(settings["universal_login"], json!({"colors": colors, "passwordless": passwordless}));
    assert_eq!(server.get("/branding").await.body["colors"], colors);
    server.end().await;
}

#[tokio::test]
async fn exports_of_older_tenants_bring_their_runtime() {
    let server = TestServer::start().await;
    for version in ["12", "16", "18", "22"] {
        let changed = server.patch("/tenants/settings", json!({"sandbox_version": version})).await;
        assert_eq!((changed.status, &changed.body["sandbox_version"]), (200, &json!(version)));
    }
    assert_eq!(server.patch("/tenants/settings", json!({"sandbox_version": "8"})).await.status, 400);
    server.end().await;
}

#[tokio::test]
async fn objects_that_hold_nothing_are_refused_where_something_is_asked_for() {
    let server = TestServer::start().await;
    let text = "'Too few properties defined (0), minimum 1' on property";
    let client = json!({"name": "x", "native_social_login": {"apple": {}}});
    let font = json!({"font": {}});
    let quota = json!({"default_token_quota": {"clients": {"client_credentials": {}}}});
    for (path, body, place) in [
        ("/tenants/settings", json!({"flags": {}}), "flags"),
        ("/tenants/settings", quota, "default_token_quota.clients.client_credentials"),
        ("/branding", font, "font"),
    ] {
        let refused = server.patch(path, body).await;
        let message = refused.body["message"].as_str().unwrap();
        assert!(refused.status == 400 && message.contains(&format!("{text} {place}")), "{message}");
    }
    let refused = server.post("/clients", client).await;
    assert!(refused.body["message"].as_str().unwrap().contains(&format!("{text} native_social_login.apple")));
    server.end().await;
}

#[tokio::test]
async fn a_network_acl_does_one_thing_to_somebody() {
    let server = TestServer::start().await;
    let acl = |rule: Value| json!({"description": "x", "active": true, "priority": 1, "rule": rule});
    let matching = json!({"asns": [64500]});
    let rule = |action: Value| acl(json!({"action": action, "scope": "tenant", "match": matching}));
    let refused = async |body: Value| {
        let answer = server.post("/network-acls", body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        answer.body["message"].as_str().unwrap().to_owned()
    };
    let unmet = "Payload validation error: 'None of the valid schemas were met' on property";
    let two = refused(rule(json!({"block": true, "allow": true}))).await;
    let first = "Payload validation error: 'Additional properties not allowed: allow' on property rule.action.";
    assert!(two.starts_with(&format!("{unmet} rule.action. Inner errors: [ {first}")), "{two}");
    let nothing = refused(rule(json!({}))).await;
    assert!(nothing.contains("'Missing required property: block' on property rule.action."), "{nothing}");
    let nowhere = refused(rule(json!({"redirect": true}))).await;
    assert!(nowhere.contains("'Missing required property: redirect_uri' on property rule.action."), "{nowhere}");
    let nobody = refused(acl(json!({"action": {"block": true}, "scope": "tenant"}))).await;
    assert!(nobody.starts_with(&format!("{unmet} rule. Inner errors: [ ")), "{nobody}");
    assert!(nobody.contains("'Missing required property: match' on property rule. (also) "), "{nobody}");
    let both = json!({"action": {"log": true}, "scope": "tenant", "match_all": true, "match": matching});
    assert!(refused(acl(both)).await.starts_with(unmet));
    let managed = json!({"auth0_managed": ["auth0.icloud_relay_proxy", "auth0.tor"]});
    let made = server
        .post("/network-acls", acl(json!({"action": {"block": true}, "scope": "tenant", "not_match": managed})))
        .await;
    assert_eq!((made.status, &made.body["rule"]["not_match"]), (201, &managed));
    server.end().await;
}

#[tokio::test]
async fn a_missing_email_template_is_told_by_its_code() {
    let server = TestServer::start().await;
    let missing = server.get("/email-templates/blocked_account").await;
    assert_eq!((missing.status, &missing.body["message"]), (404, &json!("The template does not exist.")));
    assert_eq!(missing.body["errorCode"], "inexistent_email_template");
    server.end().await;
}

#[tokio::test]
async fn another_email_provider_takes_nothing_over_from_the_former() {
    let server = TestServer::start().await;
    let path = "/emails/provider";
    let shown = format!("{path}?fields=name,credentials,settings,default_from_address");
    let credentials = json!({"api_key": "secret", "domain": "mail.example.com", "region": "eu"});
    let mailgun = json!({
        "name": "mailgun",
        "credentials": credentials,
        "settings": {"message": {"view_control_link": true}},
        "default_from_address": "a@example.com",
    });
    assert_eq!(server.post(path, mailgun).await.status, 201);
    let kept = server.get(&shown).await.body;
    assert_eq!(kept["credentials"], json!({"domain": "mail.example.com", "region": "eu"}));
    assert_eq!(server.patch(path, json!({"name": "sendgrid"})).await.status, 400);
    let sendgrid = json!({"name": "sendgrid", "credentials": {"api_key": "other"}});
    assert_eq!(server.patch(path, sendgrid).await.status, 200);
    let kept = server.get(&shown).await.body;
    assert_eq!(kept, json!({"name": "sendgrid", "credentials": {}, "default_from_address": "a@example.com"}));
    server.end().await;
}

#[tokio::test]
async fn the_configuration_of_a_phone_provider_is_replaced_whole() {
    let server = TestServer::start().await;
    let configuration = json!({"default_from": "+15550100", "sid": "sid1", "delivery_methods": ["text"]});
    let provider = json!({"name": "twilio", "configuration": configuration, "credentials": {"auth_token": "x"}});
    let made = server.post("/branding/phone/providers", provider).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/branding/phone/providers/{}", made.body["id"].as_str().unwrap());
    let configuration = json!({"delivery_methods": ["voice"]});
    let custom = json!({"name": "custom", "configuration": configuration, "credentials": {}});
    assert_eq!(server.patch(&path, custom).await.status, 200);
    assert_eq!(server.get(&path).await.body["configuration"], configuration);
    server.end().await;
}

#[tokio::test]
async fn a_phone_template_can_be_tried_before_there_is_a_provider() {
    let server = TestServer::start().await;
    let body = json!({"text": "{{code}}", "voice": "{{code}}"});
    let template = json!({"type": "otp_verify", "content": {"syntax": "liquid", "body": body}});
    let made = server.post("/branding/phone/templates", template).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/branding/phone/templates/{}/try", made.body["id"].as_str().unwrap());
    let tried = server.post(&path, json!({"to": "+15550100", "delivery_method": "text"})).await;
    let text = "Test notification successfully sent for processing";
    assert_eq!((tried.status, &tried.body["message"]), (202, &json!(text)));
    let entry = eventually(async || Some(logged(&server, "fn").await).filter(Value::is_object)).await;
    assert_eq!(entry["details"]["error"], "There is no provider for this kind of message.");
    server.end().await;
}

#[tokio::test]
async fn an_api_of_the_service_can_be_deactivated_but_not_the_management_api() {
    let server = TestServer::start().await;
    let domain = &server.running.domain;
    let made = server.post("/resource-servers", json!({"identifier": format!("https://{domain}/me/")})).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.body["scopes"][0]["description"], "Create Connected Accounts");
    let path = format!("/resource-servers/{}", made.body["id"].as_str().unwrap());
    assert_eq!(server.delete(&path).await.status, 204);
    assert_eq!(server.get(&path).await.status, 404);
    let own = format!("/resource-servers/https%3A%2F%2F{domain}%2Fapi%2Fv2%2F");
    let refused = server.delete(&own).await;
    assert_eq!((refused.status, &refused.body["message"]), (400, &json!("System resource servers cannot be deleted.")));
    server.end().await;
}

#[tokio::test]
async fn a_permission_without_description_shows_an_empty_one() {
    let server = TestServer::start().await;
    let api = json!({"name": "API", "identifier": "https://api.example.com", "scopes": [{"value": "read:a"}]});
    assert_eq!(server.post("/resource-servers", api).await.status, 201);
    let role = server.post("/roles", json!({"name": "reader"})).await.body;
    let path = format!("/roles/{}/permissions", role["id"].as_str().unwrap());
    let permission = json!({"resource_server_identifier": "https://api.example.com", "permission_name": "read:a"});
    assert_eq!(server.post(&path, json!({"permissions": [permission]})).await.status, 201);
    assert_eq!(server.get(&path).await.body[0]["description"], "");
    server.end().await;
}
