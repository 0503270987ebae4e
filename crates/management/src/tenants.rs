//! Settings of the tenant.

use kernel::{Document, Record, Value, object};
use rest::{ApiError, ApiResult, Area, Call, Kind, Resource};
use serde_json::json;
use store::{Snapshot, Tx};

use crate::{Services, branding::BRANDING};

/// What is served of `tenants`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("tenants").singleton("/tenants/settings", Settings)
}

/// The settings; stored with their first change.
pub(crate) static TENANT_SETTINGS: Kind =
    Kind::of(&model::TENANT_SETTINGS).merged(&["flags", "change_password", "guardian_mfa_page"]);

/// Runtimes of tenants' code that can be chosen.
const SANDBOXES: [&str; 2] = ["22", "18"];
/// Runtimes that tenants of before have: their exports are taken back.
const FORMER_SANDBOXES: [&str; 2] = ["16", "12"];

/// Settings in hours that a change may also name in minutes.
const LIFETIMES: [&str; 4] =
    ["session_lifetime", "idle_session_lifetime", "ephemeral_session_lifetime", "idle_ephemeral_session_lifetime"];

struct Settings;

impl Resource for Settings {
    fn kind(&self) -> &'static Kind {
        &TENANT_SETTINGS
    }

    fn fresh(&self, _: &Call) -> Option<Document> {
        Some(fresh())
    }

    fn prepare(&self, tx: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        // An empty address takes the setting away; for the other texts, empty is a value.
        if call.body().get("default_redirection_uri") == Some(&Value::from("")) {
            new.document.shift_remove("default_redirection_uri");
        }
        adopt_universal_login(tx, old, new)?;
        for name in LIFETIMES {
            if let Some(minutes) =
                new.document.shift_remove(&format!("{name}_in_minutes")).and_then(|value| value.as_f64())
            {
                new.document.insert(name.into(), in_hours(minutes));
            }
        }
        Ok(())
    }

    fn check(&self, _: &mut Tx, call: &Call, _: Option<&Record>, _: &Record) -> ApiResult {
        let version = call.body().get("sandbox_version").and_then(Value::as_str);
        if version.is_some_and(|version| !SANDBOXES.contains(&version) && !FORMER_SANDBOXES.contains(&version)) {
            let text = "The sandbox_version provided is invalid. Please use one of the available options";
            return Err(ApiError::bad_request(format!("{text}: {}", json!(SANDBOXES))));
        }
        Ok(())
    }

    fn present(&self, reader: &Snapshot, call: &Call, _: &Record, shown: &mut Document) -> ApiResult {
        // Colours and logo are kept with the branding, whose settings they are too.
        let branding = reader.singleton(&BRANDING)?.map(|record| record.document).unwrap_or_default();
        let mut universal_login = Document::new();
        universal_login.extend(branding.get_key_value("colors").map(|(name, colors)| (name.clone(), colors.clone())));
        if let Some(Value::Object(own)) = shown.shift_remove("universal_login") {
            universal_login.extend(own);
        }
        if !universal_login.is_empty() {
            shown.insert("universal_login".into(), universal_login.into());
        }
        if let Some(logo) = branding.get("logo_url") {
            shown.entry("picture_url").or_insert_with(|| logo.clone());
        }
        if call.operation.method == "GET" {
            shown.insert("sandbox_versions_available".into(), json!(SANDBOXES));
        } else if let Some(flags) = shown.get_mut("flags").and_then(Value::as_object_mut) {
            // Two flags of the service's own, which only the answer to a change shows.
            flags.insert("enforce_client_authentication_on_passwordless_start".into(), true.into());
            flags.insert("cannot_change_enforce_client_authentication_on_passwordless_start".into(), true.into());
        }
        Ok(())
    }
}

/// Takes what is sent of `universal_login`: colours are the branding's, the rest is merged with what is stored.
fn adopt_universal_login(tx: &mut Tx, old: Option<&Record>, new: &mut Record) -> ApiResult {
    let Some(Value::Object(mut sent)) = new.document.shift_remove("universal_login") else { return Ok(()) };
    let stored = old.and_then(|old| old.document.get("universal_login")).and_then(Value::as_object).cloned();
    if let Some(colors) = sent.shift_remove("colors") {
        rest::upsert(tx, &BRANDING, BRANDING.name, |branding| {
            branding.document.insert("colors".into(), colors.clone());
        })?;
    }
    let mut kept = stored.unwrap_or_default();
    kernel::merge_deep(&mut kept, sent);
    if !kept.is_empty() {
        new.document.insert("universal_login".into(), kept.into());
    }
    Ok(())
}

/// Minutes as hours: a whole number where it is one, as it would have been sent.
fn in_hours(minutes: f64) -> Value {
    let hours = minutes / 60.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole, and far below any bound")]
    if hours.fract() == 0.0 { json!(hours as i64) } else { json!(hours) }
}

/// The settings as a part of what others decide by.
pub(crate) fn settings(reader: &Snapshot) -> ApiResult<Document> {
    let stored = reader.singleton(&TENANT_SETTINGS)?;
    Ok(stored.map_or_else(fresh, |record| record.document))
}

/// The URL that links fall back to when a client has none of its own.
pub(crate) fn default_redirection_uri(reader: &Snapshot) -> ApiResult<Option<String>> {
    Ok(settings(reader)?.get("default_redirection_uri").and_then(|uri| uri.as_str().map(str::to_owned)))
}

/// Whether a flag is set.
pub(crate) fn flag(reader: &Snapshot, name: &str) -> ApiResult<bool> {
    Ok(settings(reader)?.get("flags").and_then(|flags| flags.get(name)) == Some(&Value::Bool(true)))
}

fn fresh() -> Document {
    object(json!({
        "change_password": {"enabled": false},
        "default_directory": "Username-Password-Authentication",
        "enabled_locales": ["en"],
        "flags": {
            "allow_changing_enable_sso": false,
            "disable_impersonation": true,
            "enable_sso": true,
            "universal_login": true,
            "revoke_refresh_token_grant": false,
            "disable_clickjack_protection_headers": false,
        },
        "guardian_mfa_page": {"enabled": false},
        "idle_session_lifetime": 72,
        "ephemeral_session_lifetime": 72,
        "idle_ephemeral_session_lifetime": 24,
        "sandbox_version": "22",
        "session_lifetime": 168,
        "oidc_logout": {"rp_logout_end_session_endpoint_discovery": true},
        "resource_parameter_profile": "audience",
        "phone_consolidated_experience": true,
        "client_id_metadata_document_supported": false,
        "dynamic_client_registration_security_mode": "permissive",
    }))
}
