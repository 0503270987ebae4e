//! Verified identifiers: the e-mail in which a user of a database is asked to verify an address, and what the answer changes.

use kernel::{Record, Sealed, Value, object};
use model::USER;
use serde_json::json;
use store::{Snapshot, Store, Tx};

use super::{Identifier, Realm, identities};
use crate::{
    Actor, Channel, Error, Result,
    actor::Services,
    databases::Asking,
    log::Entry,
    messages::{self, Email},
    sessions::{self, Ending},
    tickets::{self, Ticket, TicketError},
};

const TEMPLATE: &str = "verify_email";
/// The mail that greets whoever has an address that is verified.
const WELCOME: &str = "welcome_email";

/// What whoever creates or changes a user says about the mail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// Whether it is wanted, where that is said.
    pub wanted: Option<bool>,
    /// The application that it names.
    pub client_id: Option<&'a str>,
    /// The organization that it names.
    pub organization_id: Option<&'a str>,
}

/// What has happened to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The user is new.
    Created,
    /// The user was changed.
    Changed,
}

/// Has the mail sent where there is a provider: to new users whose address is not verified, and to whom it is wished for.
pub fn ask(tx: &mut Tx, actor: &Actor, user: &Record, wish: Wish<'_>, occasion: Occasion) -> Result {
    let Some(email) = user.text("email").filter(|_| user.id.starts_with("auth0|")) else { return Ok(()) };
    let is_due = occasion == Occasion::Created && !user.is("email_verified");
    let is_sent = wish.wanted.unwrap_or(is_due) && !messages::is_switched_off(tx, TEMPLATE)?;
    if occasion == Occasion::Created && actor.channel == Channel::Public && !(is_sent && is_due) {
        // Nobody will verify this address later.
        welcome(tx, actor, user, wish.client_id)?;
    }
    if !is_sent || !messages::reach_addresses(tx)? || !messages::may_reach(tx, actor, email)? {
        return Ok(());
    }
    let url = link(tx, actor, user, None, wish)?;
    let mail = Email {
        template: TEMPLATE,
        user: Some(&user.id),
        to: email,
        client: wish.client_id,
        organization: wish.organization_id,
        url,
        language: language(actor),
        domain: &actor.domain,
        asker: Some(actor),
        ..Email::default()
    };
    Ok(mail.enqueue(tx, None)?)
}

/// The language that a user has chosen; an administrator's means nothing.
fn language(actor: &Actor) -> Option<&str> {
    actor.language.as_deref().filter(|_| actor.channel == Channel::Public)
}

/// Greets a user whose address is verified, where the tenant has switched that on.
fn welcome(tx: &mut Tx, actor: &Actor, user: &Record, client: Option<&str>) -> Result {
    let Some(email) = user.text("email") else { return Ok(()) };
    if !messages::is_switched_on(tx, WELCOME)? || !messages::reach_addresses(tx)? {
        return Ok(());
    }
    let (user, to, language, domain) = (Some(user.id.as_str()), email, language(actor), &actor.domain);
    let asker = Some(actor);
    let mail = Email { template: WELCOME, user, to, client, language, domain, asker, ..Email::default() };
    Ok(mail.enqueue(tx, None)?)
}

/// The link by which a user verifies the address of an account, the main one unless another is named.
pub fn link(tx: &mut Tx, actor: &Actor, user: &Record, account: Option<&str>, wish: Wish<'_>) -> Result<String> {
    let settings = messages::link_settings(tx, TEMPLATE, wish.client_id)?;
    let ticket = Ticket {
        result_url: settings.result_url,
        includes_email: settings.includes_email,
        user_id: user.id.clone(),
        identity: account.map(str::to_owned),
        email: super::address_of(user, account).map(str::to_owned),
        client_id: wish.client_id.map(str::to_owned),
        organization_id: wish.organization_id.map(str::to_owned),
        ..Ticket::default()
    };
    ticket.issue(tx, actor, tickets::VERIFICATION, settings.lifetime, Sealed::new())
}

/// A ticket that has verified an address.
#[derive(Clone, Debug)]
pub struct Redeemed {
    /// The user, as it is now.
    pub user: Record,
    /// What the ticket stood for.
    pub ticket: Ticket,
    /// Whether the address was verified before.
    pub was_verified: bool,
}

/// A ticket that may be redeemed: the tenant's own database knows of it, where it keeps the user.
#[derive(Clone, Debug)]
pub struct Prepared {
    presented: String,
    /// Whether what is stored here follows at the next login.
    is_elsewhere: bool,
}

/// Tells the tenant's own database, where it keeps the user, that the address is verified.
///
/// # Errors
/// [`Error::Script`], which is logged (`fv`); the ticket is left.
pub async fn prepare(services: &Services, store: &Store, actor: &Actor, presented: &str) -> Result<Prepared> {
    let wanted = presented.to_owned();
    let find = move |reader: &Snapshot| {
        // Whatever is wrong with the ticket is told when it is used up.
        let Ok(ticket) = tickets::look_up(reader, tickets::VERIFICATION, &wanted) else { return Ok(None) };
        let Some(user) = reader.get(&USER, &ticket.user_id)? else { return Ok(None) };
        let account =
            identities(&user).into_iter().find(|own| ticket.identity.as_ref().is_none_or(|name| own.name() == *name));
        let realm = match account {
            Some(account) => super::realm_named(reader, &account.connection)?.filter(Realm::is_external),
            None => None,
        };
        let email = super::address_of(&user, ticket.identity.as_deref()).map(str::to_owned);
        let is_same = ticket.email.is_none() || email == ticket.email;
        Ok::<_, Error>(realm.zip(email.filter(|_| is_same)).map(|(realm, email)| (realm, email, user)))
    };
    let found = store.read(&actor.tenant, find).await?;
    let is_elsewhere = found.is_some();
    if let Some((realm, email, user)) = found {
        let asking = Asking { services, store, actor, realm: &realm, organization: None };
        let told = asking.verify(&email).await;
        asking.logged("fv", &user, told).await?;
    }
    Ok(Prepared { presented: presented.to_owned(), is_elsewhere })
}

/// Uses a ticket up and verifies its address (`sv`). A ticket that cannot be used is a result, since that is logged (`fv`).
///
/// # Errors
/// What the store fails with.
pub fn redeem(tx: &mut Tx, actor: &Actor, prepared: &Prepared) -> Result<std::result::Result<Redeemed, TicketError>> {
    let presented = prepared.presented.as_str();
    let ticket = match tickets::use_up(tx, tickets::VERIFICATION, presented) {
        Ok((ticket, _)) => ticket,
        Err(Error::Ticket(error)) => {
            Entry { description: Some(&error.to_string()), ..Entry::of("fv") }.append(tx, actor)?;
            return Ok(Err(error));
        }
        Err(error) => return Err(error),
    };
    let account = ticket.identity.as_deref();
    let user = tx.get(&USER, &ticket.user_id)?;
    let is_same = |user: &Record| ticket.email.is_none() || super::address_of(user, account) == ticket.email.as_deref();
    let Some(old) = user.filter(is_same) else {
        let text = "The address has been changed.";
        Entry { description: Some(text), ..Entry::of("fv") }.append(tx, actor)?;
        return Ok(Err(TicketError::Unknown));
    };
    let user =
        if prepared.is_elsewhere { old.clone() } else { verify(tx, actor, &old.id, account, Identifier::Email)? };
    let was_verified = !prepared.is_elsewhere && user.document == old.document;
    if !was_verified {
        let realm = super::changes::main_realm(tx, &user)?;
        let email = ticket.email.clone();
        let details = object(
            json!({"email": email, "title": "Your email was verified. You can continue using the application."}),
        );
        Entry { details, ..Entry::of("sv").about(&user, realm.as_ref()) }.append(tx, actor)?;
        welcome(tx, actor, &user, ticket.client_id.as_deref())?;
    }
    Ok(Ok(Redeemed { user, ticket, was_verified }))
}

/// Notes that the user has shown to hold an identifier of an account (the main one unless another is named). Gives the user as it
/// is now.
///
/// # Errors
/// [`Error::UserMissing`].
pub fn verify(tx: &mut Tx, actor: &Actor, user: &str, account: Option<&str>, identifier: Identifier) -> Result<Record> {
    let old = tx.get(&USER, user)?.ok_or(Error::UserMissing)?;
    let Some(field) = identifier.verified_field() else { return Ok(old) };
    let mut new = old.clone();
    let is_main = account.is_none_or(|name| identities(&old).first().is_some_and(|main| main.name() == name));
    match account {
        Some(name) if !is_main => super::set_account_field(&mut new, name, field, &Value::Bool(true)),
        _ => {
            new.document.insert(field.into(), true.into());
        }
    }
    if new.document == old.document {
        return Ok(old);
    }
    new.updated = tx.now();
    new.document.insert("updated_at".into(), tx.now().into());
    // Whoever came in before may be somebody who signed up with another's address, and waited for its holder.
    sessions::end_all_and_tokens(tx, user, Ending::IdentifierChanged)?;
    super::changes::update(tx, new, actor.event_context())
}
