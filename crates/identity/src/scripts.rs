//! The scripts of custom databases: which there are, and what one is run with.

use std::time::Duration;

use kernel::{Secret, Value};

use crate::Passwords;

/// Wall time of a script.
pub const TIME: Duration = Duration::from_secs(20);

/// A script of a custom database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Verifies a password: `(identifier, password)`.
    Login,
    /// Finds a user: `(identifier)`.
    GetUser,
    /// Creates one: `(user)`.
    Create,
    /// Notes that an address is verified: `(email)`.
    Verify,
    /// Changes a password: `(email, new)`.
    ChangePassword,
    /// Deletes a user: `(id)`.
    Delete,
    /// Changes an address: `(email, new, is verified)`.
    ChangeEmail,
    /// Changes a user name: `(old, new)`.
    ChangeUsername,
    /// Changes a telephone number: `(old, new, is verified)`.
    ChangePhoneNumber,
}

impl Script {
    /// All of them, with their names in `options.customScripts` and in words.
    const ALL: [(Self, &'static str, &'static str); 9] = [
        (Self::Login, "login", "Login"),
        (Self::GetUser, "get_user", "Get User"),
        (Self::Create, "create", "Create"),
        (Self::Verify, "verify", "Verify"),
        (Self::ChangePassword, "change_password", "Change Password"),
        (Self::Delete, "delete", "Delete"),
        (Self::ChangeEmail, "change_email", "Change Email"),
        (Self::ChangeUsername, "change_username", "Change Username"),
        (Self::ChangePhoneNumber, "change_phone_number", "Change Phone Number"),
    ];

    fn facts(self) -> &'static (Self, &'static str, &'static str) {
        let found = Self::ALL.iter().find(|(script, ..)| *script == self);
        found.expect("the list holds all scripts")
    }

    /// Its name in `options.customScripts`.
    pub fn name(self) -> &'static str {
        self.facts().1
    }

    /// What errors call it.
    pub fn title(self) -> &'static str {
        self.facts().2
    }

    /// The script with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map(|(script, ..)| *script)
    }

    /// The names of all.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(_, name, _)| *name)
    }
}

/// A script to be run.
#[derive(Debug)]
pub struct ScriptCall {
    /// Identifier of the connection.
    pub connection: String,
    /// Which.
    pub script: Script,
    /// Its arguments before the callback.
    pub arguments: Vec<Value>,
    /// What no log may show of them.
    pub secret: Option<Secret>,
    /// Computes what scripts ask of `bcrypt`.
    pub passwords: Passwords,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_found_by_its_name() {
        for name in Script::names() {
            assert_eq!(Script::named(name).map(Script::name), Some(name));
        }
        assert_eq!(Script::named("logout"), None);
    }
}
