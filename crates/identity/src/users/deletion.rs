//! The end of a user, and of everything that belongs to the user.

use kernel::Record;
use model::USER;
use store::Tx;

use super::changes;
use crate::{Actor, Result, deletion, log::Entry};

/// Deletes a user whom somebody asks to delete: the log entry (`sdu`) tells of it.
///
/// # Errors
/// Those of the store.
pub fn delete(tx: &mut Tx, actor: &Actor, user: &Record) -> Result {
    let realm = changes::main_realm(tx, user)?;
    deletion::delete(tx, &actor.event_context(), &USER, &user.id)?;
    Ok(Entry::of("sdu").about(user, realm.as_ref()).append(tx, actor)?)
}
