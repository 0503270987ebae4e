//! Every command of every trigger's `api`, on each engine, by the list of all of them (`tests/it/commands.txt`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

use aught_actions::{Invocation, Outcome, Services};
use futures::future::BoxFuture;
use kernel::Value;
use serde_json::json;

use crate::support::{Engines, TestRuntime, action, handler_of};

const LIST: &str = include_str!("../../../../tests/it/commands.txt");

/// A command: its name, the arguments of a call, and what becomes of it.
type Line = (&'static str, &'static str, &'static str);

/// The commands of each trigger.
fn listed() -> BTreeMap<&'static str, Vec<Line>> {
    let mut listed: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    let mut trigger = "";
    for line in LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            trigger = name.trim_end_matches(']');
            continue;
        }
        let parts: Vec<&str> = line.split(" | ").collect();
        let [command, arguments, effect, _] = parts[..] else { panic!("{line}: four parts are expected") };
        listed.entry(trigger).or_default().push((command, if arguments == "-" { "" } else { arguments }, effect));
    }
    listed
}

/// Answers whatever is asked.
struct Platform;

impl Services for Platform {
    fn ask<'a>(&'a self, _: &'a str, _: Vec<Value>) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async { Ok(json!({"groups": [], "roles": [], "memberships": {}})) })
    }
}

/// One Action for all commands of a trigger: the event says which one is called, and without one it tells which there are.
fn code(handlers: [&str; 2], lines: &[Line]) -> String {
    let mut code = String::from(
        "const names = (value, prefix) => Object.keys(value).flatMap((key) => typeof value[key] === 'function'
            ? [`${prefix}${key}`] : names(value[key], `${prefix}${key}.`));
         const calls = {\n",
    );
    for (command, arguments, _) in lines {
        let _ = writeln!(code, "'{command}': (api) => api.{command}({arguments}),");
    }
    code.push_str(
        "};
         const handle = async (event, api) => {
            if (!event.call) return console.log(JSON.stringify(names(api, '').sort()));
            const sent = api.redirect?.encodeToken({ secret: 's', payload: { state: 'st' } });
            if (sent) event.request.body.session_token = sent;
            await calls[event.call](api);
         };\n",
    );
    for handler in handlers {
        let _ = writeln!(code, "exports.{handler} = async (event, api) => handle(event, api);");
    }
    code
}

async fn run(runtime: &TestRuntime, trigger: &str, handler: &str, code: &str, call: Option<&str>) -> Outcome {
    let mut event = json!({
        "user": {"user_id": "auth0|1", "app_metadata": {}, "user_metadata": {}},
        "request": {"ip": "198.51.100.7", "hostname": "tenant.example", "query": {"state": "st"}, "body": {}},
        "transaction": {"protocol": "oidc-basic-profile", "requested_scopes": ["openid"]},
        "session": {"id": "s1", "metadata": {"a": "1"}}, "refresh_token": {"id": "rt", "metadata": {"a": "1"}},
        "accessToken": {"scope": ["read:a"]},
    });
    if let Some(call) = call {
        event["call"] = call.into();
    }
    let mut invocation = Invocation::new(trigger, handler, event);
    invocation.services = Some(Arc::new(Platform));
    if trigger == "credentials-exchange" {
        invocation.facts.insert("target_scopes".into(), true.into());
    }
    runtime.call(action(code), invocation).await
}

#[tokio::test]
async fn every_command_of_every_trigger_is_listed_and_can_be_called_on_both_engines() {
    let listed = listed();
    for runtime in Engines::all().await {
        for (trigger, lines) in &listed {
            let first = handler_of(trigger);
            // One command is for code that goes on, all others are for both.
            let going_on = first.replace("onExecute", "onContinue");
            let code = code([first, &going_on], lines);
            let outcome = run(&runtime, trigger, first, &code, None).await;
            assert_eq!(outcome.error, None, "{runtime} {trigger}");
            let found: BTreeSet<String> = serde_json::from_str(&outcome.console[0].text).unwrap();
            let expected: BTreeSet<String> = lines.iter().map(|(command, ..)| (*command).to_owned()).collect();
            assert_eq!(found, expected, "{runtime} {trigger}");
            for (command, _, effect) in lines {
                let handler = if *command == "authentication.recordMethod" { &*going_on } else { first };
                let outcome = run(&runtime, trigger, handler, &code, Some(command)).await;
                let asked = outcome.commands.iter().any(|asked| asked.name == *command);
                let thrown = outcome.error.map(|error| error.message);
                match *effect {
                    "acts" | "refused" | "nothing" => assert_eq!((asked, thrown), (true, None), "{runtime} {command}"),
                    "answers" => assert_eq!((asked, thrown), (false, None), "{runtime} {command}"),
                    "throws" => {
                        assert_eq!(thrown.as_deref(), Some("Method not implemented."), "{runtime} {command}");
                    }
                    other => panic!("{command}: {other} is nothing that becomes of a command"),
                }
            }
        }
    }
}
