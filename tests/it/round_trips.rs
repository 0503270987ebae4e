//! How often a request waits for a database on another machine. On SQLite nothing is waited for.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::site::{CONNECTION, EMAIL, PASSWORD, REALM, Site, user_path};

/// The fewest trips of several requests, as jobs beside them make some too.
async fn trips(site: &Site, request: impl AsyncFn(usize) -> RequestBuilder) -> u64 {
    let mut fewest = u64::MAX;
    for number in 0..8 {
        let request = request(number).await;
        let before = site.server.running.store.round_trips();
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{} {:?}", answer.status(), answer.text().await);
        answer.bytes().await.unwrap();
        fewest = fewest.min(site.server.running.store.round_trips() - before);
    }
    fewest
}

#[tokio::test]
async fn a_request_waits_for_the_database_a_few_times() {
    let site = Site::start().await;
    let server = &site.server;
    let api = json!({"identifier": "https://shop.example.com", "name": "Shop API", "allow_offline_access": true});
    server.post("/resource-servers", api).await;
    let fresh = server.running.fresh.as_ref().unwrap();
    let grant = json!({
        "grant_type": "client_credentials", "client_id": fresh.client_id, "client_secret": fresh.client_secret.reveal(),
        "audience": format!("https://{}/api/v2/", server.running.domain),
    });
    let token = trips(&site, async |_| server.http.post(server.url("/oauth/token")).json(&grant)).await;
    let path = server.url(&format!("/api/v2{}", user_path(&site.user)));
    let read = trips(&site, async |_| server.http.get(&path).bearer_auth(&server.token)).await;
    let create = trips(&site, async |number| {
        let body = json!({"connection": CONNECTION, "email": format!("new{number}@example.com"), "password": PASSWORD});
        server.http.post(server.url("/api/v2/users")).bearer_auth(&server.token).json(&body)
    });
    let create = create.await;
    let login = json!({
        "grant_type": REALM, "realm": CONNECTION, "username": EMAIL, "password": PASSWORD,
        "audience": "https://shop.example.com", "scope": "openid offline_access",
        "client_id": site.client, "client_secret": site.secret,
    });
    let log_in = async || server.http.post(server.url("/oauth/token")).json(&login);
    let login = trips(&site, async |_| log_in().await).await;
    let refresh = trips(&site, async |_| {
        let tokens: Value = log_in().await.send().await.unwrap().json().await.unwrap();
        let body = json!({
            "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"],
            "client_id": site.client, "client_secret": site.secret,
        });
        server.http.post(server.url("/oauth/token")).json(&body)
    });
    let refresh = refresh.await;
    let most =
        [("token", token, 3), ("read", read, 0), ("create", create, 24), ("login", login, 40), ("refresh", refresh, 8)];
    eprintln!("round trips: {most:?}");
    for (what, trips, most) in most {
        assert!(trips <= most, "{what}: {trips} round trips, {most} at most");
    }
    site.end().await;
}
