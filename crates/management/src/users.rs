//! Users: profiles, identities, search, and what belongs to them.

use kernel::{Document, Record, id::Form};
use rest::{Area, Kind};

use crate::Services;

/// What is served of `users`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("users")
}

/// Users. Identifiers are made by [`crate`]'s rules of providers: `auth0|` and 24 hexadecimal digits for databases.
pub(crate) static USER: Kind = Kind::new("user")
    .id("user_id", Form::Hex24)
    .missing("The user does not exist.", Some("inexistent_user"))
    .sealed(&["password_hash"]);

/// What lists of role holders and members show of a user.
pub(crate) fn summary(user: &Record) -> Document {
    let fields = ["user_id", "email", "picture", "name"];
    fields.iter().filter_map(|field| Some(((*field).to_owned(), user.document.get(*field)?.clone()))).collect()
}
