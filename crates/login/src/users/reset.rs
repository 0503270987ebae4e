//! Forgotten passwords, as `identity` has them.

use identity::{
    Error,
    codes::Checked,
    reset::{self, Asked, Forgotten},
    tickets::TicketError,
};
use kernel::Secret;
use store::Tx;

use super::{Users, actor, faults};
use crate::{
    accounts::{Call, Keep, Refused},
    step::{Fault, SendReset},
};

impl Users {
    /// Sends whoever this is a message by which to set another password; a stranger's request gets the same answer.
    pub(super) async fn request_reset(&self, call: &Call, reset: SendReset, keep: Keep) -> Result<(), Refused> {
        let actor = actor(call);
        let forgotten = forgotten(call, reset);
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
        let forgotten = forgotten(call, reset);
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
}

/// Who has forgotten a password, and how they want to hear of it.
fn forgotten(call: &Call, reset: SendReset) -> Forgotten {
    Forgotten {
        connection: reset.connection,
        identifier: reset.identifier,
        kinds: reset.kinds.into_iter().map(Into::into).collect(),
        organization_id: call.transaction.as_ref().and_then(|known| known.request.organization.clone()),
        by_code: reset.by_code,
        ..Forgotten::default()
    }
}

pub(super) fn too_many() -> Refused {
    Refused::Fault(Fault::whole("too-many-email"))
}

pub(super) fn wrong_code(checked: Checked) -> Refused {
    let code = if checked == Checked::TooOften { "too-many-failures" } else { "invalid-code" };
    Refused::Fault(Fault::at("code", code))
}
