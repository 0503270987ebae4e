//! Tenant log entries about users, in Auth0's codes (reference: logs §1).

use kernel::{Country, Document, Record, Timestamp, Value, object, user_agent};
use serde_json::json;
use store::{StoreResult, Tx};

use crate::{
    Actor,
    actor::Channel,
    triggers::Execution,
    users::{self, Realm},
};

/// What every entry of the log tells.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line<'a> {
    /// `type`.
    pub kind: &'a str,
    /// `description`.
    pub description: &'a str,
    /// Name of the user's connection.
    pub connection: Option<&'a str>,
    /// Its identifier.
    pub connection_id: Option<&'a str>,
    /// Its strategy.
    pub strategy: Option<&'a str>,
    /// The kind of its strategy.
    pub strategy_type: Option<&'a str>,
    /// The organization.
    pub organization_id: Option<&'a str>,
    /// Its name.
    pub organization_name: Option<&'a str>,
    /// The client.
    pub client_id: Option<&'a str>,
    /// Its name.
    pub client_name: Option<&'a str>,
    /// The address that the request came from.
    pub ip: Option<&'a str>,
    /// The country of that address, where it is known.
    pub country: Option<Country>,
    /// The host that was asked.
    pub hostname: Option<&'a str>,
    /// The user.
    pub user_id: Option<&'a str>,
    /// What the user is called.
    pub user_name: Option<&'a str>,
    /// `user_agent`, as entries show it.
    pub user_agent: &'a str,
    /// Whether a phone or a tablet sent the request.
    pub is_mobile: bool,
    /// The API.
    pub audience: Option<&'a str>,
    /// Scopes.
    pub scope: Option<&'a str>,
}

impl<'a> Line<'a> {
    /// A line of a type.
    pub fn of(kind: &'a str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The entry, in the service's order of keys and with its empty values.
    pub fn to_document(&self, details: Value, now: Timestamp) -> Document {
        let mut entry = object(json!({
            "date": now,
            "type": self.kind,
            "description": self.description,
            "connection": self.connection,
            "connection_id": self.connection_id.unwrap_or_default(),
            "organization_id": self.organization_id,
            "organization_name": self.organization_name,
            "client_id": self.client_id,
            "client_name": self.client_name,
            "ip": self.ip.unwrap_or_default(),
            "hostname": self.hostname,
            "details": null,
            "user_id": self.user_id.unwrap_or_default(),
            "user_name": self.user_name.unwrap_or_default(),
            "user_agent": self.user_agent,
            "audience": self.audience,
            "scope": self.scope,
            "strategy": self.strategy,
            "strategy_type": self.strategy_type,
            "isMobile": self.is_mobile,
            "location_info": self.country.map(|country| json!({"country_code": country.code()})),
        }));
        entry["details"] = details;
        entry
    }
}

/// An entry about a user, or about somebody who tried to be one.
#[derive(Default)]
pub struct Entry<'a> {
    /// `type`.
    pub kind: &'static str,
    /// `description`; `null` where there is nothing to say.
    pub description: Option<&'a str>,
    /// The connection, where it is known.
    pub realm: Option<&'a Realm>,
    /// The user, where there is one.
    pub user: Option<&'a Record>,
    /// What the user is called where there is none: the identifier that was given.
    pub user_name: Option<&'a str>,
    /// The organization.
    pub organization: Option<&'a Record>,
    /// Members of `details`; the request's body is added.
    pub details: Document,
    /// What the tenant's code did meanwhile.
    pub execution: Option<&'a Execution>,
}

impl<'a> Entry<'a> {
    /// An entry of a type.
    pub fn of(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The same entry about a user of a connection.
    pub fn about(self, user: &'a Record, realm: Option<&'a Realm>) -> Self {
        Self { user: Some(user), realm, ..self }
    }

    /// The entry as it is stored.
    pub fn to_document(&self, actor: &Actor, now: Timestamp) -> Document {
        let main = self.user.and_then(|user| users::identities(user).into_iter().next());
        let connection = self.realm.map(|realm| realm.name.clone()).or_else(|| Some(main?.connection));
        let is_public = actor.channel == Channel::Public;
        let agent = actor.logged_agent();
        let own = |known: &'a Record| [known.id.as_str(), known.text("name").unwrap_or_default()];
        let of_actor = || actor.organization.as_ref().map(|[id, name]| [id.as_str(), name.as_str()]);
        let organization = self.organization.map(own).or_else(of_actor);
        let line = Line {
            description: self.description.unwrap_or_default(),
            connection: connection.as_deref(),
            connection_id: self.realm.map(|realm| realm.id.as_str()),
            strategy: self.realm.map(|realm| realm.strategy.name()),
            strategy_type: self.realm.map(Realm::strategy_type),
            organization_id: organization.map(|[id, _]| id),
            organization_name: organization.map(|[_, name]| name),
            client_id: actor.client_id.as_deref(),
            client_name: actor.client_name.as_deref(),
            ip: Some(&actor.ip),
            country: actor.country,
            hostname: is_public.then(|| actor.host()),
            user_id: self.user.map(|user| user.id.as_str()),
            user_name: self.user.map_or(self.user_name, name_of),
            user_agent: agent.as_str().unwrap_or_default(),
            is_mobile: is_public && user_agent::is_mobile(&actor.user_agent),
            ..Line::of(self.kind)
        };
        line.to_document(self.details(actor, connection.as_deref()).into(), now)
    }

    /// Appends the entry in the transaction of what it tells of.
    pub fn append(&self, tx: &mut Tx, actor: &Actor) -> StoreResult {
        let entry = self.to_document(actor, tx.now());
        tx.append_log(entry).map(drop)
    }

    fn details(&self, actor: &Actor, connection: Option<&str>) -> Document {
        let mut body = actor.body.clone();
        body.insert("tenant".into(), actor.tenant.as_str().into());
        if let Some(connection) = connection {
            body.insert("connection".into(), connection.into());
        }
        let mut details = Document::from_iter([("body".to_owned(), body.into())]);
        details.extend(self.details.clone());
        if let Some(execution) = self.execution {
            details.insert("actions".into(), json!({"executions": [execution.id]}));
        }
        details
    }
}

/// Appends an entry about something that happened to a user's main account.
pub fn about(tx: &mut Tx, actor: &Actor, kind: &'static str, user: &Record) -> StoreResult {
    let main = users::identities(user).into_iter().next();
    let realm = main.map(|main| users::realm_named(tx, &main.connection)).transpose()?.flatten();
    Entry::of(kind).about(user, realm.as_ref()).append(tx, actor)
}

/// What log entries call a user.
pub fn name_of(user: &Record) -> Option<&str> {
    ["username", "email", "phone_number", "name"].iter().find_map(|field| user.text(field))
}

/// `details.error` of an entry about a refusal.
pub fn error(kind: &str, message: &str) -> Value {
    json!({"type": kind, "message": message})
}
