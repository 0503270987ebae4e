//! What Actions of the first version of a trigger return: they have no `api` (reference: actions §3.9).

use identity::triggers::{Denial, Effect, Trigger, Verdict};
use kernel::{Document, Value, value_at};

use super::commands::REDIRECT;

/// Adds what such an Action returned to the verdict.
pub(super) fn interpret(trigger: Trigger, returned: &Document, verdict: &mut Verdict) {
    let at = |path: &str| value_at(returned, path);
    let text = |path: &str| at(path).and_then(Value::as_str).map(str::to_owned);
    let members = |path: &str| at(path).and_then(Value::as_object).cloned().unwrap_or_default();
    match text("command.type").as_deref() {
        Some("deny") => {
            let (message, reason) = (text("command.message"), text("command.reason"));
            let user_message = message.clone().filter(|_| trigger == Trigger::PreUserRegistration);
            let reason = reason.or(message).unwrap_or_default();
            verdict.denied = Some(Denial { reason, user_message, ..Denial::default() });
        }
        Some("redirect") => {
            let arguments = at("command.url").cloned().into_iter().collect();
            verdict.effects.push(Effect { name: REDIRECT.to_owned(), arguments });
        }
        Some("multifactor") => {
            let arguments = at("command.provider").cloned().into_iter().collect();
            verdict.effects.push(Effect { name: "multifactor.enable".to_owned(), arguments });
        }
        _ => {}
    }
    let of_token = if trigger == Trigger::CredentialsExchange { "customClaims" } else { "accessToken.customClaims" };
    verdict.access_token.extend(members(of_token));
    verdict.id_token.extend(members("idToken.customClaims"));
    let scopes = if trigger == Trigger::CredentialsExchange { "scope" } else { "accessToken.scope" };
    if let Some(scopes) = at(scopes).and_then(Value::as_array) {
        verdict.scopes = Some(scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    }
    for (metadata, names) in [
        (&mut verdict.user_metadata, ["user.userMetadata", "user.user_metadata"]),
        (&mut verdict.app_metadata, ["user.appMetadata", "user.app_metadata"]),
    ] {
        for name in names {
            metadata.extend(members(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_action_of_the_first_version_returns_has_its_effect() {
        let mut verdict = Verdict::default();
        let returned = object(json!({
            "command": {"type": "deny", "message": "Not today.", "reason": "it is late"},
            "accessToken": {"customClaims": {"https://x/a": 1}, "scope": ["a"]},
            "user": {"appMetadata": {"tier": "gold"}},
        }));
        interpret(Trigger::PostLogin, &returned, &mut verdict);
        let denied = Denial { reason: "it is late".to_owned(), ..Denial::default() };
        assert_eq!((verdict.denied, verdict.scopes), (Some(denied), Some(vec!["a".to_owned()])));
        assert_eq!(
            (json!(verdict.access_token), json!(verdict.app_metadata)),
            (json!({"https://x/a": 1}), json!({"tier": "gold"}))
        );
        let mut verdict = Verdict::default();
        let sent = object(json!({"command": {"type": "redirect", "url": "https://a.example"}}));
        interpret(Trigger::PostLogin, &sent, &mut verdict);
        assert_eq!(
            (verdict.effects[0].name.as_str(), &verdict.effects[0].arguments[0]),
            (REDIRECT, &json!("https://a.example"))
        );
    }
}
