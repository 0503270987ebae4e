//! Users, what they hold, and what is kept of them.
//!
//! A user is one record. Its document holds the profile as the API shows it, `identities` (the main one first) and
//! fields that are never shown ([`HIDDEN`]).

mod index;

use kernel::{Document, Record, Value, id::Form};
use serde::Deserialize;
use store::Kind;

pub use index::below;

/// Unique key of an identifier: connection, what it is, and its value.
pub const IDENTIFIER: &str = "identifier";
/// Unique key of an identity: provider and id within it, `auth0|abc`.
pub const IDENTITY: &str = "identity";
/// Field of the document with the keys of all identifiers, those of linked accounts too.
pub const IDENTIFIERS: &str = "identifiers";
/// Field of the document with what linked accounts were before: identity's name → document.
pub const LINKED: &str = "linked";
/// Field of the document with the time at which the browsers that need no second factor were forgotten.
pub const BROWSERS_FORGOTTEN: &str = "browsers_forgotten_at";
/// Fields of the document that are never shown.
pub const HIDDEN: &[&str] = &[IDENTIFIERS, LINKED, BROWSERS_FORGOTTEN];

/// A user.
pub static USER: Kind = Kind::new("user").id("user_id", Form::Ordered24).indexed_by(index::index);
/// A factor that a user has enrolled.
pub static AUTHENTICATION_METHOD: Kind = Kind::new("authentication_method")
    .id("id", Form::Alnum16("dev_"))
    .unique(&["equal"])
    .sealed(&["totp_secret", "recovery_code"])
    .under(&USER, "user_id");
/// An account of a user with another service, whose tokens are kept for clients.
pub static CONNECTED_ACCOUNT: Kind = Kind::new("connected_account").indexed(&["user_id", "connection"]);
/// Tokens of such an account.
pub static TOKEN_SET: Kind = Kind::new("token_set").indexed(&["user_id", "connection"]);
/// A ticket, under its digest, in databases of before: they are things of single use now.
pub static TICKET: Kind = Kind::new("ticket").id_given("").indexed(&["user_id"]);
/// An identifier that failed too often.
pub static USER_BLOCK: Kind =
    Kind::new("user_block").id_given("").indexed(&["identifier", "connection"]).folded(&["identifier"]);
/// An address that is blocked; its id is the address.
pub static IP_BLOCK: Kind = Kind::new("ip_block").id_given("");
/// An access token that is refused before its time is over; its id is the `jti`, after the audience and a blank where
/// one was named.
pub static BLACKLISTED_TOKEN: Kind = Kind::new("blacklisted_token").id_given("").indexed(&["aud"]);
/// A job of the Management API.
pub static JOB: Kind = Kind::new("job").id("id", Form::Alnum16("job_")).indexed(&["type", "status"]);
/// The file that an export made; its id is the job's.
pub static USER_EXPORT: Kind = Kind::new("user_export").id_given("");

pub(crate) static KINDS: &[&Kind] = &[
    &USER,
    &AUTHENTICATION_METHOD,
    &CONNECTED_ACCOUNT,
    &TOKEN_SET,
    &TICKET,
    &USER_BLOCK,
    &IP_BLOCK,
    &BLACKLISTED_TOKEN,
    &JOB,
    &USER_EXPORT,
];

/// What may be shown of a user's document.
pub fn shown(document: &Document) -> Document {
    let mut shown = document.clone();
    shown.retain(|field, _| !HIDDEN.contains(&field.as_str()));
    shown
}

/// One of the accounts of a user.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Identity {
    /// Name of the connection.
    pub connection: String,
    /// `auth0`, `google-oauth2` …
    pub provider: String,
    /// The identifier within the provider.
    pub user_id: Value,
}

impl Identity {
    /// Provider and id: what the account's own user is or was called.
    pub fn name(&self) -> String {
        format!("{}|{}", self.provider, self.local_id())
    }

    /// The identifier within the provider, as a text.
    pub fn local_id(&self) -> String {
        self.user_id.as_str().map_or_else(|| self.user_id.to_string(), str::to_owned)
    }
}

/// The accounts of a user, the main one first.
pub fn identities(user: &Record) -> Vec<Identity> {
    let identities = user.document.get("identities").and_then(Value::as_array);
    identities.into_iter().flatten().filter_map(|identity| Identity::deserialize(identity).ok()).collect()
}

/// The keys of the identifiers of a user.
pub fn identifiers(user: &Record) -> impl Iterator<Item = &str> {
    user.document.get(IDENTIFIERS).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
