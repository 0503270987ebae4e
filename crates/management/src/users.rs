//! Users: profiles, identities, search, and what belongs to them.

mod access;
mod changes;
pub(crate) mod factors;
mod identities;
mod language;
mod rights;

use identity::users;
use kernel::{Document, Record, Value};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, Resource, Times, Unique};
use store::{Filter, Order, Query, Snapshot};

use crate::{Services, logs};

pub(crate) use factors::enroll;

/// What is served of `users`.
pub(crate) fn area(services: &Services) -> Area {
    let area = Area::new("users").collection("/users", Users).read("GET /users/{id}/logs", logs::of_user);
    let area = changes::claim(area, services);
    access::claim(factors::claim(rights::claim(identities::claim(area, services))))
}

/// How the areas beside `/users` say that a user is not there; `/users` has words of its own.
pub(crate) fn user_not_found() -> ApiError {
    ApiError::not_found("User not found.").code("inexistent_user")
}

/// Users.
pub(crate) static USER: Kind = Kind::of(&model::USER)
    .unique(&[taken(users::IDENTIFIER), taken(users::IDENTITY), taken("id")])
    .missing("The user does not exist.", Some("inexistent_user"))
    .forgiving()
    .merged(&["user_metadata", "app_metadata"])
    .hidden(model::user::HIDDEN)
    .times(Times::Millis)
    .self_contained();

const fn taken(field: &'static str) -> Unique {
    Unique { field, message: "The user already exists.", code: Some("auth0_idp_error") }
}

struct Users;

impl Resource for Users {
    fn kind(&self) -> &'static Kind {
        &USER
    }

    fn present(&self, _: &Snapshot, call: &Call, user: &Record, shown: &mut Document) -> ApiResult {
        let own = call.allows("read:current_user") && call.caller.subject == user.id;
        if call.operation.method == "GET" && !own && !call.allows("read:users") {
            let error = ApiError::forbidden("Insufficient scope, expected any of: read:users");
            return Err(error.code("insufficient_scope"));
        }
        if call.allows("read:user_idp_tokens") {
            let names: Vec<String> = users::identities(user).iter().map(users::Identity::name).collect();
            let entries = shown.get_mut("identities").and_then(Value::as_array_mut).into_iter().flatten();
            for (entry, name) in entries.filter_map(Value::as_object_mut).zip(names) {
                entry.extend(users::provider_tokens(user, &name));
            }
        }
        Ok(())
    }

    fn filter(&self, _: &Snapshot, call: &Call) -> ApiResult<Filter> {
        language::filter(call)
    }
}

/// `GET /users-by-email`: exactly this address of the profile.
pub(crate) fn by_email(reader: &Snapshot, call: &Call, resource: &dyn Resource) -> ApiResult<Answer> {
    let email = call.text("email").unwrap_or_default();
    let filter = Filter::equals("email", email.to_lowercase());
    let found = reader.list(&USER, &Query::of(filter).order(Order::Created))?;
    let mut users = Vec::new();
    for user in found.items.iter().filter(|user| user.text("email") == Some(email)) {
        let mut shown = rest::presented(reader, call, resource, user)?;
        rest::select_fields(call, &mut shown);
        users.push(shown);
    }
    Ok(Answer::list(users))
}

/// The resource, for other paths that show users.
pub(crate) fn resource() -> impl Resource {
    Users
}

/// The user in the path.
pub(crate) fn user(reader: &Snapshot, call: &Call) -> ApiResult<Record> {
    let parameter = if call.text("id").is_some() { "id" } else { "user_id" };
    rest::load(reader, &USER, call.path(parameter))
}
