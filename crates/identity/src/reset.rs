//! Passwords that are forgotten: the message with a link, and the new password.

use std::time::Duration;

use kernel::{Document, Record, Sealed, Secret, Timestamp, object};
use model::{CONNECTION, USER};
use serde::Deserialize;
use serde_json::json;
use store::{Permit, Rate, Snapshot, Store, Tx};

use crate::{
    Actor, Error, Result,
    actor::Services,
    log::Entry,
    login,
    messages::{self, Email},
    sessions::{self, Ending},
    tickets::{self, Ticket},
    users::{
        self, Identifier, Realm,
        changes::{self, Change, NewPassword},
    },
};

/// The mail.
const TEMPLATE: &str = "reset_email";
/// Tallies of messages, by user and by address of whoever asks.
const SENT: &str = "password_resets";
/// Ten messages to a user at once, then one in six minutes.
const USER_RATE: Rate = Rate { burst: 10, interval: Duration::from_secs(360) };
/// Fifty messages asked for by one address at once, then one in a minute.
const IP_RATE: Rate = Rate { burst: 50, interval: Duration::from_secs(60) };

/// Somebody who has forgotten a password.
#[derive(Clone, Debug, Default)]
pub struct Forgotten {
    /// Name of the connection.
    pub connection: String,
    /// The identifier, as it was entered.
    pub identifier: String,
    /// What it can be; all of them, where none is named.
    pub kinds: Vec<Identifier>,
    /// The organization that the user was logging in to.
    pub organization_id: Option<String>,
    /// Where the browser is sent afterwards, instead of the client.
    pub result_url: Option<String>,
}

/// What became of it. Strangers are told the same in every case but [`Asked::TooOften`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A message is under way.
    Sent,
    /// There is no such user, no address, or no provider.
    Unreachable,
    /// The address has asked too often.
    TooOften {
        /// When it may ask again.
        retry: Timestamp,
    },
}

/// A password that may be set: judged and hashed.
#[derive(Clone, Debug)]
pub struct Prepared {
    presented: String,
    ticket: Ticket,
    change: changes::Prepared,
}

/// The part of a connection that lets users set passwords themselves.
#[derive(Default, Deserialize)]
#[serde(default)]
struct SelfService {
    disable_self_service_change_password: bool,
}

/// Sends whoever has the identifier a message with a link.
///
/// # Errors
/// [`Error::ConnectionMissing`]; [`Error::ConnectionDisabled`], where the connection has no passwords or users may not set them.
pub fn ask(tx: &mut Tx, actor: &Actor, forgotten: &Forgotten) -> Result<Asked> {
    let connection = tx.find(&CONNECTION, "name", &forgotten.connection)?.ok_or(Error::ConnectionMissing)?;
    let realm = Realm::of(&connection)?;
    let options = connection.document.get("options").unwrap_or(&kernel::Value::Null);
    if !realm.is_database()
        || SelfService::deserialize(options).unwrap_or_default().disable_self_service_change_password
    {
        return Err(Error::ConnectionDisabled);
    }
    if let Permit::Refused { retry } = tx.take_permit(SENT, &format!("ip {}", actor.ip), IP_RATE)? {
        return Ok(Asked::TooOften { retry });
    }
    let identifier = forgotten.identifier.trim().to_lowercase();
    let found = login::user(tx, &realm, &forgotten.kinds, &identifier)?;
    let Some((user, account)) = found else {
        return unreachable(tx, actor, &realm, None, &identifier, "The user does not exist.");
    };
    let Some(email) = users::address_of(&user, Some(&account)).map(str::to_owned) else {
        return unreachable(tx, actor, &realm, Some(&user), &identifier, "The user has no email address.");
    };
    let may_send = matches!(tx.take_permit(SENT, &format!("user {}", user.id), USER_RATE)?, Permit::Granted { .. });
    if !may_send || !messages::reach_addresses(tx)? {
        let reason = if may_send { "No email provider is configured." } else { "Too many password change requests." };
        return unreachable(tx, actor, &realm, Some(&user), &identifier, reason);
    }
    let ticket = Ticket {
        user_id: user.id.clone(),
        identity: Some(account),
        client_id: actor.client_id.clone(),
        organization_id: forgotten.organization_id.clone(),
        result_url: forgotten.result_url.clone(),
        // Whoever has the link has the address.
        mark_email_as_verified: true,
        ..Ticket::default()
    };
    let lifetime = messages::url_lifetime(tx, TEMPLATE)?;
    let url = ticket.issue(tx, actor, tickets::RESET, lifetime, Sealed::new())?;
    let mail = Email {
        template: TEMPLATE,
        user: Some(&user.id),
        to: &email,
        client: actor.client_id.as_deref(),
        organization: forgotten.organization_id.as_deref(),
        url,
        domain: &actor.domain,
        ..Email::default()
    };
    mail.enqueue(tx, None)?;
    let details = object(json!({"body": {"email": email, "connection": realm.name, "tenant": actor.tenant.as_str()}}));
    Entry { details, ..Entry::of("scpr").about(&user, Some(&realm)) }.append(tx, actor)?;
    Ok(Asked::Sent)
}

fn unreachable(
    tx: &mut Tx,
    actor: &Actor,
    realm: &Realm,
    user: Option<&Record>,
    identifier: &str,
    reason: &str,
) -> Result<Asked> {
    let entry =
        Entry { description: Some(reason), realm: Some(realm), user, user_name: Some(identifier), ..Entry::of("fcpr") };
    entry.append(tx, actor)?;
    Ok(Asked::Unreachable)
}

/// Judges and hashes a new password for whom a ticket means, outside of a transaction.
///
/// # Errors
/// [`Error::Ticket`]; [`Error::Password`]; what refuses a change of the user.
pub async fn prepare(
    services: &Services,
    store: &Store,
    actor: &Actor,
    presented: &str,
    password: Secret,
) -> Result<Prepared> {
    let wanted = presented.to_owned();
    let find = move |reader: &Snapshot| {
        let ticket = tickets::look_up(reader, tickets::RESET, &wanted)?;
        let user = reader.get(&USER, &ticket.user_id)?.ok_or(Error::UserMissing)?;
        let own = |name: &String| users::identities(&user).into_iter().find(|identity| identity.name() == *name);
        let connection = ticket.identity.as_ref().and_then(own).map(|identity| identity.connection);
        Ok::<_, Error>((ticket, connection))
    };
    let (ticket, connection) = store.read(&actor.tenant, find).await?;
    let mut attributes = Document::new();
    if ticket.mark_email_as_verified {
        attributes.insert("email_verified".into(), true.into());
    }
    let change = Change { connection, attributes, password: NewPassword::Set(password), ..Change::default() };
    let change = changes::prepare(services, store, actor, &ticket.user_id, change).await?;
    Ok(Prepared { presented: presented.to_owned(), ticket, change })
}

/// Uses the ticket up and sets the password, with what follows: every session and refresh token of the user ends. Gives the user and
/// the ticket.
///
/// # Errors
/// As [`prepare`], for what has changed since.
pub fn apply(tx: &mut Tx, services: &Services, actor: &Actor, prepared: &Prepared) -> Result<(Record, Ticket)> {
    tickets::use_up(tx, tickets::RESET, &prepared.presented)?;
    let user = changes::apply(tx, services, actor, &prepared.change)?;
    sessions::end_all_and_tokens(tx, &user.id, Ending::PasswordChanged)?;
    tickets::forget(tx, &user.id, tickets::RESET)?;
    Ok((user, prepared.ticket.clone()))
}
