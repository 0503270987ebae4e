//! The list of tokens that are refused before their time is over.

use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_token_is_blacklisted_once_and_listed_by_its_audience() {
    let server = TestServer::start().await;
    let body = json!({"aud": "client", "jti": "one"});
    for _ in 0..2 {
        assert_eq!(server.post("/blacklists/tokens", body.clone()).await.status, 204);
    }
    assert_eq!(server.get("/blacklists/tokens?aud=client").await.body, json!([body]));
    assert_eq!(server.get("/blacklists/tokens?aud=other").await.body, json!([]));
    server.end().await;
}
