//! `accept-invitation`: somebody comes by the link of an invitation, and goes on to sign up or to log in with the invited address.

use super::{
    Behaviour, View, parts,
    signup::{REMEMBERED, VERIFIED},
};
use crate::{
    form::Form,
    page::Page,
    paths,
    step::{At, Show, Step},
    world::{Identifier, World},
};
use model::login::GivenIdentifier;

pub(super) struct AcceptInvitation;

impl Behaviour for AcceptInvitation {
    fn name(&self) -> &'static str {
        "accept-invitation"
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if at.world.invitation.is_none() {
            return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
        }
        Step::Show(Show::of(self.name()))
    }

    fn post(&self, at: &mut At<'_>, _: &Form) -> Step {
        let Some(invitation) = &at.world.invitation else { return self.visit(at) };
        let (email, is_verified) = (invitation.email.clone(), invitation.proves_address);
        at.transaction.request.asks_to_accept = false;
        let progress = at.progress();
        progress.identifier = Some(GivenIdentifier { kind: Some("email".to_owned()), value: email.clone() });
        progress.fields.insert(format!("{REMEMBERED}email"), email.clone());
        if is_verified {
            progress.fields.insert(VERIFIED.to_owned(), email);
        }
        Step::Go(paths::of(next(at.world)).to_owned())
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        page.form = Some(parts::form(view));
        page
    }
}

/// Where an invited user goes on: to log in, or to sign up where nobody has the address yet.
pub(crate) fn next(world: &World) -> &'static str {
    let signs_up = world.invitation.as_ref().is_some_and(|invitation| !invitation.has_account);
    let Some(database) = world.database.as_ref().filter(|database| signs_up && database.allows_signup) else {
        return if world.identifier_first { "login-password" } else { "login" };
    };
    let asks_more = database.signup.iter().any(|asked| asked.identifier != Identifier::Email && asked.is_required);
    if asks_more { paths::signup_screen(world) } else { "signup-password" }
}
