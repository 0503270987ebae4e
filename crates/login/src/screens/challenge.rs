//! `email-identifier-challenge` and `phone-identifier-challenge`: the code by which an address or a number is verified while its user
//! signs up, logs in at a database by a code, or shows to hold it who has forgotten a password.

use kernel::Secret;

use super::{
    Behaviour, View,
    parts::{self, LOG_IN, code_field, variable},
    reset, signup,
};
use crate::{
    form::Form,
    page::{Action, Page},
    paths,
    step::{At, Coded, Done, Effect, Fault, SendLogin, SendReset, Show, SignUp, Step},
    world::{Identifier, World},
};
use model::login::Transaction;

/// Digits of a code.
const LENGTH: usize = 6;
/// Where the address or the number is noted whose code is being checked.
const CHECKED: &str = "signup.checked";

/// One of the screens.
pub(super) struct Challenge {
    name: &'static str,
    kind: Identifier,
}

pub(super) static EMAIL: Challenge = Challenge { name: "email-identifier-challenge", kind: Identifier::Email };
pub(super) static PHONE: Challenge = Challenge { name: "phone-identifier-challenge", kind: Identifier::PhoneNumber };

impl Behaviour for Challenge {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        match self.use_of(at) {
            Some(_) => Step::Show(Show::of(self.name)),
            None => back(at),
        }
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let Some(used) = self.use_of(at) else { return back(at) };
        let is_puzzled = match used {
            Use::Reset(_) => at.world.puzzles.reset,
            Use::LogIn(_) => at.world.puzzles.passwordless,
            Use::SignUp(_) => false,
        };
        match (form.action(), used) {
            ("back-action", Use::SignUp(_)) => Step::Go(paths::of(paths::signup_screen(at.world)).to_owned()),
            ("back-action", Use::LogIn(_)) => Step::Go(paths::of(paths::login_screen(at.world)).to_owned()),
            ("switch-to-password-auth", Use::LogIn(_)) => {
                at.progress().fields.remove(LOG_IN);
                Step::Go(
                    paths::of(if has_password(at) { "login-password" } else { paths::login_screen(at.world) })
                        .to_owned(),
                )
            }
            ("back-action", Use::Reset(_)) => Step::Go(paths::start(at.world, "reset-password-request")),
            // A puzzle that is due is solved on the page before.
            ("resend-code", Use::Reset(_)) if is_puzzled => Step::Go(paths::start(at.world, "reset-password-request")),
            ("resend-code", Use::LogIn(_)) if is_puzzled => back(at),
            ("resend-code", Use::SignUp(to)) => Step::Do(Effect::SendCode(to)),
            ("resend-code", Use::Reset(reset)) => Step::Do(Effect::SendReset(reset)),
            ("resend-code", Use::LogIn(to)) => {
                Step::Do(Effect::SendLogin(SendLogin { to, is_link: false, puzzle: None }))
            }
            (_, used) => {
                let code = form.code("code");
                if code.is_empty() {
                    return Step::Show(Show::fault(self.name, Fault::at("code", "no-code")));
                }
                if code.len() != LENGTH || !code.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Step::Show(Show::fault(self.name, Fault::at("code", "invalid-otp-code-format")));
                }
                match used {
                    Use::SignUp(to) => {
                        at.progress().fields.insert(CHECKED.to_owned(), to.identifier.clone());
                        Step::Do(Effect::CheckCode { to, code })
                    }
                    Use::Reset(reset) => Step::Do(Effect::CheckResetCode { reset, code }),
                    Use::LogIn(to) => Step::Do(Effect::LogInByCode { to, code: Secret::new(code) }),
                }
            }
        }
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        // A code was checked or sent again: only the first leaves the address to be verified.
        let checked = at.progress().fields.remove(CHECKED);
        match (done, checked) {
            (Done::Ticket(ticket), _) => Step::Do(Effect::JudgeReset { ticket }),
            (Done::Judged { ticket, judgement }, _) => reset::judged(at, &ticket, judgement),
            (Done::Well, Some(identifier)) => {
                at.progress().fields.insert(signup::verified(self.kind).to_owned(), identifier);
                signed_up(at)
            }
            // Another one was sent: here, or to what is to be verified next. By a redirect, so that the way back in the browser
            // does not send more.
            (Done::Well, None) => match signup::to_verify(at) {
                Some(to) if to.kind != self.kind => Step::Go(paths::of(paths::challenge(to.kind)).to_owned()),
                _ => Step::Go(paths::of(self.name).to_owned()),
            },
            (Done::Fault(fault), _) => Step::Show(Show::fault(self.name, fault)),
            (Done::Authenticated | Done::Refused(_) | Done::Organizations(_), _) => Step::Resume,
        }
    }

    fn variable(&self, world: &World, transaction: &Transaction) -> Option<(&'static str, String)> {
        let progress = &transaction.progress;
        let fields = &progress.fields;
        let entered = progress.identifier.as_ref().filter(|_| self.logs_in(transaction)).map(|given| &given.value);
        let entered = entered
            .or_else(|| fields.get(reset::CODE_FOR))
            .or_else(|| fields.get(&format!("signup.{}", self.kind.field())));
        let entered = entered.cloned().unwrap_or_default();
        Some((variable(self.kind), world.display.of(&entered)))
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(self.name);
        let is_login = self.logs_in(view.transaction);
        page.description = vec![view.text(match self.kind {
            Identifier::PhoneNumber => "smsDescription",
            _ => "descriptionWhenEmailFieldShown",
        })];
        let mut form = parts::form(view);
        form.fields.push(code_field(view, LENGTH));
        page.form = Some(form);
        page.actions = vec![
            Action { value: "resend-code", intro: Some(view.text("resendText")), text: view.text("resendActionText") },
            Action { value: "back-action", intro: None, text: view.text("backButtonText") },
        ];
        if is_login && view.world.database.as_ref().is_some_and(|database| database.has_passwords) {
            let text = view.text("switchToPasswordButtonText");
            page.actions.push(Action { value: "switch-to-password-auth", intro: None, text });
        }
        page
    }
}

/// What the code is for.
enum Use {
    SignUp(Coded),
    Reset(SendReset),
    LogIn(Coded),
}

impl Challenge {
    /// Whether the code logs in.
    fn logs_in(&self, transaction: &Transaction) -> bool {
        transaction.progress.fields.get(LOG_IN).is_some_and(|kind| kind == self.kind.field())
    }

    fn use_of(&self, at: &At<'_>) -> Option<Use> {
        let database = at.world.database.as_ref()?;
        let progress = &at.transaction.progress;
        let coded = |identifier: String| Coded { connection: database.name.clone(), kind: self.kind, identifier };
        if progress.fields.get(LOG_IN).is_some_and(|kind| kind == self.kind.field()) {
            let given = progress.identifier.as_ref().filter(|_| database.by_code.contains(&self.kind))?;
            return Some(Use::LogIn(coded(given.value.clone())));
        }
        if let Some(identifier) = progress.fields.get(reset::CODE_FOR).filter(|_| self.kind == Identifier::Email) {
            return database.allows_reset.then(|| Use::Reset(reset::message(database, identifier.clone(), None)));
        }
        let identifier = signup::remembered(at).remove(self.kind.field())?;
        Some(Use::SignUp(coded(identifier)))
    }
}

/// Where whoever has no business here belongs.
fn back(at: &At<'_>) -> Step {
    let is_login = at.transaction.progress.fields.contains_key(LOG_IN);
    let screen = if is_login { paths::login_screen(at.world) } else { paths::signup_screen(at.world) };
    Step::Go(paths::of(screen).to_owned())
}

fn has_password(at: &At<'_>) -> bool {
    at.world.database.as_ref().is_some_and(|database| database.has_passwords)
}

/// What follows once an identifier was verified while its user signs up.
fn signed_up(at: &mut At<'_>) -> Step {
    if let Some(to) = signup::to_verify(at) {
        return Step::Do(Effect::SendCode(to));
    }
    let Some(database) = at.world.database.as_ref().filter(|database| !database.has_passwords) else {
        return Step::Go(paths::of("signup-password").to_owned());
    };
    Step::Do(Effect::SignUp(SignUp {
        connection: database.name.clone(),
        identifiers: signup::remembered(at),
        password: None,
        verified: signup::verified_ones(at),
        puzzle: None,
    }))
}
