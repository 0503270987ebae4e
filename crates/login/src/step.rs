//! The words in which the machine and its screens speak: where a login stands, what comes next, what others are to do and what came
//! of it.

use std::collections::BTreeMap;

use identity::reset::challenge::Judgement;
use kernel::Secret;
use model::login::{OrganizationChoice, Progress, Refusal, Transaction};

use crate::{
    captcha,
    form::Form,
    world::{Identifier, World},
};

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
        let given = form.code("captcha");
        captcha::is_solved(&puzzle, &given).then_some(puzzle.id)
    }
}

/// What comes next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// A page.
    Show(Show),
    /// Another page of ours: `302`.
    Go(String),
    /// An address that is none of ours: `302`.
    Leave(String),
    /// The protocol's turn: `302` to `/authorize/resume`.
    Resume,
    /// Something must be done first; [`machine::done`](crate::machine::done) tells what comes of it.
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
    /// Send a code to an address or a number that signs up.
    SendCode(Coded),
    /// Verify such a code.
    CheckCode {
        /// Where it was sent.
        to: Coded,
        /// As it was entered: six digits.
        code: String,
    },
    /// Send a code or a link that logs in. Nobody learns whether there is such a user.
    SendLogin(SendLogin),
    /// Log in by such a code.
    LogInByCode {
        /// Where it was sent.
        to: Coded,
        /// As it was entered.
        code: Secret,
    },
    /// Verify the code of a message by which a password is reset.
    CheckResetCode {
        /// To whom it was sent.
        reset: SendReset,
        /// As it was entered: six digits.
        code: String,
    },
    /// Ask the tenant's code about a reset whose code or link was right.
    JudgeReset {
        /// What sets the password.
        ticket: String,
    },
    /// Find the organizations that somebody names.
    FindOrganizations {
        /// As it was entered: a name, or an e-mail address.
        entered: String,
        /// Whether it is an address.
        by_email: bool,
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
    /// The password; none where users are sent codes instead.
    pub password: Option<Secret>,
    /// The identifiers that were verified on the way.
    pub verified: Vec<Identifier>,
    /// The puzzle that was solved, which nobody may solve again.
    pub puzzle: Option<String>,
}

/// Where a code goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coded {
    /// Name of the connection.
    pub connection: String,
    /// Whether it is an address or a number.
    pub kind: Identifier,
    /// The address or the number.
    pub identifier: String,
}

/// A message with a code or a link that logs in.
#[derive(Debug)]
pub struct SendLogin {
    /// Where it goes.
    pub to: Coded,
    /// Whether it holds a link instead of a code.
    pub is_link: bool,
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
    /// The tenant's code has judged the reset of a ticket.
    Judged {
        /// What sets the password.
        ticket: String,
        /// What the code says.
        judgement: Judgement,
    },
    /// These organizations were found.
    Organizations(Vec<OrganizationChoice>),
    /// The user is who they say, and the transaction is stored as [`machine::logged_in`](crate::machine::logged_in) left it.
    Authenticated,
    /// It was refused: the user may try again.
    Fault(Fault),
    /// It was refused: the client is told.
    Refused(Refusal),
}
