//! Users by their e-mail address.

use rest::Area;

use crate::{Services, users};

/// What is served of `users-by-email`.
pub(crate) fn area(services: &Services) -> Area {
    let resource = users::resource(services);
    Area::new("users-by-email")
        .read("GET /users-by-email", move |reader, call| users::by_email(reader, call, &resource))
}
