//! Why operations are refused: what [`crate::Error`] says in detail.

use kernel::Timestamp;

use crate::users::Identifier;

/// Characters of user names beside letters and digits.
pub const OF_USERNAMES: &str = "_+-.!#$^`~@'";

/// What is wrong with the attributes of a user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// The connection's users have no user names.
    #[error("users of the connection have no user names")]
    NoUsernames,
    /// An identifier that the connection demands is missing.
    #[error("{connection} demands {}", .identifier.field())]
    Missing {
        /// Which.
        identifier: Identifier,
        /// Name of the connection.
        connection: String,
    },
    /// The user has no identifier at all.
    #[error("the user has no identifier of the connection")]
    NoIdentifier,
    /// The user name is too short or too long.
    #[error("a user name has {min} to {max} characters")]
    UsernameLength {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
    },
    /// The user name has a character that user names cannot have.
    #[error("a user name consists of letters, digits and {OF_USERNAMES}")]
    UsernameCharacters,
}

/// Why a change of a user is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The user has no account in the connection, or the connection cannot have what is changed.
    #[error("the connection does not have what is to be changed")]
    Unsupported,
    /// The address belongs to the identity provider.
    #[error("the address belongs to the identity provider")]
    ForeignEmail,
    /// Addresses of enterprise users are not verified here.
    #[error("addresses of enterprise users are not verified here")]
    EnterpriseVerification,
    /// No client uses the connection.
    #[error("no client uses the connection")]
    Disabled,
    /// The identity provider would overwrite these at the next login.
    #[error("{connection} overwrites {attributes}")]
    NotEditable {
        /// The attributes, between commas.
        attributes: String,
        /// Name of the connection.
        connection: String,
    },
    /// The connection demands these.
    #[error("{connection} demands {attributes}")]
    NotRemovable {
        /// The attributes, between commas.
        attributes: String,
        /// Name of the connection.
        connection: String,
    },
    /// Somebody else has the new identifier.
    #[error("the {0} is taken")]
    Taken(String),
}

/// Why a flow must not go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denial {
    /// The error code that the code gave: `invalid_scope`, or a validation's.
    pub code: Option<String>,
    /// Why, for the caller or the log.
    pub reason: String,
    /// Why, for the user.
    pub user_message: Option<String>,
    /// Whether the code failed instead of refusing.
    pub is_failure: bool,
}

/// Why a script of a custom database did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ScriptError {
    /// Why.
    pub reason: ScriptReason,
    /// What it wrote to its console, for the tenant log.
    pub console: Vec<String>,
}

/// Why a script failed or refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptReason {
    /// Identifier and password do not belong together, says the script.
    #[error("{message}")]
    WrongCredentials {
        /// The user whose password is wrong, within the connection; none where there is no such user.
        user_id: Option<String>,
        /// For the log.
        message: String,
    },
    /// The request is refused, for a reason that the user may read.
    #[error("{message}")]
    Validation {
        /// The script's own code.
        code: String,
        /// The reason.
        message: String,
    },
    /// The user may not get in, for a reason that the user may read.
    #[error("{0}")]
    Unauthorized(String),
    /// The connection has no such script.
    #[error("Please implement the {0} script for this database connection")]
    Missing(&'static str),
    /// It failed, or answered what cannot be used; the text is for the tenant.
    #[error("{0}")]
    Failed(String),
}

impl ScriptError {
    /// An answer that cannot be used.
    pub fn failed(text: impl Into<String>) -> Self {
        Self { reason: ScriptReason::Failed(text.into()), console: Vec::new() }
    }

    /// What the user may read of it.
    pub fn told(&self) -> Option<&str> {
        match &self.reason {
            ScriptReason::Validation { message, .. } | ScriptReason::Unauthorized(message) => Some(message),
            ScriptReason::WrongCredentials { .. } | ScriptReason::Missing(_) | ScriptReason::Failed(_) => None,
        }
    }
}

/// Why a login or a sign-up is refused before anything else is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// The account is blocked after too many failed logins.
    BruteForce {
        /// Whether the tenant has users told how the block ends.
        is_notified: bool,
    },
    /// The address has failed too often.
    SuspiciousIp {
        /// When it may try again.
        retry: Timestamp,
    },
    /// The user has logged in too often.
    SameUser {
        /// When it may try again.
        retry: Timestamp,
    },
}

/// Why links cannot name a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// What was asked for is no domain.
    #[error("the domain for links is malformed")]
    Malformed,
    /// The tenant has no such verified custom domain.
    #[error("the domain for links is unknown")]
    Unknown,
    /// There are several custom domains, none is the default, and none was asked for.
    #[error("it is not said which custom domain links name")]
    Ambiguous,
}

/// Why a ticket cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// There is no such ticket, or it was used.
    #[error("there is no such ticket any more")]
    Unknown,
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
}
