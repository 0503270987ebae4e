//! Lists: their envelopes and counters.

use serde_json::{Value, json};

use crate::{
    actions::{bind, deployed},
    server::TestServer,
};

/// The members of a list's answer beside its items.
async fn counters(server: &TestServer, path: &str, key: &str) -> (usize, Value) {
    let mut answer = server.get(path).await.body;
    let items = answer.as_object_mut().unwrap().shift_remove(key).unwrap();
    (items.as_array().unwrap().len(), answer)
}

#[tokio::test]
async fn lists_of_actions_leave_out_counters_that_are_zero() {
    let server = TestServer::start().await;
    let bindings = "/actions/triggers/post-login/bindings";
    let page = async |path: &str, key: &str| counters(&server, path, key).await;
    assert_eq!(page(&format!("{bindings}?page=0&per_page=100"), "bindings").await, (0, json!({"per_page": 100})));
    let code = "exports.onExecutePostLogin = async () => {};";
    let action = deployed(&server, "Bound", ("post-login", "v3"), code).await;
    bind(&server, "post-login", &[&action]).await;
    let first = page(&format!("{bindings}?page=0&per_page=100"), "bindings").await;
    assert_eq!(first, (1, json!({"total": 1, "per_page": 100})));
    // Clients go on until a page tells no total.
    let behind = page(&format!("{bindings}?page=1&per_page=100"), "bindings").await;
    assert_eq!(behind, (0, json!({"page": 1, "per_page": 100})));

    let named = page("/actions/actions?actionName=Bound&per_page=50", "actions").await;
    assert_eq!(named, (1, json!({"total": 1, "per_page": 50})));
    let unknown = page("/actions/actions?actionName=nobody&per_page=50", "actions").await;
    assert_eq!(unknown, (0, json!({"per_page": 50})));
    let behind = page("/actions/actions?page=1&per_page=50", "actions").await;
    assert_eq!(behind, (0, json!({"page": 1, "per_page": 50})));
    let versions = format!("/actions/actions/{action}/versions");
    assert_eq!(page(&versions, "versions").await, (1, json!({"total": 1, "per_page": 20})));
    let behind = page(&format!("{versions}?page=3"), "versions").await;
    assert_eq!(behind, (0, json!({"page": 3, "per_page": 20})));
    server.end().await;
}

#[tokio::test]
async fn lists_of_module_versions_show_their_zeros() {
    let server = TestServer::start().await;
    let module = json!({"name": "shared", "code": "module.exports = 1;", "publish": true});
    let module = server.post("/actions/modules", module).await;
    assert_eq!(module.status, 201, "{module:?}");
    let path = format!("/actions/modules/{}", module.body["id"].as_str().unwrap());
    let page = async |path: String, key: &str| counters(&server, &path, key).await;
    let versions = page(format!("{path}/versions?page=0&per_page=50"), "versions").await;
    assert_eq!(versions, (1, json!({"total": 1, "page": 0, "per_page": 50})));
    let behind = page(format!("{path}/versions?page=1&per_page=50"), "versions").await;
    assert_eq!(behind, (0, json!({"total": 0, "page": 1, "per_page": 50})));
    // The actions that use a module are counted as actions are.
    let users = page(format!("{path}/actions?page=1&per_page=50"), "actions").await;
    assert_eq!(users, (0, json!({"page": 1, "per_page": 50})));
    server.end().await;
}

#[tokio::test]
async fn a_page_beyond_all_counting_is_empty() {
    let server = TestServer::start().await;
    for path in ["/roles", "/grants", "/users", "/keys/encryption", "/self-service-profiles"] {
        let answer = server.get(&format!("{path}?page=9007199254740993000&per_page=100")).await;
        assert!(matches!(answer.status, 200 | 400), "{path}: {answer:?}");
        let answer = server.get(&format!("{path}?page=9007199254740993000&per_page=100&include_totals=true")).await;
        assert!(matches!(answer.status, 200 | 400), "{path}: {answer:?}");
    }
    server.end().await;
}
