//! Quotas of machine tokens: who gets how many, and what is told of them.

use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::{
    app::{API, server_at},
    server::TestServer,
};

/// A quarter to five in the morning of a day.
const NOW: i64 = 1_799_988_300;

/// A machine that may use an API, for an organization too.
struct Machine {
    client_id: String,
    client_secret: String,
    organization: String,
}

impl Machine {
    async fn new(server: &TestServer) -> Self {
        let client = server.post("/clients", json!({"name": "Machine", "app_type": "non_interactive"})).await.body;
        let api = json!({"identifier": API, "name": "API", "scopes": [{"value": "a"}]});
        assert_eq!(server.post("/resource-servers", api).await.status, 201);
        let grant = json!({
            "client_id": client["client_id"], "audience": API, "scope": ["a"], "organization_usage": "allow",
            "allow_any_organization": true,
        });
        assert_eq!(server.post("/client-grants", grant).await.status, 201);
        let organization = server.post("/organizations", json!({"name": "acme"})).await.body;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            client_id: text(&client["client_id"]),
            client_secret: text(&client["client_secret"]),
            organization: text(&organization["id"]),
        }
    }

    async fn ask(&self, server: &TestServer, more: Value) -> (u16, HeaderMap, Value) {
        let mut request = json!({
            "grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.client_secret,
            "audience": API,
        });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = server.http.post(server.url("/oauth/token")).json(&request).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        (status, headers, answer.json().await.unwrap())
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

const OF_CLIENT: &str = "auth0-client-quota-limit";
const OF_ORGANIZATION: &str = "auth0-organization-quota-limit";

#[tokio::test]
async fn a_client_gets_so_many_tokens_in_an_hour_and_in_a_day() {
    let (server, clock) = server_at(NOW).await;
    let machine = Machine::new(&server).await;
    let (status, headers, _) = machine.ask(&server, json!({})).await;
    assert_eq!((status, header(&headers, OF_CLIENT)), (200, ""));
    let quota = json!({"token_quota": {"client_credentials": {"per_hour": 2, "per_day": 5}}});
    let changed = server.patch(&format!("/clients/{}", machine.client_id), quota).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    for left in
        ["b=per_hour;q=2;r=1;t=900,b=per_day;q=5;r=4;t=69300", "b=per_hour;q=2;r=0;t=900,b=per_day;q=5;r=3;t=69300"]
    {
        let (status, headers, _) = machine.ask(&server, json!({})).await;
        assert_eq!((status, header(&headers, OF_CLIENT)), (200, left));
    }
    let (status, headers, body) = machine.ask(&server, json!({})).await;
    let told = json!({"error": "too_many_requests", "error_description": "Client quota exceeded"});
    assert_eq!((status, body), (429, told));
    assert_eq!(header(&headers, OF_CLIENT), "b=per_hour;q=2;r=0;t=900,b=per_day;q=5;r=3;t=69300");
    let names = ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"];
    let reset = (NOW + 900).to_string();
    assert_eq!(names.map(|name| header(&headers, name)), ["2", "0", reset.as_str(), "900"]);
    // Tokens of the Management API are not counted.
    let management = format!("https://{}/api/v2/", server.running.domain);
    let (status, headers, _) = machine.ask(&server, json!({"audience": management})).await;
    assert_eq!((status, header(&headers, OF_CLIENT)), (403, ""));
    clock.advance(Duration::from_secs(900));
    let (status, headers, _) = machine.ask(&server, json!({})).await;
    assert_eq!((status, header(&headers, OF_CLIENT)), (200, "b=per_hour;q=2;r=1;t=3600,b=per_day;q=5;r=2;t=68400"));
    let logs = server.get("/logs?per_page=100").await.body;
    let of = |kind: &str| logs.as_array().unwrap().iter().filter(|entry| entry["type"] == kind).count();
    assert_eq!(of("feccft"), 2);
    let warned = logs.as_array().unwrap().iter().rev();
    let warned: Vec<_> = warned.filter(|entry| entry["type"] == "token_quota_consumption_warning").collect();
    let descriptions: Vec<_> = warned.iter().map(|entry| entry["description"].as_str().unwrap()).collect();
    assert_eq!(descriptions, ["100% of client per_hour quota consumed", "60% of client per_day quota consumed"]);
    let details = json!({
        "bucket": "per_hour", "entity_type": "client", "entity_id": machine.client_id, "quota": 2,
        "quota_consumption_percentage": 100, "quota_consumption": 2,
    });
    assert_eq!(warned[0]["details"], details);
    server.end().await;
}

#[tokio::test]
async fn quotas_of_the_tenant_count_for_whoever_has_none_and_may_only_warn() {
    let (server, _) = server_at(NOW).await;
    let machine = Machine::new(&server).await;
    let quotas = json!({"default_token_quota": {
        "clients": {"client_credentials": {"per_day": 1, "enforce": false}},
        "organizations": {"client_credentials": {"per_hour": 1}},
    }});
    assert_eq!(server.patch("/tenants/settings", quotas).await.status, 200);
    for left in ["b=per_day;q=1;r=0;t=69300", "b=per_day;q=1;r=0;t=69300"] {
        let (status, headers, _) = machine.ask(&server, json!({})).await;
        assert_eq!((status, header(&headers, OF_CLIENT), header(&headers, OF_ORGANIZATION)), (200, left, ""));
    }
    let for_acme = json!({"organization": machine.organization});
    let (status, headers, _) = machine.ask(&server, for_acme.clone()).await;
    assert_eq!((status, header(&headers, OF_ORGANIZATION)), (200, "b=per_hour;q=1;r=0;t=900"));
    let (status, _, body) = machine.ask(&server, for_acme.clone()).await;
    assert_eq!((status, &body["error_description"]), (429, &json!("Organization quota exceeded")));
    let own = json!({"token_quota": {"client_credentials": {"per_hour": 3}}});
    assert_eq!(server.patch(&format!("/organizations/{}", machine.organization), own).await.status, 200);
    assert_eq!(machine.ask(&server, for_acme).await.0, 200);
    server.end().await;
}
