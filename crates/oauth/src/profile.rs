//! What an application learns about a user, by the scopes that it was given (OpenID Connect Core §5.4; reference: authentication-api §6).

use kernel::{Document, Record, Value};

/// Standard claims in the order in which tokens show them, with the scopes of which one admits each. A claim's own name is a scope too.
const CLAIMS: &[(&str, &[&str])] = &[
    ("given_name", &["profile"]),
    ("family_name", &["profile"]),
    ("middle_name", &["profile"]),
    ("nickname", &["profile"]),
    ("name", &["profile"]),
    ("preferred_username", &["profile"]),
    ("profile", &["profile"]),
    ("picture", &["profile"]),
    ("website", &["profile"]),
    ("gender", &["profile"]),
    ("birthdate", &["profile"]),
    ("zoneinfo", &["profile"]),
    ("locale", &["profile"]),
    ("updated_at", &["profile"]),
    ("created_at", &[]),
    ("identities", &[]),
    ("email", &["email"]),
    ("email_verified", &["email"]),
    ("address", &["address"]),
    ("phone_number", &["phone"]),
    ("phone_number_verified", &["phone"]),
];

/// The scope that asks for a refresh token which ends with the session of the login.
pub(crate) const ONLINE: &str = "online_access";

/// Scopes that every client may ask for: those of OpenID Connect and those that are a claim's name.
pub(crate) fn is_standard_scope(scope: &str) -> bool {
    matches!(scope, "openid" | "profile" | "email" | "address" | "phone" | "offline_access" | ONLINE)
        || CLAIMS.iter().any(|(claim, _)| *claim == scope)
}

/// The claims about the user that these scopes admit.
pub(crate) fn claims(user: &Record, scopes: &[String]) -> Document {
    let has = |scope: &str| scopes.iter().any(|given| given == scope);
    let admitted = CLAIMS.iter().filter(|(claim, admitting)| has(claim) || admitting.iter().any(|scope| has(scope)));
    admitted.filter_map(|(claim, _)| Some(((*claim).to_owned(), value(user, claim)?))).collect()
}

/// Whether scopes leave out a standard claim: then no token shows it, even where a tenant's code set it.
pub(crate) fn leaves_out(claim: &str, scopes: &[String]) -> bool {
    let has = |scope: &str| scopes.iter().any(|given| given == scope);
    let known = CLAIMS.iter().find(|(known, _)| *known == claim);
    known.is_some_and(|(claim, admitting)| !has(claim) && !admitting.iter().any(|scope| has(scope)))
}

fn value(user: &Record, claim: &str) -> Option<Value> {
    match claim {
        "phone_number_verified" => user.document.get("phone_verified").cloned(),
        // An address that nobody has verified yet is known as such.
        "email_verified" if user.document.contains_key("email") => {
            Some(user.document.get(claim).cloned().unwrap_or(Value::Bool(false)))
        }
        claim => user.document.get(claim).filter(|value| !value.is_null()).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Timestamp, object};
    use serde_json::json;

    fn user() -> Record {
        let document = object(json!({
            "user_id": "auth0|1", "email": "ada@example.com", "name": "Ada", "nickname": "ada", "phone_number": "+1555",
            "phone_verified": true, "app_metadata": {"role": "x"}, "updated_at": "2026-01-01T00:00:00.000Z",
        }));
        Record::new("auth0|1", document, Timestamp::EPOCH)
    }

    fn of(scopes: &[&str]) -> Value {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        claims(&user(), &scopes).into()
    }

    #[test]
    fn each_scope_admits_its_claims() {
        assert_eq!(of(&["openid"]), json!({}));
        assert_eq!(of(&["email"]), json!({"email": "ada@example.com", "email_verified": false}));
        assert_eq!(of(&["phone"]), json!({"phone_number": "+1555", "phone_number_verified": true}));
        assert_eq!(of(&["nickname"]), json!({"nickname": "ada"}));
        assert_eq!(
            of(&["profile"]),
            json!({"nickname": "ada", "name": "Ada", "updated_at": "2026-01-01T00:00:00.000Z"})
        );
    }

    #[test]
    fn a_claim_whose_scope_was_not_given_is_left_out() {
        let scopes = ["openid".to_owned(), "email".to_owned()];
        assert!(leaves_out("name", &scopes));
        assert!(!leaves_out("email", &scopes));
        assert!(!leaves_out("https://example.com/role", &scopes));
    }
}
