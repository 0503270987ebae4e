//! Accounts that come to a user, and go again.

use kernel::Record;
use model::{USER, login::TRANSACTION};
use store::Tx;

use super::{changes, link, realm_named, registration, set_identifiers, unlink};
use crate::{Actor, Result, deletion::delete_at_once};

/// Makes the user `secondary` an account of `primary`: the user is gone, with all that belonged to it. Gives the primary user.
pub fn join(tx: &mut Tx, actor: &Actor, primary: &Record, secondary: &Record) -> Result<Record> {
    // Code at a login may have sent the user to where accounts are linked: the login goes on as the other user's.
    tx.give_single_use(TRANSACTION, &secondary.id, &primary.id)?;
    delete_at_once(tx, &actor.event_context(), &USER, secondary)?;
    let mut user = primary.clone();
    link(&mut user, secondary);
    store(tx, actor, user)
}

/// Makes an account a user of its own again; the main account stays. Gives the user that it was taken from.
pub fn separate(tx: &mut Tx, actor: &Actor, primary: &Record, identity: &str) -> Result<Record> {
    let mut user = primary.clone();
    let account = unlink(&mut user, identity);
    let user = store(tx, actor, user)?;
    if let Some(mut account) = account {
        set_identifiers(&mut account, |connection| realm_named(tx, connection))?;
        account.document.insert("updated_at".into(), tx.now().into());
        account.document.entry("created_at").or_insert_with(|| tx.now().into());
        registration::insert(tx, actor, account)?;
    }
    Ok(user)
}

fn store(tx: &mut Tx, actor: &Actor, mut user: Record) -> Result<Record> {
    set_identifiers(&mut user, |connection| realm_named(tx, connection))?;
    user.document.insert("updated_at".into(), tx.now().into());
    changes::update(tx, user, actor.event_context())
}
