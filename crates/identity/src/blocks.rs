//! Blocks of brute-force protection: an identifier that failed too often, from one address or from everywhere.

use kernel::{Document, Record, Timestamp, Value, object};
use model::{IP_BLOCK, USER, USER_BLOCK};
use serde_json::json;
use store::{Filter, Kind, Query, Snapshot, StoreResult, Tx};

use crate::{
    Actor, Error, Result,
    discard::discard,
    log, protection, tickets,
    users::{self, Identifier, LINKED},
};

/// Blocks an identifier of a connection until a time: from one address, or from everywhere.
pub fn block(
    tx: &mut Tx,
    connection: &str,
    identifier: &str,
    ip: Option<&str>,
    until: Timestamp,
) -> StoreResult<Record> {
    let mut document = object(json!({"identifier": identifier}));
    if let Some(ip) = ip {
        document.insert("ip".into(), ip.into());
    }
    document.insert("connection".into(), connection.into());
    document.insert("until".into(), until.into());
    put(tx, &USER_BLOCK, Record::new(id_of(connection, identifier, ip), document, tx.now()))
}

/// Whether an identifier of a connection is blocked for this address.
pub fn is_blocked(reader: &Snapshot, connection: &str, identifier: &str, ip: &str) -> StoreResult<bool> {
    for ip in [Some(ip), None] {
        let found = reader.get(&USER_BLOCK, &id_of(connection, identifier, ip))?;
        if found.is_some_and(|block| is_standing(&block, reader.now())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The standing blocks of an identifier, in any connection.
pub fn of_identifier(reader: &Snapshot, identifier: &str) -> StoreResult<Vec<Record>> {
    standing(reader, Filter::equals("identifier", identifier.to_lowercase()))
}

/// The standing blocks of a user, by any identifier of any account.
pub fn of_user(reader: &Snapshot, user: &Record) -> StoreResult<Vec<Record>> {
    let identifiers = identifiers_of(user);
    if identifiers.is_empty() {
        return Ok(Vec::new());
    }
    let mut blocks = standing(reader, Filter::any_of("identifier", identifiers))?;
    let identities = users::identities(user);
    blocks.retain(|block| identities.iter().any(|identity| block.text("connection") == Some(&identity.connection)));
    Ok(blocks)
}

/// Ends all blocks of a user, and forgets the failures that could lead to more.
pub fn lift_of(tx: &mut Tx, user: &Record) -> StoreResult<()> {
    let blocks = of_user(tx, user)?;
    lift(tx, &blocks)?;
    for identity in users::identities(user) {
        for identifier in identifiers_of(user) {
            protection::forget_failures(tx, &identity.connection, &identifier)?;
        }
    }
    Ok(())
}

/// Ends blocks, and forgets the failures that led to them.
pub fn lift(tx: &mut Tx, blocks: &[Record]) -> StoreResult<()> {
    for block in blocks {
        discard(tx, &USER_BLOCK, &block.id)?;
        let text = |field: &str| block.text(field).unwrap_or_default();
        protection::forget_failures(tx, text("connection"), text("identifier"))?;
    }
    Ok(())
}

/// Ends the blocks of whom a ticket means, as its mail offers (`ublkdu`).
///
/// # Errors
/// [`Error::Ticket`].
pub fn unblock(tx: &mut Tx, actor: &Actor, presented: &str) -> Result<Record> {
    let (ticket, _) = tickets::use_up(tx, tickets::UNBLOCK, presented)?;
    let user = tx.get(&USER, &ticket.user_id)?.ok_or(Error::UserMissing)?;
    lift_of(tx, &user)?;
    log::about(tx, actor, "ublkdu", &user)?;
    Ok(user)
}

/// Blocks an address until a time.
pub fn block_ip(tx: &mut Tx, ip: &str, until: Timestamp) -> StoreResult<Record> {
    put(tx, &IP_BLOCK, Record::new(ip, object(json!({"until": until})), tx.now()))
}

/// Whether an address is blocked.
pub fn is_ip_blocked(reader: &Snapshot, ip: &str) -> StoreResult<bool> {
    Ok(reader.get(&IP_BLOCK, ip)?.is_some_and(|block| is_standing(&block, reader.now())))
}

fn standing(reader: &Snapshot, filter: Filter) -> StoreResult<Vec<Record>> {
    let mut blocks = reader.list(&USER_BLOCK, &Query::of(filter))?.items;
    blocks.retain(|block| is_standing(block, reader.now()));
    Ok(blocks)
}

fn is_standing(block: &Record, now: Timestamp) -> bool {
    block.text("until").and_then(|until| until.parse::<Timestamp>().ok()).is_some_and(|until| until > now)
}

/// What the user's accounts are known by, in lower case.
fn identifiers_of(user: &Record) -> Vec<String> {
    let linked = user.document.get(LINKED).and_then(Value::as_object);
    let accounts = linked.into_iter().flat_map(|linked| linked.values().filter_map(Value::as_object));
    let of_profile = |profile: &Document| {
        let text = |identifier: Identifier| Some(profile.get(identifier.field())?.as_str()?.to_lowercase());
        Identifier::ALL.into_iter().filter_map(text).collect::<Vec<_>>()
    };
    accounts.chain([&user.document]).flat_map(of_profile).collect()
}

fn id_of(connection: &str, identifier: &str, ip: Option<&str>) -> String {
    format!("{connection} {} {}", identifier.to_lowercase(), ip.unwrap_or_default())
}

fn put(tx: &mut Tx, kind: &Kind, mut record: Record) -> StoreResult<Record> {
    record.version = tx.get(kind, &record.id)?.map_or(0, |old| old.version);
    tx.put(kind, record)
}
