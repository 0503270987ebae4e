//! What user searches can ask for (reference: user search §1, §2).

use model::ORGANIZATION_MEMBERS;
use rest::{ApiError, ApiResult, Call};
use store::Filter;

use crate::search::{Language, Values, has_value};

const LANGUAGE: Language = Language {
    parameter: "q",
    bare: &["email", "name", "nickname", "given_name", "family_name", "username", "user_id", "phone_number"],
    values: |field| match field {
        "email" | "email.domain" | "name" | "given_name" | "family_name" | "nickname" => Values::Folded,
        "user_id" | "username" | "phone_number" | "last_ip" => Values::Text,
        "created_at" | "updated_at" | "last_login" => Values::Date,
        "logins_count" => Values::Number,
        "email_verified" | "phone_verified" | "blocked" | "identities.isSocial" => Values::Bool,
        "organization_id" => Values::Related(&ORGANIZATION_MEMBERS),
        field if field.starts_with("user_metadata.") => Values::Whole,
        _ => Values::Any,
    },
    // A path may lead to values, to objects that hold some, or to both.
    exists: |field| Filter::Or(vec![has_value(field), has_value(&model::user::below(field))]),
};

/// The users that a list is about.
pub(super) fn filter(call: &Call) -> ApiResult<Filter> {
    match call.text("search_engine") {
        Some("v1") => return Err(refused("You are not allowed to use search_engine=v1.")),
        Some("v2") => {
            return Err(refused("You are not allowed to use search_engine=v2. Use search_engine=v3 instead."));
        }
        _ => {}
    }
    let asked = call.text("q").map(str::trim).filter(|query| !query.is_empty());
    let found = asked.map_or(Ok(Filter::All), |query| LANGUAGE.filter(query))?;
    Ok(match call.text("connection") {
        Some(connection) => found.and(Filter::equals("identities.connection", connection)),
        None => found,
    })
}

fn refused(message: &'static str) -> ApiError {
    ApiError::invalid_query(message)
}
