//! `aught connections try`.

use std::{
    io::Write,
    process::{Output, Stdio},
};

use reqwest::Method;
use serde_json::json;

use crate::{
    crash::Api,
    program::{Server, program, serve},
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
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
    command.env("AUGHT_INITIAL_CLIENT_ID", "crash").env("AUGHT_INITIAL_CLIENT_SECRET", "a secret");
    let running = Server::start(command);
    let api = Api::at(&running, &format!("localhost:{}", running.addr.port())).await;
    let login = "function (email, password, callback) {
        console.log('asked', email, password);
        if (password !== configuration.SECRET) return callback(new WrongUsernameOrPasswordError(email, 'Try harder'));
        callback(null, { user_id: 1, email });
    }";
    let options = json!({
        "enabledDatabaseCustomization": true, "customScripts": {"login": login}, "configuration": {"SECRET": "hush-hush"},
    });
    for connection in [
        json!({"name": "Legacy", "strategy": "auth0", "options": options}),
        json!({"name": "Plain", "strategy": "auth0"}),
    ] {
        let (status, made) = api.ask(Method::POST, "/connections", Some(&connection)).await.unwrap();
        assert_eq!(status, 201, "{made}");
    }
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
