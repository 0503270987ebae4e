//! What the commands mean that Actions gave through their `api`.

use actions::{Command, Outcome};
use identity::triggers::{Denial, Effect, ScopeChange, Suspension, Trigger, Verdict};
use kernel::Value;
use model::login::FormAnswers;

/// The command that sends the user elsewhere.
pub(super) const REDIRECT: &str = "redirect.sendUserTo";
/// The command that has a form shown to the user.
const FORM: &str = "prompt.render";

/// The command that makes the login another user's.
const PRIMARY_USER: &str = "authentication.setPrimaryUser";

/// Adds what an Action asked for to the verdict.
pub(super) fn interpret(trigger: Trigger, outcome: &Outcome, verdict: &mut Verdict) {
    // What such an Action writes of the user it means of the one who is not the user any more.
    let changes_user = outcome.commands.iter().any(|command| command.name == PRIMARY_USER);
    let is_lost = |command: &&Command| changes_user && command.name == "user.setUserMetadata";
    for command in outcome.commands.iter().filter(|command| !is_lost(command)) {
        carry_out(trigger, command, verdict);
    }
}

/// Code that fails ends the flow, as if it had refused.
pub(super) fn fail(outcome: &Outcome, verdict: &mut Verdict) {
    if let Some(error) = &outcome.error
        && verdict.denied.is_none()
    {
        verdict.denied = Some(Denial { reason: error.message.clone(), is_failure: true, ..Denial::default() });
    }
}

fn carry_out(trigger: Trigger, command: &Command, verdict: &mut Verdict) {
    let text = |place: usize| command.arguments.get(place).and_then(Value::as_str).map(str::to_owned);
    let name = || text(0).unwrap_or_default();
    match command.name.as_str() {
        "access.deny" => verdict.denied = Some(denial(trigger, text(0), text(1))),
        "validation.error" => {
            let reason = text(1).unwrap_or_default();
            verdict.denied =
                Some(Denial { code: text(0), user_message: Some(reason.clone()), reason, is_failure: false });
        }
        "accessToken.setCustomClaim" => set(&mut verdict.access_token, command),
        "idToken.setCustomClaim" => set(&mut verdict.id_token, command),
        "accessToken.addScope" => verdict.scope_changes.push(ScopeChange::Add(name())),
        "accessToken.removeScope" => verdict.scope_changes.push(ScopeChange::Remove(name())),
        "user.setUserMetadata" => write(&mut verdict.user_metadata, command),
        "user.setAppMetadata" => write(&mut verdict.app_metadata, command),
        "user.setUserId" => verdict.user_id = text(0),
        // The event tells what they have led to.
        "transaction.addTargetScope"
        | "transaction.removeTargetScope"
        | "transaction.setTargetScopes"
        | "transaction.clearTargetScopes" => {}
        name => verdict.effects.push(Effect { name: name.to_owned(), arguments: command.arguments.clone() }),
    }
}

/// Whether code has made the login another user's.
pub(super) fn has_primary_user(verdict: &Verdict) -> bool {
    verdict.effects.iter().any(|effect| effect.name == PRIMARY_USER)
}

/// Where an Action sends the user, or which form it has shown, if it does; of several calls the last counts.
pub(super) fn sent_away(trigger: Trigger, verdict: &mut Verdict) -> Option<Suspension> {
    trigger.continuation()?;
    let waits = |effect: &Effect| effect.name == REDIRECT || effect.name == FORM;
    let (sent, others) = std::mem::take(&mut verdict.effects).into_iter().partition(waits);
    verdict.effects = others;
    let sent: Vec<Effect> = sent;
    let effect = sent.last()?;
    let first = effect.arguments.first()?.as_str()?.to_owned();
    if effect.name == REDIRECT {
        return Some(Suspension { url: first, ..Suspension::default() });
    }
    let options = effect.arguments.get(1);
    let members = |name: &str| options.and_then(|options| options.get(name)?.as_object()).cloned().unwrap_or_default();
    let form = FormAnswers { id: first, fields: members("fields"), vars: members("vars") };
    Some(Suspension { form: Some(form), ..Suspension::default() })
}

/// Each trigger's `deny` has arguments of its own.
fn denial(trigger: Trigger, first: Option<String>, second: Option<String>) -> Denial {
    let (code, reason, user_message) = match trigger {
        Trigger::CredentialsExchange | Trigger::CustomTokenExchange => (first, second, None),
        Trigger::PreUserRegistration => (None, first, second),
        _ => (None, first, None),
    };
    Denial { code, reason: reason.unwrap_or_default(), user_message, is_failure: false }
}

/// A claim; one that is set to `undefined` is as good as not set.
fn set(claims: &mut kernel::Document, command: &Command) {
    let Some(name) = command.arguments.first().and_then(Value::as_str) else { return };
    match command.arguments.get(1) {
        Some(value) => claims.insert(name.to_owned(), value.clone()),
        None => claims.shift_remove(name),
    };
}

/// A change of metadata; the later one of a key counts.
fn write(metadata: &mut kernel::Document, command: &Command) {
    if let Some(name) = command.arguments.first().and_then(Value::as_str) {
        metadata.insert(name.to_owned(), command.arguments.get(1).cloned().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn verdict(trigger: Trigger, commands: &Value) -> Verdict {
        let outcome = Outcome { commands: serde_json::from_value(commands.clone()).unwrap(), ..Outcome::default() };
        let mut verdict = Verdict::default();
        interpret(trigger, &outcome, &mut verdict);
        verdict
    }

    #[test]
    fn the_arguments_of_a_refusal_depend_on_the_trigger() {
        let commands = json!([{"name": "access.deny", "arguments": ["one", "two"]}]);
        let denied = verdict(Trigger::CredentialsExchange, &commands).denied.unwrap();
        assert_eq!((denied.code.as_deref(), denied.reason.as_str()), (Some("one"), "two"));
        let denied = verdict(Trigger::PreUserRegistration, &commands).denied.unwrap();
        assert_eq!((denied.reason.as_str(), denied.user_message.as_deref()), ("one", Some("two")));
        let denied = verdict(Trigger::PostLogin, &commands).denied.unwrap();
        assert_eq!((denied.code, denied.reason.as_str()), (None, "one"));
    }

    #[test]
    fn later_writes_win_and_undefined_claims_are_none() {
        let commands = json!([
            {"name": "accessToken.setCustomClaim", "arguments": ["a", 1]},
            {"name": "accessToken.setCustomClaim", "arguments": ["b", null]},
            {"name": "accessToken.setCustomClaim", "arguments": ["a"]},
            {"name": "user.setAppMetadata", "arguments": ["x", 1]},
            {"name": "user.setAppMetadata", "arguments": ["x", null]},
            {"name": "redirect.sendUserTo", "arguments": ["https://a.example"]},
        ]);
        let mut verdict = verdict(Trigger::PostLogin, &commands);
        assert_eq!(json!(verdict.access_token), json!({"b": null}));
        assert_eq!(json!(verdict.app_metadata), json!({"x": null}));
        let sent = sent_away(Trigger::PostLogin, &mut verdict).map(|suspended| suspended.url);
        assert_eq!(sent.as_deref(), Some("https://a.example"));
        assert_eq!(sent_away(Trigger::PostLogin, &mut verdict), None);
    }

    #[test]
    fn a_form_begins_with_what_its_action_says() {
        let commands = json!([
            {"name": "prompt.render", "arguments": ["ap_1", {"fields": {"a": 1}, "vars": {"b": "c"}, "other": 2}]},
        ]);
        let sent = sent_away(Trigger::PostLogin, &mut verdict(Trigger::PostLogin, &commands)).unwrap();
        assert_eq!(json!(sent), json!({"form": {"id": "ap_1", "fields": {"a": 1}, "vars": {"b": "c"}}}));
        // Elsewhere nobody can wait for it.
        let mut elsewhere = verdict(Trigger::CredentialsExchange, &commands);
        assert_eq!(sent_away(Trigger::CredentialsExchange, &mut elsewhere), None);
        assert_eq!(elsewhere.effects.len(), 1);
    }
}
