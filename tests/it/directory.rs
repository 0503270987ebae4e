//! A company's own directory of users, which a custom database's scripts ask over HTTP, and a site whose users are in it.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::{
    server::{Answer, TestServer},
    site::{REALM, Site},
};

/// The connection whose users are in the directory.
pub(crate) const LEGACY: &str = "Legacy-Users";
/// All scripts.
const SCRIPTS: [&str; 8] =
    ["login", "get_user", "create", "verify", "change_password", "delete", "change_email", "change_username"];

/// A user of the directory.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) password: String,
    pub(crate) profile: Value,
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    calls: Vec<(String, Vec<Value>)>,
    /// What a script is answered instead.
    answers: Map<String, Value>,
}

/// The directory.
#[derive(Clone)]
pub(crate) struct Directory {
    pub(crate) address: String,
    inner: Arc<Mutex<Inner>>,
}

impl Directory {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let inner: Arc<Mutex<Inner>> = Arc::default();
        let router = Router::new().route("/{script}", post(answer)).with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    pub(crate) fn add(&self, password: &str, profile: Value) {
        self.inner.lock().unwrap().entries.push(Entry { password: password.to_owned(), profile });
    }

    /// Changes the profile of the user with this address.
    pub(crate) fn change(&self, email: &str, change: &Value) {
        let mut inner = self.inner.lock().unwrap();
        let entry = inner.entries.iter_mut().find(|entry| entry.profile["email"] == email).unwrap();
        entry.profile.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    }

    pub(crate) fn entry(&self, email: &str) -> Option<Entry> {
        self.inner.lock().unwrap().entries.iter().find(|entry| entry.profile["email"] == email).cloned()
    }

    /// From now on a script is answered with this, `{"result": …}` or `{"error": [class, arguments…]}`; `null` ends it.
    pub(crate) fn answer(&self, script: &str, answer: Value) {
        self.inner.lock().unwrap().answers.insert(script.to_owned(), answer);
    }

    /// The scripts that have asked since this was last called, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.calls().into_iter().map(|(script, _)| script).collect()
    }

    /// The same with their arguments.
    pub(crate) fn calls(&self) -> Vec<(String, Vec<Value>)> {
        std::mem::take(&mut self.inner.lock().unwrap().calls)
    }
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    Path(script): Path<String>,
    Json(arguments): Json<Vec<Value>>,
) -> Json<Value> {
    let mut inner = inner.lock().unwrap();
    inner.calls.push((script.clone(), arguments.clone()));
    if let Some(answer) = inner.answers.get(&script).filter(|answer| !answer.is_null()) {
        return Json(answer.clone());
    }
    Json(perform(&mut inner.entries, &script, &arguments))
}

fn perform(entries: &mut Vec<Entry>, script: &str, arguments: &[Value]) -> Value {
    let text = |place: usize| arguments.get(place).and_then(Value::as_str).unwrap_or_default().to_owned();
    let first = text(0);
    let is_meant = |entry: &Entry| {
        let profile = &entry.profile;
        ["email", "username", "user_id"].iter().any(|field| profile[*field] == first.as_str())
    };
    let place = entries.iter().position(is_meant);
    let Some(place) = place else {
        return match script {
            "get_user" => json!({"result": null}),
            "create" => {
                let user = &arguments[0];
                let id = format!("made{}", entries.len());
                let profile = json!({"user_id": id, "email": user["email"], "email_verified": false});
                let password = user["password"].as_str().unwrap_or_default().to_owned();
                entries.push(Entry { password, profile });
                json!({"result": null})
            }
            "login" => json!({"error": ["WrongUsernameOrPasswordError", "", "no such user"]}),
            _ => json!({"result": false}),
        };
    };
    let entry = &mut entries[place];
    match script {
        "login" if entry.password != text(1) => {
            json!({"error": ["WrongUsernameOrPasswordError", entry.profile["user_id"], "wrong password"]})
        }
        "login" | "get_user" => json!({"result": entry.profile}),
        "verify" => {
            entry.profile["email_verified"] = true.into();
            json!({"result": true})
        }
        "change_password" => {
            entry.password = text(1);
            json!({"result": true})
        }
        "change_email" => {
            entry.profile["email"] = text(1).into();
            entry.profile["email_verified"] = arguments[2].clone();
            json!({"result": true})
        }
        "change_username" => {
            entry.profile["username"] = text(1).into();
            json!({"result": true})
        }
        "delete" => {
            entries.remove(place);
            json!({"result": null})
        }
        other => panic!("{other}"),
    }
}

/// A script that has the directory do its work.
pub(crate) fn script(name: &str) -> String {
    format!(
        "function ask(...given) {{
            const callback = given.pop();
            const classes = {{ WrongUsernameOrPasswordError, ValidationError, UnauthorizedError, Error }};
            console.log('{name} is asked', JSON.stringify(given));
            fetch(configuration.DIRECTORY + '/{name}', {{
                method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: JSON.stringify(given),
            }}).then((answer) => answer.json()).then(({{ result, error }}) => {{
                if (!error) return callback(null, result);
                const [kind, ...rest] = error;
                callback(new classes[kind](...rest));
            }}).catch(callback);
        }}"
    )
}

/// A site whose application takes users of the directory alone.
pub(crate) struct Company {
    pub(crate) site: Site,
    pub(crate) directory: Directory,
    /// Identifier of the connection.
    pub(crate) connection: String,
}

impl Company {
    /// With these options beside the scripts.
    pub(crate) async fn start(options: Value) -> Self {
        Self::on(TestServer::start().await, options).await
    }

    pub(crate) async fn on(server: TestServer, options: Value) -> Self {
        let site = Site::on(server).await;
        let directory = Directory::start().await;
        let path = format!("/connections/{}/clients", site.connection().await);
        site.server.patch(&path, json!([{"client_id": site.client, "status": false}])).await;
        let connection = Self::add_connection(&site, &directory, LEGACY, options).await;
        Self { site, directory, connection }
    }

    /// Another connection to a directory.
    pub(crate) async fn add_connection(site: &Site, directory: &Directory, name: &str, options: Value) -> String {
        let scripts: Map<String, Value> =
            SCRIPTS.iter().map(|name| ((*name).to_owned(), script(name).into())).collect();
        let mut all = json!({
            "enabledDatabaseCustomization": true,
            "customScripts": scripts,
            "configuration": {"DIRECTORY": directory.address},
        });
        all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let body = json!({"name": name, "strategy": "auth0", "options": all, "enabled_clients": [site.client]});
        let made = site.server.post("/connections", body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.body["id"].as_str().unwrap().to_owned()
    }

    /// Changes options of the connection.
    pub(crate) async fn set_options(&self, change: Value) {
        let path = format!("/connections/{}", self.connection);
        let mut options = self.site.server.get(&path).await.body["options"].clone();
        options.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = self.site.server.patch(&path, json!({"options": options})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Replaces one script.
    pub(crate) async fn set_script(&self, name: &str, code: Option<&str>) {
        let path = format!("/connections/{}", self.connection);
        let mut scripts = self.site.server.get(&path).await.body["options"]["customScripts"].clone();
        match code {
            Some(code) => scripts[name] = code.into(),
            None => {
                scripts.as_object_mut().unwrap().remove(name);
            }
        }
        self.set_options(json!({"customScripts": scripts})).await;
    }

    /// A login by the password grant.
    pub(crate) async fn password(&self, username: &str, password: &str) -> Answer {
        let body = json!({
            "grant_type": REALM, "realm": LEGACY, "username": username, "password": password, "scope": "openid profile email",
        });
        self.site.token(body).await
    }

    /// The user as the Management API shows it.
    pub(crate) async fn user(&self, id: &str) -> Answer {
        self.site.server.get(&crate::site::user_path(id)).await
    }

    pub(crate) async fn end(self) {
        self.site.end().await;
    }
}
