//! The view of users.

use kernel::Record;
use serde::Deserialize;

use super::{View, or_default};
use crate::user::Identity;

/// A user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct User {
    /// The identifier.
    #[serde(rename = "user_id")]
    pub id: String,
    /// The whole name.
    pub name: Option<String>,
    /// A name among friends.
    pub nickname: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// Whether the address is theirs.
    #[serde(deserialize_with = "or_default")]
    pub email_verified: bool,
    /// The phone number.
    pub phone_number: Option<String>,
    /// Whether the number is theirs.
    #[serde(deserialize_with = "or_default")]
    pub phone_verified: bool,
    /// The name by which the user signs in.
    pub username: Option<String>,
    /// Whether the user may not sign in.
    #[serde(deserialize_with = "or_default")]
    pub blocked: bool,
    /// The accounts, the main one first.
    pub identities: Vec<Identity>,
}

impl User {
    /// How the user is called, by the first of name, nickname and address that there is.
    pub fn called(&self) -> Option<&str> {
        let names = [&self.name, &self.nickname, &self.email];
        names.into_iter().find_map(|name| name.as_deref().filter(|name| !name.is_empty()))
    }
}

impl View for User {
    fn complete(mut self, record: &Record) -> Self {
        self.id.clone_from(&record.id);
        self
    }
}
