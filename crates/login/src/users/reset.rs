//! Resets of passwords, and the codes by which an address is verified while its user signs up.

use std::time::Duration;

use identity::{
    Actor, Error,
    log::Entry,
    messages::{self, Email},
    tickets::{self, Ticket},
    users::{
        self, Realm,
        changes::{self, Change, NewPassword},
        verification,
    },
};
use kernel::{Record, Sealed, Secret, object};
use serde_json::json;
use store::{Permit, Rate, Snapshot, StoreError, Tx, Window};
use subtle::ConstantTimeEq;

use super::{Users, actor, faults, known, realm};
use crate::{
    accounts::{Call, Keep, Refused},
    machine::{Fault, SendReset},
};

/// The template of mails by which a password is reset.
const RESET_MAIL: &str = "reset_email";
/// The template of mails with a code.
const CODE_MAIL: &str = "verify_email_by_code";
/// The kind under which codes of sign-up are stored.
const CODE: &str = "signup_code";
/// How long a code lives.
const CODE_LIFETIME: Duration = Duration::from_secs(900);
/// Wrong codes after which one is of no use.
const CODE_FAILURES: u64 = 5;
/// What one address (of a mail, and of a browser) may have sent.
const BY_RECIPIENT: Rate = Rate { burst: 5, interval: Duration::from_secs(900) };
const BY_SENDER: Rate = Rate { burst: 30, interval: Duration::from_secs(60) };

/// Whether another mail may be sent: to this address, and from this browser's.
fn may_send(tx: &mut Tx, kind: &'static str, recipient: &str, sender: &str) -> Result<bool, StoreError> {
    let by_sender = tx.take_permit("mail_sender", &format!("{kind} {sender}"), BY_SENDER)?;
    if matches!(by_sender, Permit::Refused { .. }) {
        return Ok(false);
    }
    let by_recipient =
        tx.take_permit("mail_recipient", &format!("{kind} {}", recipient.to_lowercase()), BY_RECIPIENT)?;
    Ok(matches!(by_recipient, Permit::Granted { .. }))
}

impl Users {
    /// Sends whoever this is a mail by which to set another password; a stranger's request does the same work.
    pub(super) async fn request_reset(&self, call: &Call, reset: SendReset, keep: Keep) -> Result<(), Refused> {
        let actor = actor(call);
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            if !keep.solves(tx)? {
                return Ok(Err(Refused::Fault(Fault::at("captcha", "invalid-captcha"))));
            }
            let realm = realm(tx, &reset.connection)?;
            if !may_send(tx, "reset", &format!("{} {}", realm.id, reset.identifier), &actor.ip)? {
                return Ok(Err(Refused::Fault(Fault::whole("too-many-email"))));
            }
            let mut found = None;
            for kind in &reset.kinds {
                found = found.or(users::find(tx, &realm, known(*kind), &reset.identifier)?);
            }
            if let Some(user) = found {
                send(tx, &actor, &realm, &user)?;
            } else {
                let entry = Entry {
                    description: Some("The user does not exist."),
                    realm: Some(&realm),
                    user_name: Some(&reset.identifier),
                    ..Entry::of("fcpr")
                };
                entry.append(tx, &actor)?;
            }
            Ok::<_, Error>(Ok(()))
        });
        done.await.map_err(faults::other)?
    }

    /// Uses a ticket up and sets the password.
    pub(super) async fn reset_password(&self, call: &Call, ticket: &str, password: Secret) -> Result<(), Refused> {
        let fault = |error: Error| match error {
            Error::Password(error) => Refused::Fault(faults::password(error, "password-reset")),
            Error::Ticket(tickets::TicketError::Expired) => Refused::Fault(Fault::whole("auth0-users-expired-ticket")),
            Error::Ticket(_) | Error::UserMissing => Refused::Fault(Fault::whole("auth0-users-used-ticket")),
            error => faults::other(error),
        };
        let presented = ticket.to_owned();
        let find = move |reader: &Snapshot| {
            let ticket = tickets::look_up(reader, tickets::RESET, &presented)?;
            let user = reader.get(&model::USER, &ticket.user_id)?.ok_or(Error::UserMissing)?;
            let connection = super::connection_of(&user, &ticket);
            Ok::<_, Error>((ticket, connection))
        };
        let (found, connection) = self.store.read(&call.tenant, find).await.map_err(fault)?;
        let mut actor = actor(call);
        actor.client_id = actor.client_id.or_else(|| found.client_id.clone());
        let change = Change { connection: Some(connection), password: NewPassword::Set(password), ..Change::default() };
        let prepared = changes::prepare(&self.services, &self.store, &actor, &found.user_id, change).await;
        let prepared = prepared.map_err(fault)?;
        let (services, presented) = (self.services.clone(), ticket.to_owned());
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            let (ticket, _) = tickets::use_up(tx, tickets::RESET, &presented)?;
            changes::apply(tx, &services, &actor, &prepared)?;
            if ticket.mark_email_as_verified {
                let account = ticket.identity.as_deref();
                verification::verify(tx, &actor, &ticket.user_id, account, users::Identifier::Email)?;
            }
            // Whoever asked twice has two mails; the older one must not set another password.
            tickets::forget(tx, &ticket.user_id, tickets::RESET)?;
            Ok::<_, Error>(())
        });
        done.await.map_err(fault)
    }

    /// Sends a code to an address that signs up.
    pub(super) async fn send_signup_code(&self, call: &Call, connection: &str, email: &str) -> Result<(), Refused> {
        let (actor, connection, email) = (actor(call), connection.to_owned(), email.to_owned());
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            let realm = realm(tx, &connection)?;
            if !may_send(tx, "code", &format!("{} {email}", realm.id), &actor.ip)? {
                return Ok(Err(Refused::Fault(Fault::whole("too-many-email"))));
            }
            let code = tx.context().text(b"0123456789", 6);
            let place = place(&realm, &email);
            tx.consume_single_use(CODE, &place)?;
            let payload = object(json!({"code": code}));
            let expires = tx.now() + CODE_LIFETIME;
            tx.put_single_use(CODE, &place, payload, None, expires)?;
            tx.forget_tally(CODE, &place)?;
            let mail = Email {
                template: CODE_MAIL,
                to: &email,
                client: actor.client_id.as_deref(),
                url: code,
                domain: &actor.domain,
                ..Email::default()
            };
            mail.enqueue(tx, None)?;
            Ok::<_, Error>(Ok(()))
        });
        done.await.map_err(faults::other)?
    }

    /// Verifies such a code. A wrong one is counted; after several the code is of no use.
    pub(super) async fn check_signup_code(
        &self,
        call: &Call,
        connection: &str,
        email: &str,
        code: &str,
    ) -> Result<(), Refused> {
        let (connection, email, code) = (connection.to_owned(), email.to_owned(), code.to_owned());
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            let realm = realm(tx, &connection)?;
            let place = place(&realm, &email);
            let refuse = |code: &str| Ok(Err(Refused::Fault(Fault::at("code", code))));
            let Some(sent) = tx.peek_single_use(CODE, &place)? else { return refuse("invalid-code") };
            let right = sent.payload.get("code").and_then(kernel::Value::as_str).unwrap_or_default();
            if bool::from(right.as_bytes().ct_eq(code.as_bytes())) {
                tx.consume_single_use(CODE, &place)?;
                return Ok::<_, Error>(Ok(()));
            }
            let failures = tx.count_up(CODE, &place, Window::FromFirst(CODE_LIFETIME))?;
            if failures.value >= CODE_FAILURES {
                tx.consume_single_use(CODE, &place)?;
                return refuse("too-many-failures");
            }
            refuse("invalid-code")
        });
        done.await.map_err(faults::other)?
    }
}

fn place(realm: &Realm, email: &str) -> String {
    format!("{} {}", realm.id, email.to_lowercase())
}

/// Has the mail sent, where the tenant can send any.
fn send(tx: &mut Tx, actor: &Actor, realm: &Realm, user: &Record) -> Result<(), Error> {
    let Some(email) = user.text("email").map(str::to_owned) else { return Ok(()) };
    let account = users::identities(user).into_iter().find(|account| account.connection == realm.name);
    let ticket = Ticket {
        user_id: user.id.clone(),
        identity: account.map(|account| account.name()),
        client_id: actor.client_id.clone(),
        // Whoever reads the mail holds the address.
        mark_email_as_verified: true,
        ..Ticket::default()
    };
    let lifetime = messages::url_lifetime(tx, RESET_MAIL)?;
    let url = ticket.issue(tx, actor, tickets::RESET, lifetime, Sealed::new())?;
    if messages::reach_addresses(tx)? {
        let mail = Email {
            template: RESET_MAIL,
            user: Some(&user.id),
            to: &email,
            client: actor.client_id.as_deref(),
            url,
            domain: &actor.domain,
            ..Email::default()
        };
        mail.enqueue(tx, None)?;
    }
    Ok(Entry::of("scpr").about(user, Some(realm)).append(tx, actor)?)
}
