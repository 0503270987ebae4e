//! The organization that a user enters by a login, and how somebody becomes its member on the way.

use std::sync::Arc;

use identity::{
    Actor,
    organizations::{
        self, Standing,
        invitations::{self, Invitation, Refusal},
    },
};
use kernel::Record;
use store::Tx;

use super::AuthorizationError;
use crate::organization::{not_a_member, not_by_connection};

/// An organization that a user enters.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) record: Arc<Record>,
    pub(super) joining: Option<Joining>,
}

/// How somebody becomes a member by this login.
#[derive(Clone)]
pub(super) enum Joining {
    /// The organization takes in whoever comes by the connection.
    ByConnection,
    /// Somebody has invited the user.
    Invited { ticket: String, invitation: Box<Invitation> },
}

/// Who enters, and by which connection.
#[derive(Clone)]
pub(super) struct Entering {
    pub(super) user_id: String,
    pub(super) connection_id: String,
}

impl Entrance {
    /// The roles that the user has there once this login is done, beside those that the store knows.
    pub(super) fn coming_roles(&self) -> Vec<String> {
        match &self.joining {
            Some(Joining::Invited { invitation, .. }) => invitation.roles(),
            _ => Vec::new(),
        }
    }

    /// The user as this login leaves it: an invitation that was mailed has proven the address.
    pub(super) fn leaves(&self, user: Arc<Record>) -> Arc<Record> {
        match &self.joining {
            Some(Joining::Invited { invitation, .. }) if invitation.proves_address() && !user.is("email_verified") => {
                let mut proven = (*user).clone();
                proven.document.insert("email_verified".into(), true.into());
                Arc::new(proven)
            }
            _ => user,
        }
    }

    /// Makes the user a member, where that is still to be done, or sees that the user is one still.
    pub(super) fn carry_out(&self, tx: &mut Tx, actor: &Actor, login: &Entering) -> Result<(), AuthorizationError> {
        let organization = &self.record;
        let standing = organizations::standing(tx, &organization.id, &login.connection_id, &login.user_id)?;
        match (standing, &self.joining) {
            (Standing::Elsewhere, _) => Err(not_by_connection().into()),
            (_, Some(Joining::Invited { ticket, .. })) => {
                invitations::accept(tx, actor, ticket, organization, &login.user_id)?.map_err(refused)
            }
            (Standing::Member, _) => Ok(()),
            (Standing::Joins, Some(Joining::ByConnection)) => {
                let user = tx.get(&model::USER, &login.user_id)?.ok_or_else(AuthorizationError::login_required)?;
                Ok(organizations::join(tx, actor, organization, &user, &[], "assign_membership_on_login")?)
            }
            (Standing::Joins | Standing::Stranger, _) => {
                Err(AuthorizationError::access_denied(not_a_member(&login.user_id, &organization.id)))
            }
        }
    }
}

/// An invitation that cannot be accepted, in the words of the protocol.
pub(super) fn refused(refusal: Refusal) -> AuthorizationError {
    match refusal {
        Refusal::OtherAddress => AuthorizationError::access_denied(refusal.to_string()),
        Refusal::Expired | Refusal::Unknown => AuthorizationError::invalid_request(refusal.to_string()),
    }
}
