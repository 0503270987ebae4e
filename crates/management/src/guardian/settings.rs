//! Settings of factors and of the providers that deliver their messages: a table of small documents.

use kernel::{Document, Value, object};
use rest::{Answer, ApiError, ApiResult, Area, Call, Kind, upsert};
use serde_json::json;
use store::Snapshot;

/// The settings, each under the id that its table row names.
pub(crate) static FACTOR_SETTINGS: Kind = Kind::of(&model::FACTOR_SETTINGS);

/// One document: where it is served, and what is shown of it.
#[derive(Clone, Copy)]
struct Setting {
    /// Path of its operations: GET, PUT and PATCH as far as the contract has them.
    path: &'static str,
    /// Id in the store; the older `sms` paths and the `phone` paths are views of the same settings.
    id: &'static str,
    /// What GET shows before anything is set.
    fresh: fn() -> Value,
    /// Secrets that GET shows.
    revealed: &'static [&'static str],
    /// Secrets that the answer to a change echoes.
    echoed: &'static [&'static str],
}

const SETTINGS: &[Setting] = &[
    Setting {
        path: "/guardian/factors/duo/settings",
        id: "duo",
        fresh: || json!({}),
        revealed: &["skey"],
        echoed: &["skey"],
    },
    Setting {
        path: "/guardian/factors/phone/message-types",
        id: "message-types",
        fresh: || json!({"message_types": []}),
        revealed: &[],
        echoed: &[],
    },
    Setting {
        path: "/guardian/factors/phone/providers/twilio",
        id: "twilio",
        fresh: twilio,
        revealed: &["auth_token"],
        echoed: &["auth_token"],
    },
    Setting {
        path: "/guardian/factors/sms/providers/twilio",
        id: "twilio",
        fresh: twilio,
        revealed: &["auth_token"],
        echoed: &["auth_token"],
    },
    Setting {
        path: "/guardian/factors/phone/selected-provider",
        id: "phone",
        fresh: || json!({"provider": "auth0"}),
        revealed: &[],
        echoed: &[],
    },
    Setting {
        path: "/guardian/factors/sms/selected-provider",
        id: "phone",
        fresh: || json!({"provider": "auth0"}),
        revealed: &[],
        echoed: &[],
    },
    Setting {
        path: "/guardian/factors/phone/templates",
        id: "templates",
        fresh: templates,
        revealed: &[],
        echoed: &[],
    },
    Setting { path: "/guardian/factors/sms/templates", id: "templates", fresh: templates, revealed: &[], echoed: &[] },
    Setting {
        path: "/guardian/factors/push-notification/providers/apns",
        id: "apns",
        fresh: || json!({"bundle_id": null, "sandbox": false}),
        revealed: &[],
        echoed: &[],
    },
    Setting {
        path: "/guardian/factors/push-notification/providers/fcm",
        id: "fcm",
        fresh: || json!({}),
        revealed: &[],
        echoed: &[],
    },
    Setting {
        path: "/guardian/factors/push-notification/providers/fcmv1",
        id: "fcmv1",
        fresh: || json!({}),
        revealed: &[],
        echoed: &[],
    },
    Setting {
        path: "/guardian/factors/push-notification/providers/sns",
        id: "sns",
        fresh: sns,
        revealed: &[],
        echoed: &["aws_secret_access_key"],
    },
    Setting {
        path: "/guardian/factors/push-notification/selected-provider",
        id: "push",
        fresh: || json!({"provider": "guardian"}),
        revealed: &[],
        echoed: &[],
    },
    Setting {
        path: "/guardian/factors/webauthn-roaming/settings",
        id: "webauthn-roaming",
        fresh: || json!({"userVerification": "discouraged", "overrideRelyingParty": false}),
        revealed: &[],
        echoed: &[],
    },
    Setting {
        path: "/guardian/factors/webauthn-platform/settings",
        id: "webauthn-platform",
        fresh: || json!({"overrideRelyingParty": false}),
        revealed: &[],
        echoed: &[],
    },
];

pub(super) fn claim(mut area: Area) -> Area {
    for setting in SETTINGS.iter().copied() {
        let has = |method: &str| contract::Contract::load().find(&format!("{method} {}", setting.path)).is_some();
        if has("GET") {
            area = area.read(&format!("GET {}", setting.path), move |reader, _| setting.get(reader));
        }
        for (method, keeps) in [("PUT", false), ("PATCH", true)] {
            if has(method) {
                area = area.write(&format!("{method} {}", setting.path), move |tx, call| setting.set(tx, call, keeps));
            }
        }
    }
    area
}

impl Setting {
    fn get(&self, reader: &Snapshot) -> ApiResult<Answer> {
        let mut shown = object((self.fresh)());
        if let Some(stored) = reader.get(&FACTOR_SETTINGS, self.id)? {
            shown.extend(stored.document.clone());
            for path in self.revealed {
                stored.sealed.reveal(path, &mut shown);
            }
            if self.id == "apns" {
                shown.insert("enabled".into(), stored.sealed.get("p12").is_some().into());
            }
        }
        Ok(Answer::json(shown))
    }

    /// Stores what was sent (a PATCH keeps the rest) and echoes it without what is secret.
    fn set(&self, tx: &mut store::Tx, call: &Call, keeps: bool) -> ApiResult<Answer> {
        let sent = call.document().into_owned();
        if self.id == "templates" {
            sent.values().filter_map(Value::as_str).try_for_each(check_template)?;
        }
        // These are completed, not replaced: a PUT of one member leaves the other.
        let keeps = keeps || self.id.starts_with("webauthn");
        upsert(tx, &FACTOR_SETTINGS, self.id, |record| {
            if !keeps {
                record.document = Document::new();
                record.sealed = kernel::Sealed::new();
            }
            record.document.extend(sent.clone());
        })?;
        let is_secret = |name: &str| FACTOR_SETTINGS.sealed.contains(&name) && !self.echoed.contains(&name);
        let shown: Document = sent.into_iter().filter(|(name, _)| !is_secret(name)).collect();
        Ok(Answer::json(shown))
    }
}

/// Refuses a template in which an output or a tag does not end.
fn check_template(text: &str) -> ApiResult {
    let mut rest = text;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let (open, after) = rest[start..].split_at(2);
        let (what, close) = if open == "{{" { ("output", "}}") } else { ("tag", "%}") };
        let Some(end) = after.find(close) else {
            return Err(ApiError::bad_request(format!("Invalid template: {what} \"{}\" not closed.", &rest[start..])));
        };
        rest = &after[end + 2..];
    }
    Ok(())
}

fn twilio() -> Value {
    json!({"auth_token": null, "sid": null, "from": null, "messaging_service_sid": null})
}

fn sns() -> Value {
    json!({
        "aws_access_key_id": null,
        "aws_region": null,
        "sns_apns_platform_application_arn": null,
        "sns_gcm_platform_application_arn": null,
    })
}

fn templates() -> Value {
    json!({
        "enrollment_message": "{{code}} is your verification code for {{tenant.friendly_name}}. Please enter this code to verify your enrollment.",
        "verification_message": "{{code}} is your verification code for {{tenant.friendly_name}}",
    })
}
