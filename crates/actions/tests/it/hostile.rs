//! Scripts that try to get out, to see what is not theirs, or to take all there is. Whatever they do, the runtime serves the next
//! call, and nothing of the machine or of other tenants is told.

use std::{fs, time::Duration};

use aught_actions::{Invocation, Outcome};
use futures::{StreamExt, stream};
use serde_json::json;

use crate::support::{Engines, TestRuntime, action, here};

/// What a script must never be able to say.
const MARK: &str = "ESCAPED";

/// Every file of `hostile/`: the body of a handler. It says `ESCAPED` when it got what it must not get.
fn scripts() -> Vec<(String, String)> {
    let mut scripts: Vec<(String, String)> = fs::read_dir(here().join("tests/it/hostile"))
        .expect("the scripts are there")
        .map(|entry| {
            let path = entry.expect("it is readable").path();
            let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("it is readable"))
        })
        .collect();
    scripts.sort();
    scripts
}

async fn attack(runtime: &TestRuntime, script: &str) -> Outcome {
    attack_for(runtime, script, Duration::from_millis(1200)).await
}

async fn attack_for(runtime: &TestRuntime, script: &str, time: Duration) -> Outcome {
    let code = format!("exports.onExecutePostLogin = async (event, api) => {{\n{script}\n}};");
    let mut call = Invocation::new("post-login", "onExecutePostLogin", json!({"user": {"user_id": "auth0|1"}}));
    call.time_left = time;
    runtime.call(action(&code).of("hostile").secret("OWN", "own"), call).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_scripts_gain_nothing_and_break_nothing() {
    let scripts = scripts();
    assert!(scripts.len() >= 40, "{}", scripts.len());
    for runtime in Engines::with(|settings| settings.limits.cpu = Duration::from_millis(500)).await {
        let secret = action(
            "globalThis.other = 'TENANTSECRET'; exports.onExecutePostLogin = async (event) => { globalThis.kept = event.secrets; };",
        );
        let secret = secret.of("victim").secret("KEY", "TENANTSECRET");
        assert_eq!(runtime.run(secret.clone(), "post-login", json!({})).await.error, None);
        let attacks = stream::iter(&scripts).map(|(name, script)| {
            let runtime = &runtime;
            async move { (name, attack(runtime, script).await) }
        });
        let outcomes: Vec<_> = attacks.buffer_unordered(4).collect().await;
        for (name, outcome) in outcomes {
            let told = format!("{outcome:?}");
            assert!(!told.contains(MARK) && !told.contains("TENANTSECRET"), "{runtime}: {name}: {told}");
            assert!(outcome.commands.iter().all(|command| command.name != "forged"), "{runtime}: {name}: {told}");
        }
        let others = runtime.run(secret, "post-login", json!({})).await;
        assert_eq!(others.error, None, "{runtime}: the other tenant's warm worker still serves");
        let own = attack_for(&runtime, "api.access.deny('fine');", Duration::from_secs(20)).await;
        assert_eq!((own.error, own.commands.len()), (None, 1), "{runtime}: so does a new one of the attacker's");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_while_a_script_runs_wild() {
    for runtime in Engines::all().await {
        let quick = action("exports.onExecutePostLogin = async (event, api) => { api.access.deny('quick'); };");
        runtime.run(quick.clone(), "post-login", json!({})).await;
        let wild = attack(&runtime, "for (;;);");
        let quick_calls = async {
            for _ in 0..20 {
                let outcome = runtime.run(quick.clone(), "post-login", json!({})).await;
                assert_eq!(outcome.error, None, "{runtime}");
            }
        };
        let (wild, ()) = tokio::join!(wild, quick_calls);
        assert!(wild.error.is_some(), "{runtime}");
    }
}
