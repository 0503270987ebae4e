//! The deprecated Management API v1: a translation of its questions and answers to those of version 2, over the same
//! records and rules. What one writes, the other reads. `docs/management-api-v1.md` lists both sides.

mod clients;
mod connections;
mod credentials;
mod emails;
mod logs;
mod passwords;
mod rules;
mod search;
mod users;

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use kernel::{Document, Tenant, Value};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rest::{Answer, ApiError, ApiResult, BoxFuture, Caller, Engine, Origin, Scopes};
use serde::de::DeserializeOwned;
use store::{Snapshot, Store};
use url::form_urlencoded;

use crate::{Services, provision::SCOPES};

/// What serves an endpoint.
type Work = for<'a> fn(&'a Ask) -> BoxFuture<'a, ApiResult<Answer>>;

/// Every endpoint below `/api`.
const ENDPOINTS: &[(Method, &str, Work)] = &[
    (Method::GET, "/users", |ask| Box::pin(users::list(ask))),
    (Method::POST, "/users", |ask| Box::pin(users::create(ask))),
    (Method::GET, "/users/{user_id}", |ask| Box::pin(users::get(ask))),
    (Method::DELETE, "/users/{user_id}", |ask| Box::pin(users::delete(ask))),
    (Method::PUT, "/users/{user_id}/email", |ask| Box::pin(users::change_email(ask))),
    (Method::PUT, "/users/{user_id}/metadata", |ask| Box::pin(users::replace_metadata(ask))),
    (Method::PATCH, "/users/{user_id}/metadata", |ask| Box::pin(users::merge_metadata(ask))),
    (Method::PUT, "/users/{user_id}/password", |ask| Box::pin(passwords::change(ask))),
    (Method::POST, "/users/{user_id}/change_password_ticket", |ask| Box::pin(passwords::ticket(ask))),
    (Method::POST, "/users/{user_id}/verification_ticket", |ask| Box::pin(users::verification_ticket(ask))),
    (Method::POST, "/users/{user_id}/send_verification_email", |ask| Box::pin(users::send_verification(ask))),
    (Method::GET, "/users/{user_id}/devices", |ask| Box::pin(credentials::list(ask))),
    (Method::POST, "/users/{user_id}/publickey", |ask| Box::pin(credentials::add_key(ask))),
    (Method::DELETE, "/users/{user_id}/publickey", |ask| Box::pin(credentials::remove_key(ask))),
    (Method::DELETE, "/users/{user_id}/refresh_tokens/{token}", |ask| Box::pin(credentials::revoke_token(ask))),
    (Method::GET, "/users/{user_id}/logs", |ask| Box::pin(logs::of_user(ask))),
    (Method::GET, "/connections/{connection}/users", |ask| Box::pin(users::of_connection(ask))),
    (Method::GET, "/enterpriseconnections/users", |ask| Box::pin(users::of_enterprises(ask))),
    (Method::GET, "/socialconnections/users", |ask| Box::pin(users::of_social_providers(ask))),
    (Method::GET, "/clients/{client_id}/users", |ask| Box::pin(users::of_client(ask))),
    (Method::GET, "/connections", |ask| Box::pin(connections::list(ask))),
    (Method::POST, "/connections", |ask| Box::pin(connections::create(ask))),
    (Method::GET, "/connections/{connection}", |ask| Box::pin(connections::get(ask))),
    (Method::PUT, "/connections/{connection}", |ask| Box::pin(connections::update(ask))),
    (Method::DELETE, "/connections/{connection}", |ask| Box::pin(connections::delete(ask))),
    (Method::GET, "/clients", |ask| Box::pin(clients::list(ask))),
    (Method::POST, "/clients", |ask| Box::pin(clients::create(ask))),
    (Method::PATCH, "/clients/{client_id}", |ask| Box::pin(clients::update(ask))),
    (Method::GET, "/rules", |ask| Box::pin(rules::list(ask))),
    (Method::POST, "/rules", |ask| Box::pin(rules::create(ask))),
    (Method::PUT, "/rules/{rule}", |ask| Box::pin(rules::update(ask))),
    (Method::DELETE, "/rules/{rule}", |ask| Box::pin(rules::delete(ask))),
    (Method::POST, "/emails", |ask| Box::pin(emails::create(ask))),
    (Method::GET, "/emails/{template}", |ask| Box::pin(emails::get(ask))),
    (Method::PUT, "/emails/{template}", |ask| Box::pin(emails::replace(ask))),
    (Method::GET, "/logs", |ask| Box::pin(logs::list(ask))),
    (Method::GET, "/logs/{id}", |ask| Box::pin(logs::get(ask))),
];

/// The API of all tenants. Cheap to clone.
#[derive(Clone)]
pub struct V1(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    store: Store,
    services: identity::Services,
    /// A token of v1 has no scopes: it may do everything.
    scopes: Arc<Scopes>,
}

/// An endpoint that a path names.
pub struct Endpoint {
    /// Its path below `/api`, with the names of its parameters.
    pub path: &'static str,
    work: Work,
    values: Vec<(&'static str, String)>,
}

/// A request of a client that has shown its token.
pub struct Request {
    /// Path and query as they were sent, without what is secret.
    pub target: String,
    /// The body.
    pub body: Bytes,
    /// The global client.
    pub client_id: String,
    /// The client's address.
    pub ip: String,
    /// `User-Agent`.
    pub user_agent: String,
}

impl Endpoint {
    /// The endpoint of a path below `/api`.
    pub fn find(method: &Method, path: &str) -> Option<Self> {
        let given: Vec<&str> = path.strip_prefix('/')?.trim_end_matches('/').split('/').collect();
        ENDPOINTS.iter().filter(|(known, ..)| known == method).find_map(|(_, path, work)| {
            let values = values(path, &given)?;
            Some(Self { path, work: *work, values })
        })
    }
}

/// The parameters of a path, where it has this form.
fn values(path: &'static str, given: &[&str]) -> Option<Vec<(&'static str, String)>> {
    let wanted: Vec<&'static str> = path[1..].split('/').collect();
    if wanted.len() != given.len() {
        return None;
    }
    let mut values = Vec::new();
    for (wanted, given) in wanted.into_iter().zip(given) {
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(_) if given.is_empty() => return None,
            Some(name) => values.push((name, percent_decode_str(given).decode_utf8().ok()?.into_owned())),
            None if wanted == *given => {}
            None => return None,
        }
    }
    Some(values)
}

impl V1 {
    /// The API over the engine of its version 2.
    pub fn new(engine: Arc<Engine>, store: Store, services: &Services) -> Self {
        let scopes = Arc::new(Scopes::parse(SCOPES));
        Self(Arc::new(Shared { engine, store, services: services.identity(), scopes }))
    }

    /// Answers a request to the tenant: a status, where it is not 200, and JSON.
    ///
    /// # Errors
    /// As version 2 refuses, or 400 for what this version asks for beside that.
    pub async fn answer(&self, tenant: &Tenant, endpoint: Endpoint, request: Request) -> ApiResult<Answer> {
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        let ask = Ask {
            api: self.clone(),
            values: endpoint.values,
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            body: request.body,
            caller: Caller {
                tenant: tenant.id().clone(),
                subject: format!("{}@clients", request.client_id),
                client_id: Some(request.client_id),
                token_id: None,
                scopes: Arc::clone(&self.0.scopes),
                is_user: false,
            },
            origin: Origin {
                domain: tenant.domain().to_owned(),
                ip: request.ip,
                user_agent: request.user_agent,
                target: request.target,
                ..Origin::default()
            },
        };
        let work = endpoint.work;
        // A caller that hangs up does not cancel half a change.
        let outcome = tokio::spawn(async move { work(&ask).await }).await;
        outcome.map_err(|error| ApiError::internal(format!("an endpoint panicked: {error}")))?
    }
}

impl std::fmt::Debug for V1 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("V1")
    }
}

/// A question of this version, and the way to those of version 2.
struct Ask {
    api: V1,
    values: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
    body: Bytes,
    caller: Caller,
    origin: Origin,
}

impl Ask {
    /// A parameter of the path.
    fn path(&self, name: &str) -> &str {
        let found = self.values.iter().find(|(known, _)| *known == name);
        &found.unwrap_or_else(|| panic!("the endpoint has no path parameter {name}")).1
    }

    /// A parameter of the query; one without a value counts as not sent.
    fn text(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.trim().is_empty())
    }

    /// A count among the query parameters.
    fn count(&self, name: &str) -> ApiResult<Option<u64>> {
        let refusal = |_| {
            ApiError::invalid_query(format!(
                "Query validation error: 'Expected type integer but found type string' on property {name}."
            ))
        };
        self.text(name).map(|text| text.parse::<u32>().map(u64::from).map_err(refusal)).transpose()
    }

    /// The body, which must be an object.
    fn document(&self) -> ApiResult<Document> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::invalid_body("Invalid request payload JSON format").cause(error))
    }

    /// The body as the fields that an endpoint takes.
    fn view<T: DeserializeOwned>(&self) -> ApiResult<T> {
        T::deserialize(Value::Object(self.document()?))
            .map_err(|error| ApiError::invalid_body(format!("Payload validation error: '{error}'.")))
    }

    /// What `GET` of version 2 answers.
    async fn get(&self, target: &str) -> ApiResult<Value> {
        self.perform(Method::GET, target, None).await
    }

    /// Does an operation of version 2.
    async fn perform(&self, method: Method, target: &str, body: Option<Value>) -> ApiResult<Value> {
        self.perform_with(method, target, body, self.caller.clone(), Document::new()).await
    }

    /// The same for another caller or with what was computed before.
    async fn perform_with(
        &self,
        method: Method,
        target: &str,
        body: Option<Value>,
        caller: Caller,
        gathered: Document,
    ) -> ApiResult<Value> {
        let origin = self.origin.clone();
        let request = rest::Request { method, target, body: body.as_ref(), caller, origin, gathered };
        self.api.0.engine.perform(request).await
    }

    /// Reads in one snapshot.
    async fn read<T, F>(&self, work: F) -> ApiResult<T>
    where
        T: Send + 'static,
        F: Fn(&Snapshot) -> ApiResult<T> + Send + 'static,
    {
        self.api.0.store.read(&self.caller.tenant, work).await
    }

    /// All items of a list of version 2, whatever its pages; `target` has a query already.
    async fn all(&self, target: &str) -> ApiResult<Vec<Value>> {
        const PAGE: usize = 100;
        let mut items: Vec<Value> = Vec::new();
        for page in 0.. {
            let found = self.get(&format!("{target}&per_page={PAGE}&page={page}")).await?;
            let Value::Array(found) = found else { break };
            let is_last = found.len() < PAGE;
            items.extend(found);
            if is_last {
                break;
            }
        }
        Ok(items)
    }
}

/// A text as a segment of a path or a value of a query.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// 400 for a property that must be sent.
fn missing(property: &str) -> ApiError {
    ApiError::invalid_body(format!("Payload validation error: 'Missing required property: {property}'."))
}

/// The object that an operation answered.
fn answered(value: Value) -> Document {
    match value {
        Value::Object(document) => document,
        _ => Document::new(),
    }
}

/// Gives a member the other version's name, in its place.
fn rename(document: Document, from: &str, to: &str, change: impl Fn(Value) -> Value) -> Document {
    document
        .into_iter()
        .map(|(name, value)| if name == from { (to.to_owned(), change(value)) } else { (name, value) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_endpoint() {
        let page = include_str!("../../../docs/management-api-v1.md");
        for (method, path, _) in ENDPOINTS {
            let name = format!("`{method} /api{path}`");
            assert!(page.contains(&name), "docs/management-api-v1.md does not tell of {name}");
        }
    }

    #[test]
    fn a_path_names_an_endpoint() {
        let found = |method: Method, path: &str| Endpoint::find(&method, path).map(|found| (found.path, found.values));
        let user = Some(("/users/{user_id}", vec![("user_id", "auth0|1".to_owned())]));
        assert_eq!(found(Method::GET, "/users/auth0%7C1"), user);
        assert_eq!(found(Method::GET, "/users/"), Some(("/users", vec![])));
        for path in ["/users/a/b", "/users//email", "/tenants", "", "users", "/users/%ff"] {
            assert_eq!(found(Method::GET, path), None, "{path}");
        }
        assert_eq!(found(Method::DELETE, "/users"), None);
    }
}
