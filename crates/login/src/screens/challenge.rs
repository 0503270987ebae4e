//! `email-identifier-challenge`: the code by which an address is verified while its user signs up, or who has forgotten a password
//! shows to hold it.

use super::{Behaviour, View, parts, reset, signup};
use crate::{
    form::Form,
    page::{Action, Field, Page},
    paths,
    step::{At, Done, Effect, Fault, SendReset, Show, Step},
};

const NAME: &str = "email-identifier-challenge";
/// Digits of a code.
const LENGTH: usize = 6;

pub(super) struct EmailChallenge;

impl Behaviour for EmailChallenge {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_entry(&self) -> bool {
        true
    }

    fn visit(&self, at: &mut At<'_>) -> Step {
        match use_of(at) {
            Some(_) => Step::Show(Show::of(NAME)),
            None => Step::Go(paths::of(paths::signup_screen(at.world)).to_owned()),
        }
    }

    fn post(&self, at: &mut At<'_>, form: &Form) -> Step {
        let Some(used) = use_of(at) else {
            return Step::Go(paths::of(paths::signup_screen(at.world)).to_owned());
        };
        match (form.action(), used) {
            ("back-action", Use::SignUp { .. }) => Step::Go(paths::of(paths::signup_screen(at.world)).to_owned()),
            // A puzzle that is due is solved on the page before.
            ("back-action" | "resend-code", Use::Reset(_))
                if at.world.puzzles_reset() || form.action() == "back-action" =>
            {
                Step::Go(paths::start(at.world, "reset-password-request"))
            }
            ("resend-code", Use::SignUp { connection, email }) => Step::Do(Effect::SendCode { connection, email }),
            ("resend-code", Use::Reset(reset)) => Step::Do(Effect::SendReset(reset)),
            (_, used) => {
                let code: String = form.get("code").chars().filter(|letter| !letter.is_whitespace()).take(64).collect();
                if code.is_empty() {
                    return Step::Show(Show::fault(NAME, Fault::at("code", "no-code")));
                }
                if code.len() != LENGTH || !code.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Step::Show(Show::fault(NAME, Fault::at("code", "invalid-otp-code-format")));
                }
                match used {
                    Use::SignUp { connection, email } => {
                        at.progress().fields.insert(CHECKED.to_owned(), email.clone());
                        Step::Do(Effect::CheckCode { connection, email, code })
                    }
                    Use::Reset(reset) => Step::Do(Effect::CheckResetCode { reset, code }),
                }
            }
        }
    }

    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        // A code was checked or sent again: only the first leaves the address to be verified.
        let checked = at.progress().fields.remove(CHECKED);
        match (done, checked) {
            (Done::Ticket(ticket), _) => reset::change(at, &ticket),
            (Done::Well, Some(email)) => {
                at.progress().fields.insert(signup::VERIFIED.to_owned(), email);
                Step::Go(paths::of("signup-password").to_owned())
            }
            (Done::Well, None) => Step::Show(Show::of(NAME)),
            (Done::Fault(fault), _) => Step::Show(Show::fault(NAME, fault)),
            (Done::Authenticated | Done::Refused(_) | Done::Organizations(_), _) => Step::Resume,
        }
    }

    fn page(&self, view: &View<'_>) -> Page {
        let mut page = view.page(NAME);
        let fields = &view.transaction.progress.fields;
        let email = fields.get(reset::CODE_FOR).or_else(|| fields.get("signup.email")).cloned().unwrap_or_default();
        let text = view.texts.clone().with("email", email).get("descriptionWhenEmailFieldShown");
        page.description = vec![text];
        let mut form = parts::form(view);
        form.fields.push(Field {
            name: "code",
            label: view.text("placeholder"),
            input_mode: Some("numeric"),
            autocomplete: "one-time-code",
            is_required: true,
            has_focus: true,
            max_length: Some(16),
            checks: vec![parts::required(view, "code-required", "no-code")],
            fault: view.fault("code"),
            ..Field::default()
        });
        page.form = Some(form);
        page.actions = vec![
            Action { value: "resend-code", intro: Some(view.text("resendText")), text: view.text("resendActionText") },
            Action { value: "back-action", intro: None, text: view.text("backButtonText") },
        ];
        page
    }
}

/// Where the address is noted whose code is being checked.
const CHECKED: &str = "signup.checked";

/// What the code is for.
enum Use {
    SignUp { connection: String, email: String },
    Reset(SendReset),
}

fn use_of(at: &At<'_>) -> Option<Use> {
    let database = at.world.database.as_ref()?;
    if let Some(identifier) = at.transaction.progress.fields.get(reset::CODE_FOR) {
        return database.allows_reset.then(|| Use::Reset(reset::message(database, identifier.clone(), None)));
    }
    let email = signup::remembered(at).remove("email")?;
    Some(Use::SignUp { connection: database.name.clone(), email })
}
