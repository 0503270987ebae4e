//! Hooks, the older kind of code: what they are called with, and what their answers mean (reference: actions §6).

use actions::Outcome;
use identity::{
    claims,
    triggers::{Denial, Trigger, Verdict},
};
use kernel::{Document, Secret, Value, object, value_at};
use serde_json::json;

use super::commands;

/// A user to be made, as hooks see it and Actions do not.
pub(super) struct Registering<'a> {
    pub(super) user: Option<&'a Document>,
    pub(super) password: Option<&'a Secret>,
}

/// The arguments of a hook before its callback.
pub(super) fn arguments(trigger: Trigger, event: &Document, registering: Option<&Registering<'_>>) -> Value {
    let at = |path: &str| value_at(event, path).cloned().unwrap_or_default();
    let tenant = at("tenant.id");
    let language = at("request.language");
    let connection = json!({"id": at("connection.id"), "name": at("connection.name"), "tenant": tenant});
    let context = json!({"requestLanguage": language, "renderLanguage": language, "connection": connection});
    match trigger {
        Trigger::CredentialsExchange => {
            let client = json!({
                "id": at("client.client_id"),
                "name": at("client.name"),
                "tenant": tenant,
                "metadata": at("client.metadata"),
            });
            json!([client, at("accessToken.scope"), at("resource_server.identifier"), {}])
        }
        Trigger::PreUserRegistration => {
            let wanted = registering.and_then(|registering| registering.user);
            let mut user = user(wanted.unwrap_or(&Document::new()), &tenant);
            if let Some(password) = registering.and_then(|registering| registering.password) {
                user.insert("password".into(), password.reveal().into());
            }
            json!([user, context])
        }
        Trigger::PostUserRegistration => {
            let made = at("user");
            let made = made.as_object().cloned().unwrap_or_default();
            let mut user = user(&made, &tenant);
            let id = made.get("user_id").and_then(Value::as_str).unwrap_or_default();
            user.insert("id".into(), id.split_once('|').map_or(id, |(_, local)| local).into());
            json!([user, context])
        }
        Trigger::PostChangePassword => {
            let user = json!({
                "id": at("user.id"),
                "username": at("user.username"),
                "email": at("user.email"),
                "last_password_reset": at("user.last_password_reset"),
            });
            json!([user, context])
        }
        Trigger::SendPhoneMessage => {
            let context = json!({
                "message_type": at("message_options.message_type"),
                "action": at("message_options.action"),
                "language": language,
                "code": at("message_options.code"),
                "ip": at("request.ip"),
                "user_agent": at("request.user_agent"),
                "client": at("client"),
                "user": at("user"),
            });
            json!([at("message_options.recipient"), at("message_options.text"), context])
        }
        _ => json!([event]),
    }
}

/// A user in the older names.
fn user(user: &Document, tenant: &Value) -> Document {
    let names = [
        ("username", "username"),
        ("email", "email"),
        ("email_verified", "emailVerified"),
        ("phone_number", "phoneNumber"),
        ("phone_verified", "phoneNumberVerified"),
        ("user_metadata", "user_metadata"),
        ("app_metadata", "app_metadata"),
    ];
    let mut shown = object(json!({ "tenant": tenant }));
    for (name, older) in names {
        if let Some(value) = user.get(name) {
            shown.insert(older.to_owned(), value.clone());
        }
    }
    shown
}

/// Adds what a hook answered to the verdict; Actions after it see its scopes and claims.
pub(super) fn interpret(trigger: Trigger, outcome: &Outcome, verdict: &mut Verdict, event: &mut Document) {
    if let Some(error) = &outcome.error {
        let refusal = match error.name.as_str() {
            "InvalidScopeError" => Some(("invalid_scope", false)),
            "InvalidRequestError" => Some(("invalid_request", false)),
            "ServerError" => Some(("server_error", false)),
            "PreUserRegistrationError" => None,
            _ => return commands::fail(outcome, verdict),
        };
        verdict.denied = Some(Denial {
            code: refusal.map(|(code, _)| code.to_owned()),
            reason: error.message.clone(),
            user_message: error.properties.get("friendly_message").and_then(Value::as_str).map(str::to_owned),
            is_failure: false,
        });
        return;
    }
    let answer = outcome.result.as_ref().and_then(|results| results.get(0)).and_then(Value::as_object);
    let empty = Document::new();
    let answer = answer.unwrap_or(&empty);
    match trigger {
        Trigger::CredentialsExchange => {
            let scopes = answer.get("scope").and_then(Value::as_array).into_iter().flatten();
            let scopes: Vec<String> = scopes.filter_map(Value::as_str).map(str::to_owned).collect();
            let named = answer.iter().filter(|(name, _)| claims::namespace(name).is_some());
            verdict.access_token.extend(named.map(|(name, value)| (name.clone(), value.clone())));
            let token = json!({"scope": scopes, "customClaims": verdict.access_token});
            event.insert("accessToken".into(), token);
            verdict.scopes = Some(scopes);
        }
        Trigger::PreUserRegistration => {
            let part = |name: &str| answer.get("user").and_then(|user| user.get(name)).and_then(Value::as_object);
            verdict.user_metadata.extend(part("user_metadata").cloned().unwrap_or_default());
            verdict.app_metadata.extend(part("app_metadata").cloned().unwrap_or_default());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use actions::ScriptError;

    use super::*;

    #[test]
    fn a_machine_keeps_only_the_scopes_and_claims_that_the_hook_gives() {
        let mut event = object(json!({"accessToken": {"scope": ["a", "b"]}}));
        let result = json!([{"scope": ["a"], "tier": 1, "https://x.example/tier": 2}]);
        let outcome = Outcome { result: Some(result), ..Outcome::default() };
        let mut verdict = Verdict::default();
        interpret(Trigger::CredentialsExchange, &outcome, &mut verdict, &mut event);
        assert_eq!(verdict.scopes, Some(vec!["a".to_owned()]));
        assert_eq!(json!(verdict.access_token), json!({"https://x.example/tier": 2}));
        assert_eq!(event["accessToken"]["scope"], json!(["a"]));
    }

    #[test]
    fn a_hooks_error_class_is_the_refusals_code() {
        let refused = |name: &str| {
            let error = ScriptError { name: name.to_owned(), message: "no".to_owned(), ..ScriptError::default() };
            let outcome = Outcome { error: Some(error), ..Outcome::default() };
            let mut verdict = Verdict::default();
            interpret(Trigger::CredentialsExchange, &outcome, &mut verdict, &mut Document::new());
            let denied = verdict.denied.unwrap();
            (denied.code, denied.is_failure)
        };
        assert_eq!(refused("InvalidScopeError"), (Some("invalid_scope".to_owned()), false));
        assert_eq!(refused("TypeError"), (None, true));
    }

    #[test]
    fn a_hook_sees_the_password_of_a_new_user() {
        let user = object(json!({"email": "a@b.example", "email_verified": true}));
        let password = Secret::new("pw");
        let registering = Registering { user: Some(&user), password: Some(&password) };
        let event = object(json!({"tenant": {"id": "t"}, "connection": {"id": "con_1", "name": "db"}}));
        let seen = arguments(Trigger::PreUserRegistration, &event, Some(&registering));
        assert_eq!(seen[0], json!({"tenant": "t", "email": "a@b.example", "emailVerified": true, "password": "pw"}));
        assert_eq!(seen[1]["connection"]["name"], "db");
    }
}
