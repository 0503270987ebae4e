//! A login: rules first, then Actions, and how both go on when the user comes back from where they sent them
//! (reference: sessions-and-login-rules §6, steps 9 and 10).

use identity::triggers::{Denial, Firing, Trigger, Verdict};
use kernel::{Document, TenantId, Value, object};
use serde_json::json;
use store::{Snapshot, StoreResult};

use super::{Dispatcher, Recorder, Start, plan::Plan};
use crate::rules::{LOGIN, context};

/// What code may change of the event, by the member that it is in.
const CHANGEABLE: &[(&str, &[&str])] =
    &[("transaction", &["metadata"]), ("session", &["metadata", "cookie"]), ("refresh_token", &["metadata"])];

impl Dispatcher {
    /// Whether any rule runs at logins.
    pub(super) async fn has_rules(&self, tenant: &TenantId) -> StoreResult<bool> {
        Ok(self.pipeline(tenant).await?.has_any(LOGIN))
    }

    /// Fires a trigger whose code may send the user elsewhere and go on when they come back; at a login the rules run before.
    pub(super) async fn go_on(&self, tenant: &TenantId, plan: &Plan, firing: &Firing<'_>) -> StoreResult<Verdict> {
        let trigger = firing.trigger;
        let mut event = self.event(tenant, firing).await?;
        let resumed = firing.resumed;
        if let Some(resumed) = resumed {
            see(&mut event, &resumed.event);
        }
        let waiting = resumed.and_then(|resumed| resumed.action.as_ref());
        let mut verdict = Verdict::default();
        let mut rules = resumed.map(|resumed| resumed.rules.clone()).unwrap_or_default();
        if waiting.is_none() && trigger == Trigger::PostLogin && self.has_rules(tenant).await? {
            let is_back = resumed.is_some();
            let (user, told) = (context::user(&event), context::of(&event, is_back));
            let run = self.run_rules(tenant, LOGIN, user, told, &context::globals(&event)).await?;
            rules.clone_from(&run.executed);
            context::interpret(run, is_back, &mut verdict);
            if let Some(suspended) = &mut verdict.suspended {
                suspended.rules = rules;
                return Ok(verdict);
            }
        }
        let first = match waiting {
            None => Some(0),
            Some(waiting) => plan.place_of(&waiting.id, waiting.place),
        };
        let Some(first) = first else {
            // Who was to go on has been taken away meanwhile: nobody knows what it would have decided.
            let reason = "The Action that was waited for is not bound any more.".to_owned();
            verdict.denied = Some(Denial { reason, is_failure: true, ..Denial::default() });
            return Ok(verdict);
        };
        if verdict.denied.is_some() || plan.steps.is_empty() {
            return Ok(verdict);
        }
        let kept = resumed.and_then(|resumed| resumed.execution.clone());
        let recorder = self.recorder_of(tenant, trigger, kept).await?;
        let continuation = waiting.and(trigger.continuation());
        let has_primary_user = resumed.is_some_and(|resumed| resumed.has_primary_user);
        let start = Start { verdict, first, continuation, rules, has_primary_user, ..Start::of(event, None, recorder) };
        Ok(self.run(trigger, plan, start).await)
    }

    /// Takes notes of an execution that goes on, or of a new one.
    async fn recorder_of(&self, tenant: &TenantId, trigger: Trigger, kept: Option<String>) -> StoreResult<Recorder> {
        let Some(id) = kept else { return Ok(self.recorder(trigger)) };
        let read = move |reader: &Snapshot| reader.get(&model::ACTION_EXECUTION, &id);
        let kept = self.store().read(tenant, read).await?;
        Ok(kept.map_or_else(|| self.recorder(trigger), |kept| Recorder::resumed(trigger, &kept)))
    }
}

/// What code has changed in the event, for code that runs later.
pub(super) fn changed(event: &Document) -> Document {
    let mut changed = Document::new();
    for (section, members) in CHANGEABLE {
        let Some(section_of_event) = event.get(*section).and_then(Value::as_object) else { continue };
        let present =
            members.iter().filter_map(|name| Some(((*name).to_owned(), section_of_event.get(*name)?.clone())));
        let present: Document = present.collect();
        if !present.is_empty() {
            changed.insert((*section).to_owned(), present.into());
        }
    }
    changed
}

/// Lets the event show what earlier code changed in it.
fn see(event: &mut Document, changed: &Document) {
    for (section, members) in changed {
        let place = event.entry(section.clone()).or_insert_with(|| object(json!({})).into());
        if let (Some(place), Some(members)) = (place.as_object_mut(), members.as_object()) {
            place.extend(members.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_code_sees_what_earlier_code_changed() {
        let before = object(json!({"transaction": {"metadata": {"a": 1}, "state": "s"}, "user": {"name": "Jane"}}));
        let mut after = object(json!({"transaction": {"state": "s"}, "user": {"name": "Janet"}}));
        see(&mut after, &changed(&before));
        assert_eq!(
            json!(after),
            json!({"transaction": {"state": "s", "metadata": {"a": 1}}, "user": {"name": "Janet"}})
        );
    }
}
