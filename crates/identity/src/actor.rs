//! Who acts, and from where: what every operation is told beside its input.

use std::sync::Arc;

use kernel::{Country, Document, TenantId, Value, object, user_agent};
use serde_json::json;

use crate::{
    Passwords,
    triggers::{Request, Triggers},
};

/// What operations work with outside of transactions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Services {
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Runs the code of tenants.
    pub triggers: Arc<dyn Triggers>,
}

/// Through which door a request came. It decides what is allowed, what is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The Management API: an administrator acts on users.
    Management,
    /// Login pages and the Authentication API: users act for themselves.
    Public,
    /// A job: nobody waits for it, and its own log entry tells of it.
    Job,
}

/// Who acts for which tenant, and from where.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The tenant.
    pub tenant: TenantId,
    /// The door.
    pub channel: Channel,
    /// The tenant's canonical domain, such as `localhost:8080`.
    pub domain: String,
    /// The domain that links are wanted to name, where the request says so.
    pub custom_domain: Option<String>,
    /// Address of the client, as the server decided it.
    pub ip: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// `Accept-Language`.
    pub language: Option<String>,
    /// The country of the client, where a trusted proxy tells it.
    pub country: Option<Country>,
    /// Method of the request.
    pub method: String,
    /// The client: the caller of the Management API, or the application of the login.
    pub client_id: Option<String>,
    /// Its name, where it is known.
    pub client_name: Option<String>,
    /// Identifier and name of the organization that the user signs in to.
    pub organization: Option<[String; 2]>,
    /// The request's body as log entries show it: without secrets.
    pub body: Document,
    /// Fields of the tenant's own on a page, which its code may read: `ulp-…`.
    pub fields: Document,
    /// Members of the events of triggers that the flow knows beside the usual ones, such as `transaction`.
    pub event: Document,
}

impl Actor {
    /// Somebody who acts through `channel` for a tenant; the rest is set by whoever knows it.
    pub fn new(tenant: TenantId, channel: Channel, domain: impl Into<String>) -> Self {
        Self {
            tenant,
            channel,
            domain: domain.into(),
            custom_domain: None,
            ip: String::new(),
            user_agent: String::new(),
            language: None,
            country: None,
            method: String::new(),
            client_id: None,
            client_name: None,
            organization: None,
            body: Document::new(),
            fields: Document::new(),
            event: Document::new(),
        }
    }

    /// A job of a tenant.
    pub fn job(tenant: &TenantId) -> Self {
        Self::new(tenant.clone(), Channel::Job, String::new())
    }

    /// What the tenant's events tell of the request.
    pub fn event_context(&self) -> Document {
        if self.channel == Channel::Job {
            return Document::new();
        }
        object(json!({
            "request": {
                "geo": {},
                "hostname": self.host(),
                "ip": self.ip,
                "method": self.method,
                "user_agent": self.user_agent,
            },
        }))
    }

    /// What the code that delivers a message is told of the request that has it sent.
    pub(crate) fn asked(&self) -> Document {
        let mut asked = object(json!({"ip": self.ip, "user_agent": self.user_agent}));
        let flow = self.event.get("transaction").and_then(|transaction| transaction.get("correlation_id"));
        asked.extend(flow.map(|id| ("correlation_id".to_owned(), id.clone())));
        asked
    }

    /// What triggers are told of the request: of its body the tenant's own fields alone, since others may hold a password.
    pub fn request(&self) -> Request {
        Request {
            ip: self.ip.clone(),
            method: self.method.clone(),
            body: self.fields.clone(),
            hostname: self.domain.clone(),
            user_agent: self.user_agent.clone(),
            language: self.language.clone(),
            country: self.country,
            ..Request::default()
        }
    }

    /// The domain without its port.
    pub(crate) fn host(&self) -> &str {
        self.domain.split(':').next().unwrap_or_default()
    }

    /// `user_agent` of log entries: short where users act, as it was sent where an API is called.
    pub(crate) fn logged_agent(&self) -> Value {
        match self.channel {
            Channel::Public => user_agent::summary(&self.user_agent).into(),
            Channel::Management | Channel::Job => self.user_agent.as_str().into(),
        }
    }
}
