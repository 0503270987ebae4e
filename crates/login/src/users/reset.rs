//! Forgotten passwords, and the codes by which an address is verified, as `identity` has them.

use identity::{
    Error,
    codes::{self, Checked},
    reset::{self, Asked, Forgotten},
    tickets::TicketError,
};
use kernel::Secret;
use store::Tx;

use super::{Users, actor, faults, known, realm};
use crate::{
    accounts::{Call, Keep, Refused},
    step::{Fault, SendReset},
};

impl Users {
    /// Sends whoever this is a message by which to set another password; a stranger's request gets the same answer.
    pub(super) async fn request_reset(&self, call: &Call, reset: SendReset, keep: Keep) -> Result<(), Refused> {
        let actor = actor(call);
        let organization_id = call.transaction.as_ref().and_then(|known| known.request.organization.clone());
        let forgotten = Forgotten {
            connection: reset.connection,
            identifier: reset.identifier,
            kinds: reset.kinds.into_iter().map(known).collect(),
            organization_id,
            result_url: None,
            by_code: reset.by_code,
            ..Forgotten::default()
        };
        let forgotten = reset::look_up(&self.services, &self.store, &actor, forgotten).await.map_err(faults::other)?;
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            if !keep.solves(tx)? {
                return Ok(Err(faults::puzzle()));
            }
            match reset::ask(tx, &actor, &forgotten)? {
                Asked::TooOften { .. } => Ok(Err(too_many())),
                Asked::Sent | Asked::Unreachable => Ok::<_, Error>(Ok(())),
            }
        });
        done.await.map_err(faults::other)?
    }

    /// Exchanges the code of such a message for a ticket that sets the password.
    pub(super) async fn redeem_reset_code(&self, call: &Call, reset: SendReset, code: &str) -> Result<String, Refused> {
        let (actor, code) = (actor(call), code.to_owned());
        let forgotten = Forgotten {
            connection: reset.connection,
            identifier: reset.identifier,
            kinds: reset.kinds.into_iter().map(known).collect(),
            ..Forgotten::default()
        };
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            Ok::<_, Error>(reset::redeem_code(tx, &actor, &forgotten, &code)?.map_err(wrong_code))
        });
        done.await.map_err(faults::other)?
    }

    /// Uses a ticket up and sets the password.
    pub(super) async fn reset_password(&self, call: &Call, ticket: &str, password: Secret) -> Result<(), Refused> {
        let fault = |error: Error| match error {
            Error::Password(error) => Refused::Fault(faults::password(error, "password-reset")),
            Error::PasswordLeaked => Refused::Fault(Fault::at("password-reset", "password-breached-reset")),
            Error::Ticket(TicketError::Expired) => Refused::Fault(Fault::whole("auth0-users-expired-ticket")),
            Error::Ticket(_) | Error::UserMissing => Refused::Fault(Fault::whole("auth0-users-used-ticket")),
            error => faults::other(error),
        };
        let actor = actor(call);
        let prepared = reset::prepare(&self.services, &self.store, &actor, ticket, password).await.map_err(fault)?;
        let services = self.services.clone();
        let done =
            self.store.write(&call.tenant, move |tx: &mut Tx| reset::apply(tx, &services, &actor, &prepared).map(drop));
        done.await.map_err(fault)
    }

    /// Sends a code to an address that signs up.
    pub(super) async fn send_signup_code(&self, call: &Call, connection: &str, email: &str) -> Result<(), Refused> {
        let (actor, connection, email) = (actor(call), connection.to_owned(), email.to_owned());
        let done = self.store.write(&call.tenant, move |tx: &mut Tx| {
            let realm = realm(tx, &connection)?;
            let is_sent = codes::SIGN_UP.send(tx, &actor, &realm, &email, None)?;
            Ok::<_, Error>(if is_sent { Ok(()) } else { Err(too_many()) })
        });
        done.await.map_err(faults::other)?
    }

    /// Verifies such a code, which is used up when it is right.
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
            Ok::<_, Error>(match codes::SIGN_UP.check(tx, &realm, &email, &code)? {
                Checked::Right => Ok(()),
                wrong => Err(wrong_code(wrong)),
            })
        });
        done.await.map_err(faults::other)?
    }
}

fn too_many() -> Refused {
    Refused::Fault(Fault::whole("too-many-email"))
}

fn wrong_code(checked: Checked) -> Refused {
    let code = if checked == Checked::TooOften { "too-many-failures" } else { "invalid-code" };
    Refused::Fault(Fault::at("code", code))
}
