//! The triggers that actions can be bound to.

use kernel::{Value, object};
use rest::{Answer, ApiResult, Call};
use serde_json::json;
use store::Snapshot;

/// What an action runs on that asks for nothing else.
const DEFAULT_RUNTIME: &str = "node22";
const RUNTIMES: &[&str] = &["node18-actions", "node22"];
/// The same for the older version of the login trigger.
const OLDER_RUNTIME: &str = "node16";
const OLDER_RUNTIMES: &[&str] = &["node16", "node18-actions"];

/// Triggers and their current version. Those that are not `true` are bound by what uses them: a stream, a profile, a
/// provider, a connection.
const TRIGGERS: &[(&str, &str, bool)] = &[
    ("post-login", "v3", true),
    ("credentials-exchange", "v2", true),
    ("pre-user-registration", "v2", true),
    ("post-user-registration", "v2", true),
    ("post-change-password", "v2", true),
    ("send-phone-message", "v2", true),
    ("custom-phone-provider", "v1", false),
    ("custom-email-provider", "v1", false),
    ("password-reset-post-challenge", "v1", true),
    ("custom-token-exchange", "v1", false),
    ("event-stream", "v1", false),
    ("password-hash-migration", "v1", false),
    ("login-post-identifier", "v1", true),
    ("signup-post-identifier", "v1", true),
];

#[expect(clippy::unnecessary_wraps, reason = "operations are functions of this form")]
pub(super) fn list(_: &Snapshot, _: &Call) -> ApiResult<Answer> {
    let triggers = TRIGGERS.iter().flat_map(|(id, version, is_bound)| {
        let is_login = *id == "post-login";
        let current = trigger(id, version, *is_bound, if is_login { &["v2"] } else { &[] });
        // The older version of this one has the same shape and goes on.
        let older = is_login.then(|| trigger(id, "v2", true, &[]));
        std::iter::once(current).chain(older)
    });
    Ok(Answer::json(json!({ "triggers": triggers.collect::<Vec<_>>() })))
}

/// What an action of these triggers runs on that asks for nothing else.
pub(super) fn default_runtime(supported: Option<&Value>) -> &'static str {
    let trigger = supported.and_then(|triggers| triggers.get(0));
    let text = |name: &str| trigger.and_then(|trigger| trigger.get(name)?.as_str()).unwrap_or_default();
    if is_older(text("id"), text("version")) { OLDER_RUNTIME } else { DEFAULT_RUNTIME }
}

fn is_older(id: &str, version: &str) -> bool {
    id == "post-login" && version == "v2"
}

fn trigger(id: &str, version: &str, is_bound: bool, compatible: &[&str]) -> Value {
    let compatible: Vec<_> = compatible.iter().map(|version| json!({"id": id, "version": version})).collect();
    let is_older = is_older(id, version);
    object(json!({
        "id": id,
        "version": version,
        "status": if is_older { "DEPRECATED" } else { "CURRENT" },
        "runtimes": if is_older { OLDER_RUNTIMES } else { RUNTIMES },
        "default_runtime": if is_older { OLDER_RUNTIME } else { DEFAULT_RUNTIME },
        "binding_policy": if is_bound { "trigger-bound" } else { "entity-bound" },
        "compatible_triggers": compatible,
    }))
    .into()
}
