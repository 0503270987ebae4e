//! A login on its way from an application's request to the response.

use std::sync::Arc;

use kernel::{Document, Record};
use model::login::{Authentication, Transaction};
use store::Session;

use super::{AuthorizationRequest, browser::Visit, entrance::Entrance};
use crate::{
    request::Parameters,
    rights::RolesAt,
    views::{Client, ResourceServer},
};

/// A request with the records that it names.
pub(crate) struct Asked {
    pub(crate) request: AuthorizationRequest,
    pub(crate) record: Arc<Record>,
    pub(crate) client: Arc<Client>,
    /// The API for which a token is asked; none for the user's profile alone.
    pub(crate) api: Option<Arc<ResourceServer>>,
    /// The organization that it names.
    pub(crate) organization: Option<Arc<Record>>,
    /// What was sent, by which the request is validated again after pages.
    pub(super) parameters: Parameters,
}

/// A login whose user is known.
pub(crate) struct Login<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) authentication: Authentication,
    /// The session that the browser has.
    pub(crate) session: Option<Session>,
    /// The pages that led here, if there were any.
    pub(crate) transaction: Option<Transaction>,
    pub(crate) visit: &'a Visit,
    /// The user comes back from where the tenant's code sent them.
    pub(crate) returned: Option<Return>,
    /// The organization that the user enters, once that is settled.
    pub(crate) organization: Option<Entrance>,
}

impl Login<'_> {
    /// Whether the proof was given just now, and not by a session that was there before.
    pub(crate) fn is_interactive(&self) -> bool {
        self.authentication.session_id.is_none()
    }

    /// What the user answered to a prompt of this login.
    pub(super) fn answer(&self, prompt: &str) -> Option<&str> {
        self.transaction.as_ref()?.progress.answers.get(prompt).map(String::as_str)
    }

    /// In which organization roles count, and which ones come with this login.
    pub(crate) fn roles_at(&self) -> Option<RolesAt> {
        let entrance = self.organization.as_ref()?;
        Some(RolesAt { organization: entrance.record.id.clone(), coming: entrance.coming_roles() })
    }

    /// The organization that the user enters.
    pub(crate) fn organization(&self) -> Option<&Record> {
        self.organization.as_ref().map(|entrance| &*entrance.record)
    }

    /// The standing session that this login goes on with: the same user's, if the browser has one.
    pub(crate) fn standing(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.user_id == self.authentication.user_id)
    }
}

/// The user's return from where the tenant's code sent them: what `/continue` was called with.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    pub(crate) query: Document,
    pub(crate) body: Document,
}
