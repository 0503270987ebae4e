//! Tokens of machines: how clients prove themselves, what they get, and when it ends.

use std::time::Duration;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::Method;
use serde_json::{Value, json};

use crate::{
    actions::logged,
    app::{API, claims, server_at},
    server::{Answer, TestServer},
};

const NOW: i64 = 1_800_000_000;
const SIGNING_SECRET: &str = "a secret of sixteen or more characters";

/// A client for machines that may read users and roles of the Management API, and use an API.
struct Machine {
    client_id: String,
    client_secret: String,
    management: String,
    /// Its grants: for the Management API, and for the API.
    grants: [String; 2],
    /// The API's identifier within the Management API.
    api: String,
}

impl Machine {
    async fn new(server: &TestServer) -> Self {
        let management = format!("https://{}/api/v2/", server.running.domain);
        let client = server.post("/clients", json!({"name": "Machine", "app_type": "non_interactive"})).await.body;
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        let api = json!({
            "identifier": API, "name": "API", "scopes": [{"value": "a"}, {"value": "b"}], "token_lifetime": 600,
            "signing_secret": SIGNING_SECRET,
        });
        let api = server.post("/resource-servers", api).await;
        assert_eq!(api.status, 201, "{api:?}");
        let mut grants = Vec::new();
        for (audience, scope) in [(management.as_str(), json!(["read:users", "read:roles"])), (API, json!(["a"]))] {
            let grant = json!({"client_id": client["client_id"], "audience": audience, "scope": scope});
            grants.push(server.post("/client-grants", grant).await.body["id"].as_str().unwrap().to_owned());
        }
        Self {
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            management,
            grants: [grants[0].clone(), grants[1].clone()],
            api: api.body["id"].as_str().unwrap().to_owned(),
        }
    }

    /// A request for a token of the Management API, with changes; `null` leaves a parameter out.
    fn request(&self, change: &Value) -> Value {
        let mut request = json!({
            "grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret,
            "audience": self.management,
        });
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        request
    }

    async fn ask(&self, server: &TestServer, change: Value) -> Answer {
        let sent = server.http.post(server.url("/oauth/token")).json(&self.request(&change)).send().await.unwrap();
        assert_eq!(sent.headers()["cache-control"], "no-store");
        Answer { status: sent.status().as_u16(), body: sent.json().await.unwrap() }
    }

    async fn token(&self, server: &TestServer, change: Value) -> String {
        let answer = self.ask(server, change).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["access_token"].as_str().unwrap().to_owned()
    }
}

/// What the Management API answers to a token.
async fn opens(server: &TestServer, token: &str, path: &str) -> (u16, String) {
    let answer = server.http.get(server.url(&format!("/api/v2{path}"))).bearer_auth(token).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["message"].as_str().unwrap_or_default().to_owned())
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_machine_gets_a_token_with_the_scopes_of_its_grant() {
    let (server, _) = server_at(NOW).await;
    let machine = Machine::new(&server).await;
    let answer = machine.ask(&server, json!({})).await;
    let members: Vec<_> = answer.body.as_object().unwrap().iter().skip(1).collect();
    let expected = json!({"scope": "read:users read:roles", "expires_in": 86_400, "token_type": "Bearer"});
    assert_eq!(members, expected.as_object().unwrap().iter().collect::<Vec<_>>());
    let token = answer.body["access_token"].as_str().unwrap();
    assert_eq!((&header(token)["alg"], &header(token)["typ"]), (&json!("RS256"), &json!("JWT")));
    let said = claims(&token.into());
    let expected = json!({
        "iss": said["iss"],
        "sub": format!("{}@clients", machine.client_id),
        "aud": machine.management,
        "iat": NOW,
        "exp": NOW + 86_400,
        "scope": "read:users read:roles",
        "gty": "client-credentials",
        "azp": machine.client_id,
    });
    assert_eq!(said.to_string(), expected.to_string());
    assert_eq!(opens(&server, token, "/users").await.0, 200);
    assert_eq!(opens(&server, token, "/clients").await.0, 403);
    let entry = logged(&server, "seccft").await;
    assert_eq!((&entry["client_name"], &entry["audience"]), (&json!("Machine"), &json!(machine.management)));
    assert_eq!((&entry["scope"], &entry["connection"]), (&json!("read:users read:roles"), &Value::Null));
    machine.ask(&server, json!({"client_secret": "wrong"})).await;
    let entry = logged(&server, "feccft").await;
    assert_eq!((&entry["description"], &entry["client_id"]), (&json!("Unauthorized"), &json!(machine.client_id)));
    server.end().await;
}

#[tokio::test]
async fn a_client_authenticates_by_header_or_body_in_json_or_form() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let other = server.post("/clients", json!({"name": "Other"})).await.body["client_id"].as_str().unwrap().to_owned();
    let Machine { client_id, client_secret, management, .. } = &machine;
    let basic = format!("Basic {}", STANDARD.encode(format!("{client_id}:{client_secret}")));
    let public = format!("grant_type=client_credentials&audience={management}");
    let in_body = format!("{public}&client_id={client_id}&client_secret={client_secret}");
    for (authorization, body, status) in [
        (None, in_body.clone(), 200),
        (Some(basic.as_str()), public.clone(), 200),
        (Some(basic.as_str()), format!("{public}&client_id={client_id}"), 200),
        (Some(basic.as_str()), in_body, 400),
        (Some(basic.as_str()), format!("{public}&client_id={other}"), 401),
        (Some("Basic x"), public.clone(), 401),
        (None, public, 400),
    ] {
        let mut sent = server.http.post(server.url("/oauth/token")).body(body.clone());
        sent = sent.header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            sent = sent.header("authorization", authorization);
        }
        assert_eq!(sent.send().await.unwrap().status().as_u16(), status, "{body}");
    }
    server.end().await;
}

#[tokio::test]
async fn refusals_are_in_the_services_words() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let client = async |properties: Value| {
        let made = server.post("/clients", properties).await.body;
        (made["client_id"].clone(), made["client_secret"].clone())
    };
    let (web, web_secret) = client(json!({"name": "Web", "grant_types": ["authorization_code"]})).await;
    let (ungranted, secret) = client(json!({"name": "Ungranted", "app_type": "non_interactive"})).await;
    let not_granted = format!(
        "Client \"{}\" is not authorized to access resource server \"{API}\". You need to create a \"client-grant\" associated to this API.",
        ungranted.as_str().unwrap()
    );
    for (change, status, code, description) in [
        (json!({"grant_type": null}), 400, "invalid_request", "Missing required parameter: grant_type"),
        (json!({"grant_type": "x"}), 403, "unsupported_grant_type", "Unsupported grant type: x"),
        (json!({"client_id": null}), 400, "invalid_request", "Missing required parameter: client_id"),
        (json!({"client_id": "unknown"}), 401, "access_denied", "Unauthorized"),
        (json!({"client_id": "a\u{0}b"}), 401, "access_denied", "Unauthorized"),
        (json!({"client_secret": "wrong"}), 401, "access_denied", "Unauthorized"),
        (json!({"client_secret": null}), 401, "access_denied", "Unauthorized"),
        (
            json!({"client_id": web, "client_secret": web_secret}),
            403,
            "unauthorized_client",
            "Grant type 'client_credentials' not allowed for the client.",
        ),
        (json!({"audience": null}), 403, "access_denied", "Non-global clients are not allowed access to APIv1"),
        (json!({"audience": "urn:x"}), 403, "access_denied", "Service not enabled within domain: urn:x"),
        (
            json!({"client_id": ungranted, "client_secret": secret, "audience": API}),
            403,
            "access_denied",
            not_granted.as_str(),
        ),
        (
            json!({"scope": "read:users read:logs x"}),
            403,
            "access_denied",
            "Client has not been granted scopes: read:logs, x",
        ),
        (
            json!({"organization": "org_1"}),
            400,
            "invalid_request",
            "parameter organization is not allowed for this client",
        ),
        (
            json!({"client_secret": null, "client_assertion": "x"}),
            400,
            "invalid_request",
            "Missing required parameter: client_assertion_type",
        ),
    ] {
        let answer = machine.ask(&server, change.clone()).await;
        let expected = json!({"error": code, "error_description": description});
        assert_eq!((answer.status, &answer.body), (status, &expected), "{change}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_token_asks_for_fewer_scopes_and_ends_in_time() {
    let (server, clock) = server_at(NOW).await;
    let machine = Machine::new(&server).await;
    let token = machine.token(&server, json!({"scope": "read:roles"})).await;
    assert_eq!((opens(&server, &token, "/roles").await.0, opens(&server, &token, "/users").await.0), (200, 403));
    clock.advance(Duration::from_secs(86_399));
    assert_eq!(opens(&server, &token, "/roles").await.0, 200);
    clock.advance(Duration::from_secs(1));
    let expired = (401, "Expired token received for JSON Web Token validation".to_owned());
    assert_eq!(opens(&server, &token, "/roles").await, expired);
    server.end().await;
}

#[tokio::test]
async fn a_token_ends_with_its_client_and_narrows_with_its_grant() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let token = machine.token(&server, json!({})).await;
    server.patch(&format!("/clients/{}", machine.client_id), json!({"name": "Renamed"})).await;
    assert_eq!((opens(&server, &token, "/roles").await.0, opens(&server, &token, "/users").await.0), (200, 200));
    let grant = format!("/client-grants/{}", machine.grants[0]);
    server.patch(&grant, json!({"scope": ["read:roles", "read:logs"]})).await;
    assert_eq!((opens(&server, &token, "/roles").await.0, opens(&server, &token, "/users").await.0), (200, 403));
    assert_eq!(opens(&server, &token, "/logs").await.0, 403);
    let invalid = (401, "Invalid token".to_owned());
    server.delete(&grant).await;
    assert_eq!(opens(&server, &token, "/roles").await, invalid);
    let other = server.post("/clients", json!({"name": "Other", "app_type": "non_interactive"})).await.body;
    let id = other["client_id"].as_str().unwrap();
    let wanted = json!({"client_id": id, "audience": machine.management, "scope": ["read:roles"]});
    server.post("/client-grants", wanted).await;
    let token = machine.token(&server, json!({"client_id": id, "client_secret": other["client_secret"]})).await;
    assert_eq!(opens(&server, &token, "/roles").await.0, 200);
    server.delete(&format!("/clients/{id}")).await;
    assert_eq!(opens(&server, &token, "/roles").await, invalid);
    server.end().await;
}

#[tokio::test]
async fn a_token_ends_when_its_key_is_revoked_not_when_it_is_rotated() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let keys = async || -> Value {
        server.http.get(server.url("/.well-known/jwks.json")).send().await.unwrap().json().await.unwrap()
    };
    let published = keys().await;
    assert_eq!(published["keys"].as_array().unwrap().len(), 2, "the current and the next");
    let members: Vec<&String> = published["keys"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["alg", "kty", "use", "n", "e", "kid", "x5t", "x5c"]);
    let token = machine.token(&server, json!({})).await;
    let kid = header(&token)["kid"].as_str().unwrap().to_owned();
    assert_eq!(published["keys"][0]["kid"], kid.as_str());
    assert_eq!(server.post("/keys/signing/rotate", json!({})).await.status, 201);
    assert_eq!(opens(&server, &token, "/roles").await.0, 200);
    let later = machine.token(&server, json!({})).await;
    assert_ne!(header(&later)["kid"], kid.as_str());
    let mut server = server;
    server.token = server.token_for("").await;
    let revoked = server.manage(Method::PUT, &format!("/keys/signing/{kid}/revoke"), None).await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    let refused = (401, "Invalid signature received for JSON Web Token validation".to_owned());
    assert_eq!(opens(&server, &token, "/roles").await, refused);
    assert_eq!(opens(&server, &later, "/roles").await.0, 200);
    let published: Value =
        server.http.get(server.url("/.well-known/jwks.json")).send().await.unwrap().json().await.unwrap();
    assert!(published["keys"].as_array().unwrap().iter().all(|key| key["kid"] != kid.as_str()));
    server.end().await;
}

#[tokio::test]
async fn foreign_and_tampered_tokens_are_refused() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let token = machine.token(&server, json!({})).await;
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let invalid = (401, "Invalid token".to_owned());
    let bad_signature = (401, "Invalid signature received for JSON Web Token validation".to_owned());
    let tampered = format!("{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    assert_eq!(opens(&server, &format!("{head}.{payload}.{tampered}"), "/roles").await, bad_signature);
    assert_eq!(opens(&server, &format!("{head}.e30.{signature}"), "/roles").await, bad_signature);
    assert_eq!(opens(&server, &format!("e30.{payload}.{signature}"), "/roles").await, invalid);
    // One that the secret of any API could make.
    let key = hmac::Key::new(hmac::HMAC_SHA256, SIGNING_SECRET.as_bytes());
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())));
    assert_eq!(opens(&server, &forged, "/roles").await, bad_signature);
    let foreign = machine.token(&server, json!({"audience": API})).await;
    assert_eq!(opens(&server, &foreign, "/roles").await, invalid);
    server.end().await;
}

#[tokio::test]
async fn an_api_decides_how_its_tokens_look() {
    let (server, _) = server_at(NOW).await;
    let machine = Machine::new(&server).await;
    let api = format!("/resource-servers/{}", machine.api);
    let for_api = json!({"audience": API});
    for algorithm in ["RS512", "PS256", "HS256"] {
        assert_eq!(server.patch(&api, json!({"signing_alg": algorithm})).await.status, 200);
        let token = machine.token(&server, for_api.clone()).await;
        assert_eq!(
            (&header(&token)["alg"], &claims(&token.clone().into())["exp"]),
            (&json!(algorithm), &json!(NOW + 600))
        );
        assert_eq!(header(&token)["kid"].is_string(), algorithm != "HS256");
    }
    let dialect = json!({"signing_alg": "RS256", "token_dialect": "rfc9068_profile_authz", "enforce_policies": true});
    server.patch(&api, dialect).await;
    let token = machine.token(&server, for_api.clone()).await;
    assert_eq!(header(&token)["typ"], "at+jwt");
    let said = claims(&token.into());
    assert_eq!(
        (&said["client_id"], &said["azp"], &said["gty"]),
        (&json!(machine.client_id), &Value::Null, &Value::Null)
    );
    assert_eq!((&said["permissions"], said["jti"].is_string()), (&json!(["a"]), true));
    let deny = json!({"subject_type_authorization": {"client": {"policy": "deny_all"}}});
    server.patch(&api, deny).await;
    assert_eq!(machine.ask(&server, for_api).await.status, 403);
    server.end().await;
}

#[tokio::test]
async fn a_machine_acts_for_an_organization_that_its_grant_allows() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let organization = server.post("/organizations", json!({"name": "acme"})).await.body;
    let id = organization["id"].as_str().unwrap();
    let grant = format!("/client-grants/{}", machine.grants[1]);
    let changed = server.patch(&grant, json!({"organization_usage": "require"})).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(machine.ask(&server, json!({"audience": API})).await.status, 400);
    let for_acme = json!({"audience": API, "organization": id});
    assert_eq!(machine.ask(&server, for_acme.clone()).await.status, 403);
    let given = json!({"grant_id": machine.grants[1]});
    assert_eq!(server.post(&format!("/organizations/{id}/client-grants"), given).await.status, 201);
    let token = machine.token(&server, for_acme).await;
    assert_eq!(claims(&token.into())["org_id"], id);
    let other = json!({"audience": API, "organization": "org_2"});
    assert_eq!(machine.ask(&server, other).await.status, 400);
    // Where the request names none, the client's default one is meant.
    let default = json!({"default_organization": {"organization_id": id, "flows": ["client_credentials"]}});
    assert_eq!(server.patch(&format!("/clients/{}", machine.client_id), default).await.status, 200);
    let token = machine.token(&server, json!({"audience": API})).await;
    assert_eq!(claims(&token.into())["org_id"], id);
    server.end().await;
}

#[tokio::test]
async fn what_machines_demand_and_is_not_built_is_refused() {
    let server = TestServer::start().await;
    let machine = Machine::new(&server).await;
    let refused = async |who: &str| {
        let answer = machine.ask(&server, json!({"audience": API})).await;
        let text = answer.body["error_description"].as_str().unwrap_or_default();
        assert!(text.starts_with(who) && text.ends_with("which this server does not support."), "{answer:?}");
        assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")));
    };
    let client = format!("/clients/{}", machine.client_id);
    for (demand, off) in [
        (json!({"require_proof_of_possession": true}), json!({"require_proof_of_possession": false})),
        (json!({"compliance_level": "fapi2_sp_pkj_mtls"}), json!({"compliance_level": null})),
    ] {
        assert_eq!(server.patch(&client, demand).await.status, 200);
        refused("The client requires ").await;
        assert_eq!(server.patch(&client, off).await.status, 200);
    }
    let proof = json!({"proof_of_possession": {"mechanism": "dpop", "required": true, "required_for": "all_clients"}});
    assert_eq!(server.patch(&format!("/resource-servers/{}", machine.api), proof).await.status, 200);
    refused("The API requires ").await;
    server.end().await;
}

#[tokio::test]
async fn a_machine_proves_itself_once_with_each_assertion() {
    let (server, _) = server_at(NOW).await;
    let machine = Machine::new(&server).await;
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", STANDARD.encode(der.as_ref()));
    let credential = json!({"credential_type": "public_key", "name": "key", "pem": pem, "alg": "RS256"});
    let client = format!("/clients/{}", machine.client_id);
    let credential = server.post(&format!("{client}/credentials"), credential).await;
    assert_eq!(credential.status, 201, "{credential:?}");
    let methods = json!({
        "token_endpoint_auth_method": null,
        "client_authentication_methods": {"private_key_jwt": {"credentials": [{"id": credential.body["id"]}]}},
    });
    let changed = server.patch(&client, methods).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(machine.ask(&server, json!({})).await.status, 401, "the secret counts no more");
    let issuer = format!("https://{}/", server.running.domain);
    let assertion = |jti: &str| {
        let id = &machine.client_id;
        let said = json!({"iss": id, "sub": id, "aud": issuer, "exp": NOW + 60, "jti": jti});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT"})), part(&said));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let with = |assertion: String| {
        json!({
            "client_id": null,
            "client_secret": null,
            "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        })
    };
    let first = assertion("1");
    assert_eq!(machine.ask(&server, with(first.clone())).await.status, 200);
    let again = machine.ask(&server, with(first)).await;
    let expected = json!({"error": "invalid_client", "error_description": "Client authentication failed"});
    assert_eq!((again.status, again.body), (401, expected));
    let entry = logged(&server, "feccft").await;
    assert_eq!(entry["description"], "Failed client authentication");
    assert_eq!(entry["details"]["client_authentication_error"], "client assertion was used before");
    // One that a refused exchange was tried with is used up, too.
    let third = with(assertion("3"));
    let mut elsewhere = third.clone();
    elsewhere["audience"] = "https://nowhere.example.com".into();
    assert_eq!(machine.ask(&server, elsewhere).await.status, 403);
    assert_eq!(machine.ask(&server, third).await.status, 401);
    server.end().await;
}
