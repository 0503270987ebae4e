//! Changes of users whom the tenant's own database keeps: its scripts make them first.

use kernel::{Document, Record, Secret, Value};
use model::USER;
use store::{Snapshot, Store};

use super::{Change, NewPassword, Target};
use crate::{
    Actor, Error, Result,
    actor::{Channel, Services},
    databases::{self, Asking, ScriptReason},
    users::{Identifier, LINKED, Realm, address_of},
};

/// A user of such a database, and the attributes of the account that is meant.
struct Meant {
    realm: Realm,
    user: Record,
    account: Document,
    /// The address, or whatever else the database knows the user by.
    identifier: String,
}

/// Has the database change what it keeps: the password, and identifiers that administrators change. What it refuses is logged.
pub(super) async fn change(
    services: &Services,
    store: &Store,
    actor: &Actor,
    user: &str,
    change: &mut Change,
) -> Result {
    let changes_password = matches!(change.password, NewPassword::Set(_));
    let is_managed = actor.channel == Channel::Management;
    let names_identifier = change.attributes.keys().any(|name| is_of_identifier(name));
    let concerns_database = changes_password || is_managed && names_identifier;
    if !concerns_database {
        return Ok(());
    }
    let (id, asked) = (user.to_owned(), change.clone());
    let Some(meant) = store.read(&actor.tenant, move |reader| find(reader, &id, &asked)).await? else { return Ok(()) };
    let asking = Asking { services, store, actor, realm: &meant.realm, organization: None };
    if let NewPassword::Set(password) = change.password.clone() {
        let outcome = set_password(&asking, &meant, change, &password).await;
        asking.logged("fcp", &meant.user, outcome).await?;
    }
    if is_managed {
        for identifier in Identifier::ALL {
            let outcome = set_identifier(&asking, &meant, identifier, &change.attributes).await;
            let kind = match identifier {
                Identifier::Email => "fce",
                Identifier::Username => "fcu",
                Identifier::Phone => "fcpn",
            };
            asking.logged(kind, &meant.user, outcome).await?;
        }
    }
    Ok(())
}

fn is_of_identifier(name: &str) -> bool {
    Identifier::ALL.iter().any(|kind| kind.field() == name || kind.verified_field() == Some(name))
}

/// The account that a change is about, where such a database keeps it; everything that is judged here is judged before it is asked.
fn find(reader: &Snapshot, user: &str, change: &Change) -> Result<Option<Meant>> {
    let user = reader.get(&USER, user)?.ok_or(Error::UserMissing)?;
    let target = Target::of(reader, change, &user)?;
    if !target.realm.is_external() {
        return Ok(None);
    }
    target.admits(reader, change)?;
    let linked = || user.document.get(LINKED)?.get(&target.identity)?.as_object();
    let account = if target.is_main { user.document.clone() } else { linked().cloned().unwrap_or_default() };
    let address = address_of(&user, Some(&target.identity)).map(str::to_owned);
    let local_id = target.identity.split_once('|').map_or("", |(_, local)| local).to_owned();
    let identifier = address.or_else(|| databases::identifier_of(&account)).unwrap_or(local_id);
    Ok(Some(Meant { realm: target.realm, user, account, identifier }))
}

async fn set_password(asking: &Asking<'_>, meant: &Meant, change: &mut Change, password: &Secret) -> Result {
    let mut profile = meant.account.clone();
    profile.extend(change.attributes.clone());
    meant.realm.password_rules().check(password.reveal(), &profile, &[])?;
    let time = asking.change_password(&meant.identifier, password).await?;
    change.password = NewPassword::Elsewhere(time);
    Ok(())
}

/// Changes one identifier, or notes that it is verified.
async fn set_identifier(asking: &Asking<'_>, meant: &Meant, identifier: Identifier, attributes: &Document) -> Result {
    let (field, verified) = (identifier.field(), identifier.verified_field());
    let old = meant.account.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let sent = attributes.get(field).and_then(Value::as_str);
    let is_changed = sent.is_some_and(|new| !new.eq_ignore_ascii_case(&old));
    let marks = verified.and_then(|verified| attributes.get(verified)).and_then(Value::as_bool);
    if !is_changed && marks.is_none() {
        return Ok(());
    }
    let new = sent.unwrap_or(&old).to_owned();
    let mut arguments: Vec<Value> = vec![old.into(), new.into()];
    if verified.is_some() {
        arguments.push(marks.unwrap_or(false).into());
    }
    match asking.change(identifier, arguments).await {
        // That an address is verified may be noted here alone.
        Err(Error::Script(error)) if !is_changed && matches!(error.reason, ScriptReason::Missing(_)) => Ok(()),
        outcome => outcome,
    }
}
