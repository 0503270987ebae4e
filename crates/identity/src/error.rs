//! What can go wrong with users, credentials and keys. Each protocol words it once.

use kernel::UnfitRecord;
use store::StoreError;

use crate::{
    PasswordError,
    pool::Refused,
    refusals::{AttributeError, ChangeError, Denial, Limited, LinkError, ScriptError, TicketError},
};

/// What an operation gives.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// Why an operation was refused or failed. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More passwords or signatures wait than the server takes on.
    #[error("too much work is waiting")]
    Busy,
    /// A password breaks a rule of its connection.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// No signing key has this `kid`.
    #[error("there is no such signing key")]
    UnknownSigningKey,
    /// The current signing key cannot be revoked before there is a next one.
    #[error("there is no next signing key")]
    NoNextSigningKey,
    /// There is no such user.
    #[error("there is no such user")]
    UserMissing,
    /// Somebody has the identifier already.
    #[error("the user exists already")]
    UserExists,
    /// There is no such connection.
    #[error("there is no such connection")]
    ConnectionMissing,
    /// Users of the connection come to be elsewhere.
    #[error("users of the connection come to be elsewhere")]
    NoRegistration,
    /// The client does not use the connection.
    #[error("the connection is not used")]
    ConnectionDisabled,
    /// No client at all uses the connection in which a user was to be created.
    #[error("no client uses the connection {connection}")]
    ConnectionUnused {
        /// The client that asked.
        client: String,
        /// Name of the connection.
        connection: String,
    },
    /// Users of the connection are created with a password.
    #[error("the user needs a password")]
    PasswordMissing,
    /// Nobody may sign up at the connection.
    #[error("nobody may sign up at the connection")]
    SignupDisabled,
    /// The attributes do not fit the connection.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// The change is refused.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The tenant's code has refused.
    #[error("the tenant's code has refused: {}", .0.reason)]
    Denied(Denial),
    /// A script of a custom database has refused or failed.
    #[error(transparent)]
    Script(Box<ScriptError>),
    /// Links cannot name a domain.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A ticket cannot be used.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// Attack protection lets nobody in from there for a while.
    #[error("there were too many attempts")]
    Limited(Limited),
    /// The password is known to have leaked.
    #[error("the password is known to have leaked")]
    PasswordLeaked,
    /// Records of the kind with this name hold what was to be deleted.
    #[error("it is used by a {0}")]
    Held(&'static str),
    /// A defect; the text is for the log.
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// A defect.
    pub fn failed(cause: impl std::fmt::Display) -> Self {
        Self::Failed(cause.to_string())
    }
}

impl From<ScriptError> for Error {
    fn from(error: ScriptError) -> Self {
        Self::Script(Box::new(error))
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full | Refused::Late => Self::Busy,
            Refused::Lost => Self::failed("a job of a worker pool panicked"),
        }
    }
}

impl From<UnfitRecord> for Error {
    fn from(error: UnfitRecord) -> Self {
        Self::failed(error)
    }
}
