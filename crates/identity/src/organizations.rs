//! Organizations at sign-in: who belongs to one, by which connections its members come, and how somebody becomes a member
//! (reference: sessions-and-login-rules §4).

pub mod invitations;

use std::time::Duration;

use kernel::{Document, Record, object};
use model::{
    ConnectionUse, DISCOVERY_DOMAIN, MEMBER_ROLES, ORGANIZATION, ORGANIZATION_CONNECTIONS, ORGANIZATION_MEMBERS, ROLE,
    USER_ROLES, member_key,
};
use serde::Deserialize;
use serde_json::json;
use store::{
    Filter, Paging, Permit, Query, Rate, Relation, RelationQuery, Side, Snapshot, StoreError, StoreResult, Tx,
};

use crate::{Actor, Result, events, log::Entry};

/// How many organizations a user may choose from.
pub const MOST_CHOICES: u64 = 20;
/// Most roles that a member holds in one organization.
const MOST_ROLES: usize = 50;
/// How many organizations that share a connection are looked at for the only one that takes in whoever comes by it.
const MOST_LOOKED_AT: u64 = 1_000;
/// How often an address may ask whether there is an organization.
const GUESSES: Rate = Rate { burst: 100, interval: Duration::from_secs(10) };

/// How a user who has signed in by a connection stands with an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A member.
    Member,
    /// No member yet: the organization takes in whoever comes by the connection.
    Joins,
    /// No member.
    Stranger,
    /// The organization does not use the connection.
    Elsewhere,
}

/// How an organization uses a connection, where it does.
pub fn connection(reader: &Snapshot, organization: &str, connection: &str) -> StoreResult<Option<ConnectionUse>> {
    match reader.relation(&ORGANIZATION_CONNECTIONS, organization, connection)? {
        Some(entry) => enabled(&entry),
        None => Ok(None),
    }
}

/// The connections that an organization uses, by identifier.
pub fn connections(reader: &Snapshot, organization: &str) -> StoreResult<Vec<(String, ConnectionUse)>> {
    let entries = reader.related(&ORGANIZATION_CONNECTIONS, Side::Left(organization), &RelationQuery::default())?.items;
    let mut used = Vec::new();
    for entry in entries {
        used.extend(enabled(&entry)?.map(|how| (entry.right, how)));
    }
    Ok(used)
}

fn enabled(entry: &Relation) -> StoreResult<Option<ConnectionUse>> {
    let how = ConnectionUse::deserialize(&entry.document).map_err(StoreError::from)?;
    Ok(how.is_enabled.then_some(how))
}

/// How a user stands with an organization, who has signed in by a connection.
pub fn standing(reader: &Snapshot, organization: &str, connection: &str, user: &str) -> StoreResult<Standing> {
    let Some(how) = self::connection(reader, organization, connection)? else { return Ok(Standing::Elsewhere) };
    Ok(if is_member(reader, organization, user)? {
        Standing::Member
    } else if how.assign_membership_on_login {
        Standing::Joins
    } else {
        Standing::Stranger
    })
}

/// Whether a user is a member.
pub fn is_member(reader: &Snapshot, organization: &str, user: &str) -> StoreResult<bool> {
    Ok(reader.relation(&ORGANIZATION_MEMBERS, organization, user)?.is_some())
}

/// The first organizations that a user has joined.
pub fn of_user(reader: &Snapshot, user: &str) -> StoreResult<Vec<Record>> {
    let entries = reader.related(&ORGANIZATION_MEMBERS, Side::Right(user), &first(MOST_CHOICES))?.items;
    let mut organizations = Vec::new();
    for entry in entries {
        organizations.extend(reader.get(&ORGANIZATION, &entry.left)?);
    }
    Ok(organizations)
}

/// The roles of a user, by identifier: those everywhere, and those in an organization, no others'.
pub fn roles_of(reader: &Snapshot, user: &str, organization: Option<&str>) -> StoreResult<Vec<String>> {
    let all = RelationQuery::default();
    let held = reader.related(&USER_ROLES, Side::Left(user), &all)?.items;
    let mut roles: Vec<String> = held.into_iter().map(|held| held.right).collect();
    if let Some(organization) = organization {
        let held = reader.related(&MEMBER_ROLES, Side::Left(&member_key(organization, user)), &all)?.items;
        for role in held.into_iter().map(|held| held.right) {
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
    }
    Ok(roles)
}

/// The names of roles; one that was deleted meanwhile has none.
pub fn role_names<'r>(reader: &Snapshot, roles: impl IntoIterator<Item = &'r String>) -> StoreResult<Vec<String>> {
    let mut names = Vec::new();
    for role in roles {
        let role = reader.get(&ROLE, role)?;
        names.extend(role.and_then(|role| role.text("name").map(str::to_owned)));
    }
    Ok(names)
}

/// The only organization that takes in whoever comes by a connection; none where there are several.
pub fn only_joinable(reader: &Snapshot, connection: &str) -> StoreResult<Option<String>> {
    let entries = reader.related(&ORGANIZATION_CONNECTIONS, Side::Right(connection), &first(MOST_LOOKED_AT))?.items;
    if entries.len() as u64 == MOST_LOOKED_AT {
        return Ok(None);
    }
    let mut only = None;
    for entry in entries {
        let takes_in = enabled(&entry)?.is_some_and(|how| how.assign_membership_on_login);
        if takes_in && only.replace(entry.left).is_some() {
            return Ok(None);
        }
    }
    Ok(only)
}

fn first(limit: u64) -> RelationQuery {
    RelationQuery { paging: Paging::Offset { offset: 0, limit }, ..RelationQuery::default() }
}

/// The organizations that an e-mail address leads to: those to which its domain belongs, as was verified.
pub fn discovered(reader: &Snapshot, email: &str) -> StoreResult<Vec<Record>> {
    let Some((_, domain)) = email.rsplit_once('@') else { return Ok(Vec::new()) };
    let paging = Paging::Offset { offset: 0, limit: MOST_LOOKED_AT };
    let query = Query { paging, ..Query::of(Filter::equals("domain", domain.to_lowercase())) };
    let mut found: Vec<Record> = Vec::new();
    for domain in reader.list(&DISCOVERY_DOMAIN, &query)?.items {
        let is_verified = domain.text("status") == Some("verified");
        let is_used = domain.document.get("use_for_organization_discovery") != Some(&false.into());
        let id = domain.text("organization_id").unwrap_or_default();
        if is_verified && is_used && !found.iter().any(|organization| organization.id == id) {
            found.extend(reader.get(&ORGANIZATION, id)?);
        }
        if found.len() as u64 == MOST_CHOICES {
            break;
        }
    }
    Ok(found)
}

/// What an organization is called where users see it.
pub fn shown_name(organization: &Record) -> String {
    let display_name = organization.text("display_name").filter(|name| !name.is_empty());
    display_name.or_else(|| organization.text("name")).unwrap_or_default().to_owned()
}

/// Whether somebody at this address may ask once more whether there is an organization. The names of a tenant's customers are
/// not for everybody to collect.
pub fn may_ask(tx: &mut Tx, ip: &str) -> StoreResult<bool> {
    Ok(matches!(tx.take_permit("organization_guesses", ip, GUESSES)?, Permit::Granted { .. }))
}

/// Makes a user a member, with these roles beside those that the user has there.
///
/// # Errors
/// What the store fails with.
pub fn join(
    tx: &mut Tx,
    actor: &Actor,
    organization: &Record,
    user: &Record,
    roles: &[String],
    reason: &str,
) -> Result<()> {
    let named = json!({"id": organization.id, "name": organization.text("name")});
    if tx.relate(&ORGANIZATION_MEMBERS, &organization.id, &user.id, Document::new())? {
        let object = object(json!({"organization": named, "user": {"user_id": user.id}}));
        tell(tx, actor, "organization.member.added", object)?;
        let details = Document::from_iter([("reason".to_owned(), reason.into())]);
        let entry = Entry { organization: Some(organization), details, ..Entry::of("organization_member_added") };
        entry.about(user, None).append(tx, actor)?;
    }
    let key = member_key(&organization.id, &user.id);
    let mut held = tx.related(&MEMBER_ROLES, Side::Left(&key), &RelationQuery::default())?.items.len();
    for id in roles {
        // A role that was deleted meanwhile is nobody's.
        let Some(role) = tx.get(&ROLE, id)?.filter(|_| held < MOST_ROLES) else { continue };
        if tx.relate(&MEMBER_ROLES, &key, id, Document::new())? {
            held += 1;
            let object = object(json!({
                "organization": {"id": organization.id},
                "user": {"user_id": user.id},
                "role": {"id": id, "name": role.text("name")},
            }));
            tell(tx, actor, "organization.member.role.assigned", object)?;
        }
    }
    Ok(())
}

fn tell(tx: &mut Tx, actor: &Actor, kind: &str, object: Document) -> StoreResult {
    events::publish(tx, kind, events::News { object, previous: None, context: actor.event_context() })
}
