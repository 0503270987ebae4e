//! `login-passwordless-email-code`, `-sms-otp` and `-email-link`: what was sent to whoever logs in without a password.

use kernel::Secret;

use super::{
    Behaviour, View,
    parts::{self, code_field, variable},
};
use crate::{
    form::{Form, LONGEST_CODE},
    page::{Action, Link, Page, Shown},
    paths,
    step::{At, Coded, Done, Effect, Fault, SendLogin, Show, Step},
    world::{Identifier, World},
};
use model::login::Transaction;

/// Where a code is noted that the browser has brought along.
pub(crate) const BROUGHT: &str = "passwordless.code";
/// The value that has the screen of links ask whether the user wants to log in.
pub(crate) const ASKS: &str = "asks";

/// One of the screens on which a code is entered.
pub(super) struct Code {
    name: &'static str,
    kind: Identifier,
}

pub(super) static EMAIL_CODE: Code = Code { name: "login-passwordless-email-code", kind: Identifier::Email };
pub(super) static SMS_CODE: Code = Code { name: "login-passwordless-sms-otp", kind: Identifier::PhoneNumber };

/// The screen that tells of a link.
pub(super) struct EmailLink;

/// Whether the request wants a link, rather than a code.
pub(super) fn is_link(at: &At<'_>) -> bool {
    let Some(passwordless) = &at.world.passwordless else { return false };
    let is_wanted = at.transaction.request.send.as_deref().map_or(passwordless.sends_links, |send| send == "link");
    is_wanted && passwordless.kind == Identifier::Email
}

/// Where the user is sent a code or a link, once the identifier is known.
fn recipient(at: &At<'_>, kind: Identifier) -> Option<Coded> {
    let passwordless = at.world.passwordless.as_ref().filter(|passwordless| passwordless.kind == kind)?;
    let identifier = at.transaction.progress.identifier.as_ref()?.value.clone();
    Some(Coded { connection: passwordless.name.clone(), kind, identifier })
}

/// Sends another one. A puzzle that is due is solved on the page before.
fn resend(at: &At<'_>, to: Coded, is_link: bool) -> Step {
    if at.world.puzzles_codes() {
        return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
    }
    Step::Do(Effect::SendLogin(SendLogin { to, is_link, puzzle: None }))
}

impl Behaviour for Code {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        if recipient(at, self.kind).is_none() {
            return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
        }
        let brought = at.transaction.progress.fields.get(BROUGHT).cloned().unwrap_or_default();
        Step::Show(Show::of(self.name).value("code", &brought))
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let Some(to) = recipient(at, self.kind) else {
            return Step::Go(paths::of(paths::login_screen(at.world)).to_owned());
        };
        if matches!(form.action(), "resend" | "resend-code") {
            return resend(at, to, false);
        }
        let code = form.code("code");
        if code.is_empty() {
            return Step::Show(Show::fault(self.name, Fault::at("code", "no-code")));
        }
        at.progress().fields.remove(BROUGHT);
        Step::Do(Effect::LogInByCode { to, code: Secret::new(code) })
    }

    fn done(&self, _: &mut At<'_>, done: Done) -> Step {
        match done {
            Done::Fault(fault) if fault.code == "invalid-code" => {
                Step::Show(Show::fault(self.name, Fault::at("code", "invalid-verification-code")))
            }
            Done::Fault(fault) => Step::Show(Show::fault(self.name, fault)),
            // By a redirect: the way back in the browser must not send another one.
            Done::Well => Step::Go(paths::of(self.name).to_owned()),
            Done::Authenticated | Done::Refused(_) | Done::Ticket(_) | Done::Judged { .. } | Done::Organizations(_) => {
                Step::Resume
            }
        }
    }

    fn variable(&self, world: &World, transaction: &Transaction) -> Option<(&'static str, String)> {
        Some((variable(self.kind), world.display.of(&identifier(transaction))))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name);
        let mut form = parts::form(view);
        form.identifier = Some(shown(view, self.kind));
        form.fields.push(code_field(view, LONGEST_CODE));
        page.form = Some(form);
        page.actions =
            vec![Action { value: "resend", intro: Some(view.text("resendText")), text: view.text("resendActionText") }];
        page
    }
}

/// To what the code or link was sent.
fn identifier(transaction: &Transaction) -> String {
    transaction.progress.identifier.clone().map(|given| given.value).unwrap_or_default()
}

/// The identifier, and the way to another one.
fn shown(view: &View<'_>, kind: Identifier) -> Shown {
    let is_phone = kind == Identifier::PhoneNumber;
    let value = identifier(view.transaction);
    Shown {
        name: "username",
        text: view.world.display.of(&value),
        value,
        autocomplete: if is_phone { "tel" } else { "email" },
        edit: Some((
            if is_phone { view.text("editLinkScreenReadableText") } else { view.texts.own("labels", "editEmail") },
            Link { text: view.text("editText"), href: view.href("/u/login/identifier") },
        )),
        fault: None,
    }
}

impl Behaviour for EmailLink {
    fn name(&self) -> &'static str {
        "login-passwordless-email-link"
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        match recipient(at, Identifier::Email) {
            Some(_) => Step::Show(Show::of(self.name())),
            None => Step::Go(paths::of(paths::login_screen(at.world)).to_owned()),
        }
    }

    fn post(&self, at: &mut At<'_>, _: &Form) -> Step {
        match recipient(at, Identifier::Email) {
            Some(to) => resend(at, to, true),
            None => Step::Go(paths::of(paths::login_screen(at.world)).to_owned()),
        }
    }

    fn done(&self, _: &mut At<'_>, done: Done) -> Step {
        match done {
            Done::Fault(fault) => Step::Show(Show::fault(self.name(), fault)),
            Done::Well => Step::Go(paths::of(self.name()).to_owned()),
            Done::Authenticated | Done::Refused(_) | Done::Ticket(_) | Done::Judged { .. } | Done::Organizations(_) => {
                Step::Resume
            }
        }
    }

    fn variable(&self, world: &World, transaction: &Transaction) -> Option<(&'static str, String)> {
        Some(("email", world.display.of(&identifier(transaction))))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name());
        page.description = Vec::new();
        let resend =
            Action { value: "resend", intro: Some(view.text("resendText")), text: view.text("resendActionText") };
        let is_opened = view.transaction.progress.fields.contains_key(BROUGHT);
        if !view.value(ASKS).is_empty() {
            page.heading = view.text("askTitle");
            page.description = vec![view.text("askDescription")];
            page.form = Some(parts::form(view));
            return page;
        }
        if view.show.faults.is_empty() {
            page.icon = Some("success-email");
            page.heading = view.text("successTitle");
            page.description = vec![view.text("description")];
        } else {
            page.icon = Some("error-cross");
            page.heading = view.text("errorTitle");
        }
        // Whoever waits here can ask for another; whoever comes by a link begins anew.
        if !is_opened {
            page.actions = vec![resend];
        }
        page
    }
}
