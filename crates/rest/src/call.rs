//! A validated, authorised call: what shapes, hooks and operations of their own are given.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use contract::{Arguments, Contract, Operation};
use kernel::{Country, Document, TenantId, Value, object};
use serde_json::json;
use store::SharedScopes;

use crate::{ApiError, ApiResult};
use serde::de::DeserializeOwned;

/// Scopes of a token.
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    held: HashSet<String>,
    /// As log entries name them.
    logged: OnceLock<Option<SharedScopes>>,
}

impl Scopes {
    /// From the space-separated text of a token (RFC 6749 §3.3).
    pub fn parse(text: &str) -> Self {
        Self { held: text.split_ascii_whitespace().map(str::to_owned).collect(), logged: OnceLock::new() }
    }

    /// Whether the scope is held.
    pub fn contains(&self, scope: &str) -> bool {
        self.held.contains(scope)
    }

    /// Whether one scope of each group is held.
    pub fn meet(&self, groups: &[Vec<String>]) -> bool {
        groups.iter().all(|group| group.iter().any(|scope| self.contains(scope)))
    }

    /// The scopes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.held.iter().map(String::as_str)
    }

    /// The scopes as log entries share them, if they do.
    pub(crate) fn logged(&self) -> Option<&SharedScopes> {
        self.logged.get_or_init(|| SharedScopes::of(self.iter())).as_ref()
    }
}

/// Who calls: what a verified token says.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant that issued the token.
    pub tenant: TenantId,
    /// `sub`: `<client_id>@clients`, or a user's id.
    pub subject: String,
    /// `azp`: the client that asked for the token.
    pub client_id: Option<String>,
    /// `jti`, for the tenant log.
    pub token_id: Option<String>,
    /// What the token allows.
    pub scopes: Arc<Scopes>,
    /// Whether a user, not a machine, stands behind the token.
    pub is_user: bool,
}

/// Where a call came from and where the tenant answers.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The tenant's canonical domain, such as `localhost:8080`.
    pub domain: String,
    /// The client's address.
    pub ip: String,
    /// Its country, where a trusted proxy tells it.
    pub country: Option<Country>,
    /// `User-Agent`.
    pub user_agent: String,
    /// `Auth0-Client`: name and version of the library, decoded.
    pub library: Option<Document>,
    /// `auth0-custom-domain`: the domain to use in links and mails.
    pub custom_domain: Option<String>,
    /// `X-Correlation-ID`, at most 64 characters: copied into log entries of the change.
    pub correlation_id: Option<String>,
    /// `Last-Event-ID`: where a stream of events is resumed.
    pub last_event_id: Option<String>,
    /// Path and query as they were sent, from `/api/v2` on.
    pub target: String,
}

impl Origin {
    /// The tenant's issuer: `https://{domain}/`.
    pub fn issuer(&self) -> String {
        format!("https://{}/", self.domain)
    }

    /// The Management API's audience: `https://{domain}/api/v2/`.
    pub fn management_audience(&self) -> String {
        format!("https://{}/api/v2/", self.domain)
    }
}

/// A call that exists only when its token, scopes, path, query and body are right.
#[derive(Debug)]
pub struct Call {
    /// The operation of the contract.
    pub operation: &'static Operation,
    /// Who calls.
    pub caller: Caller,
    /// Where from.
    pub origin: Origin,
    /// The body as it was sent, for operations that read something other than JSON.
    pub raw: Bytes,
    /// `Content-Type` of the body.
    pub content_type: Option<String>,
    pub(crate) arguments: Arguments,
    pub(crate) body: Value,
    /// What [`Resource::gather`](crate::Resource::gather) fetched or computed before the transaction.
    pub gathered: Document,
}

impl Call {
    /// A path or query parameter as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.arguments.text(name)
    }

    /// A path parameter.
    ///
    /// # Panics
    /// When the operation's path has no such parameter: a mistake in our own source.
    pub fn path(&self, name: &str) -> &str {
        self.text(name).unwrap_or_else(|| panic!("{} has no path parameter {name}", self.operation.id))
    }

    /// A whole number among the query parameters.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.arguments.integer(name)
    }

    /// A boolean among the query parameters.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.arguments.flag(name)
    }

    /// The values of a list parameter; empty when it is absent.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.arguments.list(name)
    }

    /// Whether a parameter was sent.
    pub fn has(&self, name: &str) -> bool {
        self.arguments.has(name)
    }

    /// The body, `null` when none was sent.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// The body's object; empty when the body is absent or something else.
    pub fn document(&self) -> Cow<'_, Document> {
        self.body.as_object().map_or_else(|| Cow::Owned(Document::new()), Cow::Borrowed)
    }

    /// The body as a typed view of the fields that a rule decides on.
    ///
    /// # Errors
    /// 400 when the body does not fit, which the contract mostly rules out before.
    pub fn view<T: DeserializeOwned>(&self) -> ApiResult<T> {
        T::deserialize(&self.body)
            .map_err(|error| ApiError::invalid_body(format!("Payload validation error: '{error}'.")))
    }

    /// What events tell of the call that caused them.
    pub fn event_context(&self) -> Document {
        let origin = &self.origin;
        let host = origin.domain.split(':').next();
        object(json!({
            "request": {
                "geo": {},
                "hostname": host,
                "ip": origin.ip,
                "method": self.operation.method.as_str(),
                "user_agent": origin.user_agent,
            },
        }))
    }

    /// Whether the caller holds the scopes that reading what the path names takes. What cannot be read hides nothing.
    pub fn may_read(&self) -> bool {
        let read = Contract::load().find(&format!("GET {}", self.operation.path));
        read.is_none_or(|read| self.caller.scopes.meet(&read.scopes))
    }

    /// Whether the caller holds the scope.
    pub fn allows(&self, scope: &str) -> bool {
        self.caller.scopes.contains(scope)
    }
}
