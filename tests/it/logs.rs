//! The tenant log.

use http::header::LINK;
use serde_json::json;

use crate::server::TestServer;

#[tokio::test]
async fn a_walk_from_an_unknown_entry_names_it_as_it_was_sent() {
    let server = TestServer::start().await;
    let from = "%C2%8FS%F0%B1%B9%A0";
    let request = server.http.get(server.url(&format!("/api/v2/logs?from={from}&take=2")));
    let answer = request.bearer_auth(server.token_for("read:logs").await).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let next = answer.headers()[LINK].to_str().unwrap().to_owned();
    assert!(next.contains(&format!("from={from}&take=2>; rel=\"next\"")), "{next}");
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap(), json!([]));
    server.end().await;
}
