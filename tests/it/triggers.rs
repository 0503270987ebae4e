//! The lists of what code at each trigger may ask for and is told: they are compared with what happens, and docs/triggers.md is written
//! from them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use aught::{Config, Dns};
use expect_test::expect_file;
use http::Method;
use serde_json::{Value, json};
use store::{Query, Snapshot};

use crate::{
    actions::{bind, deployed, eventually},
    app,
    imports::import,
    login_recovery::forgotten_at,
    organizations_login::{add_member, organization, set_client},
    server::TestServer,
    site::{self, CONNECTION, EMAIL, PASSWORD, Site, code, path_of, user_path},
    token_exchange,
};

const COMMANDS: &str = include_str!("commands.txt");
const EVENTS: &str = include_str!("events.txt");
const API: &str = "https://orders.example.com";

/// The lines below the name of each trigger, in their order.
fn sections(list: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('[') {
            Some(name) => sections.push((name.trim_end_matches(']'), Vec::new())),
            None => sections.last_mut().expect("a section comes first").1.push(line),
        }
    }
    sections
}

/// A member of an event: when it is told, or why it is not, and the test that shows what the one here does not.
struct Member {
    told: Result<&'static str, &'static str>,
    test: Option<&'static str>,
}

fn members() -> BTreeMap<&'static str, BTreeMap<&'static str, Member>> {
    let member = |line: &'static str| {
        let (name, told) = match (line.split_once(" = "), line.split_once(" - ")) {
            (Some((name, when)), _) => (name, Ok(when)),
            (None, Some((name, why))) => (name, Err(why)),
            (None, None) => panic!("{line}: neither when it is told nor why not"),
        };
        let split = |text: &'static str| text.split_once("; ").map_or((text, None), |(text, test)| (text, Some(test)));
        let (told, test) = match told {
            Ok(when) => (Ok(split(when).0), split(when).1),
            Err(why) => (Err(why), None),
        };
        (name, Member { told, test })
    };
    let section = |(trigger, lines): (&'static str, Vec<&'static str>)| {
        (trigger, lines.into_iter().map(member).collect::<BTreeMap<_, _>>())
    };
    sections(EVENTS).into_iter().map(section).collect()
}

/// The members of an event, and theirs.
fn seen(event: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, value) in event.as_object().unwrap() {
        match value.as_object() {
            Some(members) if !members.is_empty() => found.extend(members.keys().map(|inner| format!("{name}.{inner}"))),
            _ => drop(found.insert(name.clone())),
        }
    }
    found
}

#[test]
fn the_tests_that_the_lists_name_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = String::new();
    crate::effects::sources(&root.join("crates"), &mut text);
    crate::effects::sources(&root.join("tests"), &mut text);
    let of_commands = sections(COMMANDS).into_iter().flat_map(|(_, lines)| lines);
    let of_commands = of_commands.filter_map(|line| line.rsplit(" | ").next()).filter(|tests| *tests != "-");
    let of_events = members().into_values().flat_map(BTreeMap::into_values).filter_map(|member| member.test);
    let of_events: Vec<&str> = of_events.filter(|test| *test != "-").collect();
    for test in of_commands.flat_map(|tests| tests.split(' ')).chain(of_events) {
        assert!(text.contains(&format!("fn {test}()")), "there is no test {test}");
    }
}

#[test]
fn the_tables_of_the_documentation_are_those_of_the_lists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let introduction = fs::read_to_string(root.join("triggers.md")).unwrap();
    let introduction = introduction.split("\n## ").next().unwrap().trim_end();
    let (commands, events) = (sections(COMMANDS), sections(EVENTS));
    let names: Vec<&str> = commands.iter().map(|(trigger, _)| *trigger).collect();
    assert_eq!(names, events.iter().map(|(trigger, _)| *trigger).collect::<Vec<_>>());
    let mut page = format!("{introduction}\n");
    for ((trigger, commands), (_, events)) in commands.iter().zip(&events) {
        write!(page, "\n## {trigger}\n\n| command | |\n|---|---|\n").unwrap();
        let mut groups: Vec<(&str, &str, Vec<&str>)> = Vec::new();
        for line in commands {
            let parts: Vec<&str> = line.split(" | ").collect();
            let (object, method) = parts[0].split_once('.').unwrap();
            match groups.last_mut() {
                Some((known, effect, methods)) if *known == object && *effect == parts[2] => methods.push(method),
                _ => groups.push((object, parts[2], vec![method])),
            }
        }
        for (object, effect, methods) in groups {
            writeln!(page, "| `{object}.` `{}` | {effect} |", methods.join("`, `")).unwrap();
        }
        page.push_str("\n| member of `event` | |\n|---|---|\n");
        for line in events {
            let told = line.split_once(" = ").map(|(name, when)| (name, when.split("; ").next().unwrap().to_owned()));
            let not = || line.split_once(" - ").map(|(name, why)| (name, format!("not told: {why}")));
            let (name, text) = told.or_else(not).unwrap();
            writeln!(page, "| `{name}` | {text} |").unwrap();
        }
    }
    expect_file![root.join("triggers.md")].assert_eq(&page);
}

/// The events with which code was called so far, by their triggers.
async fn told(server: &TestServer) -> BTreeMap<String, Vec<Value>> {
    let tenant = server.running.store.tenants().await.unwrap().remove(0);
    let read =
        |reader: &Snapshot| Ok::<_, store::StoreError>(reader.list(&model::ACTION_EVENT, &Query::default())?.items);
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in server.running.store.read(&tenant, read).await.unwrap() {
        let steps = record.sealed.get("events").and_then(Value::as_array).unwrap();
        let events = steps.iter().map(|step| step["event"].clone());
        told.entry(record.text("trigger").unwrap().to_owned()).or_default().extend(events);
    }
    told
}

/// Has an Action at a trigger called whenever it fires.
async fn listen(site: &Site, trigger: (&str, &str), handler: &str) -> String {
    let id = deployed(&site.server, handler, trigger, &format!("exports.{handler} = async () => {{}};")).await;
    bind(&site.server, trigger.0, &[&id]).await;
    id
}

/// Logs in by the custom domain, into an organization, for an API, and renews the tokens; then logs in by a password alone.
async fn log_in(site: &Site) {
    let scopes = json!([{"value": "read:a"}]);
    let api = json!({"name": "Orders", "identifier": API, "scopes": scopes, "allow_offline_access": true, "skip_consent_for_verifiable_first_party_clients": true});
    assert_eq!(site.server.post("/resource-servers", api).await.status, 201);
    let policies = json!([{"audience": API, "scope": ["read:a"]}]);
    let refresh = json!({"rotation_type": "non-rotating", "expiration_type": "non-expiring", "policies": policies});
    set_client(site, json!({"organization_usage": "allow", "refresh_token": refresh})).await;
    let connection = format!("/connections/{}", site.connection().await);
    site.server.patch(&connection, json!({"metadata": {"a": "b"}})).await;
    let acme = organization(site, "acme", json!({})).await;
    add_member(site, &acme, &site.user).await;
    listen(site, ("post-login", "v3"), "onExecutePostLogin").await;
    let mut browser = site.browser_at_custom_domain().await;
    let asked = format!(
        "&organization={acme}&audience={API}&scope=openid%20offline_access%20read:a&login_hint={EMAIL}&prompt=login&correlation_id=flow-1234567890"
    );
    let page = browser.visit(&site.authorize(&asked)).await;
    let page = if page.address.starts_with("/u/login/identifier") {
        browser.submit(&page, &[("username", EMAIL), ("action", "default")]).await
    } else {
        page
    };
    let back = browser.submit(&page, &[("password", PASSWORD), ("action", "default")]).await;
    let tokens = site.tokens(&code(&back)).await;
    assert_eq!(site.refresh(tokens["refresh_token"].as_str().unwrap()).await.status, 200);
    assert_eq!(site.password(EMAIL, PASSWORD).await.status, 200);
}

async fn exchange_credentials(site: &Site) {
    listen(site, ("credentials-exchange", "v2"), "onExecuteCredentialsExchange").await;
    site.server.token_for("").await;
    let fresh = site.server.running.fresh.as_ref().unwrap();
    let request = json!({
        "grant_type": "client_credentials", "client_id": fresh.client_id, "client_secret": fresh.client_secret.reveal(),
        "audience": format!("https://{}/api/v2/", site.server.running.domain), "correlation_id": "flow-1234567890",
    });
    assert_eq!(site.send("/oauth/token", &request).await.status, 200);
}

async fn register(site: &Site) {
    listen(site, ("pre-user-registration", "v2"), "onExecutePreUserRegistration").await;
    listen(site, ("post-user-registration", "v2"), "onExecutePostUserRegistration").await;
    code(&site.sign_up(&mut site.browser().of(site::DOMAIN), "new@example.com", PASSWORD).await);
    let user = json!({
        "connection": CONNECTION, "email": "rich@example.com", "password": PASSWORD, "verify_email": false, "name": "Rich",
        "nickname": "r", "given_name": "R", "family_name": "Ich", "picture": "https://example.com/r.png",
        "user_metadata": {"a": 1}, "app_metadata": {"b": 1},
    });
    assert_eq!(site.server.post("/users", user).await.status, 201);
}

async fn change_password(site: &Site) {
    listen(site, ("post-change-password", "v2"), "onExecutePostChangePassword").await;
    listen(site, ("password-reset-post-challenge", "v1"), "onExecutePostChallenge").await;
    site.take_mails().await;
    forgotten_at(&site.authorize("&correlation_id=flow-1234567890"), &mut site.browser(), EMAIL).await;
    let link = path_of(&site.mail(EMAIL, site::RESET).await);
    let mut browser = site.browser();
    let page = browser.visit(&link).await;
    browser.submit(&page, &[]).await;
    let change = json!({"password": "New-Horse-8", "connection": CONNECTION});
    assert_eq!(site.server.patch(&user_path(&site.user), change).await.status, 200);
}

async fn send_to_telephone(site: &Site) {
    listen(site, ("custom-phone-provider", "v1"), "onExecuteCustomPhoneProvider").await;
    let provider = json!({"name": "custom", "configuration": {"delivery_methods": ["text"]}, "credentials": {}});
    let provider = site.server.post("/branding/phone/providers", provider).await.body;
    let path = format!("/branding/phone/providers/{}/try", provider["id"].as_str().unwrap());
    let message = json!({"to": "+14155552671", "delivery_method": "text"});
    assert_eq!(site.server.post(&path, message).await.status, 202);
}

async fn exchange_token(site: &Site) {
    let body = "api.authentication.setUserById(event.transaction.subject_token);";
    token_exchange::profile(&site.server, body).await;
    let allowed = json!({"token_exchange": {"allow_any_profile_of_type": ["custom_authentication"]}});
    let app = app::App::beside(&site.server, allowed, site.user.clone()).await;
    let actor = json!({"actor_token": "desk", "actor_token_type": "urn:acme:desk"});
    token_exchange::exchange(&site.server, &app, &site.user, actor).await;
}

async fn deliver_event(site: &Site) {
    let action = listen(site, ("event-stream", "v1"), "onExecuteEventStream").await;
    let destination = json!({"type": "action", "configuration": {"action_id": action}});
    let stream = json!({"name": "s", "subscriptions": [{"event_type": "user.created"}], "destination": destination, "status": "enabled"});
    let made = site.server.post("/event-streams", stream).await;
    assert_eq!(made.status, 201, "{made:?}");
    let user =
        json!({"connection": CONNECTION, "email": "event@example.com", "password": PASSWORD, "verify_email": false});
    assert_eq!(site.server.post("/users", user).await.status, 201);
}

async fn migrate_password(site: &Site) {
    import(&site.server, json!([{"email": "old@example.com"}]), "false").await;
    let trigger = ("password-hash-migration", "v1");
    let code = "exports.onExecutePasswordHashMigration = async (event, api) => api.password.accept();";
    let action = deployed(&site.server, "Migrate", trigger, code).await;
    site.set_options(json!({"custom_password_hash": {"action_id": action}})).await;
    assert_eq!(site.password("old@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn events_tell_what_the_list_says() {
    let config = Config { dns: Dns::Trusting, developer_tools: Some(true), ..Config::in_memory() };
    let site = Site::on(TestServer::of(config).await).await;
    log_in(&site).await;
    register(&site).await;
    change_password(&site).await;
    send_to_telephone(&site).await;
    exchange_token(&site).await;
    deliver_event(&site).await;
    migrate_password(&site).await;
    exchange_credentials(&site).await;
    let expected = members();
    // Of this one no message is sent yet.
    let fired: BTreeSet<&str> = expected.keys().copied().filter(|trigger| *trigger != "send-phone-message").collect();
    let told = eventually(async || {
        let told = told(&site.server).await;
        fired.iter().all(|trigger| told.contains_key(*trigger)).then_some(told)
    })
    .await;
    let mut wrong = String::new();
    for trigger in fired {
        let (members, events) = (&expected[trigger], &told[trigger]);
        let each: Vec<BTreeSet<String>> = events.iter().map(seen).collect();
        let all: BTreeSet<&str> = each.iter().flatten().map(String::as_str).collect();
        for name in &all {
            let is_listed = members.get(*name).is_some_and(|member| member.told.is_ok());
            if !is_listed {
                writeln!(wrong, "{trigger} {name}: it is told, and not listed so").unwrap();
            }
        }
        for (name, member) in members {
            let is_in = |event: &BTreeSet<String>| event.contains(*name);
            let is_as_told = match member.told {
                Ok("always") => each.iter().all(is_in),
                Ok(_) => each.iter().any(is_in) || member.test.is_some(),
                Err(_) => true,
            };
            if !is_as_told {
                writeln!(wrong, "{trigger} {name}: it is listed, and not told so in {} events", each.len()).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    site.end().await;
}

#[tokio::test]
async fn triggers_that_nothing_fires_can_have_no_actions() {
    let server = TestServer::start().await;
    for trigger in ["login-post-identifier", "signup-post-identifier"] {
        let id = deployed(&server, trigger, (trigger, "v1"), "exports.onExecute = async () => {};").await;
        let bindings = json!({"bindings": [{"ref": {"type": "action_id", "value": id}}]});
        let path = format!("/actions/triggers/{trigger}/bindings");
        let refused = server.manage(Method::PATCH, &path, Some(bindings)).await;
        let text =
            format!("Actions at {trigger} never run on this server: what they are told and may do is not published.");
        assert_eq!((refused.status, &refused.body["message"]), (400, &json!(text)));
        assert_eq!(server.manage(Method::PATCH, &path, Some(json!({"bindings": []}))).await.status, 200);
    }
    server.end().await;
}
