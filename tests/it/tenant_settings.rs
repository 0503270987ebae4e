//! What the tenant's settings do beyond the API in which they are set.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::server::TestServer;

/// A document that the tenant publishes.
async fn published(server: &TestServer, path: &str) -> Value {
    server.http.get(server.url(path)).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn settings_of_the_tenant_reach_tokens_and_discovery() {
    let server = TestServer::start().await;
    let fresh = server.running.fresh.as_ref().unwrap();
    let keys = published(&server, "/.well-known/jwks.json").await;
    assert_eq!(keys["keys"][0]["alg"], "RS256");
    let metadata = published(&server, "/.well-known/openid-configuration").await;
    for name in [
        "pushed_authorization_request_endpoint",
        "tls_client_certificate_bound_access_tokens",
        "acr_values_supported",
        "authorization_response_iss_parameter_supported",
        "client_id_metadata_document_supported",
    ] {
        assert_eq!(metadata.get(name), None, "{name}");
    }
    assert!(metadata.get("end_session_endpoint").is_some());

    let api = "https://api.example.com";
    assert_eq!(server.post("/resource-servers", json!({"identifier": api, "name": "API"})).await.status, 201);
    let grant = json!({"client_id": fresh.client_id, "audience": api, "scope": []});
    assert_eq!(server.post("/client-grants", grant).await.status, 201);
    let settings = json!({
        "default_audience": api,
        "flags": {"remove_alg_from_jwks": true},
        "pushed_authorization_requests_supported": true,
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
        "acr_values_supported": ["urn:example:gold"],
        "mtls": {"enable_endpoint_aliases": true},
        "oidc_logout": {"rp_logout_end_session_endpoint_discovery": false},
    });
    let answer = server.patch("/tenants/settings", settings).await;
    assert_eq!(answer.status, 200, "{answer:?}");

    let request = json!({
        "grant_type": "client_credentials",
        "client_id": fresh.client_id,
        "client_secret": fresh.client_secret.reveal(),
    });
    let token: Value =
        server.http.post(server.url("/oauth/token")).json(&request).send().await.unwrap().json().await.unwrap();
    let claims = token["access_token"].as_str().unwrap_or_else(|| panic!("{token}")).split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert_eq!(claims["aud"], api);

    let keys = published(&server, "/.well-known/jwks.json").await;
    assert_eq!(keys["keys"][0].get("alg"), None);
    let metadata = published(&server, "/.well-known/openid-configuration").await;
    assert!(metadata["pushed_authorization_request_endpoint"].as_str().unwrap().ends_with("/oauth/par"));
    // What is asked for and not built is not told.
    assert_eq!(metadata.get("tls_client_certificate_bound_access_tokens"), None);
    assert_eq!(metadata["acr_values_supported"], json!(["urn:example:gold"]));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    assert_eq!(metadata.get("end_session_endpoint"), None);
    server.end().await;
}
