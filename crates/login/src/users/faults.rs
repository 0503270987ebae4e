//! The refusals of `identity` in the words of the pages.

use std::collections::BTreeMap;

use identity::{
    Error, PasswordError,
    databases::ScriptError,
    login::Refusal,
    protection::Limited,
    users::{self, AttributeError, registration},
};
use store::{Snapshot, StoreError};

use super::{Users, realm};
use crate::{
    accounts::{Call, Refused},
    step::Fault,
    world::Identifier,
};

/// What is wrong with a new password, at its field.
pub(super) fn password(error: PasswordError, field: &'static str) -> Fault {
    let code = match error {
        PasswordError::Weak | PasswordError::TooLong | PasswordError::Nul | PasswordError::Unreadable => {
            "password-too-weak"
        }
        PasswordError::Reused => "password-previously-used",
        PasswordError::Common => "password-too-common",
        PasswordError::Personal => "password-contains-user-information",
    };
    Fault::at(field, code)
}

/// What is told when a puzzle was solved before.
pub(super) fn puzzle() -> Refused {
    Refused::Fault(Fault::at("captcha", "invalid-captcha"))
}

/// What is told of a login that was refused.
pub(super) fn refusal(refusal: Refusal) -> Refused {
    match refusal {
        Refusal::WrongCredentials => Refused::Fault(Fault::at("password", "wrong-credentials")),
        Refusal::Blocked => blocked(),
        Refusal::Script(error) => script(&error),
        Refusal::PasswordLeaked => Refused::Fault(Fault::whole("password-breached")),
        Refusal::Limited(limited) => self::limited(limited),
    }
}

/// What is told of a user whom an administrator has blocked.
pub(super) fn blocked() -> Refused {
    let (error, description) = ("unauthorized".to_owned(), "user is blocked".to_owned());
    Refused::Client(model::login::Refusal { error, description })
}

/// What is told of a login that attack protection refuses.
pub(super) fn limited(limited: Limited) -> Refused {
    Refused::Fault(Fault::whole(match limited {
        Limited::BruteForce { .. } => "user-blocked",
        Limited::SuspiciousIp { .. } => "ip-blocked",
        Limited::SameUser { .. } => "same-user-login",
    }))
}

/// What is told of somebody new who was to become a user by a code.
pub(super) fn newcomer(error: Error) -> Refused {
    match error {
        Error::Limited(_) => Refused::Fault(Fault::whole("ip-signup-blocked")),
        // Another request was first.
        Error::UserExists => Refused::Fault(Fault::at("code", "invalid-code")),
        error => other(error),
    }
}

/// What is told of an error that no field is to blame for.
pub(super) fn other(error: Error) -> Refused {
    match error {
        Error::Busy => Refused::Fault(Fault::whole("server-busy")),
        Error::Store(StoreError::Taken { .. }) => Refused::Twice,
        Error::ConnectionMissing | Error::ConnectionDisabled | Error::NoRegistration | Error::SignupDisabled => {
            Refused::Fault(Fault::whole("invalid-connection"))
        }
        Error::Denied(denial) => {
            let fault = Fault::whole("custom-script-error-code");
            Refused::Fault(match denial.user_message {
                Some(text) => fault.saying(text),
                None => fault,
            })
        }
        Error::Script(error) => script(&error),
        error => Refused::Failed(error.to_string()),
    }
}

/// What is told of a script of a custom database that refused or failed: its own words, where they are for the user.
fn script(error: &ScriptError) -> Refused {
    let fault = Fault::whole("custom-script-error-code");
    Refused::Fault(match error.told() {
        Some(text) => fault.saying(text),
        None => fault,
    })
}

impl Users {
    /// What is told of a sign-up that was refused.
    pub(super) async fn signup_fault(
        &self,
        call: &Call,
        connection: &str,
        identifiers: &BTreeMap<&'static str, String>,
        error: Error,
    ) -> Refused {
        let at = |field, code| Refused::Fault(Fault::at(field, code));
        match error {
            Error::Password(error) => Refused::Fault(password(error, "password")),
            Error::UserExists => match self.taken(call, connection, identifiers).await {
                Ok(Some(identifier)) => taken(identifier),
                // The tenant does not want strangers to learn who has an account.
                Ok(None) => Refused::Fault(Fault::whole("auth0-users-validation")),
                Err(error) => other(error),
            },
            Error::Attribute(error) => match error {
                AttributeError::NoUsernames | AttributeError::UsernameCharacters => {
                    at("username", "invalid-username-invalid-characters")
                }
                AttributeError::UsernameLength { .. } => at("username", "invalid-username"),
                AttributeError::Missing { identifier, .. } => match identifier {
                    users::Identifier::Email => at("email", "no-email"),
                    users::Identifier::Username => at("username", "no-username"),
                    users::Identifier::Phone => at("phone_number", "no-phone_number"),
                },
                AttributeError::NoIdentifier => at("email", "no-identifier"),
            },
            Error::PasswordLeaked => at("password", "password-breached"),
            Error::Limited(_) => Refused::Fault(Fault::whole("ip-signup-blocked")),
            error => other(error),
        }
    }

    /// Which identifier somebody has already, where the tenant lets strangers know.
    async fn taken(
        &self,
        call: &Call,
        connection: &str,
        identifiers: &BTreeMap<&'static str, String>,
    ) -> Result<Option<Identifier>, Error> {
        let connection = connection.to_owned();
        let given: Vec<(Identifier, String)> = identifiers
            .iter()
            .filter_map(|(field, value)| Some((Identifier::of_field(field)?, value.clone())))
            .collect();
        let find = move |reader: &Snapshot| {
            if !registration::tells_who_exists(reader)? {
                return Ok(None);
            }
            let realm = realm(reader, &connection)?;
            for (identifier, value) in &given {
                if users::find(reader, &realm, (*identifier).into(), value)?.is_some() {
                    return Ok(Some(*identifier));
                }
            }
            Ok::<_, Error>(Some(Identifier::Email))
        };
        self.store.read(&call.tenant, find).await
    }
}

fn taken(identifier: Identifier) -> Refused {
    Refused::Fault(match identifier {
        Identifier::Email => Fault::at("email", "email-in-use"),
        Identifier::Username => Fault::at("username", "username-taken"),
        Identifier::PhoneNumber => Fault::at("phone_number", "phone-in-use"),
    })
}
