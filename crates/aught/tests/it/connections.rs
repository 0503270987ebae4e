//! `aught connections try`.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use serde_json::{Value, json};

use crate::program::{Server, program, serve};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Makes a custom database through the running server's API.
async fn make(server: &Server, body: Value) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let at = |path: &str| format!("http://localhost:{}{path}", server.addr.port());
    let ask = json!({
        "grant_type": "client_credentials", "client_id": "first", "client_secret": "hush",
        "audience": format!("https://localhost:{}/api/v2/", server.addr.port()),
    });
    let answer: Value = client.post(at("/oauth/token")).json(&ask).send().await.unwrap().json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let made = client.post(at("/api/v2/connections")).bearer_auth(token).json(&body).send().await.unwrap();
    assert_eq!(made.status(), 201, "{:?}", made.text().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_tried_beside_a_running_server_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("aught.db");
    let attempt = |arguments: &[&str], input: &str| -> Output {
        let mut command = program();
        command.args(["connections", "try"]).args(arguments).arg("--database").arg(&database);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let mut command = serve(folder.path());
    command.env("AUGHT_INITIAL_CLIENT_ID", "first").env("AUGHT_INITIAL_CLIENT_SECRET", "hush");
    let running = Server::start(command);
    let login = "function (email, password, callback) {
        console.log('asked', email, password);
        if (password !== configuration.SECRET) return callback(new WrongUsernameOrPasswordError(email, 'Try harder'));
        callback(null, { user_id: 1, email });
    }";
    let options = json!({
        "enabledDatabaseCustomization": true, "customScripts": {"login": login}, "configuration": {"SECRET": "hush-hush"},
    });
    make(&running, json!({"name": "Legacy", "strategy": "auth0", "options": options})).await;
    make(&running, json!({"name": "Plain", "strategy": "auth0"})).await;
    let try_all = || {
        let good = attempt(&["Legacy", "--script", "login", "jane@example.com", "-"], "hush-hush\n");
        let told = text(&good.stdout);
        assert!(good.status.success(), "{told}{}", text(&good.stderr));
        assert!(told.contains("log | asked jane@example.com *****\n"), "{told}");
        assert!(told.contains("answers [{\"user_id\":1,\"email\":\"jane@example.com\"}]"), "{told}");
        let wrong = attempt(&["Legacy", "--script", "login", "jane@example.com", "guessed"], "");
        assert_eq!(wrong.status.code(), Some(1));
        assert!(text(&wrong.stdout).contains("WrongUsernameOrPasswordError: Try harder"), "{}", text(&wrong.stdout));
        for (arguments, reason) in [
            (&["Nowhere", "--script", "login"][..], "the connection Nowhere: there is none of this name"),
            (&["Plain", "--script", "login"], "the connection Plain: it is no custom database"),
            (&["Legacy", "--script", "get_user"], "the connection has no such script"),
            (&["Legacy", "--script", "logout"], "expected one of login"),
            (&["Legacy", "--script", "login", "--tenant", "nobody"], "the tenant nobody: there is none of this name"),
        ] {
            let refused = attempt(arguments, "");
            assert!(!refused.status.success() && text(&refused.stderr).contains(reason), "{}", text(&refused.stderr));
        }
    };
    try_all();
    running.stop();
    try_all();
}
