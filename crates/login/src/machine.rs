//! The login as a state machine: pure functions from a transaction and what the user did to what comes next.
//!
//! Screens of the entry (login, sign-up, reset) are told apart by their path, since a user moves among them by links and
//! in several tabs. At every later stage the transaction decides, and a path is only a hint.

use std::collections::BTreeMap;

use kernel::Secret;

use crate::{
    screens::{self, Behaviour},
    world::{Identifier, World},
};
use model::login::{Authentication, LoginRequest, Progress, Refusal, Stage, Transaction};
use model::screens::{SCREENS, Screen};

/// What a user sent: the fields of a form.
#[derive(Clone, Debug, Default)]
pub struct Form(BTreeMap<String, String>);

/// Longest line of text that is looked at, in characters.
const LONGEST_LINE: usize = 512;
/// Most fields of a form that are read.
const FIELDS: usize = 100;

impl Form {
    /// Reads an urlencoded body. Of a field that occurs twice the first counts.
    pub fn parse(body: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body).take(FIELDS) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(fields)
    }

    /// A field as it was sent; empty when it was not.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A line of text: without the blanks around it, without control characters, and not too long.
    pub fn line(&self, name: &str) -> String {
        self.get(name).trim().chars().filter(|letter| !letter.is_control()).take(LONGEST_LINE).collect()
    }

    /// A password.
    pub fn secret(&self, name: &str) -> Secret {
        Secret::new(self.get(name))
    }

    /// Whether a field was sent.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What the user pressed. Some clients send nothing, and mean the main button.
    pub fn action(&self) -> &str {
        match self.get("action") {
            "" => "default",
            "decline" => "deny",
            "re-send-email" => "resend-email-action",
            action => action,
        }
    }

    /// The fields whose names begin like this, at most `count` of them, each at most `length` bytes long.
    pub fn beginning(&self, prefix: &str, count: usize, length: usize) -> BTreeMap<String, String> {
        let fitting = self
            .0
            .iter()
            .filter(|(name, value)| name.starts_with(prefix) && name.len() <= 100 && value.len() <= length);
        fitting.take(count).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Form {
    fn from(fields: [(&str, &str); N]) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// Where a transaction stands, and what it depends on.
pub struct At<'a> {
    /// The client, its connections and the settings.
    pub world: &'a World,
    /// The login.
    pub transaction: &'a mut Transaction,
}

impl At<'_> {
    /// How far the login is.
    pub fn progress(&mut self) -> &mut Progress {
        &mut self.transaction.progress
    }

    /// Whether the puzzle that was shown is solved; the puzzle is used up either way.
    pub fn solves_puzzle(&mut self, form: &Form) -> Option<String> {
        let puzzle = self.transaction.progress.captcha.take()?;
        let given: String = form.get("captcha").chars().filter(|letter| !letter.is_whitespace()).take(64).collect();
        let is_solved = puzzle.solution.split('|').any(|solution| solution.eq_ignore_ascii_case(&given));
        is_solved.then_some(puzzle.id)
    }
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// A page.
    Show(Show),
    /// Another page of ours: `302`.
    Go(String),
    /// The protocol's turn: `302` to `/authorize/resume`.
    Resume,
    /// Something must be done first; [`done`] tells what comes of it.
    Do(Effect),
    /// There is nothing to go on with.
    Lost,
}

/// A page that is to be shown.
#[derive(Debug, Default, PartialEq)]
pub struct Show {
    /// The name of its screen.
    pub screen: &'static str,
    /// What is wrong: with any of these the status is 400.
    pub faults: Vec<Fault>,
    /// What was entered, to be shown again; never a password.
    pub values: BTreeMap<&'static str, String>,
}

impl Show {
    /// A page without faults.
    pub fn of(screen: &'static str) -> Self {
        Self { screen, ..Self::default() }
    }

    /// A page with one fault.
    pub fn fault(screen: &'static str, fault: Fault) -> Self {
        Self { screen, faults: vec![fault], ..Self::default() }
    }

    /// With a value that was entered.
    pub fn value(mut self, field: &'static str, value: &str) -> Self {
        self.values.insert(field, value.chars().take(300).collect());
        self
    }
}

/// Something that is wrong with what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field; `None` for the whole form.
    pub field: Option<&'static str>,
    /// The key of its text.
    pub code: String,
    /// The text, where tenants' code gave one.
    pub text: Option<String>,
}

impl Fault {
    /// A fault of a field.
    pub fn at(field: &'static str, code: &str) -> Self {
        Self { field: Some(field), code: code.to_owned(), text: None }
    }

    /// A fault of the whole form.
    pub fn whole(code: &str) -> Self {
        Self { field: None, code: code.to_owned(), text: None }
    }

    /// With a text of somebody else.
    pub fn saying(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

/// What pages have others do.
#[derive(Debug)]
pub enum Effect {
    /// Verify a password.
    LogIn(LogIn),
    /// Make a user.
    SignUp(SignUp),
    /// Send whoever this is a message by which to set another password. Nobody learns whether there is such a user.
    SendReset(SendReset),
    /// Send a code to an address that signs up.
    SendCode {
        /// Name of the connection.
        connection: String,
        /// The address.
        email: String,
    },
    /// Verify such a code.
    CheckCode {
        /// Name of the connection.
        connection: String,
        /// The address.
        email: String,
        /// As it was entered: six digits.
        code: String,
    },
    /// Verify the code of a message by which a password is reset.
    CheckResetCode {
        /// To whom it was sent.
        reset: SendReset,
        /// As it was entered: six digits.
        code: String,
    },
    /// Set a password by a ticket that was redeemed.
    SetPassword {
        /// What the ticket stands for.
        ticket: String,
        /// The new password.
        password: Secret,
    },
}

/// Secrets are equal to nothing, so effects are compared by what they are.
impl PartialEq for Effect {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// A login by password.
#[derive(Debug)]
pub struct LogIn {
    /// Name of the connection.
    pub connection: String,
    /// What the identifier can be.
    pub kinds: Vec<Identifier>,
    /// As it was entered.
    pub identifier: String,
    /// The password.
    pub password: Secret,
    /// The puzzle that was solved, which nobody may solve again.
    pub puzzle: Option<String>,
}

/// A user who signs up.
#[derive(Debug)]
pub struct SignUp {
    /// Name of the connection.
    pub connection: String,
    /// The identifiers, by the names of their fields.
    pub identifiers: BTreeMap<&'static str, String>,
    /// The password.
    pub password: Secret,
    /// Whether the address was verified on the way.
    pub is_email_verified: bool,
    /// Fields of partials: `ulp-…`.
    pub fields: BTreeMap<String, String>,
    /// The puzzle that was solved, which nobody may solve again.
    pub puzzle: Option<String>,
}

/// A message by which a password is reset.
#[derive(Debug)]
pub struct SendReset {
    /// Name of the connection.
    pub connection: String,
    /// What the identifier can be.
    pub kinds: Vec<Identifier>,
    /// As it was entered.
    pub identifier: String,
    /// Whether the message holds a code instead of a link.
    pub by_code: bool,
    /// The puzzle that was solved, which nobody may solve again.
    pub puzzle: Option<String>,
}

/// What came of an effect.
#[derive(Debug)]
pub enum Done {
    /// It was done.
    Well,
    /// It was done, and this ticket came of it.
    Ticket(String),
    /// The user is who they say, and the transaction is stored as [`logged_in`] left it.
    Authenticated,
    /// It was refused: the user may try again.
    Fault(Fault),
    /// It was refused: the client is told.
    Refused(Refusal),
}

/// The first screen of a request.
pub fn first(world: &World, request: &LoginRequest) -> &'static str {
    let hint = request.screen_hint.as_deref().unwrap_or_default();
    let database = world.database.as_ref();
    match hint {
        "signup" if database.is_some_and(|database| database.allows_signup) => signup_screen(world),
        "reset-password" if database.is_some_and(|database| database.allows_reset) => "reset-password-request",
        _ => login_screen(world),
    }
}

/// The screen on which a login begins.
pub fn login_screen(world: &World) -> &'static str {
    if world.identifier_first { "login-id" } else { "login" }
}

/// The screen on which a sign-up begins.
pub fn signup_screen(world: &World) -> &'static str {
    if world.identifier_first { "signup-id" } else { "signup" }
}

/// The path of the page on which a login begins.
pub fn start_path(world: &World, screen: &str) -> String {
    let path = path(screen);
    match (&world.database, screen) {
        (Some(database), "reset-password-request") => format!("{path}/{}", screens::parts::encoded(&database.name)),
        _ => path.to_owned(),
    }
}

/// The path of a screen.
pub fn path(screen: &str) -> &'static str {
    Screen::named(screen).and_then(|screen| screen.path).unwrap_or("/u/login")
}

/// A page is visited.
pub fn visit(at: &mut At<'_>, path: &str) -> Step {
    if let Some(connection) = path.strip_prefix("/u/login/password-reset-start/") {
        let step = format!("/u/reset-password/request/{connection}");
        return if at.transaction.progress.stage == Stage::Entry { Step::Go(step) } else { current(at) };
    }
    match at.transaction.progress.stage {
        Stage::Entry => match screen_at(path) {
            Some(behaviour) if behaviour.is_entry() => behaviour.visit(at),
            _ => Step::Go(self::path(login_screen(at.world)).to_owned()),
        },
        Stage::Prompt if screen_at(path).is_some_and(|screen| screen.name() == at.transaction.progress.screen) => {
            match screens::named(&at.transaction.progress.screen) {
                Some(behaviour) => behaviour.visit(at),
                None => Step::Lost,
            }
        }
        _ => current(at),
    }
}

/// A form is sent.
pub fn post(at: &mut At<'_>, path: &str, form: &Form) -> Step {
    let behaviour = match at.transaction.progress.stage {
        Stage::Entry => screen_at(path).filter(|behaviour| behaviour.is_entry()),
        Stage::Prompt => {
            let here = screens::named(&at.transaction.progress.screen);
            here.filter(|behaviour| screen_at(path).is_some_and(|shown| shown.name() == behaviour.name()))
        }
        Stage::Resume | Stage::Finished => None,
    };
    let Some(behaviour) = behaviour else { return current(at) };
    if form.action() == "change-language" {
        let language = form.get("language").chars().take(16).collect();
        at.progress().language = Some(language);
        return behaviour.visit(at);
    }
    if at.transaction.progress.stage == Stage::Entry && !form.get("connection").is_empty() {
        return other_connection(at, behaviour.name(), form.get("connection"));
    }
    let partials = form.beginning("ulp-", 20, 255);
    at.progress().fields.extend(partials);
    behaviour.post(at, form)
}

/// An effect that a screen asked for has come to an end.
pub fn done(at: &mut At<'_>, path: &str, done: Done) -> Step {
    match done {
        Done::Authenticated => Step::Resume,
        Done::Refused(refusal) => {
            at.progress().refusal = Some(refusal);
            at.progress().stage = Stage::Resume;
            Step::Resume
        }
        done => match screen_at(path) {
            Some(behaviour) => behaviour.done(at, done),
            None => Step::Lost,
        },
    }
}

/// The user is known.
pub fn logged_in(progress: &mut Progress, screen: &str, authentication: Authentication) {
    progress.authentication = Some(authentication);
    progress.stage = Stage::Resume;
    progress.captcha = None;
    progress.completed.push(screen.to_owned());
}

/// Where a user belongs who is somewhere else.
fn current(at: &At<'_>) -> Step {
    match at.transaction.progress.stage {
        Stage::Entry => Step::Go(start_path(at.world, first(at.world, &at.transaction.request))),
        Stage::Prompt => Step::Go(path(&at.transaction.progress.screen).to_owned()),
        Stage::Resume | Stage::Finished => Step::Resume,
    }
}

/// Another connection was chosen by its button. None of them is served yet.
fn other_connection(at: &At<'_>, screen: &'static str, name: &str) -> Step {
    let is_ours = at.world.database.as_ref().is_some_and(|database| database.name == name);
    if is_ours {
        return Step::Go(path(login_screen(at.world)).to_owned());
    }
    Step::Show(Show::fault(screen, Fault::whole("invalid-connection")))
}

/// The screen whose page has this path.
pub(crate) fn screen_at(path: &str) -> Option<&'static dyn Behaviour> {
    let bare = if path.starts_with("/u/reset-password/request/") { "/u/reset-password/request" } else { path };
    let screen = SCREENS.iter().find(|screen| screen.path == Some(bare))?;
    screens::named(screen.name)
}

#[cfg(test)]
mod tests;
