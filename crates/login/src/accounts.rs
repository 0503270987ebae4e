//! What pages need done to users, by whoever keeps them.

use identity::{
    passwordless::Link,
    reset::challenge::{Back, Judgement},
};
use kernel::{Document, Secret, TenantId, Timestamp};
use store::{Snapshot, StoreError, StoreResult, Tx};

use crate::{
    machine,
    step::{Coded, Fault, LogIn, SendLogin, SendReset, SignUp},
};
pub(crate) use model::login::TRANSACTION;
use model::login::{Authentication, BoxFuture, Browser, OrganizationChoice, Refusal, Transaction};

/// The kind under which solved puzzles are noted.
const PUZZLE: &str = "login_puzzle";

/// Notes that a puzzle was used, for as long as its login may last; `false` when it was before.
pub(crate) fn use_up(tx: &mut Tx, puzzle: &str, expires: Timestamp) -> StoreResult<bool> {
    match tx.put_single_use(PUZZLE, puzzle, Document::new(), None, expires) {
        Ok(()) => Ok(true),
        Err(StoreError::Taken { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// For whom and from where something is asked.
#[derive(Clone, Debug)]
pub struct Call {
    /// The tenant.
    pub tenant: TenantId,
    /// The client that the user signs in to.
    pub client_id: String,
    /// The browser.
    pub browser: Browser,
    /// The language of the pages.
    pub language: String,
    /// The login.
    pub transaction: Option<Transaction>,
    /// Identifier and name of the organization that the user signs in to.
    pub organization: Option<[String; 2]>,
}

/// Why something was refused.
#[derive(Debug)]
pub enum Refused {
    /// The user is told, and may try again.
    Fault(Fault),
    /// The client is told.
    Client(Refusal),
    /// The transaction has gone on meanwhile: the form was sent twice.
    Twice,
    /// The store or something else failed; the text is for the log.
    Failed(String),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What belongs into the transaction of the store in which a user becomes known.
#[derive(Clone, Debug)]
pub struct Keep {
    pub(crate) transaction: Transaction,
    pub(crate) screen: &'static str,
    pub(crate) puzzle: Option<String>,
}

impl Keep {
    /// Notes that the puzzle was solved; `false` when it was before. Then nothing may be told of what else was found out.
    pub fn solves(&self, tx: &mut Tx) -> StoreResult<bool> {
        let Some(puzzle) = &self.puzzle else { return Ok(true) };
        use_up(tx, puzzle, self.transaction.expires)
    }

    /// Whether the login is stored already: the form was sent twice.
    pub fn is_done(&self, reader: &Snapshot) -> StoreResult<bool> {
        Ok(reader.peek_single_use(TRANSACTION, &self.transaction.id)?.is_some())
    }

    /// Stores the login with its user. `Taken` when that was done before: the form was sent twice.
    pub fn login(&self, tx: &mut Tx, authentication: Authentication) -> StoreResult {
        let mut transaction = self.transaction.clone();
        let user = authentication.user_id.clone();
        machine::logged_in(&mut transaction.progress, self.screen, authentication);
        store(tx, &transaction, Some(&user))
    }
}

/// Stores a transaction that was not stored before.
pub(crate) fn store(tx: &mut Tx, transaction: &Transaction, user: Option<&str>) -> StoreResult {
    let document = document(transaction)?;
    tx.put_single_use(TRANSACTION, &transaction.id, document, user, transaction.expires)
}

/// Replaces a stored transaction; `false` when there is none.
pub(crate) fn update(tx: &mut Tx, transaction: &Transaction) -> StoreResult<bool> {
    let document = document(transaction)?;
    tx.update_single_use(TRANSACTION, &transaction.id, document)
}

fn document(transaction: &Transaction) -> StoreResult<kernel::Document> {
    match serde_json::to_value(transaction)? {
        kernel::Value::Object(document) => Ok(document),
        _ => Err(StoreError::Corrupt("a transaction is an object".to_owned())),
    }
}

/// What a link by which a password is reset stands for.
#[derive(Clone, Debug, Default)]
pub struct ResetTicket {
    /// Name of the user's connection.
    pub connection: String,
    /// The client from whose pages it was asked for.
    pub client_id: String,
    /// The user's address.
    pub email: Option<String>,
}

/// What came of a link by which an address is verified.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Whether it was verified before.
    pub is_already: bool,
    /// The client that the user was signing in to.
    pub client_id: String,
    /// Where the browser is to be sent.
    pub result_url: Option<String>,
    /// The address, where the result's address is to name it.
    pub email: Option<String>,
}

/// What is wrong with a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketError {
    /// There is no such ticket, or it was used.
    Used,
    /// It has expired.
    Expired,
    /// Something else failed.
    Failed,
}

impl TicketError {
    /// The code of the fault.
    pub fn code(self) -> &'static str {
        match self {
            Self::Used => "auth0-users-used-ticket",
            Self::Expired => "auth0-users-expired-ticket",
            Self::Failed => "reset-password-error",
        }
    }
}

/// What pages need done to users.
pub trait Accounts: Send + Sync {
    /// Verifies a password, and stores the login within the transaction that counts it.
    fn log_in<'a>(&'a self, call: &'a Call, log_in: LogIn, keep: Keep) -> BoxFuture<'a, Result<(), Refused>>;

    /// Makes a user, and stores the login within the same transaction.
    fn sign_up<'a>(&'a self, call: &'a Call, sign_up: SignUp, keep: Keep) -> BoxFuture<'a, Result<(), Refused>>;

    /// Sends whoever has this identifier a message by which to set another password. The result and its time do not
    /// tell whether there is anybody.
    fn send_reset<'a>(&'a self, call: &'a Call, reset: SendReset, keep: Keep) -> BoxFuture<'a, Result<(), Refused>>;

    /// Sends a code to an address or a number that signs up.
    fn send_code<'a>(&'a self, call: &'a Call, to: &'a Coded) -> BoxFuture<'a, Result<(), Refused>>;

    /// Verifies such a code, and uses it up.
    fn check_code<'a>(&'a self, call: &'a Call, to: &'a Coded, code: &'a str) -> BoxFuture<'a, Result<(), Refused>>;

    /// Sends a code or a link that logs in. The result does not tell whether there is such a user.
    fn send_login<'a>(&'a self, call: &'a Call, send: SendLogin, keep: Keep) -> BoxFuture<'a, Result<(), Refused>>;

    /// Verifies such a code, makes somebody new a user where that is allowed, and stores the login within the same transaction.
    fn log_in_by_code<'a>(
        &'a self,
        call: &'a Call,
        to: Coded,
        code: Secret,
        keep: Keep,
    ) -> BoxFuture<'a, Result<(), Refused>>;

    /// Where a link that logs in leads. It is not used up.
    fn login_link<'a>(&'a self, call: &'a Call, ticket: &'a str) -> BoxFuture<'a, Result<Option<Link>, Refused>>;

    /// Verifies the code of a message by which a password is reset, and gives a ticket for it.
    fn check_reset_code<'a>(
        &'a self,
        call: &'a Call,
        reset: SendReset,
        code: &'a str,
    ) -> BoxFuture<'a, Result<String, Refused>>;

    /// The organizations that somebody means: by name, or by the domain of an e-mail address.
    fn find_organizations<'a>(
        &'a self,
        call: &'a Call,
        entered: &'a str,
        by_email: bool,
    ) -> BoxFuture<'a, Result<Vec<OrganizationChoice>, Refused>>;

    /// Uses a ticket up that ends the blocks of its user.
    fn unblock<'a>(&'a self, call: &'a Call, ticket: &'a str) -> BoxFuture<'a, Result<(), TicketError>>;

    /// What a ticket for a reset stands for. It is not used up.
    fn reset_ticket<'a>(&'a self, call: &'a Call, ticket: &'a str) -> BoxFuture<'a, Result<ResetTicket, TicketError>>;

    /// Asks the tenant's code about the reset of a ticket, or has it go on when the user comes back to it.
    fn judge_reset<'a>(
        &'a self,
        call: &'a Call,
        ticket: &'a str,
        back: Option<Back>,
    ) -> BoxFuture<'a, Result<Judgement, TicketError>>;

    /// Uses a ticket for a reset up, and sets the password.
    fn set_password<'a>(
        &'a self,
        call: &'a Call,
        ticket: &'a str,
        password: Secret,
    ) -> BoxFuture<'a, Result<(), Refused>>;

    /// Uses a ticket for a verification up, and verifies the address.
    fn verify_email<'a>(&'a self, call: &'a Call, ticket: &'a str) -> BoxFuture<'a, Result<Verified, TicketError>>;
}
