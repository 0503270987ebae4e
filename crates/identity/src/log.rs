//! Tenant log entries about users, in Auth0's codes (reference: logs §1).

use kernel::{Document, Record, Timestamp, Value, object, user_agent};
use serde_json::json;
use store::{StoreResult, Tx};

use crate::{
    Actor,
    actor::Channel,
    triggers::Execution,
    users::{self, Realm},
};

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
        let mut entry = object(json!({
            "date": now,
            "type": self.kind,
            "description": self.description,
            "connection": connection,
            "connection_id": self.realm.map(|realm| realm.id.as_str()),
            "client_id": actor.client_id,
            "client_name": actor.client_name,
            "ip": actor.ip,
            "user_agent": actor.logged_agent(),
            "details": null,
            "user_id": self.user.map_or("", |user| user.id.as_str()),
            "user_name": self.user.map_or(self.user_name, name_of),
            "strategy": self.realm.map(|realm| realm.strategy.as_str()),
            "strategy_type": self.realm.map(Realm::strategy_type),
        }));
        entry["details"] = self.details(actor, connection.as_deref()).into();
        if let Some(organization) = self.organization {
            entry.insert("organization_id".into(), organization.id.as_str().into());
            entry.insert("organization_name".into(), organization.text("name").into());
        }
        if actor.channel == Channel::Public {
            entry.insert("hostname".into(), actor.host().into());
            entry.insert("isMobile".into(), user_agent::is_mobile(&actor.user_agent).into());
        }
        entry
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
fn name_of(user: &Record) -> Option<&str> {
    ["username", "email", "phone_number"].iter().find_map(|field| user.text(field))
}

/// `details.error` of an entry about a refusal.
pub fn error(kind: &str, message: &str) -> Value {
    json!({"type": kind, "message": message})
}
