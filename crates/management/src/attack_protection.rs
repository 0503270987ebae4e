//! Attack protection: brute force, breached passwords, suspicious addresses, bots, captcha.

use kernel::{Document, Record, Value, merge_deep, object};
use rest::{ApiResult, Area, Call, Kind, Resource};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::Services;

/// What is served of `attack-protection`.
pub(crate) fn area(_: &Services) -> Area {
    let protection = |kind, fresh| Protection { kind, fresh };
    Area::new("attack-protection")
        .singleton("/attack-protection/brute-force-protection", protection(&BRUTE_FORCE, brute_force))
        .singleton("/attack-protection/suspicious-ip-throttling", protection(&SUSPICIOUS_IP, suspicious_ip))
        .singleton(
            "/attack-protection/breached-password-detection",
            protection(&BREACHED_PASSWORDS, breached_passwords),
        )
        .singleton("/attack-protection/bot-detection", protection(&BOT_DETECTION, bot_detection))
        .singleton("/attack-protection/captcha", protection(&CAPTCHA, captcha))
}

/// Blocks after too many failed logins of one account.
pub(crate) static BRUTE_FORCE: Kind = Kind::of(&model::BRUTE_FORCE_PROTECTION);
/// Slows addresses down that fail for many accounts.
pub(crate) static SUSPICIOUS_IP: Kind = Kind::of(&model::SUSPICIOUS_IP_THROTTLING);
/// Refuses passwords that are known to have leaked.
pub(crate) static BREACHED_PASSWORDS: Kind = Kind::of(&model::BREACHED_PASSWORD_DETECTION);
/// Asks for a captcha when a login looks automatic.
pub(crate) static BOT_DETECTION: Kind = Kind::of(&model::BOT_DETECTION);
/// Which captcha, with the keys of each provider.
pub(crate) static CAPTCHA: Kind = Kind::of(&model::CAPTCHA);

/// One of the settings; all keep what a PATCH does not name, at any depth.
struct Protection {
    kind: &'static Kind,
    fresh: fn() -> Value,
}

impl Resource for Protection {
    fn kind(&self) -> &'static Kind {
        self.kind
    }

    fn fresh(&self, _: &Call) -> Option<Document> {
        Some(object((self.fresh)()))
    }

    fn prepare(&self, _: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        let Some(old) = old else { return Ok(()) };
        // Secrets of providers that are not named stay, as their keys do.
        for path in old.sealed.paths() {
            if let Some(secret) = old.sealed.get(path).filter(|_| new.sealed.get(path).is_none()) {
                new.sealed.set(path, secret.clone());
            }
        }
        let mut document = old.document.clone();
        merge_deep(&mut document, call.document().into_owned());
        new.document = document;
        if self.kind.name == BREACHED_PASSWORDS.name {
            tie_frequency(&mut new.document);
        }
        Ok(())
    }

    fn present(&self, _: &Snapshot, _: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        // What came with a later release is shown for settings that were stored before it.
        let mut completed = object((self.fresh)());
        merge_deep(&mut completed, std::mem::take(shown));
        *shown = completed;
        Ok(())
    }
}

/// The frequency of notifications to administrators is empty exactly when nothing notifies them; else daily by default.
fn tie_frequency(document: &mut Document) {
    let notifies = |shields: Option<&Value>| {
        shields.and_then(Value::as_array).is_some_and(|shields| shields.contains(&"admin_notification".into()))
    };
    let stages = document.get("stage").and_then(Value::as_object);
    let by_stage = stages.is_some_and(|stages| stages.values().any(|stage| notifies(stage.get("shields"))));
    let is_notified = by_stage || notifies(document.get("shields"));
    let frequency = document.entry("admin_notification_frequency").or_insert_with(|| json!([]));
    let is_empty = frequency.as_array().is_none_or(Vec::is_empty);
    if !is_notified {
        *frequency = json!([]);
    } else if is_empty {
        *frequency = json!(["daily"]);
    }
}

fn brute_force() -> Value {
    json!({
        "enabled": true,
        "shields": ["block", "user_notification"],
        "mode": "count_per_identifier_and_ip",
        "allowlist": [],
        "max_attempts": 10,
    })
}

fn suspicious_ip() -> Value {
    json!({
        "enabled": true,
        "shields": ["admin_notification", "block"],
        "allowlist": [],
        "stage": {
            "pre-login": {"max_attempts": 100, "rate": 864_000},
            "pre-user-registration": {"max_attempts": 50, "rate": 1_200},
            "pre-custom-token-exchange": {"max_attempts": 10, "rate": 600_000},
        },
    })
}

fn breached_passwords() -> Value {
    json!({
        "enabled": false,
        "shields": [],
        "admin_notification_frequency": [],
        "method": "standard",
        "stage": {"pre-user-registration": {"shields": []}, "pre-change-password": {"shields": []}},
    })
}

fn bot_detection() -> Value {
    json!({
        "challenge_password_policy": "never",
        "challenge_passwordless_policy": "never",
        "challenge_password_reset_policy": "never",
        "allowlist": [],
        "bot_detection_level": "medium",
        "monitoring_mode_enabled": false,
    })
}

fn captcha() -> Value {
    json!({
        "active_provider_id": "auth_challenge",
        "simple_captcha": {},
        "auth_challenge": {"fail_open": false},
        "recaptcha_v2": {"site_key": ""},
        "recaptcha_enterprise": {"site_key": "", "project_id": ""},
        "hcaptcha": {"site_key": ""},
        "friendly_captcha": {"site_key": ""},
        "arkose": {"site_key": "", "client_subdomain": "client-api", "verify_subdomain": "verify-api", "fail_open": false},
    })
}
