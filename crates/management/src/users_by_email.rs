//! Users by their e-mail address.

use rest::Area;

use crate::{Services, users};

/// What is served of `users-by-email`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("users-by-email")
        .read("GET /users-by-email", |reader, call| users::by_email(reader, call, &users::resource()))
}
