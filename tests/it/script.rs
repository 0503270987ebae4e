//! Requests that reach every operation, as `every-operation.txt` writes them.

use std::{collections::HashMap, time::Duration};

use contract::{Contract, Route};
use http::Method;
use kernel::{Record, object};
use serde_json::{Value, json};
use store::{
    Access, Agent, AuthenticationMethod, Device, RefreshToken, RefreshTokenDetails, Session, SessionDetails,
    StoreError, Tx,
};

use crate::{
    keys,
    server::{Answer, TestServer},
};

const HOUR: Duration = Duration::from_secs(3600);
const TEXT: &str = include_str!("every-operation.txt");

/// The lines that say something.
pub(crate) fn lines() -> impl Iterator<Item = &'static str> {
    TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What lines may refer to.
#[derive(Debug)]
pub(crate) struct Names(HashMap<String, String>);

impl Names {
    /// What is known of a new tenant.
    pub(crate) fn of(server: &TestServer) -> Self {
        let client = server.running.fresh.as_ref().unwrap().client_id.clone();
        let domain = server.running.domain.clone();
        Self(HashMap::from([("m2m".to_owned(), client), ("tenant_domain".to_owned(), domain)]))
    }

    /// The line with the names in braces replaced; braces that hold no name are the line's own.
    fn fill(&self, line: &str) -> String {
        self.0.iter().fold(line.to_owned(), |line, (name, value)| {
            let quoted = serde_json::to_string(value).unwrap();
            line.replace(&format!("{{{name}}}"), &quoted[1..quoted.len() - 1])
        })
    }

    /// What names that begin with `secret:` stand for; of a link, its ticket.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let of_link = |link: &str| {
            let ticket = ["ticket=", "invitation="].iter().find_map(|name| link.split_once(name)).map(|(_, rest)| rest);
            let ticket = ticket
                .or_else(|| link.rsplit_once("/p/").and_then(|(_, path)| path.split_once('/')).map(|(_, rest)| rest));
            let ticket = ticket.unwrap_or(link);
            ticket.split(['&', '#']).next().unwrap_or_default().to_owned()
        };
        self.0.iter().filter(|(name, _)| name.starts_with("secret:")).map(|(_, value)| of_link(value)).collect()
    }

    fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }
}

/// A request of a line, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// Names and the fields of the answer that they are for.
    wishes: Vec<(String, String)>,
}

impl Request {
    /// Sends it; what the contract says against the answer comes with it.
    pub(crate) async fn send(&self, server: &TestServer) -> (Answer, Vec<String>) {
        if self.path == "/jobs/users-imports" {
            return (import(server).await, Vec::new());
        }
        if self.path.starts_with("/events?") || self.path == "/events" {
            return (begin(server, &self.path).await, Vec::new());
        }
        server.judged(self.method.clone(), &self.path, self.body.clone()).await
    }

    /// The smallest sets of scopes that admit the request: each scope of the operation's first group, with the first of each
    /// other group.
    pub(crate) fn least_scopes(&self) -> Vec<String> {
        let path = self.path.split('?').next().unwrap_or_default();
        let Route::Operation(operation, _) = Contract::load().route(&self.method, path) else { return Vec::new() };
        let Some((first, others)) = operation.scopes.split_first() else { return Vec::new() };
        let others: Vec<&str> = others.iter().map(|group| group[0].as_str()).collect();
        let sets = first.iter().filter(|scope| !scope.contains(":current_user"));
        sets.map(|scope| [&[scope.as_str()], &others[..]].concat().join(" ")).collect()
    }

    /// Keeps what the answer has to be named; says what it lacks.
    pub(crate) fn keep(&self, answer: &Answer, names: &mut Names) -> Vec<String> {
        let mut missing = Vec::new();
        for (name, field) in &self.wishes {
            let value = answer.body.pointer(&format!("/{}", field.replace('.', "/"))).and_then(Value::as_str);
            match value {
                Some(value) => names.set(name, value),
                None => missing.push(format!("no {field}")),
            }
        }
        missing
    }
}

/// The request of a line; `None` for a line that does something else, which is done.
pub(crate) async fn request(server: &TestServer, line: &str, names: &mut Names) -> Option<Request> {
    let line = names.fill(line);
    let (request, wanted) = line.split_once(" >> ").unwrap_or((&line, ""));
    let (word, rest) = request.split_once(' ').unwrap();
    match word {
        "wait" => wait(server, rest).await,
        "leave" => leave(server, rest).await,
        "wrap" => {
            let (public_key, name) = rest.split_once(' ').unwrap();
            if let Some(public_key) = names.0.get(public_key) {
                let wrapped = keys::wrap(public_key, &[7; 32]);
                names.set(name, &wrapped);
            }
        }
        method => {
            let (path, body) = rest.split_once(' ').unwrap_or((rest, ""));
            let parse = |body| serde_json::from_str(body).unwrap_or_else(|error| panic!("{line}: {error}"));
            let wish = |wish: &str| wish.split_once('=').map(|(name, field)| (name.to_owned(), field.to_owned()));
            return Some(Request {
                method: method.parse().unwrap(),
                path: path.replace('|', "%7C"),
                body: (!body.is_empty()).then(|| parse(body)),
                wishes: wanted.split_whitespace().filter_map(wish).collect(),
            });
        }
    }
    None
}

/// Asks for a document until a field of it has a value; one that is not there is not waited for.
async fn wait(server: &TestServer, what: &str) {
    let [path, field, value] = what.split(' ').collect::<Vec<_>>()[..] else { panic!("wait PATH FIELD VALUE: {what}") };
    let settled = async || loop {
        let answer = server.get(path).await;
        if answer.status != 200 || answer.body[field] == value {
            return;
        }
        tokio::task::yield_now().await;
    };
    tokio::time::timeout(Duration::from_secs(60), settled()).await.unwrap_or_else(|_| panic!("{what}"));
}

/// Stores a record, a session or a refresh token, unless it is there.
async fn leave(server: &TestServer, what: &str) {
    let [kind, id, document] = what.splitn(3, ' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    let mut document = object(serde_json::from_str(&document).unwrap());
    document.insert("id".into(), id.as_str().into());
    let user = document.get("user_id").and_then(Value::as_str).unwrap_or_default();
    match kind.as_str() {
        "session" => return leave_session(server, &id, user).await,
        "refresh_token" => return leave_refresh_token(server, &id, user).await,
        _ => {}
    }
    let kind = model::kinds().find(|known| known.name == kind).unwrap();
    let tenant = server.running.store.tenants().await.unwrap().remove(0);
    let work = move |tx: &mut store::Tx| {
        if tx.get(kind, &id)?.is_some() {
            return Ok(());
        }
        tx.insert(kind, Record::new(&*id, document.clone(), tx.now())).map(drop)
    };
    server.running.store.write(&tenant, work).await.unwrap();
}

/// Gives a user a session, unless one of this identifier is there.
async fn leave_session(server: &TestServer, id: &str, user: &str) {
    let (id, user) = (id.to_owned(), user.to_owned());
    write(server, move |tx| {
        if tx.session(&id)?.is_some() {
            return Ok(());
        }
        let now = tx.now();
        let details = SessionDetails {
            device: Device::of(Agent::new("Mozilla/5.0", "203.0.113.7", "64496")),
            clients: vec!["client".to_owned()],
            methods: vec![AuthenticationMethod { name: "pwd".to_owned(), at: now, kind: None }],
            ..SessionDetails::default()
        };
        let session = Session {
            id: id.clone(),
            user_id: user.clone(),
            created: now,
            updated: now,
            authenticated: now,
            last_interacted: now,
            idle_expires: now + HOUR,
            expires: now + 2 * HOUR,
            is_persistent: true,
            details,
        };
        tx.insert_session(&session).map(drop)
    })
    .await;
}

/// Gives a user a refresh token, unless one of this identifier is there.
pub(crate) async fn leave_refresh_token(server: &TestServer, id: &str, user: &str) {
    let (id, user) = (id.to_owned(), user.to_owned());
    write(server, move |tx| {
        if tx.refresh_token(&id)?.is_some() {
            return Ok(());
        }
        let access = Access { audience: "https://api.example.com".to_owned(), scope: "read offline_access".to_owned() };
        let token = RefreshToken {
            id: id.clone(),
            user_id: user.clone(),
            client_id: "client".to_owned(),
            session_id: Some("s1".to_owned()),
            created: tx.now(),
            last_exchanged: None,
            idle_expires: None,
            expires: None,
            is_rotating: false,
            is_online: false,
            details: RefreshTokenDetails { resource_servers: vec![access], ..RefreshTokenDetails::default() },
        };
        tx.insert_refresh_token(&token).map(drop)
    })
    .await;
}

async fn write(server: &TestServer, work: impl Fn(&mut Tx) -> Result<(), StoreError> + Send + 'static) {
    let store = &server.running.store;
    let tenant = store.tenants().await.unwrap().remove(0);
    store.write(&tenant, work).await.unwrap();
}

/// Begins to follow a stream that never ends.
async fn begin(server: &TestServer, path: &str) -> Answer {
    let request = server.http.get(server.url(&format!("/api/v2{path}"))).bearer_auth(&server.token);
    Answer { status: request.send().await.unwrap().status().as_u16(), body: Value::Null }
}

async fn import(server: &TestServer) -> Answer {
    let connections = server.get("/connections?strategy=auth0").await;
    let id = connections.body[0]["id"].as_str().unwrap_or("con_0000000000000000").to_owned();
    let boundary = "boundary";
    let part = |name: &str, content: &str| {
        format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"{content}\r\n")
    };
    let users = json!([{"email": "imported@example.com"}]);
    let file = format!("; filename=\"users.json\"\r\ncontent-type: application/json\r\n\r\n{users}");
    let body = format!("{}{}--{boundary}--\r\n", part("connection_id", &format!("\r\n\r\n{id}")), part("users", &file));
    let request = server.http.post(server.url("/api/v2/jobs/users-imports")).bearer_auth(server.token_for("").await);
    let kind = format!("multipart/form-data; boundary={boundary}");
    let response = request.header("content-type", kind).body(body).send().await.unwrap();
    Answer { status: response.status().as_u16(), body: response.json().await.unwrap_or_default() }
}
