//! Passwords that are forgotten: the message with a link, and the new password.

pub mod challenge;

use std::time::Duration;

use kernel::{Document, Record, Sealed, Secret, Timestamp, object};
use model::{CONNECTION, USER};
use serde_json::json;
use store::{Permit, Rate, Snapshot, Store, Tx};

use crate::{
    Actor, Error, Result,
    actor::Services,
    codes::{self, Checked},
    databases::{self, Asking, Profile, ScriptError},
    log::Entry,
    login,
    messages::{self, Email},
    protection,
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
    /// Whether the message holds a code instead of a link.
    pub by_code: bool,
    /// What the tenant's own database says of the user; [`look_up`] fills it.
    pub external: External,
}

/// What the tenant's own database says of whoever has forgotten a password.
#[derive(Clone, Debug, Default)]
pub enum External {
    /// It was not asked.
    #[default]
    NotAsked,
    /// The address has asked too often.
    TooOften(Timestamp),
    /// There is no such user.
    Nobody,
    /// This one.
    Found(Box<Profile>),
    /// Its script has failed.
    Failed(Box<ScriptError>),
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

/// How long the ticket lives that a code is exchanged for.
const AFTER_CODE: Duration = Duration::from_secs(900);

/// Asks the tenant's own database for the user, where there is one that keeps users or from which they move here. It comes before
/// [`ask`], outside of a transaction.
///
/// # Errors
/// As [`ask`].
pub async fn look_up(services: &Services, store: &Store, actor: &Actor, mut forgotten: Forgotten) -> Result<Forgotten> {
    let (asked, wanted) = (actor.clone(), forgotten.clone());
    let admit = move |tx: &mut Tx| {
        let realm = realm(tx, &wanted.connection)?;
        let Some(database) = realm.custom_database() else { return Ok(None) };
        let identifier = wanted.identifier.trim().to_lowercase();
        if database.imports && login::user(tx, &realm, &wanted.kinds, &identifier)?.is_some() {
            return Ok(None);
        }
        let permit = tx.take_permit(SENT, &format!("ip {}", asked.ip), IP_RATE)?;
        Ok::<_, Error>(Some((realm, permit)))
    };
    let Some((realm, permit)) = store.write(&actor.tenant, admit).await? else { return Ok(forgotten) };
    if let Permit::Refused { retry } = permit {
        forgotten.external = External::TooOften(retry);
        return Ok(forgotten);
    }
    let organization = forgotten.organization_id.as_deref();
    let asking = Asking { services, store, actor, realm: &realm, organization };
    forgotten.external = match asking.get_user(forgotten.identifier.trim()).await {
        Ok(Some(profile)) => External::Found(Box::new(profile)),
        Ok(None) => External::Nobody,
        Err(Error::Script(error)) => External::Failed(error),
        Err(error) => return Err(error),
    };
    Ok(forgotten)
}

/// Sends whoever has the identifier a message with a link, or a code.
///
/// # Errors
/// [`Error::ConnectionMissing`]; [`Error::ConnectionDisabled`], where the connection has no passwords or users may not set them.
pub fn ask(tx: &mut Tx, actor: &Actor, forgotten: &Forgotten) -> Result<Asked> {
    let realm = realm(tx, &forgotten.connection)?;
    let identifier = forgotten.identifier.trim().to_lowercase();
    let found = match &forgotten.external {
        External::NotAsked => {
            if let Permit::Refused { retry } = tx.take_permit(SENT, &format!("ip {}", actor.ip), IP_RATE)? {
                return Ok(Asked::TooOften { retry });
            }
            login::user(tx, &realm, &forgotten.kinds, &identifier)?
        }
        External::TooOften(retry) => return Ok(Asked::TooOften { retry: *retry }),
        External::Nobody => None,
        External::Found(profile) => match databases::keep(tx, actor, &realm, profile, None) {
            Ok(kept) => Some(kept),
            Err(Error::Script(error)) => return script_failed(tx, actor, &realm, &identifier, &error),
            Err(error) => return Err(error),
        },
        External::Failed(error) => return script_failed(tx, actor, &realm, &identifier, error),
    };
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
    if forgotten.by_code {
        if !codes::RESET.send(tx, actor, &realm, (Identifier::Email, &email), Some(&user.id))? {
            let reason = "Too many password change requests.";
            return unreachable(tx, actor, &realm, Some(&user), &identifier, reason);
        }
        note_request(tx, actor, &realm, &user, &email)?;
        return Ok(Asked::Sent);
    }
    let settings = messages::link_settings(tx, TEMPLATE, actor.client_id.as_deref())?;
    let ticket = Ticket {
        result_url: forgotten.result_url.clone().or(settings.result_url),
        includes_email: settings.includes_email,
        ..ticket(actor, forgotten, &user, account)
    };
    let url = ticket.issue(tx, actor, tickets::RESET, settings.lifetime, Sealed::new())?;
    let mail = Email {
        template: TEMPLATE,
        user: Some(&user.id),
        to: &email,
        client: actor.client_id.as_deref(),
        organization: forgotten.organization_id.as_deref(),
        url,
        language: actor.language.as_deref(),
        domain: &actor.domain,
        asker: Some(actor),
        ..Email::default()
    };
    mail.enqueue(tx, None)?;
    note_request(tx, actor, &realm, &user, &email)?;
    Ok(Asked::Sent)
}

/// Exchanges a code that [`ask`] sent for a ticket that sets the password. A wrong one is counted, so the transaction must be committed.
/// Where nobody has the identifier, every code is wrong in the same way.
///
/// # Errors
/// As [`ask`].
pub fn redeem_code(
    tx: &mut Tx,
    actor: &Actor,
    forgotten: &Forgotten,
    code: &str,
) -> Result<std::result::Result<String, Checked>> {
    let realm = realm(tx, &forgotten.connection)?;
    let identifier = forgotten.identifier.trim().to_lowercase();
    let found = login::user(tx, &realm, &forgotten.kinds, &identifier)?;
    let address = found.as_ref().and_then(|(user, account)| users::address_of(user, Some(account)));
    let checked = codes::RESET.check(tx, &realm, address.unwrap_or(&identifier), code)?;
    let Some((user, account)) = found.filter(|_| checked == Checked::Right) else { return Ok(Err(checked)) };
    let details = serde_json::to_value(ticket(actor, forgotten, &user, account)).map_err(Error::failed)?;
    Ok(Ok(tickets::issue(tx, tickets::RESET, AFTER_CODE, object(details))?))
}

/// What lets a user set another password, who has shown to hold the address.
fn ticket(actor: &Actor, forgotten: &Forgotten, user: &Record, account: String) -> Ticket {
    Ticket {
        user_id: user.id.clone(),
        identity: Some(account),
        client_id: actor.client_id.clone(),
        organization_id: forgotten.organization_id.clone(),
        result_url: forgotten.result_url.clone(),
        mark_email_as_verified: true,
        ..Ticket::default()
    }
}

/// The connection whose users may set passwords themselves.
fn realm(reader: &Snapshot, connection: &str) -> Result<Realm> {
    let connection = reader.find(&CONNECTION, "name", connection)?.ok_or(Error::ConnectionMissing)?;
    let realm = Realm::of(&connection)?;
    if realm.is_database() && realm.allows_reset() { Ok(realm) } else { Err(Error::ConnectionDisabled) }
}

fn note_request(tx: &mut Tx, actor: &Actor, realm: &Realm, user: &Record, email: &str) -> Result {
    let details = object(json!({"body": {"email": email, "connection": realm.name, "tenant": actor.tenant.as_str()}}));
    Ok(Entry { details, ..Entry::of("scpr").about(user, Some(realm)) }.append(tx, actor)?)
}

/// Strangers are told what they are told of somebody who does not exist.
fn script_failed(tx: &mut Tx, actor: &Actor, realm: &Realm, identifier: &str, error: &ScriptError) -> Result<Asked> {
    let description = error.to_string();
    let entry = Entry {
        description: Some(&description),
        realm: Some(realm),
        user_name: Some(identifier),
        details: databases::details(error),
        ..Entry::of("fcpr")
    };
    entry.append(tx, actor)?;
    Ok(Asked::Unreachable)
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

/// Judges and hashes a new password for whom a ticket means, outside of a transaction. What refuses it is logged (`fcp`).
///
/// # Errors
/// [`Error::Ticket`]; [`Error::Password`]; [`Error::PasswordLeaked`]; what refuses a change of the user.
pub async fn prepare(
    services: &Services,
    store: &Store,
    actor: &Actor,
    presented: &str,
    password: Secret,
) -> Result<Prepared> {
    let prepared = judge(services, store, actor, presented, password).await;
    let (kind, description) = match &prepared {
        Err(Error::PasswordLeaked) => {
            ("reset_pwd_leak", "Someone attempted to reset a password to a leaked one.".to_owned())
        }
        Err(Error::Password(error)) => ("fcp", error.message().to_owned()),
        Err(error @ Error::Ticket(_)) => ("fcp", error.to_string()),
        _ => return prepared,
    };
    let asked = actor.clone();
    let note = move |tx: &mut Tx| Entry { description: Some(&description), ..Entry::of(kind) }.append(tx, &asked);
    store.write(&actor.tenant, note).await?;
    prepared
}

async fn judge(
    services: &Services,
    store: &Store,
    actor: &Actor,
    presented: &str,
    password: Secret,
) -> Result<Prepared> {
    let wanted = presented.to_owned();
    let is_leaked = protection::is_leaked(password.reveal());
    let find = move |reader: &Snapshot| {
        let ticket = tickets::look_up(reader, tickets::RESET, &wanted)?;
        if protection::refuses_leaked_reset(reader, is_leaked)? {
            return Err(Error::PasswordLeaked);
        }
        let user = reader.get(&USER, &ticket.user_id)?.ok_or(Error::UserMissing)?;
        let connection = match &ticket.identity {
            // An account that was unlinked meanwhile is another user's, or nobody's.
            Some(name) => {
                let own = users::identities(&user).into_iter().find(|identity| identity.name() == *name);
                Some(own.ok_or(Error::UserMissing)?.connection)
            }
            None => None,
        };
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
