//! References: which records, relations and rows name which records, and what becomes of them when those are deleted.
//! `identity::deletion` carries it out, and is the only way to delete.

use kernel::{Record, Value};
use store::{Kind, RelationKind};

use crate::{
    ACTION, ACTION_EVENT, ACTION_MODULE, ACTION_MODULE_VERSION, ACTION_VERSION, AUTHENTICATION_METHOD, CLIENT,
    CLIENT_GRANT, CONNECTED_ACCOUNT, CONNECTION, CONNECTION_CLIENTS, CONNECTION_KEY, CREDENTIAL, DEFAULT_ORGANIZATION,
    DEVICE_CREDENTIAL, DIRECTORY_PROVISIONING, DISCOVERY_DOMAIN, EVENT_DELIVERY, EVENT_STREAM, EVENT_STREAM_COUNTS,
    FLOW, FLOW_EXECUTION, FLOW_TIMES, FORM, FORM_FILE, FORM_TIMES, GRANT, GROUP, GROUP_MEMBERS, INVITATION, JOB,
    LOG_STREAM, LOG_STREAM_STATE, MEMBER_ROLES, ORGANIZATION, ORGANIZATION_CLIENTS, ORGANIZATION_CONNECTIONS,
    ORGANIZATION_GRANTS, ORGANIZATION_MEMBERS, OUTBOX_MESSAGE, RESOURCE_SERVER, ROLE, ROLE_PERMISSIONS,
    SCIM_CONFIGURATION, SCIM_TOKEN, SYNCHRONIZED_GROUPS, TOKEN_SET, TRIGGER_BINDINGS, USER, USER_EXPORT,
    USER_PERMISSIONS, USER_ROLES, permission_key,
};

/// What becomes of what names a record that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is deleted too.
    Cascade,
    /// It stays, without this field (a dotted path); of an array, without the item.
    Clear(&'static str),
    /// The record cannot be deleted as long as it is named. What callers are told stands in `management`.
    Restrict,
}

/// By what a record is named.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// Its identifier.
    Id,
    /// A text in it.
    Field(&'static str),
    /// Keys that are made of it.
    Keys(fn(&Record) -> Vec<String>),
}

/// Where a record is named.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// In an indexed field of records of a kind.
    Field(&'static Kind, &'static str),
    /// In a field of records of a kind of which there are few: it needs no index.
    FieldOfFew(&'static Kind, &'static str),
    /// In a member of the objects in an array of a kind of which there are few.
    Items(&'static Kind, &'static str, &'static str),
    /// As the identifier of a record of another kind.
    Id(&'static Kind),
    /// On the left side of a relation.
    Left(&'static RelationKind),
    /// On the right side of a relation.
    Right(&'static RelationKind),
    /// In the accounts of users, by the name of their connection. A user whose main account is elsewhere only loses the account.
    Accounts,
    /// In rows of a table of its own.
    Rows(Rows),
}

/// Rows of tables of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Sessions of a user.
    Sessions,
    /// Refresh tokens of a user.
    RefreshTokensOfUser,
    /// Refresh tokens of a client.
    RefreshTokensOfClient,
    /// What a user may present once.
    SingleUse,
}

/// That something names records of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    /// What is named.
    pub target: &'static Kind,
    /// By what.
    pub by: By,
    /// Where.
    pub place: Place,
    /// What a deletion does.
    pub rule: Rule,
    /// Whether it is always to something that is there; others can be made before what they name.
    pub is_sound: bool,
}

impl Reference {
    const fn to(target: &'static Kind, place: Place) -> Self {
        Self { target, by: By::Id, place, rule: Rule::Cascade, is_sound: true }
    }

    const fn by(mut self, field: &'static str) -> Self {
        self.by = By::Field(field);
        self
    }

    const fn by_keys(mut self, keys: fn(&Record) -> Vec<String>) -> Self {
        self.by = By::Keys(keys);
        self
    }

    const fn clear(mut self, path: &'static str) -> Self {
        self.rule = Rule::Clear(path);
        self
    }

    const fn restrict(mut self) -> Self {
        self.rule = Rule::Restrict;
        self
    }

    const fn unchecked(mut self) -> Self {
        self.is_sound = false;
        self
    }

    /// Under which names the record is known there.
    pub fn names(&self, record: &Record) -> Vec<String> {
        match self.by {
            By::Id => vec![record.id.clone()],
            By::Field(field) => record.text(field).map(str::to_owned).into_iter().collect(),
            By::Keys(keys) => keys(record),
        }
    }
}

/// That relations of one sort end with one of another.
#[derive(Clone, Copy, Debug)]
pub struct OfRelation {
    /// The sort that ends.
    pub ended: &'static RelationKind,
    /// What its two sides make on the left side of the other.
    pub key: fn(&str, &str) -> String,
    /// What ends with it.
    pub other: &'static RelationKind,
}

/// Every reference. What belongs to a relation between two records stands in [`OF_RELATIONS`].
pub static REFERENCES: &[Reference] = &[
    Reference::to(&CLIENT, Place::Field(&CREDENTIAL, "client_id")),
    Reference::to(&CLIENT, Place::Field(&CLIENT_GRANT, "client_id")),
    Reference::to(&CLIENT, Place::Field(&GRANT, "clientID")),
    Reference::to(&CLIENT, Place::Field(&DEVICE_CREDENTIAL, "client_id")).unchecked(),
    Reference::to(&CLIENT, Place::Rows(Rows::RefreshTokensOfClient)),
    Reference::to(&CLIENT, Place::Right(&CONNECTION_CLIENTS)),
    Reference::to(&CLIENT, Place::Right(&ORGANIZATION_CLIENTS)),
    Reference::to(&CLIENT, Place::FieldOfFew(&RESOURCE_SERVER, "client_id")).clear("client_id"),
    Reference::to(&CLIENT_GRANT, Place::Right(&ORGANIZATION_GRANTS)),
    Reference::to(&RESOURCE_SERVER, Place::Field(&CLIENT_GRANT, "audience")).by("identifier"),
    Reference::to(&RESOURCE_SERVER, Place::Right(&ROLE_PERMISSIONS)).by_keys(permissions),
    Reference::to(&RESOURCE_SERVER, Place::Right(&USER_PERMISSIONS)).by_keys(permissions),
    Reference::to(&USER, Place::Field(&AUTHENTICATION_METHOD, "user_id")),
    Reference::to(&USER, Place::Field(&CONNECTED_ACCOUNT, "user_id")),
    Reference::to(&USER, Place::Field(&TOKEN_SET, "user_id")),
    Reference::to(&USER, Place::Field(&DEVICE_CREDENTIAL, "user_id")).unchecked(),
    Reference::to(&USER, Place::Field(&GRANT, "user_id")),
    Reference::to(&USER, Place::Field(&ACTION_EVENT, "user_id")).unchecked(),
    Reference::to(&USER, Place::Field(&OUTBOX_MESSAGE, "user_id")).unchecked(),
    Reference::to(&USER, Place::Left(&USER_ROLES)),
    Reference::to(&USER, Place::Left(&USER_PERMISSIONS)),
    Reference::to(&USER, Place::Right(&GROUP_MEMBERS)),
    Reference::to(&USER, Place::Right(&ORGANIZATION_MEMBERS)),
    Reference::to(&USER, Place::Rows(Rows::Sessions)),
    Reference::to(&USER, Place::Rows(Rows::RefreshTokensOfUser)),
    Reference::to(&USER, Place::Rows(Rows::SingleUse)),
    Reference::to(&CONNECTION, Place::Accounts).by("name"),
    Reference::to(&CONNECTION, Place::Field(&CONNECTION_KEY, "connection_id")),
    Reference::to(&CONNECTION, Place::Field(&GROUP, "connection_id")),
    Reference::to(&CONNECTION, Place::Id(&SCIM_CONFIGURATION)),
    Reference::to(&CONNECTION, Place::Id(&DIRECTORY_PROVISIONING)),
    Reference::to(&CONNECTION, Place::Left(&CONNECTION_CLIENTS)),
    Reference::to(&CONNECTION, Place::Right(&ORGANIZATION_CONNECTIONS)),
    Reference::to(&SCIM_CONFIGURATION, Place::Field(&SCIM_TOKEN, "connection_id")),
    Reference::to(&DIRECTORY_PROVISIONING, Place::Left(&SYNCHRONIZED_GROUPS)),
    Reference::to(&GROUP, Place::Left(&GROUP_MEMBERS)),
    Reference::to(&ORGANIZATION, Place::Left(&ORGANIZATION_MEMBERS)),
    Reference::to(&ORGANIZATION, Place::Left(&ORGANIZATION_CONNECTIONS)),
    Reference::to(&ORGANIZATION, Place::Left(&ORGANIZATION_CLIENTS)),
    Reference::to(&ORGANIZATION, Place::Left(&ORGANIZATION_GRANTS)),
    Reference::to(&ORGANIZATION, Place::Field(&INVITATION, "organization")),
    Reference::to(&ORGANIZATION, Place::Field(&DISCOVERY_DOMAIN, "organization_id")),
    Reference::to(&ORGANIZATION, Place::Field(&CLIENT, DEFAULT_ORGANIZATION)).clear("default_organization").unchecked(),
    Reference::to(&ROLE, Place::Left(&ROLE_PERMISSIONS)),
    Reference::to(&ROLE, Place::Right(&USER_ROLES)),
    Reference::to(&ROLE, Place::Right(&MEMBER_ROLES)),
    Reference::to(&ACTION, Place::Field(&ACTION_VERSION, "action_id")),
    Reference::to(&ACTION, Place::Items(&TRIGGER_BINDINGS, "bindings", "action_id")).restrict(),
    Reference::to(&ACTION_MODULE, Place::Field(&ACTION_MODULE_VERSION, "module_id")),
    Reference::to(&ACTION_MODULE, Place::Items(&ACTION, "modules", "module_id")).restrict(),
    Reference::to(&FLOW, Place::Field(&FLOW_EXECUTION, "flow_id")),
    Reference::to(&FLOW, Place::Id(&FLOW_TIMES)),
    Reference::to(&FORM, Place::Id(&FORM_TIMES)),
    Reference::to(&FORM, Place::Field(&FORM_FILE, "form_id")),
    Reference::to(&USER, Place::Field(&FORM_FILE, "user_id")).unchecked(),
    Reference::to(&LOG_STREAM, Place::Id(&LOG_STREAM_STATE)),
    Reference::to(&EVENT_STREAM, Place::Id(&EVENT_STREAM_COUNTS)),
    Reference::to(&EVENT_STREAM, Place::Field(&EVENT_DELIVERY, "event_stream_id")),
    Reference::to(&JOB, Place::Id(&USER_EXPORT)),
];

/// Every reference of a relation to a relation.
pub static OF_RELATIONS: &[OfRelation] =
    &[OfRelation { ended: &ORGANIZATION_MEMBERS, key: crate::member_key, other: &MEMBER_ROLES }];

/// What names records of a kind.
pub fn to(kind: &Kind) -> impl Iterator<Item = &'static Reference> {
    REFERENCES.iter().filter(move |reference| reference.target.name == kind.name)
}

/// The keys of an API's permissions.
fn permissions(server: &Record) -> Vec<String> {
    let identifier = server.text("identifier").unwrap_or_default();
    let scopes = server.document.get("scopes").and_then(Value::as_array).into_iter().flatten();
    scopes.filter_map(|scope| Some(permission_key(scope["value"].as_str()?, identifier))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_under_another_is_deleted_with_it() {
        for kind in crate::kinds() {
            let Some((parent, field)) = kind.parent else { continue };
            let is_named = to(parent).any(|reference| match reference.place {
                Place::Field(child, named) => {
                    child.name == kind.name && named == field && reference.rule == Rule::Cascade
                }
                _ => false,
            });
            assert!(is_named, "{} outlives {}", kind.name, parent.name);
        }
    }

    #[test]
    fn what_is_found_by_a_field_is_indexed_by_it() {
        for reference in REFERENCES {
            let Place::Field(kind, field) = reference.place else { continue };
            let is_indexed = kind.indexed.contains(&field) || kind.parent.is_some_and(|(_, parent)| parent == field);
            assert!(is_indexed, "{} by {field}", kind.name);
        }
    }

    #[test]
    fn both_sides_of_a_relation_are_cared_for() {
        for relation in crate::RELATIONS {
            let is_held = |is_left: bool| {
                let of_records = REFERENCES.iter().any(|reference| match reference.place {
                    Place::Left(named) => is_left && named.name == relation.name,
                    Place::Right(named) => !is_left && named.name == relation.name,
                    _ => false,
                });
                let of_relations = OF_RELATIONS.iter().any(|of| is_left && of.other.name == relation.name);
                of_records || of_relations
            };
            // Groups of a directory are known by what the directory calls them.
            let is_outside = relation.name == SYNCHRONIZED_GROUPS.name;
            assert!(is_held(true) && (is_held(false) || is_outside), "{}", relation.name);
        }
    }
}
