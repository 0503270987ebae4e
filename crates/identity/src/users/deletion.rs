//! The end of a user, and of everything that belongs to the user.

use kernel::Record;
use model::{
    AUTHENTICATION_METHOD, CONNECTED_ACCOUNT, DEVICE_CREDENTIAL, GRANT, GROUP_MEMBERS, MEMBER_ROLES,
    ORGANIZATION_MEMBERS, TICKET, TOKEN_SET, USER, USER_PERMISSIONS, USER_ROLES,
};
use store::{Filter, Kind, Paging, Query, RelationQuery, Side, StoreResult, Tx};

use super::{changes, identities, realm_named, set_identifiers, unlink};
use crate::{
    Actor, Result, blocks, events,
    log::Entry,
    sessions::{self, Ending},
};

/// Records that end with the user; each names the user in `user_id`.
static BELONGINGS: [&Kind; 6] =
    [&AUTHENTICATION_METHOD, &TICKET, &CONNECTED_ACCOUNT, &TOKEN_SET, &DEVICE_CREDENTIAL, &GRANT];

/// Deletes a user whom somebody asks to delete: the log entry (`sdu`) tells of it.
pub fn delete(tx: &mut Tx, actor: &Actor, user: &Record) -> Result {
    let realm = changes::main_realm(tx, user)?;
    remove(tx, actor, user)?;
    Ok(Entry::of("sdu").about(user, realm.as_ref()).append(tx, actor)?)
}

/// Removes a user who ends with something else: a connection, or as an account of another user.
pub fn remove(tx: &mut Tx, actor: &Actor, user: &Record) -> Result {
    tx.delete(&USER, &user.id)?;
    tx.unrelate_all(&USER_ROLES, Side::Left(&user.id))?;
    tx.unrelate_all(&USER_PERMISSIONS, Side::Left(&user.id))?;
    tx.unrelate_all(&GROUP_MEMBERS, Side::Right(&user.id))?;
    leave_organizations(tx, &user.id)?;
    sessions::end_all_and_tokens(tx, &user.id, Ending::AccountDeleted)?;
    tx.delete_single_use_of(&user.id, None)?;
    for kind in BELONGINGS {
        for record in tx.list(kind, &Query::of(Filter::equals("user_id", user.id.as_str())))?.items {
            tx.delete(kind, &record.id)?;
        }
    }
    blocks::lift_of(tx, user)?;
    Ok(events::user_deleted(tx, user, actor.event_context())?)
}

/// Removes at most so many users of a connection that ends; those who only have a linked account there lose that. Returns whether
/// none is left.
pub fn of_connection(tx: &mut Tx, actor: &Actor, connection: &str, most: u64) -> Result<bool> {
    let filter = Filter::equals("identities.connection", connection);
    let first = Query { paging: Paging::Offset { offset: 0, limit: most + 1 }, ..Query::of(filter) };
    let found = tx.list(&USER, &first)?.items;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let is_done = found.len() <= most;
    for old in found.into_iter().take(most) {
        let identities = identities(&old);
        if identities.first().is_some_and(|main| main.connection == connection) {
            remove(tx, actor, &old)?;
            continue;
        }
        let mut user = old;
        for account in identities.iter().filter(|account| account.connection == connection) {
            unlink(&mut user, &account.name());
        }
        set_identifiers(&mut user, |connection| realm_named(tx, connection))?;
        changes::update(tx, user, actor.event_context())?;
    }
    Ok(is_done)
}

fn leave_organizations(tx: &mut Tx, user: &str) -> StoreResult {
    let memberships = tx.related(&ORGANIZATION_MEMBERS, Side::Right(user), &RelationQuery::default())?;
    for membership in memberships.items {
        tx.unrelate_all(&MEMBER_ROLES, Side::Left(&model::member_key(&membership.left, user)))?;
    }
    tx.unrelate_all(&ORGANIZATION_MEMBERS, Side::Right(user)).map(drop)
}
