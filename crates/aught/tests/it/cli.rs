//! Its command line, signals, and what it gives to a command.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{Command, Output, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    crash::Api,
    program::{Server, program, serve, signal},
};

fn run(script: &str) -> Output {
    aught(&["run", "--", "sh", "-c", script])
}

fn aught(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn help_explains_each_flag() {
    let help = text(&aught(&["serve", "--help"]).stdout);
    for word in [
        "--listen",
        "AUGHT_LISTEN",
        "127.0.0.1:8080",
        "--database",
        "memory:",
        "postgres://",
        "./aught.db",
        "--domain",
        "--config",
        "--state-dir",
        "--database-password-file",
        "--log-retention",
        "AUGHT_ROOT_KEY",
        "AUGHT_INITIAL_CLIENT_ID",
        "AUGHT_INITIAL_CLIENT_SECRET",
    ] {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
    assert!(text(&aught(&["--help"]).stdout).contains("run"));
}

#[test]
fn run_ends_as_the_command_ends() {
    assert_eq!(run("exit 7").status.code(), Some(7));
    assert_eq!(run("exit 0").status.code(), Some(0));
    assert_eq!(run("kill -9 $$").status.code(), Some(137));
    assert_eq!(aught(&["run", "--", "there-is-no-such-command"]).status.code(), Some(127));
    assert_eq!(aught(&["run", "/"]).status.code(), Some(126));
}

#[test]
fn run_gives_the_command_a_tenant_and_trust() {
    let output = run("echo $AUTH0_DOMAIN $AUTH0_CLIENT_ID $AUTH0_CLIENT_SECRET $AUTH0_AUDIENCE; \
         grep -c BEGIN \"$NODE_EXTRA_CA_CERTS\" \"$SSL_CERT_FILE\" \"$REQUESTS_CA_BUNDLE\" \"$CURL_CA_BUNDLE\" >&2; \
         echo $JAVA_TOOL_OPTIONS");
    let out = text(&output.stdout);
    let words: Vec<&str> = out.split_whitespace().collect();
    let port = words[0].strip_prefix("localhost:").unwrap();
    assert_ne!(port.parse::<u16>().unwrap(), 0);
    assert!(words[1].len() >= 32 && words[2].len() == 64, "{out}");
    assert_eq!(words[3], format!("https://localhost:{port}/api/v2/"));
    assert!(out.contains("trust.p12"), "{out}");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn run_leaves_nothing_behind() {
    let folder = text(&run("dirname $SSL_CERT_FILE").stdout);
    assert!(!std::path::Path::new(folder.trim()).exists(), "{folder}");
}

#[test]
fn run_passes_signals_on() {
    let mut child = program()
        .args(["run", "--", "sh", "-c", "trap 'exit 42' TERM; echo ready; while :; do sleep 0.05; done"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    signal(&child, "TERM");
    assert_eq!(child.wait().unwrap().code(), Some(42));
}

#[test]
fn a_new_tenant_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Server::start(serve(folder.path()));
    assert!(first.stop().stdout.contains("client secret"));
    let second = Server::start(serve(folder.path()));
    let stdout = second.stop().stdout;
    assert!(!stdout.contains("client secret"), "{stdout}");
}

#[test]
fn a_wished_client_is_the_first_client() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    command.env("AUGHT_INITIAL_CLIENT_ID", "123").env("AUGHT_INITIAL_CLIENT_SECRET", "a-wished-secret");
    let stdout = Server::start(command).stop().stdout;
    assert!(stdout.contains(" 123\n") && stdout.contains(" a-wished-secret\n"), "{stdout}");
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aught.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\ndomain = \"file.example\"\n").unwrap();
    let domain = |flags: &[&str], variable: Option<&str>| {
        let mut command = program();
        command.args(["serve", "--database", "memory:", "--config", file.to_str().unwrap()]).args(flags);
        command.envs(variable.map(|value| ("AUGHT_DOMAIN", value)));
        let stdout = Server::start(command).stop().stdout;
        stdout.lines().find_map(|line| line.trim().strip_prefix("domain")).unwrap().trim().to_owned()
    };
    assert_eq!(domain(&[], None), "file.example");
    assert_eq!(domain(&[], Some("variable.example")), "variable.example");
    assert_eq!(domain(&["--domain", "flag.example"], Some("variable.example")), "flag.example");
}

#[test]
fn slips_in_the_configuration_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("aught.toml");
    std::fs::write(&file, "databse = \"memory:\"\n").unwrap();
    let refused = |arguments: &[&str]| {
        let output = aught(arguments);
        assert!(!output.status.success());
        text(&output.stderr)
    };
    assert!(refused(&["serve", "--config", file.to_str().unwrap()]).contains("databse"));
    assert!(refused(&["serve", "--config", "/there/is/no/file"]).contains("/there/is/no/file"));
    assert!(refused(&["serve", "--database", "memory:", "--domain", "https://x/"]).contains("https://x/"));
    assert!(refused(&["serve", "--database", "memory:", "--listen", "nowhere"]).contains("nowhere"));
    assert!(refused(&["serve", "--database", "memory:", "--log", "aught=loud"]).contains("aught=loud"));
}

#[test]
fn keys_stand_beside_the_database_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Server::start(serve(folder.path()));
    running.wait_for("https is ready");
    running.stop();
    let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("aught.db.root-key"), 0o600);
    assert_eq!(mode("aught.db.ca.key"), 0o600);
    assert_eq!(mode("aught.db.tls.pem"), 0o600);
    assert_eq!(mode("aught.db.ca.pem"), 0o644);
}

#[test]
fn the_usual_signals_end_a_server_in_order() {
    for name in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let running = Server::start(serve(folder.path()));
        let mut idle = TcpStream::connect(running.addr).unwrap();
        running.signal(name);
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
        let ended = running.end();
        assert_eq!((ended.status.code(), ended.status.signal()), (Some(0), None), "{}", ended.log);
        assert!(ended.log.contains("\"stopped\""), "{}", ended.log);
        // Nothing goes on with a store that is closed.
        assert!(!ended.log.contains("the store is closed"), "{}", ended.log);
    }
}

#[test]
fn a_server_that_runs_as_root_says_so() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let running = Server::start(serve(folder.path()));
    running.signal("TERM");
    let log = running.end().log;
    assert!(log.contains("running as root"), "{log}");
}

#[test]
fn the_log_is_json_without_queries() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    command.args(["--log", "debug"]);
    let running = Server::start(command);
    let mut connection = TcpStream::connect(running.addr).unwrap();
    connection
        .write_all(
            b"GET /health/live?token=hidden HTTP/1.1\r\nhost: x\r\nx-request-id: r1\r\nconnection: close\r\n\r\n",
        )
        .unwrap();
    connection.read_to_string(&mut String::new()).unwrap();
    let log = running.stop().log;
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let answered = lines.into_iter().find(|line| line["message"] == "answered").expect("a line for the request");
    assert_eq!((&answered["path"], &answered["status"]), (&"/health/live".into(), &200.into()), "{answered}");
    assert_eq!(answered["span"]["id"], "r1", "{answered}");
    assert!(!log.contains("hidden"), "{log}");
}

#[test]
fn java_trusts_the_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("Get.java");
    std::fs::write(
        &program,
        "public class Get { public static void main(String[] a) throws Exception {
            var url = new java.net.URL(\"https://\" + System.getenv(\"AUTH0_DOMAIN\") + \"/health/live\");
            var answer = (javax.net.ssl.HttpsURLConnection) url.openConnection();
            System.out.println(answer.getResponseCode());
            var store = java.security.KeyStore.getInstance(new java.io.File(System.getProperty(\"javax.net.ssl.trustStore\")), \"changeit\".toCharArray());
            System.out.println(store.size());
        } }",
    )
    .unwrap();
    if Command::new("java").arg("-version").output().is_err() {
        return;
    }
    let output = aught(&["run", "--", "java", program.to_str().unwrap()]);
    let out = text(&output.stdout);
    let mut lines = out.lines();
    assert_eq!(lines.next(), Some("200"), "{}", text(&output.stderr));
    assert!(lines.next().unwrap().parse::<u32>().unwrap() > 1);
}

#[test]
fn an_action_runs_without_a_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    };
    let code = file(
        "action.js",
        "exports.onExecutePostLogin = async (event, api) => {
            console.log(event.user.name, event.secrets.KEY); api.access.deny('no');
            if (event.user.name === 'bad') throw new TypeError('it is bad');
        };",
    );
    let (event, secrets) = (file("event.json", r#"{"user": {"name": "n"}}"#), file("secrets.json", r#"{"KEY": "k"}"#));
    let arguments = ["actions", "run", &code, "--engine", "embedded", "--secrets", &secrets, "--event"];
    let output = aught(&[arguments.as_slice(), &[&event]].concat());
    let told = text(&output.stdout);
    assert!(output.status.success(), "{told}{}", text(&output.stderr));
    assert!(
        told.starts_with("  log | n k\napi.access.deny(\"no\")\n") && told.contains(" ms of processor time"),
        "{told}"
    );

    let bad = file("bad.json", r#"{"user": {"name": "bad"}}"#);
    let output = aught(&[arguments.as_slice(), &[&bad]].concat());
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("TypeError: it is bad\n    at ") && told.contains("action.js:3:"), "{told}");
    assert_eq!(aught(&["actions", "run", "/nowhere.js"]).status.code(), Some(1));
}

#[test]
fn tenants_are_made_and_deleted_beside_a_running_server_and_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("aught.db");
    let tenants = |arguments: &[&str]| {
        let output = program().arg("tenants").args(arguments).arg("--database").arg(&database).output().unwrap();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    let running = Server::start(serve(folder.path()));
    let port = running.addr.port();
    let status = |host: &str| {
        let mut connection = TcpStream::connect(running.addr).unwrap();
        let path = "/.well-known/openid-configuration";
        write!(connection, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer[9..12].to_owned()
    };
    let (is_done, told) = tenants(&["create", "acme"]);
    assert!(is_done && told.contains(&format!("acme.localhost:{port}\n")) && told.contains("client secret"), "{told}");
    assert_eq!((status(&format!("acme.localhost:{port}")), status("other.localhost")), ("200".into(), "404".into()));
    let (is_done, told) = tenants(&["create", "acme"]);
    assert!(!is_done && told.contains("there is one of this name"), "{told}");
    let (is_done, told) = tenants(&["create", "other", "--domain", &format!("acme.localhost:{port}")]);
    assert!(!is_done && told.contains("another tenant answers for it"), "{told}");
    running.stop();

    let listed = tenants(&["list"]).1;
    assert_eq!(listed, format!("localhost  localhost:{port}\nacme       acme.localhost:{port}\n"));
    assert!(tenants(&["create", "other", "--domain", "Other.example"]).1.contains("other.example\n"));
    assert!(tenants(&["delete", "acme"]).0);
    assert!(!tenants(&["delete", "acme"]).0);
    assert_eq!(tenants(&["list"]).1, format!("localhost  localhost:{port}\nother      other.example\n"));

    // The first tenant, and those that follow its port, go where the server listens next.
    assert!(tenants(&["create", "acme"]).0);
    let running = Server::start(serve(folder.path()));
    let port = running.addr.port();
    assert!(tenants(&["list"]).1.contains(&format!("acme.localhost:{port}\n")));
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_whose_lists_keep_everybody_out_is_unlocked() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    command.env("AUGHT_INITIAL_CLIENT_ID", "crash").env("AUGHT_INITIAL_CLIENT_SECRET", "a secret");
    let running = Server::start(command);
    let api = Api::at(&running, &format!("localhost:{}", running.addr.port())).await;
    let rule = json!({"action": {"block": true}, "scope": "tenant", "match_all": true});
    let list = json!({"description": "nobody", "active": true, "rule": rule});
    let status = async |method: Method, body: Option<&Value>| api.ask(method, "/network-acls", body).await.unwrap().0;
    assert_eq!(status(Method::POST, Some(&list)).await, 201);
    assert_eq!(status(Method::GET, None).await, 403);
    let database = folder.path().join("aught.db");
    let unlock = |name: &str| aught(&["tenants", "unlock", name, "--database", &database.to_string_lossy()]);
    assert_eq!(unlock("nobody").status.code(), Some(1));
    assert_eq!(
        text(&unlock("localhost").stdout),
        "1 network ACLs of the tenant localhost were active, and are not any more.\n"
    );
    assert_eq!(status(Method::GET, None).await, 200);
    running.stop();
    assert_eq!(
        text(&unlock("localhost").stdout),
        "0 network ACLs of the tenant localhost were active, and are not any more.\n"
    );
}

#[test]
fn rules_hooks_and_sample_events_run_without_a_tenant() {
    let folder = tempfile::tempdir().unwrap();
    let run = |code: &str, arguments: &[&str]| {
        let path = folder.path().join("code.js");
        std::fs::write(&path, code).unwrap();
        let path = path.to_string_lossy().into_owned();
        let output = aught(&[&["actions", "run", &path, "--engine", "embedded", "--sample"], arguments].concat());
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    };
    let rule = "function (user, context, callback) { console.log(user.name, context.protocol); callback(null, user); }";
    assert!(run(rule, &["--kind", "rule"]).starts_with("  log | Jane Doe oidc-basic-profile\nanswers [{"));
    let hook =
        "module.exports = (user, context, cb) => { console.log(user.email, context.connection.name); cb(null, {}); };";
    let told = run(hook, &["--kind", "hook", "--trigger", "pre-user-registration"]);
    assert!(told.starts_with("  log | jane@example.com Username-Password-Authentication\nanswers [{}]\n"), "{told}");
    let triggers = [
        ("post-login", "onExecutePostLogin"),
        ("credentials-exchange", "onExecuteCredentialsExchange"),
        ("pre-user-registration", "onExecutePreUserRegistration"),
        ("post-user-registration", "onExecutePostUserRegistration"),
        ("post-change-password", "onExecutePostChangePassword"),
        ("send-phone-message", "onExecuteSendPhoneMessage"),
        ("password-reset-post-challenge", "onExecutePostChallenge"),
        ("custom-token-exchange", "onExecuteCustomTokenExchange"),
        ("custom-email-provider", "onExecuteCustomEmailProvider"),
        ("custom-phone-provider", "onExecuteCustomPhoneProvider"),
        ("event-stream", "onExecuteEventStream"),
    ];
    for (trigger, handler) in triggers {
        let code =
            format!("exports.{handler} = async (event) => {{ console.log(event.tenant?.id ?? event.message.type); }};");
        let told = run(&code, &["--trigger", trigger]);
        assert!(told.contains("my-tenant") || told.contains("user.created"), "{trigger}: {told}");
    }
    let printed = aught(&["actions", "sample", "--trigger", "credentials-exchange"]).stdout;
    let printed: serde_json::Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(printed["resource_server"]["identifier"], "https://api.example.com");
    assert_eq!(aught(&["actions", "sample", "--trigger", "nowhere"]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn code_runs_again_on_what_a_server_told_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = serve(folder.path());
    command.env("AUGHT_INITIAL_CLIENT_ID", "crash").env("AUGHT_INITIAL_CLIENT_SECRET", "a secret");
    let running = Server::start(command);
    let domain = format!("localhost:{}", running.addr.port());
    let api = Api::at(&running, &domain).await;
    let ask = async |method: Method, path: &str, body: Value| {
        let (status, answer) = api.ask(method, path, Some(&body)).await.unwrap();
        assert!(status.is_success(), "{path}: {answer}");
        answer
    };
    let mut bindings = Vec::new();
    for (name, code) in
        [("First", "event.first = true;"), ("Second", "api.accessToken.setCustomClaim('https://a.example/x', 1);")]
    {
        let code = format!("exports.onExecuteCredentialsExchange = async (event, api) => {{ {code} }};");
        let triggers = json!([{"id": "credentials-exchange", "version": "v2"}]);
        let action = json!({"name": name, "supported_triggers": triggers, "code": code});
        let id = ask(Method::POST, "/actions/actions", action).await["id"].as_str().unwrap().to_owned();
        ask(Method::POST, &format!("/actions/actions/{id}/deploy"), json!({})).await;
        bindings.push(json!({"ref": {"type": "action_id", "value": id}}));
    }
    ask(Method::PATCH, "/actions/triggers/credentials-exchange/bindings", json!({ "bindings": bindings })).await;
    // Its token was asked for with the Actions.
    let api = Api::at(&running, &domain).await;
    let (_, entries) = api.ask(Method::GET, "/logs?q=type:seccft", None).await.unwrap();
    let entry = &entries[0];
    let (id, execution) =
        (entry["log_id"].as_str().unwrap(), entry["details"]["actions"]["executions"][0].as_str().unwrap());
    let (database, file) = (folder.path().join("aught.db"), folder.path().join("code.js"));
    let code = "exports.onExecuteCredentialsExchange = async (event, api) => {
        console.log(event.client.client_id, event.request.body.grant_type, JSON.stringify(event).includes('a secret'), event.resource_server.identifier);
    };";
    std::fs::write(&file, code).unwrap();
    let (database, file) = (database.to_string_lossy().into_owned(), file.to_string_lossy().into_owned());
    let run = |id: &str, more: &[&str]| {
        let asked = ["actions", "run", &file, "--engine", "embedded", "--database", &database, "--from-log", id];
        let output = aught(&[&asked[..], more].concat());
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let expected = format!("  log | crash client_credentials false https://{domain}/api/v2/\n");
    for (id, more) in [(id, &[][..]), (execution, &[][..]), (execution, &["--action", "Second"][..])] {
        let (status, told, complaint) = run(id, more);
        assert!(status == Some(0) && told.starts_with(&expected), "{id} {told}{complaint}");
    }
    let (status, _, complaint) = run(execution, &["--action", "Third"]);
    assert!(status == Some(1) && complaint.contains("no Action of this name was called"), "{complaint}");
    let (status, _, complaint) = run("nowhere", &[]);
    assert!(status == Some(1) && complaint.contains("no event of it is kept"), "{complaint}");
    // Without the server, its database is read.
    let execution = execution.to_owned();
    running.stop();
    let (status, told, complaint) = run(&execution, &[]);
    assert!(status == Some(0) && told.starts_with(&expected), "{told}{complaint}");
}

#[test]
fn the_log_of_a_commands_tenant_is_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log.jsonl");
    let output = aught(&["run", "--log", &log.to_string_lossy(), "--", "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), ("out\n", "err\n"));
    assert!(std::fs::read_to_string(&log).unwrap().contains("\"listening\""));
}

#[test]
fn a_lost_root_key_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    Server::start(serve(folder.path())).stop();
    let key = folder.path().join("aught.db.root-key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let refused = serve(folder.path()).output().unwrap();
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("put the key back"), "{}", text(&refused.stderr));
    assert!(!key.exists());
    std::fs::write(&key, kept).unwrap();
    Server::start(serve(folder.path())).stop();
}

#[test]
fn a_flow_runs_from_a_file_in_a_tenant_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, value: Value| {
        let path = folder.path().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let payload = json!({
        "connection": "Username-Password-Authentication", "email": "{{fields.email}}", "password": "{{functions.uuid()}}-Aa1!",
    });
    let flow = json!({"name": "Hire", "actions": [
        {"id": "create", "type": "AUTH0", "action": "CREATE_USER", "params": {"connection_id": "desk", "payload": payload}},
        {"id": "wait", "type": "FLOW", "action": "DELAY_FLOW", "params": {"number": 1, "units": "SECONDS"}},
        {"id": "tell", "type": "FLOW", "action": "STORE_VARS", "params": {"vars": {"hired": "{{actions.create.email}} by {{vars.by}}"}}},
    ]});
    let (flow, vault) = (file("flow.json", flow), file("vault.json", json!({"name": "desk", "app_id": "AUTH0"})));
    let input = file("input.json", json!({"fields": {"email": "ann@example.com"}, "vars": {"by": "Bob"}}));
    let vault = format!("desk={vault}");
    let output = aught(&["flows", "run", &flow, "--input", &input, "--vault", &vault]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told} {}", text(&output.stderr));
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["vars"]["hired"], "ann@example.com by Bob");
    assert_eq!(told["execution"]["status"], "COMPLETED");
    let bare = aught(&["flows", "run", &flow, "--vault", &vault]);
    assert_eq!(bare.status.code(), Some(1));
    let told: Value = serde_json::from_str(&text(&bare.stdout)).unwrap();
    assert_eq!(
        (&told["outcome"], &told["execution"]["debug"]["error"]["code"]),
        (&json!("failed"), &json!("REQUEST_REFUSED"))
    );
}
