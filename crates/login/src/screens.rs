//! The screens that are served, a file for each that does something of its own.

mod challenge;
pub(crate) mod consent;
pub(crate) mod invitation;
mod login;
mod logout;
pub(crate) mod organizations;
pub(crate) mod parts;
pub(crate) mod passwordless;
pub(crate) mod reset;
mod results;
pub(crate) mod signup;

use crate::{
    captcha::Captcha,
    form::Form,
    page::{Message, Page},
    step::{At, Done, Fault, Show, Step},
    texts::Texts,
    world::World,
};
use model::login::Transaction;

/// What a screen does. All of it is pure.
pub(crate) trait Behaviour: Sync {
    /// The name of the screen.
    fn name(&self) -> &'static str;

    /// Whether it is one of those among which a user moves freely before being known.
    fn is_entry(&self) -> bool {
        false
    }

    /// The page is opened.
    fn visit(&self, at: &mut At<'_>) -> Step {
        let _ = at;
        Step::Show(Show::of(self.name()))
    }

    /// The form was sent.
    fn post(&self, at: &mut At<'_>, form: &Form) -> Step;

    /// What [`Behaviour::post`] asked for was done, or not.
    fn done(&self, at: &mut At<'_>, done: Done) -> Step {
        let _ = at;
        match done {
            Done::Fault(fault) => Step::Show(Show::fault(self.name(), fault)),
            _ => Step::Resume,
        }
    }

    /// The variable that its texts have beside those of all, and its value: to what something was sent.
    fn variable(&self, world: &World, transaction: &Transaction) -> Option<(&'static str, String)> {
        let _ = (world, transaction);
        None
    }

    /// The page.
    fn page(&self, view: &View<'_>) -> Page;
}

static SERVED: &[&dyn Behaviour] = &[
    &login::LOGIN,
    &login::LOGIN_ID,
    &login::LOGIN_PASSWORD,
    &signup::SIGNUP,
    &signup::SIGNUP_ID,
    &signup::SIGNUP_PASSWORD,
    &challenge::EMAIL,
    &challenge::PHONE,
    &passwordless::EMAIL_CODE,
    &passwordless::SMS_CODE,
    &passwordless::EmailLink,
    &reset::Request,
    &reset::Sent,
    &reset::Change,
    &results::RESET_SUCCESS,
    &results::RESET_ERROR,
    &results::EmailVerification,
    &results::REDEEM_TICKET,
    &results::UNBLOCK,
    &results::UNBLOCKED,
    &results::Status,
    &results::NOT_UNBLOCKED,
    &consent::Consent,
    &organizations::Selection,
    &organizations::PRE_PICKER,
    &organizations::PICKER,
    &invitation::AcceptInvitation,
    &logout::Logout,
    &results::LOGOUT_COMPLETE,
    &results::LOGOUT_ABORTED,
];

/// The screen with this name, if it is served.
pub(crate) fn named(name: &str) -> Option<&'static dyn Behaviour> {
    SERVED.iter().copied().find(|behaviour| behaviour.name() == name)
}

/// The names of the screens that are served.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SERVED.iter().map(|behaviour| behaviour.name())
}

/// What a page is made from.
pub(crate) struct View<'a> {
    pub(crate) world: &'a World,
    pub(crate) transaction: &'a Transaction,
    /// The `state` that its forms send.
    pub(crate) state: String,
    pub(crate) texts: Texts,
    pub(crate) show: &'a Show,
    /// The puzzle to be solved.
    pub(crate) captcha: Option<Captcha>,
}

impl View<'_> {
    /// The text of a key.
    pub(crate) fn text(&self, key: &str) -> String {
        self.texts.get(key)
    }

    /// The fault of a field.
    pub(crate) fn fault(&self, field: &str) -> Option<Message> {
        self.show.faults.iter().find(|fault| fault.field == Some(field)).map(|fault| self.message(fault))
    }

    /// The fault of the whole form.
    pub(crate) fn alert(&self) -> Option<Message> {
        self.show.faults.iter().find(|fault| fault.field.is_none()).map(|fault| self.message(fault))
    }

    /// A fault in words.
    pub(crate) fn message(&self, fault: &Fault) -> Message {
        let text = fault.text.clone().or_else(|| self.texts.find(&fault.code));
        Message { code: fault.code.clone(), text: text.unwrap_or_else(|| self.text("custom-script-error-code")) }
    }

    /// What was entered into a field before.
    pub(crate) fn value(&self, field: &str) -> String {
        self.show.values.get(field).cloned().unwrap_or_default()
    }

    /// A link to another page of this login.
    pub(crate) fn href(&self, path: &str) -> String {
        format!("{path}?state={}", self.state)
    }

    /// A page with what all have.
    pub(crate) fn page(&self, screen: &'static str) -> Page {
        Page {
            screen,
            state: self.state.clone(),
            title: self.text("pageTitle"),
            heading: self.text("title"),
            logo_alt: self.text("logoAltText"),
            description: self.texts.find("description").into_iter().filter(|text| !text.is_empty()).collect(),
            alert: self.alert(),
            ..Page::default()
        }
    }
}
